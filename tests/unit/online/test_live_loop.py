"""The live session under a virtual clock: faults, drops, swaps, sinks, where each sample went."""

import os
import signal
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.bins import SpikeCounts
from neurodecode.online.clock import VirtualClock
from neurodecode.online.faults import FaultRates, Faulty
from neurodecode.online.features import Chain
from neurodecode.online.filters import Causal, butterworth
from neurodecode.online.loop import LiveLoop
from neurodecode.online.recorded import Recorded
from neurodecode.online.replay import Replay
from neurodecode.online.safety import Safety
from neurodecode.online.settings import FaultSettings, LoopSettings, SafetySettings
from neurodecode.online.simulated import Simulated
from neurodecode.online.stream import Chunk, Marker, StreamLost

SFREQ, N = 100.0, 3


@dataclass
class Decoded:
    mean: np.ndarray
    cov: np.ndarray


class Linear:
    """The first two features, as a velocity; remembers the last one that was whole."""

    def __init__(self, clock=None, cost=0.0, gain=1.0):
        self.clock, self.cost, self.gain = clock, cost, gain
        self.reset()

    def reset(self):
        self.last = np.zeros(2)

    def step(self, y, t):
        if np.isfinite(y).all():
            self.last = self.gain * y[:2]
        if self.clock is not None:
            self.clock.advance(self.cost)
        return Decoded(self.last, np.eye(2))


class Kept:
    """A sink that keeps everything."""

    def __init__(self):
        self.outputs, self.events, self.chunks, self.state = [], [], [], "new"

    def open(self, about):
        self.about, self.state = about, "open"

    def samples(self, chunk):
        self.chunks.append(chunk)

    def output(self, output):
        self.outputs.append(output)

    def event(self, event):
        self.events.append(event)

    def close(self):
        self.state = "closed"

    def kinds(self):
        return [event.kind for event in self.events]


class Scripted:
    """Hands out what a script says for each call: samples' source times, or a loss."""

    sfreq, channels, ended = SFREQ, ("a", "b", "c"), False

    def __init__(self, clock, script):
        self.clock, self.script, self.lost = clock, list(script), False

    def connect(self):
        if self.lost and self.script and self.script[0] == "lost":
            self.script.pop(0)
            raise StreamLost("gone")
        self.lost = False

    def acquire(self):
        given = self.script.pop(0) if self.script else ()
        self.ended = not self.script
        if isinstance(given, str):
            self.lost = True
            raise StreamLost("gone")
        times = np.asarray(given, dtype=float)
        return Chunk(np.full((len(times), N), 0.01), times, times)

    def disconnect(self):
        self.lost = True


def even(start, n):
    return start + np.arange(1, n + 1) / SFREQ


def drawn(clock, duration=10.0, value=0.01):
    return Simulated(lambda t: np.full(N, value), ("a", "b", "c"), SFREQ, clock, duration)


def live(stream, clock, *, decoder=None, loop=None, faults=None, safety=None, sinks=(), n=5):
    return LiveLoop(
        stream, Chain(SpikeCounts(), n), decoder or Linear(), Safety(safety or SafetySettings()),
        clock, settings=LoopSettings(**{"poll": 0.01, **(loop or {})}),
        faults=FaultSettings(**(faults or {})), sinks=sinks, reconnect=0.05,
    )  # fmt: skip


def test_each_bin_gives_one_output_that_names_its_samples():
    clock, kept = VirtualClock(50.0), Kept()
    report = live(drawn(clock), clock, sinks=[kept]).run()
    assert report.counters.bins == len(kept.outputs) == 200
    assert report.counters.samples == report.counters.used == 1000
    assert report.counters.balanced
    assert kept.state == "closed"
    (end,) = kept.events
    assert (end.kind, end.count) == ("end", 200)
    assert "samples 1000, used 1000" in end.detail
    for i, output in enumerate(kept.outputs):
        assert output.number == i
        np.testing.assert_allclose(output.begin, 50 + (5 * i + 1) / SFREQ)
        np.testing.assert_allclose(output.source_end, (5 * i + 5) / SFREQ)
        np.testing.assert_allclose(output.command.velocity, [0.05, 0.05])
        assert (output.faults, output.decoder, output.n_missing) == ((), 0, 0)
        assert -1e-9 <= output.age < 0.011
    assert report.age.quantile(0.99) < 0.012


