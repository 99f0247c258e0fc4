"""Haemodynamic responses of the estimators: two standard curves and a library of stretched ones.

A response is the curve, convolved with the time that the stimulus lasts, sampled at the volumes.
The scale is that of the standard response to the median duration with a peak of 1, so that a beta
is the height of a trial's response.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nilearn.glm.first_level import glover_hrf, spm_hrf
from numpy.typing import NDArray

__all__ = ["LENGTH", "Curve", "library", "regressors", "standard"]

Double = NDArray[np.float64]
STEP = 0.1
LENGTH = 32.0
STRETCHES = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.45)
SHIFTS = (-1.0, 0.0, 1.0)


@dataclass(frozen=True)
class Curve:
    """Response to an instant.

    Attributes
    ----------
    name : str
    samples : float64 (n,)
        Every 0.1 s from the onset.
    """

    name: str
    samples: Double


def standard(name: str) -> Curve:
    """Return nilearn's ``glover`` or ``spm`` response."""
    make = {"glover": glover_hrf, "spm": spm_hrf}[name]
    return Curve(name, np.asarray(make(1.0, oversampling=round(1 / STEP), time_length=LENGTH)))


def library() -> tuple[Curve, ...]:
    """Return the Glover response, stretched in time and shifted: 21 curves, peaks at 2.5 to 8 s."""
    base = standard("glover").samples
    times = np.arange(len(base)) * STEP
    return tuple(
        Curve(
            f"glover x{stretch:g} {shift:+g} s",
            np.interp((times - shift) / stretch, times, base, left=0, right=0),
        )
        for stretch in STRETCHES
        for shift in SHIFTS
    )


def regressors(curve: Curve, onsets: Double, durations: Double, times: Double) -> Double:
    """Return the course of each trial, (n_times, n_trials).

    Parameters
    ----------
    curve : Curve
    onsets, durations : float64 (n_trials,)
        Seconds; a duration below 0.1 s counts as 0.1 s.
    times : float64 (n_times,)
        When the volumes were taken, on the clock of the onsets.
    """
    shown = np.maximum(np.round(durations / STEP).astype(int), 1)
    usual = _response(curve, int(np.median(shown))).max()
    courses = np.empty((len(times), len(onsets)))
    for length in np.unique(shown):
        own = shown == length
        response = _response(curve, int(length)) / usual
        since = times[:, None] - onsets[own]
        courses[:, own] = np.interp(
            since, np.arange(len(response)) * STEP, response, left=0, right=0
        )
    return courses


def _response(curve: Curve, shown: int) -> Double:
    """Convolve with a box of ``shown`` samples."""
    total = np.cumsum(np.pad(curve.samples, (0, shown)))
    response: Double = total - np.pad(total, (shown, 0))[: len(total)]
    return response
