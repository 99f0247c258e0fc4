"""The specification curve: every combination of choices in order of its score, ready to draw."""

from __future__ import annotations

import base64
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neurodecode.artifacts import read_sidecar, read_table
from neurodecode.evaluate.multiverse import COLUMNS
from neurodecode.report.glossary import Entry, describe
from neurodecode.report.verdict import ALPHA, fixed, p_words, trimmed

__all__ = ["Choice", "Curve", "Mark", "curve_of", "read_curve"]

CHOICES = ("responses", "decoder", "generator")
LOCKED = (
    "The test set is locked, so training trials were scored, each by a decoder that never met its "
    "group: no test trial of a fold takes part in its scores, and the ledger holds no look."
)
LEFT, RIGHT, TOP, HEIGHT, ROW = 190, 150, 12, 200, 22
"""Pixels: room for the names, for the lines' labels, above; of the scores, of a choice's row."""


@dataclass(frozen=True)
class Mark:
    """One specification: positions in pixels, and what it is in words."""

    x: float
    y: float
    low: float
    high: float
    clear: bool
    words: str


@dataclass(frozen=True)
class Choice:
    """One row of the lower panel: a name, and where the specifications that use it stand.

    Attributes
    ----------
    kind : str
        ``responses``, ``decoder`` or ``generator``; empty but on the first row of each.
    used, unused : tuple of float
        Positions in pixels.
    median : str
        Median score of the specifications that use it.
    """

    kind: str
    name: str
    y: float
    used: tuple[float, ...]
    unused: tuple[float, ...]
    median: str


@dataclass(frozen=True)
class Curve:
    """One subject's specifications.

    Attributes
    ----------
    width, height : float
        Of the drawing, pixels.
    ticks : tuple of (float, str)
        Position and label of the scores' axis.
    lines : tuple of (float, str, str)
        Position, kind (``chance`` or ``baseline``) and label of what scores are held against.
    said : tuple of str
        What the curve says, in sentences.
    plot : dict
        The same for plotly: ``marks``, ``lines``, ``choices`` (by rank, from 0) and ``name``.
    download : str
        The table as base64.
    """

    subject: str
    entry: Entry
    extractor: str
    width: float
    height: float
    marks: tuple[Mark, ...]
    choices: tuple[Choice, ...]
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[tuple[float, str, str], ...]
    said: tuple[str, ...]
    plot: dict[str, Any]
    download: str


def read_curve(sidecar: Path) -> Curve:
    """Read one subject's multiverse.

    Raises
    ------
    DataError
        Where stage specify has not been run.
    """
    facts, file = read_sidecar(sidecar).facts, sidecar.with_suffix(".tsv")
    table = read_table(file, text=[c for c in COLUMNS[:9] if c != "n"])
    data = base64.b64encode(file.read_bytes()).decode()
    return curve_of(table, float(facts["median_p"]), data, locked=bool(facts.get("locked")))


def curve_of(table: pd.DataFrame, median_p: float, download: str, *, locked: bool = False) -> Curve:
    """Lay one subject's table out.

    Parameters
    ----------
    table : DataFrame
        ``evaluate.multiverse.COLUMNS``; the row of role ``baseline``, if any, is a line.
    median_p : float
        p of the median over specifications.
    download : str
        The table as base64.
    locked : bool
        Whether training trials were scored, since the test set is locked.
    """
    entry = describe(str(table["metric"].iloc[0]))
    baseline = table[table["role"] == "baseline"]
    rows = table[table["role"] != "baseline"].sort_values("value", kind="stable")
    step = min(40.0, max(7.0, 760 / len(rows)))
    at = LEFT + step * (np.arange(len(rows)) + 0.5)
    ends = table[["value", "ci_low", "ci_high", "chance"]].to_numpy()
    low, high = math.floor(10 * np.nanmin(ends)) / 10, math.ceil(10 * np.nanmax(ends)) / 10

    def place(value: float) -> float:
        return round(float(TOP + HEIGHT * (high - value) / max(high - low, 0.1)), 1)

    marks = tuple(
        Mark(round(float(x), 1), place(r["value"]), place(r["ci_low"]), place(r["ci_high"]),
             bool(r["q"] < ALPHA), _words(r))
        for x, r in zip(at, rows.to_dict("records"), strict=True)
    )  # fmt: skip
    choices = _choices(rows, at)
    lines = [(place(rows["chance"].iloc[0]), "chance", f"chance {trimmed(rows['chance'].iloc[0])}")]
    if len(baseline):
        value = float(baseline["value"].iloc[0])
        lines.append((place(value), "baseline", f"baseline {fixed(value)}"))
    return Curve(
        subject=str(table["subject"].iloc[0]),
        entry=entry,
        extractor=str(table["extractor"].iloc[0]),
        width=LEFT + step * len(rows) + RIGHT,
        height=choices[-1].y + ROW,
        marks=marks,
        choices=choices,
        ticks=tuple((place(t), f"{t:.2g}") for t in (low, (low + high) / 2, high)),
        lines=tuple(lines),
        said=(*([LOCKED] if locked else []), *_said(rows, baseline, entry, median_p)),
        plot=_plot(rows, baseline, entry),
        download=download,
    )


