"""Maps of the brain: what encoding models predict, and where searchlights find the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.report.brain import slices
from neurodecode.report.figures import BLUE, Panel, as_png, blank
from neurodecode.report.surface import on_surface

__all__ = ["MapPart", "UnitMap", "map_parts"]

Double = NDArray[np.float64]


@dataclass(frozen=True)
class UnitMap:
    """One subject's table of units by one encoder or searchlight.

    Attributes
    ----------
    stage : str
        ``encode`` or ``searchlight``.
    name, subject : str
    units : DataFrame
        One row a unit.
    facts : mapping
        Of its sidecar.
    mean : float64 (n_units,) or None
        Mean signal of each unit, for the background of slices.
    mesh : str or None
        What vertices are drawn on; see :func:`~neurodecode.report.surface.on_surface`.
    """

    stage: str
    name: str
    subject: str
    units: pd.DataFrame
    facts: Mapping[str, Any]
    mean: Double | None
    mesh: str | None = None


@dataclass(frozen=True)
class MapPart:
    """The panels of one map."""

    title: str
    subject: str
    panels: tuple[Panel, ...]


def map_parts(maps: Sequence[UnitMap]) -> list[MapPart]:
    """Draw all maps."""
    return [
        MapPart(
            f"{'Encoding model' if one.stage == 'encode' else 'Searchlight'} {one.name}",
            one.subject,
            _encoding(one) if one.stage == "encode" else _searchlight(one),
        )
        for one in maps
    ]


def _encoding(one: UnitMap) -> tuple[Panel, ...]:
    units, bands = one.units, tuple(one.facts["bands"])
    sure = (units["q"] < 0.05).to_numpy(bool)
    known = units["r_normalised"].notna().any()
    shown = "r_normalised" if known else "r"
    words = (
        f"Banded ridge from {', '.join(bands)} to each unit; r between predicted and measured "
        f"responses to {one.facts['n_items']} held-out items, centred within "
        f"{one.facts['n_folds']} fold(s). {int(sure.sum())} of {len(units)} units are predicted "
        "at q < .05 (permutation of the items, Benjamini and Hochberg over units)."
    )
    words += (
        " r / ceiling sets it against the largest r that a perfect prediction could have, where "
        "a tenth of the variance or more is signal."
        if known
        else " No item was tested twice, so no noise ceiling is known."
    )
    words += _transductive(one)
    parts = [Panel("Predicted responses", words, rows=_by_region(units, bands, sure))]
    layers = {"r / ceiling" if known else "r": units[shown].where(sure).to_numpy(float)}
    if len(bands) > 1:
        layers |= {
            f"share of {band} in r²": units[f"share_{band}"].where(sure).to_numpy(float)
            for band in bands
        }
    parts.append(_map(one, layers, "Units with q < .05. ", shown))
    return tuple(parts)


def _by_region(
    units: pd.DataFrame, bands: tuple[str, ...], sure: NDArray[np.bool_]
) -> tuple[tuple[str, ...], ...]:
    heading = ("Region", "Units", "q < .05", "Median r", "Median ceiling", "Median r / ceiling",
               *(f"Mean share of {band}" for band in bands))  # fmt: skip
    rows = []
    for roi, part in units.assign(sure=sure).groupby("roi", sort=False):
        medians = [part[n].median() for n in ("r", "ceiling", "r_normalised")]
        shares = [part[f"share_{band}"].mean() for band in bands]
        numbers = ["n/a" if np.isnan(v) else f"{v:.2f}" for v in (*medians, *shares)]
        rows.append((str(roi), str(len(part)), str(int(part["sure"].sum())), *numbers))
    return (heading, *rows)


def _searchlight(one: UnitMap) -> tuple[Panel, ...]:
    units, facts = one.units, one.facts
    sure = (units["q"] < 0.05).to_numpy(bool)
    words = (
        f"One decoder in the {facts['radius']:g} mm around each unit (median "
        f"{units['n_near'].median():.0f} units), {facts['n_classes']} classes, "
        f"{facts['n_trials']} trials in {facts['n_folds']} folds; chance "
        f"{1 / facts['n_classes']:.3f}. {int(sure.sum())} of {len(units)} neighbourhoods are above "
        f"chance at q < .05; the best reaches {units['accuracy'].max():.2f}. The best of many is "
        "better than it would be again."
    )
    words += _transductive(one)
    values = units["accuracy"].where(sure).to_numpy(float)
    where = "Neighbourhoods with q < .05, at their centres. "
    text = Panel("Where labels can be decoded", words)
    return text, _map(one, {"accuracy": values}, where, "accuracy")


def _transductive(one: UnitMap) -> str:
    if not one.facts.get("transductive"):
        return ""
    return " Responses were cleaned over whole runs, test trials included, without labels."


def _map(one: UnitMap, layers: Mapping[str, Double], words: str, column: str) -> Panel:
    """Return maps over slices or on the surface, else how a column is spread, and why."""
    n = int(np.isfinite(next(iter(layers.values()))).sum())
    picture = slices(one.units, layers, one.mean)
    if picture:
        words += "Behind: " + ("all units in black." if one.mean is None else "mean signal.")
        return Panel(
            "On the brain", words, picture, f"Slices of the brain; {n} units are coloured."
        )
    picture, said = on_surface(one.units, layers, one.mesh)
    if picture:
        alt = f"Both hemispheres from the side and from between; {n} units are coloured."
        return Panel("On the surface", words + said, picture, alt)
    return _histogram(one.units, column, said)


def _histogram(units: pd.DataFrame, column: str, why: str) -> Panel:
    """Return how values are spread over units of each region, where there is no place for them."""
    figure = blank(8, 2.6)
    regions = list(units.groupby("roi", sort=False))
    for k, (roi, part) in enumerate(regions):
        axes = figure.add_subplot(1, len(regions), k + 1)
        values = part[column].dropna().to_numpy(float)
        axes.hist(values, bins=30, color=BLUE)
        axes.set(title=str(roi), xlabel=column.replace("_", " "), ylabel="units" if k == 0 else "")
    sure = int((units["q"] < 0.05).sum())
    alt = f"Histograms of {column} in {len(regions)} regions; {sure} units above chance."
    return Panel("Spread over units", why, as_png(figure), alt)
