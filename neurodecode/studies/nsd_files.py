"""The published tree of the Natural Scenes Dataset: names, trials, counts, betas.

Facts are those of the NSD Data Manual: betas are int16, 300 to one percent signal change; 73k ids
count from 1; in HDF5 files MATLAB's axes stand the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.errors import ConfigError, DataError
from neurodecode.studies.published import Published
from neurodecode.studies.volumes import masked_volumes, open_image

__all__ = ["NSD", "N_SESSIONS", "N_VOXELS", "Tree", "read_shared", "read_trials", "session_betas"]

N_PICTURES = 73_000
PER_SESSION = 750
PER_PERCENT = 300
OLD_SESSIONS = 37
N_SESSIONS = {"01": 40, "02": 40, "03": 32, "04": 30, "05": 40, "06": 32, "07": 40, "08": 30}
# Of nsdgeneral at 1.8 mm.
N_VOXELS = {
    "01": 15724, "02": 14278, "03": 15226, "04": 13153, "05": 13039, "06": 17907, "07": 12682,
    "08": 14386,
}  # fmt: skip
# Sessions: pictures, shared pictures, trials of others, trials of shared ones (where published).
COUNTS: dict[int, tuple[int, int, int | None, int | None]] = {
    40: (10_000, 1_000, 27_000, 3_000),
    37: (9_841, 982, 24_980, 2_770),
    32: (9_411, 930, None, None),
    30: (9_209, 907, None, None),
}
NSD = Published(
    name="Natural Scenes Dataset",
    get="from s3://natural-scenes-dataset (for instance `aws s3 cp --no-sign-request`), with its "
    "folders: nsddata/experiments/nsd/nsd_stim_info_merged.csv; for each subject "
    "nsddata/ppdata/subjNN/behav/responses.tsv, nsddata/ppdata/subjNN/func1pt8mm/roi/ and "
    "nsddata_betas/ppdata/subjNN/func1pt8mm/betas_fithrf_GLMdenoise_RR/betas_sessionNN.nii.gz (or "
    ".hdf5, which is read faster); nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5. Captions are "
    "COCO's: annotations_trainval2017.zip from cocodataset.org",
    size="stimuli 39.6 GB; betas up to 1.3 GB a session as .hdf5, less as .nii.gz; 30 to 40 "
    "sessions a subject",
    terms="the NSD Terms and Conditions: fill in the data access agreement at "
    "naturalscenesdataset.org first; the data may not be passed on",
    citation="Allen et al. (2022), Nature Neuroscience 25, 116-126, doi:10.1038/s41593-021-00962-x",
)


@dataclass(frozen=True)
class Tree:
    """Where the files of the data set lie."""

    root: Path

    @property
    def stimulus_table(self) -> Path:
        """What is known of each picture."""
        return self.root / "nsddata/experiments/nsd/nsd_stim_info_merged.csv"

    @property
    def pictures(self) -> Path:
        """All 73,000 pictures."""
        return self.root / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"

    def behaviour(self, subject: str) -> Path:
        """What a subject saw in each trial."""
        return self.root / f"nsddata/ppdata/subj{subject}/behav/responses.tsv"

    def roi(self, subject: str, name: str) -> Path:
        """A region of interest of a subject."""
        return self.root / f"nsddata/ppdata/subj{subject}/func1pt8mm/roi/{name}.nii.gz"

    def betas(self, subject: str, version: str, session: int) -> Path:
        """Betas of a session: HDF5 where it is there, else NIfTI."""
        folder = self.root / f"nsddata_betas/ppdata/subj{subject}/func1pt8mm/{version}"
        hdf5 = folder / f"betas_session{session:02d}.hdf5"
        return hdf5 if hdf5.exists() else hdf5.with_suffix(".nii.gz")


def sessions_of(subject: str, split: str, first: int | None) -> int:
    """Return how many sessions of a subject are used.

    Raises
    ------
    ConfigError
        Where the subject has fewer.
    """
    there = N_SESSIONS[subject]
    if split == "old" and there < OLD_SESSIONS:
        raise ConfigError(
            f"data.split: old is the first {OLD_SESSIONS} sessions; subject {subject} has {there}: "
            "use new"
        )
    most = OLD_SESSIONS if split == "old" else there
    if first is not None and first > most:
        raise ConfigError(f"data.sessions: subject {subject} has {most} in split {split}")
    return first or most


def read_shared(tree: Tree) -> pd.DataFrame:
    """Return the table of all pictures, by its 73k id from 1.

    Returns
    -------
    DataFrame (73,000 rows)
        Index ``id``; ``shared`` (bool), ``coco`` (int), ``coco_split`` (text).

    Raises
    ------
    DataError
        Where columns or counts are not the published ones.
    """
    path = tree.stimulus_table
    try:
        table = pd.read_csv(path, usecols=["nsdId", "shared1000", "cocoId", "cocoSplit"])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as the published table ({error})") from error
    ids = table["nsdId"].to_numpy()
    shared = table["shared1000"].astype(str).isin(["True", "1"]).to_numpy()
    if not np.array_equal(np.sort(ids), np.arange(N_PICTURES)) or shared.sum() != 1000:
        raise DataError(
            f"{path}: must list nsdId 0 to {N_PICTURES - 1} once each with 1000 shared pictures; "
            f"found {len(ids)} rows, {int(shared.sum())} shared"
        )
    known = {"shared": shared, "coco": table["cocoId"], "coco_split": table["cocoSplit"]}
    return pd.DataFrame(known).set_index(pd.Index(ids + 1, name="id")).sort_index()


def read_trials(tree: Tree, subject: str, n_sessions: int, shared: pd.Series) -> pd.DataFrame:
    """Return a subject's trials in the order of the betas.

    Parameters
    ----------
    tree, subject
    n_sessions : int
        The first ones are read.
    shared : Series of bool
        Of each picture, by its 73k id.

    Returns
    -------
    DataFrame
        ``session``, ``run``, ``number`` (in the session, from 1), ``id`` (73k, from 1),
        ``tested``.

    Raises
    ------
    DataError
        Where counts are not the published ones.
    """
    path = tree.behaviour(subject)
    try:
        table = pd.read_csv(path, sep="\t", usecols=["SUBJECT", "SESSION", "RUN", "73KID"])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as the published table ({error})") from error
    if set(table["SUBJECT"]) != {int(subject)}:
        raise DataError(f"{path}: is of subjects {sorted(set(table['SUBJECT']))}, not {subject}")
    table = table[table["SESSION"] <= n_sessions].reset_index(drop=True)
    sizes = table.groupby("SESSION").size().reindex(range(1, n_sessions + 1), fill_value=0)
    if (sizes != PER_SESSION).any() or not table["SESSION"].is_monotonic_increasing:
        wrong = ", ".join(f"session {k}: {n}" for k, n in sizes[sizes != PER_SESSION][:5].items())
        raise DataError(
            f"{path}: must hold {PER_SESSION} trials of each of sessions 1 to {n_sessions}, in "
            f"order; found {wrong or 'them out of order'}"
        )
    ids = table["73KID"]
    if not ids.between(1, N_PICTURES).all():
        raise DataError(f"{path}: 73KID must be 1 to {N_PICTURES}, found {ids.min()}, {ids.max()}")
    trials = pd.DataFrame(
        {
            "session": table["SESSION"],
            "run": table["RUN"],
            "number": table.groupby("SESSION").cumcount() + 1,
            "id": ids,
            "tested": shared.loc[ids].to_numpy(),
        }
    )
    _refuse_other_counts(trials, n_sessions, path)
    return trials


def _refuse_other_counts(trials: pd.DataFrame, n_sessions: int, path: Path) -> None:
    """Raise where pictures or trials are not as many as published."""
    most = int(trials["id"].value_counts().max())
    if most > 3:
        raise DataError(f"{path}: a picture is shown {most} times; three are the most")
    if n_sessions not in COUNTS:
        return
    pictures = trials.drop_duplicates("id")["tested"]
    tested = int(trials["tested"].sum())
    found = (len(pictures), int(pictures.sum()), len(trials) - tested, tested)
    names = ("pictures", "shared pictures", "trials of others", "trials of shared pictures")
    wrong = [
        f"{name} {n} (published: {m})"
        for name, n, m in zip(names, found, COUNTS[n_sessions], strict=True)
        if m is not None and n != m
    ]
    if wrong:
        raise DataError(f"{path}: counts of {n_sessions} sessions disagree: {'; '.join(wrong)}")


def session_betas(path: Path, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Read one session's betas in a mask.

    Parameters
    ----------
    path : Path
        ``.hdf5`` or ``.nii.gz``.
    mask : bool (nx, ny, nz)

    Returns
    -------
    float64 (750, n_voxels)
        Percent signal change; voxels in the order of ``np.argwhere(mask)``.

    Raises
    ------
    DataError
        Where shape or type are not the published ones.
    """
    betas = np.empty((PER_SESSION, int(mask.sum())))
    if path.suffix == ".hdf5":
        _read_hdf5(path, mask, betas)
        return betas
    image = open_image(path, 4)
    _refuse_other_shape(path, image.shape, image.get_data_dtype(), mask)
    start = 0
    for volumes in masked_volumes(image, path, mask):
        betas[start : start + len(volumes)] = volumes
        start += len(volumes)
    # The file's own numbers, whatever its header says of a scale.
    betas -= image.dataobj.inter
    betas /= image.dataobj.slope * PER_PERCENT
    return betas


def _read_hdf5(path: Path, mask: NDArray[np.bool_], betas: NDArray[np.float64]) -> None:
    """Fill ``betas`` from chunks of one voxel and all trials, a row of voxels at a time."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            data = file["betas"]
            _refuse_other_shape(path, data.shape[::-1], data.dtype, mask)
            column = 0
            for x, y in np.argwhere(mask.any(axis=2)):
                z = np.flatnonzero(mask[x, y])
                row = data[:, z[0] : z[-1] + 1, y, x][:, z - z[0]]
                betas[:, column : column + len(z)] = row
                column += len(z)
    except (OSError, KeyError) as error:
        raise DataError(f"{path}: not a whole file of betas ({error}); copy it again") from error
    betas /= PER_PERCENT


def _refuse_other_shape(
    path: Path, shape: tuple[int, ...], kind: Any, mask: NDArray[np.bool_]
) -> None:
    if shape != (*mask.shape, PER_SESSION) or kind != np.int16:
        raise DataError(
            f"{path}: must be int16 of the ROI's grid {mask.shape} and {PER_SESSION} trials, found "
            f"{kind} {shape}"
        )
