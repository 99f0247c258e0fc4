"""Intervals cover, p-values are uniform under the null and count as stated."""

import numpy as np
import pytest

from neurodecode.evaluate.inference import estimate, interval, permutation_p, permutations


def test_permutations_stay_within_groups():
    groups = np.array(list("aabbbc"))
    order = permutations(groups, np.random.default_rng(0), 200)
    assert (groups[order] == groups).all()
    assert (np.sort(order, axis=1) == np.arange(6)).all()
    assert len(np.unique(order, axis=0)) == 12  # 2! * 3!


def test_p_counts_permutations_at_least_as_good():
    table = np.array([[1.0, 0.0], [0.0, 1.0]])
    truth = np.array([0, 1])
    order = np.array([[0, 1], [1, 0], [1, 0]])
    assert permutation_p(table, truth, order) == pytest.approx((1 + 1) / (1 + 3))
    assert permutation_p(table, 1 - truth, order) == 1


def test_p_is_uniform_under_the_null():
    rng = np.random.default_rng(0)
    truth, groups = np.tile(np.arange(4), 5), np.repeat(np.arange(5), 4).astype(str)
    order = permutations(groups, rng, 199)
    p = np.array([permutation_p(rng.random((4, 20)), truth, order) for _ in range(1000)])
    rejected = (p <= 0.05).mean()
    assert 0.05 - 3 * np.sqrt(0.05 * 0.95 / 1000) < rejected < 0.05 + 3 * np.sqrt(0.0475 / 1000)


def test_interval_covers_the_mean_and_widens_with_groups():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        items = rng.normal(0.6, 0.2, 60)
        low, high = interval(items, np.arange(60).astype(str), rng, 400)
        covered += low <= 0.6 <= high
    assert 0.88 <= covered / 200 <= 0.99
    shared = np.repeat(rng.normal(size=10), 6)
    alone = interval(shared, np.arange(60).astype(str), rng, 2000)
    grouped = interval(shared, np.repeat(np.arange(10), 6).astype(str), rng, 2000)
    assert np.ptp(grouped) > 1.5 * np.ptp(alone)


def test_estimate_reads_the_table_at_the_truth():
    table = np.array([[0.2, 0.9], [0.7, 0.1]])
    rng = np.random.default_rng(0)
    groups = np.array(["0", "1"])
    result = estimate(table, np.array([1, 0]), groups, np.array([[0, 1]]), rng, 100)
    np.testing.assert_array_equal(result.items, [0.7, 0.9])
    assert result.value == pytest.approx(0.8)
    assert result.ci_low >= 0.7
    assert result.ci_high <= 0.9