def test_one_run_is_like_the_other():
    runs = []
    for _ in range(2):
        clock, kept = VirtualClock(), Kept()
        stream = Faulty(drawn(clock, 60.0), clock, FaultRates(5, 5, 5, 5), seed=1)
        report = live(stream, clock, sinks=[kept]).run()
        runs.append((report.counters, [o.command.position.tolist() for o in kept.outputs]))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("drop", ["newest", "never"])
def test_nothing_is_lost_uncounted_and_the_output_keeps_its_limits(seed, drop):
    clock, kept = VirtualClock(), Kept()
    source = drawn(clock, 80.0, value=1.0)
    stream = Faulty(source, clock, FaultRates(9, 9, 3, 4), seed=seed)
    report = live(stream, clock, sinks=[kept], loop={"drop": drop}).run()
    counters = report.counters
    assert counters.balanced
    assert counters.losses > 0
    assert counters.jumps > 0
    assert counters.nan == stream.broken.nan_samples > 0
    assert counters.samples == source._next - stream.broken.samples
    # Where the clock jumps while samples are missing, how many are cannot be known.
    doubt = 200 * stream.broken.faults["jump"]
    assert abs(counters.samples + counters.missing - round(stream.broken.last * SFREQ)) <= doubt
    for output in kept.outputs:
        assert np.linalg.norm(output.command.velocity) <= 2 + 1e-9
        assert np.abs(output.command.position).max() <= 1
    assert counters.bins > 0.7 * counters.outputs
    assert max(np.diff([o.time for o in kept.outputs])) <= 0.15 + 0.05 + 0.02
    assert [o.number for o in kept.outputs] == list(range(counters.outputs))


def test_without_jumps_missing_samples_are_counted_exactly():
    clock = VirtualClock()
    stream = Faulty(drawn(clock, 120.0), clock, FaultRates(2, 10, 0, 4), seed=3)
    counters = live(stream, clock).run().counters
    assert counters.missing > 1000
    assert counters.samples + counters.missing == round(stream.broken.last * SFREQ)


def test_a_gap_is_held_over_and_said():
    clock, kept = VirtualClock(), Kept()
    script = [even(0.01 * k, 1) for k in range(30) if not 12 <= k < 18]
    loop = live(Scripted(clock, script), clock, sinks=[kept])
    loop.open()
    for part in script:
        clock.wait_until(part[0])
        loop.turn()
    broken = [o for o in kept.outputs if "gap" in o.faults]
    assert [o.n_missing for o in broken] == [3, 3]
    assert {o.command.action for o in broken} == {"hold"}
    assert loop.counters.missing == 6
    assert kept.kinds() == ["gap"]


@pytest.mark.parametrize(("policy", "last"), [("hold", 0.05), ("decay", 0.0), ("pause", 0.0)])
def test_a_lost_stream_follows_its_policy(policy, last):
    clock, kept = VirtualClock(), Kept()
    script = [even(0.01 * k, 1) for k in range(20)] + ["lost"] * 30
    stream = Scripted(clock, script)
    loop = live(stream, clock, faults={"lost": policy}, sinks=[kept])
    loop.open()
    for _ in range(120):
        clock.advance(0.01)
        loop.turn()
    output = kept.outputs[-1]
    assert (output.faults, output.command.action) == (("lost",), policy)
    np.testing.assert_allclose(output.command.velocity, last, atol=1e-4)
    assert output.mean is None
    assert loop.counters.losses == 1
    assert kept.kinds()[0] == "lost"
    assert loop.safety.paused == (policy == "pause")


def test_a_stream_that_comes_back_goes_on():
    clock, kept = VirtualClock(), Kept()
    script = [even(0.01 * k, 1) for k in range(20)] + ["lost"] * 3
    script += [even(0.01 * k, 1) for k in range(60, 90)]
    stream = Scripted(clock, script)
    loop = live(stream, clock, sinks=[kept])
    loop.open()
    for k in range(90):
        clock.advance(0.01)
        if k >= 60 or k <= 30:
            loop.turn()
    counters = loop.counters
    assert counters.reconnections == 1
    assert kept.kinds()[:2] == ["lost", "back"]
    assert "gap" in kept.kinds()
    assert counters.missing + counters.samples == 90
    assert kept.outputs[-1].command.action == "go"


