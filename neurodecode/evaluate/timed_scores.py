"""Scores of what was decoded at each pair of times, as a function of what is taken for true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.evaluate.tables import correlations, wins

__all__ = ["Accuracy", "TimedScore", "TwoWay", "bootstrap"]

Double = NDArray[np.float64]


class TimedScore(Protocol):
    """One measure of one chain.

    Attributes
    ----------
    name : str
    chance : float
    truth : int64 (n_items,)
    strata : int64 (n_items,)
        Items of one stratum are resampled among themselves.
    """

    name: str
    chance: float
    truth: NDArray[np.int64]
    strata: NDArray[np.int64]

    def at(self, truth: NDArray[np.int64]) -> Double:
        """Return the score (n_times, n_times), by time of training, then of test."""

    def items(self) -> Double:
        """Return (n_items, n_times) at each decoder's own time; their sum is the score."""


class Accuracy:
    """Balanced accuracy: the mean over classes of the share that is decoded rightly.

    Parameters
    ----------
    predicted : int16 (n_times, n_times, n_items)
        Class of the highest score.
    truth : int64 (n_items,)
    """

    def __init__(self, predicted: NDArray[np.int16], truth: NDArray[np.int64]) -> None:
        self.predicted = predicted
        self.truth = self.strata = truth
        counts = np.bincount(truth)
        n_classes = int((counts > 0).sum())
        self.name, self.chance = f"accuracy_{n_classes}way", 1 / n_classes
        self._weights = 1 / (np.maximum(counts, 1) * n_classes)

    def at(self, truth: NDArray[np.int64]) -> Double:
        """See :class:`TimedScore`."""
        hits = self.predicted == truth.astype(np.int16)
        score: Double = hits @ self._weights[truth]
        return score

    def items(self) -> Double:
        """See :class:`TimedScore`."""
        own = np.diagonal(self.predicted, axis1=0, axis2=1)
        values: Double = (own == self.truth[:, None]) * self._weights[self.truth][:, None]
        return values


class TwoWay:
    """Two-way identification of stimuli among those of their fold, repeats averaged.

    Parameters
    ----------
    folds : sequence of float32 (n_times, n_times, n_stimuli, n_stimuli)
        By times of training and test, candidate and item: share of the other candidates that are
        less like what was decoded.
    """

    name, chance = "two_way_identification", 0.5

    def __init__(self, folds: Iterable[Float]) -> None:
        self.folds = list(folds)
        sizes = [len(part[0, 0]) for part in self.folds]
        self.truth = np.concatenate([np.arange(n) for n in sizes])
        self.strata = np.zeros(len(self.truth), np.int64)
        self._starts = np.cumsum([0, *sizes])

    def at(self, truth: NDArray[np.int64]) -> Double:
        """See :class:`TimedScore`."""
        total = np.zeros(self.folds[0].shape[:2])
        for part, start in zip(self.folds, self._starts, strict=False):
            n = part.shape[3]
            own = truth[start : start + n]
            total += part[:, :, own, np.arange(n)].sum(axis=2, dtype=float)
        return total / len(truth)

    def items(self) -> Double:
        """See :class:`TimedScore`."""
        parts = [np.einsum("ttii->it", part) for part in self.folds]
        values: Double = np.concatenate(parts).astype(float) / len(self.truth)
        return values


def two_way_table(decoded: Float, real: Float) -> Float:
    """Return wins (n_times, n_stimuli, n_stimuli) by time of test, candidate and item.

    Parameters
    ----------
    decoded : float32 (n_stimuli, n_times, d)
    real : float32 (n_stimuli, d)
    """
    n, n_times, d = decoded.shape
    found = wins(correlations(real, decoded.reshape(-1, d)))
    return found.reshape(n, n, n_times).transpose(2, 0, 1).astype(np.float32)


def bootstrap(score: TimedScore, rng: np.random.Generator, n: int) -> tuple[Double, Double]:
    """95 % interval (n_times,), low and high, at each decoder's own time; items are resampled."""
    items, counts = score.items(), np.zeros((n, len(score.truth)))
    for stratum in np.unique(score.strata):
        rows = np.flatnonzero(score.strata == stratum)
        counts[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=n)
    low, high = np.percentile(counts @ items, [2.5, 97.5], axis=0)
    return low, high
