"""Figures of cursor control, against trials worked out by hand."""

import math

import pytest

from neurodecode.online.metrics import bit_rate, difficulty, path_efficiency, score, throughput
from neurodecode.online.tasks import Target, Trial

FAR = Target(0.6, 0.0, 0.1)  # 0.6 away, 0.2 wide: log2(0.6 / 0.2 + 1) = 2 bits


def trial(outcome, start, reached, end, path=1.0, target=FAR):
    return Trial(target, (0.0, 0.0), (0.6, 0.0), start, reached, end, path, outcome)


TRIALS = [
    trial("hit", 0.0, 1.0, 1.5, path=0.5),
    trial("hit", 1.5, 3.5, 4.0, path=1.0),
    trial("wrong", 4.0, 5.0, 5.5),
    trial("timeout", 5.5, 13.5, 13.5, path=9.0),
]


def test_difficulty_is_fitts_in_shannons_form():
    assert difficulty(0.6, 0.2) == pytest.approx(2)
    assert difficulty(0, 1) == 0


def test_throughput_counts_bits_of_hits_and_time_of_all():
    assert throughput(TRIALS[:2]) == pytest.approx(4 / 3)
    assert throughput(TRIALS) == pytest.approx(4 / (1 + 2 + 1 + 8))
    assert math.isnan(throughput([]))


def test_bit_rate_by_hand():
    assert bit_rate(9, 10, 4, 6.0) == pytest.approx(3.0)  # log2 8 = 3 bits, 6 net in 6 s
    assert bit_rate(9, 4, 10, 6.0) == 0
    assert math.isnan(bit_rate(0, 4, 1, 6.0))


def test_path_efficiency_by_hand():
    assert path_efficiency(TRIALS[0]) == pytest.approx(1.0)
    assert path_efficiency(TRIALS[1]) == pytest.approx(0.5)
    near = Target(0.05, 0.0, 0.1)  # the cursor is on it already
    assert path_efficiency(trial("hit", 0, 0, 0.5, path=0.0, target=near)) == 1


def test_a_run_of_trials_by_hand():
    scores = score(TRIALS, n_keys=9, timeout=8.0)
    assert (scores.n_trials, scores.n_hits, scores.n_wrong, scores.n_timeouts) == (4, 2, 1, 1)
    assert scores.success == 0.5
    assert scores.bit_rate == pytest.approx(3 * (2 - 1) / 13.5)
    assert scores.path_efficiency == pytest.approx(0.75)
    assert scores.time_to_target == pytest.approx((1 + 2 + 8 + 8) / 4)


def test_nothing_to_score_is_nan_not_zero():
    scores = score([], n_keys=8, timeout=8.0)
    assert scores.n_trials == 0
    assert math.isnan(scores.success)
    assert math.isnan(scores.time_to_target)
