"""``virtual`` keeps the study's contract and gives the people of the world that it names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from neurodecode.config import load_study
from neurodecode.errors import ConfigError
from neurodecode.evaluate.tables import wins
from neurodecode.registry import KnowsPeople, KnowsTruth, make
from neurodecode.simulate.oracle import build_oracle
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import cohort_responses, reference_features
from neurodecode.simulate.trials import runs, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import WORLDS, named
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.studies.settings import VirtualSettings
from neurodecode.studies.virtual import Virtual

ROOT = Path(__file__).parents[3]


def small(preset="easy", effects="default", n_subjects=3, seed=None):
    return Virtual(preset, effects, n_subjects, 60, 20, 2, 4, 120, seed)


@pytest.fixture(scope="module")
def study():
    return small()


def test_it_gives_the_people_of_the_world_under_the_names_of_the_pipeline(study):
    world = named("easy")
    schedule = replace(world.schedule, n_train=60, n_test=20)
    cortex = replace(world.cortex, n_voxels=(114, 120))
    people = cohort_responses(replace(world, schedule=schedule, cortex=cortex), 2, load_objects64())
    for subject, (person, responses) in zip(("01", "02"), people, strict=True):
        ours = study.load(subject)
        assert person["participant_id"] == f"sub-{subject}"
        assert set(ours.trials["participant_id"]) == {subject}
        np.testing.assert_array_equal(ours.data, responses.data)
        assert ours.units.equals(responses.units)


def test_each_picture_is_shown_as_often_as_its_set_says(study):
    trials = study.load("02").trials
    table = study.stimuli().table
    assert table["set"].value_counts().to_dict() == {"train": 60, "test": 20}
    shown = trials.groupby("stimulus").size()
    assert (shown[table.loc[table["set"] == "train", "id"]] == 2).all()
    assert (shown[table.loc[table["set"] == "test", "id"]] == 4).all()
    assert trials["trial"].is_unique
    assert 114 <= study.load("02").data.shape[1] <= 120


def test_a_subject_does_not_depend_on_how_many_others_there_are(study):
    np.testing.assert_array_equal(small(n_subjects=1).load("01").data, study.load("01").data)


def test_presets_and_effects_are_other_data(study):
    ours = study.load("01").data
    for other in (small("world-B"), small(effects="no confound")):
        theirs = other.load("01").data
        n = min(ours.shape[1], theirs.shape[1])
        assert not np.array_equal(ours[:, :n], theirs[:, :n])


def test_another_seed_is_another_world(study):
    other = small(seed=7)
    ours, theirs = (s.load("01").data for s in (study, other))
    n = min(ours.shape[1], theirs.shape[1])
    assert not np.array_equal(ours[:, :n], theirs[:, :n])
    assert set(other.stimuli().table["id"]) != set(study.stimuli().table["id"])
    assert small(seed=study.world.seed).world == study.world


def test_no_test_picture_was_seen_by_the_generator_and_the_page_says_which_training_were():
    study = Virtual("realistic", "default", 1, 600, 100, 2, 4, None)
    generator = set(load_objects64(("generator",)).table["id"])
    table = study.stimuli().table
    assert not generator & set(table.loc[table["set"] == "test", "id"])
    n = len(generator & set(table.loc[table["set"] == "train", "id"]))
    assert (f"{n} of the training pictures" in study.about()["seen"]) == (n > 0)
    assert "of the training pictures" not in small().about()["seen"]


def test_the_shipped_study_is_the_preset_itself():
    settings = load_study("virtual", ROOT / "config" / "config.yaml").data
    shipped = make("study", settings)
    assert shipped.world == WORLDS["realistic"]
    assert shipped.simulated
    assert shipped.level == "stimulus"
    assert len(shipped.subjects()) == 8
    assert "simulated" in shipped.about()["recorded"]


@pytest.fixture(scope="module")
def shown():
    """A person of `virtual-min`, smaller."""
    return Virtual("minimal", "no confound", 1, 260, 40, 2, 2, 600)


@pytest.fixture(scope="module")
def averaged(shown):
    """Responses (n_pictures, n_voxels) averaged over repeats, pixels, and who trains."""
    stimuli, responses = shown.stimuli(), shown.load("01")
    names = responses.trials["stimulus"].to_numpy(str)
    data = np.stack([responses.data[names == name].mean(axis=0) for name in stimuli.table["id"]])
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    pixels = stimuli.pixels.reshape(len(stimuli), 16, 4, 16, 4, 3).mean(axis=(2, 4))
    train = (stimuli.table["set"] == "train").to_numpy()
    return data, pixels.reshape(len(stimuli), -1), train


def decoded(data, pixels, train, order):
    """Two-way identification of the test pictures by a ridge to pixels."""
    model = RidgeCV(np.logspace(1, 5, 5)).fit(data[train], pixels[train][order])
    n = (~train).sum()
    r = np.corrcoef(pixels[~train], model.predict(data[~train]))[:n, n:]
    return ((r < np.diag(r)).sum(axis=0) / (n - 1)).mean()


def test_a_ridge_decoder_identifies_held_out_pictures_by_their_pixels(averaged):
    data, pixels, train = averaged
    assert decoded(data, pixels, train, np.arange(train.sum())) > 0.6


def test_a_decoder_trained_on_permuted_trials_is_at_chance(averaged):
    data, pixels, train = averaged
    rng = np.random.default_rng(0)
    scores = [decoded(data, pixels, train, rng.permutation(train.sum())) for _ in range(5)]
    assert np.mean(scores) == pytest.approx(0.5, abs=0.06)


def test_the_noise_ceiling_that_virtual_min_states_is_measured_from_its_repeats(shown):
    """Between-picture mean squares give the signal's variance; no use of the world's own table."""
    responses = shown.load("01")
    order = np.argsort(responses.trials["stimulus"].to_numpy(str), kind="stable")
    cells = responses.data[order].reshape(-1, 2, responses.data.shape[1]).astype(float)
    between = 2 * cells.mean(axis=1).var(axis=0, ddof=1)
    within = cells.var(axis=1, ddof=1).mean(axis=0)
    signal = (between - within) / 2
    assert np.median(signal / (signal + within)) == pytest.approx(0.2, abs=0.03)


def test_the_shipped_virtual_min_has_the_sizes_that_it_promises():
    settings = load_study("virtual-min", ROOT / "config" / "config.yaml").data
    shipped = make("study", settings)
    assert shipped.simulated
    assert shipped.level == "stimulus"
    assert shipped.subjects() == ("01", "02")
    table = shipped.stimuli().table
    assert table["set"].value_counts().to_dict() == {"train": 440, "test": 50}
    assert not set(load_objects64(("generator",)).table["id"]) & set(table["id"])
    assert "simulated" in shipped.about()["recorded"]
    assert "25% of that follows features that no decoder is told of" in shipped.about()["recorded"]
    assert settings.n_voxels <= 3000
    assert (settings.train_repeats, settings.test_repeats) == (2, 2)


def test_settings_know_every_preset():
    for preset in WORLDS:
        assert VirtualSettings(kind="virtual", preset=preset).preset == preset


def test_mistakes(study):
    with pytest.raises(ConfigError, match="subject must be one of"):
        study.load("04")
    with pytest.raises(ConfigError, match="pictures asked for"):
        Virtual("easy", "default", 1, 5000, 20, 2, 4, None).stimuli()


def test_it_knows_who_its_people_are(study):
    people = study.demographics()
    assert isinstance(study, KnowsPeople)
    assert list(people.index) == list(study.subjects())
    assert list(people.columns) == ["age", "sex", "site"]
    assert people["age"].between(*named("easy").ages).all()
    assert set(people["sex"]) <= {"F", "M"}
    assert people.equals(small(n_subjects=8).demographics().iloc[:3])


def test_it_knows_which_picture_makes_a_response_likeliest():
    """The study's own truth, on its own trials: nearly always right, and not by the labels."""
    study = small("realistic", n_subjects=2)
    assert isinstance(study, KnowsTruth)
    responses, scored = study.load("02"), study.stimuli().scored
    rows = (responses.trials["set"] == "test").to_numpy()
    tested = replace(
        responses, data=responses.data[rows],
        trials=responses.trials[rows].assign(stimulus="", category="", participant_id=""),
    )  # fmt: skip
    score = study.log_likelihood("02", tested, scored)
    assert score.shape == (20, 80)
    ids = list(scored.table["id"])
    right = [ids.index(name) for name in responses.trials["stimulus"][rows]]
    every = np.arange(len(right))
    assert wins(score)[right, every].mean() > 0.8
    with pytest.raises(ConfigError, match="subject must be one of 01, 02, got '03'"):
        study.log_likelihood("03", tested, scored)


def test_its_oracle_is_the_one_of_the_benchmarks():
    study = small("realistic", n_subjects=1)
    world, stimuli = study.world, study.stimuli()
    features, reference = reference_features(world, stimuli)
    brain = draw_brain(world, draw_people(world, 1).iloc[0], reference)
    trials = trial_table(stimuli.table, world.schedule, world.seed, "sub-01")
    test = np.flatnonzero(stimuli.table["set"] == "test")
    onsets = runs(trials)[0][1]["onset"].to_numpy(float)
    oracle = build_oracle(world, brain, features.rows(test), onsets, hidden=False)
    responses = study.load("01")
    np.testing.assert_array_equal(
        study.log_likelihood("01", responses, stimuli.scored),
        oracle.log_likelihood(responses.data, trials),
    )
