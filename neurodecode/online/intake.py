"""From a live stream to feature vectors: losses, gaps, clocks that jump, data that are too old."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from neurodecode.errors import DataError
from neurodecode.online.continuity import Continuity, Piece
from neurodecode.online.features import Chain, FeatureVector
from neurodecode.online.records import Counters, Event
from neurodecode.online.settings import FaultSettings, LoopSettings
from neurodecode.online.sinks import Sinks
from neurodecode.online.stream import Chunk, Marker, Stream, StreamLost

__all__ = ["Intake"]


class Intake:
    """See the module; every sample that arrives is counted.

    Parameters
    ----------
    stream : Stream
    chain : Chain
        From samples to feature vectors, fitted.
    settings : LoopSettings
    faults : FaultSettings
    reconnect : float
        Seconds between two attempts after a loss.
    counters : Counters
        Of the session.
    sinks : Sinks
        Get the samples with mended times, and what happened.

    Attributes
    ----------
    connected : bool
        Whether the stream is there.
    newest : float
        Time of the newest sample.
    """

    def __init__(
        self,
        stream: Stream,
        chain: Chain,
        settings: LoopSettings,
        faults: FaultSettings,
        reconnect: float,
        counters: Counters,
        sinks: Sinks,
    ) -> None:
        self.stream = stream
        self.chain = chain
        self.settings = settings
        self.faults = faults
        self.reconnect = reconnect
        self.counters = counters
        self._sinks = sinks

    def open(self) -> None:
        """Connect the stream.

        Raises
        ------
        DataError
            Where it does not answer.
        """
        try:
            self.stream.connect()
        except StreamLost as error:
            raise DataError(f"{error}. Start the source first, or check its name.") from error
        self._n_channels = len(self.stream.channels)
        self._continuity = Continuity(self.stream.sfreq, self.faults.gap_tolerance)
        self.connected, self._retry = True, -math.inf
        self._faults: set[str] = set()

    def begin(self, now: float) -> None:
        """Count ages from now on."""
        self.newest = self._fine = now

    def new_faults(self) -> set[str]:
        """Faults since the last call: ``gap``, ``clock_jump``."""
        faults, self._faults = self._faults, set()
        return faults

    def acquire(self, now: float) -> Chunk | None:
        """What has arrived; None where the stream is gone.

        Raises
        ------
        DataError
            Where the stream has another number of channels than at the start.
        """
        try:
            if not self.connected:
                if now < self._retry:
                    return None
                self._retry = now + self.reconnect
                self.stream.connect()
                self._back(now)
            chunk = self.stream.acquire()
        except StreamLost as error:
            if self.connected:
                self.connected, self._retry = False, now
                self.counters.losses += 1
                self._sinks.tell(Event(now, "lost", detail=str(error)))
            return None
        if chunk.data.shape[1] != self._n_channels:
            raise DataError(
                f"stream: {chunk.data.shape[1]} channels came, the session began with "
                f"{self._n_channels}"
            )
        return chunk

    def unstick(self, now: float) -> None:
        """Connect anew where data stay old, or away: the stream's clock or connection is wrong."""
        if not self.connected or now - self._fine <= self.settings.stuck_after:
            return
        self.stream.disconnect()
        self.connected, self._retry, self._fine = False, now, now
        self.counters.losses += 1
        self._sinks.tell(Event(now, "lost", detail="nothing but stale data: connecting again"))

    def _back(self, now: float) -> None:
        if len(self.stream.channels) != self._n_channels:
            raise DataError(
                f"stream: came back with {len(self.stream.channels)} channels, the session began "
                f"with {self._n_channels}"
            )
        self.connected, self._fine = True, now
        self.counters.reconnections += 1
        self._continuity.reconnected()
        self._sinks.tell(Event(now, "back"))

    def _cut(self, chunk: Chunk, now: float) -> Iterator[FeatureVector]:
        self.counters.samples += len(chunk)
        self.counters.nan += int((~np.isfinite(chunk.data)).any(axis=1).sum())
        pieces = list(self._continuity.cut(chunk, now))
        self._show(chunk, pieces)
        for piece in pieces:
            if now - float(piece.chunk.times[-1]) <= self.settings.stale_after:
                self._fine = now
            piece = self._young(piece, now)
            if len(piece.chunk):
                self.newest = float(piece.chunk.times[-1])
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
            self._sinks.hand("samples", part)

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
        self._sinks.tell(Event(now, "dropped", n_old, "samples, too old"))
        return Piece(piece.chunk.part(n_old, len(piece.chunk)), 0, piece.jumped)

    def _gap(self, piece: Piece, now: float) -> Iterator[FeatureVector]:
        if piece.jumped:
            self.counters.jumps += 1
            self._faults.add("clock_jump")
            self._sinks.tell(Event(now, "clock_jump"))
        if not piece.missing:
            return
        self.counters.gaps += 1
        self.counters.missing += piece.missing
        self._sinks.tell(Event(now, "gap", piece.missing, "samples missing"))
        period = 1 / self.stream.sfreq
        if piece.missing * period <= self.faults.longest_gap and self.chain.begun:
            times = piece.chunk.times[0] - period * np.arange(piece.missing, 0, -1)
            yield from self.chain.skip(piece.missing, times)
        else:
            self._restart()

    def _restart(self) -> None:
        self._faults.add("gap")
        self.counters.forgotten += self.chain.n_pending - self.chain.n_pending_missing
        self.chain.restart()

    def vectors(self, chunk: Chunk, now: float) -> Iterator[FeatureVector]:
        """Feature vectors of the bins that a chunk fills.

        Those that are too old are left out, but for the newest.
        """
        if self.settings.drop == "never":
            yield from self._cut(chunk, now)
            return
        found = list(self._cut(chunk, now))
        n_old = sum(v.time < now - self.settings.max_age for v in found[:-1])
        for vector in found[:n_old]:
            self.counters.dropped += self.chain.n_in_bin - vector.n_missing
        if n_old:
            self.counters.dropped_bins += n_old
            self._sinks.tell(Event(now, "dropped", n_old, "bins, too old"))
        yield from found[n_old:]

    def _count_pending(self) -> None:
        self.counters.pending = self.chain.n_pending - self.chain.n_pending_missing
