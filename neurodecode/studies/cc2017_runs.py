"""Runs of the movie data set: cut to the movie, detrended, z-scored; units that repeat.

As its authors do: volumes before and after the movie are left out, a polynomial of fourth order is
taken out, each run is z-scored over its own volumes (no label, but test volumes of test runs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.errors import DataError
from neurodecode.studies.volumes import (
    NOT_AN_IMAGE,
    masked_volumes,
    open_image,
    read_image,
    voxel_names,
)

__all__ = ["N_CLIPS", "TR", "clean", "read_cortex", "read_volumes", "repeats_agree"]

TR = 2.0
N_CLIPS = 240
N_VERTICES = 59_412
ORDER = 4
# Volumes of a run: how many come before the movie. Four follow it.
BEFORE = {245: 1, 246: 2}
CORTEX = {"CIFTI_STRUCTURE_CORTEX_LEFT": "left", "CIFTI_STRUCTURE_CORTEX_RIGHT": "right"}


def read_cortex(path: Path) -> tuple[NDArray[Any], pd.DataFrame]:
    """Read the cortical vertices of a CIFTI run.

    Returns
    -------
    float (n_volumes, 59412), DataFrame
        ``unit`` (hemisphere and vertex of the 32k surface), ``roi``, ``vertices`` of a hemisphere.

    Raises
    ------
    DataError
        Where the file is damaged, or its vertices are not the published ones.
    """
    try:
        image: Any = nib.load(path)
        brain = image.header.get_axis(1)
        inside = np.isin(brain.name, list(CORTEX))
        values = np.asarray(image.dataobj)[:, inside]
    except NOT_AN_IMAGE as error:
        raise DataError(f"{path}: not a whole CIFTI-2 time series ({error})") from error
    if inside.sum() != N_VERTICES:
        raise DataError(
            f"{path}: {int(inside.sum())} cortical vertices; there must be {N_VERTICES}"
        )
    sides = [CORTEX[name] for name in brain.name[inside]]
    names = [f"{side}_{k}" for side, k in zip(sides, brain.vertex[inside], strict=True)]
    sizes = [brain.nvertices[name] for name in brain.name[inside]]
    return values, pd.DataFrame({"unit": names, "roi": sides, "vertices": sizes})


def read_volumes(path: Path, mask_file: Path) -> tuple[NDArray[Any], pd.DataFrame]:
    """Read the masked voxels of a NIfTI run; see :func:`read_cortex`.

    Raises
    ------
    DataError
        Where a file is damaged, or the two are not on one grid.
    """
    image, mask_image = open_image(path, 4), open_image(mask_file, 3)
    mask = read_image(mask_image, mask_file) > 0
    if image.shape[:3] != mask.shape or not np.allclose(image.affine, mask_image.affine, atol=1e-3):
        raise DataError(
            f"{mask_file}: its grid {mask.shape} is not that of {path} {image.shape[:3]}, or the "
            "affines differ; resample it (nilearn.image.resample_to_img)"
        )
    values = np.concatenate(list(masked_volumes(image, path, mask)))
    units = pd.DataFrame(apply_affine(image.affine, np.argwhere(mask)), columns=["x", "y", "z"])
    units.insert(0, "roi", "mask")
    units.insert(0, "unit", voxel_names(mask))
    return values, units


def clean(values: NDArray[Any], lag: float, path: Path) -> Float:
    """Return one row a clip: its volume ``lag`` seconds later, detrended and z-scored in the run.

    Parameters
    ----------
    values : float (n_volumes, n_units)
        A whole run of 245 or 246 volumes.
    lag : float
        Seconds, at most 8: the four volumes after the movie serve its last clips.
    path : Path
        For errors.

    Returns
    -------
    float32 (240, n_units)
        Zero where a unit does not change.

    Raises
    ------
    DataError
        Where the run is of another length.
    """
    if len(values) not in BEFORE:
        raise DataError(f"{path}: {len(values)} volumes; there must be 245 or 246")
    start = BEFORE[len(values)] + round(lag / TR)
    part = values[start : start + N_CLIPS].astype(float)
    trend = np.polynomial.legendre.legvander(np.linspace(-1, 1, N_CLIPS), ORDER)
    basis, _ = np.linalg.qr(trend)
    part -= basis @ (basis.T @ part)
    spread = part.std(axis=0)
    still = spread <= 1e-6 * np.abs(values).max(axis=0).clip(min=1e-30)
    part /= np.where(still, 1.0, spread)
    part[:, still] = 0
    return part.astype(np.float32)


def repeats_agree(
    segments: Iterable[tuple[Path, Path]], read: Callable[[Path], Float]
) -> NDArray[np.bool_]:
    """Return which units (n_units,) respond alike to both showings of the training segments.

    Wen et al. (2018): correlation of the two runs of a segment, Fisher's z, one-sample t test over
    segments, Bonferroni P < .05; one-sided here, as a negative correlation is no reliability.

    Parameters
    ----------
    segments : iterable of two paths
        First and second run of each training segment.
    read : callable
        From a path to its cleaned run.
    """
    from scipy.stats import ttest_1samp

    scores = []
    for first, second in segments:
        r = (read(first) * read(second)).mean(axis=0, dtype=float)
        scores.append(np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9)))
    values = np.array(scores)
    changes = values.std(axis=0) > 0
    p = np.ones(values.shape[1])
    p[changes] = ttest_1samp(values[:, changes], 0, axis=0, alternative="greater").pvalue
    agree: NDArray[np.bool_] = p * len(p) < 0.05
    return agree
