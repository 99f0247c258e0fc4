"""Panels of an fMRI recording: motion over time, signal over the brain."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neurodecode.report.brain import slices
from neurodecode.report.figures import BLUE, GREY, ORANGE, Panel, as_png, blank
from neurodecode.report.surface import on_surface

__all__ = ["volumes", "voxels"]


def volumes(table: pd.DataFrame) -> Panel:
    """Draw motion and change of every volume, run after run."""
    lost = ~table["kept"].astype(bool).to_numpy()
    drawn = {
        "fd": ("framewise displacement, mm", "framewise displacement"),
        "dvars": ("DVARS, % of mean", "DVARS"),
    }
    known = [name for name in drawn if table[name].notna().any()]
    counts = table[lost].groupby("run").size()
    words = f"{int(lost.sum())} of {len(table)} volumes are left out (scrubbed)"
    words += f"; most in run {counts.idxmax()} ({counts.max()})." if len(counts) else "."
    for name in known:
        values = table[name].dropna()
        words += f" Median {drawn[name][1]} {values.median():.3g}, largest {values.max():.3g}."
    if "fd" not in known:
        words += " Motion parameters are not among the confounds, so displacement is not known."
    if not known:
        return Panel("Motion", words)
    figure = blank(8, 1.7 * len(known))
    starts = np.flatnonzero(table["run"].to_numpy()[1:] != table["run"].to_numpy()[:-1]) + 0.5
    for k, name in enumerate(known):
        axes = figure.add_subplot(len(known), 1, k + 1)
        axes.plot(np.arange(len(table)), table[name], color=BLUE, lw=0.7)
        for start in starts:
            axes.axvline(start, color=GREY, lw=0.5)
        if lost.any():
            rows = np.flatnonzero(lost)
            axes.plot(rows, table[name].to_numpy()[rows], ".", color=ORANGE, ms=4)
        axes.set_xlim(0, len(table))
        axes.set_ylabel(drawn[name][0], fontsize=7)
        axes.tick_params(labelsize=7)
    axes.set_xlabel("volume; a grey line where a run begins" + (
        ", orange where a volume is left out" if lost.any() else ""), fontsize=8)  # fmt: skip
    alt = f"{' and '.join(drawn[name][1] for name in known)} of {len(table)} volumes."
    return Panel("Motion", words, as_png(figure), alt)


def voxels(table: pd.DataFrame, mesh: str | None = None) -> Panel:
    """Draw temporal SNR and noise ceiling over the brain, or their spread.

    ``mesh`` is what vertices are drawn on.
    """
    layers = {
        name: table[column].to_numpy(float)
        for name, column in (("temporal SNR", "tsnr"), ("noise ceiling", "ceiling"))
        if table[column].notna().any()
    }
    said = []
    for name, values in layers.items():
        low, middle, high = np.nanpercentile(values, [25, 50, 75])
        said.append(f"{name}: median voxel {middle:.3g}, middle half {low:.3g} to {high:.3g}.")
    if "temporal SNR" not in layers:
        said.append("The signal was centred before, so temporal SNR is not known.")
    if "noise ceiling" not in layers:
        said.append("Nothing was shown twice, so no noise ceiling is known.")
    words = " ".join(said) + (
        " Ceiling: share of the variance of a mean over all repeats, test trials included, that "
        "what was shown explains; no decoder reads it."
    )
    if not layers:
        return Panel("Signal", words)
    picture = slices(table, layers, table["mean"].to_numpy(float))
    if not picture:
        picture, where = on_surface(table, layers, mesh)
        words += f" {where}"
    if not picture:
        figure = blank(8, 2.4)
        for k, (name, values) in enumerate(layers.items()):
            axes = figure.add_subplot(1, len(layers), k + 1)
            axes.hist(values[np.isfinite(values)], bins=40, color=BLUE)
            axes.set(xlabel=name, ylabel="voxels")
        picture = as_png(figure)
    return Panel("Signal", words, picture, f"{' and '.join(layers)} of {len(table)} voxels.")