def test_silence_without_a_loss_is_stale():
    clock, kept = VirtualClock(), Kept()
    stream = Scripted(clock, [even(0.01 * k, 1) for k in range(20)] + [()] * 100)
    loop = live(stream, clock, sinks=[kept])
    loop.open()
    for _ in range(80):
        clock.advance(0.01)
        loop.turn()
    late = [o for o in kept.outputs if o.mean is None]
    assert {o.faults for o in late} == {("stale",)}
    assert late[0].age > 0.15
    assert np.linalg.norm(late[-1].command.velocity) < 0.01
    assert (loop.counters.stale, loop.counters.late) == (1, len(late))


def test_many_bad_channels_fade_the_output_and_one_does_not():
    clock, kept = VirtualClock(), Kept()
    values = [np.array([0.01, np.nan, 0.01]), np.array([np.nan, np.nan, 0.01])]
    stream = Simulated(lambda t: values[int(t > 2)], ("a", "b", "c"), SFREQ, clock, 4.0)
    report = live(stream, clock, sinks=[kept]).run()
    assert {o.command.action for o in kept.outputs if o.end < 2} == {"go"}
    assert {o.command.action for o in kept.outputs if o.begin > 2.01} == {"decay"}
    assert report.counters.nan == 400
    assert report.counters.bad_bins == 40


def test_a_decoder_that_gives_nan_never_reaches_the_output():
    clock, kept = VirtualClock(), Kept()
    decoder = Linear(gain=np.nan)
    live(drawn(clock, 1.0), clock, decoder=decoder, sinks=[kept]).run()
    assert all(o.faults == ("nan",) and not o.command.velocity.any() for o in kept.outputs)


def test_a_slow_decoder_gets_the_newest_data_and_the_rest_is_counted():
    clock, kept = VirtualClock(), Kept()
    decoder = Linear(clock, cost=0.12)  # a bin lasts 0.05 s
    report = live(drawn(clock, 20.0), clock, decoder=decoder, sinks=[kept]).run()
    counters = report.counters
    assert counters.balanced
    assert counters.dropped_bins > 100
    assert counters.dropped == 5 * counters.dropped_bins
    assert counters.slow > 5
    assert "slow" in kept.kinds()
    assert "dropped" in kept.kinds()
    assert max(o.age for o in kept.outputs) < 0.2 + 5 * 0.12
    assert max(o.age for o in kept.outputs[-20:]) < 0.2 + 5 * 0.12


def test_never_dropping_falls_behind_and_fades_the_output():
    clock, kept = VirtualClock(), Kept()
    decoder = Linear(clock, cost=0.06)
    loop = live(drawn(clock, 20.0), clock, decoder=decoder, sinks=[kept], loop={"drop": "never"})
    counters = loop.run(20.0).counters
    assert counters.dropped == 0
    assert counters.balanced
    assert kept.outputs[-1].age > 1
    assert kept.outputs[-1].faults == ("stale",)


def test_after_a_stall_old_samples_are_dropped_before_they_cost_anything():
    clock = VirtualClock()
    source = Simulated(lambda t: np.zeros(N), ("a", "b", "c"), SFREQ, clock, 10.0)
    loop = live(source, clock, faults={"longest_gap": 0.3})
    loop.open()
    clock.advance(0.9)
    loop.turn()
    counters = loop.counters
    assert counters.samples == 90
    assert counters.balanced
    assert counters.dropped >= 40
    assert counters.bins <= 5


def test_long_gaps_start_the_filters_again():
    clock = VirtualClock()
    script = [even(0.01 * k, 1) for k in range(7)] + [even(5 + 0.01 * k, 1) for k in range(20)]
    loop = LiveLoop(
        Scripted(clock, script),
        Chain(SpikeCounts(), 5, [Causal(butterworth(1.0, None, 2, SFREQ))]),
        Linear(),
        Safety(SafetySettings()),
        clock,
    )
    loop.open()
    for part in script:
        clock.wait_until(part[-1])
        loop.turn()
    assert loop.counters.forgotten == 2
    assert loop.counters.missing == 493
    assert loop.counters.balanced


def test_the_operator_pauses_and_resumes_and_both_are_told():
    clock, kept = VirtualClock(), Kept()
    loop = live(drawn(clock, 2.0), clock, sinks=[kept])
    loop.open()
    for k in range(200):
        clock.advance(0.01)
        if k == 52:
            loop.safety.pause()
        if k == 102:
            loop.safety.resume()
        loop.turn()
    assert [o.command.action for o in kept.outputs] == ["go"] * 10 + ["pause"] * 10 + ["go"] * 20
    assert [(e.kind, e.detail) for e in kept.events] == [
        ("pause", "by the operator"), ("resume", "by the operator"),
    ]  # fmt: skip


