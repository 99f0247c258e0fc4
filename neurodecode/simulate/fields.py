"""A person's sheet of cortex in a grid of voxels, and numbers that vary smoothly over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.seeds import generator
from neurodecode.simulate.world import Cortex

__all__ = ["Anatomy", "draw_anatomy", "function_position", "retinotopy", "smooth_fields"]

N_WAVES = 300
HEMISPHERE = np.array([33.0, -15.0, 5.0])  # centre of the right one, mm
RADII = np.array([32.0, 75.0, 50.0])
THICKNESS = 0.09  # radii
APART = 10.0  # radii between the hemispheres' fields: far beyond any smoothness


@dataclass(frozen=True)
class Anatomy:
    """Where a person's voxels are.

    Attributes
    ----------
    mask : bool (x, y, z)
        True where a voxel is; voxels are numbered in C order of the grid.
    affine : float64 (4, 4)
        From grid to mm.
    mm : float64 (n_voxels, 3)
    position : float64 (n_voxels, 3)
        On the unit sphere of the voxel's hemisphere, x lateral; the same place in all people.
    right : bool (n_voxels,)
        Right hemisphere.
    early : bool (n_voxels,)
        Early region; the others are ventral.
    """

    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    mm: NDArray[np.float64]
    position: NDArray[np.float64]
    right: NDArray[np.bool_]
    early: NDArray[np.bool_]


def smooth_fields(
    position: NDArray[np.float64], n_fields: int, smoothness: float, rng: np.random.Generator
) -> Float:
    """Draw random fields (n_voxels, n_fields) of mean 0 and SD 1 that vary over ``smoothness``.

    Sums of waves with random frequencies approach Gaussian processes with the covariance
    exp(-d^2 / (2 smoothness^2)) (Rahimi and Recht 2007, random features for kernel machines). The
    same generator gives the same fields at whatever positions.
    """
    waves = rng.normal(scale=1 / smoothness, size=(3, N_WAVES))
    phase = rng.uniform(0, 2 * np.pi, N_WAVES)
    mixture = rng.normal(scale=np.sqrt(2 / N_WAVES), size=(N_WAVES, n_fields))
    fields: Float = (np.cos(position @ waves + phase) @ mixture).astype(np.float32)
    return fields


def draw_anatomy(cortex: Cortex, seed: int, participant_id: str) -> Anatomy:
    """Draw a person's sheet: the hind and lower part of two folded ellipsoids."""
    rng = generator(seed, "anatomy", participant_id)
    wanted = int(rng.integers(*cortex.n_voxels, endpoint=True))
    radii = RADII * rng.normal(1, 0.04, 3)
    size = cortex.voxel_size
    low, high = np.array([-84.0, -123.0, -75.0]), np.array([84.0, 45.0, 75.0])
    grid = np.stack(
        np.meshgrid(
            *(np.arange(a, b, size) for a, b in zip(low, high, strict=True)), indexing="ij"
        ),
        axis=-1,
    )
    lateral, right = grid.copy(), grid[..., 0] > 0
    lateral[..., 0] = np.abs(grid[..., 0])
    scaled = (lateral - HEMISPHERE) / radii
    depth = np.linalg.norm(scaled, axis=-1)
    near = np.abs(depth - 1) < THICKNESS / 2 + 4 * cortex.folding
    position = scaled[near] / depth[near][:, None]
    folds = smooth_fields(_apart(position, right[near]), 1, 0.3, rng)[:, 0]
    inside = np.abs(depth[near] - 1 - cortex.folding * folds) < THICKNESS / 2
    # Low and far back first: the occipital pole, then the lower surface forwards.
    order = np.where(inside, position[:, 1] + 0.6 * position[:, 2], np.inf)
    taken = np.zeros(len(order), dtype=bool)
    taken[np.argsort(order, kind="stable")[:wanted]] = True
    mask = np.zeros(near.shape, dtype=bool)
    mask[near] = taken
    corner, mask = _crop(mask)
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = low + size * corner
    mm = (np.argwhere(mask) * size + affine[:3, 3]).astype(np.float64)
    back = position[taken][:, 1]
    return Anatomy(
        mask, affine, mm, position[taken], right[near][taken],
        back <= np.quantile(back, cortex.early),
    )  # fmt: skip


def function_position(
    anatomy: Anatomy, cortex: Cortex, seed: int, participant_id: str
) -> NDArray[np.float64]:
    """Return where each voxel's function lies (n_voxels, 3), hemispheres far apart.

    Anatomy does not tell function exactly: a smooth displacement that is the person's own.
    """
    rng = generator(seed, "warp", participant_id)
    apart = _apart(anatomy.position, anatomy.right)
    return apart + cortex.warp * smooth_fields(apart, 3, 0.5, rng)


def retinotopy(
    anatomy: Anatomy, function: NDArray[np.float64], cortex: Cortex, own: Float
) -> tuple[Float, Float]:
    """Return centres (n_voxels, 2) and sizes (n_voxels,) of receptive fields, 0 to 1 across.

    Eccentricity grows from the occipital pole forwards; the polar angle runs over the opposite
    half of the field and turns back three times from below to above, as at the borders of V1, V2
    and V3. Ventral voxels see the middle with large fields.

    Parameters
    ----------
    own : (n_voxels, 3)
        The person's own deviation of eccentricity, angle and size.
    """
    forwards, upwards = (_rank(function[:, k], anatomy.early) for k in (1, 2))
    eccentricity = (0.03 + 0.45 * forwards) * np.exp(0.25 * own[:, 0])
    eccentricity = np.where(anatomy.early, eccentricity, 0.08 * np.exp(0.4 * own[:, 0]))
    angle = np.pi / 2 * np.sin(2.5 * np.pi * (2 * upwards - 1)) + 0.3 * own[:, 1]
    angle = np.arcsin(np.sin(angle))  # turned back at the vertical meridian
    side = np.where(anatomy.right, -1, 1)
    centres = 0.5 + eccentricity[:, None] * np.stack([side * np.cos(angle), np.sin(angle)], 1)
    sizes = cortex.field_least + cortex.field_slope * eccentricity
    sizes = np.where(anatomy.early, sizes, 0.16) * np.exp(0.2 * own[:, 2])
    return np.clip(centres, 0.04, 0.96).astype(np.float32), sizes.astype(np.float32)


def _rank(values: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rank of each value among some of them, 0 to 1."""
    rank: NDArray[np.float64] = np.searchsorted(np.sort(values[among]), values) / among.sum()
    return rank


def _apart(position: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    return position + APART * np.outer(right, [1, 0, 0])


def _crop(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the first corner and the mask with one empty voxel around."""
    index = np.argwhere(mask)  # the grid is wider than any sheet
    first, last = index.min(axis=0) - 1, index.max(axis=0) + 2
    return first, mask[first[0] : last[0], first[1] : last[1], first[2] : last[2]]
