"""Six people of Haxby et al. (2001): a miniature of the folder that nilearn's fetcher makes."""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))
import haxby_miniature as miniature

from neurodecode.errors import ConfigError, DataError
from neurodecode.preprocess.blocks import Blocks
from neurodecode.registry import make
from neurodecode.studies.public_settings import Haxby2001FullSettings


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("haxby") / "haxby2001"
    miniature.write(root, (1, 5, 6))
    return root


def study(root, **more):
    settings = Haxby2001FullSettings.model_validate(
        {"kind": "haxby2001_full", "root": str(root), **more}
    )
    return make("study", settings)


@pytest.mark.parametrize("mask", ["mask4_vt", "mask8_house_vt"])
def test_a_subject_is_its_volumes_in_its_mask(root, mask):
    recording = study(root, subjects=["06"], mask=mask).load("06")
    folder = root / "subj6"
    wanted = nib.load(folder / "bold.nii.gz").get_fdata()
    inside = nib.load(folder / f"{mask}.nii.gz").get_fdata() > 0
    np.testing.assert_array_equal(recording.data, wanted[inside].T)
    assert recording.participant_id == "06"
    assert recording.events.groupby("run")["category"].nunique().tolist() == [8] * 12
    rows = miniature.labels(6)
    first = recording.events.iloc[0]
    assert rows[int(first["onset"] / 2.5)] == (first["category"], 0)
    assert first["duration"] == 22.5


def test_a_run_without_labels_has_no_trial(root):
    made = study(root, subjects=["01", "05"])
    assert made.subjects() == ("01", "05")
    events = made.load("05").events
    assert sorted(set(events["run"])) == [k for k in range(12) if k != 8]
    responses = Blocks("run", 0.0, None).estimate(made.load("05"))
    assert len(responses.trials) == 88
    voxels = len(responses.units)
    for k in range(voxels):  # each prefers one category
        own = responses.trials["category"] == miniature.CATEGORIES[k % 8]
        assert responses.data[own, k].mean() > responses.data[~own, k].mean()


def test_what_is_missing_is_said_with_size_and_terms(root):
    with pytest.raises(DataError) as caught:
        study(root).subjects()
    said = str(caught.value)
    for words in ("9 of 18 files", "subj2/bold.nii.gz", "fetch_haxby", "1.8 GB", "CC BY-SA"):
        assert words in said
    with pytest.raises(ConfigError, match="must be one of 01, got '02'"):
        study(root, subjects=["01"]).load("02")


def test_labels_without_their_header_are_refused(root, tmp_path):
    miniature.write(tmp_path / "set", (2,))
    file = tmp_path / "set" / "subj2" / "labels.txt"
    file.write_text("\n".join(file.read_text().splitlines()[1:]) + "\n")
    with pytest.raises(DataError, match="1451 labels for 1452 volumes"):
        study(tmp_path / "set", subjects=["02"]).load("02")
