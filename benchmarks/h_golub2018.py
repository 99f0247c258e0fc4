"""The decoder of a brain-computer interface session (Golub et al. 2018), made again from its parts.

Needs exampleData.mat of that paper in the folder golub2018 below $NEURODECODE_RECORDINGS.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from table import Table, run

from neurodecode.online.kalman import SteadyKalmanFilter

SOURCES = (
    "benchmarks/h_golub2018.py", "neurodecode/online/kalman.py", "neurodecode/online/decoded.py",
    "neurodecode/online/kernels.py",
)  # fmt: skip
FILE = Path(os.environ.get("NEURODECODE_RECORDINGS", "recordings"), "golub2018", "exampleData.mat")


def settled(mapping: Any) -> SteadyKalmanFilter:
    """Our filter of constant gain with the session's model of velocity and factors."""
    return SteadyKalmanFilter().restore(
        {
            "A": mapping.A.astype(float), "G": mapping.Q.astype(float), "S": np.eye(2),
            "C": mapping.C, "precision": np.linalg.inv(mapping.R),
            "y_mean": mapping.d, "z_mean": np.zeros(2),
        }
    )  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` does the same, or says that the recording is not here."""
    if not FILE.is_file():
        if not quick:
            sys.exit(f"{FILE}: no such file. {(__doc__ or '').splitlines()[2]}")
        table.add("recording", f"not here: {FILE}")
        return
    data = loadmat(FILE, struct_as_record=False, squeeze_me=True)
    for name in ("intuitive", "perturbed"):
        mapping = getattr(data["expParams"], f"{name}Mapping")
        error, largest, n_bins = 0.0, 0.0, 0
        for block in ("beforeLearning", "afterLearning"):
            clouds = data[block].clouds
            recorded = getattr(clouds, f"vraw_{name}")
            for counts, velocity in zip(clouds.spikes, recorded, strict=True):
                ours = mapping.M2 @ counts + mapping.m0[:, None]
                error = max(error, np.abs(ours - velocity).max())
                largest = max(largest, np.abs(velocity).max())
                n_bins += counts.shape[1]
        table.add(
            f"{name}: M2 u + m0 - recorded velocity, {n_bins} bins of 86 units",
            f"at most {error:.1e}", f"largest velocity {largest:.0f}",
            "<= 1e-6", error <= 1e-6,
        )  # fmt: skip
        decoder = settled(mapping)
        P = decoder.predict(mapping.d[None]).cov[0]
        gain = P @ mapping.C.T @ decoder.precision_
        error = np.abs(gain - mapping.K).max() / np.abs(mapping.K).max()
        table.add(f"{name}: our steady gain - the session's K", f"{error:.1e} of the largest entry",
                  "", "<= 1e-6", error <= 1e-6)  # fmt: skip
        kept = np.abs((np.eye(2) - gain @ mapping.C) @ mapping.A - mapping.M1).max()
        table.add(f"{name}: our (I - K C) A - the session's M1", f"{kept:.1e}",
                  "", "<= 1e-6", kept <= 1e-6)  # fmt: skip


if __name__ == "__main__":
    run("h_golub2018", SOURCES, measure, (__doc__ or "").splitlines()[0])
