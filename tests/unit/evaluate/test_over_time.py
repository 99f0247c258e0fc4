"""Scores over time against scikit-learn and counting; clusters against what was put in."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from neurodecode.evaluate.cluster_permutation import cluster_test
from neurodecode.evaluate.tables import correlations, wins
from neurodecode.evaluate.timed_scores import Accuracy, TwoWay, bootstrap, two_way_table


def test_accuracy_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [30, 12, 5])
    predicted = rng.integers(0, 3, size=(4, 4, len(truth))).astype(np.int16)
    score = Accuracy(predicted, truth)
    expected = [[balanced_accuracy_score(truth, p) for p in row] for row in predicted]
    np.testing.assert_allclose(score.at(truth), expected)
    np.testing.assert_allclose(score.items().sum(axis=0), np.diag(expected))
    assert score.name == "accuracy_3way"
    assert score.chance == pytest.approx(1 / 3)


def test_two_way_is_that_of_the_tables():
    rng = np.random.default_rng(1)
    folds, expected = [], np.zeros((2, 2))
    for n in (6, 9):
        real = rng.normal(size=(n, 20)).astype(np.float32)
        parts = []
        for s in range(2):
            decoded = (real[:, None] + rng.normal(size=(n, 2, 20))).astype(np.float32)
            parts.append(two_way_table(decoded, real))
            for t in range(2):
                expected[s, t] += np.diag(wins(correlations(real, decoded[:, t]))).sum() / 15
        folds.append(np.stack(parts))
    score = TwoWay(folds)
    np.testing.assert_allclose(score.at(score.truth), expected, rtol=1e-6)
    np.testing.assert_allclose(score.items().sum(axis=0), np.diag(expected), rtol=1e-6)
    wrong = np.concatenate([np.roll(np.arange(6), 1), np.roll(np.arange(9), 1)])
    assert score.at(wrong).mean() < 0.55 < 0.8 < score.at(score.truth).mean()


def test_the_interval_is_that_of_a_binomial():
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], 200)
    right = rng.random((1, 1, 400)) < 0.7
    score = Accuracy(np.where(right, truth, 1 - truth).astype(np.int16), truth)
    low, high = bootstrap(score, rng, 4000)
    value, error = float(score.at(truth)[0, 0]), 1.96 * np.sqrt(0.7 * 0.3 / 400)
    assert low[0] == pytest.approx(value - error, abs=0.008)
    assert high[0] == pytest.approx(value + error, abs=0.008)


def noise(n_maps, n_times, rng):
    """Maps whose neighbours are alike, as scores of overlapping windows are."""
    white = rng.normal(size=(n_maps, n_times + 4))
    return np.stack([white[:, k : k + n_times] for k in range(5)]).mean(axis=0)


def test_a_cluster_is_found_where_it_is_and_p_of_a_cell_is_counted():
    rng = np.random.default_rng(3)
    permuted, observed = noise(499, 40, rng), noise(1, 40, rng)[0]
    observed[20:30] += 2.0
    found = cluster_test(observed, permuted)
    counted = [(1 + (permuted[:, t] >= observed[t]).sum()) / 500 for t in range(40)]
    np.testing.assert_allclose(found.p, counted)
    assert (found.p_cluster[21:29] == 1 / 500).all()
    assert (found.p_cluster[:15] > 0.05).all()


def test_noise_has_a_cluster_as_often_as_is_said():
    """Of 300 maps of noise, at most 5 % and some have a cluster of p <= .05 anywhere."""
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng([9, seed])
        hits += cluster_test(noise(1, 20, rng)[0], noise(99, 20, rng)).p_cluster.min() <= 0.05
    assert 4 <= hits <= 26  # .05 x 300 = 15; outside lie 1 in 500


def test_clusters_of_a_matrix_are_told_apart():
    rng = np.random.default_rng(5)
    observed, permuted = rng.normal(size=(12, 12)), rng.normal(size=(299, 12, 12))
    observed[1:5, 1:5] += 4
    observed[9, 9] += 4
    found = cluster_test(observed, permuted)
    assert found.p_cluster[2, 2] <= 1 / 300 + 1e-9
    assert 1 / 300 < found.p_cluster[9, 9] < 1
    assert len(np.unique(found.p_cluster[1:5, 1:5])) == 1
    flat = cluster_test(np.zeros((3, 3)), np.zeros((99, 3, 3)))
    assert (flat.p == 1).all()
    assert (flat.p_cluster == 1).all()
