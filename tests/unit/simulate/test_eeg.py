"""Simulated recordings do what the module's equation says, and nothing that it does not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Stimuli
from neurodecode.errors import ConfigError
from neurodecode.simulate.eeg import (
    courses,
    drive,
    eeg_brain,
    eeg_session,
    eeg_sessions,
    set_up,
    trial_table,
)
from neurodecode.simulate.eeg_features import BANKS, eeg_features
from neurodecode.simulate.eeg_noise import EegNoise
from neurodecode.simulate.eeg_oracle import (
    Analysis,
    epochs,
    identified,
    log_likelihood,
    pooled,
    single_trial_snr,
)
from neurodecode.simulate.eeg_world import (
    EEG_WORLDS,
    EegEffect,
    EegEffects,
    fingerprint,
    named_world,
)
from neurodecode.simulate.people import codes, draw_people
from neurodecode.stimuli.objects64 import load_objects64

WORLD = named_world("realistic", "no confound")
SILENT = EegNoise(background=0, line=0, sensor=0, drift=0, blinks=(0, 0), muscle=(0, 0, 0))
SILENT_WORLD = replace(
    WORLD, noise=replace(SILENT, alpha=0.0, gain=0.0, cap=0.0), gain=0.0, lapse=(0.0, 1.0)
)
PERSON = pd.Series({"participant_id": "sub-01", "age": 49.0, "sex": "F", "site": "B", "label": "a"})


@pytest.fixture(scope="module")
def stimuli():
    everything = load_objects64(("decoder", "test"))
    kept = everything.where(np.arange(len(everything)) % 7 == 0)
    return Stimuli(
        kept.table.assign(set=kept.table["set"].replace("decoder", "train")), kept.pixels
    )


@pytest.fixture(scope="module")
def features(stimuli):
    return eeg_features(stimuli, WORLD.bank, WORLD.seed)


@pytest.fixture(scope="module")
def brain(features):
    return eeg_brain(WORLD, PERSON, features)


def test_the_realistic_world_is_frozen():
    assert fingerprint(EEG_WORLDS["realistic"]) == "ec39a07fa934a7a1"


@pytest.mark.parametrize("bank", BANKS)
def test_features_are_of_unit_variance_and_hidden_ones_follow_nothing_that_is_seen(stimuli, bank):
    made = eeg_features(stimuli, bank, 1)
    train = (stimuli.table["set"] == "train").to_numpy()
    for values in (made.edges, made.attributes, made.hidden):
        assert values[train].var(axis=0).sum() == pytest.approx(1, abs=1e-3)
    seen = np.c_[made.edges, made.attributes][train]
    seen -= seen.mean(axis=0)
    q = np.linalg.svd(seen, full_matrices=False)[0][:, : np.linalg.matrix_rank(seen)]
    shared = ((q.T @ made.hidden[train]) ** 2).sum() / (made.hidden[train] ** 2).sum()
    assert shared == pytest.approx(q.shape[1] / train.sum(), abs=0.12)
    with pytest.raises(ConfigError, match="gabor, colour"):
        eeg_features(stimuli, "edges", 1)


def test_every_trial_of_the_schedule_is_shown_once(stimuli):
    sessions = [trial_table(stimuli.table, WORLD, "sub-01", k) for k in (1, 2)]
    events = pd.concat(sessions)
    shown = events.groupby(["set", "stimulus"]).size()
    assert (shown["train"] == 2).all()
    assert (shown["test"] == 4).all()
    assert not events.duplicated(["stimulus", "repeat"]).any()
    for table in sessions:
        gaps = np.diff(table["onset"])
        assert gaps.min() >= 0.6 - 0.005
        assert table["onset"].iloc[0] == WORLD.schedule.pause
    assert set(sessions[0]["run"]).isdisjoint(sessions[1]["run"])


def test_without_noise_gain_and_jitter_an_epoch_is_the_sum_of_the_sources(stimuli, features, brain):
    calm = replace(brain, jitter=np.zeros_like(brain.jitter))
    session = eeg_session(SILENT_WORLD, replace(calm, traits=replace(
        calm.traits, alpha=0.0)), stimuli, features, 1)  # fmt: skip
    setup = set_up(SILENT_WORLD, calm, 1)
    times = np.arange(125) / WORLD.sfreq
    peaks = drive(calm, features)
    for _, event in session.events.iloc[[0, 5]].iterrows():
        row = features.ids.index(event["stimulus"])
        expected = (setup.lead * peaks[row]) @ courses(calm, times)
        found = session.data[event["sample"] : event["sample"] + 125].T
        np.testing.assert_allclose(found, expected, atol=0.03)


def test_responses_begin_after_the_picture_and_the_first_peak_is_at_about_100_ms(brain):
    times = np.arange(-50, 150) / 250
    shape = courses(brain, times)
    assert shape[:, times < 0].max() == 0
    assert shape[:, times == 0].max() < 1e-3
    peak = times[shape.argmax(axis=1)]
    assert 0.07 < peak[brain.stage == "early"].min() < 0.12
    assert peak[brain.stage == "late"].min() > 0.15
    assert peak[brain.stage == "late"].max() < 0.45


def test_same_names_same_recording_and_people_and_sessions_differ(stimuli, features):
    first, second = eeg_sessions(WORLD, PERSON, stimuli, features)
    again = next(iter(eeg_sessions(WORLD, PERSON, stimuli, features)))
    np.testing.assert_array_equal(first.data, again.data)
    pd.testing.assert_frame_equal(first.events, again.events)
    assert not np.array_equal(first.scalp.positions, second.scalp.positions)
    other = eeg_brain(WORLD, PERSON.replace({"sub-01": "sub-02"}), features)
    assert not np.array_equal(other.places, eeg_brain(WORLD, PERSON, features).places)


def test_a_share_rho_of_the_tuning_is_common_to_people(features):
    def weights(rho, name):
        world = replace(WORLD, rho=rho)
        tuning = eeg_brain(world, PERSON.replace({"sub-01": name}), features).tuning
        return np.concatenate([w.ravel() for w in tuning.values()])

    for rho in (0.5, 0.3):
        r = np.corrcoef(weights(rho, "sub-01"), weights(rho, "sub-02"))[0, 1]
        assert r == pytest.approx(rho, abs=0.08)


def test_effects_of_age_are_those_that_are_asked_for_and_none_without(features):
    young, old = (PERSON.replace({49.0: age}) for age in (31.1, 66.9))
    z = codes(WORLD, old)["age"] - codes(WORLD, young)["age"]
    effect = EegEffect(amplitude=-0.2, latency=0.02, variance=0.1, alpha_peak=-0.9)
    world = replace(WORLD, effects=EegEffects(age=effect))
    one, two = (eeg_brain(world, person, features) for person in (young, old))
    late = one.stage == "late"
    np.testing.assert_allclose((two.peaks - one.peaks)[late], z * 0.02, atol=1e-9)
    np.testing.assert_allclose(np.log(two.mean / one.mean), -0.2 * z, atol=1e-9)
    assert np.log(two.traits.scale / one.traits.scale) == pytest.approx(0.1 * z)
    assert two.traits.alpha_peak - one.traits.alpha_peak == pytest.approx(-0.9 * z)
    np.testing.assert_array_equal(two.tuning["edges"], one.tuning["edges"])
    tuned = replace(WORLD, effects=EegEffects(age=EegEffect(tuning=0.5)))
    assert not np.array_equal(
        eeg_brain(tuned, young, features).tuning["edges"], one.tuning["edges"]
    )
    same = [eeg_brain(WORLD, person, features) for person in (young, old)]
    np.testing.assert_array_equal(same[0].mean, same[1].mean)
    assert same[0].traits == same[1].traits


def test_people_of_a_smaller_cohort_are_the_first_of_a_larger_one():
    small, large = draw_people(WORLD, 3), draw_people(WORLD, 200)
    pd.testing.assert_frame_equal(small, large.head(3))
    assert large["age"].between(18, 80).all()
    assert 0.35 < (large["sex"] == "F").mean() < 0.65
    confounded = draw_people(named_world("realistic", "label with site"), 200)
    agree = (confounded["label"] == "b") == confounded["site"].isin(["A", "C"])
    assert agree.mean() == pytest.approx(0.9, abs=0.07)


def test_the_oracle_is_far_above_chance_on_realistic_and_at_chance_for_another_brain(
    stimuli, features, brain
):
    analysis = Analysis()
    test = np.flatnonzero((stimuli.table["set"] == "test").to_numpy())
    session, setup = eeg_session(WORLD, brain, stimuli, features, 1), set_up(WORLD, brain, 1)
    rows = (session.events["set"] == "test").to_numpy()
    ids = list(stimuli.table["id"].iloc[test])
    shown = np.array([ids.index(name) for name in session.events["stimulus"][rows]])
    x, peaks = epochs(session, analysis)[rows], drive(brain, features)[test]
    scores = log_likelihood(WORLD, brain, setup, x, peaks, analysis)
    assert identified(scores, shown)["two_way"] > 0.75
    together = identified(pooled(scores, shown, len(test)), np.arange(len(test)))
    assert together["two_way"] > identified(scores, shown)["two_way"]
    wrong = log_likelihood(WORLD, brain, setup, x, np.roll(peaks, 7, axis=0), analysis)
    assert identified(wrong, shown)["two_way"] == pytest.approx(0.5, abs=0.12)


def test_single_trial_snr_of_realistic_is_below_minus_10_db(features):
    for _, person in draw_people(EEG_WORLDS["realistic"], 4).iterrows():
        brain = eeg_brain(EEG_WORLDS["realistic"], person, features)
        setup = set_up(EEG_WORLDS["realistic"], brain, 1)
        snr = single_trial_snr(
            EEG_WORLDS["realistic"], brain, setup, drive(brain, features), Analysis()
        )
        assert -30 < snr["evoked"] <= -10
        assert snr["specific"] < snr["evoked"]


def test_identification_counts_ties_as_half():
    scores = np.array([[1.0, 0.0, 0.0], [2.0, 2.0, 1.0]])
    found = identified(scores, np.array([0, 1]))
    assert found["two_way"] == pytest.approx((1 + 0.75) / 2)


def test_an_unknown_world():
    with pytest.raises(ConfigError, match="realistic"):
        named_world("easier")
    with pytest.raises(ConfigError, match="variance only"):
        named_world("easy", "none")
