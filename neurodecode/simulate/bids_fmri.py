"""Simulated BOLD runs as BIDS: raw images and derivatives in fMRIPrep's names and columns.

Simulated heads move without their voxels leaving the grid, so the ``desc-preproc`` image has the
raw image's values: what preprocessing would leave. The confounds are fMRIPrep's: realignment
parameters, tissue signals, their derivatives and squares, framewise displacement, DVARS, and
cosines of 128 s and more.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.atomic import write_text, writing
from neurodecode.contracts import Float
from neurodecode.errors import DataError
from neurodecode.simulate.bids import (
    BIDS_VERSION,
    TASK,
    BidsSet,
    begin_record,
    events_table,
    generated_by,
    is_written,
    record,
    stem,
    write_json,
    write_tsv,
)

__all__ = [
    "DERIVATIVES",
    "Grid",
    "Run",
    "confound_table",
    "write_derivatives",
    "write_fmri_subject",
]

DERIVATIVES = Path("derivatives") / "fmriprep"
LONGEST = 128.0
EXPANDED = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "csf", "white_matter",
            "global_signal")  # fmt: skip


class Run(Protocol):
    """One run of one person, as ``simulate.bold`` makes it."""

    @property
    def session(self) -> str:
        """Name of the session."""

    @property
    def run(self) -> int:
        """Number of the run, from 0 over all sessions."""

    @property
    def data(self) -> Float:
        """(n_times, n_voxels), voxels in the order of the mask's True entries."""

    @property
    def events(self) -> pd.DataFrame:
        """``onset, duration, trial_type`` (the picture's id)``, category, set, repeat, trial``."""

    @property
    def confounds(self) -> pd.DataFrame:
        """``trans_x`` to ``rot_z``, ``csf``, ``white_matter``, ``global_signal``."""


@dataclass(frozen=True)
class Grid:
    """Where one person's voxels are.

    Attributes
    ----------
    mask : bool (x, y, z)
    affine : (4, 4)
        Millimetres.
    roi : (n_voxels,) of str
        Region of each voxel, in the order of the mask's True entries.
    """

    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    roi: NDArray[np.str_]

    def __post_init__(self) -> None:
        if int(self.mask.sum()) != len(self.roi):
            raise DataError(
                f"grid: {int(self.mask.sum())} voxels in the mask, {len(self.roi)} regions"
            )


def write_derivatives(dataset: BidsSet) -> None:
    """Write the description of the derivatives; needed once, before the subjects."""
    root = dataset.root / DERIVATIVES
    description = {
        "Name": f"{dataset.name}: as preprocessed by fMRIPrep",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": "CC0",
        "GeneratedBy": generated_by(),
        "SourceDatasets": [{"URL": "../.."}],
        "DatasetLinks": {"raw": "../.."},
    }
    write_json(root / "dataset_description.json", description)
    # fMRIPrep's name of this table, which no BIDS version has taken up yet.
    write_text(root / ".bidsignore", "*_desc-confounds_timeseries.*\n")
    write_text(root / "README.md", f"# {description['Name']}\n\nSimulated; see the raw data set.\n")


def write_fmri_subject(
    dataset: BidsSet, participant: str, runs: Iterable[Run], grid: Grid, tr: float
) -> None:
    """Write one person's runs, or nothing where they are there already.

    Parameters
    ----------
    dataset : BidsSet
    participant : str
        ``sub-01``.
    runs : iterable of Run
        Taken one at a time.
    grid : Grid
    tr : float
        Seconds between volumes.

    Raises
    ------
    DataError
        Where a run does not have the grid's number of voxels.
    """
    if is_written(dataset, participant):
        return
    begin_record(dataset, participant)
    raw, derived = dataset.root / participant, dataset.root / DERIVATIVES / participant
    with writing(raw) as raw_folder, writing(derived) as derived_folder:
        _write_regions(derived_folder / "anat", participant, grid)
        for run in runs:
            if run.data.shape[1] != len(grid.roi):
                raise DataError(
                    f"{participant}, run {run.run + 1}: {run.data.shape[1]} voxels, the grid has "
                    f"{len(grid.roi)}"
                )
            place = Path(f"ses-{run.session}") / "func"
            (raw_folder / place).mkdir(parents=True, exist_ok=True)
            (derived_folder / place).mkdir(parents=True, exist_ok=True)
            name = stem(participant, run.session, run.run + 1)
            image = _image(run.data, grid, tr)
            _write_raw(raw_folder / place, name, run, image, tr)
            _write_derived(derived_folder / place, name, run, image, grid, tr)
    record(dataset, participant)


def _write_raw(folder: Path, name: str, run: Run, image: bytes, tr: float) -> None:
    (folder / f"{name}_bold.nii.gz").write_bytes(image)
    write_json(folder / f"{name}_bold.json", {
        "TaskName": TASK, "RepetitionTime": tr, "Manufacturer": "simulated", "Instructions":
        "Look at the pictures.",
    })  # fmt: skip
    events = run.events.rename(columns={"trial_type": "stimulus"})
    write_tsv(folder / f"{name}_events.tsv", events_table(events))


