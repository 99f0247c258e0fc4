"""Runs on the cortical surface, in files of the real formats that the tests write."""

import json
import shutil
import sys
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ParcelsAxis, ScalarAxis, SeriesAxis
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable
from pydantic import TypeAdapter, ValidationError

sys.path.append(str(Path(__file__).parents[1] / "simulate"))
import bids_miniature as miniature

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.window import Window
from neurodecode.registry import make
from neurodecode.studies.settings import DataSettings

N_TIMES, N_VERTICES, TR = 70, 12, miniature.TR
FUNC = Path("sub-01/ses-{s}/func/sub-01_ses-{s}_task-pictures_run-0{s}")
AFFINE = np.diag([2.0, 2, 2, 1])


def place(root, s, ending, derivatives="derivatives/fmriprep"):
    return root / derivatives / (str(FUNC).format(s=s) + ending)


def brain():
    """Ten of twelve vertices a hemisphere (no medial wall), and a few voxels of a thalamus."""
    wall = np.arange(N_VERTICES) >= 2
    left, right = (BrainModelAxis.from_mask(wall, f"cortex_{s}") for s in ("left", "right"))
    mask = np.zeros((4, 4, 4), bool)
    mask[1:3, 1, 1:3] = True
    return left + right + BrainModelAxis.from_mask(mask, "thalamus_left", AFFINE)


def signal(s, n_units):
    rng = np.random.default_rng(s)
    return (1000 + rng.normal(size=(N_TIMES, n_units)).cumsum(axis=0)).astype(np.float32)


def write_cifti(path, values, tr=TR, axis=None):
    rows = SeriesAxis(0, tr, len(values))
    nib.Cifti2Image(values, (rows, axis or brain())).to_filename(path)


def write_gifti(path, values, tr=TR):
    meta = nib.gifti.GiftiMetaData(TimeStep=str(1000 * tr))
    arrays = [GiftiDataArray(row, intent="NIFTI_INTENT_TIME_SERIES", datatype="NIFTI_TYPE_FLOAT32",
                             meta=meta) for row in values]  # fmt: skip
    nib.save(GiftiImage(darrays=arrays), path)


