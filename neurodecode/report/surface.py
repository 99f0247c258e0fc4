"""Values of units drawn on the cortical surface, where a mesh with their vertices is at hand.

Units are named by hemisphere and vertex (``cortex_left_12``, ``left_12``); ``vertices`` of their
table is how many the hemisphere's mesh has. fsaverage5 comes with nilearn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.errors import DataError
from neurodecode.report.figures import as_png, blank

__all__ = ["on_surface"]

Double = NDArray[np.float64]
VERTEX = r"^(?:cortex_)?(left|right)_(\d+)$"
FSAVERAGE5 = 10242
VIEWS = (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))


@dataclass(frozen=True)
class _Mesh:
    """A surface by hemisphere: coordinates and faces; and how deep it is folded, where known."""

    name: str
    parts: Mapping[str, tuple[Double, NDArray[np.int64]]]
    folds: Mapping[str, Double]


def on_surface(
    units: pd.DataFrame, layers: Mapping[str, Double], file: str | None
) -> tuple[str, str]:
    """Return a PNG, a row a layer, and on what it is drawn; or nothing, and why.

    Parameters
    ----------
    units : DataFrame
        ``unit`` and, on a surface, ``vertices``.
    layers : mapping of str to float64 (n_units,)
        Not drawn where NaN.
    file : str or None
        GIFTI mesh, ``{hemi}`` in place of L and R; none is fsaverage5.

    Raises
    ------
    DataError
        Where the file that is named cannot be read.
    """
    if "vertices" not in units or units["vertices"].isna().all():
        return "", "The position of the units in the brain is not known, so there is no map."
    place = units["unit"].astype(str).str.extract(VERTEX)
    rows = np.flatnonzero(place[0].notna() & units["vertices"].notna())
    if not len(rows):
        return "", "Units are no single vertices of the surface, so there is no map."
    sizes = {
        side: int(part.iloc[0])
        for side, part in units["vertices"].iloc[rows].groupby(place[0].iloc[rows])
    }
    mesh = _named_mesh(file) if file else _fsaverage5()
    if any(size != len(mesh.parts[side][0]) for side, size in sizes.items()):
        return "", (
            f"Units are vertices of a surface of {max(sizes.values()):,} a hemisphere, and "
            f"{mesh.name} has {len(mesh.parts['left'][0]):,}, so there is no map: name a mesh of "
            "that surface in the study's surface (config/README.md)."
        )
    sides, vertices = place[0].iloc[rows].to_numpy(), place[1].iloc[rows].to_numpy(int)
    drawn = {name: values[rows] for name, values in layers.items()}
    words = f"Drawn on {mesh.name}; left hemisphere first."
    if len(rows) < len(units):
        words += f" {len(units) - len(rows)} units are voxels, which have no place on it."
    return _draw(mesh, sides, vertices, drawn), words


def _draw(
    mesh: _Mesh, sides: NDArray[Any], vertices: NDArray[np.int64], layers: Mapping[str, Double]
) -> str:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from nilearn.plotting import plot_surf_stat_map

    figure, height = blank(9.5, 2.1 * len(layers)), 1 / len(layers)
    figure.set_layout_engine("none")
    for row, (name, values) in enumerate(layers.items()):
        known = values[np.isfinite(values)]
        top = float(np.abs(known).max()) if known.any() else 1.0
        low = -top if (known < 0).any() else 0.0
        cmap = "RdBu_r" if low else "inferno"
        bottom = 1 - (row + 1) * height
        for k, (side, view) in enumerate(VIEWS):
            full = np.full(len(mesh.parts[side][0]), np.nan)
            full[vertices[sides == side]] = values[sides == side]
            some = bool(np.isfinite(full).any())
            if not some:  # nilearn draws one of values below a threshold, not one of none
                full[:] = 0
            # Wider than its share, as the margins of a plot in 3D are large.
            left, up = 0.215 * k - 0.035, bottom - 0.13 * height
            axes = figure.add_axes((left, up, 0.29, 1.1 * height), projection="3d")
            axes.patch.set_alpha(0)
            plot_surf_stat_map(
                surf_mesh=mesh.parts[side], stat_map=full, hemi=side, view=view,
                bg_map=mesh.folds.get(side), figure=figure, axes=axes, colorbar=False, cmap=cmap,
                vmin=low, vmax=top, threshold=None if some else top,
            )  # fmt: skip
        bar = figure.add_axes((0.9, bottom + 0.2 * height, 0.012, 0.55 * height))
        figure.colorbar(ScalarMappable(Normalize(low, top), cmap), cax=bar, format="%.3g")
        figure.text(0.01, bottom + 0.97 * height, name, fontsize=9, va="top")
    return as_png(figure)


def _fsaverage5() -> _Mesh:
    from nilearn.datasets import load_fsaverage, load_fsaverage_data

    inflated = load_fsaverage("fsaverage5")["inflated"].parts
    folds = load_fsaverage_data("fsaverage5", data_type="sulcal").data.parts
    parts = {side: (part.coordinates, part.faces) for side, part in inflated.items()}
    return _Mesh("fsaverage5, inflated", parts, folds)


def _named_mesh(file: str) -> _Mesh:
    parts = {
        side: _read(Path(file.replace("{hemi}", letter)))
        for side, letter in (("left", "L"), ("right", "R"))
    }
    return _Mesh(Path(file).name, parts, {})


def _read(path: Path) -> tuple[Double, NDArray[np.int64]]:
    import nibabel as nib

    from neurodecode.studies.volumes import NOT_AN_IMAGE

    try:
        image: Any = nib.load(path)
        points, faces = image.agg_data(("pointset", "triangle"))
    except FileNotFoundError as error:
        raise DataError(f"surface: {path}: no such file") from error
    except NOT_AN_IMAGE as error:
        raise DataError(f"surface: {path}: not a GIFTI mesh ({error})") from error
    if np.ndim(points) != 2 or np.ndim(faces) != 2:
        raise DataError(f"surface: {path}: a GIFTI file, but no mesh (points and triangles)")
    return np.asarray(points, np.float64), np.asarray(faces, np.int64)
