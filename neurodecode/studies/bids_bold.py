"""BOLD runs of a BIDS data set, one in memory at a time, as one masked recording."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.studies.bids_layout import Source, read_tsv
from neurodecode.studies.volumes import (
    RowsOnDisk,
    masked_volumes,
    open_image,
    read_image,
    voxel_names,
)

__all__ = ["Cleaning", "Region", "read_bold", "run_mask"]

SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}


@dataclass(frozen=True)
class Region:
    """Which voxels are read.

    Attributes
    ----------
    masks : tuple of Path
        A voxel must be above zero in all of them.
    atlas : Path or None
        Integer labels; its table of the same name (``index``, ``name``) ends in ``.tsv``.
    names : tuple of str
        Regions of the atlas that are kept; none means all.
    """

    masks: tuple[Path, ...]
    atlas: Path | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cleaning:
    """What ``nilearn.interfaces.fmriprep.load_confounds`` is asked for."""

    strategy: tuple[str, ...]
    motion: str
    fd_threshold: float
    std_dvars_threshold: float


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
    trs = [_repetition(source, image) for source, image in zip(sources, images, strict=True)]
    _refuse_different(sources, trs)
    mask, affine, roi = _region(region)
    sizes = [image.shape[3] for image in images]
    data = RowsOnDisk(int(mask.sum()))
    good = np.ones(data.shape[1], bool)
    for k, (source, image) in enumerate(zip(sources, images, strict=True)):
        _refuse_other_grid(source.recording, image, mask, affine)
        _refuse_outside(source, events[k], sizes[k] * trs[0])
        good &= _append(data, image, source.recording, mask)
    voxels = np.argwhere(mask)
    units = pd.DataFrame(apply_affine(affine, voxels), columns=["x", "y", "z"])
    units.insert(0, "roi", roi)
    units.insert(0, "unit", voxel_names(mask))
    if not good.any():
        raise DataError(f"subject {subject}: no voxel of {good.size} changes in every run")
    if not good.all():
        warnings.warn(
            f"subject {subject}: {int((~good).sum())} of {good.size} voxels were masked out, as "
            "in some run they are constant or not finite",
            DataWarning,
            stacklevel=2,
        )
        data.keep(good)
        units = units.iloc[np.flatnonzero(good)].reset_index(drop=True)
    confounds, kept = _confounds(sources, sizes, cleaning)
    # fMRIPrep says to which moment of each volume it brought the slices.
    first = [float(source.metadata.get("StartTime", 0.0)) for source in sources]
    times = [s + np.arange(n) * trs[0] for s, n in zip(first, sizes, strict=True)]
    return Recording(
        data=data,
        times=np.concatenate(times),
        runs=np.repeat(np.arange(len(sizes)), sizes),
        events=pd.concat(events, ignore_index=True),
        units=units,
        participant_id=subject,
        sfreq=1 / trs[0],
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


def _repetition(source: Source, image: Any) -> float:
    """Return the TR of the sidecar; the header must agree where it gives one."""
    known = source.metadata
    if "RepetitionTime" not in known:
        raise DataError(
            f"{source.recording}: RepetitionTime is in none of "
            f"{', '.join(path.name for path in source.sidecars)}"
        )
    tr = float(known["RepetitionTime"])
    unit = image.header.get_xyzt_units()[1]
    header = float(image.header.get_zooms()[3]) * SECONDS.get(unit, np.nan)
    # Zero is NIfTI's "not given".
    if header != 0 and not np.isclose(header, tr, rtol=0.01):
        raise DataError(
            f"{source.recording}: the header says TR {header:g} s, the sidecar {tr:g} s; correct "
            "the one that is wrong"
        )
    return tr


def _refuse_different(sources: Sequence[Source], trs: Sequence[float]) -> None:
    for source, tr in zip(sources, trs, strict=True):
        if not np.isclose(tr, trs[0], rtol=1e-3):
            raise DataError(
                f"{source.recording.name}: TR {tr:g} s, that of {sources[0].recording.name} is "
                f"{trs[0]:g} s; runs of one subject must have one TR"
            )


def _refuse_other_grid(
    path: Path, image: Any, mask: NDArray[np.bool_], affine: NDArray[np.float64]
) -> None:
    if image.shape[:3] != mask.shape or not np.allclose(image.affine, affine, atol=1e-3):
        raise DataError(
            f"{path}: its grid {image.shape[:3]} is not that of the mask {mask.shape}, or the "
            "affines differ; resample the mask to the images (nilearn.image.resample_to_img)"
        )


def _refuse_outside(source: Source, events: pd.DataFrame, length: float) -> None:
    onsets = events["onset"].to_numpy(float)
    outside = (onsets < 0) | (onsets >= length)
    if outside.any():
        raise DataError(
            f"{source.events}: {int(outside.sum())} of {len(onsets)} events are outside the run, "
            f"which lasts {length:g} s; the first at {onsets[outside][0]:g} s"
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


def _named(recording: Path) -> str | list[str]:
    """Return what nilearn calls a run: a name, of GIFTI the pair of its hemispheres."""
    name = str(recording)
    return [name, name.replace("_hemi-L_", "_hemi-R_")] if name.endswith(".gii") else name


def _confounds(
    sources: Sequence[Source], sizes: Sequence[int], cleaning: Cleaning
) -> tuple[pd.DataFrame | None, NDArray[np.bool_] | None]:
    """Return the regressors and which volumes are kept, of all runs."""
    if not cleaning.strategy:
        return None, None
    from nilearn.interfaces.fmriprep import load_confounds

    parts, kept = [], []
    for source, n in zip(sources, sizes, strict=True):
        try:
            table, sample_mask = load_confounds(
                _named(source.recording),
                strategy=cleaning.strategy,
                motion=cleaning.motion,
                scrub=0,
                fd_threshold=cleaning.fd_threshold,
                std_dvars_threshold=cleaning.std_dvars_threshold,
            )
        except (ValueError, OSError) as error:
            raise DataError(
                f"{source.recording}: confounds {', '.join(cleaning.strategy)} cannot be read "
                f"({error})"
            ) from error
        if len(table) != n:
            raise DataError(
                f"{source.recording}: {n} volumes, its table of confounds has {len(table)} rows"
            )
        parts.append(table)
        own = np.ones(n, bool)
        if sample_mask is not None:
            own[:] = False
            own[np.asarray(sample_mask, int)] = True
        kept.append(own)
    # Runs of unequal length have unequal numbers of cosines.
    confounds = pd.concat(parts, ignore_index=True).fillna(0.0)
    return (confounds if confounds.shape[1] else None), np.concatenate(kept)
