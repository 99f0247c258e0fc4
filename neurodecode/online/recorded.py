"""Reading a continuous recording, whatever wrote it, for replay."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurodecode.errors import DataError
from neurodecode.online.stream import Array, Marker

__all__ = ["Recorded", "read_recorded"]


@dataclass(frozen=True)
class Recorded:
    """A recording that can be replayed.

    Attributes
    ----------
    data : float64 (n_samples, n_channels)
        Unit of the file (V where MNE reads it).
    times : float64 (n_samples,)
        Seconds since the first sample; only forward.
    sfreq : float
        Nominal samples a second.
    channels : tuple of str
        Names.
    markers : tuple of Marker
        In order, on the same time.
    """

    data: Array
    times: Array
    sfreq: float
    channels: tuple[str, ...]
    markers: tuple[Marker, ...] = ()


def read_recorded(path: Path) -> Recorded:
    """Read a FIF, BrainVision, EEGLAB, EDF, XDF or npz file.

    An ``.npz`` holds ``data`` (n_samples, n_channels), ``sfreq`` and, where known, ``times``,
    ``channels``, ``marker_times`` and ``marker_labels``. Of an XDF file the regular stream with
    the most values is read, and every stream of text as markers.

    Raises
    ------
    DataError
        Where the file is missing, damaged, or of a kind that is not read.
    """
    kind = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    if kind.lower() not in READERS:
        raise DataError(f"{path}: must be a recording that ends in {', '.join(sorted(READERS))}")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        found = READERS[kind.lower()](path)
    except DataError:
        raise
    except Exception as error:  # what readers raise on damaged files has no common base
        raise DataError(f"{path}: cannot be read as a recording: {error}") from error
    _check(path, found)
    return found


def _mne(path: Path) -> Recorded:
    import mne

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on file names and units, of no concern here
        raw = mne.io.read_raw(path, preload=True, verbose="error")
        picks = mne.pick_types(
            raw.info, meg=True, eeg=True, ref_meg=False, seeg=True, ecog=True, dbs=True,
            eog=True, ecg=True, emg=True, misc=True, bio=True, exclude=(),
        )  # fmt: skip
    markers = [
        Marker(float(onset) - raw.first_time, str(label))
        for onset, label in zip(raw.annotations.onset, raw.annotations.description, strict=True)
    ]
    if raw.annotations.orig_time is None:
        markers = [Marker(m.time + raw.first_time, m.label) for m in markers]
    if mne.pick_types(raw.info, meg=False, stim=True, exclude=()).size:
        events = mne.find_events(raw, shortest_event=1, verbose="error")
        sfreq, first = raw.info["sfreq"], raw.first_samp
        markers += [Marker((int(e[0]) - first) / sfreq, str(int(e[2]))) for e in events]
    return Recorded(
        data=raw.get_data(picks=picks).T,
        times=raw.times,
        sfreq=float(raw.info["sfreq"]),
        channels=tuple(raw.ch_names[i] for i in picks),
        markers=_ordered(markers),
    )


def _xdf(path: Path) -> Recorded:
    import pyxdf

    with path.open("rb") as file:
        streams, _ = pyxdf.load_xdf(file, verbose=False)
    regular = [s for s in streams if float(s["info"]["nominal_srate"][0]) > 0 and _is_numeric(s)]
    if not regular:
        raise DataError(f"{path}: holds no stream of numbers with a sampling rate")
    chosen = max(regular, key=lambda s: np.size(s["time_series"]))
    data = np.asarray(chosen["time_series"], dtype=np.float64)
    start = float(chosen["time_stamps"][0])
    markers = [
        Marker(float(time) - start, str(label[0]))
        for stream in streams
        if not _is_numeric(stream)
        for time, label in zip(stream["time_stamps"], stream["time_series"], strict=True)
    ]
    return Recorded(
        data=data,
        times=np.asarray(chosen["time_stamps"], dtype=np.float64) - start,
        sfreq=float(chosen["info"]["nominal_srate"][0]),
        channels=_xdf_channels(chosen, data.shape[1]),
        markers=_ordered(markers),
    )


def _is_numeric(stream: Any) -> bool:
    return stream["info"]["channel_format"][0] != "string" and len(stream["time_stamps"]) > 0


def _xdf_channels(stream: Any, n_channels: int) -> tuple[str, ...]:
    try:
        described = stream["info"]["desc"][0]["channels"][0]["channel"]
        names = tuple(str(channel["label"][0]) for channel in described)
    except (KeyError, IndexError, TypeError):
        names = ()
    return names if len(names) == n_channels else _numbered(n_channels)


def _npz(path: Path) -> Recorded:
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in ("data", "sfreq") if name not in file]
        if missing:
            raise DataError(f"{path}: array(s) {', '.join(missing)} missing; found {file.files}")
        data = np.asarray(file["data"], dtype=np.float64)
        if data.ndim != 2:
            raise DataError(f"{path}: data must be (n_samples, n_channels), got {data.shape}")
        sfreq = float(file["sfreq"])
        if not 0 < sfreq < np.inf:
            raise DataError(f"{path}: sfreq must be above 0 Hz, got {sfreq:g}")
        markers = [
            Marker(float(time), str(label))
            for time, label in zip(
                file.get("marker_times", ()), file.get("marker_labels", ()), strict=True
            )
        ]
        times = np.asarray(file.get("times", np.arange(len(data)) / sfreq), dtype=np.float64)
        names = tuple(map(str, file.get("channels", _numbered(data.shape[1]))))
    return Recorded(data, times, sfreq, names, _ordered(markers))


def _numbered(n_channels: int) -> tuple[str, ...]:
    return tuple(f"ch{i:03d}" for i in range(n_channels))


def _ordered(markers: list[Marker]) -> tuple[Marker, ...]:
    return tuple(sorted(markers, key=lambda marker: marker.time))


def _check(path: Path, found: Recorded) -> None:
    n_samples, n_channels = found.data.shape
    if not n_samples or not n_channels:
        raise DataError(f"{path}: holds no samples")
    if found.times.shape != (n_samples,) or len(found.channels) != n_channels:
        raise DataError(
            f"{path}: {n_samples} samples of {n_channels} channels need as many times and names, "
            f"got {len(found.times)} and {len(found.channels)}"
        )
    if not np.isfinite(found.times).all() or (np.diff(found.times) <= 0).any():
        raise DataError(f"{path}: times of the samples must go forward")


READERS: dict[str, Callable[[Path], Recorded]] = {
    ".fif": _mne,
    ".fif.gz": _mne,
    ".vhdr": _mne,
    ".set": _mne,
    ".edf": _mne,
    ".bdf": _mne,
    ".xdf": _xdf,
    ".npz": _npz,
}
