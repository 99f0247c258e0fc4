"""The pages that a run ends in: what they read, and who writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurodecode.atomic import require_writable
from neurodecode.config import StudyConfig
from neurodecode.errors import ConfigError
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job, wildcards_of

__all__ = ["multiverse_inputs", "report_inputs", "run_multiverse", "run_report"]


def report_inputs(studies: Sequence[StudyConfig], results: Path) -> list[Path]:
    """Return the sidecars, and the meshes of maps, that the report over some studies reads."""
    inputs = []
    for study in studies:
        paths = Paths(results, study.name)
        subjects = Job("design", study, paths, 0).adapter.subjects()
        for stage in ("preprocess", "deconfound", "encode", "searchlight", "reconstruct",
                      "evaluate", "online"):  # fmt: skip
            output = STAGES[stage].output
            inputs += [output(paths, **w) for w in wildcards_of(stage, study, subjects)]
        meshes = [study.surface_of(subject) for subject in subjects]
        inputs += [
            Path(m.replace("{hemi}", side)) for m in dict.fromkeys(meshes) if m for side in "LR"
        ]
    return inputs


def multiverse_inputs(studies: Sequence[StudyConfig], results: Path) -> list[Path]:
    """Return the sidecars of everything that the specification curves of some studies read."""
    inputs = []
    for study in studies:
        if study.multiverse is not None:
            paths = Paths(results, study.name)
            subjects = Job("design", study, paths, 0).adapter.subjects()
            inputs += [paths.specifications(subject) for subject in subjects]
    return inputs


def run_multiverse(studies: Sequence[StudyConfig], results: Path, seed: int) -> list[Path]:
    """Write the report, which draws the specification curves, and then the table of them all.

    Raises
    ------
    ConfigError
        Where no study declares a multiverse.
    DataError
        Where something has not been scored.
    """
    from neurodecode.report.stage import write_multiverse, write_report

    sidecars = multiverse_inputs(studies, results)
    if not sidecars:
        raise ConfigError(
            "no study of this run has a section multiverse, which names the choices to compare; "
            "see config/README.md"
        )
    require_writable(results / "report" / "index.html")
    return [*write_report(studies, results, seed), write_multiverse(sidecars, results)]


def run_report(studies: Sequence[StudyConfig], results: Path, seed: int) -> list[Path]:
    """Write the report over some studies; returns its files."""
    from neurodecode.report.stage import write_report

    require_writable(results / "report" / "index.html")
    return write_report(studies, results, seed)
