"""Raw files of THINGS-EEG2: pickled sessions, or the BrainVision recordings they were made from.

A BrainVision recording marks when something was shown; its ``beh`` file (MATLAB) says what: field
``images`` holds one row a picture with ``tot_img_number``, zero for a target.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from neurodecode.errors import DataError
from neurodecode.studies.plain_pickle import load_plain

__all__ = ["RATE", "TARGET", "behaviour", "read_brainvision", "read_pickled"]

RATE = 1000.0
N_CHANNELS = 63
TARGET = 99_999  # a picture that the person had to count; not decoded
# All marks but those of the recorder: where it began, and where signal is bad.
PICTURES = r"^(?!New Segment|[Bb][Aa][Dd]|[Ee][Dd][Gg][Ee]).*$"

Raw = tuple[NDArray[Any], list[str], NDArray[np.int64], NDArray[np.int64]]


def read_pickled(path: Path) -> Raw:
    """Read a session of one part, ``raw_eeg_training.npy`` or ``raw_eeg_test.npy``.

    Returns
    -------
    signal : float (63, n_times)
        Volts.
    channels : list of str
    samples, numbers : int64 (n_trials,)
        When pictures were shown, and which (from 1); targets are left out.

    Raises
    ------
    DataError
        Where the file is missing, damaged, or not as published.
    """
    found = load_plain(path)
    try:
        data, names = found["raw_eeg_data"], [str(name) for name in found["ch_names"]]
        kinds, rate = [str(kind) for kind in found["ch_types"]], float(found["sfreq"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: must be a dictionary of raw_eeg_data, ch_names, ch_types and sfreq"
        ) from error
    fits = getattr(data, "ndim", 0) == 2 and len(data) == len(names) == len(kinds)
    if rate != RATE or not fits:
        raise DataError(
            f"{path}: must be (channels, samples) at 1000 Hz, found "
            f"{getattr(data, 'shape', type(data).__name__)} of {len(names)} channels at {rate:g} Hz"
        )
    eeg = [k for k, kind in enumerate(kinds) if kind == "eeg"]
    if len(eeg) != N_CHANNELS or kinds.count("stim") != 1:
        raise DataError(
            f"{path}: {len(eeg)} EEG and {kinds.count('stim')} stimulus channels; there must be "
            f"{N_CHANNELS} and one"
        )
    stim = data[kinds.index("stim")]
    samples = np.flatnonzero((stim != 0) & (np.diff(stim, prepend=0) != 0))  # a mark may be held
    return (data[eeg], [names[k] for k in eeg], *_without_targets(samples, stim[samples]))


def behaviour(path: Path) -> Path:
    """Return the file that says what a BrainVision recording's pictures were."""
    return path.parents[1] / "beh" / path.name.replace("_eeg.vhdr", "_beh.mat")


def read_brainvision(path: Path) -> Raw:
    """Read one recording and its ``beh`` file; see :func:`read_pickled`.

    Raises
    ------
    DataError
        Where a file is missing or damaged, or there are more pictures than marks.
    """
    import mne

    try:
        raw = mne.io.read_raw_brainvision(path, preload=True, verbose="ERROR")
        marks, _ = mne.events_from_annotations(raw, regexp=PICTURES, verbose="ERROR")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{path}: not a whole BrainVision recording ({error})") from error
    beh = behaviour(path)
    try:
        rows = loadmat(beh)["data"][0, 0]["images"]["tot_img_number"][0]
        numbers = np.array([int(np.squeeze(row)) for row in rows], np.int64)
    except Exception as error:  # parsers of damaged files raise almost anything
        raise DataError(f"{beh}: not the published MATLAB file ({error})") from error
    if len(raw.ch_names) != N_CHANNELS or raw.info["sfreq"] != RATE:
        raise DataError(
            f"{path}: {len(raw.ch_names)} channels at {raw.info['sfreq']:g} Hz; there must be "
            f"{N_CHANNELS} at 1000 Hz"
        )
    samples = marks[:, 0] - raw.first_samp
    if len(samples) < len(numbers):
        raise DataError(
            f"{path}: {len(samples)} marks for {len(numbers)} pictures of {beh.name}; the "
            "recording was cut"
        )
    numbers = np.where(numbers == 0, TARGET, numbers)
    shown = _without_targets(samples[: len(numbers)], numbers)
    return (raw.get_data(), list(raw.ch_names), *shown)


def _without_targets(
    samples: NDArray[Any], numbers: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    which = np.asarray(numbers, np.int64)
    kept = which != TARGET
    return np.asarray(samples, np.int64)[kept], which[kept]
