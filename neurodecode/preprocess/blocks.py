"""Block responses: the mean of the volumes of each block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from nilearn.signal import clean
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording, Responses
from neurodecode.errors import DataError
from neurodecode.preprocess.trials import need_recording, trial_table

__all__ = ["Blocks"]


class Blocks:
    """Mean of each block's volumes.

    Parameters
    ----------
    baseline : str
        ``run``: linear detrending and z-scoring over the run's own volumes (nilearn). Sees no
        label, but volumes of test blocks: transductive. ``preceding_rest``: percent change from
        the mean of the rest volumes since the block before, so nothing later is used.
    lag : float
        Seconds added to the onsets.
    high_pass : float or None
        Hz, with ``baseline: run``.
    """

    def __init__(self, baseline: str, lag: float, high_pass: float | None) -> None:
        self.baseline = baseline
        self.lag = lag
        self.high_pass = high_pass

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return one response a block.

        Raises
        ------
        DataError
            Where a block or its baseline holds no volume.
        """
        recording = need_recording(data, "blocks")
        within = self.baseline == "run"
        signal = self._clean(recording) if within else recording.data
        rows = []
        for event in recording.events.to_dict("records"):
            volumes = self._volumes(recording, event)
            mean = signal[volumes].mean(axis=0)
            if not within:
                rest = signal[self._rest_before(recording, event["run"], int(volumes[0]))].mean(
                    axis=0
                )
                mean = 100 * (mean - rest) / np.where(rest != 0, rest, 1)
            rows.append(mean)
        return Responses(
            np.stack(rows).astype(np.float32), trial_table(recording), recording.units, within
        )

    def _clean(self, recording: Recording) -> Float:
        cleaned = np.empty_like(recording.data)
        for run in np.unique(recording.runs):
            rows = recording.runs == run
            cleaned[rows] = clean(
                recording.data[rows],
                detrend=True,
                standardize="zscore_sample",
                high_pass=self.high_pass,
                filter="butterworth" if self.high_pass else False,
                t_r=1 / recording.sfreq,
            )
        return cleaned

    def _volumes(self, recording: Recording, event: Mapping[Any, Any]) -> NDArray[np.int64]:
        """Volumes of a block; none may lie outside the run."""
        run, duration = event["run"], event["duration"]
        start = event["onset"] + self.lag
        half = 0.5 / recording.sfreq
        inside = (
            (recording.runs == run)
            & (recording.times > start - half)
            & (recording.times < start + duration - half)
        )
        if not inside.any():
            raise DataError(f"run {run}: no volume in the block at {start:g} s (with lag)")
        return np.flatnonzero(inside)

    def _rest_before(self, recording: Recording, run: int, first: int) -> NDArray[np.int64]:
        """Volumes of the run before ``first`` and after every earlier block."""
        rest = (recording.runs == run) & (np.arange(len(recording.runs)) < first)
        of_run = recording.events[recording.events["run"] == run]
        for event in of_run.to_dict("records"):
            volumes = self._volumes(recording, event)
            if volumes[0] < first:
                rest[: volumes[-1] + 1] = False
        if not rest.any():
            raise DataError(f"run {run}: no rest volume just before the block at volume {first}")
        return np.flatnonzero(rest)
