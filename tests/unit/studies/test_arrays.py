"""A person's own arrays: what is read, and every way in which files can be wrong."""

import warnings

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.io import savemat

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.registry import make
from neurodecode.studies.arrays import Arrays
from neurodecode.studies.settings import ArraysSettings

N, UNITS = 12, 5


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def responses(n=N, seed=0):
    return np.random.default_rng(seed).normal(size=(n, UNITS)).astype(np.float32)


def pictures(n=N, h=4, w=3, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (n, h, w), np.uint8)


def save(name="sub.npz", **arrays):
    np.savez(name, **{"x": responses(), **arrays})


def study(keys, subjects=None, **more):
    settings = ArraysSettings.model_validate(
        {"kind": "arrays", "subjects": subjects or {"01": "sub.npz"},
         "keys": {"responses": "x", **keys}, **more}
    )  # fmt: skip
    made: Arrays = make("study", settings)
    return made


def test_pictures_one_a_trial():
    shown = pictures()
    save(p=shown, run=np.repeat([1, 2], 6))
    found = study({"pictures": "p", "runs": "run"})
    assert (found.level, found.subjects()) == ("stimulus", ("01",))
    stimuli, loaded = found.stimuli(), found.load("01")
    np.testing.assert_array_equal(stimuli.pixels, np.repeat(shown[..., None], 3, axis=3))
    assert list(stimuli.table["set"].unique()) == ["fold"]
    np.testing.assert_array_equal(loaded.data, responses())
    assert list(loaded.trials["stimulus"]) == list(stimuli.table["id"])
    assert loaded.trials["run"].tolist() == [1] * 6 + [2] * 6
    assert not loaded.transductive


@pytest.mark.parametrize("base", [0, 1])
def test_an_index_counts_as_it_is_declared_and_repeats_are_one_stimulus(base):
    shown, index = pictures(5), np.array([0, 3, 3, 1, 0, 4, 4, 1, 3, 0, 1, 4])
    save(p=shown, i=(index + base).astype(float), t=np.array([5, 6, 11]) + base)
    found = study({"pictures": "p", "stimulus": "i", "test_trials": "t"}, index_base=base)
    stimuli, trials = found.stimuli(), found.load("01").trials
    assert len(stimuli) == 4  # picture 2 was shown to nobody
    at = {name: k for k, name in enumerate(stimuli.table["id"])}
    for row, name in zip(index, trials["stimulus"], strict=True):
        np.testing.assert_array_equal(stimuli.pixels[at[name], ..., 0], shown[row])
    assert (
        dict(zip(stimuli.table["id"], stimuli.table["set"], strict=True))[
            f"stimulus-{4 + base:05d}"
        ]
        == "test"
    )
    assert (stimuli.table["set"] == "train").sum() == 3
    assert trials["repeat"].tolist() == [0, 0, 1, 0, 1, 0, 1, 1, 2, 2, 2, 2]


def test_copies_of_a_picture_are_one_stimulus():
    shown = pictures()
    shown[7] = shown[2]
    save(p=shown, s=["train"] * 6 + ["TEST"] * 6)
    found = study({"pictures": "p", "split": "s"})
    trials = found.load("01").trials
    assert trials["stimulus"].iloc[7] == trials["stimulus"].iloc[2] == "stimulus-00002"
    sets = dict(zip(found.stimuli().table["id"], found.stimuli().table["set"], strict=True))
    assert sets["stimulus-00002"] == "both"
    assert sorted(set(sets.values())) == ["both", "test", "train"]


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (lambda p: p, {}),
        (lambda p: p.transpose(1, 2, 0), {"picture_axes": "hwn"}),
        (lambda p: p.reshape(N, -1), {"picture_shape": [4, 3]}),
        (
            lambda p: p.transpose(0, 2, 1).reshape(N, -1),
            {"picture_shape": [4, 3], "picture_axes": "nwh"},
        ),
        (lambda p: p / 255, {}),
        (lambda p: (p / 255).astype(np.float32)[..., None], {}),
        (lambda p: np.stack([p, p, p], axis=1), {"picture_axes": "nchw"}),
    ],
)
def test_orders_and_types_of_pictures(values, options):
    shown = pictures()
    save(p=values(shown))
    pixels = study({"pictures": "p"}, **options).stimuli().pixels
    np.testing.assert_array_equal(pixels, np.repeat(shown[..., None], 3, axis=3))


def test_colours_stay_and_truth_values_are_black_and_white():
    rng = np.random.default_rng(0)
    colour, masks = rng.integers(0, 256, (N, 2, 2, 3), np.uint8), rng.random((N, 6, 6)) > 0.5
    save(p=colour, m=masks)
    np.testing.assert_array_equal(study({"pictures": "p"}).stimuli().pixels, colour)
    np.testing.assert_array_equal(study({"pictures": "m"}).stimuli().pixels[..., 1], masks * 255)


