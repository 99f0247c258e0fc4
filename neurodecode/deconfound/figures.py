"""A picture of group differences in connectivity: true beside generated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neurodecode.atomic import writing
from neurodecode.deconfound.demographics import Array
from neurodecode.errors import DataError
from neurodecode.simulate.correlation_space import n_regions_of

__all__ = ["draw_differences", "error_of"]


def error_of(found: Array, true: Array) -> tuple[float, float]:
    """Return the root mean square error as a share of the true size, and the correlation."""
    error = np.sqrt(((found - true) ** 2).mean() / (true**2).mean())
    return float(error), float(np.corrcoef(found, true)[0, 1])


def draw_differences(
    true: Array, found: Mapping[str, Array], path: Path, *, title: str, order: Array | None = None
) -> None:
    """Draw the matrix of the true difference and, on the same scale, of others into a PNG.

    Parameters
    ----------
    true : (n_edges,)
        Difference of two groups' mean connectivity; upper triangle, row by row.
    found : mapping of str to (n_edges,)
        Name of a method -> the same difference among people that it generated.
    path : Path
    title : str
        Groups and units.
    order : (n_regions,), optional
        In which regions are shown, such as by network.

    Raises
    ------
    DataError
        Where edges are not the upper triangle of a matrix, or are of different matrices.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_regions = n_regions_of(len(true))
    wrong = [name for name, values in found.items() if values.shape != true.shape]
    if wrong:
        raise DataError(f"group differences: {', '.join(wrong)} are of other edges than the truth")
    shown = np.arange(n_regions) if order is None else order.astype(int)
    figure = Figure(figsize=(3.6 * (1 + len(found)), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 1 + len(found), squeeze=False)[0]
    limit = float(np.percentile(np.abs(true), 99))
    for axis, (name, values) in zip(axes, {"true": true, **found}.items(), strict=True):
        image = axis.imshow(_matrix(values, n_regions)[np.ix_(shown, shown)], cmap="RdBu_r",
                            vmin=-limit, vmax=limit, interpolation="nearest")  # fmt: skip
        axis.set_xlabel("region")
        axis.set_title(name)
        if name != "true":
            error, r = error_of(values, true)
            axis.set_title(f"{name}\nerror {error:.2f} of the effect, r = {r:.2f}")
    axes[0].set_ylabel("region")
    figure.colorbar(image, ax=axes.tolist(), label="difference, Fisher z", shrink=0.8)
    figure.suptitle(title)
    with writing(path) as temporary:
        figure.savefig(temporary, dpi=100, format="png")


def _matrix(values: Array, n_regions: int) -> Array:
    matrix = np.zeros((n_regions, n_regions))
    matrix[np.triu_indices(n_regions, 1)] = values
    return matrix + matrix.T
