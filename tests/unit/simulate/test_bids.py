"""What is written as BIDS is valid, is read back by others' readers, and is whole or not there."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import bids_miniature as miniature
import mne
import mne_bids
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.interfaces.fmriprep import load_confounds
from PIL import Image

from neurodecode.errors import DataError
from neurodecode.simulate.bids import BidsSet, is_written, write_dataset
from neurodecode.simulate.bids_eeg import write_eeg_subject
from neurodecode.simulate.bids_fmri import (
    DERIVATIVES,
    Grid,
    confound_table,
    write_derivatives,
    write_fmri_subject,
)
from neurodecode.simulate.bold import bold_runs
from neurodecode.simulate.features import picture_features
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import named
from neurodecode.stimuli.objects64 import load_objects64

FUNC = "sub-01/ses-2/func/sub-01_ses-2_task-pictures_run-02"


@pytest.fixture(scope="module")
def fmri(tmp_path_factory):
    return miniature.write_fmri(tmp_path_factory.mktemp("fmri") / "set")


@pytest.fixture(scope="module")
def eeg(tmp_path_factory):
    return miniature.write_eeg(tmp_path_factory.mktemp("eeg") / "set")


def hashes(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def validator():
    beside = Path(sys.executable).with_name("bids-validator-deno")
    return str(beside) if beside.exists() else shutil.which("bids-validator-deno")


@pytest.mark.skipif(validator() is None, reason="bids-validator-deno is not installed")
@pytest.mark.parametrize("which", ["fmri", "derivatives", "eeg"])
def test_the_validator_finds_no_error(which, fmri, eeg):
    roots = {"fmri": fmri.root, "eeg": eeg.root, "derivatives": fmri.root / DERIVATIVES}
    done = subprocess.run(
        [validator(), str(roots[which]), "--json"], capture_output=True, text=True, timeout=60
    )
    found = json.loads(done.stdout)
    errors = [i for i in found["issues"]["issues"] if i["severity"] == "error"]
    assert not errors
    assert len(found["summary"]["subjects"]) == 2


def test_a_run_is_read_back_to_within_the_step_of_its_integers(fmri):
    wanted = list(miniature.runs(fmri.stimuli))[1]
    image = nib.load(fmri.root / f"{FUNC}_bold.nii.gz")
    grid = miniature.grid()
    np.testing.assert_allclose(image.affine, grid.affine)
    assert image.header.get_zooms() == pytest.approx((3, 3, 3, miniature.TR))
    values = image.get_fdata()
    step = float(image.dataobj.slope)
    assert step < 0.07
    np.testing.assert_allclose(values[grid.mask].T, wanted.data, atol=step / 2 + 1e-4)
    assert not values[~grid.mask].any()
    sidecar = json.loads((fmri.root / f"{FUNC}_bold.json").read_text())
    assert sidecar["RepetitionTime"] == miniature.TR


def test_events_name_pictures_that_are_there(fmri, eeg):
    for path in (fmri.root / f"{FUNC}_events.tsv", next(eeg.root.rglob("*_events.tsv"))):
        events = pd.read_csv(path, sep="\t")
        assert list(events.columns[:3]) == ["onset", "duration", "trial_type"]
        assert (events["stimulus"] + ".png" == events["stim_file"]).all()
        assert all((fmri.root / "stimuli" / name).is_file() for name in events["stim_file"])
    first = fmri.stimuli.table["id"][0]
    read = np.asarray(Image.open(fmri.root / "stimuli" / f"{first}.png"))
    np.testing.assert_array_equal(read, fmri.stimuli.pixels[0])


def test_demographics_stand_in_participants_tsv_alone(fmri):
    people = pd.read_csv(fmri.root / "participants.tsv", sep="\t")
    assert list(people.columns) == ["participant_id", "age", "sex", "site", "group"]
    known = json.loads((fmri.root / "participants.json").read_text())
    assert set(known) == {"age", "sex", "site", "group"}


@pytest.mark.parametrize(
    ("strategy", "n"),
    [(("motion", "wm_csf", "global_signal", "high_pass"), 24 + 8 + 4 + 2), (("motion",), 24)],
)
def test_nilearn_finds_the_confounds(fmri, strategy, n):
    image = fmri.root / DERIVATIVES / f"{FUNC}_desc-preproc_bold.nii.gz"
    found, kept = load_confounds(
        str(image),
        strategy=strategy,
        motion="full",
        **({"wm_csf": "full", "global_signal": "full"} if len(strategy) > 1 else {}),
    )
    assert found.shape == (70, n)
    assert kept is None


def test_nilearn_scrubs_jerks(fmri):
    image = fmri.root / DERIVATIVES / f"{FUNC}_desc-preproc_bold.nii.gz"
    _, kept = load_confounds(
        str(image), strategy=("scrub",), scrub=0, fd_threshold=2.2, std_dvars_threshold=30.0
    )
    table = pd.read_csv(str(image).replace("preproc_bold.nii.gz", "confounds_timeseries.tsv"),
                        sep="\t")  # fmt: skip
    jerks = set(np.flatnonzero(table["framewise_displacement"] > 2.2))
    assert jerks
    assert set(range(70)) - set(kept) == jerks


def test_dvars_of_white_noise_is_one_over_its_expected_value():
    rng = np.random.default_rng(2)
    run = next(iter(miniature.runs(miniature.pictures())))
    white = miniature.Run("1", 0, rng.normal(size=(70, 2000)).astype(np.float32), run.events,
                          run.confounds)  # fmt: skip
    table = confound_table(white, miniature.TR)
    assert table["std_dvars"].mean() == pytest.approx(1, abs=0.05)
    assert table["dvars"].mean() == pytest.approx(np.sqrt(2), abs=0.05)
    waves = table.filter(like="cosine").to_numpy()
    np.testing.assert_allclose(waves.T @ waves, np.eye(waves.shape[1]), atol=1e-6)


def test_regions_are_those_of_the_grid(fmri):
    folder = fmri.root / DERIVATIVES / "sub-01" / "anat"
    labels = np.asarray(nib.load(folder / "sub-01_desc-visual_dseg.nii.gz").dataobj)
    names = pd.read_csv(folder / "sub-01_desc-visual_dseg.tsv", sep="\t").set_index("index")["name"]
    grid = miniature.grid()
    assert list(names[labels[grid.mask]]) == list(grid.roi)
    assert not labels[~grid.mask].any()


def test_mne_bids_reads_the_recording_back(eeg):
    person = eeg.people.iloc[1]
    wanted = list(miniature.sessions(eeg, person))[1]
    path = mne_bids.BIDSPath(
        root=eeg.root, subject="02", session="2", task="pictures", datatype="eeg"
    )
    raw = mne_bids.read_raw_bids(path, verbose="ERROR")
    assert raw.info["sfreq"] == wanted.sfreq
    assert raw.info["line_freq"] == wanted.line_frequency
    assert tuple(raw.ch_names) == wanted.scalp.names
    np.testing.assert_allclose(raw.get_data().T * 1e6, wanted.data, atol=0.051)
    events, codes = mne.events_from_annotations(raw, verbose="ERROR")
    np.testing.assert_array_equal(events[:, 0], wanted.events["sample"])
    assert len(codes) == wanted.events["stimulus"].nunique()
    found = raw.get_montage().get_positions()["ch_pos"]
    np.testing.assert_allclose(np.array(list(found.values())), wanted.scalp.positions, atol=2e-6)


def test_the_same_settings_write_the_same_bytes(fmri, eeg, tmp_path):
    miniature.write_fmri(tmp_path / "fmri")
    miniature.write_eeg(tmp_path / "eeg")
    assert hashes(tmp_path / "fmri") == hashes(fmri.root)
    assert hashes(tmp_path / "eeg") == hashes(eeg.root)


def test_a_killed_run_leaves_no_subject_and_goes_on(tmp_path):
    dataset = miniature.fmri_set(tmp_path / "set")
    write_dataset(dataset)

    def broken():
        yield from list(miniature.runs(dataset.stimuli))[:1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_fmri_subject(dataset, "sub-01", broken(), miniature.grid(), miniature.TR)
    assert not (dataset.root / "sub-01").exists()
    assert not list(dataset.root.rglob(".*.part"))
    assert not is_written(dataset, "sub-01")
    runs = miniature.runs(dataset.stimuli)
    write_fmri_subject(dataset, "sub-01", runs, miniature.grid(), miniature.TR)
    assert is_written(dataset, "sub-01")
    write_fmri_subject(dataset, "sub-01", broken(), miniature.grid(), miniature.TR)


def test_runs_of_the_simulated_scanner_are_written_as_they_are(tmp_path):
    world = named("realistic")
    schedule = replace(world.schedule, n_train=30, n_test=6, n_runs=1)
    cortex = replace(world.cortex, n_voxels=(300, 400))
    world = replace(world, schedule=schedule, cortex=cortex)
    stimuli = shown_pictures(load_objects64(), schedule, world.seed)
    features = picture_features(stimuli, world.bank, world.seed)
    people = draw_people(world, 1)
    brain = draw_brain(world, people.iloc[0], features)
    trials = trial_table(stimuli.table, schedule, world.seed, "sub-01")
    dataset = BidsSet(tmp_path / "set", "Scanner", "Small.", people, stimuli, "abc")
    write_dataset(dataset)
    write_derivatives(dataset)
    grid = Grid(brain.anatomy.mask, brain.anatomy.affine, brain.units["roi"].to_numpy(str))
    write_fmri_subject(
        dataset, "sub-01", bold_runs(world, brain, features, trials), grid, schedule.tr
    )
    wanted = list(bold_runs(world, brain, features, trials))[1]
    image = nib.load(dataset.root / f"{FUNC}_bold.nii.gz")
    found = image.get_fdata()[grid.mask].T
    step = float(image.dataobj.slope)
    np.testing.assert_allclose(found, wanted.data, atol=step / 2 + 1e-4)
    assert step < 0.02 * wanted.data.std(axis=0).mean()
    table = pd.read_csv(
        dataset.root / DERIVATIVES / f"{FUNC}_desc-confounds_timeseries.tsv", sep="\t"
    )
    np.testing.assert_allclose(
        table["framewise_displacement"], wanted.confounds["framewise_displacement"], atol=1e-4
    )


def test_other_settings_write_again(tmp_path):
    first = miniature.fmri_set(tmp_path / "set")
    write_dataset(first)
    second = BidsSet(first.root, first.name, "Other.", first.people, first.stimuli, "def")
    assert not is_written(second, "dataset")
    write_dataset(second)
    assert "Other." in (first.root / "README.md").read_text()
    assert not is_written(first, "dataset")


def test_errors_say_what_was_found(tmp_path):
    dataset = miniature.fmri_set(tmp_path / "set")
    wrong = dataset.people.assign(participant_id=["01", "sub-02"])
    with pytest.raises(DataError, match="sub- and letters"):
        BidsSet(dataset.root, "x", "y", wrong, dataset.stimuli, "abc")
    run = next(iter(miniature.runs(dataset.stimuli)))
    fewer = miniature.Run("1", 0, run.data[:, :9], run.events, run.confounds)
    with pytest.raises(DataError, match="9 voxels, the grid has 48"):
        write_fmri_subject(dataset, "sub-01", [fewer], miniature.grid(), 2.0)
    still = miniature.Run("1", 0, run.data, run.events, run.confounds.drop(columns="csf"))
    with pytest.raises(DataError, match="csf missing"):
        confound_table(still, 2.0)
    person = dataset.people.iloc[0]
    loud = next(iter(miniature.sessions(dataset, person)))
    loud.data[0, 0] = 1e5
    with pytest.raises(DataError, match="100000 microvolts"):
        write_eeg_subject(dataset, "sub-01", [loud])
    assert not (dataset.root / "sub-01").exists()
