"""A corner of the real slice: a few voxels, all blocks."""

import shutil

import nibabel as nib
import numpy as np

from neurodecode.studies.haxby2001 import EMBEDDED

N_UNITS = 24


def corner(folder):
    """A folder of the slice's layout whose mask holds a few voxels of one fusiform gyrus."""
    folder.mkdir()
    for name in ("bold.nii.gz", "attributes_literal.txt"):
        shutil.copy(EMBEDDED / name, folder / name)
    image = nib.load(EMBEDDED / "mask.nii.gz")
    mask = np.asarray(image.dataobj) > 0
    inside = np.argwhere(mask)
    middle = np.median(inside, axis=0) + np.array([8, 4, 0])
    near = np.argsort(((inside - middle) ** 2).sum(axis=1), kind="stable")[:N_UNITS]
    small = np.zeros(mask.shape, np.uint8)
    small[tuple(inside[near].T)] = 1
    nib.save(nib.Nifti1Image(small, image.affine), folder / "mask.nii.gz")
