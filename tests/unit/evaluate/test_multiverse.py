"""The median over specifications is tested as one score is, and the measure is named exactly."""

import numpy as np
import pytest

from neurodecode.errors import ConfigError
from neurodecode.evaluate.inference import permutation_p, relabellings
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.multiverse import choose_measure, median_p


def problem(seed, n=12):
    rng = np.random.default_rng(seed)
    order = relabellings(np.arange(n).astype(str), rng, 499)
    return rng.normal(size=(n, n)), np.arange(n), order


def test_of_one_specification_it_is_the_permutation_p():
    for seed in range(5):
        table, truth, order = problem(seed)
        assert median_p([table], truth, order) == permutation_p(table, truth, order)


def test_copies_of_one_specification_are_no_more_evidence_than_one():
    table, truth, order = problem(0)
    table += 0.5 * np.eye(len(table))
    assert median_p([table] * 7, truth, order) == median_p([table], truth, order)


def test_specifications_of_pure_noise_are_seldom_significant_together():
    p = []
    for seed in range(200):
        table, truth, order = problem(seed)
        others = np.random.default_rng([seed, 1]).normal(size=(4, *table.shape))
        p.append(median_p([*(0.7 * table + others)], truth, order))
    assert np.mean(np.array(p) <= 0.05) < 0.09  # 200 worlds: nominal .05, SD .015
    assert 0.4 < np.mean(p) < 0.6


def test_a_measure_is_named_by_metric_and_extractor():
    table = np.zeros((2, 2))
    measures = [Measure("ssim", "pixels", table, 0.5), Measure("two_way_x", "a@1", table, 0.5),
                Measure("two_way_x", "b@1", table, 0.5)]  # fmt: skip
    assert choose_measure(measures, "ssim", "", "s") is measures[0]
    assert choose_measure(measures, "two_way_x", "b", "s") is measures[2]
    with pytest.raises(ConfigError, match="has several: a@1, b@1"):
        choose_measure(measures, "two_way_x", "", "s")
    with pytest.raises(ConfigError, match="its scores are ssim, two_way_x"):
        choose_measure(measures, "accuracy_8way", "", "s")
