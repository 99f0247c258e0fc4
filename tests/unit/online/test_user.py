"""Whoever moves the cursor: late eyes, noise, learning, and a hand that points."""

import numpy as np
import pytest

from neurodecode.errors import ConfigError
from neurodecode.online.tasks import Target
from neurodecode.online.user import HandUser, SimulatedUser, UserSettings, toward

BIN = 0.05
TARGET = Target(0.8, 0.0, 0.1)
CALM = {"noise": 0.0, "jitter": 0.0}


def steer(user, n_bins, turn=0.0, bias=0.0, target=TARGET):
    """Let the user move a cursor that obeys, turned and pushed; returns its way."""
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    cursor, way = np.zeros(2), []
    for _ in range(n_bins):
        velocity = rotation @ user.intend(cursor, target) + [0, bias]
        cursor = cursor + BIN * velocity
        way.append(cursor)
    return np.array(way)


def test_toward_slows_down_near_the_goal_and_has_a_top_speed():
    np.testing.assert_allclose(toward(np.zeros(2), np.array([0.1, 0]), 3, 1), [0.3, 0])
    np.testing.assert_allclose(toward(np.zeros(2), np.array([3.0, 4.0]), 3, 1), [0.6, 0.8])
    np.testing.assert_array_equal(toward(np.ones(2), np.ones(2), 3, 1), [0, 0])


@pytest.mark.parametrize("delay", [0.0, 0.15, 0.4])
def test_a_calm_user_with_a_true_forward_model_goes_straight_and_stops(delay):
    way = steer(SimulatedUser(UserSettings(delay=delay, **CALM), BIN, 1), 100)
    assert abs(way[:, 1]).max() < 1e-12
    assert (np.diff(way[:, 0]) > -1e-12).all()  # no overshoot
    assert way[-1] == pytest.approx(TARGET.centre, abs=1e-3)


def test_they_see_late():
    """A push that the cursor gets shows in the intent after the delay, not before."""
    calm = UserSettings(delay=0.2, **CALM)
    plain, pushed = SimulatedUser(calm, BIN, 1), SimulatedUser(calm, BIN, 1)
    seen = np.zeros(2)
    changed = []
    for i in range(12):
        moved = seen + ([0, 0.1] if i >= 5 else [0, 0])
        same = np.allclose(plain.intend(seen, TARGET), pushed.intend(moved, TARGET))
        changed.append(not same)
    assert changed.index(True) == 5 + 4


def test_noise_grows_with_speed():
    def spread(target):
        user = SimulatedUser(UserSettings(delay=0, jitter=0.01), BIN, 1)
        return np.std([user.intend(np.zeros(2), target) for _ in range(500)], axis=0).mean()

    assert spread(Target(0, 0, 0.1)) == pytest.approx(0.01, rel=0.1)
    assert spread(TARGET) == pytest.approx(np.hypot(0.01, 0.2), rel=0.1)


def test_learning_makes_up_for_a_turned_cursor():
    learner = SimulatedUser(UserSettings(learning=0.5, **CALM), BIN, 1)
    other = SimulatedUser(UserSettings(**CALM), BIN, 1)
    targets = [Target(x, y, 0.1) for x, y in [(1, 0), (0, 1), (-1, 0), (0, -1)] * 10]
    for target in targets:
        steer(learner, 40, turn=0.6, target=target)
        steer(other, 40, turn=0.6, target=target)
    assert learner.turn == pytest.approx(0.6, abs=0.1)
    assert other.turn == 0


def test_the_same_seed_is_the_same_person():
    one, two, three = (SimulatedUser(UserSettings(), BIN, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(steer(one, 20), steer(two, 20))
    assert not np.allclose(steer(one, 5), steer(three, 5))


def test_a_cursor_that_is_put_back_is_seen_at_once():
    user = SimulatedUser(UserSettings(delay=0.3, **CALM), BIN, 1)
    steer(user, 60)
    wish = user.intend(np.zeros(2), Target(-0.8, 0.0, 0.1))
    np.testing.assert_allclose(wish, [-1, 0])


def test_a_hand_pulls_the_cursor_to_where_it_points():
    hand = HandUser()
    hand.goal = np.array([0.5, -0.5])
    np.testing.assert_allclose(steer(hand, 100)[-1], hand.goal, atol=1e-4)


@pytest.mark.parametrize("wrong", [{"delay": -1}, {"gain": 0}, {"top_speed": 0}, {"noise": -0.1}])
def test_impossible_people_are_refused(wrong):
    with pytest.raises(ConfigError, match="of a user must"):
        UserSettings(**wrong)
