"""When it can be decoded: scores along time, and across times of training and test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.evaluate.cluster_permutation import cluster_test
from neurodecode.report.figures import BLUE, GREY, ORANGE, Panel, as_png, blank

__all__ = ["over_time_panels"]

ALPHA = 0.05
N_RESAMPLES = 1000
COMMON = (
    "A cluster says that there is something within it, not where it begins and ends. Right: "
    "trained at one time, tested at another; outlined: significant over all pairs of times."
)
ONE = (
    "Left: a decoder for each moment, tested at that moment; band: 95 % interval over {n} {items}, "
    "dashed: chance; bar below: interval clear of chance and significant, corrected for all "
    "moments (permutation of clusters). " + COMMON
)
GROUP = (
    "Left: the mean over {n} subjects; band: 95 % interval over subjects, dashed: chance; bar "
    "below: interval clear of chance and significant, corrected for all moments (clusters, "
    "subjects' signs flipped; needs five subjects or more). " + COMMON
)
NAMES = {"two_way_identification": "two-way identification"}


Tables = Mapping[str, pd.DataFrame]


def over_time_panels(along: Tables, across: Tables) -> list[Panel]:
    """Draw scores over time: the mean of all subjects, then each subject.

    Parameters
    ----------
    along, across : mapping of str to DataFrame
        By subject; see :func:`neurodecode.evaluate.over_time.over_time_tables`.
    """
    panels: list[Panel] = []
    if len(along) > 1:
        panels += _panels(f"Mean of {len(along)} subjects", GROUP, *map(_group, (along, across)))
    for subject, table in along.items():
        panels += _panels(f"Subject {subject}", ONE, table, across[subject])
    return panels


def _panels(who: str, words: str, along: pd.DataFrame, across: pd.DataFrame) -> Iterator[Panel]:
    for (chain, metric), own in along.groupby(["chain", "metric"], sort=False):
        matrix = across[(across["chain"] == chain) & (across["metric"] == metric)]
        figure = blank(10.5, 3.9)
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
        _draw_along(left, own, _name(str(metric)))
        _draw_across(figure, right, matrix)
        said = _said(own)
        items = "stimuli" if metric in NAMES else "test trials"
        explained = words.format(n=int(own["n"].iloc[0]), items=items)
        heading = f"{who}, {_name(str(metric))} over time ({chain})"
        yield Panel(heading, f"{said} {explained}", as_png(figure), said)


def _group(tables: Tables) -> pd.DataFrame:
    """Mean over subjects: interval by bootstrap over them, clusters by flipping their signs."""
    every, parts = list(tables.values()), []
    for (chain, metric), first in every[0].groupby(["chain", "metric"], sort=False):
        rng = np.random.default_rng(0)
        own = [t[(t["chain"] == chain) & (t["metric"] == metric)]["value"] for t in every]
        chance = first["chance"].to_numpy(float)
        excess = np.stack([values.to_numpy(float) for values in own]) - chance
        n = len(excess)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) / n @ excess
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        side = first["time_train"].nunique() if "time_train" in first else 1
        shape = (side, -1) if side > 1 else (-1,)
        flipped = rng.choice([-1.0, 1.0], size=(N_RESAMPLES, n)) @ excess / n
        mean = excess.mean(axis=0)
        found = cluster_test(mean.reshape(shape), flipped.reshape(N_RESAMPLES, *shape))
        parts.append(
            first.assign(
                value=mean + chance, ci_low=low + chance, ci_high=high + chance, n=n,
                p=found.p.ravel(), p_cluster=found.p_cluster.ravel(),
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _name(metric: str) -> str:
    ways = metric.removeprefix("accuracy_").removesuffix("way")
    return NAMES.get(metric, f"balanced accuracy of {ways} classes")


def _said(along: pd.DataFrame) -> str:
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
    return (
        f"{first} Above chance within {spans} (smallest p of a cluster {least:.3g}).{_early(along)}"
    )


def _early(along: pd.DataFrame) -> str:
    """Say where something is decoded from windows that end before the onset."""
    half = np.diff(along["time"].to_numpy(float)).mean() / 2
    before = along[along["time"] + half < 1e-9]
    early = ", ".join(f"{1e3 * a:.0f} to {1e3 * b:.0f} ms" for a, b in _spans(before))
    if not early:
        return ""
    return (
        f" That is so before the onset too ({early}), so not all of it is an answer to what was "
        "shown: look at what came before, at drifts, and at filters that smear."
    )


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
    axes.locator_params(nbins=6)  # more labels would meet
    figure.colorbar(drawn, ax=axes, shrink=0.85)
