"""Filters that run forward only, for epochs that are to be decoded live as they were trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["forward_sections", "run_forward"]

Double = NDArray[np.float64]

ORDER = 2
QUALITY = 30.0


def forward_sections(band: tuple[float, float], notch: Sequence[float], sfreq: float) -> Double:
    """Second-order sections (n, 6): a Butterworth band of order 2 a side, then the notches.

    Its delay is that of the filter: a few ms in the middle of a wide band.

    Parameters
    ----------
    band : (float, float)
        Hz; 0: low-pass.
    notch : sequence of float
        Hz, each of quality 30.
    sfreq : float
        Samples a second.
    """
    from scipy.signal import butter, iirnotch, tf2sos

    low, high = band
    corner, kind = ((low, high), "bandpass") if low else (high, "lowpass")
    sections = [butter(ORDER, corner, kind, fs=sfreq, output="sos")]
    sections += [tf2sos(*iirnotch(frequency, QUALITY, fs=sfreq)) for frequency in notch]
    joined: Double = np.vstack(sections)
    return joined


def run_forward(sections: Double, data: Double) -> Double:
    """Filter ``data`` (n_times, n_channels) as if its first sample had always been there."""
    from scipy.signal import sosfilt, sosfilt_zi

    start = sosfilt_zi(sections)[:, :, None] * data[0]
    filtered: Double = sosfilt(sections, data, axis=0, zi=start)[0]
    return filtered
