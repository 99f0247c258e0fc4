"""Stage ``report``: one self-contained page over all studies of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurodecode.artifacts import write_text
from neurodecode.config import StudyConfig
from neurodecode.report.load import load_material
from neurodecode.report.page import render, study_part
from neurodecode.report.pictures import PictureBook

__all__ = ["write_report"]


def write_report(studies: Sequence[StudyConfig], results: Path, seed: int) -> list[Path]:
    """Write ``report/index.html`` and each study's score table beside it.

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
    parts, files = [], []
    for study in studies:
        material = load_material(study, results, seed)
        name = f"scores-{study.name}.tsv"
        tsv = material.table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
        write_text(folder / name, tsv)
        files.append(folder / name)
        parts.append(study_part(material, book, name, tsv))
    page = folder / "index.html"
    write_text(page, render(parts, book, seed))
    return [page, *files]
