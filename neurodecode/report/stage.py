"""Stage ``report``: one self-contained page over all studies of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurodecode.artifacts import write_text
from neurodecode.config import StudyConfig
from neurodecode.evaluate.dictionary import collect
from neurodecode.paths import Paths
from neurodecode.report.deconfounding import CohortPart, cohort_part
from neurodecode.report.load import load_material
from neurodecode.report.online import OnlinePart, online_part
from neurodecode.report.page import StudyPart, render, study_part
from neurodecode.report.pictures import PictureBook

__all__ = ["write_report"]


def write_report(studies: Sequence[StudyConfig], results: Path, seed: int) -> list[Path]:
    """Write ``report/index.html``, and beside it each study's scores and what they mean.

    Parameters
    ----------
    studies : sequence of StudyConfig
        What the page covers, in this order.
    results : Path
        The results folder that the stages wrote to.
    seed : int
        Seed of the run.

    Returns
    -------
    list of Path
        The page first.

    Raises
    ------
    DataError
        Where an artefact is missing; the message names the stage to run.
    """
    folder, book = results / "report", PictureBook()
    parts: list[StudyPart] = []
    online: list[OnlinePart] = []
    cohorts: list[CohortPart] = []
    files: list[Path] = []
    for study in studies:
        if study.online is not None:
            online.append(online_part(study, results, seed))
            files += collect(online[-1].tables, folder / f"scores-{study.name}.tsv")
            continue
        if study.cohort:
            cohorts.append(cohort_part(study, results, seed))
            continue
        material = load_material(study, results, seed)
        paths = Paths(results, study.name)
        tables = [paths.scores(subject) for subject in material.subjects]
        scores = collect(tables, folder / f"scores-{study.name}.tsv")
        files += scores
        parts.append(study_part(material, book, scores[0]))
    page = folder / "index.html"
    write_text(page, render(parts, online, cohorts, book, seed))
    return [page, *files]
