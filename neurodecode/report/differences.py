"""Group differences in connectivity on the page: of real people beside those of drawn ones."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurodecode.artifacts import load_arrays
from neurodecode.deconfound.contrasts import error_of
from neurodecode.deconfound.demographics import Array
from neurodecode.deconfound.settings import AS_GIVEN, DeconfoundSettings
from neurodecode.deconfound.stage import differences_file
from neurodecode.errors import DataError
from neurodecode.paths import Paths
from neurodecode.report.figures import Panel, as_png, blank
from neurodecode.simulate.correlation_space import n_regions_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["difference_panel", "differences_of", "draw_differences"]


TESTED, OTHERS = "tested people", "other real people"


def differences_of(
    paths: Paths,
    section: DeconfoundSettings,
    asked: Sequence[Mapping[str, str]],
    triangle: str | None,
    words: Mapping[str, str],
) -> tuple[Panel, ...]:
    """Return one panel a demographic where a method can draw people, else none.

    Parameters
    ----------
    paths : Paths
    section : DeconfoundSettings
    asked : sequence of mapping
        ``column``, ``first``, ``second`` of each contrast.
    triangle : {"upper", "lower", None}
        Which half of a matrix the features are.
    words : mapping of str to str
        Every method -> how the page calls it.
    """
    kept = {name: _kept(paths, name, section.n_folds) for name in section.names}
    drawing = [name for name in section.names if name != AS_GIVEN and any(kept[name])]
    panels = []
    for contrast in asked if drawing else ():
        column = contrast["column"]
        folds = [
            (
                real[f"{column}.tested"],
                {OTHERS: real[f"{column}.others"]}
                | {words[n]: kept[n][fold][f"{column}.drawn"] for n in drawing},
            )
            for fold, real in enumerate(kept[AS_GIVEN])
            if f"{column}.tested" in real and f"{column}.others" in real
        ]
        if folds:
            heading = f"{column}: {contrast['first']} minus {contrast['second']}"
            panels.append(difference_panel(heading, folds, triangle))
    return tuple(panels)


def _kept(paths: Paths, name: str, n_folds: int) -> list[dict[str, Array]]:
    """Return what each fold of one method holds."""
    files = [differences_file(paths.deconfounder(name, fold)) for fold in range(n_folds)]
    return [load_arrays(file) if file.exists() else {} for file in files]


def difference_panel(
    heading: str, folds: Sequence[tuple[Array, Mapping[str, Array]]], triangle: str | None
) -> Panel:
    """Put one contrast into words, numbers and a picture.

    Numbers are means over folds. Averaged differences are not compared: over all folds everybody
    is tested, and is among the others.

    Parameters
    ----------
    heading : str
        The two groups.
    folds : sequence of ((n_features,), mapping of str to (n_features,))
        Difference between the tested people; that of others, by whose it is.
    triangle : {"upper", "lower", None}
        Which half of a matrix the features are, row by row; None: no matrix, and no picture.
    """
    effects = np.array([np.sqrt((true**2).mean()) for true, _ in folds])
    rows = [("Difference between", "RMSE", "RMSE / effect", "r")]
    for name in folds[0][1]:
        pairs = np.array([error_of(found[name], true) for true, found in folds])
        error, (share, r) = (pairs[:, 0] * effects).mean(), pairs.mean(axis=0)
        rows.append((name, f"{error:.3f}", f"{share:.2f}", f"{r:.2f}"))
    picture, alt = "", ""
    if triangle is not None:
        title = f"{heading} (first fold)"
        picture = as_png(draw_differences(*folds[0], title=title, triangle=triangle))
        whose = ", ".join([TESTED, *folds[0][1]])
        alt = f"Difference in connectivity, {heading}: {whose}."
    return Panel(
        heading,
        f"The difference between the people who were tested has a root mean square of "
        f"{effects.mean():.3f}. Of few people much of it is chance, which no method can draw: "
        f"compare with {OTHERS}.",
        picture,
        alt,
        tuple(rows),
    )


def draw_differences(
    true: Array, found: Mapping[str, Array], *, title: str, triangle: str = "upper"
) -> Figure:
    """Draw the matrix of one difference and, on the same scale, of others.

    Parameters
    ----------
    true : (n_edges,)
        Difference of two groups' mean connectivity; half of a matrix, row by row.
    found : mapping of str to (n_edges,)
        Whose -> the same difference among other people.
    title : str
        Groups and units.
    triangle : {"upper", "lower"}

    Raises
    ------
    DataError
        Where edges are not a triangle of a matrix, or are of different matrices.
    """
    n_regions = n_regions_of(len(true))
    wrong = [name for name, values in found.items() if values.shape != true.shape]
    if wrong:
        raise DataError(f"group differences: {', '.join(wrong)} are of other edges than the truth")
    figure = blank(3.0 * (1 + len(found)), 3.7)
    axes = figure.subplots(1, 1 + len(found), squeeze=False)[0]
    limit = float(np.percentile(np.abs(true), 99))
    for axis, (name, values) in zip(axes, {TESTED: true, **found}.items(), strict=True):
        image = axis.imshow(_matrix(values, n_regions, triangle), cmap="RdBu_r", vmin=-limit,
                            vmax=limit, interpolation="nearest")  # fmt: skip
        axis.set_xlabel("region")
        axis.set_title(textwrap.fill(name, 26), fontsize=9)
    axes[0].set_ylabel("region")
    figure.colorbar(image, ax=axes.tolist(), label="difference, Fisher z", shrink=0.8)
    figure.suptitle(title, fontsize=11)
    return figure


def _matrix(values: Array, n_regions: int, triangle: str) -> Array:
    matrix = np.zeros((n_regions, n_regions))
    rows = {"upper": np.triu_indices(n_regions, 1), "lower": np.tril_indices(n_regions, -1)}
    matrix[rows[triangle]] = values
    return matrix + matrix.T
