"""Volumes after each onset, as they are: a lagged window, or the columns of an FIR model."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from neurodecode.contracts import Recording, Responses
from neurodecode.errors import DataError, DataWarning
from neurodecode.preprocess.runs import count_scrubbed, prepared_runs
from neurodecode.preprocess.trials import need_recording, trial_table

__all__ = ["Window"]


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

        Raises
        ------
        DataError
            Where no trial has all its volumes.

        Warns
        -----
        DataWarning
            Where trials are dropped because a volume is scrubbed or after the end of the run.
        """
        recording = need_recording(data, "window")
        count_scrubbed(recording)
        tr = 1 / recording.sfreq
        delays = np.arange(self.start, self.stop + 1e-9, tr)
        values = np.full(
            (len(recording.events), len(delays), recording.data.shape[1]), np.nan, np.float32
        )
        for run in prepared_runs(recording, self.high_pass, percent=self.percent):
            wanted = run.onsets[:, None] + delays
            after = np.clip(np.searchsorted(run.times, wanted), 1, len(run.times) - 1)
            earlier = wanted - run.times[after - 1] < run.times[after] - wanted
            nearest = after - earlier
            there = (np.abs(run.times[nearest] - wanted) <= tr / 2 + 1e-6).all(axis=1)
            values[run.events[there]] = run.signal[nearest[there]]
        lost = np.isnan(values).any(axis=(1, 2))
        if lost.all():
            raise DataError(
                f"window: no trial of {lost.size} has volumes at all delays from {self.start:g} "
                f"to {self.stop:g} s"
            )
        if lost.any():
            warnings.warn(
                f"window: {int(lost.sum())} of {lost.size} trials were dropped, as a volume of "
                "theirs is scrubbed or after the end of the run",
                DataWarning,
                stacklevel=2,
            )
        trials = trial_table(recording).iloc[np.flatnonzero(~lost)].reset_index(drop=True)
        if self.mean:
            return Responses(values[~lost].mean(axis=1), trials, recording.units, True)
        flat = values[~lost].reshape(len(trials), -1)
        return Responses(flat, trials, _lagged(recording.units, delays), True)


def _lagged(units: pd.DataFrame, delays: np.ndarray) -> pd.DataFrame:
    """Return the units once a delay, delay by delay."""
    parts = [
        units.assign(unit=units["unit"].astype(str) + f"_{delay:g}s", delay=delay)
        for delay in delays
    ]
    return pd.concat(parts, ignore_index=True)
