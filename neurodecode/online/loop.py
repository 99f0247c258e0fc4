"""The live session: stream, features, decoder, safety, sinks, again and again.

It never waits for data and never stops for bad ones. Each bin gives an output; where none comes for
``stale_after`` seconds, outputs go on once a bin without one. What they may do is said by the
policies, and what was lost is counted.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np

from neurodecode.errors import ConfigError
from neurodecode.online.bins import FEWEST
from neurodecode.online.clock import Clock
from neurodecode.online.features import Chain, FeatureVector
from neurodecode.online.intake import Intake
from neurodecode.online.latency import Latencies
from neurodecode.online.records import About, Counters, Event, Output, Report, Sink
from neurodecode.online.safety import Action, Safety, worst
from neurodecode.online.settings import FaultSettings, LoopSettings
from neurodecode.online.sinks import Sinks
from neurodecode.online.stream import Array, Stream

__all__ = ["Estimate", "LiveLoop", "Stepping"]

WINDOW = 1.0
"""Seconds over which it is judged whether the loop keeps up."""

BUSY = 0.9
"""Share of them that work may take."""


class Estimate(Protocol):
    """What a decoder's step returns."""

    @property
    def mean(self) -> Array:
        """Decoded state, (d,)."""

    @property
    def cov(self) -> Array:
        """Its covariance, (d, d)."""


class Stepping(Protocol):
    """What the loop asks of a decoder."""

    def step(self, y: Array, t: float) -> Estimate:
        """Decode the next bin; NaN where a feature is missing."""

    def reset(self) -> None:
        """Forget the stream."""


