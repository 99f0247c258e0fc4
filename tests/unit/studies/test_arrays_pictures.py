"""Large pictures in a person's own files: read in parts, alike from every format."""

import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.io import savemat

from neurodecode.errors import DataError
from neurodecode.registry import make
from neurodecode.studies import arrays_files, arrays_hdf5
from neurodecode.studies.published import to_square
from neurodecode.studies.settings import ArraysSettings

N, SIDE = 12, 16


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).normal(size=(N, 5)))


def photographs(h=40, w=60):
    """Smooth pictures, no two alike."""
    y, x = np.mgrid[:h, :w]
    waves = [np.sin(x / (4 + k)) * np.cos(y / 9 + c) for k in range(N) for c in range(3)]
    shaped = np.reshape(waves, (N, 3, h, w)).transpose(0, 2, 3, 1)
    return np.rint(127.5 * (1 + shaped)).astype(np.uint8)


def stimuli(file, **more):
    raw = {"kind": "arrays", "subjects": {"01": ["x.npy", file]}, "picture_size": SIDE,
           "keys": {"responses": "x", "pictures": "p"}, **more}  # fmt: skip
    return make("study", ArraysSettings.model_validate(raw)).stimuli()


def save_h5(name, values, matlab=False):
    with h5py.File(name, "w") as file:
        data = file.create_dataset("p", data=values.T if matlab else values)
        if matlab:
            data.attrs["MATLAB_class"] = np.bytes_("uint8")


SAVED = {
    "p.npy": lambda p: np.save("p.npy", p),
    "p.npz": lambda p: np.savez("p.npz", p=p),
    "packed.npz": lambda p: np.savez_compressed("packed.npz", p=p),
    "columns.npz": lambda p: np.savez("columns.npz", p=np.asfortranarray(p)),
    "p.h5": lambda p: save_h5("p.h5", p),
    "v73.mat": lambda p: save_h5("v73.mat", p, matlab=True),
    "old.mat": lambda p: savemat("old.mat", {"p": p}),
}


@pytest.mark.parametrize("block", [1, 20_000, 10**9])
@pytest.mark.parametrize("file", SAVED)
def test_every_format_gives_the_same_small_pictures(file, block, monkeypatch):
    for module in (arrays_files, arrays_hdf5):
        monkeypatch.setattr(module, "BLOCK", block)
    shown = photographs()
    SAVED[file](shown)
    np.testing.assert_array_equal(
        stimuli(file).pixels, np.stack([to_square(one, SIDE) for one in shown])
    )


@pytest.mark.parametrize("file", ["p.npy", "p.npz", "p.h5", "v73.mat"])
def test_pictures_may_stand_along_another_axis(file):
    shown = photographs()
    SAVED[file](shown.transpose(1, 2, 3, 0))
    np.testing.assert_array_equal(
        stimuli(file, picture_axes="hwcn", picture_size=None).pixels, shown
    )


def test_what_differs_in_one_value_stays_two_stimuli_though_alike_when_small():
    shown = photographs(256, 256)
    shown[1] = shown[0]
    shown[1, 0, 0, 0] ^= 1
    shown[3] = shown[2]
    np.save("p.npy", shown)
    found = stimuli("p.npy")
    assert len(found) == N - 1
    np.testing.assert_array_equal(found.pixels[0], found.pixels[1])


@pytest.mark.parametrize("file", ["p.npy", "p.npz", "packed.npz", "p.h5", "v73.mat"])
def test_large_pictures_are_never_all_in_memory(file, monkeypatch):
    for module in (arrays_files, arrays_hdf5):
        monkeypatch.setattr(module, "BLOCK", 500_000)
    shown = photographs(300, 300)  # 270 kB each
    SAVED[file](shown)
    stimuli(file)  # what is imported on the way is not counted
    tracemalloc.start()
    try:
        found = stimuli(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == N
    assert peak < 0.6 * shown.nbytes


def test_a_file_that_was_cut_and_a_size_without_pictures():
    np.savez("p.npz", p=photographs())
    with zipfile.ZipFile("p.npz") as archive:
        whole = archive.read("p.npy")
    with zipfile.ZipFile("p.npz", "w") as archive:
        archive.writestr("p.npy", whole[:-1000])
    with pytest.raises(DataError, match=r"p\.npz: not a whole \.npz file"):
        stimuli("p.npz")
    with pytest.raises(ValidationError, match=r"picture_size need keys\.pictures"):
        stimuli("p.npz", keys={"responses": "x", "labels": "y"})