def _plot(rows: pd.DataFrame, baseline: pd.DataFrame, entry: Entry) -> dict[str, Any]:
    """Return what plotly draws; what a permutation or bootstrap did not tell is None."""
    chance = float(rows["chance"].iloc[0])
    lines = [{"kind": "chance", "value": chance, "text": f"chance {trimmed(chance)}"}]
    for value in baseline["value"]:
        text = f"baseline {fixed(value)}"
        lines.append({"kind": "baseline", "value": float(value), "text": text})
    names = {kind: [n for n in dict.fromkeys(rows[kind].sort_index()) if n] for kind in CHOICES}
    return {
        "name": entry.name,
        "lower": entry.lower_is_better,
        "marks": [
            {"value": float(r["value"]), "low": _number(r["ci_low"]), "high": _number(r["ci_high"]),
             "clear": bool(r["q"] < ALPHA), "words": _words(r)}
            for r in rows.to_dict("records")
        ],
        "lines": [line for line in lines if math.isfinite(float(str(line["value"])))],
        "choices": [
            {"name": f"{kind}: {name}", "used": np.flatnonzero(rows[kind] == name).tolist(),
             "median": f"median {fixed(float(rows['value'][rows[kind] == name].median()))}"}
            for kind in CHOICES
            for name in names[kind]
        ],
    }  # fmt: skip


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _choices(rows: pd.DataFrame, at: np.ndarray) -> tuple[Choice, ...]:
    found = []
    y = TOP + HEIGHT + 2.0 * ROW
    for kind in CHOICES:
        names = [name for name in dict.fromkeys(rows[kind].sort_index()) if name]
        for k, name in enumerate(names):
            uses = (rows[kind] == name).to_numpy()
            used, unused = ([round(float(x), 1) for x in at[m]] for m in (uses, ~uses))
            median = fixed(float(rows["value"][uses].median()))
            found.append(Choice("" if k else kind, name, y, tuple(used), tuple(unused), median))
            y += ROW
        y += ROW / 2 if names else 0
    return tuple(found)


def _words(row: Mapping[Hashable, Any]) -> str:
    names = ", ".join(str(row[kind]) for kind in CHOICES if row[kind])
    value, low, high = (fixed(row[k]) for k in ("value", "ci_low", "ci_high"))
    return f"{names}: {value} (95 % interval {low} to {high}), q = {row['q']:.2g}"


def _said(
    rows: pd.DataFrame, baseline: pd.DataFrame, entry: Entry, median_p: float
) -> tuple[str, ...]:
    n, clear = len(rows), int((rows["q"] < ALPHA).sum())
    values = rows["value"]
    said = [
        f"{n} specifications: {fixed(values.min())} to {fixed(values.max())}, median "
        f"{fixed(values.median())} (chance {trimmed(rows['chance'].iloc[0])}; {p_words(median_p)} "
        "for the median, the truth permuted alike in all of them).",
        f"{clear} of {n} are clear of chance (q < .05, counted together).",
    ]
    if len(baseline):
        b = baseline.iloc[0]
        if entry.lower_is_better:
            beat = int((rows["ci_high"] < b["ci_low"]).sum())
        else:
            beat = int((rows["ci_low"] > b["ci_high"]).sum())
        names = ", ".join(str(b[kind]) for kind in CHOICES if b[kind])
        said.append(
            f"{beat} of {n} have an interval clear of that of the baseline ({names}: "
            f"{fixed(float(b['value']))})."
        )
    if rows["transductive"].astype(str).str.lower().isin(["true", "1"]).any():
        said.append("Some clean over whole runs, test trials included (transductive), others not.")
    return tuple(said)
