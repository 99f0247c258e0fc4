"""One beta a trial by least squares: all trials at once, or each against the others."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Recording, Responses
from neurodecode.errors import DataError, DataWarning
from neurodecode.preprocess.hrf import LENGTH, regressors, standard
from neurodecode.preprocess.runs import Run, count_scrubbed, prepared_runs, project
from neurodecode.preprocess.trials import need_recording, trial_table

__all__ = ["Glm", "drop_lost", "lsa", "lss", "seen_trials"]

Double = NDArray[np.float64]
SEEN = 0.25
"""Least share of a trial's response that must lie in kept volumes, as a sum of squares."""


class Glm:
    """General linear model with one standard response (Mumford et al. 2012, NeuroImage 59, 2636).

    Parameters
    ----------
    method : {"lsa", "lss"}
        ``lsa``: one model with a regressor a trial. ``lss``: one model a trial, with a regressor
        for it and one for all others of its run.
    hrf : {"glover", "spm"}
    high_pass : float
        Hz.
    percent : bool
        Betas in percent of the run's mean, else in the signal's unit.
    """

    def __init__(
        self,
        method: Literal["lsa", "lss"],
        hrf: Literal["glover", "spm"],
        high_pass: float,
        percent: bool,
    ) -> None:
        self.method = method
        self.hrf = hrf
        self.high_pass = high_pass
        self.percent = percent

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return one beta a trial and unit.

        Raises
        ------
        DataError
            See :func:`~neurodecode.preprocess.runs.prepared_runs`; or no trial is left.

        Warns
        -----
        DataWarning
            Where volumes are scrubbed, or trials dropped whose response lies in such.
        """
        recording = need_recording(data, "glm")
        count_scrubbed(recording)
        curve, solve = standard(self.hrf), lsa if self.method == "lsa" else lss
        betas = np.full((len(recording.events), recording.data.shape[1]), np.nan, np.float32)
        for run in prepared_runs(recording, self.high_pass, percent=self.percent):
            courses, seen = (
                regressors(curve, run.onsets, run.durations, run.times),
                seen_trials(run),
            )
            found = solve(project(courses, run.nuisance), run.signal)
            betas[run.events[seen]] = found[seen]
        return drop_lost(recording, betas)


def lsa(courses: Double, signal: Double) -> Double:
    """Least squares, all trials at once.

    Parameters
    ----------
    courses : float64 (n_times, n_trials)
    signal : float64 (n_times, n_units)
        Both without nuisance.

    Returns
    -------
    float64 (n_trials, n_units)
    """
    return np.asarray(np.linalg.lstsq(courses, signal, rcond=None)[0], np.float64)


def lss(courses: Double, signal: Double) -> Double:
    """Least squares, each trial beside the sum of the others; arguments as :func:`lsa`."""
    if courses.shape[1] == 1:
        return lsa(courses, signal)
    others = courses.sum(axis=1, keepdims=True) - courses
    # The two normal equations of each model, solved by Cramer's rule.
    own, cross, rest = ((a * b).sum(axis=0)[:, None] for a, b in (
        (courses, courses), (courses, others), (others, others)))  # fmt: skip
    along = rest * (courses.T @ signal) - cross * (others.T @ signal)
    # A trial that no kept volume sees has no beta.
    with np.errstate(divide="ignore", invalid="ignore"):
        betas: Double = along / (own * rest - cross**2)
    return betas


def seen_trials(run: Run) -> NDArray[np.bool_]:
    """Return which trials (n_trials,) have enough of their Glover response in kept volumes.

    The others stay in the model, as the late parts of their responses are in volumes of others.
    """
    curve = standard("glover")
    step = float(np.median(np.diff(run.times)))
    last = float(run.onsets.max()) + LENGTH
    everywhere = run.times[0] + step * np.arange(int((last - run.times[0]) / step), dtype=float)
    here, whole = (
        (regressors(curve, run.onsets, run.durations, times) ** 2).sum(axis=0)
        for times in (run.times, everywhere)
    )
    seen: NDArray[np.bool_] = here >= SEEN * whole
    return seen


def drop_lost(recording: Recording, betas: NDArray[np.float32]) -> Responses:
    """Return the responses without trials that have none (NaN), and say how many.

    Raises
    ------
    DataError
        Where no trial is left.
    """
    lost = np.isnan(betas).all(axis=1)
    if lost.all():
        raise DataError(
            f"subject {recording.participant_id}: no trial is left of {lost.size}; the responses "
            "of all lie in scrubbed volumes or after the end of the run"
        )
    if lost.any():
        warnings.warn(
            f"subject {recording.participant_id}: {int(lost.sum())} of {lost.size} trials were "
            "dropped, as their responses lie in scrubbed volumes or after the end of the run",
            DataWarning,
            stacklevel=3,
        )
    trials = trial_table(recording).iloc[np.flatnonzero(~lost)].reset_index(drop=True)
    return Responses(betas[~lost], trials, recording.units, transductive=True)
