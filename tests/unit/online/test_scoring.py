"""Errors of a trajectory: closed forms, intervals by blocks, p by shifts in time."""

import numpy as np
import pytest

from neurodecode.errors import DataError
from neurodecode.online.scoring import Segment, angular_error, nrmse, shifted_p


def smooth(rng, n=1000, d=2):
    """A random walk that is pulled back: neighbours are alike."""
    found = np.zeros((n, d))
    for t in range(1, n):
        found[t] = 0.9 * found[t - 1] + rng.normal(size=d)
    return found


def segment(truth, block=50, n=2000):
    return Segment(truth, block, n, np.random.default_rng(1))


def test_errors_in_closed_form():
    truth = np.array([[1.0, 0], [0, 2], [-3, 0]])
    assert nrmse(truth, truth) == 0
    assert nrmse(0 * truth, truth) == pytest.approx(1)
    assert nrmse(1.5 * truth, truth) == pytest.approx(0.5)
    turned = truth @ np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
    assert angular_error(turned, truth) == pytest.approx(0.3)
    assert angular_error(-truth, truth) == pytest.approx(np.pi)


def test_an_interval_holds_its_value_and_a_constant_share_has_none():
    rng = np.random.default_rng(0)
    truth = smooth(rng)
    of = segment(truth)
    noisy = of.nrmse(truth + smooth(rng))
    assert noisy.low < noisy.value < noisy.high
    assert noisy.value == pytest.approx(nrmse(truth + smooth(np.random.default_rng(0)), truth), 0.5)
    half = of.nrmse(0.5 * truth)
    assert (half.value, half.low, half.high) == pytest.approx((0.5, 0.5, 0.5))
    gain = of.gain(0.75 * truth, 0.5 * truth)
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.5, 0.5, 0.5))


def test_blocks_widen_the_interval_where_neighbours_are_alike():
    rng = np.random.default_rng(2)
    truth, decoded = smooth(rng, 4000), smooth(rng, 4000)
    single, blocks = (segment(truth, block).nrmse(decoded) for block in (1, 100))
    assert blocks.high - blocks.low > 1.5 * (single.high - single.low)


def test_intervals_cover_the_long_run_error():
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = smooth(rng)
        found = segment(truth, n=400).nrmse(truth + smooth(rng))
        hits += found.low <= 1.0 <= found.high
    assert hits >= 48  # 20 blocks: a percentile interval covers a little less than 95 %


def test_p_is_even_without_relation_and_small_with_one():
    rng = np.random.default_rng(3)
    found = [shifted_p(smooth(rng, 300), smooth(rng, 300), 20) for _ in range(100)]
    assert np.mean(np.array(found) < 0.05) <= 0.12
    assert 0.35 < np.mean(found) < 0.65
    truth = smooth(rng)
    assert shifted_p(truth + 2 * smooth(rng), truth, 50) == pytest.approx(1 / 902)


def test_what_cannot_be_scored_is_said():
    with pytest.raises(DataError, match="less than 5 blocks"):
        segment(np.ones((100, 2)), block=30)
    with pytest.raises(DataError, match="nothing moves"):
        segment(np.zeros((300, 2)))
