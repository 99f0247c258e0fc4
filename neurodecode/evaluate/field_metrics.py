"""The metrics of the field's table beside identification and retrieval.

Tables as in :mod:`neurodecode.evaluate.tables`: row = what could have been seen, column = what was
drawn or decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from neurodecode.contracts import Float
from neurodecode.errors import DataError
from neurodecode.evaluate.measures import N_CANDIDATES, Features, Measure, unit_rows
from neurodecode.evaluate.tables import Table, correlations

__all__ = ["DISTANCES", "n_way", "n_way_chance", "of_classes", "of_distances", "of_top5"]

DISTANCES = ("efficientnet", "swav")
"""Feature sets that the field scores by distance, not by identification."""
N_WAY = 50
N_TRUE = 3
"""True classes a clip in the video systems' public variant of n-way classification."""


def n_way_chance(n: int, k: int = 1, n_true: int = 1) -> float:
    """Chance of :func:`n_way`: ``k / n`` for one true class, ``3 / (n + 2)`` for three."""
    return 1 - comb(n - 1, k) / comb(n - 1 + n_true, k)


def n_way(scores: NDArray[np.floating], truths: NDArray[np.int64], n: int, k: int = 1) -> Table:
    """Return how often a true class is among the ``k`` best of itself and n - 1 random others.

    The mean over all draws of the others, in closed form: of the ``M`` classes that are not true,
    ``G`` score higher than the best true one, and of ``n - 1`` drawn ones the number of those is
    hypergeometric. Ties: the true class takes each place among its equals alike.

    With one true class an item this is n-way top-k classification (EEG), and N-way retrieval where
    classes are the scored pictures. With the three classes that a classifier gives the true clip it
    is the public variant of the video systems, whose chance is 3 / (n + 2); the strict one has one
    true class.

    Parameters
    ----------
    scores : (n_items, n_classes)
    truths : (n_candidates, n_true)
        True classes of each item, if a candidate were the truth.
    n : int
        At most ``n_classes - n_true + 1``.
    k : int

    Returns
    -------
    float64 (n_candidates, n_items)

    Raises
    ------
    DataError
        Where there are too few classes.
    """
    n_items, n_classes = scores.shape
    n_others = n_classes - truths.shape[1]
    if not 1 < n <= n_others + 1:
        raise DataError(f"{n}-way: needs {n} classes beside each other, got {n_others + 1}")
    success = hypergeom.cdf(k - 1, n_others, np.arange(n_others + 1), n - 1)
    summed = np.concatenate([[0], np.cumsum(success)])
    known = np.where(np.isnan(scores), -np.inf, scores)
    ordered = np.sort(known, axis=1)
    table = np.empty((len(truths), n_items))
    for j in range(n_items):
        of_truth = known[j][truths]
        best = of_truth.max(axis=1)
        first, last = (np.searchsorted(ordered[j], best, side) for side in ("left", "right"))
        higher = n_classes - last
        tied = last - first - (of_truth == best[:, None]).sum(axis=1)
        table[:, j] = (summed[higher + tied + 1] - summed[higher]) / (tied + 1)
    return table


def of_distances(features: Mapping[str, Features]) -> Iterator[Measure]:
    """Yield correlation distances, 1 - r; lower is better, what is undefined counts 1."""
    for name, part in features.items():
        table = 1 - np.nan_to_num(correlations(part.real, part.drawn))
        yield Measure(f"distance_{name}", part.extractor, table, float(table.mean()))


def of_classes(part: Features) -> Iterator[Measure]:
    """Yield n-way classification of pictures, strict and as the video systems count it.

    The true class of a picture is the one that the classifier gives it. Features are class scores.
    """
    best = np.argsort(-part.real, axis=1, kind="stable")
    n = min(N_WAY, part.real.shape[1] - N_TRUE + 1)
    for name, n_true in (("", 1), (f"_of_top{N_TRUE}", N_TRUE)):
        table = n_way(part.drawn, best[:, :n_true], n)
        chance = n_way_chance(n, 1, n_true)
        yield Measure(f"classified_{n}way{name}", part.extractor, table, chance)


def of_top5(decoded: Float, real: Float, extractor: str) -> Iterator[Measure]:
    """Yield zero-shot retrieval by cosine, top 5, among all scored (300 at random of more).

    Parameters
    ----------
    decoded : (n_items, d)
    real : (n_scored, d)
    extractor : str
    """
    similarity = unit_rows(decoded) @ unit_rows(real).T
    n = min(len(real), N_CANDIDATES)
    table = n_way(similarity, np.arange(len(real))[:, None], n, k=5)
    yield Measure("retrieval_top5", extractor, table, n_way_chance(n, 5))
