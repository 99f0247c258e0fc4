"""A real recording that ships: monkey motor cortex while a hand reaches (Flint et al. 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodecode.artifacts import load_arrays
from neurodecode.online.decoded import Array

__all__ = ["MotorRecording", "flint2012"]

FILE = Path(__file__).parent / "data" / "flint2012.safetensors"


@dataclass(frozen=True)
class MotorRecording:
    """Neural features and what the hand did, in bins.

    Attributes
    ----------
    features : float64 (n_times, n_chans)
    velocity : float64 (n_times, 2)
    bin_width : float
        Seconds.
    """

    features: Array
    velocity: Array
    bin_width: float


def flint2012() -> MotorRecording:
    """Run 1 of the recordings of Flint et al. (2012), as M. C. Burkhart preprocessed them.

    Ten principal components of spike counts in 100 ms bins (n_times 7792) with the velocity one
    bin later. The components were made over the whole run, so test bins may have shaped them: that
    is how the published figures came about (bins 0 to 5000 train, the next 1000 test).

    References
    ----------
    Flint, Lindberg, Jordan, Miller & Slutzky (2012), J. Neural Eng. 9, 046006.
    Burkhart, Brandman, Franco, Hochberg & Harrison (2020), Neural Computation 32, 969-1017.
    """
    arrays = load_arrays(FILE)
    # Four decimals were published; single precision keeps them.
    features, velocity = (
        np.asarray(np.round(arrays[name].astype(np.float64), 4), dtype=np.float64)
        for name in ("features", "velocity")
    )
    return MotorRecording(features, velocity, bin_width=0.1)
