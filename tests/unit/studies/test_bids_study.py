"""A BIDS folder becomes a recording, and every way in which one is wrong is said."""

import gzip
import json
import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

sys.path.append(str(Path(__file__).parents[1] / "simulate"))
import bids_miniature as miniature

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.glm import Glm
from neurodecode.registry import make
from neurodecode.studies.bids_layout import entities, inherited
from neurodecode.studies.settings import DataSettings

FUNC = "sub-01/ses-2/func/sub-01_ses-2_task-pictures_run-02"
DERIVED = f"derivatives/fmriprep/{FUNC}"
ATLAS = "derivatives/fmriprep/sub-{subject}/anat/sub-{subject}_desc-visual_dseg.nii.gz"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return miniature.write_fmri(tmp_path_factory.mktemp("fmri") / "set").root


@pytest.fixture(scope="module")
def written_eeg(tmp_path_factory):
    return miniature.write_eeg(tmp_path_factory.mktemp("eeg") / "set").root


@pytest.fixture
def root(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "set"))


@pytest.fixture
def eeg(written_eeg, tmp_path):
    return Path(shutil.copytree(written_eeg, tmp_path / "set"))


def study(root, **changes):
    raw = {"kind": "bids", "root": str(root), "task": "pictures",
           "derivatives": "derivatives/fmriprep", **changes}  # fmt: skip
    return make("study", TypeAdapter(DataSettings).validate_python(raw))


def eeg_study(root, **changes):
    return study(root, derivatives=None, datatype="eeg", **changes)


def edit(path, change, **read):
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, **read)
    change(table).to_csv(path, sep="\t", index=False)


def edit_json(path, **changes):
    known = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in known.items() if v is not None}))


def edit_image(path, change=lambda values: values, affine=None, tr=miniature.TR):
    image = nib.load(path)
    new = nib.Nifti1Image(change(image.get_fdata(dtype=np.float32)),
                          image.affine if affine is None else affine)  # fmt: skip
    new.header.set_xyzt_units("mm", "sec")
    if new.ndim == 4:
        new.header.set_zooms((*new.header.get_zooms()[:3], tr))
    nib.save(new, path)


