"""Refitted permutations: the decoder itself, and brute force, are the oracles."""

import numpy as np
import pytest

from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.evaluate.inference import permutations
from neurodecode.evaluate.refit import Problem, _scores, linear_fold, observed_score, refit_p
from neurodecode.evaluate.tables import correlations, top1, wins

ALPHAS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)


def world(signal, seed=0, n_stimuli=30, n_test=8, n_units=25, d=6):
    """Two repeats of each stimulus; the last ones are tested, their repeats averaged."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_stimuli, d))
    stimulus = np.tile(np.arange(n_stimuli), 2)
    weights = rng.normal(size=(d, n_units))
    X = signal * features[stimulus] @ weights + rng.normal(size=(len(stimulus), n_units))
    test = stimulus >= n_stimuli - n_test
    return X.astype(np.float32), features.astype(np.float32), stimulus, test


def problem_of(X, features, stimulus, test, alphas=ALPHAS):
    first = int(stimulus[test].min())
    items = (np.arange(first, len(features))[:, None] == stimulus[test]) / 2
    fold = linear_fold(
        X[~test], X[test], train=stimulus[~test], items=items,
        groups=stimulus[~test].astype(str), n_labels=len(features), alphas=alphas, inner_folds=5,
    )  # fmt: skip
    real = features[first:].astype(float)
    real = real - real.mean(axis=1, keepdims=True)
    real /= np.linalg.norm(real, axis=1, keepdims=True)
    n = len(real)
    candidate = np.where(np.arange(len(features)) >= first, np.arange(len(features)) - first, -1)
    return Problem(
        folds=[fold], targets=features.astype(float), real=real, candidate=candidate,
        label=np.arange(first, len(features)),
        exchangeable=np.where(candidate < 0, "trained", "0"),
        blocks=[(np.arange(n), np.arange(n))], two_way=True,
    )  # fmt: skip


def refitted(X, features, stimulus, test, order, alphas=ALPHAS):
    """The same, by fitting the decoder anew on swapped targets."""
    first = int(stimulus[test].min())
    swapped = features[order]
    decoder = RidgeDecoder(("t",), alphas, 5).fit(
        X[~test], {"t": swapped[stimulus[~test]]}, labels=np.full((~test).sum(), ""),
        groups=stimulus[~test].astype(str),
    )  # fmt: skip
    decoded = decoder.predict(X[test])["t"]
    items = [decoded[stimulus[test] == s].mean(axis=0) for s in range(first, len(features))]
    table = wins(correlations(features[first:], np.stack(items)))
    truth = order[first:] - first
    return table[truth, np.arange(len(truth))].mean()


@pytest.mark.parametrize("alphas", [ALPHAS, (10.0,)])
def test_each_permutation_scores_as_a_decoder_that_is_fitted_anew(alphas):
    parts = world(0.3)
    problem = problem_of(*parts, alphas)
    order = permutations(problem.exchangeable, np.random.default_rng(1), 12)
    order[0] = np.arange(len(order[0]))
    expected = [refitted(*parts, o, alphas) for o in order]
    assert _scores(problem, order) == pytest.approx(expected, abs=1e-9)
    assert observed_score(problem) == pytest.approx(expected[0])


def test_a_large_mean_response_changes_no_score():
    """As betas that a ridge has shrunk towards their mean."""
    X, features, stimulus, test = world(1.0, n_stimuli=90, n_units=300)
    far = X + np.float32(3e3) * np.random.default_rng(1).uniform(1, 2, X.shape[1])
    problem = problem_of(far.astype(np.float32), features, stimulus, test)
    order = np.arange(len(features))
    same = refitted(far.astype(np.float32), features, stimulus, test, order)
    assert observed_score(problem) == pytest.approx(same, abs=0.02)


def test_labels_leave_one_run_out():
    """Categories of trials, swapped within runs; every trial is tested in one fold."""
    rng = np.random.default_rng(2)
    runs, kind = np.repeat(np.arange(4), 6), np.tile(np.arange(3), 8)
    X = (np.eye(3)[kind] @ rng.normal(size=(3, 20)) + 2 * rng.normal(size=(24, 20))).astype("f4")
    folds = []
    for run in range(4):
        train = np.flatnonzero(runs != run)
        tested = np.flatnonzero(runs == run)
        items = (np.arange(24)[:, None] == tested).astype(float)
        folds.append(linear_fold(X[train], X[tested], train=train, items=items,
                                 groups=runs[train].astype(str), n_labels=24, alphas=ALPHAS,
                                 inner_folds=3))  # fmt: skip
    problem = Problem(folds, np.eye(3)[kind], np.eye(3), kind, np.arange(24), runs.astype(str),
                      [(np.arange(3), np.arange(24))], two_way=False)  # fmt: skip
    order = permutations(problem.exchangeable, rng, 5)
    order[0] = np.arange(24)
    for swapped, ours in zip(order, _scores(problem, order), strict=True):
        names = np.array(["a", "b", "c"])[kind[swapped]]
        table = np.zeros((3, 24))
        for run in range(4):
            train = runs != run
            decoder = RidgeDecoder((), ALPHAS, 3).fit(
                X[train], {}, labels=names[train], groups=runs[train].astype(str)
            )
            table[:, ~train] = decoder.predict(X[~train])["label"].T
        expected = top1(table)[kind[swapped], np.arange(24)].mean()
        assert ours == pytest.approx(expected)


def test_p_is_small_for_signal_and_valid_for_noise():
    """Where the largest penalty wins, all is decoded alike, scores tie at .5 and p is too large."""
    rng = np.random.default_rng(3)
    assert refit_p(problem_of(*world(1.0)), rng, 199) == pytest.approx(1 / 200)
    p = [refit_p(problem_of(*world(0.0, seed)), rng, 39) for seed in range(150)]
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.09
    p = [refit_p(problem_of(*world(0.0, seed), (10.0,)), rng, 39) for seed in range(150)]
    assert 0.015 < np.mean(np.array(p) <= 0.05) < 0.1
    assert 0.43 < np.mean(p) < 0.57
