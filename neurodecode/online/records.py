"""What a live session tells: one output a bin, what happened, and what became of every sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from neurodecode.online.latency import Latencies
from neurodecode.online.safety import Command
from neurodecode.online.stream import Array, Chunk

__all__ = ["About", "Counters", "Event", "Output", "Report", "Sink"]


@dataclass(frozen=True)
class About:
    """What a sink is told before anything comes.

    Attributes
    ----------
    channels : tuple of str
        Of the stream.
    sfreq : float
        Samples a second.
    bin_width : float
        Seconds a bin.
    n_dims : int
        Entries of a command.
    """

    channels: tuple[str, ...]
    sfreq: float
    bin_width: float
    n_dims: int


@dataclass(frozen=True)
class Output:
    """One command, with where it came from.

    Attributes
    ----------
    number : int
        From 0, without holes.
    time : float
        When it went out (s, the session's clock).
    command : Command
        What went out.
    mean, cov : (d,), (d, d) or None
        What was decoded; None where no bin stands behind it (the input was late or gone).
    features : (n_features,) or None
        What it was decoded from.
    begin, end : float
        Times of the first and last sample behind it; NaN where there is none.
    source_begin, source_end : float
        The same as the source stamped them.
    age : float
        How old the newest sample behind it was (s); of a late output, how old the newest known is.
    duration : float
        Seconds from the look at the stream to here.
    n_missing : int
        Samples of the bin that were missing.
    bad : float
        Share of the features that were missing or masked.
    faults : tuple of str
        ``gap``, ``nan``, ``clock_jump``, ``lost``, ``stale``: what was not as it should be.
    decoder : int
        0 for the decoder that the session began with, one more after each swap.
    """

    number: int
    time: float
    command: Command
    mean: Array | None
    cov: Array | None
    features: Array | None
    begin: float
    end: float
    source_begin: float
    source_end: float
    age: float
    duration: float
    n_missing: int
    bad: float
    faults: tuple[str, ...]
    decoder: int


@dataclass(frozen=True)
class Event:
    """Something that happened to the session.

    Attributes
    ----------
    time : float
        When (s, the session's clock).
    kind : str
        ``gap``, ``clock_jump``, ``lost``, ``back``, ``dropped``, ``slow``, ``swap``, ``pause``,
        ``sink``, ``end`` (with all counters).
    count : int
        Samples, or bins, that it is about.
    detail : str
        In words.
    """

    time: float
    kind: str
    count: int = 0
    detail: str = ""


@dataclass
class Counters:
    """What became of everything.

    Every sample that arrived is in one place: ``samples`` is the sum of ``used``, ``dropped``,
    ``forgotten`` and what is ``pending``.

    Attributes
    ----------
    samples : int
        Arrived.
    used : int
        In bins that were decoded.
    dropped : int
        Too old: newest data win.
    forgotten : int
        In a bin that could not be filled, because a long gap followed.
    pending : int
        Waiting for their bin to be full.
    missing : int
        Never arrived, by the time stamps.
    nan : int
        Samples with a NaN or infinite value among those that arrived.
    bins, dropped_bins : int
        Decoded; not decoded because they were too old.
    outputs, late : int
        All; those without a bin.
    gaps, jumps, losses, reconnections, stale, bad_bins, swaps, slow, sink_errors : int
        How often.
    """

    samples: int = 0
    used: int = 0
    dropped: int = 0
    forgotten: int = 0
    pending: int = 0
    missing: int = 0
    nan: int = 0
    bins: int = 0
    dropped_bins: int = 0
    outputs: int = 0
    late: int = 0
    gaps: int = 0
    jumps: int = 0
    losses: int = 0
    reconnections: int = 0
    stale: int = 0
    bad_bins: int = 0
    swaps: int = 0
    slow: int = 0
    sink_errors: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every sample that arrived is accounted for."""
        return self.samples == self.used + self.dropped + self.forgotten + self.pending


@dataclass(frozen=True)
class Report:
    """What is left when a session has ended.

    Attributes
    ----------
    counters : Counters
        What became of everything.
    age, duration : Latencies
        Age of the newest sample behind each decoded bin; time from the look at the stream to the
        output.
    seconds : float
        How long it ran.
    """

    counters: Counters
    age: Latencies
    duration: Latencies
    seconds: float
    details: Mapping[str, str] = field(default_factory=dict)


class Sink(Protocol):
    """Where outputs go: a log, an outlet, a dashboard. It must not wait."""

    def open(self, about: About) -> None:
        """Get ready."""

    def samples(self, chunk: Chunk) -> None:
        """Samples as they arrived, with corrected times."""

    def output(self, output: Output) -> None:
        """An output."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def close(self) -> None:
        """Finish; nothing comes any more."""
