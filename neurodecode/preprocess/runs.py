"""Runs made ready for a general linear model: nuisance projected out of the signal.

Nuisance is a constant, slow cosines (nilearn), and the recording's confounds. Samples that are not
to be used are left out of all rows, which is the same as one regressor for each of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from numpy.typing import NDArray

from neurodecode.contracts import Recording
from neurodecode.errors import DataError, DataWarning

__all__ = ["Run", "Runs", "count_scrubbed", "prepared_runs", "project"]

Double = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes
    ----------
    name : int
    events : int64 (n_trials,)
        Rows of its trials in the recording's events.
    onsets, durations : float64 (n_trials,)
        Seconds.
    times : float64 (n_kept,)
        When the kept volumes were taken.
    nuisance : float64 (n_kept, k)
        Orthonormal.
    signal : float64 (n_kept, n_units)
        Without nuisance; percent of the run's mean where asked for.
    """

    name: int
    events: NDArray[np.int64]
    onsets: Double
    durations: Double
    times: Double
    nuisance: Double
    signal: Double


class Runs:
    """Runs that are made anew each time they are gone through, so that one is in memory.

    Parameters
    ----------
    make : callable
        Starts over, and yields them one at a time.
    """

    def __init__(self, make: Callable[[], Iterator[Run]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Run]:
        return self._make()


def project(values: Double, basis: Double) -> Double:
    """Return ``values`` (n, m) without what an orthonormal ``basis`` (n, k) spans."""
    spanned = basis @ (basis.T @ values)
    left: Double = np.subtract(values, spanned, out=spanned)
    return left


def prepared_runs(recording: Recording, high_pass: float, *, percent: bool) -> Iterator[Run]:
    """Yield the runs that hold trials, one at a time.

    Parameters
    ----------
    recording : Recording
    high_pass : float
        Hz; cosines below it are nuisance. Zero: a constant alone.
    percent : bool
        Scale each unit to percent of its mean in the run.

    Raises
    ------
    DataError
        Where there is no trial, a trial starts outside its run, a run has fewer volumes than
        regressors, or ``percent`` meets a mean that is not positive.
    """
    if recording.events.empty:
        raise DataError("the recording has no event; it must hold one row a trial")
    run_of = recording.events["run"].to_numpy()
    for name in dict.fromkeys(run_of):
        # In a function of its own, so that nothing is held while the caller works.
        yield _prepared(recording, int(name), np.flatnonzero(run_of == name), high_pass, percent)


def _prepared(
    recording: Recording, name: int, events: NDArray[np.int64], high_pass: float, percent: bool
) -> Run:
    rows = np.flatnonzero(recording.runs == name)
    part = recording.events.iloc[events]
    onsets = part["onset"].to_numpy(float)
    times = recording.times[rows]
    _refuse_outside(name, onsets, times, 1 / recording.sfreq)
    kept = np.ones(len(rows), bool) if recording.kept is None else recording.kept[rows]
    nuisance = _nuisance(recording, rows, times, kept, high_pass)
    if kept.sum() <= nuisance.shape[1] + len(events):
        raise DataError(
            f"run {name}: {int(kept.sum())} volumes are kept, for {len(events)} trials and "
            f"{nuisance.shape[1]} nuisance regressors; use fewer confounds, a lower "
            "high_pass, or a milder limit of motion"
        )
    signal = recording.data[rows[kept]].astype(float)
    if percent:
        _to_percent(signal, name)
    return Run(
        name, events, onsets, part["duration"].to_numpy(float), times[kept], nuisance,
        project(signal, nuisance),
    )  # fmt: skip


def count_scrubbed(recording: Recording) -> None:
    """Warn how many samples are marked as not to be used."""
    if recording.kept is None or recording.kept.all():
        return
    lost = ~recording.kept
    worst = int(recording.runs[lost][0])
    share = 0.0
    for run in np.unique(recording.runs[lost]):
        of_run = float(lost[recording.runs == run].mean())
        worst, share = (int(run), of_run) if of_run > share else (worst, share)
    warnings.warn(
        f"subject {recording.participant_id}: {int(lost.sum())} of {lost.size} volumes were "
        f"scrubbed; most in run {worst} ({share:.0%})",
        DataWarning,
        stacklevel=3,
    )


def _refuse_outside(name: int, onsets: Double, times: Double, tr: float) -> None:
    outside = (onsets < times[0] - tr) | (onsets >= times[-1] + tr)
    if outside.any():
        raise DataError(
            f"run {name}: {int(outside.sum())} trials start outside the run, which lasts from "
            f"{times[0]:g} to {times[-1] + tr:g} s; the first at {onsets[outside][0]:g} s"
        )


def _nuisance(
    recording: Recording,
    rows: NDArray[np.int64],
    times: Double,
    kept: NDArray[np.bool_],
    high_pass: float,
) -> Double:
    parts = [np.ones((len(rows), 1))]
    if high_pass:
        parts.append(create_cosine_drift(high_pass, times)[:, :-1])
    if recording.confounds is not None:
        parts.append(recording.confounds.iloc[rows].to_numpy(float))
    nuisance = np.concatenate(parts, axis=1)[kept]
    if not np.isfinite(nuisance).all():
        raise DataError(
            f"run {recording.runs[rows[0]]}: the confounds hold values that are not finite"
        )
    size = np.linalg.norm(nuisance, axis=0)
    left, values, _ = np.linalg.svd(nuisance[:, size > 0] / size[size > 0], full_matrices=False)
    orthonormal: Double = left[:, values > 1e-8 * values[0]]
    return orthonormal


def _to_percent(signal: Double, name: int) -> None:
    """Scale in place."""
    mean = signal.mean(axis=0)
    if not (mean > 0).all():
        raise DataError(
            f"run {name}: {int((~(mean > 0)).sum())} units have a mean that is not positive, so "
            "there is no percent of it: mask them out, or set percent: false where the signal "
            "was centred before"
        )
    signal *= 100
    signal /= mean
