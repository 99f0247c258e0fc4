"""Scores as tables: row = what could have been seen, column = what was drawn.

Every identification score is read off a table of similarities ``S`` (n_candidates, n_items):
``wins(S)[i, j]`` is the score of item ``j`` if candidate ``i`` were the truth. The score is the
mean over items at the true candidates; a permutation of the truth is another index into it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from neurodecode.errors import DataError

__all__ = [
    "among_random",
    "correlations",
    "group_rows",
    "pixel_rows",
    "resized",
    "ssim_table",
    "top1",
    "wins",
    "wins_within",
]

Table = NDArray[np.float64]


def correlations(real: NDArray[np.floating], drawn: NDArray[np.floating]) -> Table:
    """Return Pearson's r of every real (n, d) with every drawn (m, d) row, (n, m).

    Undefined (a blank picture) is NaN. Rows that occur twice have bit for bit the same
    correlations, so that they tie: a matrix product may round each place of its result in its own
    way.
    """
    rows, row_of = _distinct(_standard(real))
    columns, column_of = _distinct(_standard(drawn))
    with np.errstate(invalid="ignore", divide="ignore"):
        distinct: Table = rows @ columns.T
    return distinct[np.ix_(row_of, column_of)]


def _distinct(rows: Table) -> tuple[Table, NDArray[np.int64]]:
    """Return the rows that differ, and which of them each row is."""
    known: dict[bytes, int] = {}
    which = np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], np.int64)
    _, first = np.unique(which, return_index=True)
    return rows[first], which


def _standard(rows: NDArray[np.floating]) -> Table:
    centred = rows.astype(np.float64) - rows.mean(axis=1, keepdims=True, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    largest = np.abs(rows.astype(np.float64)).max(axis=1, keepdims=True)
    # Rounding of the mean leaves about 1e-16 of the values themselves, whatever their unit.
    blank = norms <= 1e-9 * largest * np.sqrt(rows.shape[1])
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
    undefined = np.isnan(similarity)
    # The mean rank of ties counts each of them half, as do the undefined others.
    ranks = rankdata(np.where(undefined, np.inf, similarity), axis=0)
    lower = ranks - 1 + 0.5 * undefined.sum(axis=0)
    table: Table = np.where(undefined, 0.5, lower / (len(similarity) - 1))
    return table


def wins_within(similarity: Table, groups: NDArray[np.str_]) -> Table:
    """As :func:`wins`, against the other candidates of the candidate's own group alone.

    Tells whether more than the group (face, tool) was right. A group of one counts half.

    Parameters
    ----------
    similarity : float64 (n_candidates, n_items)
    groups : (n_candidates,)
    """
    table = np.full_like(similarity, 0.5)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        if len(rows) > 1:
            table[rows] = wins(similarity[rows])
    return table


def top1(similarity: Table) -> Table:
    """1 where the candidate is the most similar of all; ties share it, undefined shares by all."""
    best = np.nanmax(np.where(np.isnan(similarity), -np.inf, similarity), axis=0)
    hit = similarity == best
    none = ~hit.any(axis=0)
    hit[:, none] = True
    share: Table = hit / hit.sum(axis=0)
    return share


def among_random(
    similarity: Table, rng: np.random.Generator, n_candidates: int = 300, n_draws: int = 30
) -> Table:
    """Mean of :func:`top1` over draws of the candidates, the true one always among them.

    The retrieval score of Scotti et al. (2023): chance is 1 / ``n_candidates``. The direction is
    that of the table: rows are searched. For the other direction give the transpose.

    Parameters
    ----------
    similarity : float64 (n, n_items)
        More rows than ``n_candidates``; with fewer, :func:`top1` compares all of them.
    rng : numpy Generator
    n_candidates, n_draws : int

    Returns
    -------
    float64 (n, n_items)
    """
    known = np.where(np.isnan(similarity), -np.inf, similarity)
    total = np.zeros_like(known)
    for _ in range(n_draws):
        pool = rng.permutation(len(known))[:n_candidates]
        inside = np.isin(np.arange(len(known)), pool)
        total[pool] += top1(known[pool])
        others = known[pool[:-1]]  # one makes room for a candidate from outside the pool
        best = others.max(axis=0)
        tied = 1 + (others == best).sum(axis=0)
        outside = known[~inside]
        total[~inside] += (outside > best) + (outside == best) / tied
    return total / n_draws


def group_rows(similarity: Table, names: NDArray[np.str_], order: list[str]) -> Table:
    """Average rows of one name: (n_pictures, n_items) to (n_names, n_items)."""
    return np.stack([similarity[names == name].mean(axis=0) for name in order])


def pixel_rows(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flatten RGB pictures (n, h, w, 3) to rows, 0 to 1."""
    return (pictures.reshape(len(pictures), -1) / 255).astype(np.float32)


def resized(pictures: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bring pictures (n, h, w, 3) to the resolution of the metrics, bilinear."""
    from PIL import Image

    if pictures.shape[1:3] == (height, width):
        return pictures
    size, how = (width, height), Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(p).resize(size, how)) for p in pictures])


def ssim_table(real: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> Table:
    """Structural similarity of every real with every drawn picture, (n, m).

    Grey, Gaussian weights of SD 1.5, population covariance, data range 1 (Wang et al. 2004).
    What concerns one picture alone is computed once, so that a table costs one blur a pair.

    Raises
    ------
    DataError
        Where pictures are smaller than the window.
    """
    from skimage.color import rgb2gray

    if min(*real.shape[1:3], *drawn.shape[1:3]) < 11:
        raise DataError(
            f"ssim: pictures must have 11 pixels a side or more, got real {real.shape[1:3]} and "
            f"drawn {drawn.shape[1:3]}"
        )
    a, b = rgb2gray(real), rgb2gray(drawn)
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    c1, c2 = 0.01**2, 0.03**2
    table = np.empty((len(a), len(b)))
    for i in range(len(a)):
        joint = mean_a[i] * mean_b
        light = (2 * joint + c1) / (mean_a[i] ** 2 + mean_b**2 + c1)
        shape = (2 * (_blurred(a[i] * b) - joint) + c2) / (var_a[i] + var_b + c2)
        table[i] = (light * shape).mean(axis=(1, 2))
    return table


def _blurred(pictures: Table) -> Table:
    """Local mean of each picture (n, h, w) in an 11 x 11 Gaussian window that lies inside it."""
    from scipy.ndimage import gaussian_filter1d

    rows = gaussian_filter1d(pictures, 1.5, axis=1, radius=5)
    local: Table = gaussian_filter1d(rows, 1.5, axis=2, radius=5)[:, 5:-5, 5:-5]
    return local
