"""Stage ``report``: one self-contained page over all studies of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from neurodecode.artifacts import read_table, write_table, write_text
from neurodecode.config import StudyConfig
from neurodecode.evaluate.dictionary import collect
from neurodecode.evaluate.multiverse import COLUMNS
from neurodecode.paths import Paths
from neurodecode.report.deconfounding import CohortPart, cohort_part
from neurodecode.report.load import load_material
from neurodecode.report.multiverse_part import multiverse_part
from neurodecode.report.online import OnlinePart, online_part
from neurodecode.report.page import StudyPart, render, study_part
from neurodecode.report.pictures import PictureBook

__all__ = ["write_multiverse", "write_report"]


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
        curves = multiverse_part(study, results, seed)
        parts.append(study_part(material, book, scores[0], curves))
    page = folder / "index.html"
    write_text(page, render(parts, online, cohorts, book, seed))
    return [page, *files]


def write_multiverse(sidecars: Sequence[Path], results: Path) -> Path:
    """Write ``report/multiverse.tsv``: every specification of every study that declares some.

    Raises
    ------
    DataError
        Where a subject's specifications have not been scored.
    """
    text = [column for column in COLUMNS[:9] if column != "n"]
    tables = [read_table(sidecar.with_suffix(".tsv"), text=text) for sidecar in sidecars]
    file = results / "report" / "multiverse.tsv"
    write_table(file, pd.concat(tables, ignore_index=True))
    return file
