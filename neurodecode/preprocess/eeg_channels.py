"""What MNE needs to know of channels: their types and places; and the bad ones, interpolated.

EEG by spherical splines (Perrin et al. 1989, Electroencephalography and Clinical Neurophysiology
72, 184); MEG by a minimum-norm estimate on a sphere and the field that it predicts.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Recording
from neurodecode.errors import DataError, DataWarning
from neurodecode.studies.meg_sensors import COIL, place_sensors

__all__ = ["as_raw", "channel_info", "channel_scale", "interpolate", "is_eeg", "plain", "repaired",
           "without_lost"]  # fmt: skip

Double = NDArray[np.float64]
SCALE = {"eeg": 1e-6, "mag": 1e-15, "grad": 1e-13}
"""Microvolt, fT and fT/cm, by type of channel."""
CENTRE = (0.0, 0.0, 0.04)
"""Of the sphere for MEG, m in coordinates of the head: MNE's own where the head was not drawn."""


def as_raw(recording: Recording, run: int) -> Any:
    """Return one run in volts, tesla or tesla a metre."""
    import mne

    own = recording.data[recording.runs == run].T * channel_scale(recording.units)[:, None]
    return mne.io.RawArray(own, channel_info(recording), verbose="ERROR")


def is_eeg(units: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which channels (n_channels,) are electric."""
    return np.array([kind not in ("mag", "grad") for kind in units["roi"]])


def channel_scale(units: pd.DataFrame) -> Double:
    """Return what each channel's unit is in volts, tesla or tesla a metre."""
    return np.array([SCALE.get(kind, SCALE["eeg"]) for kind in units["roi"]], dtype=float)


def channel_info(recording: Recording) -> Any:
    """Return MNE's table of the channels, with places and bad ones."""
    import mne

    units = recording.units
    kinds = units["roi"].where(units["roi"].isin(list(SCALE)), "eeg").tolist()
    info = mne.create_info(units["unit"].tolist(), recording.sfreq, kinds, verbose="ERROR")
    places = _places(units)
    known = np.asarray(np.isfinite(places).all(axis=1) & is_eeg(units))
    if known.any():
        names = units["unit"].to_numpy()[known]
        positions = dict(zip(names, places[known] / 1000, strict=True))
        montage = mne.channels.make_dig_montage(positions, coord_frame="head")
        info.set_montage(montage, on_missing="ignore", verbose="ERROR")
    place_sensors(info, units)
    if "bad" in units:
        info["bads"] = units["unit"][units["bad"]].tolist()
    return info


def interpolate(raw: Any) -> None:
    """Replace bad channels, in place, by what the others say of them."""
    if not raw.info["bads"]:
        return
    kinds = set(raw.get_channel_types())
    raw.interpolate_bads(origin="auto" if "eeg" in kinds else CENTRE, verbose="ERROR")


def without_lost(recording: Recording) -> Recording:
    """Drop bad channels that cannot be interpolated.

    Raises
    ------
    DataError
        Where all channels are bad.

    Warns
    -----
    DataWarning
        Where channels are dropped, and why.
    """
    units = recording.units
    bad = units["bad"].to_numpy(bool) if "bad" in units else np.zeros(len(units), bool)
    if bad.all():
        raise DataError(f"epochs: all {len(units)} channels are marked as bad")
    eeg, placed = is_eeg(units), np.asarray(np.isfinite(_places(units)).all(axis=1))
    if "coil_type" in units:
        placed &= eeg | (units["coil_type"] > 0).to_numpy(bool)
    else:
        placed &= eeg
    lost = np.zeros(len(units), bool)
    for own in (eeg, ~eeg):  # each kind is interpolated from its own kind alone
        good = own & ~bad
        lost |= own & bad & ~(placed & (placed[good].all() and good.any()))
    if not lost.any():
        return recording
    warnings.warn(
        f"subject {recording.participant_id}: {int(lost.sum())} of {len(units)} channels were "
        f"dropped, as they are bad and cannot be interpolated: {', '.join(units['unit'][lost])}. "
        "Their places are not known, or those of others (for MEG also how the head lay in the "
        "device), or no channel of their kind is good",
        DataWarning,
        stacklevel=3,
    )
    left = units.iloc[np.flatnonzero(~lost)].reset_index(drop=True)
    return replace(recording, data=recording.data[:, ~lost], units=left)


def repaired(units: pd.DataFrame) -> pd.DataFrame:
    """Return the channels that were interpolated."""
    bad = units["unit"][units["bad"]].tolist() if "bad" in units else []
    return pd.DataFrame({"channel": bad, "status": "interpolated"})


def plain(units: pd.DataFrame) -> pd.DataFrame:
    """Return the channels without what only serves to interpolate them."""
    return units.drop(columns=["bad", *COIL], errors="ignore")


def _places(units: pd.DataFrame) -> Double:
    """Return positions (n_units, 3) in mm, NaN where none are known."""
    if not {"x", "y", "z"} <= set(units):
        return np.full((len(units), 3), np.nan)
    return units[["x", "y", "z"]].to_numpy(float)
