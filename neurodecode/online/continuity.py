"""Whether samples follow each other evenly: gaps, clocks that jump, time that is mended.

Sources number no samples; what is missing shows in the time stamps alone. A step that is too long
is a gap, with as many samples missing as would have fitted in. A step backwards, or into the
future, is the source's clock: from there on its times are shifted so that the newest sample is as
old as the freshest one was before; the uncorrected times stay beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from neurodecode.online.stream import Array, Chunk

__all__ = ["Continuity", "Piece"]

LATEST = 1e11
"""Seconds; beyond it a stamp is no time, and double precision would lose the milliseconds."""


@dataclass(frozen=True)
class Piece:
    """Samples without a break, and what came before the first of them.

    Attributes
    ----------
    chunk : Chunk
        With times that only go forward.
    missing : int
        Samples missing just before it.
    jumped : bool
        Whether the source's clock jumped just before it.
    """

    chunk: Chunk
    missing: int = 0
    jumped: bool = False


class Continuity:
    """Cuts chunks where something is missing or the clock jumps.

    Parameters
    ----------
    sfreq : float
        Nominal samples a second.
    tolerance : float
        Samples by which a step may be too long without anything being missing.
    """

    def __init__(self, sfreq: float, tolerance: float) -> None:
        self.sfreq = sfreq
        self.tolerance = tolerance
        self._last: float | None = None
        self.reconnected()

    def reconnected(self) -> None:
        """Forget the clock of the source: it was connected again. The last sample stays known."""
        self._shift = 0.0
        self._latency = np.inf

    @property
    def shift(self) -> float:
        """Seconds that are added to the times of the source's clock now."""
        return self._shift

    def cut(self, chunk: Chunk, now: float) -> Iterator[Piece]:
        """Yield the pieces of a chunk that was acquired at ``now`` (s), without its markers."""
        if not len(chunk):
            return
        chunk = replace(chunk, markers=())
        if not (np.abs(chunk.times) < LATEST).all():
            times = np.where(np.abs(chunk.times) < LATEST, chunk.times, np.nan)
            chunk = replace(chunk, times=times)
        period = 1 / self.sfreq
        allowed = (1 + self.tolerance) * period
        before = chunk.times[0] - period if self._last is None else self._last - self._shift
        steps = np.diff(chunk.times, prepend=before)
        ahead = chunk.times + self._shift > now + allowed
        # NaN is no time at all: it compares false and counts as a jump.
        even = (steps > 0) & (steps <= allowed) & ~ahead
        if even.all():
            yield self._even(chunk)
        else:
            cuts = [int(i) for i in np.flatnonzero(~even) if i > 0]
            bounds = [0, *cuts, len(chunk)]
            for start, stop in pairwise(bounds):
                part = chunk.part(start, stop)
                yield self._piece(part, now, now - (len(chunk) - stop) * period, allowed)
        if self._last is not None:
            self._latency = min(self._latency, max(now - self._last, 0.0))

    def _piece(self, part: Chunk, now: float, arrived: float, allowed: float) -> Piece:
        """``arrived`` is when the last sample of the part should have come."""
        time, period = part.times[0] + self._shift, 1 / self.sfreq
        before = time - period if self._last is None else self._last
        if before < time <= now + allowed:
            return self._even(part, missing=self._lacking(time - before, allowed))
        latency = self._latency if np.isfinite(self._latency) else 0.0
        earliest = arrived - len(part) * period if self._last is None else self._last
        end = max(earliest + len(part) * period, arrived - latency)
        times: Array = end - period * np.arange(len(part) - 1, -1, -1, dtype=np.float64)
        if np.isfinite(part.times[-1]):
            self._shift = float(end - part.times[-1])
        missing = self._lacking(float(times[0]) - earliest, allowed)
        self._last = end
        return Piece(replace(part, times=times), missing=missing, jumped=True)

    def _lacking(self, step: float, allowed: float) -> int:
        return 0 if step <= allowed else max(round(step * self.sfreq) - 1, 0)

    def _even(self, chunk: Chunk, missing: int = 0) -> Piece:
        if self._shift:
            chunk = replace(chunk, times=chunk.times + self._shift)
        self._last = float(chunk.times[-1])
        return Piece(chunk, missing=missing)
