"""The page of the specification curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurodecode import __version__
from neurodecode.artifacts import write_text
from neurodecode.config import StudyConfig
from neurodecode.errors import ConfigError
from neurodecode.paths import Paths
from neurodecode.pipeline import Job
from neurodecode.report.curve import read_curves
from neurodecode.report.page import environment

__all__ = ["write_multiverse"]


def write_multiverse(studies: Sequence[StudyConfig], results: Path, seed: int) -> list[Path]:
    """Write ``report/multiverse.html``.

    Parameters
    ----------
    studies : sequence of StudyConfig
        Those that declare a multiverse are drawn.
    results : Path
        The results folder that the stages wrote to.
    seed : int
        Seed of the run.

    Raises
    ------
    ConfigError
        Where no study declares a multiverse.
    DataError
        Where a subject's specifications have not been scored.
    """
    declared = [study for study in studies if study.multiverse is not None]
    if not declared:
        raise ConfigError(
            "no study of this run has a section multiverse, which names the choices to compare; "
            "see config/README.md"
        )
    parts = []
    for study in declared:
        adapter = Job("design", study, Paths(results, study.name), seed).adapter
        parts.append((study, adapter.simulated, read_curves(study, results, adapter.subjects())))
    page = results / "report" / "multiverse.html"
    template = environment().get_template("multiverse.html")
    write_text(page, template.render(parts=parts, seed=seed, version=__version__))
    return [page]
