"""EEG epochs: filtered, repaired, re-referenced, cut at the trials, one unit a channel and time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Recording, Responses
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.trials import need_recording, trial_table

__all__ = ["Epochs"]

Double = NDArray[np.float64]


class Epochs:
    """Epochs through MNE, run by run.

    Parameters
    ----------
    start, stop : float
        First and last time of an epoch, seconds from the onset.
    band : (float, float)
        Hz; a zero-phase FIR filter over the whole run.
    notch : sequence of float
        Hz, each with a filter of its own; the line and what harmonics lie in the band.
    reference : {"average", "none"}
    baseline : (float, float) or None
        Seconds from the onset whose mean is subtracted from each channel.
    rate : float or None
        Samples a second that epochs are brought to.
    reject : float or None
        Trials of which a channel has a larger range (microvolts) are dropped.
    """

    def __init__(
        self,
        start: float,
        stop: float,
        band: tuple[float, float],
        notch: Sequence[float],
        reference: str,
        baseline: tuple[float, float] | None,
        rate: float | None,
        reject: float | None,
    ) -> None:
        self.start = start
        self.stop = stop
        self.band = band
        self.notch = notch
        self.reference = reference
        self.baseline = baseline
        self.rate = rate
        self.reject = reject

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return (n_trials, n_channels x n_times) in microvolts, the times of a channel together.

        Raises
        ------
        ConfigError
            Where a frequency is above half the sampling rate.
        DataError
            Where there is no event, a channel is named twice, or no trial is left.

        Warns
        -----
        DataWarning
            Where trials are dropped (they leave the run, or are rejected), or bad channels,
            because their places are not known.
        """
        recording = need_recording(data, "epochs")
        self._refuse(recording)
        recording = _without_placeless(recording)
        kept, parts = [], []
        times = np.zeros(0)
        left_run = 0
        for run in np.unique(recording.events["run"]):
            signal = self._clean(recording, int(run))
            rows, epochs, lost = self._cut(recording, int(run), signal)
            left_run += lost
            if len(rows):
                times, values = self._finish(epochs, recording)
                kept.append(rows)
                parts.append(values)
        n = len(recording.events)
        if not parts:
            raise DataError(f"epochs: no trial is left of {n}; all leave their run")
        rows, values = np.concatenate(kept), np.concatenate(parts)
        good = np.ones(len(rows), bool)
        if self.reject is not None:
            good = (np.ptp(values, axis=2) <= self.reject).all(axis=1)
        if not good.any():
            raise DataError(
                f"epochs: no trial is left of {n}; {left_run} leave their run, in "
                f"{int((~good).sum())} a channel's range is above {self.reject:g} microvolts"
            )
        if left_run or not good.all():
            warnings.warn(
                f"subject {recording.participant_id}: of {n} trials {left_run} were dropped as "
                f"they leave their run, {int((~good).sum())} as a channel's range is too large",
                DataWarning,
                stacklevel=2,
            )
        order = np.argsort(rows[good])
        trials = trial_table(recording).iloc[rows[good][order]].reset_index(drop=True)
        flat = values[good][order].reshape(len(trials), -1)
        return Responses(flat, trials, _units(recording.units, times), transductive=True)

    def _refuse(self, recording: Recording) -> None:
        if recording.events.empty:
            raise DataError("epochs: the recording has no event; it must hold one row a trial")
        highest = max(self.band[1], *self.notch, 0.0)
        if highest >= recording.sfreq / 2:
            raise ConfigError(
                f"epochs: band and notch must be below half the sampling rate "
                f"({recording.sfreq / 2:g} Hz), got {highest:g}"
            )
        names = recording.units["unit"]
        if names.duplicated().any():
            raise DataError(f"epochs: channels named twice: {', '.join(names[names.duplicated()])}")

    def _clean(self, recording: Recording, run: int) -> Double:
        """Return a run's signal (n_channels, n_times) in volts."""
        import mne

        info = _info(recording)
        own = recording.data[recording.runs == run].T.astype(float) * 1e-6
        raw = mne.io.RawArray(own, info, verbose="ERROR")
        low, high = self.band
        raw.filter(low or None, high, verbose="ERROR")
        if self.notch:
            raw.notch_filter(list(self.notch), verbose="ERROR")
        if raw.info["bads"]:
            raw.interpolate_bads(verbose="ERROR")
        if self.reference == "average":
            raw.set_eeg_reference("average", verbose="ERROR")
        cleaned: Double = raw.get_data()
        return cleaned

    def _cut(
        self, recording: Recording, run: int, signal: Double
    ) -> tuple[NDArray[np.int64], Double, int]:
        """Return which trials lie in the run, their epochs, and how many do not."""
        events = recording.events
        rows = np.flatnonzero(events["run"] == run)
        first = recording.times[recording.runs == run][0]
        onsets = (events["onset"].to_numpy(float)[rows] - first) * recording.sfreq
        before, after = round(self.start * recording.sfreq), round(self.stop * recording.sfreq)
        starts = np.rint(onsets).astype(int) + before
        length = after - before + 1
        inside = (starts >= 0) & (starts + length <= signal.shape[1])
        columns = starts[inside, None] + np.arange(length)
        epochs: Double = signal[:, columns].transpose(1, 0, 2)
        return rows[inside], epochs, int((~inside).sum())

    def _finish(self, epochs: Double, recording: Recording) -> tuple[Double, NDArray[np.float32]]:
        """Subtract the baseline and resample; return times and microvolts."""
        import mne

        info = _info(recording)
        made = mne.EpochsArray(epochs, info, tmin=self.start, verbose="ERROR")
        if self.baseline is not None:
            made.apply_baseline(self.baseline, verbose="ERROR")
        if self.rate is not None and self.rate < recording.sfreq:
            made.resample(self.rate, verbose="ERROR")
        return made.times, (made.get_data(copy=False) * 1e6).astype(np.float32)


