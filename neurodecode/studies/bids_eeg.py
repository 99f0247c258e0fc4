"""EEG and MEG sessions of a BIDS data set, through MNE-BIDS."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Recording
from neurodecode.errors import DataError, DataWarning
from neurodecode.studies.bids_layout import Source, entities, inherited, read_tsv
from neurodecode.studies.meg_sensors import sensor_columns

__all__ = ["read_eeg"]

PER_SI = {"eeg": 1e6, "mag": 1e15, "grad": 1e13}
"""Microvolts a volt, fT a tesla, fT/cm a tesla a metre."""
NO_BRAIN = re.compile(r"(?i)(h|v|l|r)?(eog|emg|ecg|ekg)")
"""Beginnings of names of channels that measure eyes, muscles or the heart."""


def read_eeg(
    subject: str, root: Path, sources: Sequence[Source], events: Sequence[pd.DataFrame]
) -> Recording:
    """Read the sessions of a subject, in microvolts, fT (magnetometers) and fT/cm (gradiometers).

    A channel that is bad, or not finite, in any run is marked ``bad`` in the units; it is
    interpolated later.

    Raises
    ------
    DataError
        Where a file is damaged, sampling rates differ between runs or channels or from the sidecar,
        channels between runs, a channel is named twice, an event is outside its run, or no channel
        is finite.

    Warns
    -----
    DataWarning
        Where channels are marked as bad, not finite, named as if they measured no brain, or others
        than those of the table; where a file is shorter than its header or sidecar says.
    """
    parts: list[np.ndarray] = []
    bad: set[str] = set()
    first: Any = None
    kinds: list[str] = []
    for source, own in zip(sources, events, strict=True):
        raw = _read(source, root)
        if first is None:
            first = raw
            kinds = raw.get_channel_types()
        _refuse_other(source, raw, first)
        length = raw.n_times / raw.info["sfreq"]
        outside = (own["onset"] < 0) | (own["onset"] >= length)
        if outside.any():
            raise DataError(
                f"{source.events}: {int(outside.sum())} of {len(own)} events are outside the "
                f"run, which lasts {length:g} s; the first at {own['onset'][outside].iloc[0]:g} s"
            )
        values = (raw.get_data().T * [PER_SI[kind] for kind in kinds]).astype(np.float32)
        bad |= set(raw.info["bads"]) | _not_finite(source, values, raw.ch_names)
        parts.append(values)
    sfreq = float(first.info["sfreq"])
    if bad:
        warnings.warn(
            f"subject {subject}: {len(bad)} of {len(first.ch_names)} channels are marked as bad "
            f"in some run: {', '.join(sorted(bad))}",
            DataWarning,
            stacklevel=2,
        )
    others = [name for name in first.ch_names if NO_BRAIN.match(name)]
    if others:
        warnings.warn(
            f"subject {subject}: {', '.join(others)}: decoded as {'/'.join(sorted(set(kinds)))}, "
            "as the data set says; where they measure eyes, muscles or the heart, say so in "
            "column type of channels.tsv",
            DataWarning,
            stacklevel=2,
        )
    if "meg" in first:
        units = sensor_columns(first.info)  # of the first run; heads move by millimetres
    else:
        positions = np.array([channel["loc"][:3] for channel in first.info["chs"]]) * 1000
        units = pd.DataFrame(positions, columns=["x", "y", "z"])
    units.insert(0, "roi", kinds)
    units.insert(0, "unit", first.ch_names)
    units["bad"] = units["unit"].isin(bad)
    return Recording(
        data=np.concatenate(parts),
        times=np.concatenate([np.arange(len(part)) / sfreq for part in parts]),
        runs=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        events=pd.concat(events, ignore_index=True),
        units=units,
        participant_id=subject,
        sfreq=sfreq,
    )


def _read(source: Source, root: Path) -> Any:
    import mne_bids

    listed = _listed(source, root)
    own = entities(source.recording.name)
    kind = own["suffix"]
    path = mne_bids.BIDSPath(
        root=root, subject=own["sub"], session=own.get("ses"), task=own.get("task"),
        acquisition=own.get("acq"), processing=own.get("proc"), run=own.get("run"),
        split=own.get("split"), datatype=kind, suffix=kind, extension=source.recording.suffix,
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            raw = mne_bids.read_raw_bids(path, verbose="WARNING").load_data(verbose="ERROR")
            wrong: Exception | None = None
        except Exception as error:  # parsers of damaged files raise almost anything
            wrong = error
    # Names that stand twice get running numbers, and nothing but a warning says so.
    twice = [str(w.message) for w in told if "not unique" in str(w.message)]
    if twice:
        raise DataError(f"{source.recording}: channels named twice ({twice[0]})")
    if wrong is not None:
        raise DataError(f"{source.recording}: cannot be read ({wrong})") from wrong
    _compare(source, raw, listed)
    if kind not in raw:
        raise DataError(f"{source.recording}: holds no {kind.upper()} channel")
    raw.pick(kind, exclude=())
    promised = source.metadata.get("RecordingDuration")
    if source.recording.suffix.lower() in (".edf", ".bdf"):
        promised = _edf_length(source.recording, raw.ch_names)
    if isinstance(promised, (int, float)):
        _tell_cut(source.recording, raw.n_times / raw.info["sfreq"], promised)
    return raw


def _edf_length(path: Path, names: Sequence[str]) -> float:
    """Return the seconds that the header of an EDF or BDF file promises.

    Raises
    ------
    DataError
        Where the channels ``names`` have several rates: MNE would interpolate some of them.
    """
    with path.open("rb") as stream:
        head = stream.read(256)
        n_records, seconds, n = int(head[236:244]), float(head[244:252]), int(head[252:256])
        fields = stream.read(256 * n)
    labels = [fields[16 * k : 16 * k + 16].decode("latin-1").strip() for k in range(n)]
    counts = [int(fields[216 * n + 8 * k : 216 * n + 8 * k + 8]) for k in range(n)]
    rates = {m / seconds for label, m in zip(labels, counts, strict=True) if label in names}
    if len(rates) > 1:
        said = ", ".join(f"{rate:g}" for rate in sorted(rates))
        raise DataError(
            f"{path}: its channels are sampled at {said} Hz; bring them to one rate, or give those "
            "that are not decoded another type in channels.tsv"
        )
    return n_records * seconds


def _not_finite(source: Source, values: NDArray[np.float32], names: Sequence[str]) -> set[str]:
    """Set what is not finite to zero, in place, and return which channels hold such values.

    Raises
    ------
    DataError
        Where all do.
    """
    lost = ~np.isfinite(values)
    channels = {names[int(k)] for k in np.flatnonzero(lost.any(axis=0))}
    if not channels:
        return channels
    said = f"{source.recording}: {int(lost.any(axis=1).sum())} of {len(values)} samples"
    if len(channels) == len(names):
        raise DataError(
            f"{said} of every channel are not finite; cut the gap out, or fill it, and move the "
            "events that follow"
        )
    warnings.warn(
        f"{said} are not finite in {', '.join(sorted(channels))}, taken for bad",
        DataWarning,
        stacklevel=3,
    )
    values[lost] = 0
    return channels


def _tell_cut(path: Path, length: float, promised: float) -> None:
    if length < promised - max(1.0, 0.01 * promised):
        warnings.warn(
            f"{path}: lasts {length:.4g} s, its header or sidecar says {promised:.4g} s; the file "
            "may have been cut: copy it again",
            DataWarning,
            stacklevel=4,
        )


def _listed(source: Source, root: Path) -> set[str]:
    """Return the names in the tables of channels; empty where there is none."""
    own = {**entities(source.recording.name), "suffix": "channels"}
    found: set[str] = set()
    for path in inherited(source.recording.parent, root, own, ".tsv"):
        names = read_tsv(path, ("name",))["name"]
        twice = sorted(set(names[names.duplicated()]))
        if twice:
            raise DataError(f"{path}: channels named twice: {', '.join(twice)}")
        found |= set(names)
    return found


def _compare(source: Source, raw: Any, listed: set[str]) -> None:
    """Hold what the sidecars say, ``listed`` channels and rate, against the file itself."""
    rate, said = float(raw.info["sfreq"]), source.metadata.get("SamplingFrequency")
    if isinstance(said, (int, float)) and not np.isclose(said, rate, rtol=0.01):
        raise DataError(
            f"{source.recording}: sampled at {rate:g} Hz, its sidecar says {said:g} Hz; correct "
            "the one that is wrong"
        )
    held = set(raw.ch_names)
    for names, what in (
        (held - listed, "are not in channels.tsv, kept as they are"),
        (listed - held, "of channels.tsv are not in the file"),
    ):
        if listed and names:
            warnings.warn(
                f"{source.recording}: {len(names)} channels {what}: "
                f"{', '.join(sorted(names)[:10])}",
                DataWarning,
                stacklevel=4,
            )


def _refuse_other(source: Source, raw: Any, first: Any) -> None:
    if raw.info["sfreq"] != first.info["sfreq"]:
        raise DataError(
            f"{source.recording}: sampled at {raw.info['sfreq']:g} Hz, the run before at "
            f"{first.info['sfreq']:g} Hz; bring them to one rate"
        )
    if raw.ch_names != first.ch_names:
        different = sorted(set(raw.ch_names) ^ set(first.ch_names)) or ["their order"]
        raise DataError(
            f"{source.recording}: other channels than the run before: {', '.join(different[:10])}"
        )
