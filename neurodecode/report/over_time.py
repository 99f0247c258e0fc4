"""When it can be decoded: scores along time, and across times of training and test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.report.figures import BLUE, GREY, ORANGE, Panel, as_png, blank

__all__ = ["over_time_panels"]

ALPHA = 0.05
NAMES = {"two_way_identification": "two-way identification"}


def over_time_panels(
    along: Mapping[str, pd.DataFrame], across: Mapping[str, pd.DataFrame]
) -> list[Panel]:
    """Draw each subject's scores over time, a panel a chain and metric.

    Parameters
    ----------
    along, across : mapping of str to DataFrame
        By subject; see :func:`neurodecode.evaluate.over_time.over_time_tables`.
    """
    panels = []
    for subject, table in along.items():
        for (chain, metric), own in table.groupby(["chain", "metric"], sort=False):
            rows = across[subject]
            matrix = rows[(rows["chain"] == chain) & (rows["metric"] == metric)]
            panels.append(_panel(subject, str(chain), str(metric), own, matrix))
    return panels


def _panel(
    subject: str, chain: str, metric: str, along: pd.DataFrame, across: pd.DataFrame
) -> Panel:
    figure = blank(10.5, 3.9)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    _draw_along(left, along, _name(metric))
    _draw_across(figure, right, across)
    said = _said(along, metric)
    return Panel(
        f"Subject {subject}, {_name(metric)} over time ({chain})",
        f"{said} Left: a decoder for each moment, tested at that moment; band: 95 % interval over "
        f"{int(along['n'].iloc[0])} {'stimuli' if metric in NAMES else 'test trials'}, dashed: "
        "chance; bar below: interval clear of chance and significant, corrected for all moments "
        "(permutation of clusters). "
        "Right: trained at one time, tested at another; outlined: significant over all pairs of "
        "times. A cluster says that there is something within it, not where it begins and ends.",
        as_png(figure),
        said,
    )


def _name(metric: str) -> str:
    ways = metric.removeprefix("accuracy_").removesuffix("way")
    return NAMES.get(metric, f"balanced accuracy of {ways} classes")


def _said(along: pd.DataFrame, metric: str) -> str:
    best = along.iloc[int(along["value"].to_numpy(float).argmax())]
    first = (
        f"Highest at {1e3 * best['time']:.0f} ms: {best['value']:.2f} "
        f"({best['ci_low']:.2f} to {best['ci_high']:.2f}, chance {best['chance']:.2f})."
    )
    clear = along[_clear(along)]
    if clear.empty:
        return f"{first} At no moment above chance after correction."
    spans = ", ".join(f"{1e3 * a:.0f} to {1e3 * b:.0f} ms" for a, b in _spans(along))
    least = clear["p_cluster"].min()
    return f"{first} Above chance within {spans} (smallest p of a cluster {least:.3g})."


def _clear(along: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which times count: in a significant cluster, and with an interval clear of chance."""
    clear: NDArray[np.bool_] = (
        (along["p_cluster"] <= ALPHA) & (along["ci_low"] > along["chance"])
    ).to_numpy(bool)
    return clear


def _spans(along: pd.DataFrame) -> list[tuple[float, float]]:
    """Return first and last time of each stretch of significant times."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], _clear(along).astype(int), [0]])))
    times = along["time"].to_numpy(float)
    return [(times[a], times[b - 1]) for a, b in edges.reshape(-1, 2)]


def _draw_along(axes: Any, along: pd.DataFrame, name: str) -> None:
    times = 1e3 * along["time"].to_numpy(float)
    axes.fill_between(times, along["ci_low"], along["ci_high"], color=BLUE, alpha=0.25, lw=0)
    axes.plot(times, along["value"], color=BLUE, lw=1.8)
    axes.axhline(along["chance"].iloc[0], color="black", lw=1, ls="--")
    axes.axvline(0, color=GREY, lw=0.8)
    low = min(along["ci_low"].min(), along["chance"].iloc[0])
    high = along["ci_high"].max()
    bar = low - 0.05 * (high - low)
    half = 500 * np.diff(along["time"].to_numpy(float)).mean()
    for a, b in _spans(along):
        axes.plot([1e3 * a - half, 1e3 * b + half], [bar, bar], color=ORANGE, lw=4,
                  solid_capstyle="butt")  # fmt: skip
    axes.set(xlabel="ms from onset", ylabel=name, xlim=(times[0] - half, times[-1] + half))


def _draw_across(figure: Any, axes: Any, across: pd.DataFrame) -> None:
    shape = across.pivot(index="time_train", columns="time_test", values="value")
    clear = across.pivot(index="time_train", columns="time_test", values="p_cluster") <= ALPHA
    times = 1e3 * shape.index.to_numpy(float)
    half = np.diff(times).mean() / 2
    edges = (times[0] - half, times[-1] + half)
    chance = float(across["chance"].iloc[0])
    most = max(float((shape - chance).abs().to_numpy().max()), 0.02)
    drawn = axes.imshow(shape.to_numpy(float), origin="lower", extent=(*edges, *edges),
                        cmap="RdBu_r", vmin=chance - most, vmax=chance + most)  # fmt: skip
    if clear.to_numpy().any() and not clear.to_numpy().all():
        axes.contour(times, times, clear.to_numpy(float), [0.5], colors="black", linewidths=1)
    axes.plot(edges, edges, color=GREY, lw=0.6)
    axes.axhline(0, color=GREY, lw=0.6)
    axes.axvline(0, color=GREY, lw=0.6)
    axes.set(xlabel="tested at, ms", ylabel="trained at, ms")
    figure.colorbar(drawn, ax=axes, shrink=0.85)
