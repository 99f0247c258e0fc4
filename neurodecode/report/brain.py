"""Values of units drawn on slices of the brain, where their positions are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.report.figures import as_png, blank

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

__all__ = ["slices", "unit_grid", "volume"]

Double = NDArray[np.float64]
LARGEST = 512
"""Voxels a side of a map, at most."""
N_CUTS = 6


def slices(units: pd.DataFrame, layers: Mapping[str, Double], mean: Double | None) -> str:
    """Return a PNG of horizontal slices, one row a layer; empty where units lie on no grid.

    Parameters
    ----------
    units : DataFrame
        ``unit, x, y, z``.
    layers : mapping of str to float64 (n_units,)
        Not drawn where NaN.
    mean : float64 (n_units,) or None
        Mean signal, for the background; without it units are black.
    """
    grid = unit_grid(units)
    if grid is None:
        return ""
    from nilearn.plotting import plot_stat_map

    ijk, affine = grid
    background = volume(ijk, affine, np.ones(len(ijk)) if mean is None else mean)
    first = next(iter(layers.values()))
    cuts = _cuts(units["z"].to_numpy(float), np.isfinite(first))
    figure = blank(1.9 * max(len(cuts), 2) + 1, 2.2 * len(layers))
    figure.set_layout_engine("none")
    for row, (name, values) in enumerate(layers.items()):
        known = values[np.isfinite(values)]
        top = float(np.abs(known).max()) if known.any() else 1.0
        signed = bool((known < 0).any())
        plot_stat_map(
            volume(ijk, affine, values),
            bg_img=background,
            display_mode="z",
            cut_coords=cuts,
            figure=figure,
            axes=(0.0, 1 - (row + 1) / len(layers), 1.0, 0.82 / len(layers)),
            threshold=1e-9,
            vmin=-top if signed else 0,
            vmax=top,
            cmap="RdBu_r" if signed else "inferno",
            black_bg=False,
            dim=0,
            draw_cross=False,
            resampling_interpolation="nearest",
            cbar_tick_format="%.3g",
        )
        figure.text(0.01, 1 - (row + 0.02) / len(layers), name, fontsize=9, va="top")
    return as_png(figure)


def unit_grid(units: pd.DataFrame) -> tuple[NDArray[np.int64], Double] | None:
    """Return voxel indices (n_units, 3) and their affine; None where units lie on no grid.

    Names such as ``12_30_7`` are indices, to which the positions give the affine; else positions
    must lie on a grid along the axes.
    """
    if not {"x", "y", "z"} <= set(units):
        return None
    mm = units[["x", "y", "z"]].to_numpy(float)
    if len(mm) < 2 or not np.isfinite(mm).all():
        return None
    if units["unit"].astype(str).str.fullmatch(r"\d+_\d+_\d+").all():
        ijk = np.array([name.split("_") for name in units["unit"]], np.int64)
        rows = np.column_stack([ijk, np.ones(len(ijk))])
        solved, _, rank, _ = np.linalg.lstsq(rows, mm, rcond=None)
        if rank == 4 and np.allclose(rows @ solved, mm, atol=0.01):
            return ijk, np.vstack([solved.T, [0, 0, 0, 1]])
    steps, first = np.zeros(3), mm.min(axis=0)
    for axis in range(3):
        apart = np.diff(np.unique(np.round(mm[:, axis], 3)))
        steps[axis] = apart.min() if len(apart) else 0
    if not steps.any():
        return None
    steps[steps == 0] = steps.max()  # one slice
    index = (mm - first) / steps
    ijk = np.round(index).astype(np.int64)
    if np.abs(index - ijk).max() > 0.02 or ijk.max() >= LARGEST:
        return None
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = first
    return ijk, affine


def volume(ijk: NDArray[np.int64], affine: Double, values: Double) -> Nifti1Image:
    """Return an image that is ``values`` (n_units,) at the units and zero elsewhere."""
    from nibabel.nifti1 import Nifti1Image

    low = ijk.min(axis=0)
    shape = ijk.max(axis=0) - low + 1
    data = np.zeros(shape, np.float32)
    data[tuple((ijk - low).T)] = np.nan_to_num(values)
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ low + affine[:3, 3]
    return Nifti1Image(data, moved)


def _cuts(z: Double, sure: NDArray[np.bool_]) -> list[float]:
    """Return slices that hold most of what is shown, in order."""
    levels, counts = np.unique(np.round(z[sure] if sure.any() else z, 2), return_counts=True)
    if len(levels) <= N_CUTS:
        return [float(level) for level in levels]
    share = np.cumsum(counts) / counts.sum()
    rows = np.searchsorted(share, (np.arange(N_CUTS) + 0.5) / N_CUTS)
    return [float(level) for level in levels[np.unique(rows)]]
