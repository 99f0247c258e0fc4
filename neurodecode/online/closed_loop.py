"""A person, their neurons, a decoder and a cursor, bin after bin under a virtual clock.

As in the clinic: in the calibration block the computer moves the cursor to the targets while the
person intends to; the decoder is fitted on those counts and velocities; then the decoder moves the
cursor. Time is counted in bins, so the same seed gives the same run, as fast as the machine can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import ConfigError
from neurodecode.online.metrics import Scores, score
from neurodecode.online.safety import Safety
from neurodecode.online.settings import SafetySettings
from neurodecode.online.tasks import Session, Target, Task, Trial
from neurodecode.online.user import User, toward
from neurodecode.simulate.neurons import Neurons

__all__ = [
    "Block",
    "ClosedLoop",
    "Estimate",
    "Frame",
    "Run",
    "VelocityDecoder",
    "control",
    "observe",
    "stack",
]

Array = NDArray[np.float64]


class Estimate(Protocol):
    """What one step of a decoder returns."""

    @property
    def mean(self) -> Array:
        """Decoded velocity, (2,)."""

    @property
    def cov(self) -> Array:
        """Its covariance, (2, 2)."""


class VelocityDecoder(Protocol):
    """From counts to a velocity, bin after bin."""

    def step(self, y: Array, t: float) -> Estimate:
        """Decode the counts (n_units,) of the bin that ends at ``t`` (s)."""

    def reset(self) -> None:
        """Forget the past."""


@dataclass(frozen=True)
class Frame:
    """One bin.

    Attributes
    ----------
    time : float
        End of the bin (s).
    counts : (n_units,)
        What was recorded in it.
    cursor, velocity : (2,)
        Where the cursor was while it was recorded; how it moved then.
    mean, cov : (2,), (2, 2)
        What was decoded, before the limits.
    target : Target
        What was on show.
    holding : bool
        Whether the cursor was on it.
    """

    time: float
    counts: Array
    cursor: Array
    velocity: Array
    mean: Array
    cov: Array
    target: Target
    holding: bool


@dataclass(frozen=True)
class Block:
    """Frames as arrays, for fitting.

    Attributes
    ----------
    times : (n_times,)
        Ends of the bins (s).
    counts : (n_times, n_units)
    velocities, cursors, targets : (n_times, 2)
    holding : bool (n_times,)
    """

    times: Array
    counts: Array
    velocities: Array
    cursors: Array
    targets: Array
    holding: NDArray[np.bool_]


def stack(frames: Sequence[Frame]) -> Block:
    """Join frames to one block."""
    return Block(
        times=np.array([f.time for f in frames]),
        counts=np.array([f.counts for f in frames]),
        velocities=np.array([f.velocity for f in frames]),
        cursors=np.array([f.cursor for f in frames]),
        targets=np.array([f.target.centre for f in frames]),
        holding=np.array([f.holding for f in frames], dtype=bool),
    )


class ClosedLoop:
    """The world around a decoder; see the module.

    Parameters
    ----------
    neurons : Neurons
        Who is recorded; their bin width is the loop's.
    user : User
        Who intends. May be exchanged between two bins.
    task : Task
        What is asked of them.
    seed : int
        Seed of the targets.
    top_speed : float
        The cursor never moves faster (length/s), nor out of the workspace.
    """

    def __init__(
        self, neurons: Neurons, user: User, task: Task, seed: int, top_speed: float = 2.0
    ) -> None:
        limits = SafetySettings(top_speed=top_speed, longest_step=2 * neurons.bin_width)
        self.safety = Safety(limits)
        self.safety.step(np.zeros(2), 0.0)
        self.neurons = neurons
        self.user = user
        self.task = task
        self.seed = seed
        self.bin_width = neurons.bin_width
        self.n_bins = 0
        self.n_sessions = 0
        self.begin()

    @property
    def time(self) -> float:
        """Seconds since the loop began."""
        return self.n_bins * self.bin_width

    @property
    def cursor(self) -> Array:
        """Where the cursor is, (2,)."""
        return self.safety.position

    def begin(self) -> None:
        """Start new trials of the task, the cursor in the middle."""
        self.session = Session(self.task, self.seed + self.n_sessions, self.time)
        self.n_sessions += 1
        self.safety.place(np.zeros(2))

    def observe(self, gain: float = 2.0, top_speed: float = 0.8) -> Frame:
        """One bin of calibration: the computer moves the cursor straight to the target."""
        counts = self._record()
        velocity = toward(self.cursor, self.session.target.centre, gain, top_speed)
        return self._move(counts, velocity, velocity, np.zeros((2, 2)))

    def control(self, decoder: VelocityDecoder) -> Frame:
        """One bin in which the decoder moves the cursor."""
        counts = self._record()
        decoded = decoder.step(counts, self.time + self.bin_width)
        return self._move(counts, decoded.mean, decoded.mean, decoded.cov)

    def _record(self) -> Array:
        wish = self.user.intend(self.cursor, self.session.target)
        return self.neurons.step(wish, self.cursor).astype(float)

    def _move(self, counts: Array, wanted: Array, mean: Array, cov: Array) -> Frame:
        before, target, holding = self.cursor, self.session.target, self.session.holding
        self.n_bins += 1
        command = self.safety.step(wanted, self.time)
        after = self.session.move(command.position, self.time)
        if not np.array_equal(after, command.position):
            self.safety.place(after)
        return Frame(self.time, counts, before, command.velocity, mean, cov, target, holding)


def observe(loop: ClosedLoop, seconds: float) -> Block:
    """Run a calibration block; afterwards new trials begin."""
    frames = [loop.observe() for _ in range(_bins(loop, seconds))]
    loop.begin()
    return stack(frames)


@dataclass(frozen=True)
class Run:
    """What came of a time of control.

    Attributes
    ----------
    block : Block
        All bins.
    trials : tuple of Trial
        Those that ended.
    scores : Scores
        Their figures.
    """

    block: Block
    trials: tuple[Trial, ...]
    scores: Scores


def control(
    loop: ClosedLoop,
    decoder: VelocityDecoder,
    seconds: float,
    adapt: Callable[[Block], VelocityDecoder] | None = None,
    every: float = 60.0,
) -> Run:
    """Let a decoder move the cursor.

    Parameters
    ----------
    loop : ClosedLoop
        The world; the trials go on from where they are.
    decoder : VelocityDecoder
        Fitted; reset first.
    seconds : float
        For how long.
    adapt : callable
        From the bins since the last call to the decoder that goes on; None: nothing adapts.
    every : float
        Seconds between two calls of ``adapt``.
    """
    decoder.reset()
    n_bins, period = _bins(loop, seconds), _bins(loop, every)
    frames: list[Frame] = []
    done = len(loop.session.trials)
    for i in range(1, n_bins + 1):
        frames.append(loop.control(decoder))
        if adapt is not None and i % period == 0 and i < n_bins:
            decoder = adapt(stack(frames[-period:]))
    trials = tuple(loop.session.trials[done:])
    scores = score(trials, len(loop.task.keys), loop.task.timeout)
    return Run(stack(frames), trials, scores)


def _bins(loop: ClosedLoop, seconds: float) -> int:
    n_bins = round(seconds / loop.bin_width)
    if n_bins < 1:
        raise ConfigError(f"a block must last at least one bin ({loop.bin_width:g} s)")
    return n_bins
