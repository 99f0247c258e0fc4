"""From samples to one vector a bin.

A bin is computed once, when its last sample is there, from all of its samples: how they came in
chunks cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from neurodecode.online.filters import LARGEST, Causal, butterworth
from neurodecode.online.stream import Array

__all__ = ["BandPower", "Binner", "SpikeCounts"]

FEWEST = 0.5
"""Share of a bin's samples that a channel must have, for its feature not to be missing."""


class Binner(Protocol):
    """Samples of a bin to its features."""

    def filtered(self, data: Array) -> Array:
        """Work on the next samples before they are cut, (n_samples, n_channels) to (.., m)."""

    def reduced(self, samples: Array) -> Array:
        """Features (d,) of the samples (n_in_bin, m) of one bin."""

    def reset(self) -> None:
        """Forget the stream."""


class SpikeCounts:
    """Events in the bin; where samples are missing, scaled up to the whole bin."""

    def filtered(self, data: Array) -> Array:
        """As they are."""
        return data

    def reduced(self, samples: Array) -> Array:
        """Counts (n_channels,) of samples (n_in_bin, n_channels)."""
        return _mean(samples) * len(samples)

    def reset(self) -> None:
        """Nothing to forget."""


class BandPower:
    """Natural log of the mean power in bands, the channels of the first band first.

    Parameters
    ----------
    bands : sequence of (low, high)
        Hz.
    order : int
        Of each side of the Butterworth filter.
    sfreq : float
        Samples a second.
    """

    def __init__(self, bands: Sequence[tuple[float, float]], order: int, sfreq: float) -> None:
        self._filters = [Causal(butterworth(low, high, order, sfreq)) for low, high in bands]

    def filtered(self, data: Array) -> Array:
        """Power of each sample in each band, (n_samples, n_bands n_channels)."""
        return np.hstack([f.step(data) for f in self._filters]) ** 2

    def reduced(self, samples: Array) -> Array:
        """Log mean power (n_bands n_channels,); power of 0 is missing."""
        with np.errstate(divide="ignore"):
            power: Array = np.log(_mean(samples))
        power[np.isneginf(power)] = np.nan
        return power

    def reset(self) -> None:
        """Forget the stream."""
        for f in self._filters:
            f.reset()


def _mean(samples: Array) -> Array:
    """Mean of the samples that are there; NaN where fewer than half are."""
    there = np.abs(samples) <= LARGEST**2
    if there.all():
        whole: Array = samples.mean(axis=0)
        return whole
    n = there.sum(axis=0)
    sums = np.where(there, samples, 0.0).sum(axis=0)
    return np.where(n >= FEWEST * len(samples), sums / np.maximum(n, 1), np.nan)
