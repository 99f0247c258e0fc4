"""Cursor tasks: what is on show, and when it counts as chosen."""

import itertools

import numpy as np
import pytest

from neurodecode.errors import ConfigError
from neurodecode.online.tasks import TASKS, CentreOut, GridTyping, RandomTarget, Session
from neurodecode.seeds import generator


def first(task, n):
    return list(itertools.islice(task.targets(generator(1, "test")), n))


@pytest.mark.parametrize("task", [kind() for kind in TASKS.values()])
def test_targets_lie_in_the_workspace_and_follow_the_seed(task):
    targets = first(task, 50)
    assert targets == first(task, 50)
    for t in targets:
        assert max(abs(t.x), abs(t.y)) + t.radius <= 1 + 1e-9
    assert all(one != two for one, two in itertools.pairwise(first(GridTyping(3), 200)))


def test_centre_out_shows_every_direction_before_any_again():
    assert set(first(CentreOut(), 8)) == set(CentreOut().keys)


def test_random_targets_are_apart():
    targets = first(RandomTarget(), 100)
    gaps = [np.hypot(a.x - b.x, a.y - b.y) for a, b in itertools.pairwise(targets)]
    assert min(gaps) >= 2 / 3


def test_grid_keys_tile_the_workspace():
    keys = GridTyping(4).keys
    assert len(set(keys)) == 16
    assert {round(k.x, 9) for k in keys} == {-0.75, -0.25, 0.25, 0.75}
    assert {k.radius for k in keys} == {0.25}
    with pytest.raises(ConfigError, match="at least 2 keys"):
        GridTyping(1)


def run(session, places, bin_width=0.1):
    return [session.move(np.array(p), (i + 1) * bin_width) for i, p in enumerate(places)]


def test_a_target_counts_after_the_hold_and_not_before():
    session = Session(RandomTarget(hold=0.5), seed=1)
    target = session.target
    half, on = target.centre / 2, target.centre
    run(session, [half, on, on, on, on, on])  # on it from 0.2 s to 0.6 s
    assert session.trials == []
    assert session.holding
    session.move(on, 0.7)
    (trial,) = session.trials
    assert trial.outcome == "hit"
    assert (trial.start, trial.reached, trial.end) == pytest.approx((0, 0.2, 0.7))
    assert trial.path == pytest.approx(np.hypot(*on))
    assert session.target != target


def test_leaving_a_target_breaks_the_hold():
    session = Session(RandomTarget(hold=0.3), seed=1)
    on, off = session.target.centre, session.target.centre + 2 * session.target.radius
    run(session, [on, on, on, off, on, on, on])
    assert session.trials == []


def test_a_wrong_key_counts_and_the_cursor_goes_back_to_the_centre():
    session = Session(CentreOut(hold=0.2), seed=1)
    wrong = next(key for key in CentreOut().keys if key != session.target)
    places = run(session, [wrong.centre] * 3)
    assert [trial.outcome for trial in session.trials] == ["wrong"]
    np.testing.assert_array_equal(places[-1], [0, 0])
    np.testing.assert_allclose(places[0], wrong.centre)


def test_a_trial_ends_at_its_time_out():
    session = Session(RandomTarget(timeout=1.0), seed=1)
    run(session, [np.zeros(2)] * 10)
    (trial,) = session.trials
    assert trial.outcome == "timeout"
    assert trial.end == trial.reached == pytest.approx(1.0)