class LiveLoop:
    """See the module.

    Parameters
    ----------
    stream : Stream
        Where samples come from.
    chain : Chain
        From samples to feature vectors, fitted.
    decoder : Stepping
        Fitted.
    safety : Safety
        The limits of the output.
    clock : Clock
        The same as the stream's.
    settings : LoopSettings
        How to keep up.
    faults : FaultSettings
        What to do when the input fails.
    sinks : sequence of Sink
        Where outputs go. One that raises is closed and left out; the session goes on.
    reconnect : float
        Seconds between two attempts after a loss.
    """

    def __init__(
        self,
        stream: Stream,
        chain: Chain,
        decoder: Stepping,
        safety: Safety,
        clock: Clock,
        *,
        settings: LoopSettings | None = None,
        faults: FaultSettings | None = None,
        sinks: Sequence[Sink] = (),
        reconnect: float = 1.0,
    ) -> None:
        self.stream = stream
        self.chain = chain
        self.decoder = decoder
        self.safety = safety
        self.clock = clock
        self.settings = settings or LoopSettings()
        self.faults = faults or FaultSettings()
        self.counters = Counters()
        self._sinks = Sinks(sinks, self.counters, clock)
        self.intake = Intake(
            stream, chain, self.settings, self.faults, reconnect, self.counters, self._sinks
        )
        self.age, self.duration = Latencies(), Latencies()
        self._velocity = list(self.settings.velocity)
        self._stopped = self._opened = False
        self._incoming: Stepping | None = None
        if len(self._velocity) != safety.n_dims:
            raise ConfigError(
                f"loop.velocity: names {len(self._velocity)} entries, the box of safety has "
                f"{safety.n_dims} directions"
            )

    @property
    def sinks(self) -> list[Sink]:
        """Where outputs go; more may be added before it is opened."""
        return self._sinks.all

    # What others may do while it runs, from any thread.

    def swap(self, decoder: Stepping) -> None:
        """Exchange the decoder between two bins; the new one goes on as it is."""
        self._incoming = decoder

    def stop(self) -> None:
        """End after the present turn."""
        self._stopped = True

    def run(self, duration: float = math.inf) -> Report:
        """Run until the stream ends, ``duration`` seconds are over, or Ctrl-C.

        Raises
        ------
        DataError
            Where the stream does not answer at the start.
        """
        with self._interruptible():
            try:
                self.open()
                end = self.clock.now() + duration
                while not self._stopped and not self.stream.ended and self.clock.now() < end:
                    now = self.clock.now()
                    self.turn()
                    self.clock.wait_until(now + self.settings.poll)
            finally:
                self.close()
        return self.report()

    def open(self) -> None:
        """Connect the stream and get the sinks ready; see :meth:`run`."""
        self.intake.open()
        self.bin_width = self.chain.n_in_bin / self.stream.sfreq
        self._began = self._last_output = self.clock.now()
        self.intake.begin(self._began)
        self._window, self._busy = self._began, 0.0
        self._stale = False
        self._n_swaps, self._paused = 0, self.safety.paused
        about = About(self.stream.channels, self.stream.sfreq, self.bin_width, self.safety.n_dims)
        for sink in self.sinks:  # one that cannot begin is the user's to mend
            sink.open(about)
        self._opened = True

    def turn(self) -> None:
        """Take what has arrived, once, and send what follows from it."""
        now = self.clock.now()
        n_before = self.counters.outputs
        chunk = self.intake.acquire(now)
        if chunk is not None:
            for vector in self.intake.vectors(chunk, now):
                self._decode(vector, now)
            self._busy += self.clock.now() - now
        if self.counters.outputs == n_before:
            self._watch(now)
        self.intake.unstick(now)
        self._judge(now)

    def close(self) -> None:
        """Disconnect the stream, tell the sinks what became of everything and close them."""
        self.stream.disconnect()
        if self._opened:
            counts = ", ".join(f"{name} {n}" for name, n in asdict(self.counters).items() if n)
            self._sinks.tell(Event(self.clock.now(), "end", self.counters.outputs, counts))
            self._opened = False
        self._sinks.hand("close")

    def report(self) -> Report:
        """What became of everything so far."""
        seconds = self.clock.now() - self._began
        return Report(replace(self.counters), self.age, self.duration, seconds)

    # From feature vectors to outputs.

    def _decode(self, vector: FeatureVector, now: float) -> None:
        if self._incoming is not None:
            self.decoder, self._incoming = self._incoming, None
            self._n_swaps += 1
            self.counters.swaps += 1
            self._sinks.tell(Event(now, "swap", self._n_swaps))
        decoded = self.decoder.step(vector.values, vector.time)
        sent = self.clock.now()
        self.counters.bins += 1
        self.counters.used += self.chain.n_in_bin - vector.n_missing
        wanted = np.asarray(decoded.mean, dtype=np.float64)[self._velocity]
        faults = self._faults_of(vector, sent)
        if not np.isfinite(wanted).all():
            faults.add("nan")
        self.counters.bad_bins += "nan" in faults
        self.age.add(sent - vector.time)
        self.duration.add(sent - now)
        self._send(
            wanted, sent, faults, now, vector=vector, mean=decoded.mean, cov=decoded.cov,
        )  # fmt: skip

    def _faults_of(self, vector: FeatureVector, now: float) -> set[str]:
        faults = self.intake.new_faults()
        if vector.n_missing:
            faults.add("gap")
        # What is missing with most of the bin's samples is the gap's matter.
        if vector.bad > self.faults.max_bad and vector.n_missing <= FEWEST * self.chain.n_in_bin:
            faults.add("nan")
        if now - vector.time > self.settings.stale_after:
            faults.add("stale")
        return faults

    def _watch(self, now: float) -> None:
        """Where no bin came for too long, send what the policy says, once a bin."""
        stale = now - self.intake.newest > self.settings.stale_after
        if stale and not self._stale:
            self.counters.stale += 1
        self._stale = stale
        if not (stale or not self.intake.connected) or now - self._last_output < self.bin_width:
            return
        self.counters.late += 1
        nothing = np.zeros(self.safety.n_dims)
        self._send(nothing, now, {"stale"} if self.intake.connected else {"lost"}, now)

    def _send(
        self,
        wanted: Array,
        sent: float,
        faults: set[str],
        now: float,
        *,
        vector: FeatureVector | None = None,
        mean: Array | None = None,
        cov: Array | None = None,
    ) -> None:
        actions: list[Action] = [getattr(self.faults, fault) for fault in faults]
        action = worst(actions)
        command = self.safety.step(wanted, sent, action)
        if self.safety.paused != self._paused:
            self._paused = self.safety.paused
            by = ", ".join(sorted(faults)) if action == "pause" else "the operator"
            self._sinks.tell(Event(sent, "pause" if self._paused else "resume", detail=f"by {by}"))
        nan = math.nan
        output = Output(
            number=self.counters.outputs,
            time=sent,
            command=command,
            mean=mean,
            cov=cov,
            features=None if vector is None else vector.values,
            begin=nan if vector is None else vector.begin,
            end=nan if vector is None else vector.time,
            source_begin=nan if vector is None else vector.source_begin,
            source_end=nan if vector is None else vector.source_time,
            age=sent - (self.intake.newest if vector is None else vector.time),
            duration=sent - now,
            n_missing=0 if vector is None else vector.n_missing,
            bad=0.0 if vector is None else vector.bad,
            faults=tuple(sorted(faults)),
            decoder=self._n_swaps,
        )
        self.counters.outputs += 1
        self._last_output = sent
        self._sinks.hand("output", output)

    def _judge(self, now: float) -> None:
        """Say so where more than a second's work came in a second."""
        elapsed = now - self._window
        if elapsed < WINDOW:
            return
        if self._busy > BUSY * elapsed:
            self.counters.slow += 1
            share = 100 * self._busy / elapsed
            self._sinks.tell(
                Event(now, "slow", detail=f"busy {share:.0f} % of the time: cannot keep up")
            )
        self._window, self._busy = now, 0.0

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C and a polite kill end the session after its turn; a second Ctrl-C at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handle(number: int, frame: Any) -> None:
            self._stopped = True
            signal.signal(number, signal.default_int_handler)

        before = {
            number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
