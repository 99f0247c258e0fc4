"""Handing outputs, samples and events to all sinks of a session; one that fails is left out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from neurodecode.errors import NeurodecodeError
from neurodecode.online.clock import Clock
from neurodecode.online.records import Counters, Event, Sink

__all__ = ["Sinks"]

LOG = logging.getLogger(__name__)


class Sinks:
    """All sinks of a session.

    Parameters
    ----------
    sinks : sequence of Sink
        One that raises is closed, counted and left out.
    counters : Counters
        Of the session.
    clock : Clock
        Of the session.
    """

    def __init__(self, sinks: Sequence[Sink], counters: Counters, clock: Clock) -> None:
        self.all = list(sinks)
        self._counters = counters
        self._clock = clock

    def tell(self, event: Event) -> None:
        """Hand on an event; the grave ones are logged too."""
        if event.kind in ("lost", "slow", "pause", "sink"):
            LOG.warning("%s %s", event.kind, event.detail)
        self.hand("event", event)

    def hand(self, what: str, *given: Any) -> None:
        """Call the method ``what`` of every sink."""
        for sink in list(self.all):
            self._to(sink, what, *given)

    def _to(self, sink: Sink, what: str, *given: Any) -> None:
        try:
            getattr(sink, what)(*given)
        except (OSError, NeurodecodeError, RuntimeError, ValueError) as error:
            if sink in self.all:
                self.all.remove(sink)
            self._counters.sink_errors += 1
            detail = f"{type(sink).__name__} failed and is left out: {error}"
            self.tell(Event(self._clock.now(), "sink", detail=detail))
            if what != "close":
                self._to(sink, "close")
