"""How well a trajectory was decoded: errors of a segment, with intervals by blocks of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import DataError
from neurodecode.online.decoded import Array

__all__ = ["Estimate", "Segment", "angular_error", "nrmse", "shifted_p"]

RIGHT_ANGLE = float(np.pi / 2)
FEWEST_BLOCKS = 5


def nrmse(decoded: Array, truth: Array) -> float:
    """RMSE over the root mean square of the truth, both (n_times, d)."""
    return float(np.sqrt(np.mean((decoded - truth) ** 2) / np.mean(truth**2)))


def angles(decoded: Array, truth: Array) -> Array:
    """Absolute angle (rad) between decoded and true velocities, (n_times, 2), of each bin.

    Where nothing moves the direction is taken as 0, as in the published figures.
    """
    difference = np.arctan2(*decoded.T[::-1]) - np.arctan2(*truth.T[::-1])
    found: Array = np.abs((difference + np.pi) % (2 * np.pi) - np.pi)
    return found


def angular_error(decoded: Array, truth: Array) -> float:
    """Mean absolute angle (rad) between decoded and true velocities, (n_times, 2)."""
    return float(np.mean(angles(decoded, truth)))


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Segment:
    """A stretch of time on which decoders are compared.

    Intervals come from a bootstrap of whole blocks of neighbouring bins, since errors of
    neighbours are alike; all decoders are resampled alike, so that gains are paired.

    Parameters
    ----------
    truth : (n_times, d)
        What was to be decoded.
    block : int
        Bins a block; those that fill none are scored but not resampled.
    n_bootstrap : int
    rng : numpy Generator

    Raises
    ------
    DataError
        Where the segment holds fewer than five blocks, or nothing moves in it.
    """

    def __init__(
        self, truth: Array, block: int, n_bootstrap: int, rng: np.random.Generator
    ) -> None:
        n_blocks = len(truth) // block
        if n_blocks < FEWEST_BLOCKS:
            raise DataError(
                f"online: {len(truth)} bins are tested, which is less than {FEWEST_BLOCKS} blocks "
                f"of {block}; test more, or make online.block shorter"
            )
        if not (truth**2).sum() > 0:
            raise DataError("online: nothing moves in the bins that are tested")
        self.truth = truth
        self.block = block
        self._draw = rng.integers(n_blocks, size=(n_bootstrap, n_blocks))
        self._power = self._resampled((truth**2).sum(axis=1))

    def __len__(self) -> int:
        return len(self.truth)

    def nrmse(self, decoded: Array) -> Estimate:
        """RMSE over the root mean square of the truth; 1 is what decoding no motion reaches."""
        return self._estimate(nrmse(decoded, self.truth), self._nrmses(decoded))

    def gain(self, decoded: Array, other: Array) -> Estimate:
        """By which share the nRMSE is below that of another decoder."""
        value = 1 - nrmse(decoded, self.truth) / nrmse(other, self.truth)
        return self._estimate(value, 1 - self._nrmses(decoded) / self._nrmses(other))

    def angle(self, decoded: Array) -> Estimate:
        """Mean absolute angle (rad); needs two dimensions."""
        found = angles(decoded, self.truth)
        means = self._resampled(found) / (self._draw.shape[1] * self.block)
        return self._estimate(float(found.mean()), means)

    def _nrmses(self, decoded: Array) -> Array:
        squared = ((decoded - self.truth) ** 2).sum(axis=1)
        found: Array = np.sqrt(self._resampled(squared) / self._power)
        return found

    def _resampled(self, of_bins: Array) -> Array:
        """Sum over the bins of each resample."""
        whole = of_bins[: len(of_bins) // self.block * self.block]
        sums: Array = whole.reshape(-1, self.block).sum(axis=1)[self._draw].sum(axis=1)
        return sums

    def _estimate(self, value: float, resampled: Array) -> Estimate:
        low, high = np.percentile(resampled, [2.5, 97.5])
        return Estimate(value, float(low), float(high))


def shifted_p(decoded: Array, truth: Array, block: int) -> float:
    """One-sided p of an nRMSE: against the truth shifted in time, round and round.

    A shift keeps how either goes on from bin to bin, and takes away that they belong together.
    Shifts of less than a block are left out.
    """
    n = len(truth)
    shifts: NDArray[np.int64] = np.arange(block, n - block + 1)
    cross = [float(np.sum(decoded * np.roll(truth, s, axis=0))) for s in shifts]
    # Power of both is the same at every shift: a smaller error is a larger product.
    reached = int(np.sum(np.array(cross) >= float(np.sum(decoded * truth))))
    return (1 + reached) / (1 + len(shifts))
