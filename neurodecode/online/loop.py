"""The live session: stream, features, decoder, safety, sinks, again and again.

It never waits for data and never stops for bad ones. Each bin gives an output; where none comes for
``stale_after`` seconds, outputs go on once a bin without one. What they may do is said by the
policies, and what was lost is counted.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Protocol

import numpy as np

from neurodecode.errors import ConfigError, DataError, NeurodecodeError
from neurodecode.online.bins import FEWEST
from neurodecode.online.clock import Clock
from neurodecode.online.continuity import Continuity, Piece
from neurodecode.online.features import Chain, FeatureVector
from neurodecode.online.latency import Latencies
from neurodecode.online.records import About, Counters, Event, Output, Report, Sink
from neurodecode.online.safety import Action, Safety, worst
from neurodecode.online.settings import FaultSettings, LoopSettings
from neurodecode.online.stream import Array, Chunk, Marker, Stream, StreamLost

__all__ = ["Estimate", "LiveLoop", "Stepping"]

LOG = logging.getLogger(__name__)
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
        self.sinks = list(sinks)
        self.reconnect = reconnect
        self.counters = Counters()
        self.age, self.duration = Latencies(), Latencies()
        self._velocity = list(self.settings.velocity)
        self._stopped = self._opened = False
        self._incoming: Stepping | None = None
        if len(self._velocity) != safety.n_dims:
            raise ConfigError(
                f"loop.velocity: names {len(self._velocity)} entries, the box of safety has "
                f"{safety.n_dims} directions"
            )

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
        try:
            self.stream.connect()
        except StreamLost as error:
            raise DataError(f"{error}. Start the source first, or check its name.") from error
        self._n_channels = len(self.stream.channels)
        self.bin_width = self.chain.n_in_bin / self.stream.sfreq
        self._continuity = Continuity(self.stream.sfreq, self.faults.gap_tolerance)
        self._connected, self._retry = True, -math.inf
        self._pending_faults: set[str] = set()
        self._began = self._newest = self._last_output = self.clock.now()
        self._window, self._busy = self._began, 0.0
        self._stale, self._fine = False, self._began
        self._n_swaps, self._paused = 0, self.safety.paused
        about = About(self.stream.channels, self.stream.sfreq, self.bin_width, self.safety.n_dims)
        for sink in self.sinks:
            sink.open(about)
        self._opened = True

    def turn(self) -> None:
        """Take what has arrived, once, and send what follows from it."""
        now = self.clock.now()
        n_before = self.counters.outputs
        chunk = self._acquire(now)
        if chunk is not None:
            for vector in self._fresh(self._vectors(chunk, now), now):
                self._decode(vector, now)
            self._busy += self.clock.now() - now
        if self.counters.outputs == n_before:
            self._watch(now)
        if self._connected and now - self._fine > self.settings.stuck_after:
            self._unstick(now)
        self._judge(now)

    def close(self) -> None:
        """Disconnect the stream, tell the sinks what became of everything and close them."""
        self.stream.disconnect()
        if self._opened:
            counts = ", ".join(f"{name} {n}" for name, n in asdict(self.counters).items() if n)
            self._tell(Event(self.clock.now(), "end", self.counters.outputs, counts))
            self._opened = False
        for sink in list(self.sinks):
            self._to(sink, "close")

    def report(self) -> Report:
        """What became of everything so far."""
        seconds = self.clock.now() - self._began
        return Report(replace(self.counters), self.age, self.duration, seconds)

    # From the stream to feature vectors.

    def _acquire(self, now: float) -> Chunk | None:
        try:
            if not self._connected:
                if now < self._retry:
                    return None
                self._retry = now + self.reconnect
                self.stream.connect()
                self._back(now)
            chunk = self.stream.acquire()
        except StreamLost as error:
            if self._connected:
                self._connected, self._retry = False, now
                self.counters.losses += 1
                self._tell(Event(now, "lost", detail=str(error)))
            return None
        if chunk.data.shape[1] != self._n_channels:
            raise DataError(
                f"stream: {chunk.data.shape[1]} channels came, the session began with "
                f"{self._n_channels}"
            )
        return chunk

    def _unstick(self, now: float) -> None:
        """Data that stay old, or away, come from a stream whose clock or connection is wrong."""
        self.stream.disconnect()
        self._connected, self._retry, self._fine = False, now, now
        self.counters.losses += 1
        self._tell(Event(now, "lost", detail="nothing but stale data: connecting again"))

    def _back(self, now: float) -> None:
        if len(self.stream.channels) != self._n_channels:
            raise DataError(
                f"stream: came back with {len(self.stream.channels)} channels, the session began "
                f"with {self._n_channels}"
            )
        self._connected, self._fine = True, now
        self.counters.reconnections += 1
        self._continuity.reconnected()
        self._tell(Event(now, "back"))

    def _vectors(self, chunk: Chunk, now: float) -> Iterator[FeatureVector]:
        self.counters.samples += len(chunk)
        self.counters.nan += int((~np.isfinite(chunk.data)).any(axis=1).sum())
        pieces = list(self._continuity.cut(chunk, now))
        self._show(chunk, pieces)
        for piece in pieces:
            if now - float(piece.chunk.times[-1]) <= self.settings.stale_after:
                self._fine = now
            piece = self._young(piece, now)
            if len(piece.chunk):
                self._newest = float(piece.chunk.times[-1])
                yield from self._gap(piece, now)
                yield from self.chain.step(piece.chunk)
        self._count_pending()

    def _show(self, chunk: Chunk, pieces: Sequence[Piece]) -> None:
        """Hand the sinks the samples with mended times, and the markers on the same clock."""
        if chunk.markers:
            shift = self._continuity.shift
            markers = tuple(Marker(m.time + shift, m.label) for m in chunk.markers)
            shown = [replace(Chunk.empty(self._n_channels), markers=markers)]
        else:
            shown = []
        for part in (*shown, *(piece.chunk for piece in pieces)):
            for sink in list(self.sinks):
                self._to(sink, "samples", part)

    def _young(self, piece: Piece, now: float) -> Piece:
        """Drop what is so old that not even its features are worth the time."""
        if self.settings.drop == "never":
            return piece
        oldest = now - self.settings.max_age - self.faults.longest_gap
        n_old = int(np.searchsorted(piece.chunk.times, oldest))
        if not n_old:
            return piece
        self.counters.dropped += n_old
        self._restart()
        self._tell(Event(now, "dropped", n_old, "samples, too old"))
        return Piece(piece.chunk.part(n_old, len(piece.chunk)), 0, piece.jumped)

    def _gap(self, piece: Piece, now: float) -> Iterator[FeatureVector]:
        if piece.jumped:
            self.counters.jumps += 1
            self._pending_faults.add("clock_jump")
            self._tell(Event(now, "clock_jump"))
        if not piece.missing:
            return
        self.counters.gaps += 1
        self.counters.missing += piece.missing
        self._tell(Event(now, "gap", piece.missing, "samples missing"))
        period = 1 / self.stream.sfreq
        if piece.missing * period <= self.faults.longest_gap and self.chain.begun:
            times = piece.chunk.times[0] - period * np.arange(piece.missing, 0, -1)
            yield from self.chain.skip(piece.missing, times)
        else:
            self._restart()

    def _restart(self) -> None:
        self._pending_faults.add("gap")
        self.counters.forgotten += self.chain.n_pending - self.chain.n_pending_missing
        self.chain.restart()

    def _fresh(self, vectors: Iterator[FeatureVector], now: float) -> Iterator[FeatureVector]:
        """Leave out bins that are too old, but for the newest."""
        if self.settings.drop == "never":
            yield from vectors
            return
        found = list(vectors)
        n_old = sum(v.time < now - self.settings.max_age for v in found[:-1])
        for vector in found[:n_old]:
            self.counters.dropped += self.chain.n_in_bin - vector.n_missing
        if n_old:
            self.counters.dropped_bins += n_old
            self._tell(Event(now, "dropped", n_old, "bins, too old"))
        yield from found[n_old:]

    def _count_pending(self) -> None:
        self.counters.pending = self.chain.n_pending - self.chain.n_pending_missing

    # From feature vectors to outputs.

    def _decode(self, vector: FeatureVector, now: float) -> None:
        if self._incoming is not None:
            self.decoder, self._incoming = self._incoming, None
            self._n_swaps += 1
            self.counters.swaps += 1
            self._tell(Event(now, "swap", self._n_swaps))
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
        faults, self._pending_faults = self._pending_faults, set()
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
        stale = now - self._newest > self.settings.stale_after
        if stale and not self._stale:
            self.counters.stale += 1
        self._stale = stale
        if not (stale or not self._connected) or now - self._last_output < self.bin_width:
            return
        self.counters.late += 1
        nothing = np.zeros(self.safety.n_dims)
        self._send(nothing, now, {"stale"} if self._connected else {"lost"}, now)

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
            self._tell(Event(sent, "pause" if self._paused else "resume", detail=f"by {by}"))
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
            age=sent - (self._newest if vector is None else vector.time),
            duration=sent - now,
            n_missing=0 if vector is None else vector.n_missing,
            bad=0.0 if vector is None else vector.bad,
            faults=tuple(sorted(faults)),
            decoder=self._n_swaps,
        )
        self.counters.outputs += 1
        self._last_output = sent
        for sink in list(self.sinks):
            self._to(sink, "output", output)

    # Telling.

    def _judge(self, now: float) -> None:
        """Say so where more than a second's work came in a second."""
        elapsed = now - self._window
        if elapsed < WINDOW:
            return
        if self._busy > BUSY * elapsed:
            self.counters.slow += 1
            share = 100 * self._busy / elapsed
            self._tell(Event(now, "slow", detail=f"busy {share:.0f} % of the time: cannot keep up"))
        self._window, self._busy = now, 0.0

    def _tell(self, event: Event) -> None:
        if event.kind in ("lost", "slow", "pause", "sink"):
            LOG.warning("%s %s", event.kind, event.detail)
        for sink in list(self.sinks):
            self._to(sink, "event", event)

    def _to(self, sink: Sink, what: str, *given: Any) -> None:
        """Hand something to a sink; one that fails is left out from then on."""
        try:
            getattr(sink, what)(*given)
        except (OSError, NeurodecodeError, RuntimeError, ValueError) as error:
            if sink in self.sinks:
                self.sinks.remove(sink)
            self.counters.sink_errors += 1
            detail = f"{type(sink).__name__} failed and is left out: {error}"
            self._tell(Event(self.clock.now(), "sink", detail=detail))
            if what != "close":
                self._to(sink, "close")

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
