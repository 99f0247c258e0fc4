"""A cohort on disk is the same however it is written, goes on where it stopped, is read back."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from neurodecode.cli import main
from neurodecode.errors import ConfigError
from neurodecode.preprocess.glm import Glm
from neurodecode.simulate.features import picture_features
from neurodecode.simulate.trials import trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.written import Cohort, write_cohort
from neurodecode.studies.bids import Bids
from neurodecode.studies.settings import BidsSettings

SMALL = {"n_train": 40, "n_test": 10}


def hashes(root, pattern):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.glob(pattern))
        if path.is_file()
    }


def study(root, **more):
    settings = BidsSettings(kind="bids", root=str(root), task="pictures", set_column="set", **more)
    return Bids(**settings.model_dump(exclude={"kind"}))


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    cohort = Cohort(tmp_path_factory.mktemp("one") / "func", "func", "easy", n_subjects=1, **SMALL)
    write_cohort(cohort, 1, lambda: None)
    return cohort


def test_two_jobs_write_the_bytes_of_one_and_a_larger_cohort_begins_like_a_smaller(
    tmp_path_factory, one
):
    root = tmp_path_factory.mktemp("two") / "func"
    done = []
    write_cohort(replace(one, root=root, n_subjects=2), 2, lambda: done.append(1))
    assert len(done) == 2
    assert (root / "sub-02").is_dir()
    for pattern in ("sub-01/**/*", "derivatives/fmriprep/sub-01/**/*"):
        first = hashes(one.root, pattern)
        assert len(first) > 20
        assert hashes(root, pattern) == first


def test_betas_of_the_files_are_what_the_pictures_evoke(one):
    data = study(one.root, derivatives="derivatives/fmriprep", confounds=("motion",))
    recording = data.load("01")
    betas = Glm("lss", "glover", 1 / 128, percent=True).estimate(recording)
    stimuli, world = one.stimuli, one.world
    features = picture_features(stimuli, world.bank, world.seed)
    train = np.flatnonzero((stimuli.table["set"] == "train").to_numpy())
    brain = draw_brain(world, one.dataset.people.iloc[0], features.rows(train))
    assert list(zip(recording.units["x"], recording.units["z"], strict=True)) == list(
        zip(brain.units["x"], brain.units["z"], strict=True)
    )
    trials = trial_table(stimuli.table, world.schedule, world.seed, "sub-01")
    assert sorted(betas.trials["stimulus"]) == sorted(trials["stimulus"])
    names = np.array(features.ids)
    mean = np.stack([
        betas.data[(betas.trials["stimulus"] == name).to_numpy()].mean(axis=0) for name in names
    ])  # fmt: skip
    real = brain.amplitudes(features)
    away = [x - x.mean(axis=0) for x in (mean, real)]
    r = (away[0] * away[1]).sum(axis=0) / np.prod([np.linalg.norm(x, axis=0) for x in away], axis=0)
    wrong = np.roll(away[1], 1, axis=0)
    assert np.median(r) > 0.4
    assert abs(np.corrcoef(away[0].ravel(), wrong.ravel())[0, 1]) < 0.15


def test_eeg_is_written_and_read_through_mne(tmp_path, capsys):
    call = ["simulate-cohort", "--out", str(tmp_path), "--datatype", "eeg", "--subjects", "1",
            "--train", "12", "--test", "4", "--jobs", "1"]  # fmt: skip
    assert main(call) == 0
    assert "1 simulated people" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "eeg").rglob("*")}
    assert main(call) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "eeg").rglob("*")}
    recording = study(tmp_path / "eeg", datatype="eeg").load("01")
    assert len(recording.events) == 12 * 2 + 4 * 4
    assert recording.events["set"].value_counts().to_dict() == {"train": 24, "test": 16}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--preset", "real"], "must be one of realistic"),
        (["--train", "9999"], "9999 pictures asked for"),
        (["--subjects", "0"], "n_subjects: must be 1 or more"),
        (["--jobs", "0"], "jobs: must be 1 or more"),
    ],
)
def test_a_mistake_is_one_message_code_2_and_no_file(tmp_path, capsys, change, message):
    call = ["simulate-cohort", "--out", str(tmp_path / "set"), "--datatype", "func", *change]
    assert main(call) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_people_of_another_cohort_are_not_mixed_in(one):
    stranger = one.root / "sub-09"
    stranger.mkdir()
    try:
        with pytest.raises(ConfigError, match="holds sub-09, who are not among the 1 people"):
            write_cohort(one, 1, lambda: None)
    finally:
        stranger.rmdir()