def promise(path, n_volumes):
    """Let a header say that there are more volumes; the first two bytes of a size are at 48."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[48:50] = np.int16(n_volumes).tobytes()
    path.write_bytes(gzip.compress(bytes(content), 1))


def test_derivatives_are_read_run_by_run_into_one_recording(written):
    adapter = study(written)
    assert adapter.subjects() == ("01", "02")
    assert adapter.level == "stimulus"
    recording = adapter.load("01")
    wanted = list(miniature.runs(miniature.pictures()))
    np.testing.assert_allclose(
        recording.data[:], np.concatenate([r.data for r in wanted]), atol=0.04
    )
    assert recording.runs.tolist() == [0] * 70 + [1] * 70
    assert recording.times[70:73].tolist() == [0, 2, 4]
    assert recording.events["session"].tolist() == ["1"] * 16 + ["2"] * 16
    shown = pd.concat([r.events for r in wanted])["trial_type"].tolist()
    assert recording.events["stimulus"].tolist() == shown
    grid = miniature.grid()
    np.testing.assert_allclose(
        recording.units[["x", "y", "z"]],
        nib.affines.apply_affine(grid.affine, np.argwhere(grid.mask)),
    )
    assert recording.confounds is None
    assert recording.kept is None


def test_raw_images_with_a_mask(written):
    mask = f"{DERIVED}_desc-brain_mask.nii.gz".replace("sub-01", "sub-{subject}")
    raw = study(written, derivatives=None, mask=mask).load("02")
    np.testing.assert_array_equal(raw.data[:], study(written).load("02").data[:])


def test_regions_of_an_atlas(written):
    recording = study(written, atlas=ATLAS, regions=("ventral",)).load("01")
    assert recording.data.shape == (140, 28)
    assert set(recording.units["roi"]) == {"ventral"}
    whole = study(written, atlas=ATLAS).load("01")
    assert whole.units["roi"].tolist() == miniature.grid().roi.tolist()
    np.testing.assert_array_equal(whole.data[:][:, 20:], recording.data[:])
    with pytest.raises(ConfigError, match="must be of early, ventral; got dorsal"):
        study(written, atlas=ATLAS, regions=("dorsal",)).load("01")


def test_confounds_by_strategy_and_scrubbed_volumes(written):
    clean = {"confounds": ("motion", "wm_csf", "scrub"), "fd_threshold": 2.2,
             "std_dvars_threshold": 30.0}  # fmt: skip
    recording = study(written, **clean).load("01")
    assert recording.confounds.shape == (140, 8)
    assert np.isfinite(recording.confounds).all(axis=None)
    moved = [
        pd.read_csv(path, sep="\t", na_values="n/a")["framewise_displacement"] > 2.2
        for path in sorted((written / "derivatives/fmriprep/sub-01").rglob("*confounds*.tsv"))
    ]
    np.testing.assert_array_equal(recording.kept, ~np.concatenate(moved))
    assert not recording.kept.all()
    with pytest.warns(DataWarning) as caught:
        found = Glm("lss", "glover", 1 / 128, percent=True).estimate(recording)
    n = int((~recording.kept).sum())
    assert any(f"{n} of 140 volumes were scrubbed" in str(w.message) for w in caught)
    assert 20 < len(found.data) <= 32
    scrub_only = study(written, confounds=("scrub",)).load("01")
    assert scrub_only.confounds is None


def test_pictures_and_what_is_known_of_them(written):
    adapter = study(written, set_column="set", picture_size=32)
    found, wanted = adapter.stimuli(), miniature.pictures()
    assert sorted(found.table["id"]) == sorted(wanted.table["id"])
    assert found.pixels.shape == (16, 32, 32, 3)
    assert set(found.table["set"]) == {"train"}
    same = study(written).stimuli()
    row = same.table["id"].tolist().index(wanted.table["id"][3])
    np.testing.assert_array_equal(same.pixels[row], wanted.pixels[3])
    assert set(same.table["set"]) == {"fold"}
    assert set(same.table["category"]) == {"object"}


def test_a_table_of_the_pictures_wins(root):
    ids = miniature.pictures().table["id"]
    table = pd.DataFrame({"id": ids, "caption": "a thing", "set": ["test"] + ["train"] * 15})
    table.to_csv(root / "pictures.tsv", sep="\t", index=False)
    adapter = study(root, stimulus_table="pictures.tsv")
    found = adapter.stimuli().table.set_index("id")
    assert (found["caption"] == "a thing").all()
    assert found["set"][ids[0]] == "test"
    assert root / "pictures.tsv" in adapter.stimulus_sources()
    table[1:].to_csv(root / "pictures.tsv", sep="\t", index=False)
    with pytest.raises(DataError, match=rf"1 pictures are not in it: {ids[0]}"):
        study(root, stimulus_table="pictures.tsv").stimuli()
    table.assign(id="x").to_csv(root / "pictures.tsv", sep="\t", index=False)
    with pytest.raises(DataError, match="twice"):
        study(root, stimulus_table="pictures.tsv").stimuli()
    table.assign(set="hold-out").to_csv(root / "pictures.tsv", sep="\t", index=False)
    with pytest.raises(DataError, match="found hold-out"):
        study(root, stimulus_table="pictures.tsv").stimuli()


def test_categories_alone(written):
    adapter = study(written, stimulus_column=None, stimuli=None, category_column="repeat")
    assert adapter.level == "category"
    recording = adapter.load("01")
    assert recording.events["category"].tolist() == ["0"] * 16 + ["1"] * 16
    assert set(recording.events["stimulus"]) == {""}
    assert adapter.stimuli().table["id"].tolist() == ["0", "1"]
    assert not adapter.stimuli().pictured


def test_every_file_that_is_read_is_a_source(written):
    adapter = study(written, atlas=ATLAS, confounds=("motion",))
    sources = adapter.sources("01")
    assert all(path.is_file() for path in sources)
    ends = ("_bold.nii.gz", "_events.tsv", "_bold.json", "_mask.nii.gz", "_timeseries.tsv",
            "_timeseries.json", "_dseg.nii.gz", "_dseg.tsv")  # fmt: skip
    for end in ends:
        assert any(path.name.endswith(end) for path in sources), end
    assert not any("sub-02" in str(path) for path in sources)
    pictures = [path for path in adapter.stimulus_sources() if path.suffix == ".png"]
    assert len(pictures) == 16


def test_words_for_the_report(written):
    words = study(written, about={"limits": "None known."}).about()
    assert "Virtual cohort, fMRI" in words["recorded"]
    assert words["limits"] == "None known."
    assert words["licence"] == "CC0"
    assert "F" not in words["recorded"].split()  # nothing of who took part


def test_sidecars_further_up_apply(root):
    for path in root.rglob("sub-01*_bold.json"):
        path.unlink()
    general = root / "task-pictures_bold.json"
    general.write_text(json.dumps({"RepetitionTime": miniature.TR}))
    assert study(root).load("01").sfreq == 0.5
    general.unlink()
    with pytest.raises(DataError, match="no JSON sidecar"):
        study(root).load("01")


def test_a_sidecar_applies_where_its_parts_are_the_files_own(tmp_path):
    folder = tmp_path / "sub-01" / "func"
    folder.mkdir(parents=True)
    for name in ("task-a_bold.json", "task-b_bold.json", "sub-01/func/sub-01_task-a_bold.json"):
        (tmp_path / name).write_text("{}")
    own = entities("sub-01_task-a_run-1_bold.nii.gz")
    assert own == {"sub": "01", "task": "a", "run": "1", "suffix": "bold"}
    found = [path.name for path in inherited(folder, tmp_path, own, ".json")]
    assert found == ["task-a_bold.json", "sub-01_task-a_bold.json"]


def test_slice_times_move_the_volumes(root):
    for path in (root / "derivatives").rglob("*_bold.json"):
        edit_json(path, StartTime=0.9)
    assert study(root).load("01").times[:2].tolist() == [0.9, 2.9]


def test_rows_without_a_picture_are_no_trials_and_a_duration_may_be_missing(root):
    def change(table):
        table.loc[0, "stim_file"] = "n/a"
        table.loc[1, "duration"] = "n/a"
        return table

    edit(root / f"{FUNC}_events.tsv", change)
    events = study(root).load("01").events
    assert len(events) == 31
    assert events["duration"][16] == 0


def test_a_blank_cell_is_no_picture(root):
    edit(root / f"{FUNC}_events.tsv", lambda table: table.assign(
        stim_file=["", *table["stim_file"][1:]]))  # fmt: skip
    assert len(study(root).load("01").events) == 31


def test_a_mask_or_atlas_of_another_grid(root):
    for name, word in (("mask", "is not that of the mask"), ("atlas", "its grid is not that of")):
        other = nib.Nifti1Image(np.ones((9, 9, 9), np.uint8), np.diag([2.0, 2, 2, 1]))
        nib.save(other, root / "other.nii.gz")
        with pytest.raises(DataError, match=word):
            study(root, **{name: "other.nii.gz"}).load("01")


@pytest.mark.parametrize(("unit", "zoom"), [("msec", 2000.0), ("hz", 0.5), ("sec", 0.0)])
def test_a_header_of_another_unit_or_without_a_time(root, unit, zoom):
    path = root / f"{DERIVED}_desc-preproc_bold.nii.gz"
    image = nib.load(path)
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = zoom
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), path)
    assert study(root).load("01").sfreq == 1 / miniature.TR
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4] = 1500.0
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), path)
    with pytest.raises(DataError, match=r"header says TR 1\.5 s, the sidecar 2 s"):
        study(root).load("01")


def test_runs_that_the_derivatives_lack_are_counted(root):
    (root / f"{DERIVED}_desc-preproc_bold.nii.gz").unlink()
    with pytest.warns(DataWarning, match="1 recorded runs are not among the derivatives .*run-02"):
        assert study(root).load("01").data.shape == (70, 48)


def test_a_subject_without_the_task(root):
    for path in root.glob("derivatives/fmriprep/sub-02/**/*_bold.nii.gz"):
        path.unlink()
    with pytest.raises(DataError, match=r"sub-02: no bold recording .*data\.subjects may name"):
        study(root).stimuli()
    assert len(study(root, subjects=("01",)).stimuli()) == 16


def test_no_trial_left(root):
    for path in root.glob("sub-01/**/*_events.tsv"):
        edit(path, lambda table: table.assign(stim_file="n/a"))
    with pytest.raises(DataError, match=r"no trial is left: no row of 2 runs.*'stim_file'"):
        study(root).load("01")


def test_a_run_without_trials_and_trials_at_one_time_are_told(root):
    path = root / f"{FUNC}_events.tsv"
    edit(path, lambda table: table.assign(onset=[table["onset"][1], *table["onset"][1:]]))
    with pytest.warns(DataWarning, match="1 trials start at the very time of another"):
        study(root).load("01")
    edit(path, lambda table: table[:0])
    with pytest.warns(DataWarning, match="subject 01: 1 of 2 runs have no trial: sub-01.*run-02"):
        assert len(study(root).load("01").events) == 16


def test_somebody_who_stands_twice_in_the_table_is_told(root):
    edit(root / "participants.tsv", lambda table: pd.concat([table, table[:1].assign(age="99")]))
    with pytest.warns(DataWarning, match="1 subjects stand in participants.tsv twice.*: 01"):
        assert study(root).demographics().loc["01", "age"] != 99


def test_people_in_the_table_and_folders_differ(root):
    edit(root / "participants.tsv",
         lambda table: table.assign(participant_id=["sub-01", "sub-07"]))  # fmt: skip
    with pytest.warns(DataWarning) as caught:
        assert study(root).subjects() == ("01", "02")
    messages = [str(w.message) for w in caught]
    assert any("1 subjects in participants.tsv have no func recording: 07" in m for m in messages)
    assert any("1 subjects with a recording are not in participants.tsv: 02" in m for m in messages)


def test_subjects_may_be_chosen(written):
    assert study(written, subjects=("02",)).subjects() == ("02",)
    with pytest.raises(ConfigError, match="'01'"):
        study(written, subjects=("02",)).load("01")
    with pytest.raises(ConfigError, match=r"09 have no func recording.*there are 01, 02"):
        study(written, subjects=("09",)).subjects()


def test_a_folder_that_is_no_data_set(root, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        study(tmp_path / "nowhere").subjects()
    (root / "dataset_description.json").unlink()
    with pytest.raises(DataError, match="not the top"):
        study(root).subjects()


def test_a_space_that_is_not_there(written):
    with pytest.raises(DataError, match="no bold recording of task-pictures, space-T1w with desc"):
        study(written, space="T1w").load("01")


def test_two_spaces_of_one_run(root):
    for path in (root / "derivatives").rglob("*_desc-preproc_bold.*"):
        shutil.copy(path, path.with_name(path.name.replace("_desc", "_space-T1w_desc")))
    with pytest.raises(ConfigError, match=r"2 runs have more than one recording.*data\.space"):
        study(root).load("01")
    mask = DERIVED + "_desc-brain_mask.nii.gz"
    assert study(root, space="T1w", mask=mask).load("01").data.shape == (140, 48)


WRONG = {
    "sidecar and header": (
        lambda root: edit_json(root / f"{DERIVED}_desc-preproc_bold.json", RepetitionTime=1.5),
        "the header says TR 2 s, the sidecar 1.5 s",
    ),
    "two TRs": (
        lambda root: (
            edit_json(root / f"{DERIVED}_desc-preproc_bold.json", RepetitionTime=1.5),
            edit_image(root / f"{DERIVED}_desc-preproc_bold.nii.gz", tr=1.5),
        ),
        r"run-02.*TR 1\.5 s, that of .*run-01.* is 2 s",
    ),
    "no TR": (
        lambda root: [edit_json(path, RepetitionTime=None) for path in root.rglob("*_bold.json")],
        "RepetitionTime is in none of",
    ),
    "TR in words": (
        lambda root: edit_json(root / f"{DERIVED}_desc-preproc_bold.json", RepetitionTime="2 s"),
        "RepetitionTime of its sidecar is no number, got '2 s'",
    ),
    "TR of nothing": (
        lambda root: edit_json(root / f"{DERIVED}_desc-preproc_bold.json", RepetitionTime=0),
        "RepetitionTime is 0 s in its sidecar, must be above 0",
    ),
    "start in words": (
        lambda root: edit_json(root / f"{DERIVED}_desc-preproc_bold.json", StartTime="half"),
        "StartTime of its sidecar is no number",
    ),
    "not JSON": (lambda root: (root / f"{FUNC}_bold.json").write_text("{"), "not readable as JSON"),
    "a list": (lambda root: (root / f"{FUNC}_bold.json").write_text("[]"), "keys and values"),
    "late event": (
        lambda root: edit(
            root / f"{FUNC}_events.tsv",
            lambda t: t.assign(onset=["150.0", *t["onset"][1:]]),
        ),
        "1 of 16 events are outside the run, which lasts 140 s; the first at 150 s",
    ),
    "early event": (
        lambda root: edit(
            root / f"{FUNC}_events.tsv", lambda t: t.assign(onset=["-3", *t["onset"][1:]])
        ),
        "outside the run.*first at -3 s",
    ),
    "no onset": (
        lambda root: edit(
            root / f"{FUNC}_events.tsv", lambda t: t.assign(onset=["n/a", *t["onset"][1:]])
        ),
        "1 onsets are no number of seconds, the first is n/a",
    ),
    "duration in words": (
        lambda root: edit(
            root / f"{FUNC}_events.tsv", lambda t: t.assign(duration=["long", *t["duration"][1:]])
        ),
        "1 durations are no number of seconds, the first is long",
    ),
    "negative duration": (
        lambda root: edit(
            root / f"{FUNC}_events.tsv", lambda t: t.assign(duration=["-2", *t["duration"][1:]])
        ),
        "1 durations are no number of seconds, the first is -2",
    ),
    "no sidecar": (
        lambda root: [path.unlink() for path in root.rglob("*_bold.json")], "no JSON sidecar, here",
    ),
    "no events": (lambda root: (root / f"{FUNC}_events.tsv").unlink(), r"no events\.tsv for"),
    "no column": (
        lambda root: edit(root / f"{FUNC}_events.tsv", lambda t: t.drop(columns="stim_file")),
        "stim_file missing; found onset, duration",
    ),
    "no mask": (
        lambda root: (root / f"{DERIVED}_desc-brain_mask.nii.gz").unlink(),
        "brain_mask.nii.gz: no such file",
    ),
    "empty mask": (
        lambda root: edit_image(root / f"{DERIVED}_desc-brain_mask.nii.gz", lambda v: 0 * v),
        "no voxel is in all of",
    ),
    "masks of two grids": (
        lambda root: edit_image(root / f"{DERIVED}_desc-brain_mask.nii.gz", lambda v: v[:-1]),
        "brain_mask.nii.gz: its grid is not that of",
    ),
    "smaller image": (
        lambda root: edit_image(
            root / f"{DERIVED}_desc-preproc_bold.nii.gz", lambda v: v[:, :-1]
        ),
        r"its grid \(8, 6, 6\) is not that of the mask \(8, 7, 6\)",
    ),
    "header that promises more": (
        lambda root: promise(root / f"{DERIVED}_desc-preproc_bold.nii.gz", 90),
        "not a whole NIfTI image .* header promises more than the file holds",
    ),
    "shifted image": (
        lambda root: edit_image(
            root / f"{DERIVED}_desc-preproc_bold.nii.gz", affine=np.diag([3.0, 3.0, 3.0, 1.0])
        ),
        "its grid .* affines differ; resample",
    ),
    "cut image": (
        lambda root: (root / f"{DERIVED}_desc-preproc_bold.nii.gz").write_bytes(
            (root / f"{DERIVED}_desc-preproc_bold.nii.gz").read_bytes()[:5000]
        ),
        "not a whole NIfTI image",
    ),
    "no image": (
        lambda root: (root / f"{DERIVED}_desc-preproc_bold.nii.gz").write_bytes(b"nothing"),
        "not a NIfTI image",
    ),
    "one volume": (
        lambda root: edit_image(root / f"{DERIVED}_desc-preproc_bold.nii.gz", lambda v: v[..., 0]),
        "must have 4 axes",
    ),
    "no confounds": (
        lambda root: (root / f"{DERIVED}_desc-confounds_timeseries.tsv").unlink(),
        "confounds motion cannot be read",
    ),
    "short confounds": (
        lambda root: edit(root / f"{DERIVED}_desc-confounds_timeseries.tsv", lambda t: t[:60]),
        "70 volumes, its table of confounds has 60 rows",
    ),
    "all constant": (
        lambda root: edit_image(
            root / f"{DERIVED}_desc-preproc_bold.nii.gz", lambda v: 0 * v + 5
        ),
        "no voxel of 48 changes in every run",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(root, what):
    change, message = WRONG[what]
    change(root)
    with pytest.raises(DataError, match=message):
        study(root, confounds=("motion",)).load("01")


def test_voxels_that_never_change_are_masked_out_and_counted(root):
    def still(values):
        values[3, 2, 2] = 7
        values[4, 2, 2, 5] = np.nan
        return values

    edit_image(root / f"{DERIVED}_desc-preproc_bold.nii.gz", still)
    with pytest.warns(DataWarning, match="2 of 48 voxels were masked out"):
        recording = study(root).load("01")
    assert recording.data.shape == (140, 46)
    assert not {"3_2_2", "4_2_2"} & set(recording.units["unit"])


def test_pictures_that_are_missing_or_damaged_or_two(root):
    first = miniature.pictures().table["id"][0]
    path = root / "stimuli" / f"{first}.png"
    (root / "stimuli" / "more").mkdir()
    shutil.copy(path, root / "stimuli" / "more")
    with pytest.raises(DataError, match="1 names stand for several files"):
        study(root).stimuli()
    path.write_bytes(b"no picture")
    (root / "stimuli" / "more" / path.name).unlink()
    with pytest.raises(DataError, match="not readable as a picture"):
        study(root).stimuli()
    path.unlink()
    with pytest.raises(DataError, match=f"1 of 16 pictures .* are missing: {first}"):
        study(root).stimuli()


def test_a_picture_of_two_categories(root):
    edit(root / f"{FUNC}_events.tsv", lambda table: table.assign(trial_type="other"))
    with pytest.raises(DataError, match="16 pictures have more than one category"):
        study(root).stimuli()


def test_labels_of_the_atlas_that_its_table_lacks(root):
    table = root / ATLAS.replace("{subject}", "01").replace(".nii.gz", ".tsv")
    edit(table, lambda t: t[:1])
    with pytest.raises(DataError, match="label 2 is not in its table"):
        study(root, atlas=ATLAS).load("01")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"derivatives": None}, "raw images come without a mask"),
        ({"stimuli": None}, "need each other"),
        ({"stimulus_column": None, "stimuli": None, "category_column": None}, "name stimulus"),
        ({"regions": ["v1"]}, "regions needs atlas"),
        ({"derivatives": None, "mask": "m.nii", "confounds": ["motion"]}, "needs derivatives"),
        ({"datatype": "eeg"}, "only with datatype: func"),
        ({"confounds": ["magic"]}, "magic"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, changes, message):
    with pytest.raises(ValidationError, match=message):
        study(tmp_path, **changes)


def test_eeg_sessions_become_one_recording(written_eeg):
    adapter = eeg_study(written_eeg)
    recording = adapter.load("02")
    people = miniature.people()
    wanted = list(miniature.sessions(miniature.eeg_set(written_eeg), people.iloc[1]))
    np.testing.assert_allclose(
        recording.data, np.concatenate([one.data for one in wanted]), atol=0.051
    )
    assert recording.sfreq == wanted[0].sfreq
    assert recording.units["unit"].tolist() == list(wanted[0].scalp.names)
    assert not recording.units["bad"].any()
    assert recording.events["session"].unique().tolist() == ["1", "2"]
    shown = pd.concat([one.events for one in wanted])["stimulus"].astype(str).tolist()
    assert recording.events["stimulus"].tolist() == shown
    assert len(adapter.stimuli()) == recording.events["stimulus"].nunique()
    assert all(path.is_file() for path in adapter.sources("02"))


def channels(root):
    return sorted(root.rglob("sub-01_ses-2*_channels.tsv"))[0]


def test_eeg_that_is_wrong(eeg):
    names = eeg_study(eeg).load("01").units["unit"].tolist()
    edit(channels(eeg), lambda t: t.assign(status=["bad", *["good"] * (len(t) - 1)]))
    with pytest.warns(DataWarning, match=f"1 of {len(names)} channels .* bad .*: {names[0]}"):
        recording = eeg_study(eeg).load("01")
    assert recording.units["bad"].tolist() == [True] + [False] * (len(names) - 1)
    edit(channels(eeg), lambda t: t.assign(name=[names[1], *names[1:]]))
    with pytest.raises(DataError, match=f"channels named twice: {names[1]}"):
        eeg_study(eeg).load("01")


def test_eeg_events_outside_and_channels_that_differ(eeg):
    path = sorted(eeg.rglob("sub-02_ses-2*_events.tsv"))[0]
    edit(path, lambda t: t.assign(onset=[*t["onset"][:-1], "99999"]))
    with pytest.raises(DataError, match=r"1 of .* events are outside the run.*99999"):
        eeg_study(eeg).load("02")
    header = sorted(eeg.rglob("sub-01_ses-2*_eeg.vhdr"))[0]
    text = header.read_text(encoding="utf-8")
    interval = next(line for line in text.splitlines() if line.startswith("SamplingInterval"))
    slower = f"SamplingInterval={2 * float(interval.split('=')[1]):g}"
    header.write_text(text.replace(interval, slower), encoding="utf-8")
    for sidecar in eeg.rglob("sub-01_ses-2*_eeg.json"):
        edit_json(sidecar, SamplingFrequency=json.loads(sidecar.read_text())
                  ["SamplingFrequency"] / 2)  # fmt: skip
    with pytest.raises(DataError, match="bring them to one rate"):
        eeg_study(eeg).load("01")


def test_eeg_that_cannot_be_read(eeg):
    header = sorted(eeg.rglob("sub-01_ses-1*_eeg.vhdr"))[0]
    header.write_text("nothing", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        eeg_study(eeg).load("01")


def test_demographics_are_those_of_the_table_and_what_is_missing_stays_missing(root):
    people = pd.DataFrame({"participant_id": ["sub-02"], "age": ["31"], "sex": ["F"], "iq": ["9"]})
    people.to_csv(root / "participants.tsv", sep="\t", index=False)
    with pytest.warns(DataWarning):
        found = study(root).demographics()
    assert list(found.index) == ["01", "02"]
    assert list(found.columns) == ["age", "sex"]
    assert found.loc["02"].tolist() == [31, "F"]
    assert found.loc["01"].isna().all()
    (root / "participants.tsv").unlink()
    assert study(root).demographics() is None
