"""A live session on a clock moved by hand: it calibrates, obeys, exchanges decoders, counts."""

from concurrent.futures import Executor, Future

import numpy as np
import pytest
from small_world import Linear, world

from neurodecode.online.clock import VirtualClock
from neurodecode.online.closed_loop import control, observe
from neurodecode.online.dashboard.messages import Order, encode
from neurodecode.online.live import LiveSession
from neurodecode.online.user import HandUser


class Screen:
    """Keeps what it is shown and gives the orders that a test sets."""

    def __init__(self, room=10**6):
        self.shown, self.waiting, self.room = [], [], room

    def show(self, message):
        encode(message)  # whatever is shown must fit the page
        self.shown.append(message)
        return len(self.shown) <= self.room

    def orders(self):
        orders, self.waiting = self.waiting, []
        return orders

    def bins(self):
        return [message["bin"] for message in self.shown if "bin" in message]

    def events(self):
        return [message["event"] for message in self.shown if "event" in message]


class Later(Executor):
    """Work that is done when the test says so."""

    def __init__(self):
        self.work = []

    def submit(self, fn, *args):
        future = Future()
        self.work.append(lambda: future.set_result(fn(*args)))
        return future


def session(screen=None, beside=None, calibration=20.0):
    fits = {"linear": Linear, "other": Linear}
    clock = VirtualClock()
    return LiveSession(world(), fits, "linear", calibration, clock, screen, beside)


def ticks(live, n):
    for _ in range(n):
        live.tick()


def test_a_session_is_the_closed_loop_with_the_same_figures():
    live = session(calibration=60.0)
    scores = live.run(30)
    loop = world()
    run = control(loop, Linear(observe(loop, 60)), 30)
    assert tuple(live.trials) == run.trials
    assert scores == run.scores
    assert live.clock.now() == pytest.approx(90, abs=0.1)
    assert live.phase == "ended"


def test_the_screen_sees_every_bin_and_losing_some_is_counted():
    screen = Screen()
    session(screen).run(5)
    shown = screen.bins()
    assert [b["number"] for b in shown] == list(range(1, len(shown) + 1))
    assert [b["phase"] for b in shown[:399]] == ["calibrating"] * 399
    assert shown[-1]["phase"] == "control"
    assert shown[-1]["latency"] > 0
    crowded = session(Screen(room=100))
    crowded.run(5)
    assert crowded.unseen > 400


def test_a_pause_stands_still_and_goes_on():
    screen = Screen()
    live = session(screen)
    ticks(live, 410)
    screen.waiting = [Order("pause")]
    live.tick()
    place, time = live.loop.cursor, live.loop.time
    ticks(live, 20)
    np.testing.assert_array_equal(live.loop.cursor, place)
    assert live.loop.time == time
    screen.waiting = [Order("resume")]
    live.tick()
    assert live.loop.time > time


def test_the_old_decoder_goes_on_until_the_new_one_is_fitted():
    screen, beside = Screen(), Later()
    live = session(screen, beside)
    ticks(live, 450)
    assert live.phase == "fitting"
    beside.work.pop()()
    ticks(live, 10)
    assert live.phase == "control"
    first = live._decoder
    screen.waiting = [Order("swap", name="other")]
    ticks(live, 10)
    assert live._decoder is first
    assert live.phase == "control"
    beside.work.pop()()
    live.tick()
    assert live._decoder is not first
    assert live.chosen == "other"
    assert screen.events()[-1] == "Decoder other is in control."


def test_recalibration_begins_again():
    screen = Screen()
    live = session(screen)
    ticks(live, 420)
    screen.waiting = [Order("recalibrate")]
    live.tick()
    assert live.phase == "calibrating"
    ticks(live, 400)
    assert live.phase == "control"


def test_orders_that_cannot_be_followed_change_nothing():
    screen = Screen()
    live = session(screen)
    screen.waiting = [Order("swap", name="other"), Order("pause"), Order("resume"), Order("alive")]
    live.tick()
    assert live.phase == "calibrating"
    ticks(live, 410)
    screen.waiting = [Order("swap", name="unknown")]
    live.tick()
    assert live.chosen == "linear"
    screen.waiting = [Order("stop")]
    live.tick()
    assert live.stopped


def test_a_person_takes_over_and_lets_go():
    screen = Screen()
    live = session(screen)
    simulated = live.loop.user
    screen.waiting = [Order("point", at=(0.5, 0.25))]
    live.tick()
    assert isinstance(live.loop.user, HandUser)
    np.testing.assert_array_equal(live.loop.user.goal, [0.5, 0.25])
    assert screen.bins()[-1]["hand"]
    screen.waiting = [Order("let_go")]
    live.tick()
    assert live.loop.user is simulated


def test_a_silent_unit_is_shown_as_bad():
    screen = Screen()
    live = session(screen)
    live.loop.neurons.baselines[3] = live.loop.neurons.depths[3] = -1e3
    ticks(live, 250)
    assert screen.bins()[-1]["bad"] == ["3"]
