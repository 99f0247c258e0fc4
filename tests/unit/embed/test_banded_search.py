"""Mixtures of bands: the joined ridge is among them, and noise does not choose its own."""

import numpy as np
import pytest
from scipy.linalg import solve
from sklearn.model_selection import KFold

from neurodecode.embed.banded_search import mixtures, search, shared_mixture

SPLITS = list(KFold(4).split(np.zeros(120)))


def bands(sizes, n=120, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(n, d)) / np.sqrt(d)).astype(np.float32) for d in sizes]


@pytest.mark.parametrize("sizes", [(10, 30), (40, 200)])
def test_ridge_on_the_joined_features_is_the_first_that_is_tried(sizes):
    X = bands(sizes)
    Y = np.random.default_rng(1).normal(size=(120, 3)).astype(np.float32)
    Y -= Y.mean(axis=0)
    tried = mixtures(sizes, 0, 1)[:1]
    coef, mixture, alpha = search(X, Y, SPLITS, np.array([3.0]), tried)
    # Features of unit variance, all under one penalty, divided by the root of their number.
    joined = np.concatenate([x * np.sqrt(d) for x, d in zip(X, sizes, strict=True)], axis=1)
    joined = joined / np.sqrt(sum(sizes))
    centred = joined - joined.mean(axis=0)
    weights = solve(centred.T @ centred + 3 * np.eye(sum(sizes)), centred.T @ Y)
    found = sum(x @ part for x, part in zip(X, coef, strict=True))
    np.testing.assert_allclose(found - found.mean(axis=0), centred @ weights, atol=1e-4)
    np.testing.assert_allclose(mixture[:, 0], np.array(sizes) / sum(sizes), atol=1e-6)
    np.testing.assert_allclose(alpha, 3, rtol=1e-5)


def test_mixtures_add_up_and_hold_the_corners():
    tried = mixtures((5, 10, 15), 20, 1)
    assert tried.shape == (25, 3)
    np.testing.assert_allclose(tried.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(tried[0], [1 / 6, 1 / 3, 1 / 2], atol=1e-5)
    np.testing.assert_allclose(tried[1], 1 / 3, atol=1e-5)
    np.testing.assert_allclose(tried[2:5], np.eye(3), atol=1e-5)
    assert mixtures((5,), 20, 1).tolist() == [[1.0]]


def test_a_unit_keeps_its_own_mixture_where_it_is_clearly_better():
    errors = np.ones((6, 50)) - 0.001 * np.random.default_rng(0).random((6, 50))
    errors[2] -= 0.03  # a little better for all
    errors[4, :3] = 0.7  # much better for three
    shared, shares = shared_mixture(errors, 200)
    assert shared == 2
    assert shares.tolist() == [False] * 3 + [True] * 47


def test_the_choice_of_one_unit_is_its_own_best():
    errors = np.array([[0.9], [0.8], [1.0]])
    shared, shares = shared_mixture(errors, 100)
    assert (shared, shares.tolist()) == (1, [True])


def test_noise_shares_a_mixture_and_signal_does_not():
    sizes = (30, 60)
    X = bands(sizes, seed=3)
    rng = np.random.default_rng(4)
    Y = rng.normal(size=(120, 40))
    for unit in range(4):  # half of them answer to the first band, half to the other
        Y[:, unit] = 3 * X[unit % 2] @ rng.normal(size=sizes[unit % 2]) + 0.1 * Y[:, unit]
    Y = (Y - Y.mean(axis=0)).astype(np.float32)
    coef, mixture, _ = search(X, Y, SPLITS, np.array([0.1, 1, 10, 100.0]), mixtures(sizes, 10, 1))
    assert (mixture[0, [0, 2]] > 0.9).all()
    assert (mixture[1, [1, 3]] > 0.9).all()
    assert len(np.unique(mixture[0, 4:].round(5))) < 5
    assert [part.shape for part in coef] == [(30, 40), (60, 40)]
