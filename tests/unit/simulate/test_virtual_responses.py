"""Responses drawn without the series have the law of a GLM's; the oracle is Bayes'."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from neurodecode.simulate.bold import bold_runs, run_motion
from neurodecode.simulate.glm import readout
from neurodecode.simulate.oracle import build_oracle, pooled, share_of_oracle
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import (
    cohort_responses,
    reference_features,
    trial_responses,
)
from neurodecode.simulate.trials import runs, shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import named
from neurodecode.stimuli.objects64 import load_objects64


def tiny(name="realistic", effects="no confound", voxels=300):
    world = named(name, effects)
    schedule = replace(world.schedule, n_train=160, n_test=20, n_runs=3)
    cortex = replace(world.cortex, n_voxels=(voxels, voxels + 10))
    return replace(world, cortex=cortex, schedule=schedule)


@pytest.fixture(scope="module")
def drawn():
    world = tiny()
    stimuli = shown_pictures(load_objects64(), world.schedule, world.seed)
    features, reference = reference_features(world, stimuli)
    brain = draw_brain(world, draw_people(world, 1).iloc[0], reference)
    trials = trial_table(stimuli.table, world.schedule, world.seed, brain.participant_id)
    return world, brain, features, trials


def glm(world, brain, features, trials):
    """The reference GLM on the series themselves."""
    betas = []
    for run in bold_runs(world, brain, features, trials):
        ways = run_motion(world, brain, run.run).ways
        onsets = run.events["onset"].to_numpy()
        betas.append(readout(onsets, len(run.data), world.hrf, world.schedule, ways) @ run.data)
    return np.concatenate(betas)


def test_without_noise_responses_are_exactly_those_of_the_glm(drawn):
    world, brain, features, trials = drawn
    quiet = replace(brain, sigma=0 * brain.sigma)
    ours = trial_responses(world, quiet, features, trials)
    np.testing.assert_allclose(ours.data, glm(world, quiet, features, trials), atol=0.02)
    assert ours.units.equals(brain.units)
    assert list(ours.trials["stimulus"]) == list(trials["stimulus"])


def test_noise_has_the_law_of_the_glms(drawn):
    world, brain, features, trials = drawn
    clean = trial_responses(world, replace(brain, sigma=0 * brain.sigma), features, trials).data
    ours = (trial_responses(world, brain, features, trials).data - clean) / brain.sigma
    theirs = (glm(world, brain, features, trials) - clean) / brain.sigma
    assert ours.var() == pytest.approx(theirs.var(), rel=0.06)
    scale = ours.var()
    run = trials["run"].to_numpy()
    for lag in (1, 2, 3):
        same = run[lag:] == run[:-lag]
        a, b = ((n[lag:] * n[:-lag])[same].mean() / scale for n in (ours, theirs))
        assert a == pytest.approx(b, abs=0.05)
    level = [(n[:, brain.level == k].var() / scale) for n in (ours, theirs) for k in range(5)]
    np.testing.assert_allclose(level[:5], level[5:], rtol=0.1)
    # Over voxels: as much lies along the loadings of the shared noise.
    directions = np.linalg.svd(brain.noise.factor, full_matrices=False)[2][:10]
    a, b = (np.square(n @ directions.T).sum() / np.square(n).sum() for n in (ours, theirs))
    assert a == pytest.approx(b, rel=0.15)


def test_sites_and_people_are_those_of_the_cohort():
    world = tiny(effects="default", voxels=60)
    world = replace(world, schedule=replace(world.schedule, n_train=30, n_test=5))
    found = list(cohort_responses(world, 4, load_objects64()))
    people = draw_people(world, 4)
    assert [p["participant_id"] for p, _ in found] == list(people["participant_id"])
    for person, responses in found:
        assert set(responses.trials["participant_id"]) == {person["participant_id"]}
        assert len(responses.trials) == 2 * 30 + 4 * 5
    assert len({responses.data.shape[1] for _, responses in found}) > 1
    again = next(cohort_responses(world, 4, load_objects64()))[1]
    np.testing.assert_array_equal(again.data, found[0][1].data)


def candidates(drawn):
    _, _, features, trials = drawn
    test = trials[trials["set"] == "test"]
    names = sorted(set(test["stimulus"]))
    return features.rows(np.array([features.ids.index(name) for name in names])), test


def test_the_oracle_is_the_gaussian_likelihood_where_gains_are_known(drawn):
    world, brain, _, trials = drawn
    seen, test = candidates(drawn)
    fixed = replace(
        world,
        noise=replace(
            world.noise, gain=0, adaptation=0, lapse=(0.0, 0.4, 0.3), session=0, session_scale=0
        ),
    )
    onsets = runs(trials)[0][1]["onset"].to_numpy()
    for hidden in (True, False):
        oracle = build_oracle(fixed, brain, seen, onsets, hidden)
        some = test.head(6)
        responses = (oracle.pictures[:6] + 3).astype(np.float32)
        covariance = np.diag(oracle.diagonal) + oracle.factor.T @ oracle.factor
        expected = np.stack(
            [multivariate_normal.logpdf(responses, mean, covariance) for mean in oracle.pictures]
        )
        found = oracle.log_likelihood(responses, some)
        np.testing.assert_allclose(
            found - found.mean(axis=0), expected - expected.mean(axis=0), atol=1e-3
        )


def test_the_oracle_is_right_as_often_as_it_says(drawn):
    world, brain, features, trials = drawn
    seen, _ = candidates(drawn)
    faint = replace(brain, sigma=2.5 * brain.sigma)  # so that it errs
    oracle = build_oracle(world, faint, seen, runs(trials)[0][1]["onset"].to_numpy())
    hits, said = [], []
    for seed in range(6):
        other = replace(world, seed=world.seed)
        other = trials.assign(run=trials["run"] + 100 * seed)
        responses = trial_responses(world, faint, features, other)
        rows = (responses.trials["set"] == "test").to_numpy()
        score = oracle.log_likelihood(responses.data[rows], responses.trials[rows])
        posterior = np.exp(score - score.max(axis=0))
        posterior /= posterior.sum(axis=0)
        names = responses.trials["stimulus"][rows].to_numpy()
        hits.append(np.array(oracle.ids)[score.argmax(axis=0)] == names)
        said.append(posterior.max(axis=0))
    hits, said = np.concatenate(hits), np.concatenate(said)
    assert 0.15 < hits.mean() < 0.95
    assert said.mean() == pytest.approx(hits.mean(), abs=0.08)


def test_what_the_oracle_does_not_know_costs_it(drawn):
    world, brain, features, trials = drawn
    seen, test = candidates(drawn)
    onsets = runs(trials)[0][1]["onset"].to_numpy()
    responses = trial_responses(world, replace(brain, sigma=2.5 * brain.sigma), features, trials)
    rows = (trials["set"] == "test").to_numpy()
    right = {}
    for hidden in (True, False):
        oracle = build_oracle(world, replace(brain, sigma=2.5 * brain.sigma), seen, onsets, hidden)
        score = oracle.log_likelihood(responses.data[rows], test)
        names = np.array([oracle.ids.index(name) for name in test["stimulus"]])
        posterior = score - np.logaddexp.reduce(score, axis=0)
        right[hidden] = posterior[names, np.arange(len(names))].mean()
        together = pooled(score, test["stimulus"].to_numpy(str), oracle.ids)
        single = (score.argmax(axis=0) == names).mean()
        assert (together.argmax(axis=0) == np.arange(20)).mean() > single
    assert right[True] > right[False]


def test_share():
    assert share_of_oracle(0.75, 1.0, 0.5) == 0.5
