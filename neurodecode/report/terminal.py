"""A short answer on the terminal: one subject's scores and where the pictures lie."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodecode.artifacts import read_table
from neurodecode.config import StudyConfig
from neurodecode.paths import Paths
from neurodecode.report.glossary import describe
from neurodecode.report.names import label
from neurodecode.report.verdict import fixed, may_judge, trimmed

__all__ = ["print_subject"]


def print_subject(
    study: StudyConfig, paths: Paths, subject: str, *, console: Console | None = None
) -> None:
    """Print the scores that the study is judged by, and the folders of the pictures.

    Raises
    ------
    DataError
        Where the subject has no scores.
    """
    console = console or Console()
    table = Table(title=escape(f"{study.title}: subject {subject}"))
    for name in ("measure", "what was drawn", "value", "95 % interval", "chance", "p", "N"):
        table.add_column(name, justify="left" if name in ("measure", "what was drawn") else "right")
    for system in study.systems:
        path = paths.scores(system.name, subject).with_suffix(".tsv")
        scores = read_table(path, text=("source", "metric", "extractor"))
        for row in scores.to_dict("records"):
            if not may_judge(str(row["metric"]), str(row["extractor"])):
                continue
            table.add_row(
                escape(describe(str(row["metric"])).name),
                escape(label(study, system.name, str(row["source"]), str(row["metric"]))),
                fixed(float(row["value"])),
                f"{fixed(float(row['ci_low']))} to {fixed(float(row['ci_high']))}",
                trimmed(float(row["chance"])),
                trimmed(float(row["p"])),
                str(row["n"]),
            )
    console.print(table)
    console.print("all scores: ", markup=False, end="")
    console.print(str(paths.root / "scores"), markup=False, highlight=False, soft_wrap=True)
    for system in study.systems:
        if system.role == "system" and "decoded" in system.sources:
            folder = paths.pictures(system.name, "decoded", subject).with_suffix("")
            console.print(f"pictures: {folder}", markup=False, highlight=False, soft_wrap=True)
