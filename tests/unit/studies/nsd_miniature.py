"""The published tree of the Natural Scenes Dataset with few voxels: names, types and axes alike."""

from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pandas as pd

GRID = (6, 5, 4)
AFFINE = np.array([[-1.8, 0, 0, 70], [0, 1.8, 0, -90], [0, 0, 1.8, -50], [0, 0, 0, 1.0]])
VERSION = "betas_fithrf_GLMdenoise_RR"
# Sessions 1-30, 31-32, 33-37, 38-40; in each the shared and the other pictures that are new.
PARTS = ((30, 907, 8302), (2, 23, 179), (5, 52, 378), (3, 18, 141))


def schedule(seed=0):
    """Draw 30,000 trials of 10,000 pictures, and which are shared; counts are the published ones.

    Returns the 73k ids (from 1) by trial, and the set of shared ids.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.arange(1, 73_001))[:10_000]
    shared, others = list(chosen[:1000]), list(chosen[1000:])
    all_shared = set(map(int, chosen[:1000]))
    parts, early = [], ([], [])
    for k, (_, n_shared, n_others) in enumerate(PARTS):
        new = [shared.pop() for _ in range(n_shared)], [others.pop() for _ in range(n_others)]
        parts.append([*new[0], *new[1]] if k == 0 else 3 * [*new[0], *new[1]])
        early = (new[0], new[1]) if k == 0 else early
    # Of the first pictures, some come back in the last sessions, the others earlier.
    last = [*early[0][:176], *early[1][:1597]]
    parts[3] += last
    left = [*early[0][176:], *early[1][1597:], *early[0], *early[1]]
    left = list(rng.permutation(left))
    for k, (sessions, _, _) in enumerate(PARTS[:3]):
        room = sessions * 750 - len(parts[k])
        parts[k] += [left.pop() for _ in range(room)]
    return np.concatenate([rng.permutation(part) for part in parts]), all_shared


def stimulus_table(shared):
    """Return all pictures, as in nsd_stim_info_merged.csv."""
    ids = np.arange(73_000)
    return pd.DataFrame(
        {
            "cocoId": 2 * ids + 9, "cocoSplit": np.where(ids < 60_000, "train2017", "val2017"),
            "cropBox": "(0.0, 0.0, 0.25, 0.0)", "loss": 0.1, "nsdId": ids, "flagged": False,
            "BOLD5000": False, "shared1000": np.isin(ids + 1, list(shared)), "subject1": 0,
        }
    )  # fmt: skip


def responses_table(ids, subject=1):
    """Return all trials, as in responses.tsv."""
    n = len(ids)
    session = np.arange(n) // 750 + 1
    runs = np.repeat(np.arange(1, 13), [63, 62] * 6)
    return pd.DataFrame(
        {
            "SUBJECT": subject, "SESSION": session, "RUN": np.tile(runs, n // 750),
            "TRIAL": 1, "73KID": ids, "10KID": 1, "TIME": 0.5, "ISOLD": 0, "ISCORRECT": 1.0,
            "RT": np.nan, "MISSINGDATA": 0,
        }
    )  # fmt: skip


def write_tables(root, ids, shared, subject="01"):
    root = Path(root)
    table = root / "nsddata/experiments/nsd/nsd_stim_info_merged.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    stimulus_table(shared).to_csv(table)
    behaviour = root / f"nsddata/ppdata/subj{subject}/behav/responses.tsv"
    behaviour.parent.mkdir(parents=True, exist_ok=True)
    responses_table(ids, int(subject)).to_csv(behaviour, sep="\t", index=False)


def region(seed=1):
    """Draw a mask of -1, 0 and 1, as the ROI images hold it."""
    return np.random.default_rng(seed).integers(-1, 2, GRID).astype(np.int16)


def draw_betas(session):
    """Draw int16 (nx, ny, nz, 750)."""
    rng = np.random.default_rng([5, session])
    means = rng.integers(-500, 500, (*GRID, 1))
    return (means + rng.integers(-900, 900, (*GRID, 750))).astype(np.int16)


def write_betas(root, n_sessions, *, hdf5, subject="01", betas=draw_betas, roi=None):
    root = Path(root)
    path = root / f"nsddata/ppdata/subj{subject}/func1pt8mm/roi/nsdgeneral.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(region() if roi is None else roi, AFFINE), path)
    folder = root / f"nsddata_betas/ppdata/subj{subject}/func1pt8mm/{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for session in range(1, n_sessions + 1):
        values, stem = betas(session), folder / f"betas_session{session:02d}"
        if hdf5:  # MATLAB writes X x Y x Z x 750 in chunks of 1 x 1 x 1 x 750
            with h5py.File(f"{stem}.hdf5", "w") as file:
                file.create_dataset("betas", data=values.T, chunks=(len(values.T), 1, 1, 1))
        else:
            nib.save(nib.Nifti1Image(values, AFFINE), f"{stem}.nii.gz")


def write_pictures(root, pictures, size=425):
    """Write all 73,000 places; ``pictures`` by their 73k id fill some of them."""
    path = Path(root) / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        brick = file.create_dataset(
            "imgBrick", (73_000, size, size, 3), np.uint8, chunks=(1, size, size, 3)
        )
        for number, picture in pictures.items():
            brick[number - 1] = picture
