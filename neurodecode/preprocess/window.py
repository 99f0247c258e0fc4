"""Volumes after each onset, as they are: a lagged window, or the columns of an FIR model."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Recording, Responses
from neurodecode.errors import DataWarning
from neurodecode.preprocess.glm import drop_lost, seen_trials
from neurodecode.preprocess.runs import Run, count_scrubbed, prepared_runs
from neurodecode.preprocess.trials import need_recording

__all__ = ["Window"]

Double = NDArray[np.float64]


class Window:
    """Signal without nuisance at fixed delays after each onset.

    Parameters
    ----------
    start, stop : float
        First and last delay, seconds.
    mean : bool
        Average over the delays; else each unit and volume is a unit of its own.
    high_pass : float
        Hz.
    percent : bool
        In percent of the run's mean, else in the signal's unit.
    """

    def __init__(
        self, start: float, stop: float, mean: bool, high_pass: float, percent: bool
    ) -> None:
        self.start = start
        self.stop = stop
        self.mean = mean
        self.high_pass = high_pass
        self.percent = percent

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return the volumes nearest to each delay.

        Trials are kept and dropped by the rule of the linear models, so that all estimators give
        the same trials: by how much of a trial's response lies in volumes that are used. Where a
        trial is kept, a volume that is scrubbed is interpolated between the used ones around it,
        and one after the end of the run is the last.

        Raises
        ------
        DataError
            See :func:`~neurodecode.preprocess.runs.prepared_runs`; or no trial is left.

        Warns
        -----
        DataWarning
            Where volumes are scrubbed or interpolated, or trials dropped.
        """
        recording = need_recording(data, "window")
        count_scrubbed(recording)
        tr = 1 / recording.sfreq
        delays = np.arange(self.start, self.stop + 1e-9, tr)
        values = np.full(
            (len(recording.events), len(delays), recording.data.shape[1]), np.nan, np.float32
        )
        n_filled = 0
        for run in prepared_runs(recording, self.high_pass, percent=self.percent):
            seen = seen_trials(run)
            found, filled = _volumes(run, run.onsets[seen][:, None] + delays, tr)
            values[run.events[seen]] = found
            n_filled += int(filled.sum())
        if n_filled:
            warnings.warn(
                f"window: {n_filled} volumes of trials that are kept are scrubbed or after the end "
                "of the run, and were interpolated",
                DataWarning,
                stacklevel=2,
            )
        mean = drop_lost(recording, values.mean(axis=1))
        if self.mean:
            return mean
        flat = values[~np.isnan(values).all(axis=(1, 2))].reshape(len(mean.data), -1)
        return replace(mean, data=flat, units=_lagged(recording.units, delays))


def _volumes(run: Run, wanted: Double, tr: float) -> tuple[Double, NDArray[np.bool_]]:
    """Return the signal nearest to moments (n_trials, n_delays), and where it is interpolated."""
    after = np.clip(np.searchsorted(run.times, wanted), 1, len(run.times) - 1)
    before = after - 1
    earlier = wanted - run.times[before] < run.times[after] - wanted
    nearest = after - earlier
    found = run.signal[nearest]
    filled = np.abs(run.times[nearest] - wanted) > tr / 2 + 1e-6
    left, right = before[filled], after[filled]
    way = (wanted[filled] - run.times[left]) / (run.times[right] - run.times[left])
    way = np.clip(way, 0, 1)[:, None]
    found[filled] = (1 - way) * run.signal[left] + way * run.signal[right]
    return found, filled


def _lagged(units: pd.DataFrame, delays: np.ndarray) -> pd.DataFrame:
    """Return the units once a delay, delay by delay."""
    parts = [
        units.assign(unit=units["unit"].astype(str) + f"_{delay:g}s", delay=delay)
        for delay in delays
    ]
    return pd.concat(parts, ignore_index=True)
