"""Runs on the cortical surface: CIFTI (.dtseries.nii) and GIFTI (.func.gii), as one recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording
from neurodecode.errors import ConfigError, DataError
from neurodecode.studies.bids_layout import Source
from neurodecode.studies.bids_runs import (
    Cleaning,
    Region,
    read_confounds,
    refuse_events_outside,
    repetition_time,
    volume_times,
    warn_masked_out,
)
from neurodecode.studies.volumes import NOT_AN_IMAGE, RowsOnDisk

__all__ = ["read_surface", "region_files"]

HEMISPHERES = ("L", "R")


@dataclass(frozen=True)
class _Image:
    """What a file holds.

    Attributes
    ----------
    values : float32 (n_rows, n_units)
        A row a volume, or a map.
    units : DataFrame
        ``unit, roi``, ``vertices`` (how many the hemisphere has; NaN of voxels), and ``x, y, z``
        (mm; NaN on the surface) where some are voxels.
    space : object
        Equal for files whose units are the same.
    names : dict of int to str
        Of the labels of an atlas.
    tr : float
        Seconds; NaN where the file does not say.
    """

    values: Float
    units: pd.DataFrame
    space: Any
    names: dict[int, str]
    tr: float


def region_files(sources: Sequence[Source], region: Region) -> list[Path]:
    """Return the files, beside the runs themselves, that :func:`read_surface` reads."""
    paths = [*region.masks, *([region.atlas] if region.atlas else [])]
    found = [part for path in paths for part in _hemispheres(path)]
    found += [_other(run.recording) for run in sources if run.recording.name.endswith(".gii")]
    return found


def read_surface(
    subject: str,
    sources: Sequence[Source],
    events: Sequence[pd.DataFrame],
    region: Region,
    cleaning: Cleaning,
) -> Recording:
    """Read the runs of a subject.

    Raises
    ------
    ConfigError
        Where a region is unknown.
    DataError
        Where a file is damaged, missing a hemisphere, or of other units than the others; TRs
        differ; an event is outside its run; or no unit is left.

    Warns
    -----
    DataWarning
        Where units are masked out because in some run they are constant or not finite.
    """
    chosen, roi, data = np.ones(0, bool), np.array([], dtype=str), RowsOnDisk(0)
    first: _Image | None = None
    good, headers, sizes = np.ones(0, bool), [], []
    for source in sources:
        image = _read_run(source.recording)
        if first is None:
            chosen, roi = _chosen(region, image, source.recording)
            # Without its values, that are on disk from here on.
            first = replace(image, values=image.values[:0])
            data, good = RowsOnDisk(int(chosen.sum())), np.ones(int(chosen.sum()), bool)
        _refuse_other_units(source.recording, image, sources[0].recording, first)
        part = image.values[:, chosen]
        good &= np.isfinite(part).all(axis=0) & (part.min(axis=0) < part.max(axis=0))
        data.append(part)
        headers.append(image.tr)
        sizes.append(len(part))
    if first is None:
        raise DataError(f"subject {subject}: no run")
    tr = repetition_time(sources, headers)
    for source, table, n in zip(sources, events, sizes, strict=True):
        refuse_events_outside(source, table, n * tr)
    warn_masked_out(subject, good, "units")
    data.keep(good)
    rows = np.flatnonzero(chosen)[good]
    confounds, kept = read_confounds(sources, sizes, cleaning)
    return Recording(
        data=data,
        times=volume_times(sources, sizes, tr),
        runs=np.repeat(np.arange(len(sizes)), sizes),
        events=pd.concat(events, ignore_index=True),
        units=first.units.iloc[rows].reset_index(drop=True).assign(roi=roi[good]),
        participant_id=subject,
        sfreq=1 / tr,
        confounds=confounds,
        kept=kept,
    )


def _refuse_other_units(path: Path, image: _Image, other_path: Path, other: _Image) -> None:
    if image.space != other.space:
        raise DataError(
            f"{path}: its {len(image.units)} units are not those of {other_path.name} "
            f"({len(other.units)}); all must be of one space and density"
        )


def _chosen(
    region: Region, image: _Image, path: Path
) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Return which units are read, and the region of each of them."""
    chosen = np.ones(len(image.units), bool)
    roi = image.units["roi"].to_numpy(dtype=str)
    for mask_path in region.masks:
        mask = _read_map(mask_path)
        _refuse_other_units(mask_path, mask, path, image)
        chosen &= mask.values[0] > 0
    if region.atlas:
        atlas = _read_map(region.atlas)
        _refuse_other_units(region.atlas, atlas, path, image)
        labels = atlas.values[0].astype(int)
        unknown = sorted(set(labels[labels > 0].tolist()) - set(atlas.names))
        if unknown:
            raise DataError(f"{region.atlas}: label {unknown[0]} is not in its table")
        chosen &= labels > 0
        roi = np.array([atlas.names.get(label, "") for label in labels.tolist()])
        if region.names:
            known = sorted(set(roi[chosen]))
            wrong = [name for name in region.names if name not in known]
            if wrong:
                raise ConfigError(
                    f"data.regions: must be of {', '.join(known)}; got {', '.join(wrong)}"
                )
            chosen &= np.isin(roi, region.names)
    if not chosen.any():
        files = [p.name for p in (*region.masks, region.atlas) if p]
        raise DataError(f"no unit is in all of {', '.join(files)}")
    return chosen, roi[chosen]


