"""The general linear model that the world is calibrated with: one regressor a trial.

Its HRF is the mean of all people, its nuisance a constant, slow cosines and the motion parameters;
ordinary least squares. What it does to a trial's response and to noise follows from the design
alone, so that responses can be drawn without drawing the series (see `responses`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodecode.simulate.hrf import curves, design
from neurodecode.simulate.noise import ar_covariance, drift_basis
from neurodecode.simulate.world import Hrf, Schedule

__all__ = ["mean_curve", "noise_variance", "readout"]

Double = NDArray[np.float64]


def mean_curve(hrf: Hrf, duration: float) -> Double:
    """Return the response (1, n_samples) of the mean person's mean voxel."""
    delay, width, undershoot = (np.array([part[0]]) for part in (hrf.delay, hrf.width,
                                                                  hrf.undershoot))  # fmt: skip
    return curves(delay, width, undershoot, duration)


def readout(
    onsets: Double, n_times: int, hrf: Hrf, schedule: Schedule, nuisance: Double | None = None
) -> Double:
    """Return the rows (n_trials, n_times) that turn a series into least-squares responses.

    Parameters
    ----------
    onsets : float64 (n_trials,)
        Seconds within the run.
    n_times : int
    hrf : Hrf
    schedule : Schedule
    nuisance : float64 (n_times, k), optional
        Further regressors, such as motion parameters.
    """
    trials = design(mean_curve(hrf, schedule.duration), onsets, n_times, schedule.tr)[0]
    parts = [trials, np.ones((n_times, 1)), drift_basis(schedule, n_times)]
    if nuisance is not None:
        parts.append(nuisance)
    return np.linalg.pinv(np.concatenate(parts, axis=1))[: len(onsets)]


def noise_variance(rows: Double, coefficient: float) -> float:
    """Return the mean variance of a response where AR(1) noise has unit variance."""
    covariance = ar_covariance(rows.shape[1], coefficient)
    return float(np.einsum("ij,jk,ik->i", rows, covariance, rows, optimize=True).mean())
