"""Where magnetic sensors are and how they look, as columns of the table of units.

A magnetic sensor has a direction and a shape besides its place; without them a bad one cannot be
interpolated. MNE keeps them as the kind of coil and a place with three axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["COIL", "place_sensors", "sensor_columns"]

PLACE = ("x", "y", "z")
AXES = ("ex_x", "ex_y", "ex_z", "ey_x", "ey_y", "ey_z", "ez_x", "ez_y", "ez_z")
COIL = ("coil_type", *AXES)
"""FIFF's number of the kind of coil (0: not known), and its axes; beside ``x``, ``y``, ``z``."""


def sensor_columns(info: Any) -> pd.DataFrame:
    """Return ``x``, ``y``, ``z`` (mm) and ``COIL`` of each channel, in coordinates of the head.

    Where the recording does not say how the head lay in the device, places are the device's, and
    ``coil_type`` is 0, for a field can then not be told from place to place.

    Parameters
    ----------
    info : mne.Info
        Of magnetic channels.
    """
    loc = np.array([channel["loc"] for channel in info["chs"]], dtype=float)
    coil = np.array([int(channel["coil_type"]) for channel in info["chs"]])
    place, axes = loc[:, :3], loc[:, 3:].reshape(-1, 3, 3)
    known = np.isfinite(loc).all(axis=1) & (np.abs(axes).sum(axis=(1, 2)) > 0)
    there = info["dev_head_t"]
    if there is None:
        known[:] = False
    else:
        turn, shift = there["trans"][:3, :3], there["trans"][:3, 3]
        place, axes = place @ turn.T + shift, axes @ turn.T
    table = pd.DataFrame(place * 1000, columns=list(PLACE))
    table["coil_type"] = np.where(known, coil, 0)
    table[list(AXES)] = axes.reshape(-1, 9)
    return table


def place_sensors(info: Any, units: pd.DataFrame) -> NDArray[np.bool_]:
    """Put the sensors of which all is known into ``info``; returns which (n_units,) they are."""
    from mne import Transform

    known: NDArray[np.bool_] = np.zeros(len(units), bool)
    if not {*PLACE, *COIL} <= set(units):
        return known
    known = (units["coil_type"] > 0).to_numpy(bool)
    place = units[list(PLACE)].to_numpy(float) / 1000
    loc = np.hstack([place, units[list(AXES)].to_numpy(float)])
    for k in np.flatnonzero(known):
        info["chs"][k].update(loc=loc[k], coil_type=int(units["coil_type"].iloc[k]))
    with info._unlock():
        # The places are in coordinates of the head, so the device is taken to be the head.
        info["dev_head_t"] = Transform("meg", "head", np.eye(4))
    return known
