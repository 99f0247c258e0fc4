"""BOLD runs of a BIDS data set, one in memory at a time, as one masked recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording
from neurodecode.errors import ConfigError, DataError
from neurodecode.studies.bids_layout import Source, read_tsv
from neurodecode.studies.bids_runs import (
    Cleaning,
    Region,
    read_confounds,
    refuse_events_outside,
    repetition_time,
    volume_times,
    warn_masked_out,
)
from neurodecode.studies.volumes import (
    RowsOnDisk,
    masked_volumes,
    open_image,
    read_image,
    voxel_names,
)

__all__ = ["read_bold", "run_mask"]

SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
"""Of the units of a header; others, such as Hz, say no TR."""


def run_mask(source: Source) -> Path:
    """Return the brain mask that fMRIPrep writes beside an image."""
    name = source.recording.name.replace("_desc-preproc_bold.", "_desc-brain_mask.")
    return source.recording.with_name(name)


def read_bold(
    subject: str,
    sources: Sequence[Source],
    events: Sequence[pd.DataFrame],
    region: Region,
    cleaning: Cleaning,
) -> Recording:
    """Read the runs of a subject.

    Raises
    ------
    DataError
        Where an image is damaged, lies on another grid than the mask, TRs differ, an event is
        outside its run, or no voxel is left.

    Warns
    -----
    DataWarning
        Where voxels are masked out because in some run they are constant or not finite.
    """
    images = [open_image(source.recording, 4) for source in sources]
    tr = repetition_time(sources, [_header_tr(image) for image in images])
    mask, affine, roi = _region(region)
    sizes = [image.shape[3] for image in images]
    data = RowsOnDisk(int(mask.sum()))
    good = np.ones(data.shape[1], bool)
    for k, (source, image) in enumerate(zip(sources, images, strict=True)):
        _refuse_other_grid(source.recording, image, mask, affine)
        refuse_events_outside(source, events[k], sizes[k] * tr)
        good &= _append(data, image, source.recording, mask)
    voxels = np.argwhere(mask)
    units = pd.DataFrame(apply_affine(affine, voxels), columns=["x", "y", "z"])
    units.insert(0, "roi", roi)
    units.insert(0, "unit", voxel_names(mask))
    warn_masked_out(subject, good, "voxels")
    if not good.all():
        data.keep(good)
        units = units.iloc[np.flatnonzero(good)].reset_index(drop=True)
    confounds, kept = read_confounds(sources, sizes, cleaning)
    return Recording(
        data=data,
        times=volume_times(sources, sizes, tr),
        runs=np.repeat(np.arange(len(sizes)), sizes),
        events=pd.concat(events, ignore_index=True),
        units=units,
        participant_id=subject,
        sfreq=1 / tr,
        confounds=confounds,
        kept=kept,
    )


def _append(data: RowsOnDisk, image: Any, path: Path, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add a run's volumes; returns which voxels are finite and change in it."""
    low = np.full(data.shape[1], np.inf, np.float32)
    high, finite = -low, np.ones(data.shape[1], bool)
    for volumes in masked_volumes(image, path, mask):
        part = volumes.astype(np.float32, copy=False)
        finite &= np.isfinite(part).all(axis=0)
        np.minimum(low, part.min(axis=0), out=low)
        np.maximum(high, part.max(axis=0), out=high)
        data.append(part)
    changes: NDArray[np.bool_] = finite & (low < high)
    return changes


def _header_tr(image: Any) -> float:
    """Return the TR (s) of a header; zero is NIfTI's "not given"."""
    seconds = SECONDS.get(image.header.get_xyzt_units()[1], 0.0)
    return float(image.header.get_zooms()[3]) * seconds or np.nan


def _refuse_other_grid(
    path: Path, image: Any, mask: NDArray[np.bool_], affine: NDArray[np.float64]
) -> None:
    if image.shape[:3] != mask.shape or not np.allclose(image.affine, affine, atol=1e-3):
        raise DataError(
            f"{path}: its grid {image.shape[:3]} is not that of the mask {mask.shape}, or the "
            "affines differ; resample the mask to the images (nilearn.image.resample_to_img)"
        )


def _region(region: Region) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.str_]]:
    """Return the mask, its affine, and the region of each voxel in it."""
    paths = [*region.masks, *([region.atlas] if region.atlas else [])]
    images = [open_image(path, 3) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape or not np.allclose(
            image.affine, images[0].affine, atol=1e-3
        ):
            raise DataError(f"{path}: its grid is not that of {paths[0].name}")
    mask = np.ones(images[0].shape, bool)
    values = np.zeros(mask.shape, np.float32)
    for path, image in zip(paths, images, strict=True):
        values = read_image(image, path)
        mask &= values > 0
    labels = np.full(int(mask.sum()), "brain")
    if region.atlas:
        labels = _names(region.atlas, values[mask])  # the atlas stands last
        if region.names:
            known = sorted(set(labels))
            unknown = [name for name in region.names if name not in known]
            if unknown:
                raise ConfigError(
                    f"data.regions: must be of {', '.join(known)}; got {', '.join(unknown)}"
                )
            chosen = np.isin(labels, region.names)
            mask[mask] = chosen
            labels = labels[chosen]
    if not mask.any():
        raise DataError(f"no voxel is in all of {', '.join(path.name for path in paths)}")
    return mask, np.asarray(images[0].affine, float), labels


def _names(atlas: Path, values: Float) -> NDArray[np.str_]:
    """Return the name of each voxel's region, from the atlas' table."""
    table = read_tsv(atlas.with_name(atlas.name.split(".")[0] + ".tsv"), ("index", "name"))
    name_of: Mapping[int, str] = dict(zip(table["index"].astype(int), table["name"], strict=True))
    numbers, place = np.unique(values.astype(int), return_inverse=True)
    for number in numbers:
        if number not in name_of:
            raise DataError(f"{atlas}: label {number} is not in its table")
    named: NDArray[np.str_] = np.array([name_of[number] for number in numbers], dtype=str)[place]
    return named
