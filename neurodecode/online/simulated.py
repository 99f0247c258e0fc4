"""A stream whose samples are drawn when they are due: from simulated neurons, or any function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurodecode.online.clock import Clock
from neurodecode.online.stream import Array, Chunk

__all__ = ["Simulated"]


class Simulated:
    """Samples at an even pace; see :class:`~neurodecode.online.stream.Stream`.

    Parameters
    ----------
    draw : callable
        From a sample's time (s since the stream was connected) to its values (n_channels,).
    channels : tuple of str
        Names of the channels.
    sfreq : float
        Samples a second.
    clock : Clock
        The session's.
    duration : float
        Seconds after which it ends.
    """

    def __init__(
        self,
        draw: Callable[[float], Array],
        channels: tuple[str, ...],
        sfreq: float,
        clock: Clock,
        duration: float = np.inf,
    ) -> None:
        self.draw = draw
        self.channels = channels
        self.sfreq = sfreq
        self.clock = clock
        self.duration = duration
        self._start = 0.0
        self._next = 0

    @property
    def ended(self) -> bool:
        """Whether the duration is over and all of it was handed out."""
        return self._next >= self.duration * self.sfreq

    def connect(self) -> None:
        """Start, the first sample one period from now; what has begun goes on."""
        if self._next and not self.ended:
            return
        self._start = self.clock.now()
        self._next = 0

    def acquire(self) -> Chunk:
        """Draw and return the samples that are due."""
        due = min(self.clock.now() - self._start, self.duration)
        # Rounded, so that a sample due now is not late by the last bit.
        stop = int(np.floor(due * self.sfreq + 1e-6))
        first, self._next = self._next, max(stop, self._next)
        times = np.arange(first + 1, self._next + 1) / self.sfreq
        if not len(times):
            return Chunk.empty(len(self.channels))
        data = np.array([self.draw(float(time)) for time in times], dtype=np.float64)
        return Chunk(data, times + self._start, times)

    def disconnect(self) -> None:
        """Nothing to let go of."""
