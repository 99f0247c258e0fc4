"""A short answer on the terminal: one subject's scores and where the pictures lie."""

from __future__ import annotations

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodecode.artifacts import read_table
from neurodecode.config import StudyConfig
from neurodecode.evaluate.holdout import may_be_asked, standing
from neurodecode.evaluate.ledger import read_ledger
from neurodecode.paths import Paths
from neurodecode.report.glossary import describe
from neurodecode.report.names import ORACLE, is_of_decoding
from neurodecode.report.tables import share_words
from neurodecode.report.verdict import fixed, may_judge, trimmed

__all__ = ["print_subject"]

NARROW = 100  # columns in which names and figures do not fit side by side


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
    console.print(f"{study.title}: subject {subject}", markup=False, style="bold")
    scores = _scores(study, paths, subject)
    for (metric, extractor), rows in scores.groupby(["metric", "extractor"], sort=False):
        if may_judge(str(metric), str(extractor)) or may_be_asked(str(metric)):
            console.print(_table(str(metric), rows, narrow=console.width < NARROW))
    for name in [s.name for s in study.drawing if s.role == "system"]:
        folder = paths.pictures(name, "decoded", subject).with_suffix("")
        console.print(f"pictures: {folder}", markup=False, highlight=False, soft_wrap=True)
    found = standing(study, read_ledger(paths.ledger(subject)))
    if found.locked:
        console.print(
            f"test set locked: answers of a reusable holdout, {found.left} of {found.budget} from "
            f"the test set left; exact scores, for good: neurodecode unlock --study {study.name}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    console.print(
        f"all scores: {paths.root / 'scores'}", markup=False, highlight=False, soft_wrap=True
    )


def _scores(study: StudyConfig, paths: Paths, subject: str) -> pd.DataFrame:
    path = paths.scores(subject).with_suffix(".tsv")
    table = read_table(path, text=("system", "role", "source", "metric", "extractor"))
    named = zip(table["system"], table["role"], table["metric"], strict=True)
    who = [_who(study, *row) for row in named]
    return table.assign(who=who).drop_duplicates(["metric", "extractor", "who", "source"])


def _who(study: StudyConfig, system: str, role: str, metric: str) -> str:
    if role == "oracle":
        return ORACLE
    return study.system(system).chain if is_of_decoding(metric) else system


def _table(metric: str, rows: pd.DataFrame, *, narrow: bool) -> Table:
    shares = rows["oracle_share"].notna().any()
    table = Table(
        title=escape(describe(metric).name), box=SIMPLE, title_justify="left", pad_edge=False,
        caption="share: of the oracle's lead over chance\n" if shares else None,
        caption_justify="left", collapse_padding=True,
    )  # fmt: skip
    table.add_column("system", overflow="fold")
    table.add_column("source")
    for name in ("value", "95 % interval", "chance", "p", "N", *(["share"] if shares else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows.to_dict("records"):
        table.add_row(
            escape(_broken(str(row["who"])) if narrow else str(row["who"])),
            escape(str(row["source"])),
            fixed(float(row["value"])),
            f"{fixed(float(row['ci_low']))} to {fixed(float(row['ci_high']))}",
            trimmed(float(row["chance"])),
            trimmed(float(row["p"])),
            str(row["n"]),
            *([share_words(float(row["oracle_share"]))] if shares else []),
        )
    return table


def _broken(name: str) -> str:
    """Break the name of a system before its generator, not within a word."""
    return "-\n".join(name.rsplit("-", 1)) if name.count("-") > 1 else name
