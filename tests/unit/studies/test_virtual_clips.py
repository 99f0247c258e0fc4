"""The study of clips: held-out pictures, and motion in the brain only where it is asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurodecode.config import load_study
from neurodecode.errors import ConfigError
from neurodecode.evaluate.tables import top1
from neurodecode.registry import make
from neurodecode.stimuli.clips import MOTIONS

ROOT = Path(__file__).parents[3]


def small(**more):
    settings = load_study("virtual-clips", ROOT / "config" / "config.yaml").data
    changes = {"n_subjects": 1, "n_train": 4, "n_test": 6, "n_voxels": 100, **more}
    return make("study", settings.model_copy(update=changes))


@pytest.fixture(scope="module")
def study():
    return small()


def test_no_picture_of_a_test_clip_is_in_a_training_clip(study):
    table = study.stimuli().table
    sets = table.groupby("set")
    assert sets.size().to_dict() == {"train": 4 * 6, "test": 6}
    shown = {name: set(part["picture"]) | set(part["other"]) - {""} for name, part in sets}
    assert not shown["train"] & shown["test"]
    assert set(table["motion"][table["set"] == "test"]) == set(MOTIONS)


def test_pixels_are_the_middle_frames(study):
    stimuli = study.stimuli()
    assert stimuli.frames.shape == (30, 16, 64, 64, 3)
    assert stimuli.fps == 8
    np.testing.assert_array_equal(stimuli.pixels, stimuli.frames[:, 8])


def test_trials_and_mistakes(study):
    responses = study.load("01")
    counts = responses.trials["stimulus"].value_counts()
    sets = study.stimuli().table.set_index("id")["set"]
    assert {s: set(counts[sets == s]) for s in ("train", "test")} == {"train": {2}, "test": {4}}
    assert set(responses.trials["participant_id"]) == {"01"}
    assert "directions of motion" in study.about()["recorded"]
    with pytest.raises(ConfigError, match="subject must be one of 01, got '02'"):
        study.load("02")


def test_without_tuning_no_voxel_answers_to_motion(study):
    blind = small(motion_tuning=False)
    assert "know no motion" in blind.about()["recorded"]
    assert blind.world.early.motion == blind.world.ventral.motion == 0
    assert study.world.early.motion > 0
    tuned, untuned = (s.load("01").data for s in (study, blind))
    assert tuned.shape == untuned.shape
    assert np.abs(tuned - untuned).max() > 0


@pytest.mark.parametrize("tuned", [True, False])
def test_its_truth_tells_a_clip_from_its_reverse_only_by_motion(tuned):
    study = small(n_train=10, n_test=16, n_voxels=300, motion_tuning=tuned)
    responses, scored = study.load("01"), study.stimuli().scored
    rows = (responses.trials["set"] == "test").to_numpy()
    tested = replace(responses, data=responses.data[rows], trials=responses.trials[rows])
    backwards = replace(scored, frames=scored.frames[:, ::-1])
    forward, turned = (study.log_likelihood("01", tested, s) for s in (scored, backwards))
    ids = list(scored.table["id"])
    right = [ids.index(name) for name in tested.trials["stimulus"]]
    every = np.arange(len(right))
    assert top1(forward)[right, every].mean() > 0.6
    moves = scored.table["motion"].iloc[right] == "moving"
    said = (forward > turned)[right, every][moves]
    if tuned:
        assert said.mean() > 0.9
    else:
        np.testing.assert_allclose(forward, turned, atol=1e-3)
