"""Spread of samples against brute force and its two extremes."""

import numpy as np
import pytest

from neurodecode.evaluate.samples import spread, spread_estimate


def test_spread_is_the_ratio_of_mean_squared_distances():
    rows = np.random.default_rng(0).normal(size=(4, 3, 5))
    rows[:, :, 0] += np.arange(4)[:, None]

    def mean_square(pairs):
        return np.mean([np.square(a - b).sum() for a, b in pairs])

    between = mean_square(
        (rows[i, s], rows[j, t])
        for i in range(4) for j in range(4) if i != j for s in range(3) for t in range(3)
    )  # fmt: skip
    for i in range(4):
        within = mean_square((rows[i, s], rows[i, t]) for s in range(3) for t in range(3) if s != t)
        assert spread(rows.astype(np.float32))[i] == pytest.approx(within / between, rel=1e-5)


def test_samples_that_ignore_the_brain_have_spread_one_and_equal_ones_none():
    rng = np.random.default_rng(1)
    free = rng.normal(size=(200, 4, 10)).astype(np.float32)
    estimate = spread_estimate(free, np.arange(200).astype(str), rng, 200)
    assert estimate.value == pytest.approx(1, abs=0.05)
    assert estimate.ci_low < 1 < estimate.ci_high
    assert np.isnan(estimate.p)
    assert spread(np.repeat(free[:, :1], 4, axis=1)).max() == 0
    assert spread(np.zeros((3, 2, 4), np.float32)).tolist() == [0, 0, 0]
