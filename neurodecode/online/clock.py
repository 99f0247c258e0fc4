"""The time that a session lives by: the machine's, or one that a test moves by hand."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "RealClock", "VirtualClock"]


class Clock(Protocol):
    """Seconds from an arbitrary origin that never run backwards."""

    def now(self) -> float:
        """Seconds now."""

    def wait_until(self, moment: float) -> None:
        """Return when the clock shows ``moment``, at once where that is past."""


class RealClock:
    """The machine's monotonic clock, which is also the one of LSL where that runs on Linux."""

    def now(self) -> float:
        """Seconds now."""
        return time.monotonic()

    def wait_until(self, moment: float) -> None:
        """Sleep until then."""
        rest = moment - time.monotonic()
        if rest > 0:
            time.sleep(rest)


class VirtualClock:
    """A clock that stands still until it is moved; waiting moves it.

    Whatever runs on it runs as fast as the machine can and gives the same result each time.

    Parameters
    ----------
    start : float
        What it shows first (s).
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds now."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward.

        Raises
        ------
        ValueError
            Where ``seconds`` is negative or not a number: a clock never runs backwards.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock runs forward only, got {seconds} s")
        self._now += seconds

    def wait_until(self, moment: float) -> None:
        """Move the clock to ``moment`` where that lies ahead."""
        self._now = max(self._now, moment)