def _info(recording: Recording) -> Any:
    import mne

    units = recording.units
    info = mne.create_info(units["unit"].tolist(), recording.sfreq, "eeg", verbose="ERROR")
    places = _places(units)
    known = np.asarray(np.isfinite(places).all(axis=1))
    if known.any():
        names = units["unit"].to_numpy()[known]
        positions = dict(zip(names, places[known] / 1000, strict=True))
        montage = mne.channels.make_dig_montage(positions, coord_frame="head")
        info.set_montage(montage, on_missing="ignore", verbose="ERROR")
    if "bad" in units:
        info["bads"] = units["unit"][units["bad"]].tolist()
    return info


def _places(units: pd.DataFrame) -> Double:
    """Return positions (n_units, 3) in mm, NaN where none are known."""
    if not {"x", "y", "z"} <= set(units):
        return np.full((len(units), 3), np.nan)
    return units[["x", "y", "z"]].to_numpy(float)


def _without_placeless(recording: Recording) -> Recording:
    """Drop bad channels that cannot be interpolated."""
    units = recording.units
    bad = units["bad"].to_numpy(bool) if "bad" in units else np.zeros(len(units), bool)
    known = np.asarray(np.isfinite(_places(units)).all(axis=1))
    if bad.all():
        raise DataError(f"epochs: all {len(units)} channels are marked as bad")
    lost = bad & ~(known & known[~bad].all())
    if not lost.any():
        return recording
    warnings.warn(
        f"subject {recording.participant_id}: {int(lost.sum())} of {len(units)} channels were "
        "dropped, as they are bad and the places of channels are not known",
        DataWarning,
        stacklevel=3,
    )
    left = units.iloc[np.flatnonzero(~lost)].reset_index(drop=True)
    return replace(recording, data=recording.data[:, ~lost], units=left)


def _units(channels: pd.DataFrame, times: Double) -> pd.DataFrame:
    """Return one row a channel and time."""
    table = channels.drop(columns="bad", errors="ignore").rename(columns={"unit": "channel"})
    table = table.iloc[np.repeat(np.arange(len(channels)), len(times))].reset_index(drop=True)
    table["time"] = np.tile(times, len(channels))
    names = [f"{c}_{t:.3f}s" for c, t in zip(table["channel"], table["time"], strict=True)]
    table.insert(0, "unit", names)
    return table
