"""The loop: calibration, decoder, control, the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import BIN, Fixed, Linear, world

from neurodecode.errors import ConfigError
from neurodecode.online.closed_loop import control, observe
from neurodecode.online.tasks import RandomTarget
from neurodecode.simulate.neurons import Drift


def whole_session(seed=1, **more):
    loop = world(seed, **more)
    block = observe(loop, 60)
    return control(loop, Linear(block), 60)


def test_calibration_moves_the_cursor_to_every_target():
    loop = world()
    block = observe(loop, 60)
    assert block.counts.shape == (1200, 60)
    assert block.times[[0, -1]] == pytest.approx([0.05, 60])
    assert len({tuple(t) for t in block.targets.round(6)}) == 8
    assert block.holding.any()
    assert not loop.session.trials


def test_counts_of_the_calibration_block_tell_the_velocity():
    block = observe(world(), 60)
    y = block.counts - block.counts.mean(axis=0)

    def unexplained(velocities):
        fitted = y @ np.linalg.lstsq(y, velocities, rcond=None)[0]
        return np.var(velocities - fitted) / np.var(velocities)

    assert unexplained(block.velocities) < 0.65
    assert unexplained(np.random.default_rng(0).permutation(block.velocities)) > 0.9


def test_a_fitted_decoder_reaches_targets_and_one_without_a_signal_does_not():
    run = whole_session()
    assert run.scores.success > 0.8
    assert run.scores.bit_rate > 0.5
    loop = world()
    block = observe(loop, 60)
    shuffled = np.random.default_rng(0).permutation(block.velocities)
    decoder = Linear(type(block)(**{**vars(block), "velocities": shuffled}))
    assert control(loop, decoder, 60).scores.success < 0.3


def test_the_same_seed_is_the_same_session():
    one, two, other = whole_session(1), whole_session(1), whole_session(2)
    assert one.trials == two.trials
    np.testing.assert_array_equal(one.block.counts, two.block.counts)
    assert one.trials != other.trials


def test_drift_makes_control_worse():
    drift = Drift(baseline=0.5, turn=1.0, loss=0.3)
    assert whole_session(drift=drift).scores.bit_rate < whole_session().scores.bit_rate / 2


def test_adaptation_sees_the_bins_since_the_last_call_and_hands_over_the_decoder():
    loop = world(task=RandomTarget())
    seen = []

    def adapt(block):
        seen.append((block.times[0], block.times[-1]))
        return Fixed([0.1 * len(seen), 0])

    run = control(loop, Fixed([0, 0]), 10, adapt=adapt, every=4)
    np.testing.assert_allclose(seen, [(0.05, 4), (4.05, 8)])
    speeds = run.block.velocities[:, 0]
    np.testing.assert_allclose(speeds[[79, 80, 159, 160, 199]], [0, 0.1, 0.1, 0.2, 0.2])


@settings(max_examples=50, deadline=None)
@given(st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True)))
def test_whatever_is_decoded_the_cursor_stays_inside_and_below_its_top_speed(mean):
    loop = world(task=RandomTarget())
    for _ in range(20):
        before = loop.cursor
        frame = loop.control(Fixed(mean))
        assert np.abs(loop.cursor).max() <= 1
        assert np.hypot(*frame.velocity) <= 2.0 * (1 + 1e-12)
        assert np.hypot(*(loop.cursor - before)) <= 2.0 * BIN * (1 + 1e-12)


def test_impossible_loops_are_refused():
    with pytest.raises(ConfigError, match="at least one bin"):
        observe(world(), 0.01)