def label_gifti(path, values, names):
    table = GiftiLabelTable()
    for key, name in names.items():
        label = GiftiLabel(key, 1, 0, 0, 1)
        label.label = name
        table.labels.append(label)
    array = GiftiDataArray(values.astype(np.int32), intent="NIFTI_INTENT_LABEL")
    nib.save(GiftiImage(darrays=[array], labeltable=table), path)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The miniature data set of two runs, with both forms of surface beside the volumes."""
    root = miniature.write_fmri(tmp_path_factory.mktemp("surface") / "set").root
    for s in (1, 2):
        write_cifti(place(root, s, "_space-fsLR_den-91k_bold.dtseries.nii"), signal(s, 24))
        place(root, s, "_space-fsLR_den-91k_bold.json").write_text(
            json.dumps({"RepetitionTime": TR, "StartTime": 0.5})
        )
        for k, side in enumerate("LR"):
            whole = signal(s, 2 * N_VERTICES)[:, k * N_VERTICES : (k + 1) * N_VERTICES]
            write_gifti(place(root, s, f"_hemi-{side}_space-fsaverage5_bold.func.gii"), whole)
    labels = np.repeat([1, 2, 0], 8)
    names = {0: ("???", (0, 0, 0, 0)), 1: ("V1", (1, 0, 0, 1)), 2: ("V2", (0, 1, 0, 1))}
    nib.Cifti2Image(labels[None].astype(np.float32), (LabelAxis(["areas"], names), brain())
                    ).to_filename(root / "areas.dlabel.nii")  # fmt: skip
    nib.Cifti2Image((np.arange(24) < 5)[None].astype(np.float32), (ScalarAxis(["m"]), brain())
                    ).to_filename(root / "mask.dscalar.nii")  # fmt: skip
    for side in "LR":
        label_gifti(root / f"areas_hemi-{side}.label.gii", np.arange(N_VERTICES) // 5,
                    {0: "wall", 1: "V1", 2: "V2"})  # fmt: skip
    return root


@pytest.fixture
def root(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "set"))


def study(root, form, **changes):
    raw = {"kind": "bids", "root": str(root), "task": "pictures", "form": form,
           "derivatives": "derivatives/fmriprep", "subjects": ("01",), **changes}  # fmt: skip
    return make("study", TypeAdapter(DataSettings).validate_python(raw))


def test_grayordinates_are_read_run_by_run(written):
    recording = study(written, "cifti").load("01")
    np.testing.assert_array_equal(recording.data[:], np.concatenate([signal(1, 24), signal(2, 24)]))
    assert recording.times[N_TIMES : N_TIMES + 2].tolist() == [0.5, 2.5]
    units = recording.units
    assert units["roi"].value_counts().to_dict() == {
        "cortex_left": 10, "cortex_right": 10, "thalamus_left": 4
    }  # fmt: skip
    assert units["unit"][0] == "cortex_left_2"  # the medial wall is not there
    assert units["x"][:20].isna().all()
    assert units.iloc[20][["x", "y", "z"]].tolist() == [2, 2, 2]
    assert units["unit"].is_unique


def test_both_hemispheres_are_joined(written):
    recording = study(written, "gifti").load("01")
    np.testing.assert_array_equal(recording.data[:], np.concatenate([signal(1, 24), signal(2, 24)]))
    assert recording.units["roi"].tolist() == ["cortex_left"] * 12 + ["cortex_right"] * 12
    responses = Window(4.0, 6.0, True, 1 / 128, True).estimate(recording)
    assert responses.data.shape == (32, 24)


def test_volumes_are_still_read_beside_them(written):
    assert study(written, "volume").load("01").data.shape == (140, 48)


@pytest.mark.parametrize("form", ["cifti", "gifti"])
def test_confounds_and_scrubbing_go_the_same_way(written, form):
    clean = {"confounds": ("motion", "scrub"), "fd_threshold": 2.2, "std_dvars_threshold": 30.0}
    of_surface = study(written, form, **clean).load("01")
    of_volume = study(written, "volume", **clean).load("01")
    pd.testing.assert_frame_equal(of_surface.confounds, of_volume.confounds)
    assert of_surface.kept.tolist() == of_volume.kept.tolist()
    assert not of_surface.kept.all()


def test_masks_and_atlases_of_grayordinates(written):
    assert study(written, "cifti", mask="mask.dscalar.nii").load("01").data.shape[1] == 5
    atlas = {"atlas": "areas.dlabel.nii"}
    assert set(study(written, "cifti", **atlas).load("01").units["roi"]) == {"V1", "V2"}
    one = study(written, "cifti", **atlas, regions=("V2",)).load("01")
    np.testing.assert_array_equal(one.data[:N_TIMES], signal(1, 24)[:, 8:16])
    with pytest.raises(ConfigError, match="must be of V1, V2; got V4"):
        study(written, "cifti", **atlas, regions=("V4",)).load("01")


def test_an_atlas_of_each_hemisphere(written):
    atlas = {"atlas": "areas_hemi-{hemi}.label.gii"}
    recording = study(written, "gifti", **atlas).load("01")
    assert recording.units["roi"].value_counts().to_dict() == {
        "V1 left": 5, "V1 right": 5, "V2 left": 2, "V2 right": 2
    }  # fmt: skip
    one = study(written, "gifti", **atlas, regions=("V1 right",)).load("01")
    np.testing.assert_array_equal(one.data[:N_TIMES], signal(1, 24)[:, 17:22])


@pytest.mark.parametrize(
    ("form", "more"),
    [("cifti", {"atlas": "areas.dlabel.nii", "mask": "mask.dscalar.nii"}),
     ("gifti", {"atlas": "areas_hemi-{hemi}.label.gii"})],
)  # fmt: skip
def test_every_file_that_is_read_is_a_source(written, form, more):
    sources = study(written, form, **more).sources("01")
    assert all(path.is_file() for path in sources)
    names = {path.name for path in sources}
    assert sum("_hemi-R_" in name for name in names) == (2 if form == "gifti" else 0)
    for path in more.values():
        assert path.replace("{hemi}", "L") in names


def test_units_that_do_not_change_are_masked_and_counted(root):
    values = signal(2, 24)
    values[:, 3], values[5, 7] = 1.0, np.nan
    write_cifti(place(root, 2, "_space-fsLR_den-91k_bold.dtseries.nii"), values)
    with pytest.warns(DataWarning, match="2 of 24 units were masked out"):
        assert study(root, "cifti").load("01").data.shape[1] == 22


def name_type(path, code):
    """Change the number by which a NIfTI-2 header names the type of its values."""
    data = bytearray(path.read_bytes())
    data[12:14] = code.to_bytes(2, "little")
    path.write_bytes(data)


CIFTI, GIFTI = "_space-fsLR_den-91k_bold.dtseries.nii", "_hemi-R_space-fsaverage5_bold.func.gii"
WRONG = {
    "another TR": ("cifti", lambda root: write_cifti(place(root, 2, CIFTI), signal(2, 24), tr=1.5),
                   "header says TR 1.5 s, the sidecar 2 s"),
    "cut": ("cifti", lambda root: place(root, 2, CIFTI).write_bytes(
        place(root, 2, CIFTI).read_bytes()[:-900]), "not a whole CIFTI file|not a CIFTI file"),
    "unknown type": ("cifti", lambda root: name_type(place(root, 2, CIFTI), 9999),
                     "not a CIFTI file.*9999"),
    "other units": ("cifti", lambda root: write_cifti(
        place(root, 2, CIFTI), signal(2, 20),
        axis=brain()[:20]), r"its 20 units are not those of .*run-01.* \(24\)"),
    "parcels": ("cifti", lambda root: write_cifti(
        place(root, 2, CIFTI), signal(2, 1),
        axis=ParcelsAxis.from_brain_models([("all", brain())])), "ParcelsAxis, expected gray"),
    "text": ("gifti", lambda root: place(root, 2, GIFTI).write_text("<x"), "not a GIFTI file"),
    "one hemisphere": ("gifti", lambda root: place(root, 2, GIFTI).unlink(), "hemi-R.*no such"),
    "shorter": ("gifti", lambda root: write_gifti(
        place(root, 2, GIFTI), signal(2, 12)[:60]), "left hemisphere holds 70 rows, the right 60"),
    "gifti TR": ("gifti", lambda root: [write_gifti(
        place(root, 2, GIFTI.replace("-R_", f"-{s}_")), signal(2, 12), tr=3.0) for s in "LR"],
        "header says TR 3 s"),
    "no TR": ("cifti", lambda root: [p.write_text("{}") for p in root.rglob("*_bold.json")],
              "RepetitionTime is in none of"),
    "late event": ("gifti", lambda root: (root / f"{str(FUNC).format(s=2)}_events.tsv").write_text(
        "onset\tduration\tstim_file\ttrial_type\n140\t2\ta.png\ta\n"),
        "1 of 1 events are outside the run, which lasts 140 s"),
    "not there": ("gifti", lambda root: [p.unlink() for p in root.rglob("*.gii")],
                  "no bold recording of task-pictures as .func.gii"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(root, name):
    form, change, message = WRONG[name]
    change(root)
    with pytest.raises(DataError, match=message):
        study(root, form, stimulus_column=None, stimuli=None).load("01")


def test_memory_does_not_grow_with_the_number_of_runs(tmp_path):
    """Of six more runs, less than one is held."""
    peaks, n_units, n_times = [], 2000, 100
    for n_runs in (2, 8):
        root = tmp_path / str(n_runs)
        func = root / "sub-01" / "func"
        func.mkdir(parents=True)
        (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
        (root / "task-pictures_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
        axis = BrainModelAxis.from_mask(np.ones(n_units, bool), "cortex_left")
        values = np.random.default_rng(0).normal(size=(n_times, n_units)).astype(np.float32)
        for k in range(n_runs):
            name = f"sub-01_task-pictures_run-{k:02d}"
            write_cifti(func / f"{name}_bold.dtseries.nii", values, axis=axis)
            (func / f"{name}_events.tsv").write_text("onset\tduration\ttrial_type\n4\t2\ta\n")
        adapter = study(root, "cifti", derivatives=None, stimulus_column=None, stimuli=None)
        adapter.subjects()
        tracemalloc.start()
        adapter.load("01")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < n_times * n_units * 4


def test_settings_that_make_no_sense(tmp_path):
    with pytest.raises(ValidationError, match=r"must hold \{hemi\}"):
        study(tmp_path, "gifti", mask="mask.shape.gii")
    with pytest.raises(ValidationError, match="form: cifti is of datatype: func"):
        study(tmp_path, "cifti", datatype="eeg", derivatives=None)
