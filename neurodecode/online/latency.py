"""How long things take, over hours, in a fixed amount of memory."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["Latencies"]

FASTEST, SLOWEST, PER_DECADE = 1e-7, 1e3, 50


class Latencies:
    """A histogram of durations on a logarithmic axis: quantiles within 5 % of their value."""

    def __init__(self) -> None:
        n_bins = round(np.log10(SLOWEST / FASTEST) * PER_DECADE)
        self.counts = np.zeros(n_bins + 1, dtype=np.int64)
        self.largest = 0.0

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def edges(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Lower edges of the bins (s)."""
        return FASTEST * 10 ** (np.arange(len(self.counts)) / PER_DECADE)

    def add(self, seconds: float) -> None:
        """Count one duration; NaN is not counted, negative ones as the shortest."""
        if math.isnan(seconds):
            return
        place = math.log10(max(seconds, FASTEST) / FASTEST) * PER_DECADE
        self.counts[int(min(place, len(self.counts) - 1))] += 1
        self.largest = max(self.largest, seconds)

    def quantile(self, q: float) -> float:
        """Duration (s) that a share ``q`` does not exceed; NaN where nothing was counted."""
        total = len(self)
        if not total:
            return float("nan")
        place = int(np.searchsorted(np.cumsum(self.counts), q * total))
        return float(self.edges[place] * 10 ** (0.5 / PER_DECADE))
