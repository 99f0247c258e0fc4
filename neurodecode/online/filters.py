"""Causal work on samples, with state: the same numbers whatever the chunks.

A missing value is held at the channel's last one while it passes through a filter, so that a
recursive filter never takes in NaN, and is missing again behind it.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt, sosfilt_zi

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.stream import Array

__all__ = ["Causal", "Filter", "ThresholdCrossings", "butterworth"]

LARGEST = 1e12
"""Larger values are no signal and count as missing: their squares would overflow."""


class Filter(Protocol):
    """From samples to samples, with a memory of the past."""

    def fit(self, data: Array) -> Self:
        """Learn what has to be learned from a calibration recording (n_samples, n_channels)."""

    def step(self, data: Array) -> Array:
        """Filter the next samples (n_samples, n_channels)."""

    def reset(self) -> None:
        """Forget the stream; what was learned stays."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays."""

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take learned arrays back."""


def butterworth(low: float | None, high: float | None, order: int, sfreq: float) -> Array:
    """Second-order sections of a Butterworth filter, (n_sections, 6).

    Parameters
    ----------
    low, high : float or None
        Corners in Hz: a band, a high-pass where ``high`` is None, a low-pass where ``low`` is.
    order : int
        Order; of a band, that of each side.
    sfreq : float
        Samples a second.

    Raises
    ------
    ConfigError
        Where a corner lies at or above half the sampling rate.
    """
    highest = max(corner for corner in (low, high) if corner is not None)
    if highest >= sfreq / 2:
        raise ConfigError(
            f"filter: corners must lie below half the sampling rate ({sfreq / 2:g} Hz), got "
            f"{highest:g} Hz"
        )
    if low is None:
        sos = butter(order, high, "lowpass", fs=sfreq, output="sos")
    elif high is None:
        sos = butter(order, low, "highpass", fs=sfreq, output="sos")
    else:
        sos = butter(order, (low, high), "bandpass", fs=sfreq, output="sos")
    sections: Array = np.asarray(sos)
    return sections


class Causal:
    """A recursive filter of each channel, run forward only.

    It starts as if the first sample had always been there: an offset makes no transient.

    Parameters
    ----------
    sos : (n_sections, 6)
        Second-order sections (:func:`butterworth`, or a design of SciPy or MNE).
    """

    def __init__(self, sos: Array) -> None:
        self.sos = sos
        self.reset()

    def fit(self, data: Array) -> Self:
        """Nothing to learn."""
        return self

    def reset(self) -> None:
        """Forget the stream."""
        self._zi: Array | None = None
        self._held: Array | None = None

    def step(self, data: Array) -> Array:
        """Filter the next samples, (n_samples, n_channels)."""
        if not len(data):
            return data
        missing = ~(np.abs(data) <= LARGEST)
        gaps = bool(missing.any())
        whole = self._hold(data, missing) if gaps or self._held is None else data
        self._held = whole[-1].copy()
        if self._zi is None:
            steady = sosfilt_zi(self.sos)
            self._zi = steady[:, :, None] * whole[0]
        filtered: Array
        filtered, self._zi = sosfilt(self.sos, whole, axis=0, zi=self._zi)
        if gaps:
            filtered[missing] = np.nan
        return filtered

    def state(self) -> dict[str, NDArray[Any]]:
        """Nothing learned."""
        return {}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Nothing to take back."""
        return self

    def _hold(self, data: Array, missing: NDArray[np.bool_]) -> Array:
        """Carry each channel's last value forward; 0 before its first."""
        before = np.zeros(data.shape[1]) if self._held is None else self._held
        padded = np.vstack([before, data])
        rows = np.arange(len(padded))[:, None] * np.vstack([np.zeros_like(missing[:1]), ~missing])
        held: Array = np.take_along_axis(padded, np.maximum.accumulate(rows, axis=0), axis=0)[1:]
        return held


class ThresholdCrossings:
    """1 where a channel falls below its threshold, 0 elsewhere: the times of unsorted spikes.

    The threshold is a multiple of the noise's SD, taken from the median so that the spikes
    themselves hardly count (Quiroga et al. 2004, Neural Computation 16, 1661: median(abs(x)) /
    0.6745), learned on the calibration recording.

    Parameters
    ----------
    multiple : float
        Below 0: spikes are troughs.
    """

    def __init__(self, multiple: float) -> None:
        self.multiple = multiple
        self.reset()

    def fit(self, data: Array) -> Self:
        """Learn each channel's threshold.

        Raises
        ------
        DataError
            Where a channel holds no sample.
        """
        finite = np.isfinite(data)
        if not finite.any(axis=0).all():
            empty = ", ".join(map(str, np.flatnonzero(~finite.any(axis=0))[:10]))
            raise DataError(f"calibration: channel(s) {empty} hold no sample; leave them out")
        noise = np.nanmedian(np.where(finite, np.abs(data), np.nan), axis=0) / 0.6745
        self.threshold_ = self.multiple * noise
        return self

    def reset(self) -> None:
        """Forget the stream."""
        self._below: NDArray[np.bool_] | None = None

    def step(self, data: Array) -> Array:
        """Mark the crossings among the next samples, (n_samples, n_channels)."""
        if not len(data):
            return data
        below = data < self.threshold_
        first = below[:1] if self._below is None else self._below[None]
        crossed = below & ~np.vstack([first, below[:-1]])
        self._below = below[-1].copy()
        marks: Array = np.where(np.isnan(data), np.nan, crossed.astype(np.float64))
        return marks

    def state(self) -> dict[str, NDArray[Any]]:
        """The thresholds."""
        return {"threshold": self.threshold_}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take the thresholds back."""
        self.threshold_ = arrays["threshold"]
        return self
