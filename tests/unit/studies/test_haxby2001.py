"""The Haxby slice: what it holds, and every way in which such files are wrong."""

import gzip
import hashlib
import shutil
import struct

import nibabel as nib
import numpy as np
import pytest

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.as_given import AsGiven
from neurodecode.preprocess.block_position import BlockPosition
from neurodecode.preprocess.blocks import Blocks
from neurodecode.studies.haxby2001 import EMBEDDED, Haxby2001


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "haxby"
    shutil.copytree(EMBEDDED, copy)
    return copy


def rewrite(path, change, **header):
    image = nib.load(path)
    data = change(np.asarray(image.dataobj).copy())
    new = nib.Nifti1Image(data, image.affine)
    new.header.set_zooms(
        (*image.header.get_zooms()[: data.ndim - 1], *header.values())
        if header
        else image.header.get_zooms()[: data.ndim]
    )
    nib.save(new, path)


def test_what_it_holds():
    recording = Haxby2001("embedded").load("01")
    assert recording.data.shape == (1452, 530)
    counts = recording.events.groupby("category").size()
    assert counts.tolist() == [12] * 8
    assert (recording.events.groupby("run")["category"].nunique() == 8).all()
    assert recording.times.max() == pytest.approx(120 * 2.5)


def test_blocks_are_means_of_cleaned_volumes():
    recording = Haxby2001("embedded").load("01")
    responses = Blocks("run", 0.0, None).estimate(recording)
    assert responses.data.shape == (96, 530)
    assert responses.transductive
    run = recording.data[recording.runs == 0].astype(float)
    time = np.arange(len(run)) - (len(run) - 1) / 2
    slope = (time @ run) / (time @ time)
    clean = run - run.mean(0) - time[:, None] * slope
    clean /= clean.std(0, ddof=1)
    first = int(recording.events["onset"][0] / 2.5)
    last = first + int(recording.events["duration"][0] / 2.5)
    np.testing.assert_allclose(responses.data[0], clean[first:last].mean(0), atol=2e-3)


def test_the_causal_variant_uses_nothing_that_comes_later():
    recording = Haxby2001("embedded").load("01")
    before = Blocks("preceding_rest", 0.0, None).estimate(recording)
    assert not before.transductive
    changed = recording.data.copy()
    end = recording.events["onset"][2] + recording.events["duration"][2]
    changed[(recording.runs == 0) & (recording.times >= end)] += 50
    later = Blocks("preceding_rest", 0.0, None).estimate(
        type(recording)(**{**recording.__dict__, "data": changed})
    )
    np.testing.assert_array_equal(before.data[:3], later.data[:3])
    assert not np.array_equal(before.data[3], later.data[3])


def test_position_holds_no_brain_data():
    responses = BlockPosition().estimate(Haxby2001("embedded").load("01"))
    np.testing.assert_array_equal(responses.data[:8], np.eye(8))


def test_a_lag_past_the_end_of_the_run_is_an_error():
    with pytest.raises(DataError, match="no volume"):
        Blocks("run", 500.0, None).estimate(Haxby2001("embedded").load("01"))


def test_as_given_needs_responses():
    with pytest.raises(ConfigError, match="blocks"):
        AsGiven().estimate(Haxby2001("embedded").load("01"))


def test_an_unknown_subject():
    with pytest.raises(ConfigError, match="'07'"):
        Haxby2001("embedded").load("07")


