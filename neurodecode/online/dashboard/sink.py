"""The dashboard as a sink of a live session: it shows every output and hands on orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from neurodecode.online.dashboard.messages import Order
from neurodecode.online.loop import LiveLoop, Stepping
from neurodecode.online.records import About, Event, Output
from neurodecode.online.stream import Chunk

__all__ = ["DashboardSink", "Screen"]


class Screen(Protocol):
    """Where a session is shown."""

    def show(self, message: Mapping[str, Any]) -> bool:
        """Show a message, or drop it and return False."""

    def orders(self) -> list[Order]:
        """What was asked for since the last call."""


class DashboardSink:
    """See :class:`~neurodecode.online.records.Sink`; it never waits.

    Parameters
    ----------
    screen : Screen
        The page.
    title : str
        What is shown, in words.
    loop : LiveLoop
        The session; orders go to it.
    decoders : mapping of str to Stepping
        Those that can be exchanged; the first is in use.
    """

    def __init__(
        self, screen: Screen, title: str, loop: LiveLoop, decoders: Mapping[str, Stepping]
    ) -> None:
        self.screen = screen
        self.title = title
        self.loop = loop
        self.decoders = dict(decoders)
        self.current = next(iter(decoders))
        self.unseen = 0
        self._names: tuple[str, ...] = ()
        self._began = 0.0

    def open(self, about: About) -> None:
        """Say what there is to see."""
        self._names, self._began = about.channels, self.loop.clock.now()
        dead_man = self.loop.safety.settings.dead_man is not None
        self._send({"about": {
            "title": self.title,
            "simulated": False,
            "decoders": list(self.decoders),
            "decoder": self.current,
            "n_channels": len(about.channels),
            "orders": ["pause", "swap", "stop", *(["alive"] if dead_man else [])],
        }})  # fmt: skip

    def samples(self, chunk: Chunk) -> None:
        """Samples are shown as the features they became."""

    def output(self, output: Output) -> None:
        """Show it, then do what the page wants."""
        self._send({"bin": self._bin(output)})
        for order in self.screen.orders():
            self._obey(order)

    def event(self, event: Event) -> None:
        """Say it in words."""
        count = f" {event.count}" if event.count else ""
        self._send({"event": f"{event.kind.replace('_', ' ')}{count} {event.detail}".strip()})

    def close(self) -> None:
        """Say that it is over."""
        self._send({"event": "The session has ended."})

    def _send(self, message: Mapping[str, Any]) -> None:
        if not self.screen.show(message):
            self.unseen += 1

    def _obey(self, order: Order) -> None:
        loop = self.loop
        if order.do == "pause":
            loop.safety.pause()
        elif order.do == "resume":
            loop.safety.resume()
        elif order.do == "alive":
            loop.safety.alive(loop.clock.now())
        elif order.do == "stop":
            loop.stop()
        elif order.do == "swap" and order.name in self.decoders and order.name != self.current:
            self.current = order.name
            self.decoders[order.name].reset()
            loop.swap(self.decoders[order.name])

    def _bin(self, output: Output) -> dict[str, Any]:
        features = np.full(0, np.nan) if output.features is None else output.features
        bad = np.flatnonzero(~np.isfinite(features))
        named = len(self._names) == len(features)
        moves = list(self.loop.settings.velocity[:2])
        cov = np.full((2, 2), np.nan)
        if output.cov is not None and len(moves) == 2:
            cov = np.asarray(output.cov)[np.ix_(moves, moves)]
        return {
            "number": output.number + 1,
            "time": output.time - self._began,
            "phase": "paused" if output.command.action == "pause" else "streaming",
            "decoder": self.current,
            "cursor": _two(output.command.position),
            "mean": _two(output.command.velocity),
            "cov": cov,
            "signal": features,
            "bad": [self._names[i] if named else str(i) for i in bad],
            "bad_index": bad,
            "latency": None if output.mean is None else 1e6 * output.duration,
            "figures": self._figures(output),
        }

    def _figures(self, output: Output) -> dict[str, str]:
        c, took = self.loop.counters, self.loop.duration
        return {
            "samples": str(c.samples),
            "samples dropped as too old": str(c.dropped),
            "samples that never came": str(c.missing),
            "samples with a NaN": str(c.nan),
            "bins decoded": str(c.bins),
            "outputs without a bin": str(c.late),
            "gaps, clock jumps, losses": f"{c.gaps}, {c.jumps}, {c.losses}",
            "age of the newest sample (ms)": _text(1e3 * output.age, "{:.1f}"),
            "from samples to output (µs), median": _text(1e6 * took.quantile(0.5), "{:.0f}"),
            "from samples to output (µs), 99 %": _text(1e6 * took.quantile(0.99), "{:.0f}"),
            "action": output.command.action,
            "bins not shown here": str(self.unseen),
        }


def _two(values: Any) -> list[float]:
    """First two entries; 0 where there are fewer."""
    return [float(v) for v in (*values, 0.0, 0.0)[:2]]


def _text(value: float, form: str) -> str:
    return form.format(value) if np.isfinite(value) else "n/a"
