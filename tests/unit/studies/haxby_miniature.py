"""Haxby et al. (2001) as nilearn's fetcher lays it out, with few voxels."""

from pathlib import Path

import nibabel as nib
import numpy as np

CATEGORIES = ("bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe")
GRID, N_RUNS, N_VOLUMES = (5, 6, 4), 12, 121
AFFINE = np.diag([3.5, 3.75, 3.75, 1.0])


def labels(subject):
    """Label and run of each volume; one run of subject 5 has no labels."""
    rng = np.random.default_rng(subject)
    rows = []
    for run in range(N_RUNS):
        own = np.full(N_VOLUMES, "rest", dtype="U12")
        for k, category in enumerate(rng.permutation(CATEGORIES)):
            own[6 + 14 * k : 15 + 14 * k] = category
        if (subject, run) == (5, 8):
            own[:] = "rest"
        rows += [(label, run) for label in own]
    return rows


def write(root, subjects=(1, 2, 3, 4, 5, 6)):
    """Write the tree; the voxels of mask4_vt prefer one category each."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.ones(GRID, np.int16), AFFINE), root / "mask.nii.gz")
    for subject in subjects:
        folder, rng = root / f"subj{subject}", np.random.default_rng([7, subject])
        folder.mkdir()
        rows = labels(subject)
        text = "\n".join(f"{label} {run}" for label, run in rows)
        (folder / "labels.txt").write_text(f"labels chunks\n{text}\n")
        values = rng.normal(1000, 20, (*GRID, len(rows)))
        vt = rng.random(GRID) < 0.4
        for k, voxel in enumerate(np.argwhere(vt)):
            prefers = np.array([label == CATEGORIES[k % 8] for label, _ in rows])
            values[tuple(voxel)] += 25 * prefers
        image = nib.Nifti1Image(values.astype(np.int16), AFFINE)
        image.header.set_zooms((3.5, 3.75, 3.75, 2.5))
        nib.save(image, folder / "bold.nii.gz")
        nib.save(nib.Nifti1Image(vt.astype(np.int16), AFFINE), folder / "mask4_vt.nii.gz")
        for name in ("mask8_face_vt", "mask8_house_vt", "mask8b_face_vt", "mask8b_house_vt"):
            part = vt & (rng.random(GRID) < 0.5)
            nib.save(nib.Nifti1Image(part.astype(np.int16), AFFINE), folder / f"{name}.nii.gz")