@pytest.mark.parametrize("name", ["bold.nii.gz", "mask.nii.gz", "attributes_literal.txt"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=name):
        Haxby2001(str(folder)).load("01")


def test_a_truncated_gzip(folder):
    path = folder / "bold.nii.gz"
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(DataError, match=r"bold\.nii\.gz.*not a whole NIfTI"):
        Haxby2001(str(folder)).load("01")


def test_a_header_that_promises_more_than_the_file_holds(folder):
    path = folder / "bold.nii.gz"
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[48:50] = (3000).to_bytes(2, "little" if raw[0] == 92 else "big")  # dim[4]
    path.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(DataError, match=r"bold\.nii\.gz"):
        Haxby2001(str(folder)).load("01")


def test_a_wrong_repetition_time_in_the_header(folder):
    rewrite(folder / "bold.nii.gz", lambda data: data, tr=1.0)
    with pytest.raises(DataError, match="TR 1 s"):
        Haxby2001(str(folder)).load("01")


def test_a_mask_of_another_grid(folder):
    rewrite(folder / "mask.nii.gz", lambda data: data[:-1])
    with pytest.raises(DataError, match="one grid"):
        Haxby2001(str(folder)).load("01")


def test_nan_and_constant_voxels_are_masked_and_counted(folder):
    mask = np.asarray(nib.load(folder / "mask.nii.gz").dataobj)
    inside = np.argwhere(mask > 0)

    def spoil(data):
        data = data.astype(np.float32)
        data[tuple(inside[0])] = np.nan
        data[tuple(inside[1])] = 5
        data[tuple(inside[2])] = 5
        return data

    rewrite(folder / "bold.nii.gz", spoil)
    with pytest.warns(DataWarning, match="1 voxels .* and 2 constant"):
        recording = Haxby2001(str(folder)).load("01")
    assert recording.data.shape == (1452, 527)
    assert len(recording.units) == 527


def test_labels_and_volumes_of_different_length(folder):
    path = folder / "attributes_literal.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-5]))
    with pytest.raises(DataError, match="1447 labels for 1452 volumes"):
        Haxby2001(str(folder)).load("01")


@pytest.mark.parametrize(
    ("old", "new", "message"), [("face 0", "fish 0", "fish"), ("face 0", "face x", "run's number")]
)
def test_an_unknown_label_or_run(folder, old, new, message):
    path = folder / "attributes_literal.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        Haxby2001(str(folder)).load("01")


def change_labels(folder, change):
    path = folder / "attributes_literal.txt"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def test_the_shipped_files_are_those_that_origin_names():
    origin = (EMBEDDED / "ORIGIN.md").read_text()
    for path in Haxby2001("embedded").sources("01"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in origin


def test_a_mirrored_mask_of_the_right_shape(folder):
    path = folder / "mask.nii.gz"
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0] *= -1
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    with pytest.raises(DataError, match=r"mask\.nii\.gz: its affine differs.*one grid"):
        Haxby2001(str(folder)).load("01")


def test_a_mask_that_holds_no_voxel(folder):
    rewrite(folder / "mask.nii.gz", np.zeros_like)
    with pytest.raises(DataError, match="no voxel in the mask"):
        Haxby2001(str(folder)).load("01")


def test_a_header_of_fewer_volumes_than_labels(folder):
    rewrite(folder / "bold.nii.gz", lambda data: data[..., :1000])
    with pytest.raises(DataError, match="1452 labels for 1000 volumes"):
        Haxby2001(str(folder)).load("01")


def test_a_volume_where_a_series_is_due(folder):
    rewrite(folder / "bold.nii.gz", lambda data: data[..., 0])
    with pytest.raises(DataError, match="must have 4 axes"):
        Haxby2001(str(folder)).load("01")


@pytest.mark.parametrize("repetition", [np.nan, -2.5])
def test_an_impossible_repetition_time(folder, repetition):
    path = folder / "bold.nii.gz"
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[92:96] = struct.pack("<f" if raw[0] == 92 else ">f", repetition)  # pixdim[4]
    path.write_bytes(gzip.compress(bytes(raw), 1))
    with pytest.raises(DataError, match="the header says TR"):
        Haxby2001(str(folder)).load("01")


def test_a_repetition_time_in_milliseconds_is_the_same(folder):
    path = folder / "bold.nii.gz"
    image = nib.load(path)
    image.header.set_zooms((*image.header.get_zooms()[:3], 2500))
    image.header.set_xyzt_units("mm", "msec")
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), path)
    assert Haxby2001(str(folder)).load("01").sfreq == pytest.approx(0.4)


def test_runs_of_unequal_length_are_counted(folder):
    change_labels(folder, lambda lines: [*lines[:121], "rest 0", *lines[122:]])
    with pytest.warns(DataWarning, match=r"2 of 12 runs are not 121 .*run 0: 122, run 1: 120"):
        recording = Haxby2001(str(folder)).load("01")
    assert recording.times[recording.runs == 0].max() == pytest.approx(121 * 2.5)
    assert recording.times[recording.runs == 1].min() == 0


def test_a_run_in_two_pieces(folder):
    change_labels(folder, lambda lines: [*lines[:5], "rest 3", *lines[6:]])
    with pytest.raises(DataError, match="run 0, 3 are not consecutive"):
        Haxby2001(str(folder)).load("01")


def test_nothing_but_rest(folder):
    change_labels(folder, lambda lines: [f"rest {line.split()[1]}" for line in lines])
    with pytest.raises(DataError, match="no block"):
        Haxby2001(str(folder)).load("01")


@pytest.mark.parametrize("text", ["", "rest\n" * 1452, "rest 0 1\n" * 1452])
def test_a_label_file_of_another_layout(folder, text):
    (folder / "attributes_literal.txt").write_text(text)
    with pytest.raises(DataError, match=r"attributes_literal\.txt"):
        Haxby2001(str(folder)).load("01")


def test_a_folder_in_place_of_the_labels(folder):
    (folder / "attributes_literal.txt").unlink()
    (folder / "attributes_literal.txt").mkdir()
    with pytest.raises(DataError, match="a label and a run on each line"):
        Haxby2001(str(folder)).load("01")


def test_about_says_what_the_score_does_not_show():
    about = Haxby2001("embedded").about()
    assert set(about) >= {"recorded", "seen", "limits", "licence"}
    assert "category level" in about["limits"]
    assert "position of a block" in about["limits"]
    assert "CC BY-SA 3.0" in about["licence"]