def _write_derived(folder: Path, name: str, run: Run, image: bytes, grid: Grid, tr: float) -> None:
    source = f"bids:raw:{name.split('_')[0]}/ses-{run.session}/func/{name}_bold.nii.gz"
    (folder / f"{name}_desc-preproc_bold.nii.gz").write_bytes(image)
    write_json(folder / f"{name}_desc-preproc_bold.json", {
        "TaskName": TASK, "RepetitionTime": tr, "SkullStripped": True, "SpatialReference": "orig",
        "Sources": [source],
    })  # fmt: skip
    (folder / f"{name}_desc-brain_mask.nii.gz").write_bytes(
        _nifti(grid.mask.astype(np.uint8), grid.affine)
    )
    write_json(
        folder / f"{name}_desc-brain_mask.json",
        {"Type": "Brain", "SpatialReference": "orig", "Sources": [source]},
    )
    table = confound_table(run, tr)
    write_tsv(folder / f"{name}_desc-confounds_timeseries.tsv", table)
    write_json(folder / f"{name}_desc-confounds_timeseries.json", {
        str(column): {"Description": "as in fMRIPrep"} for column in table
    })  # fmt: skip


def _write_regions(folder: Path, participant: str, grid: Grid) -> None:
    """Write which voxel is of which region, as a segmentation with its table."""
    folder.mkdir(parents=True)
    names, number = np.unique(grid.roi, return_inverse=True)
    labels = np.zeros(grid.mask.shape, np.uint8)
    labels[grid.mask] = number + 1
    stem_ = f"{participant}_desc-visual_dseg"
    (folder / f"{stem_}.nii.gz").write_bytes(_nifti(labels, grid.affine))
    write_json(
        folder / f"{stem_}.json",
        {"SpatialReference": "orig", "Sources": [f"bids:raw:{participant}"]},
    )
    table = pd.DataFrame({"index": np.arange(len(names)) + 1, "name": names})
    write_tsv(folder / f"{stem_}.tsv", table)


def _image(data: Float, grid: Grid, tr: float) -> bytes:
    """Return a run as a compressed NIfTI of 16-bit integers; the step is a power of two."""
    step = 2.0 ** np.ceil(np.log2(max(float(np.abs(data).max()), 1e-6) / 32000))
    volume = np.zeros((*grid.mask.shape, len(data)), np.int16)
    volume[grid.mask] = np.round(data / step).astype(np.int16).T
    return _nifti(volume, grid.affine, step, tr)


def _nifti(
    volume: NDArray[np.int16] | NDArray[np.uint8],
    affine: NDArray[np.float64],
    step: float = 1.0,
    tr: float | None = None,
) -> bytes:
    import nibabel as nib

    image = nib.Nifti1Image(volume, affine)
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    if tr is not None:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr))
    image.header.set_slope_inter(step, 0)
    # The modification time in gzip's header would make each run differ.
    return gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)


def confound_table(run: Run, tr: float) -> pd.DataFrame:
    """Return a run's confounds as fMRIPrep writes them; see the module.

    Raises
    ------
    DataError
        Where a column is missing.
    """
    missing = [name for name in EXPANDED if name not in run.confounds]
    if missing:
        raise DataError(
            f"confounds of run {run.run + 1}: {', '.join(missing)} missing; found "
            f"{', '.join(map(str, run.confounds))}"
        )
    columns: dict[str, NDArray[np.float64]] = {}
    for name in EXPANDED:
        values = run.confounds[name].to_numpy(float)
        change = np.diff(values, prepend=np.nan)
        columns |= {name: values, f"{name}_derivative1": change, f"{name}_power2": values**2,
                    f"{name}_derivative1_power2": change**2}  # fmt: skip
    steps = run.confounds[list(EXPANDED[:6])].diff().abs().to_numpy()
    # Rotations as arcs on a sphere of 50 mm (Power et al. 2012, NeuroImage 59, 2142).
    columns["framewise_displacement"] = steps[:, :3].sum(axis=1) + 50 * steps[:, 3:].sum(axis=1)
    columns |= _dvars(run.data)
    n = len(run.data)
    for k in range(int(2 * n * tr / LONGEST)):
        wave = np.cos(np.pi * (k + 1) * (np.arange(n) + 0.5) / n)
        columns[f"cosine{k:02d}"] = np.sqrt(2 / n) * wave
    return pd.DataFrame(columns).round(8)


def _dvars(data: Float) -> dict[str, NDArray[np.float64]]:
    """Root mean square of the change between volumes, plain and over its expected value."""
    change = np.diff(data.astype(float), axis=0)
    dvars = np.sqrt((change**2).mean(axis=1))
    low, high = np.percentile(data, [25, 75], axis=0)
    centred = data - data.mean(axis=0, dtype=float)
    lagged = (centred[1:] * centred[:-1]).sum(axis=0) / np.maximum((centred**2).sum(axis=0), 1e-12)
    expected = (np.sqrt(2 * (1 - np.clip(lagged, -1, 1))) * (high - low) / 1.349).mean()
    first = np.array([np.nan])
    return {
        "dvars": np.concatenate([first, dvars]),
        "std_dvars": np.concatenate([first, dvars / max(expected, 1e-12)]),
    }
