"""``virtual-min`` keeps the study's contract, and a decoder finds in it what was put there."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from neurodecode.config import load_study
from neurodecode.registry import make
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.studies.virtual_min import VirtualMin

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def study():
    return VirtualMin(2, 600, 200, 40, 2, 0.2, 2001)


@pytest.fixture(scope="module")
def averaged(study):
    """Responses (n_pictures, n_voxels) averaged over repeats, pixels, and who trains."""
    stimuli = study.stimuli()
    responses = study.load("01")
    names = responses.trials["stimulus"].to_numpy(str)
    data = np.stack([responses.data[names == name].mean(axis=0) for name in stimuli.table["id"]])
    small = stimuli.pixels.reshape(len(stimuli), 16, 4, 16, 4, 3).mean(axis=(2, 4))
    train = (stimuli.table["set"] == "train").to_numpy()
    return data, small.reshape(len(stimuli), -1), train


def two_way(true, decoded):
    n = len(true)
    r = np.corrcoef(true, decoded)[:n, n:]
    return ((r < np.diag(r)).sum(axis=0) / (n - 1)).mean()


def decoded(data, pixels, train, order):
    model = RidgeCV(np.logspace(1, 5, 5)).fit(data[train], pixels[train][order])
    return two_way(pixels[~train], model.predict(data[~train]))


def test_a_ridge_decoder_identifies_held_out_pictures_by_their_pixels(averaged):
    data, pixels, train = averaged
    assert decoded(data, pixels, train, np.arange(train.sum())) > 0.7


def test_a_decoder_trained_on_permuted_trials_is_at_chance(averaged):
    data, pixels, train = averaged
    rng = np.random.default_rng(0)
    scores = [decoded(data, pixels, train, rng.permutation(train.sum())) for _ in range(5)]
    assert np.mean(scores) == pytest.approx(0.5, abs=0.06)


def test_each_picture_is_shown_once_in_each_repeat(study):
    trials = study.load("02").trials
    assert set(trials["participant_id"]) == {"02"}
    assert trials["trial"].is_unique
    assert (trials.groupby(["stimulus", "repeat"]).size() == 1).all()
    assert set(trials["stimulus"]) == set(study.stimuli().table["id"])
    assert trials["run"].is_monotonic_increasing


def test_a_subject_does_not_depend_on_how_many_others_there_are(study):
    alone = VirtualMin(1, 600, 200, 40, 2, 0.2, 2001)
    np.testing.assert_array_equal(alone.load("01").data, study.load("01").data)


def test_another_seed_is_another_world(study):
    other = VirtualMin(2, 600, 200, 40, 2, 0.2, 2002)
    assert not np.array_equal(other.load("01").data[:, :100], study.load("01").data[:, :100])
    assert set(other.stimuli().table["id"]) != set(study.stimuli().table["id"])


def test_no_picture_comes_from_the_generators_training_set(study):
    generator = set(load_objects64(("generator",)).table["id"])
    assert not generator & set(study.stimuli().table["id"])


def test_the_shipped_study_has_the_sizes_that_it_promises():
    settings = load_study("virtual-min", ROOT / "config" / "config.yaml").data
    shipped = make("study", settings)
    assert shipped.simulated
    assert shipped.level == "stimulus"
    assert shipped.subjects() == ("01", "02")
    counts = shipped.stimuli().table["set"].value_counts()
    assert counts["train"] >= 400
    assert counts["test"] == 50
    assert "simulated" in shipped.about()["recorded"]
    assert settings.n_voxels <= 3000
    assert settings.n_repeats == 2
    assert settings.noise_ceiling == 0.2