def test_npy_files_are_named_by_their_stem_and_mat_files_by_variable():
    np.save("x.npy", responses())
    np.save("p.npy", pictures())
    found = study({"pictures": "p"}, {"01": ["x.npy", "p.npy"]})
    np.testing.assert_array_equal(found.load("01").data, responses())
    names = np.array(["cat", "a dog", "Häuser"] * 4, dtype=object)
    savemat("m.mat", {"x": responses().astype(float), "y": names, "run": np.arange(N) // 6 + 1})
    found = study({"labels": "y", "runs": "run"}, {"01": "m.mat"})
    assert found.load("01").trials["category"].tolist() == names.tolist()
    assert found.load("01").trials["run"].tolist() == [1] * 6 + [2] * 6
    savemat("c.mat", {"x": responses(), "y": ["cat", "a dog", "be"] * 4})
    found = study({"labels": "y"}, {"01": "c.mat"})
    assert sorted(set(found.load("01").trials["category"])) == ["a dog", "be", "cat"]


def test_labels_alone_have_no_pictures():
    save(y=np.array([1.0, 2.0, 10.0] * 4))
    found = study({"labels": "y"})
    stimuli = found.stimuli()
    assert found.level == "category"
    assert not stimuli.pictured
    assert list(stimuli.table["category"]) == ["1", "10", "2"]
    assert found.load("01").trials["stimulus"].eq("").all()


def test_own_features_and_captions():
    features = np.random.default_rng(0).normal(size=(N, 6))
    save(f=features, c=np.array([f"thing {k}" for k in range(N)]))
    found = study({"features": "f", "captions": "c"})
    assert found.level == "features"
    np.testing.assert_allclose(found.stimuli().features, features, rtol=1e-6)
    assert found.stimuli().table["caption"].iloc[3] == "thing 3"
    target = make("extractor", type("S", (), {"kind": "given", "model_dump": lambda *a, **k: {}}))
    assert target.extract(found.stimuli()).values.shape == (N, 6)
    with pytest.raises(ConfigError, match="choose_by"):
        target.embed(found.stimuli().pixels)


def test_subjects_share_pictures_or_bring_their_own():
    np.savez("a.npz", x=responses(6), i=np.arange(6))
    np.savez("b.npz", x=responses(8), i=np.arange(8)[::-1])
    np.savez("s.npz", p=pictures(8))
    both = {"A": "a.npz", "B": "b.npz"}
    keys = {"pictures": "p", "stimulus": "i"}
    found = study(keys, both, shared="s.npz", index_base=0)
    assert len(found.stimuli()) == 8
    assert found.load("A").trials["stimulus"].iloc[0] == "stimulus-00000"
    assert found.load("B").trials["stimulus"].iloc[7] == "stimulus-00000"
    np.savez("a.npz", x=responses(6), p=pictures(6))
    np.savez("b.npz", x=responses(8), p=pictures(8))
    found = study({"pictures": "p"}, both)
    assert len(found.stimuli()) == len({p.tobytes() for p in [*pictures(6), *pictures(8)]})
    assert found.load("A").trials["stimulus"].iloc[0].startswith("subA-stimulus-")


def test_units_that_are_nan_or_constant_are_masked_and_counted():
    x = responses()
    x[3, 1], x[:, 4] = np.nan, 7
    save(x=x, y=np.arange(N) % 2)
    with pytest.warns(DataWarning, match="1 units with values that are not finite and 1 constant"):
        loaded = study({"labels": "y"}).load("01")
    assert loaded.units["unit"].tolist() == ["unit-00000", "unit-00002", "unit-00003"]
    np.testing.assert_array_equal(loaded.data, x[:, [0, 2, 3]])


def test_a_mask_may_be_of_truth_values_or_of_zeros_and_ones():
    mask = np.arange(N) >= 9
    for values in (mask, mask.astype(np.uint8)):
        save(p=pictures(), t=values)
        trials = study({"pictures": "p", "test_trials": "t"}).load("01").trials
        assert (trials["set"] == "test").tolist() == mask.tolist()


LABELS = np.arange(N) % 2
BAD = {
    "a missing key lists what there is": (
        {"y": LABELS}, {"labels": "why"}, {}, ConfigError,
        r"keys\.labels: no array 'why': sub\.npz holds x \(12, 5\), y \(12,\)"),
    "labels of another length": (
        {"y": LABELS[:9]}, {"labels": "y"}, {}, DataError, "9 labels for 12 trials"),
    "one class": ({"y": np.ones(N)}, {"labels": "y"}, {}, DataError, "two or more classes"),
    "labels that are not finite": (
        {"y": np.full(N, np.nan)}, {"labels": "y"}, {}, DataError, "12 values are not finite"),
    "an empty label": (
        {"y": ["a", ""] * 6}, {"labels": "y"}, {}, DataError, "6 names are empty"),
    "labels in a matrix": (
        {"y": np.ones((N, 2))}, {"labels": "y"}, {}, DataError, r"vector.*\(12, 2\)"),
    "responses in three axes": (
        {"x": np.ones((N, 2, 2)), "y": LABELS}, {"labels": "y"}, {}, DataError, "n_units"),
    "responses of text": (
        {"x": np.full((N, 2), "a"), "y": LABELS}, {"labels": "y"}, {}, DataError, "numbers"),
    "complex responses": (
        {"x": np.ones((N, 2)) * 1j, "y": LABELS}, {"labels": "y"}, {}, DataError, "complex"),
    "no unit of use": (
        {"x": np.full((N, 2), np.nan), "y": LABELS}, {"labels": "y"}, {}, DataError,
        "no unit has finite values.*12 trials hold no finite value"),
    "an array of objects": (
        {"y": np.array([{"a": 1}] * N, dtype=object)}, {"labels": "y"}, {}, DataError,
        "objects.*pickle"),
    "pictures of another number": (
        {"p": pictures(7)}, {"pictures": "p"}, {}, DataError, "7 rows for 12 trials.*stimulus"),
    "pictures in MATLAB's order": (
        {"p": pictures().transpose(1, 2, 0)}, {"pictures": "p"}, {}, DataError, "picture_axes"),
    "flattened pictures without a shape": (
        {"p": pictures().reshape(N, -1)}, {"pictures": "p"}, {}, DataError, "picture_shape"),
    "flattened pictures of another shape": (
        {"p": pictures().reshape(N, -1)}, {"pictures": "p"}, {"picture_shape": [5, 3]}, DataError,
        r"\(n, 15\), got \(12, 12\)"),
    "axes that do not fit the shape": (
        {"p": pictures().reshape(N, -1)}, {"pictures": "p"},
        {"picture_shape": [4, 3], "picture_axes": "hwn"}, ConfigError, "picture_axes"),
    "four colours": (
        {"p": np.zeros((N, 4, 4, 4), np.uint8)}, {"pictures": "p"}, {}, DataError, "transparency"),
    "floats above one": (
        {"p": pictures().astype(float)}, {"pictures": "p"}, {}, DataError, "0 to 1.*divide by 255"),
    "pictures that are not finite": (
        {"p": np.full((N, 4, 4), np.nan)}, {"pictures": "p"}, {}, DataError, "finite"),
    "pictures of other integers": (
        {"p": pictures().astype(np.int32)}, {"pictures": "p"}, {}, DataError, "uint8 or floats"),
    "an index out of range": (
        {"p": pictures(6), "i": np.arange(N)}, {"pictures": "p", "stimulus": "i"},
        {"index_base": 0}, DataError, "6 indices are out of range, first 6 at row 6"),
    "an index of the other base": (
        {"p": pictures(), "i": np.arange(N)}, {"pictures": "p", "stimulus": "i"},
        {"index_base": 1}, DataError, "1 indices are out of range, first 0.*must be 1 to 12"),
    "an index of fractions": (
        {"p": pictures(), "i": np.arange(N) + 0.5}, {"pictures": "p", "stimulus": "i"},
        {"index_base": 0}, DataError, "whole numbers"),
    "test trials whose base is not declared": (
        {"p": pictures(), "t": [1, 2]}, {"pictures": "p", "test_trials": "t"}, {}, ConfigError,
        "index_base"),
    "test trials named twice": (
        {"p": pictures(), "t": [1, 1]}, {"pictures": "p", "test_trials": "t"}, {"index_base": 0},
        DataError, "named twice"),
    "a mask of another length": (
        {"p": pictures(), "t": np.ones(5, bool)}, {"pictures": "p", "test_trials": "t"}, {},
        DataError, "mask of 5 for 12"),
    "a split in other words": (
        {"p": pictures(), "s": ["train", "dev"] * 6}, {"pictures": "p", "split": "s"}, {},
        DataError, "train or test, found dev"),
    "one picture with two labels": (
        {"p": pictures(6), "i": np.arange(N) // 2, "y": np.arange(N)},
        {"pictures": "p", "stimulus": "i", "labels": "y"}, {"index_base": 0}, DataError,
        "6 stimuli have several labels"),
    "features that are not finite": (
        {"f": np.full((N, 2), np.inf)}, {"features": "f"}, {}, DataError, "24 of 24"),
    "captions of another number": (
        {"f": np.ones((N, 2)), "c": ["a"] * 5}, {"features": "f", "captions": "c"}, {}, DataError,
        "rows must be as many"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_explained(case):
    arrays, keys, options, kind, message = BAD[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.savez("sub.npz", allow_pickle=True, **{"x": responses(), **arrays})
    found = study(keys, **options)
    with pytest.raises(kind, match=message):
        found.stimuli(), found.load("01")


def test_almost_black_pictures_are_warned_of():
    save(p=(pictures() > 99).astype(np.uint8))
    with pytest.warns(DataWarning, match="almost black"):
        study({"pictures": "p"}).stimuli()


def test_files_that_are_missing_cut_or_of_another_kind(folder):
    with pytest.raises(DataError, match=r"sub\.npz: no such file"):
        study({"labels": "y"}).stimuli()
    with pytest.raises(ConfigError, match=r"must end in \.npz, \.npy, \.mat"):
        study({"labels": "y"}, {"01": "sub.csv"}).stimuli()
    with pytest.raises(ConfigError, match="one of 01, got '02'"):
        study({"labels": "y"}).load("02")


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".npy"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_one_error(folder, suffix, share):
    name, arrays = f"x{suffix}", {"x": responses(), "y": LABELS}
    if suffix == ".npz":
        np.savez_compressed(name, **arrays)
    elif suffix == ".mat":
        savemat(name, arrays, do_compression=True)
    else:
        np.save(name, arrays["x"])
        np.save("y.npy", LABELS)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(len(whole) * share)])
    files = [name, "y.npy"] if suffix == ".npy" else name
    found = study({"labels": "y"}, {"01": files})
    with pytest.raises((DataError, ConfigError), match=rf"x\{suffix}"):
        found.stimuli(), found.load("01")


def test_a_v73_header_without_its_data_is_said_to_be_damaged(folder):
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (folder / "new.mat").write_bytes(head + b"\x89HDF\r\n\x1a\n" + bytes(600))
    with pytest.raises(DataError, match=r"new\.mat: not a whole \.mat file"):
        study({"labels": "y"}, {"01": "new.mat"}).stimuli()


def test_cells_that_hold_no_text_are_refused():
    cells = np.empty(N, dtype=object)
    cells[:] = [np.ones(2)] * N
    savemat("c.mat", {"x": responses(), "y": cells})
    with pytest.raises(DataError, match="cell array of char"):
        study({"labels": "y"}, {"01": "c.mat"}).stimuli()


def test_a_pickled_npy_is_never_read(folder):
    np.save("x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save("y.npy", LABELS)
    with pytest.raises(DataError, match=r"objects|n_units"):
        study({"labels": "y"}, {"01": ["x.npy", "y.npy"]}).load("01")


def test_an_array_in_two_files_is_refused():
    save("a.npz", y=LABELS)
    save("b.npz")
    with pytest.raises(ConfigError, match=r"is in a\.npz and in b\.npz"):
        study({"labels": "y"}, {"01": ["a.npz", "b.npz"]}).load("01")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": {"responses": "x"}}, "at least one of pictures"),
        ({"keys": {"responses": "x", "labels": "y", "captions": "c"}}, "captions needs"),
        ({"keys": {"responses": "x", "pictures": "p", "stimulus": "i"}}, "never guessed"),
        (
            {"keys": {"responses": "x", "labels": "y", "split": "s", "test_trials": "t"}},
            "name one of them",
        ),
        ({"keys": {"responses": "x", "labels": "y"}, "picture_axes": "hwn"}, "keys.pictures"),
        ({"keys": {"responses": "x", "pictures": "p"}, "picture_axes": "hhn"}, "once each"),
        ({"keys": {"responses": "x", "labels": "y", "lables": "z"}}, "Extra inputs"),
        ({"keys": {"responses": "x", "labels": "y"}, "subjects": {}}, "at least 1"),
    ],
)
def test_settings_that_make_no_sense(change, message):
    with pytest.raises(ValidationError, match=message):
        ArraysSettings.model_validate({"kind": "arrays", "subjects": {"01": "a.npz"}, **change})


def test_what_is_hashed_is_what_is_read():
    save(y=LABELS)
    found = study({"labels": "y"}, {"01": "sub.npz"}, shared=["more.npz"])
    assert [str(p) for p in found.sources("01")] == ["sub.npz", "more.npz"]
    assert found.stimulus_sources() == found.sources("01")
    assert isinstance(found.about()["limits"], str)
