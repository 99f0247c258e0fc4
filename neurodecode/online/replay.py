"""A recording that comes again as if it were live.

On the machine's clock it comes at its true pace; on a virtual clock, which moves as the session
waits, as fast as the machine can. A sample is handed out when its time has come, never before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurodecode.online.clock import Clock
from neurodecode.online.recorded import Recorded, read_recorded
from neurodecode.online.stream import Chunk, Marker, known

__all__ = ["Replay"]


class Replay:
    """A recording as a stream; see :class:`~neurodecode.online.stream.Stream`.

    The first sample is taken the moment the stream is connected.

    Parameters
    ----------
    recording : Path or Recorded
        What to replay; a file is read by :meth:`connect`.
    clock : Clock
        The session's.
    """

    def __init__(self, recording: Path | Recorded, clock: Clock) -> None:
        self.recording = recording
        self.clock = clock
        self._found: Recorded | None = None
        self._start = 0.0
        self._next = 0
        self._next_marker = 0

    @property
    def recorded(self) -> Recorded:
        """What is replayed."""
        found: Recorded = known(self._found, "samples")
        return found

    @property
    def sfreq(self) -> float:
        """Nominal samples a second."""
        return self.recorded.sfreq

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self.recorded.channels

    @property
    def ended(self) -> bool:
        """Whether the last sample was handed out."""
        return self._found is not None and self._next >= len(self._found.data)

    def connect(self) -> None:
        """Read the recording and start it from its first sample; one that has begun goes on.

        Raises
        ------
        DataError
            Where it cannot be read.
        """
        if isinstance(self.recording, Recorded):
            self._found = self.recording
        elif self._found is None:
            self._found = read_recorded(self.recording)
        if self._next and not self.ended:
            return
        self._start = self.clock.now()
        self._next = self._next_marker = 0

    def acquire(self) -> Chunk:
        """Return the samples whose time has come."""
        recorded = self.recorded
        due = self.clock.now() - self._start
        stop = int(np.searchsorted(recorded.times, due, side="right"))
        first, self._next = self._next, max(stop, self._next)
        part = slice(first, self._next)
        return Chunk(
            data=recorded.data[part],
            times=recorded.times[part] + self._start,
            source_times=recorded.times[part],
            markers=self._markers(due),
        )

    def disconnect(self) -> None:
        """Nothing to let go of."""

    def _markers(self, due: float) -> tuple[Marker, ...]:
        markers = self.recorded.markers
        first = self._next_marker
        while self._next_marker < len(markers) and markers[self._next_marker].time <= due:
            self._next_marker += 1
        return tuple(
            Marker(m.time + self._start, m.label) for m in markers[first : self._next_marker]
        )