def test_a_swap_takes_effect_between_two_bins():
    clock, kept = VirtualClock(), Kept()
    loop = live(drawn(clock, 2.0), clock, sinks=[kept])
    loop.open()
    for k in range(200):
        clock.advance(0.01)
        if k == 102:
            loop.swap(Linear(gain=2.0))
        loop.turn()
    used = [o.decoder for o in kept.outputs]
    assert used == [0] * 20 + [1] * 20
    np.testing.assert_allclose(kept.outputs[-1].command.velocity, 0.1)
    assert (loop.counters.swaps, kept.kinds()) == (1, ["swap"])


def test_a_sink_that_fails_is_left_out_and_the_session_goes_on(caplog):
    class Full(Kept):
        def output(self, output):
            if output.number == 3:
                raise OSError(28, "No space left on device")
            super().output(output)

    clock, full, kept = VirtualClock(), Full(), Kept()
    report = live(drawn(clock, 2.0), clock, sinks=[full, kept]).run()
    assert (len(full.outputs), full.state) == (3, "closed")
    assert len(kept.outputs) == 40
    assert report.counters.sink_errors == 1
    assert "No space left" in kept.events[0].detail
    assert "No space left" in caplog.text


def test_ctrl_c_ends_cleanly():
    before = signal.getsignal(signal.SIGINT)

    def draw(time):
        if time == 1.0:
            os.kill(os.getpid(), signal.SIGINT)
        return np.zeros(N)

    clock, kept = VirtualClock(), Kept()
    stream = Simulated(draw, ("a", "b", "c"), SFREQ, clock, 100.0)
    report = live(stream, clock, sinks=[kept]).run()
    assert report.counters.samples == 100
    assert kept.state == "closed"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_recording_with_a_long_pause_goes_on_behind_it():
    times = np.concatenate([np.arange(50), 2000 + np.arange(50)]) / SFREQ
    clock, kept = VirtualClock(), Kept()
    recorded = Recorded(np.ones((100, N)), times, SFREQ, ("a", "b", "c"))
    counters = live(Replay(recorded, clock), clock, sinks=[kept]).run().counters
    assert (counters.samples, counters.missing) == (100, 1950)
    assert counters.reconnections >= 1
    assert clock.now() < 21


def test_markers_reach_the_sinks_on_the_clock_of_the_session():
    clock, kept = VirtualClock(100.0), Kept()
    recorded = Recorded(
        np.ones((100, N)), np.arange(100) / SFREQ, SFREQ, ("a", "b", "c"), (Marker(0.2, "go"),)
    )
    live(Replay(recorded, clock), clock, sinks=[kept]).run()
    assert [m for chunk in kept.chunks for m in chunk.markers] == [Marker(100.2, "go")]
    assert sum(len(chunk) for chunk in kept.chunks) == 100


def test_memory_does_not_grow():
    clock = VirtualClock()
    stream = Faulty(drawn(clock, np.inf), clock, FaultRates(), seed=0)
    loop = live(stream, clock)
    loop.open()

    def spend(seconds):
        for _ in range(int(seconds * 100)):
            loop.turn()
            clock.advance(0.01)

    spend(20)
    tracemalloc.start()
    try:
        spend(10)
        first = tracemalloc.get_traced_memory()[0]
        spend(30)
        last = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert last - first < 20_000


def test_what_the_user_must_know_at_the_start():
    clock = VirtualClock()
    with pytest.raises(ConfigError, match=r"names 3 entries.*2 directions"):
        live(drawn(clock), clock, loop={"velocity": (0, 1, 2)})
    stream = Scripted(clock, ["lost"])
    stream.lost = True
    with pytest.raises(DataError, match="Start the source first"):
        live(stream, clock).run()


def test_other_channels_after_a_restart_are_an_error():
    clock = VirtualClock()
    stream = Scripted(clock, ["lost", even(0, 1)])
    loop = live(stream, clock)
    loop.open()
    loop.turn()
    stream.channels = ("a",)
    clock.advance(1.0)
    with pytest.raises(DataError, match="came back with 1 channels"):
        loop.turn()
