"""Breaking a stream on purpose: NaN bursts, gaps, jumps of its clock, losses.

What a session does when its source fails is worth knowing before a person depends on it. Faults
come at random moments, with a seed, and everything that is taken away is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from neurodecode.online.clock import Clock
from neurodecode.online.stream import Chunk, Stream, StreamLost
from neurodecode.seeds import generator

__all__ = ["FaultRates", "Faulty"]


@dataclass(frozen=True)
class FaultRates:
    """How often each fault begins (a minute) and how long it lasts at most (s).

    Attributes
    ----------
    nan, gap, jump, kill : float
        Bursts of NaN on some of the channels, missing samples, jumps of the clock (up to 2 s,
        either way), losses of the stream; a minute.
    longest : float
        Durations are uniform up to this (s).
    """

    nan: float = 2.0
    gap: float = 2.0
    jump: float = 0.5
    kill: float = 0.5
    longest: float = 2.0


@dataclass
class Broken:
    """What was done to the stream so far.

    Attributes
    ----------
    faults : dict of str to int
        How often each kind began.
    samples, nan_samples : int
        Taken away; given NaN.
    last : float
        What the source stamped the last sample that was handed on with.
    """

    faults: dict[str, int] = field(default_factory=dict)
    samples: int = 0
    nan_samples: int = 0
    last: float = 0.0


class Faulty:
    """Another stream, with faults; see :class:`~neurodecode.online.stream.Stream`.

    Parameters
    ----------
    stream : Stream
        The one to break.
    clock : Clock
        The session's.
    rates : FaultRates
        What breaks.
    seed : int
        Seed of moments, durations and channels.
    """

    def __init__(self, stream: Stream, clock: Clock, rates: FaultRates, seed: int) -> None:
        self.stream = stream
        self.clock = clock
        self.rates = rates
        self.broken = Broken()
        self._rng = generator(seed, "faults")
        self._until = dict.fromkeys(("nan", "gap", "kill"), -np.inf)
        self._next = dict.fromkeys(("nan", "gap", "jump", "kill"), np.inf)
        self._shift = 0.0
        self._connected = False
        self._bad = np.zeros(0, dtype=bool)

    @property
    def sfreq(self) -> float:
        """Nominal samples a second."""
        return self.stream.sfreq

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self.stream.channels

    @property
    def ended(self) -> bool:
        """Whether the stream behind it ended."""
        return self.stream.ended

    def connect(self) -> None:
        """Connect the stream behind it, once; fails while a loss lasts. Sets the clock right."""
        now = self.clock.now()
        if now < self._until["kill"]:
            raise StreamLost("the stream was killed and is not back yet")
        if self._connected:
            self.broken.samples += len(self.stream.acquire())
            self._shift = 0.0
            return
        self.stream.connect()
        self._connected = True
        for kind in self._next:
            self._schedule(kind, now)

    def acquire(self) -> Chunk:
        """Return what the stream behind it has, broken."""
        now = self.clock.now()
        self._begin(now)
        chunk = self.stream.acquire()
        if now < self._until["kill"]:
            self.broken.samples += len(chunk)
            raise StreamLost("the stream was killed")
        if not len(chunk):
            return chunk
        kept = chunk.times > self._until["gap"]
        self.broken.samples += int((~kept).sum())
        if kept.any():
            self.broken.last = float(chunk.source_times[kept][-1])
        data = chunk.data[kept]
        if now < self._until["nan"]:
            data = data.copy()
            data[:, self._bad] = np.nan
            self.broken.nan_samples += len(data)
        return replace(
            chunk,
            data=data,
            times=chunk.times[kept] + self._shift,
            source_times=chunk.source_times[kept] + self._shift,
        )

    def disconnect(self) -> None:
        """Disconnect the stream behind it."""
        self.stream.disconnect()

    def _schedule(self, kind: str, now: float) -> None:
        rate = getattr(self.rates, kind)
        wait = self._rng.exponential(60 / rate) if rate > 0 else np.inf
        self._next[kind] = now + wait

    def _begin(self, now: float) -> None:
        for kind, moment in self._next.items():
            if now < moment:
                continue
            self.broken.faults[kind] = self.broken.faults.get(kind, 0) + 1
            duration = float(self._rng.uniform(0, self.rates.longest))
            if kind == "jump":
                self._shift += float(self._rng.uniform(-2, 2))
            else:
                self._until[kind] = now + duration
            if kind == "nan":
                n_channels = len(self.channels)
                self._bad = self._rng.random(n_channels) < self._rng.uniform(0, 1)
                self._bad[self._rng.integers(n_channels)] = True
            self._schedule(kind, now + duration)
