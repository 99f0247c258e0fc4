"""Electrodes on a spherical head and the potentials of current dipoles inside it.

Lead fields are those of MNE-Python's four-shell sphere (brain, fluid, skull, skin; the dipole
approximation of Berg and Scherg 1994), in average reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import ConfigError

__all__ = ["MONTAGES", "Scalp", "lead_field", "standard_scalp", "turned"]

MONTAGES = ("biosemi32", "biosemi64")
DEEPEST_SHELL = 0.88

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scalp:
    """Electrodes of one cap on one head.

    Attributes
    ----------
    names : tuple of str
    positions : (n_chans, 3)
        Metres, head frame (x to the right ear, y to the nose, z up).
    centre : (3,)
        Of the sphere that the electrodes lie on.
    radius : float
        Of that sphere, metres.
    landmarks : mapping of str to (3,)
        ``nasion``, ``lpa``, ``rpa``.
    """

    names: tuple[str, ...]
    positions: Array
    centre: Array
    radius: float
    landmarks: dict[str, Array]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def directions(self) -> Array:
        """Positions on the unit sphere, (n_chans, 3)."""
        return (self.positions - self.centre) / self.radius

    def near(self, *names: str) -> NDArray[np.int64]:
        """Rows of the named electrodes that the cap has."""
        return np.array([k for k, name in enumerate(self.names) if name in names], dtype=np.int64)


@lru_cache(maxsize=4)
def standard_scalp(montage: str = "biosemi32") -> Scalp:
    """Return the electrodes of a standard cap.

    Raises
    ------
    ConfigError
        Where the cap is not one of :data:`MONTAGES`.
    """
    import mne

    if montage not in MONTAGES:
        raise ConfigError(f"montage: must be one of {', '.join(MONTAGES)}, got {montage!r}")
    standard = mne.channels.make_standard_montage(montage)
    info = mne.create_info(standard.ch_names, 100.0, "eeg").set_montage(standard)
    positions = np.array([channel["loc"][:3] for channel in info["chs"]])
    fit = np.linalg.lstsq(
        np.c_[2 * positions, np.ones(len(positions))], (positions**2).sum(axis=1), rcond=None
    )[0]
    centre = fit[:3]
    found = info.get_montage().get_positions()
    landmarks = {name: np.asarray(found[name]) for name in ("nasion", "lpa", "rpa")}
    radius = float(np.sqrt(fit[3] + centre @ centre))
    return Scalp(tuple(standard.ch_names), positions, centre, radius, landmarks)


def turned(scalp: Scalp, rotation: Array) -> Scalp:
    """Return the cap turned on the head by a rotation vector (3,), radians."""
    from scipy.spatial.transform import Rotation

    around = Rotation.from_rotvec(rotation)
    positions = around.apply(scalp.positions - scalp.centre) + scalp.centre
    return replace(scalp, positions=positions)


def lead_field(scalp: Scalp, places: Array, moments: Array) -> Array:
    """Return the potentials (n_chans, n_dipoles) in microvolts a nanoampere metre.

    Parameters
    ----------
    places : (n_dipoles, 3)
        From the centre of the head, in radii.
    moments : (n_dipoles, 3)
        Directions, of unit length.

    Raises
    ------
    ConfigError
        Where a dipole lies outside the brain.
    """
    import mne

    depth = np.linalg.norm(places, axis=1).max()
    if depth >= DEEPEST_SHELL:
        raise ConfigError(f"dipoles: must lie within {DEEPEST_SHELL} radii, one is at {depth:.2f}")
    info = mne.create_info(list(scalp.names), 100.0, "eeg")
    info.set_montage(
        mne.channels.make_dig_montage(
            dict(zip(scalp.names, scalp.positions, strict=True)), coord_frame="head"
        )
    )
    sphere = mne.make_sphere_model(scalp.centre, scalp.radius, info, verbose="ERROR")
    grid = {"rr": places * scalp.radius + scalp.centre, "nn": moments}
    forward = mne.make_forward_solution(
        info,
        mne.transforms.Transform("head", "mri"),
        mne.setup_volume_source_space(pos=grid, sphere_units="m", verbose="ERROR"),
        sphere,
        meg=False,
        mindist=0.0,
        verbose="ERROR",
    )
    free = forward["sol"]["data"].reshape(len(scalp), len(places), 3)
    fixed: Array = np.einsum("ckd,kd->ck", free, moments) * 1e-3
    referenced: Array = fixed - fixed.mean(axis=0)
    return referenced
