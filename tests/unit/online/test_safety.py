"""Safety: no sequence of inputs moves the output outside its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from neurodecode.errors import ConfigError
from neurodecode.online.safety import Safety, worst
from neurodecode.online.settings import SafetySettings

ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
LIMITS = SafetySettings(low=(-1.0, -0.5), high=(2.0, 0.5), top_speed=1.5, longest_step=0.2)


def inputs():
    step = st.tuples(
        st.tuples(ANY, ANY),
        ANY,
        st.sampled_from(["go", "hold", "decay", "pause"]),
        st.integers(0, 5),
    )
    return st.lists(step, max_size=30)


def act(safety, number, value):
    """What an operator may do between two outputs."""
    if number == 0:
        safety.pause()
    elif number == 1:
        safety.resume()
    elif number == 2:
        safety.alive(value)


@given(inputs(), st.sampled_from([None, 0.3]))
@settings(max_examples=150, deadline=None)
def test_no_sequence_of_inputs_leaves_the_limits(sequence, dead_man):
    safety = Safety(LIMITS.model_copy(update={"dead_man": dead_man}))
    before = safety.position
    for velocity, time, action, number in sequence:
        act(safety, number, time)
        command = safety.step(np.array(velocity), time, action)
        assert np.isfinite(command.velocity).all()
        assert np.linalg.norm(command.velocity) <= LIMITS.top_speed * (1 + 1e-12)
        assert (command.position >= LIMITS.low).all()
        assert (command.position <= LIMITS.high).all()
        moved = np.linalg.norm(command.position - before)
        assert moved <= LIMITS.top_speed * LIMITS.longest_step * (1 + 1e-9)
        before = command.position


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=10))
@settings(max_examples=50, deadline=None)
def test_a_pause_lasts_whatever_comes(velocities):
    safety = Safety(LIMITS)
    safety.step(np.array([1.0, 0.0]), 0.0)
    safety.step(np.array([1.0, 0.0]), 0.1, "pause")
    there = safety.position
    for i, velocity in enumerate(velocities):
        command = safety.step(np.array(velocity), 0.2 + i)
        assert command.action == "pause"
        assert not command.velocity.any()
    np.testing.assert_array_equal(safety.position, there)
    safety.resume()
    assert safety.step(np.array([0.5, 0.0]), 99.0).velocity[0] == 0.5


def test_within_the_limits_nothing_is_changed():
    safety = Safety(LIMITS)
    safety.step(np.array([0.0, 0.0]), 1.0)
    command = safety.step(np.array([0.6, -0.8]), 1.1)
    np.testing.assert_array_equal(command.velocity, [0.6, -0.8])
    np.testing.assert_allclose(command.position, [0.5 + 0.06, -0.08])
    assert command.limited == ()


@pytest.mark.parametrize("scale", [2.0, 1e200, 1e308])
def test_the_clamp_keeps_the_direction(scale):
    command = Safety(LIMITS).step(scale * np.array([0.6, -0.8]), 0.0)
    np.testing.assert_allclose(command.velocity, [0.9, -1.2])
    assert command.limited == ("speed",)


def test_each_wall_stops_at_its_own_side():
    for i, wall in ((0, 2.0), (1, 0.5)):
        for sign in (1, -1):
            safety = Safety(LIMITS)
            push = np.zeros(2)
            push[i] = sign * 1.5
            for k in range(40):
                command = safety.step(push, 0.1 * k)
            assert command.position[i] == (wall if sign > 0 else LIMITS.low[i])
            assert "box" in command.limited


def test_nan_holds_and_old_data_fade_to_zero():
    safety = Safety(LIMITS)
    safety.step(np.array([1.0, 0.0]), 0.0)
    held = safety.step(np.array([np.nan, 0.0]), 0.1)
    assert held.velocity[0] == 1.0
    assert (held.action, held.limited) == ("hold", ("nan",))
    faded = safety.step(np.array([5.0, 5.0]), 0.2, "decay")
    np.testing.assert_allclose(faded.velocity, [np.exp(-1), 0])


def test_time_that_runs_backwards_moves_nothing():
    safety = Safety(LIMITS)
    safety.step(np.array([1.0, 0.0]), 10.0)
    there = safety.position
    for time in (9.0, 9.0, np.nan, -np.inf):
        np.testing.assert_array_equal(safety.step(np.array([1.0, 0.0]), time).position, there)


def test_the_dead_man_key_lets_go():
    safety = Safety(LIMITS.model_copy(update={"dead_man": 0.5}))
    assert not safety.step(np.array([1.0, 0.0]), 0.0).velocity.any()
    safety.alive(0.05)
    assert safety.step(np.array([1.0, 0.0]), 0.1).velocity[0] == 1.0
    released = [safety.step(np.array([1.0, 0.0]), 0.1 * k) for k in range(6, 12)]
    assert released[0].limited == ("dead_man",)
    assert released[-1].velocity[0] < 0.01


def test_place_only_inside_the_box():
    safety = Safety(LIMITS)
    safety.place(np.array([1.0, 0.2]))
    np.testing.assert_array_equal(safety.position, [1.0, 0.2])
    for wrong in ([3.0, 0.0], [np.nan, 0.0], [0.0]):
        with pytest.raises(ConfigError, match="box"):
            safety.place(np.array(wrong))


def test_wrong_shapes_are_said():
    with pytest.raises(ConfigError, match=r"2 directions, got shape \(3,\)"):
        Safety(LIMITS).step(np.zeros(3), 0.0)
    with pytest.raises(ValidationError, match="low must lie below high"):
        SafetySettings(low=(1.0,), high=(0.0,))


def test_the_most_careful_wins():
    assert worst([]) == "go"
    assert worst(["decay", "hold"]) == "decay"
    assert worst(["hold", "pause", "decay"]) == "pause"