def _read_run(path: Path) -> _Image:
    """Read a run; of GIFTI both hemispheres."""
    if not path.name.endswith(".gii"):
        return _read_cifti(path)
    return _joined([_read_gifti(path, "L"), _read_gifti(_other(path), "R")], path)


def _read_map(path: Path) -> _Image:
    """Read a mask or an atlas."""
    if not path.name.endswith(".gii"):
        return _read_cifti(path)
    parts = zip(_hemispheres(path), HEMISPHERES, strict=True)
    return _joined([_read_gifti(part, side) for part, side in parts], path)


def _hemispheres(path: Path) -> list[Path]:
    """Return a file, or the two that ``{hemi}`` stands for."""
    if "{hemi}" not in str(path):
        return [path]
    return [Path(str(path).replace("{hemi}", side)) for side in HEMISPHERES]


def _other(path: Path) -> Path:
    return path.with_name(path.name.replace("_hemi-L_", "_hemi-R_"))


def _load(path: Path, what: str) -> Any:
    try:
        return nib.load(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except NOT_AN_IMAGE as error:
        raise DataError(f"{path}: not a {what} file ({error})") from error


def _read_cifti(path: Path) -> _Image:
    """Read a dense CIFTI file: rows of values over grayordinates."""
    image = _load(path, "CIFTI")
    if not isinstance(image, nib.Cifti2Image):
        raise DataError(f"{path}: not a CIFTI file; expected .dtseries.nii, .dlabel.nii or such")
    rows, columns = image.header.get_axis(0), image.header.get_axis(1)
    if not isinstance(columns, nib.cifti2.BrainModelAxis):
        raise DataError(
            f"{path}: its columns are {type(columns).__name__}, expected grayordinates; parcels "
            "are read as kind arrays"
        )
    try:
        values = np.asarray(image.dataobj, np.float32)
    except NOT_AN_IMAGE as error:
        raise DataError(f"{path}: not a whole CIFTI file ({error}); copy it again") from error
    series = isinstance(rows, nib.cifti2.SeriesAxis)
    names = {}
    if isinstance(rows, nib.cifti2.LabelAxis):
        names = {int(key): str(name) for key, (name, _) in rows.label[0].items()}
    tr = float(rows.step) if series and rows.unit == "SECOND" else np.nan
    return _Image(values, _grayordinates(columns), columns, names, tr)


def _grayordinates(axis: Any) -> pd.DataFrame:
    parts = []
    for structure, _, part in axis.iter_structures():
        name = structure.removeprefix("CIFTI_STRUCTURE_").lower()
        if structure in part.nvertices:
            own = pd.DataFrame({"unit": [f"{name}_{v}" for v in part.vertex]})
            own[["x", "y", "z"]] = np.nan
            own["vertices"] = part.nvertices[structure]
        else:
            own = pd.DataFrame(
                {"unit": [f"{name}_{'_'.join(map(str, voxel))}" for voxel in part.voxel]}
            )
            own[["x", "y", "z"]] = apply_affine(part.affine, part.voxel)
        parts.append(own.assign(roi=name))
    return pd.concat(parts, ignore_index=True)


def _read_gifti(path: Path, hemisphere: str) -> _Image:
    """Read one hemisphere: an array a row."""
    image = _load(path, "GIFTI")
    if not isinstance(image, nib.GiftiImage) or not image.darrays:
        raise DataError(f"{path}: not a GIFTI file with data")
    sizes = {array.data.shape for array in image.darrays}
    if len(sizes) > 1 or len(next(iter(sizes))) != 1:
        raise DataError(f"{path}: must hold one value a vertex and volume, found {sorted(sizes)}")
    values = np.stack([array.data for array in image.darrays]).astype(np.float32)
    side = "left" if hemisphere == "L" else "right"
    units = pd.DataFrame({"unit": [f"cortex_{side}_{v}" for v in range(values.shape[1])]})
    names = {
        int(key): f"{name} {side}" for key, name in image.labeltable.get_labels_as_dict().items()
    }
    step = image.darrays[0].meta.get("TimeStep")  # milliseconds
    tr = float(step) / 1000 if step else np.nan
    units = units.assign(roi=f"cortex_{side}", vertices=values.shape[1])
    return _Image(values, units, values.shape[1], names, tr)


def _joined(parts: Sequence[_Image], path: Path) -> _Image:
    """Join two hemispheres; labels of the right are told apart from those of the left."""
    left, right = parts
    if len(left.values) != len(right.values):
        raise DataError(
            f"{path}: the left hemisphere holds {len(left.values)} rows, the right "
            f"{len(right.values)}"
        )
    names, shift = dict(left.names), 0
    values = right.values
    if right.names:
        shift = max(left.names) + 1
        names |= {key + shift: name for key, name in right.names.items()}
        values = np.where(values > 0, values + shift, 0).astype(np.float32)
    return _Image(
        np.concatenate([left.values, values], axis=1),
        pd.concat([left.units, right.units], ignore_index=True),
        (left.space, right.space),
        names,
        left.tr,
    )
