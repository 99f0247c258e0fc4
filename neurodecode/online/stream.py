"""What every live source of samples offers, and what it hands out.

A stream is connected, asked for what has arrived since it was last asked, and disconnected. It
never waits: who asks too late finds more samples, who asks too early none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import DataError

__all__ = ["Array", "Chunk", "Marker", "Stream", "StreamLost"]

Array = NDArray[np.float64]


class StreamLost(Exception):
    """The source stopped answering; connecting again may bring it back."""


@dataclass(frozen=True)
class Marker:
    """Something that happened at a moment.

    Attributes
    ----------
    time : float
        When, on the clock of the session (s).
    label : str
        What.
    """

    time: float
    label: str


@dataclass(frozen=True)
class Chunk:
    """Samples that arrived together.

    Attributes
    ----------
    data : float64 (n_samples, n_channels)
        Signal, unit of the source. NaN where a channel gave nothing.
    times : float64 (n_samples,)
        When each sample was taken, on the clock of the session (s).
    source_times : float64 (n_samples,)
        The same as the source stamped it, uncorrected.
    markers : tuple of Marker
        What happened meanwhile, in order of time.
    """

    data: Array
    times: Array
    source_times: Array
    markers: tuple[Marker, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.data)
        if self.data.ndim != 2 or self.times.shape != (n,) or self.source_times.shape != (n,):
            raise DataError(
                "chunk: data must be (n_samples, n_channels) with one time and one source time a "
                f"sample, got {self.data.shape}, {self.times.shape}, {self.source_times.shape}"
            )

    def __len__(self) -> int:
        return len(self.data)

    def part(self, start: int, stop: int) -> Chunk:
        """Samples ``start`` to ``stop``, without the markers."""
        return Chunk(self.data[start:stop], self.times[start:stop], self.source_times[start:stop])

    @staticmethod
    def empty(n_channels: int) -> Chunk:
        """A chunk of no samples."""
        return Chunk(np.empty((0, n_channels)), np.empty(0), np.empty(0))


class Stream(Protocol):
    """A live source of samples.

    Attributes
    ----------
    sfreq : float
        Nominal samples a second; known once connected.
    channels : tuple of str
        Names of the channels; known once connected.
    """

    @property
    def sfreq(self) -> float:
        """Nominal samples a second."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again (a recording's end)."""

    def connect(self) -> None:
        """Begin, or begin again after a loss; safe where it is connected.

        Raises
        ------
        StreamLost
            Where the source does not answer now.
        """

    def acquire(self) -> Chunk:
        """Return what has arrived since the last call, oldest first; does not wait.

        Raises
        ------
        StreamLost
            Where the source is gone.
        """

    def disconnect(self) -> None:
        """Stop; safe at any time and more than once."""


def known(value: Any, what: str) -> Any:
    """Return what is known only once a stream is connected."""
    if value is None:
        raise DataError(f"{what} of a stream are known only once it is connected")
    return value
