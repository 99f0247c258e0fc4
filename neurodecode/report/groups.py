"""Is it worse for some people? One score a person, by what is known of the people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from neurodecode.errors import DataError
from neurodecode.evaluate.groups import FEWEST, Unfairness, regress, why_not_groups
from neurodecode.report.glossary import describe
from neurodecode.report.load import Material
from neurodecode.report.verdict import fixed, headline_scores, p_words

__all__ = ["GroupPart", "GroupPlot", "group_part"]

LEFT, RIGHT, TOP, BOTTOM = 48.0, 322.0, 12.0, 192.0
"""Pixels that the dots may fill."""


@dataclass(frozen=True)
class GroupPlot:
    """One demographic: positions in pixels.

    Attributes
    ----------
    dots : tuple of (x, y)
        One a person, without a name.
    lines : tuple of (x1, y1, x2, y2)
        Means of the levels, or the fitted line.
    ticks, levels : tuple of (position, label)
    line : str
        What the lines are.
    """

    name: str
    dots: tuple[tuple[float, float], ...]
    lines: tuple[tuple[float, float, float, float], ...]
    ticks: tuple[tuple[float, str], ...]
    levels: tuple[tuple[float, str], ...]
    line: str


@dataclass(frozen=True)
class GroupPart:
    """What the page says; without plots and rows where groups are not compared."""

    said: str
    plots: tuple[GroupPlot, ...] = ()
    rows: tuple[tuple[str, str, str, str], ...] = ()


def group_part(material: Material) -> GroupPart:
    """Compare the main system's items between people, on the measure the study is judged by."""
    if material.locked:
        return GroupPart("Not told while the test set is locked.")
    if reason := why_not_groups(material.demographics):
        return GroupPart(f"Not compared. {reason}")
    chosen = headline_scores(material)
    if not chosen or material.demographics is None:
        return GroupPart("Not compared: nothing was scored.")
    _, metric, extractor = chosen[0]
    name = f"{metric}:{extractor.partition('@')[0]}" if metric.startswith("category") else metric
    items = material.items
    items = items[
        (items["system"] == material.main)
        & (items["source"] == "decoded")
        & (items["metric"] == name)
    ]
    scores = items.rename(columns={"subject": "participant_id"})[["participant_id", "value"]]
    try:
        found = regress(scores, material.demographics)
    except DataError as error:
        return GroupPart(f"Not compared: {error}.")
    mean = scores.groupby("participant_id")["value"].mean()
    people = material.demographics.loc[mean.index]
    return GroupPart(
        _said(found, describe(name).name, mean),
        tuple(_plot(str(name), people[name], mean) for name in people),
        tuple(
            (e.name, f"{e.value:+.3f}", f"{e.ci_low:+.3f} to {e.ci_high:+.3f}", f"{e.p:.3f}")
            for e in found.effects
        ),
    )


def _said(found: Unfairness, metric: str, mean: pd.Series) -> str:
    by = f"{metric} of {found.n_items} items of {found.n_people} people, regressed on who they are"
    tested = f"({p_words(found.p)}, F test of all together, errors clustered by person)"
    low, high = np.percentile(mean, [5, 95])
    spread = f"The middle nine tenths of people lie between {fixed(low)} and {fixed(high)}."
    if not found.found:
        return (
            f"{by}: no difference between groups is claimed {tested}. Intervals below say how "
            f"large one could still be. {spread}"
        )
    named = [e for e in found.effects if e.p < 0.05]
    which = ", ".join(f"{e.name} {e.value:+.3f}" for e in named) or "none of them alone"
    return f"{by}: decoding differs between people {tested}: {which}. {spread}"


def _plot(name: str, column: pd.Series, mean: pd.Series) -> GroupPlot:
    values = mean.to_numpy()
    low, high = math.floor(10 * values.min()) / 10, math.ceil(10 * values.max()) / 10

    def up(value: float) -> float:
        return round(float(BOTTOM - (BOTTOM - TOP) * (value - low) / max(high - low, 0.1)), 1)

    ticks = tuple((up(t), f"{t:.2g}") for t in (low, (low + high) / 2, high))
    if pd.api.types.is_numeric_dtype(column):
        x = column.to_numpy(np.float64)
        ends = np.array([x.min(), x.max()])
        place = LEFT + (RIGHT - LEFT) * (x - ends[0]) / (ends[1] - ends[0])
        slope, at_zero = np.polyfit(x, values, 1)
        first, last = (up(at_zero + slope * end) for end in ends)
        return GroupPlot(
            name, _pairs(place, [up(v) for v in values]),
            ((LEFT, first, RIGHT, last),), ticks,
            ((LEFT + 8, f"{ends[0]:.0f}"), (RIGHT - 8, f"{ends[1]:.0f}")),
            "the line is the straight line of best fit",
        )  # fmt: skip
    levels = sorted(column.astype(str).unique())
    step = (RIGHT - LEFT) / len(levels)
    dots: list[tuple[float, float]] = []
    lines, labels = [], []
    for k, level in enumerate(levels):
        centre = LEFT + step * (k + 0.5)
        inside = np.sort(values[(column.astype(str) == level).to_numpy()])
        # Side by side in turn, so that equal scores do not hide each other.
        beside = centre + (np.arange(len(inside)) % 7 - 3) * min(8.0, step / 10)
        dots += _pairs(beside, [up(v) for v in inside])
        lines.append((centre - step / 3, up(inside.mean()), centre + step / 3, up(inside.mean())))
        labels.append((round(centre, 1), f"{level} ({len(inside)})"))
    line = f"the line is the mean of each level ({FEWEST} people or more)"
    return GroupPlot(name, tuple(dots), tuple(lines), ticks, tuple(labels), line)


def _pairs(x: np.ndarray, y: list[float]) -> tuple[tuple[float, float], ...]:
    return tuple((round(float(a), 1), b) for a, b in zip(x, y, strict=True))
