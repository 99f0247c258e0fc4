"""Arrays in HDF5: MATLAB's v7.3, whose axes are stored the other way round, and plain ``.h5``."""

import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import savemat

from neurodecode.errors import DataError
from neurodecode.registry import make
from neurodecode.studies.arrays_files import read_array, shapes
from neurodecode.studies.settings import ArraysSettings

N, UNITS = 12, 5


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save_v73(path, **values):
    """Write what MATLAB's ``save(..., '-v7.3')`` does: user block, classes, columns first."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in values.items():
            _put(file, name, value)
    with open(path, "r+b") as stream:
        stream.write(
            b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
        )


def _put(group, name, value):
    if isinstance(value, list):  # a cell array, n x 1
        refs = group.file.require_group("#refs#")
        cells = [_put(refs, f"{name}{k}", text).ref for k, text in enumerate(value)]
        data = group.create_dataset(name, (1, len(cells)), h5py.ref_dtype)
        data[0, :] = cells
        kind = "cell"
    elif isinstance(value, str):
        units = np.frombuffer(value.encode("utf-16-le"), "<u2")
        if not len(units):
            data = group.create_dataset(name, data=np.array([0, 0], np.uint64))
            data.attrs["MATLAB_empty"] = np.uint8(1)
        else:
            data = group.create_dataset(name, data=units[:, None])
        kind = "char"
    else:
        array = np.asarray(value)
        kind = {"b": "logical", "f": "double" if array.itemsize == 8 else "single"}.get(
            array.dtype.kind, array.dtype.name
        )
        stored = array.astype(np.uint8) if kind == "logical" else array
        data = group.create_dataset(name, data=np.atleast_2d(stored).T)
    data.attrs["MATLAB_class"] = np.bytes_(kind)
    return data


def study(file, keys, **more):
    settings = ArraysSettings.model_validate(
        {"kind": "arrays", "subjects": {"01": file}, "keys": {"responses": "x", **keys}, **more}
    )
    return make("study", settings)


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=(N, UNITS)),
        "p": rng.integers(0, 256, (4, 3, N), np.uint8),
        "run": np.repeat([1.0, 2.0], 6),
        "t": np.arange(N) > 8,
    }


def read_array_from(file, name, **more):
    return read_array(Path(file), name, **more)


def shapes_of(file):
    return shapes(Path(file))


WORDS = ["a cat", "", "ein Bär", "🐻 dances", *"abcdefgh"]


def test_both_formats_of_mat_read_alike():
    values = arrays()
    savemat("old.mat", {**values, "w": np.array(WORDS, object)[:, None]})
    save_v73("new.mat", **values, w=WORDS)
    for name in ("x", "p", "run", "t", "w"):
        old, new = (read_array_from(file, name) for file in ("old.mat", "new.mat"))
        np.testing.assert_array_equal(old.reshape(-1), new.reshape(-1))
        if name != "w":
            assert old.shape == new.shape == shapes_of("new.mat")[name], name


def test_a_study_in_v73():
    values = arrays()
    save_v73("sub.mat", **values, w=WORDS)
    keys = {"pictures": "p", "captions": "w", "runs": "run", "test_trials": "t"}
    found = study("sub.mat", keys, picture_axes="hwn")
    responses, stimuli = found.load("01"), found.stimuli()
    np.testing.assert_array_equal(responses.data, values["x"].astype(np.float32))
    np.testing.assert_array_equal(stimuli.pixels[..., 0], values["p"].transpose(2, 0, 1))
    assert stimuli.table["caption"].tolist() == WORDS
    assert (responses.trials["set"] == "test").tolist() == values["t"].tolist()


def test_a_study_in_h5_keeps_the_order_of_the_axes():
    values = arrays()
    with h5py.File("sub.h5", "w") as file:
        file["data/x"] = values["x"]
        file["p"] = values["p"].transpose(2, 0, 1)
        file["w"] = WORDS  # variable length, UTF-8
        file["run"] = np.array(["a", "b"] * 6, "S1")
    found = study(
        "sub.h5", {"responses": "data/x", "pictures": "p", "captions": "w", "runs": "run"}
    )
    np.testing.assert_array_equal(found.load("01").data, values["x"].astype(np.float32))
    assert found.load("01").trials["run"].tolist() == ["a", "b"] * 6
    assert found.stimuli().table["caption"].tolist() == WORDS


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=4, max_side=5)))
def test_any_array_of_matlab_comes_back(array):
    save_v73("any.mat", a=array)
    np.testing.assert_array_equal(read_array_from("any.mat", "a"), array)
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    np.testing.assert_array_equal(read_array_from("any.mat", "a", single=True), single)


# NumPy's texts lose zeros at their end.
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(st.lists(st.text(ANY, max_size=8), min_size=1))
@settings(max_examples=25, deadline=None)
def test_any_text_of_matlab_comes_back(texts):
    save_v73("text.mat", t=texts)
    assert read_array_from("text.mat", "t").tolist() == texts


@pytest.mark.parametrize("matlab", [False, True])
def test_double_precision_is_never_whole_in_memory(matlab, monkeypatch):
    monkeypatch.setattr("neurodecode.studies.arrays_hdf5.BLOCK", 400_000)
    big = np.random.default_rng(0).normal(size=(2000, 1000))
    if matlab:
        save_v73("big.mat", x=big)
    else:
        with h5py.File("big.h5", "w") as file:
            file["x"] = big
    tracemalloc.start()
    read = read_array_from("big.mat" if matlab else "big.h5", "x", single=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(read, big.astype(np.float32))
    assert peak < 1.2 * read.nbytes < big.nbytes


def test_what_is_neither_numbers_nor_text_is_refused():
    with h5py.File("sub.h5", "w") as file:
        file["x"] = np.zeros(3, [("a", int), ("b", float)])
        file["c"] = np.zeros((N, UNITS), complex)
    for key in ("x", "c"):
        with pytest.raises(DataError, match="plain array of numbers or text"):
            read_array_from("sub.h5", key)
    save_v73("sub.mat", cells=["a", "b"])
    with h5py.File("sub.mat", "r+") as file:
        inner = file["#refs#"].create_dataset("number", data=np.ones((1, 1)))
        inner.attrs["MATLAB_class"] = np.bytes_("double")
        file["cells"][0, 1] = inner.ref
    with pytest.raises(DataError, match="cell array of char rows"):
        read_array_from("sub.mat", "cells")


def test_a_damaged_file_is_said_to_be_damaged():
    save_v73("sub.mat", **arrays())
    with open("sub.mat", "r+b") as stream:
        stream.truncate(1200)
    with pytest.raises(DataError, match=r"sub\.mat: not a whole \.mat file"):
        shapes_of("sub.mat")
    with open("no.h5", "wb") as stream:
        stream.write(b"not HDF5")
    with pytest.raises(DataError, match=r"no\.h5: not a whole \.h5 file"):
        shapes_of("no.h5")
