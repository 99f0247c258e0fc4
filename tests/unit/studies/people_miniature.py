"""A BIDS data set of people at rest, with fMRIPrep's names: an atlas of six regions, no events."""

import gzip
import json

import nibabel as nib
import numpy as np
import pandas as pd

TR = 2.0
SHAPE = (6, 6, 4)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
NAMES = ["left", "right", "front", "back", "top", "bottom"]
DERIVATIVES = "derivatives/fmriprep"
ATLAS = "derivatives/atlas_dseg.nii.gz"


def labels():
    """Two slabs of voxels in each of three slices are a region each; the last slice is none."""
    values = np.zeros(SHAPE, np.uint8)
    for k in range(6):
        values[:, 3 * (k % 2) : 3 * (k % 2) + 3, k // 2] = k + 1
    return values


def save(values, path, tr=None):
    image = nib.Nifti1Image(values, AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    if tr:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def courses_of(person, people, n_times=40):
    """Six regions that share a signal; people of site b share more of it."""
    rng = np.random.default_rng(person)
    strength = 2.0 if people["site"].iloc[person] == "b" else 0.7
    return rng.normal(size=(n_times, 6)) + strength * rng.normal(size=(n_times, 1))


def draw_people(n):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{k:03d}" for k in range(n)],
            "age": rng.uniform(20, 60, n).round(1),
            "site": rng.permutation(np.resize(["a", "b"], n)),
        }
    )


def write(root, n=6, n_times=40, task="rest"):
    people = draw_people(n)
    root.mkdir(parents=True)
    description = {"Name": "People at rest", "BIDSVersion": "1.10.0", "License": "CC0"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    people.to_csv(root / "participants.tsv", sep="\t", index=False)
    region = labels()
    save(region, root / ATLAS)
    table = pd.DataFrame({"index": range(1, 7), "name": NAMES})
    table.to_csv(root / ATLAS.replace(".nii.gz", ".tsv"), sep="\t", index=False)
    (root / f"task-{task}_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    for k, who in enumerate(people["participant_id"]):
        run = np.zeros((*SHAPE, n_times), np.float32)
        run[region > 0] = 1000 + courses_of(k, people, n_times)[:, region[region > 0] - 1].T
        name = f"{who}/func/{who}_task-{task}"
        save(run, root / f"{name}_bold.nii.gz", TR)
        derived = f"{DERIVATIVES}/{name}"
        save(run, root / f"{derived}_desc-preproc_bold.nii.gz", TR)
        (root / f"{derived}_desc-preproc_bold.json").write_text("{}")
        rng = np.random.default_rng(1000 + k)
        moves = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
        motion = pd.DataFrame({m: rng.normal(scale=0.01, size=n_times) for m in moves})
        motion["framewise_displacement"] = np.where(np.arange(n_times) == 3 + k, 2.0, 0.1)
        motion["std_dvars"] = 1.0
        motion.to_csv(root / f"{derived}_desc-confounds_timeseries.tsv", sep="\t", index=False)
        (root / f"{derived}_desc-confounds_timeseries.json").write_text("{}")
    return people
