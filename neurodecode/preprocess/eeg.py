"""EEG and MEG epochs: filtered, repaired, cut at the trials, one unit a channel and time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording, Responses
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.eeg_channels import (
    as_raw,
    channel_info,
    channel_scale,
    interpolate,
    is_eeg,
    plain,
    repaired,
    without_lost,
)
from neurodecode.preprocess.eeg_cleaning import bad_channels, remove_components, repair_epochs
from neurodecode.preprocess.forward import forward_sections, run_forward
from neurodecode.preprocess.trials import need_recording, trial_table

__all__ = ["Epochs"]

Double = NDArray[np.float64]
LEFT = "as they leave their run"


class Epochs:
    """Epochs through MNE, run by run.

    Parameters
    ----------
    start, stop : float
        First and last time of an epoch, seconds from the onset.
    band : (float, float)
        Hz; a zero-phase FIR filter over the whole run.
    causal : bool
        Filter forward only instead; see :mod:`.forward`.
    notch : sequence of float
        Hz, each with a filter of its own; the line and what harmonics lie in the band.
    bad_channels : float or None
        Robust z of the amplitude from which a channel is bad; see :func:`bad_channels`.
    ica : {"frontal", "iclabel"} or None
        Which independent components are artefacts; see :func:`remove_components`.
    reference : {"average", "none"}
        Of EEG.
    baseline : (float, float) or None
        Seconds from the onset whose mean is subtracted from each channel.
    rate : float or None
        Samples a second that epochs are brought to.
    autoreject : bool
        Repair or drop trials; see :func:`repair_epochs`.
    reject, reject_mag, reject_grad : float or None
        Trials of which an EEG channel (magnetometer, gradiometer) has a larger range (microvolts,
        fT, fT/cm) are dropped.
    """

    def __init__(
        self,
        start: float,
        stop: float,
        band: tuple[float, float],
        causal: bool,
        notch: Sequence[float],
        bad_channels: float | None,
        ica: str | None,
        reference: str,
        baseline: tuple[float, float] | None,
        rate: float | None,
        autoreject: bool,
        reject: float | None,
        reject_mag: float | None,
        reject_grad: float | None,
    ) -> None:
        self.start = start
        self.stop = stop
        self.band = band
        self.causal = causal
        self.notch = notch
        self.bad_channels = bad_channels
        self.ica = ica
        self.reference = reference
        self.baseline = baseline
        self.rate = rate
        self.autoreject = autoreject
        self.most = {"eeg": reject, "mag": reject_mag, "grad": reject_grad}

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return (n_trials, n_channels x n_times), the times of a channel together.

        In microvolts, fT (magnetometers) or fT/cm (gradiometers).

        Raises
        ------
        ConfigError
            Where a frequency is above half the sampling rate, or a step is for EEG alone.
        DataError
            Where there is no event, a channel is named twice, or no trial is left.

        Warns
        -----
        DataWarning
            Where trials are dropped, and why; where bad channels are, as they cannot be
            interpolated.
        """
        recording = need_recording(data, "epochs")
        self._refuse(recording)
        facts: dict[str, str] = {}
        recording = without_lost(self._with_bad_found(recording, facts))
        rows, times, epochs = self._all_runs(recording, facts)
        n = len(recording.events)
        dropped = {LEFT: n - len(rows)}
        values, good = self._kept(recording, epochs, dropped, facts)
        said = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        if not good.any():
            raise DataError(f"epochs: no trial is left of {n}: {said}")
        if said:
            warnings.warn(
                f"subject {recording.participant_id}: of {n} trials {n - int(good.sum())} were "
                f"dropped: {said}",
                DataWarning,
                stacklevel=2,
            )
        order = np.argsort(rows[good])
        trials = trial_table(recording).iloc[rows[good][order]].reset_index(drop=True)
        flat = values[good][order].reshape(len(trials), -1)
        return Responses(
            flat,
            trials,
            _units(recording.units, times),
            transductive=not self.causal,
            quality={
                "facts": pd.DataFrame({"fact": list(facts), "value": list(facts.values())}),
                "dropped": pd.DataFrame({"reason": list(dropped), "n": list(dropped.values())}),
                "repaired": repaired(recording.units),
            },
        )

    def finish_one(self, epoch: Double, units: pd.DataFrame, sfreq: float) -> Float | None:
        """Finish an epoch that was filtered forward and cut live, as :meth:`estimate` does.

        Takes volts (n_channels, n_times) from ``start`` to ``stop`` and one row of ``unit``,
        ``roi``, ``x``, ``y``, ``z`` and ``bad`` a channel; returns float32 (n_channels x
        n_times,), or None where the epoch is rejected.
        """
        import mne

        empty = pd.DataFrame(columns=["onset", "duration", "run", "stimulus", "category"])
        nothing = np.zeros((0, len(units)), np.float32)
        recording = Recording(nothing, np.zeros(0), np.zeros(0, np.int64), empty, units, "", sfreq)
        raw = mne.io.RawArray(epoch, channel_info(recording), verbose="ERROR")
        interpolate(raw)
        _, epochs = self._finish(raw.get_data()[None], recording)
        values, good = self._kept(recording, epochs, {}, {})
        return values[0].reshape(-1) if good[0] else None

    def _with_bad_found(self, recording: Recording, facts: dict[str, str]) -> Recording:
        """Mark channels that are bad in some run."""
        if self.bad_channels is None:
            return recording
        units = recording.units
        marked = units["bad"].to_numpy(bool) if "bad" in units else np.zeros(len(units), bool)
        found = np.zeros(len(units), bool)
        for run in np.unique(recording.runs):
            raw = self._filtered(recording, int(run))
            for kind in units["roi"].unique():  # amplitudes of one type of sensor compare
                own = np.flatnonzero((units["roi"] == kind).to_numpy() & ~marked)
                signal = raw.get_data()[own]
                found[own] |= bad_channels(signal, recording.sfreq, self.bad_channels)
        names = ", ".join(units["unit"][found]) or "none"
        facts["Channels found bad"] = f"{int(found.sum())} of {len(units)} ({names})"
        if found.any():
            warnings.warn(
                f"subject {recording.participant_id}: {facts['Channels found bad']} channels were "
                "found bad",
                DataWarning,
                stacklevel=3,
            )
        return replace(recording, units=units.assign(bad=marked | found))

    def _all_runs(
        self, recording: Recording, facts: dict[str, str]
    ) -> tuple[NDArray[np.int64], Double, Double]:
        """Return which trials lie in their runs, the times, and the epochs in volts or tesla."""
        kept, parts = [], []
        removed: list[str] = []
        times = np.zeros(0)
        for run in np.unique(recording.events["run"]):
            rows, epochs = self._cut(recording, int(run), self._clean(recording, int(run), removed))
            if len(rows):
                times, values = self._finish(epochs, recording)
                kept.append(rows)
                parts.append(values)
        if self.ica:
            kinds = ", ".join(f"{removed.count(k)} {k}" for k in dict.fromkeys(removed)) or "none"
            facts["Independent components removed"] = f"{len(removed)} in all runs ({kinds})"
        if not parts:
            n = len(recording.events)
            raise DataError(f"epochs: no trial is left of {n}: {n} {LEFT}")
        return np.concatenate(kept), times, np.concatenate(parts)

    def _kept(
        self,
        recording: Recording,
        epochs: Double,
        dropped: dict[str, int],
        facts: dict[str, str],
    ) -> tuple[Float, NDArray[np.bool_]]:
        """Repair, reference, reject; return all epochs in their units, and which are kept."""
        import mne

        good = np.ones(len(epochs), bool)
        if self.autoreject:
            made = mne.EpochsArray(epochs, self._epoch_info(recording), verbose="ERROR")
            mended = repair_epochs(made)
            epochs, good = mended.data, mended.good
            dropped["as autoreject finds too many bad channels"] = int((~good).sum())
            facts["Channels repaired by autoreject"] = (
                f"{int(mended.channels.sum())} times in {int(good.sum())} trials"
            )
        eeg = is_eeg(recording.units)
        if self.reference == "average" and eeg.any():
            # After autoreject: a bad channel would lend its noise to all others.
            epochs[:, eeg] -= epochs[:, eeg].mean(axis=1, keepdims=True)
        values = (epochs / channel_scale(recording.units)[:, None]).astype(np.float32)
        for kind, most in self.most.items():
            own = (recording.units["roi"] == kind).to_numpy()
            if most is not None and own.any():
                loud = good & (np.ptp(values[:, own], axis=2) > most).any(axis=1)
                dropped[f"as the range of a channel ({kind}) is above {most:g}"] = int(loud.sum())
                good = good & ~loud
        return values, good

    def _refuse(self, recording: Recording) -> None:
        if recording.events.empty:
            raise DataError("epochs: the recording has no event; it must hold one row a trial")
        highest = max(self.band[1], *self.notch, 0.0)
        if highest >= recording.sfreq / 2:
            raise ConfigError(
                f"epochs: band and notch must be below half the sampling rate "
                f"({recording.sfreq / 2:g} Hz), got {highest:g}"
            )
        if self.ica or self.autoreject:
            kinds = sorted(set(recording.units["roi"]) - {"eeg"})
            if kinds:
                raise ConfigError(
                    f"epochs: ica and autoreject are for EEG, the recording holds "
                    f"{', '.join(kinds)}; leave them out"
                )
        names = recording.units["unit"]
        if names.duplicated().any():
            raise DataError(f"epochs: channels named twice: {', '.join(names[names.duplicated()])}")

    def _filtered(self, recording: Recording, run: int) -> Any:
        import mne

        raw = as_raw(recording, run)
        if self.causal:
            sections = forward_sections(self.band, self.notch, recording.sfreq)
            return mne.io.RawArray(
                run_forward(sections, raw.get_data().T).T, raw.info, verbose="ERROR"
            )
        low, high = self.band
        raw.filter(low or None, high, verbose="ERROR")
        if self.notch:
            raw.notch_filter(list(self.notch), verbose="ERROR")
        return raw

    def _clean(self, recording: Recording, run: int, removed: list[str]) -> Double:
        """Return a run's signal (n_channels, n_times) in volts or tesla."""
        raw = self._filtered(recording, run)
        if self.ica:
            raw.set_eeg_reference("average", verbose="ERROR")
            removed += remove_components(raw, as_raw(recording, run), self.ica)
        interpolate(raw)
        cleaned: Double = raw.get_data()
        return cleaned

    def _cut(
        self, recording: Recording, run: int, signal: Double
    ) -> tuple[NDArray[np.int64], Double]:
        """Return which trials lie in the run, and their epochs."""
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
        return rows[inside], epochs

    def _finish(self, epochs: Double, recording: Recording) -> tuple[Double, Double]:
        """Subtract the baseline and resample; return times and epochs."""
        import mne

        info = channel_info(recording)
        made = mne.EpochsArray(epochs, info, tmin=self.start, verbose="ERROR")
        if self.baseline is not None:
            made.apply_baseline(self.baseline, verbose="ERROR")
        if self.rate is not None and self.rate < recording.sfreq:
            made.resample(self.rate, verbose="ERROR")
        return made.times, made.get_data(copy=False)

    def _epoch_info(self, recording: Recording) -> Any:
        """Return what MNE needs to know of epochs, whose bad channels are repaired by then."""
        units = recording.units.drop(columns="bad", errors="ignore")
        rate = min(self.rate or recording.sfreq, recording.sfreq)
        return channel_info(replace(recording, units=units, sfreq=rate))


def _units(channels: pd.DataFrame, times: Double) -> pd.DataFrame:
    """Return one row a channel and time."""
    table = plain(channels).rename(columns={"unit": "channel"})
    table = table.iloc[np.repeat(np.arange(len(channels)), len(times))].reset_index(drop=True)
    table["time"] = np.tile(times, len(channels))
    names = [f"{c}_{t:.3f}s" for c, t in zip(table["channel"], table["time"], strict=True)]
    table.insert(0, "unit", names)
    return table
