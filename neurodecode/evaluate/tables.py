"""Scores as tables: row = what could have been seen, column = what was drawn.

Every identification score is read off a table of similarities ``S`` (n_candidates, n_items):
``wins(S)[i, j]`` is the score of item ``j`` if candidate ``i`` were the truth. The score is the
mean over items at the true candidates; a permutation of the truth is another index into it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["correlations", "group_rows", "pixel_rows", "ssim_table", "top1", "wins"]

Table = NDArray[np.float64]


def correlations(real: NDArray[np.floating], drawn: NDArray[np.floating]) -> Table:
    """Return Pearson's r of every real (n, d) with every drawn (m, d) row, (n, m).

    Undefined (a blank picture) is NaN.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        table: Table = _standard(real) @ _standard(drawn).T
    return table


def _standard(rows: NDArray[np.floating]) -> Table:
    centred = rows.astype(np.float64) - rows.mean(axis=1, keepdims=True, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    blank = norms <= 1e-9 * np.sqrt(rows.shape[1])
    unit: Table = np.where(blank, np.nan, centred / np.where(blank, 1, norms))
    return unit


def wins(similarity: Table) -> Table:
    """Share of the other candidates that are less similar, for each candidate and item.

    Two-way identification (Ozcelik and VanRullen 2023): ties, and undefined correlations, count
    half, the candidate itself does not count; perfect is exactly 1, chance .5.

    Parameters
    ----------
    similarity : float64 (n_candidates, n_items)

    Returns
    -------
    float64 (n_candidates, n_items)
    """
    n = len(similarity)
    table = np.empty_like(similarity)
    for j, column in enumerate(similarity.T):
        lower = column[None, :] < column[:, None]
        other = column[None, :] > column[:, None]
        table[:, j] = (lower.sum(1) + 0.5 * (n - 1 - lower.sum(1) - other.sum(1))) / (n - 1)
    return table


def top1(similarity: Table) -> Table:
    """1 where the candidate is the most similar of all; ties share it, undefined shares by all."""
    best = np.nanmax(np.where(np.isnan(similarity), -np.inf, similarity), axis=0)
    hit = similarity == best
    none = ~hit.any(axis=0)
    hit[:, none] = True
    share: Table = hit / hit.sum(axis=0)
    return share


def group_rows(similarity: Table, names: NDArray[np.str_], order: list[str]) -> Table:
    """Average rows of one name: (n_pictures, n_items) to (n_names, n_items)."""
    return np.stack([similarity[names == name].mean(axis=0) for name in order])


def pixel_rows(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flatten RGB pictures (n, h, w, 3) to rows, 0 to 1."""
    return (pictures.reshape(len(pictures), -1) / 255).astype(np.float32)


def ssim_table(real: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> Table:
    """Structural similarity of every real with every drawn picture, (n, m).

    Grey, Gaussian weights of SD 1.5, population covariance, data range 1 (Wang et al. 2004).
    """
    from skimage.color import rgb2gray
    from skimage.metrics import structural_similarity

    grey_real, grey_drawn = rgb2gray(real), rgb2gray(drawn)
    return np.array(
        [
            [
                structural_similarity(
                    a,
                    b,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    data_range=1.0,
                )
                for b in grey_drawn
            ]
            for a in grey_real
        ]
    )
