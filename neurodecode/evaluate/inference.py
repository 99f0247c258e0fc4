"""Intervals and p-values of scores that are read off a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Estimate",
    "difference",
    "estimate",
    "interval",
    "permutation_p",
    "permutations",
    "relabellings",
]


@dataclass(frozen=True)
class Estimate:
    """A score with its uncertainty.

    Attributes
    ----------
    items : float64 (n_items,)
        Score of each item.
    value, ci_low, ci_high : float
        Mean over items, and its 95 % bootstrap interval.
    p : float
        One-sided, by permutation of the truth.
    """

    items: NDArray[np.float64]
    value: float
    ci_low: float
    ci_high: float
    p: float


def interval(
    items: NDArray[np.float64], groups: NDArray[np.str_], rng: np.random.Generator, n: int
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean, whole groups resampled.

    Parameters
    ----------
    items : (n_items,)
    groups : (n_items,)
        Items of one group (run) are drawn together; one group an item resamples items.
    rng : numpy Generator
    n : int
        Resamples.
    """
    _, code = np.unique(groups, return_inverse=True)
    totals, counts = np.bincount(code, weights=items), np.bincount(code)
    draw = rng.integers(len(counts), size=(n, len(counts)))
    means = totals[draw].sum(axis=1) / counts[draw].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def difference(
    ours: NDArray[np.float64],
    peers: NDArray[np.float64],
    groups: NDArray[np.str_],
    rng: np.random.Generator,
    n: int,
) -> tuple[float, float, float]:
    """Mean of ours - peer's on the same items, and its 95 % interval; groups as in `interval`."""
    paired = ours - peers
    return (float(paired.mean()), *interval(paired, groups, rng, n))


def permutations(groups: NDArray[np.str_], rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Return (n, n_items) random permutations that stay within groups."""
    order = np.empty((n, len(groups)), np.int64)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        order[:, rows] = rows[rng.random((n, len(rows))).argsort(axis=1)]
    return order


def relabellings(
    stimuli: NDArray[np.str_],
    rng: np.random.Generator,
    n: int,
    within: NDArray[np.str_] | None = None,
) -> NDArray[np.int64]:
    """Return (n, n_items): for each item, one whose truth it takes when stimuli swap names.

    All items of one stimulus (repeats) take the same other stimulus: they are not independent,
    so permuting them one by one would make p too small. ``within`` (n_items,) names parts (folds)
    that keep their stimuli.
    """
    order = np.empty((n, len(stimuli)), np.int64)
    parts = np.zeros(len(stimuli), dtype=str) if within is None else within
    for part in np.unique(parts):
        rows = np.flatnonzero(parts == part)
        _, first, code = np.unique(stimuli[rows], return_index=True, return_inverse=True)
        swapped = rng.random((n, len(first))).argsort(axis=1)
        order[:, rows] = rows[first[swapped[:, code]]]
    return order


def permutation_p(
    table: NDArray[np.float64], truth: NDArray[np.int64], order: NDArray[np.int64]
) -> float:
    """p = (1 + #{permuted >= observed}) / (1 + n), the truth permuted among items.

    Parameters
    ----------
    table : (n_candidates, n_items)
        Score of each item for each candidate.
    truth : (n_items,)
        True candidate of each item.
    order : (n, n_items)
        Item whose truth each item takes, from :func:`permutations` or :func:`relabellings`.
    """
    items = np.arange(table.shape[1])
    observed = table[truth, items].mean()
    permuted = table[truth[order], items].mean(axis=1)
    return float((1 + np.sum(permuted >= observed - 1e-12)) / (1 + len(order)))


def estimate(
    table: NDArray[np.float64],
    truth: NDArray[np.int64],
    groups: NDArray[np.str_],
    order: NDArray[np.int64],
    rng: np.random.Generator,
    n_bootstrap: int,
) -> Estimate:
    """Score all items at the truth, with interval and p; see the functions above."""
    items = table[truth, np.arange(table.shape[1])]
    low, high = interval(items, groups, rng, n_bootstrap)
    return Estimate(items, float(items.mean()), low, high, permutation_p(table, truth, order))
