"""Block responses: the mean of the volumes of each block."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from nilearn.signal import clean
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording, Responses
from neurodecode.errors import ConfigError, DataError, DataWarning
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
        ConfigError
            Where ``high_pass`` is above what the sampling can tell.
        DataError
            Where there is no block, a block leaves its run, or its baseline holds no volume.

        Warns
        -----
        DataWarning
            Where units are dropped because their responses never change or are not finite.
        """
        recording = need_recording(data, "blocks")
        if recording.events.empty:
            raise DataError("blocks: the recording has no event; it must hold one row a block")
        if self.high_pass and self.high_pass >= recording.sfreq / 2:
            raise ConfigError(
                f"blocks: high_pass must be below half the sampling rate "
                f"({recording.sfreq / 2:g} Hz), got {self.high_pass:g}"
            )
        within = self.baseline == "run"
        values = np.empty((len(recording.events), recording.data.shape[1]), np.float32)
        # One run in memory at a time.
        events = recording.events.reset_index(drop=True)
        for run in events["run"].unique():
            part = events[events["run"] == run]
            blocks = [self._volumes(recording, event) for event in part.to_dict("records")]
            rows = np.flatnonzero(recording.runs == run)
            signal = recording.data[rows]
            if within:
                signal = self._clean(signal, recording.sfreq)
            for event, volumes in zip(part.index, blocks, strict=True):
                mean = signal[volumes - rows[0]].mean(axis=0)
                if not within:
                    before = self._rest_before(recording, run, int(volumes[0]))
                    rest = signal[before - rows[0]].mean(axis=0)
                    # A unit that is zero at rest has no percent change; it is dropped below.
                    with np.errstate(divide="ignore", invalid="ignore"):
                        mean = 100 * (mean - rest) / rest
                values[event] = mean
        keep = _usable(values)
        units = recording.units[keep].reset_index(drop=True)
        return Responses(values[:, keep], trial_table(recording), units, within)

    def _clean(self, signal: Float, sfreq: float) -> Float:
        """Return a run (n_times, n_units) detrended and z-scored."""
        cleaned: Float = clean(
            signal,
            detrend=True,
            standardize="zscore_sample",
            high_pass=self.high_pass,
            filter="butterworth" if self.high_pass else False,
            t_r=1 / sfreq,
        )
        return cleaned

    def _volumes(self, recording: Recording, event: Mapping[Any, Any]) -> NDArray[np.int64]:
        """Volumes of a block, as many as its duration holds; none may lie outside the run."""
        run, duration = event["run"], event["duration"]
        start = event["onset"] + self.lag
        half = 0.5 / recording.sfreq
        inside = (
            (recording.runs == run)
            & (recording.times >= start - half)
            & (recording.times < start + duration - half)
        )
        wanted = max(1, int(duration * recording.sfreq + 1e-6))
        if inside.sum() < wanted:
            raise DataError(
                f"run {run}: {inside.sum() or 'no'} volume(s) in the block at {start:g} s (with "
                f"lag), {wanted} expected; the block leaves the run: a smaller lag keeps it inside"
            )
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


def _usable(values: Float) -> NDArray[np.bool_]:
    """Units whose responses (n_trials, n_units) are finite and change; says how many are not."""
    finite = np.asarray(np.isfinite(values).all(axis=0))
    constant = finite & np.asarray((values == values[0]).all(axis=0))
    keep: NDArray[np.bool_] = np.logical_and(finite, ~constant)
    if not keep.any():
        raise DataError(f"blocks: none of {keep.size} units has finite responses that change")
    if not keep.all():
        warnings.warn(
            f"blocks: {int((~finite).sum())} units with responses that are not finite and "
            f"{int(constant.sum())} constant ones of {keep.size} were dropped",
            DataWarning,
            stacklevel=3,
        )
    return keep
