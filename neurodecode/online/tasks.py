"""Cursor tasks: where the targets are, and when one counts as chosen.

The workspace is the square from -1 to 1. A key is chosen by dwelling: the cursor stays on it for
the hold time without a break. Where the task shows several keys at once, any of them can be chosen,
so that a wrong choice is possible and counted; a trial that chooses nothing ends at its time-out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import ConfigError
from neurodecode.seeds import generator

__all__ = ["TASKS", "CentreOut", "GridTyping", "RandomTarget", "Session", "Target", "Task", "Trial"]

Array = NDArray[np.float64]
Outcome = Literal["hit", "wrong", "timeout"]


@dataclass(frozen=True)
class Target:
    """A disc in the workspace.

    Attributes
    ----------
    x, y, radius : float
        Centre and radius.
    """

    x: float
    y: float
    radius: float

    @property
    def centre(self) -> Array:
        """Centre, (2,)."""
        return np.array([self.x, self.y])

    def holds(self, cursor: Array) -> bool:
        """Whether the cursor (2,) is on it."""
        return bool(np.hypot(cursor[0] - self.x, cursor[1] - self.y) <= self.radius)


class Task(Protocol):
    """Which targets are asked for, and how they are chosen.

    ``title`` is its name in words.
    """

    title: ClassVar[str]

    @property
    def hold(self) -> float:
        """Seconds on a key until it is chosen."""

    @property
    def timeout(self) -> float:
        """Seconds until a trial ends without a choice."""

    @property
    def resets(self) -> bool:
        """Whether the cursor is put back to the centre before each trial."""

    @property
    def keys(self) -> tuple[Target, ...]:
        """All that can be chosen; empty where only the target of the trial can be."""

    def targets(self, random: np.random.Generator) -> Iterator[Target]:
        """Yield the targets of the trials, without end."""


@dataclass(frozen=True)
class CentreOut:
    """Targets on a circle; every direction once before any comes again.

    Attributes
    ----------
    n_targets : int
        Targets on the circle.
    distance, radius : float
        Radius of the circle; radius of a target.
    """

    title: ClassVar[str] = "Centre-out"
    n_targets: int = 8
    distance: float = 0.8
    radius: float = 0.15
    hold: float = 0.5
    timeout: float = 8.0
    resets: bool = True

    @property
    def keys(self) -> tuple[Target, ...]:
        """The targets of the circle, anticlockwise from the right."""
        angles = 2 * np.pi * np.arange(self.n_targets) / self.n_targets
        return tuple(
            Target(self.distance * float(np.cos(a)), self.distance * float(np.sin(a)), self.radius)
            for a in angles
        )

    def targets(self, random: np.random.Generator) -> Iterator[Target]:
        """Yield shuffled rounds of the circle."""
        while True:
            for index in random.permutation(self.n_targets):
                yield self.keys[index]


@dataclass(frozen=True)
class RandomTarget:
    """One target at a time, anywhere that is at least a third of the side away from the last.

    Attributes
    ----------
    radius : float
        Radius of a target.
    """

    title: ClassVar[str] = "Random targets"
    radius: float = 0.15
    hold: float = 0.5
    timeout: float = 8.0
    resets: bool = False

    @property
    def keys(self) -> tuple[Target, ...]:
        """None: there is nothing else to choose."""
        return ()

    def targets(self, random: np.random.Generator) -> Iterator[Target]:
        """Yield targets that lie wholly inside the workspace."""
        reach, last = 1 - self.radius, np.zeros(2)
        while True:
            place = random.uniform(-reach, reach, 2)
            if np.hypot(*(place - last)) >= 2 / 3:
                last = place
                yield Target(float(place[0]), float(place[1]), self.radius)


@dataclass(frozen=True)
class GridTyping:
    """A square keyboard that fills the workspace; the next letter is drawn from all others.

    Attributes
    ----------
    side : int
        Keys along a side.
    """

    title: ClassVar[str] = "Typing on a grid"
    side: int = 6
    hold: float = 0.5
    timeout: float = 8.0
    resets: bool = False

    def __post_init__(self) -> None:
        if self.side < 2:
            raise ConfigError(f"a grid needs at least 2 keys along a side, got {self.side}")

    @property
    def keys(self) -> tuple[Target, ...]:
        """All keys, row by row from the lower left; their discs touch."""
        radius = 1 / self.side
        centres = -1 + radius * (2 * np.arange(self.side) + 1)
        return tuple(Target(float(x), float(y), radius) for y in centres for x in centres)

    def targets(self, random: np.random.Generator) -> Iterator[Target]:
        """Yield keys, never the same twice in a row."""
        keys, last = self.keys, -1
        while True:
            index = int(random.integers(len(keys)))
            if index != last:
                last = index
                yield keys[index]


TASKS: dict[str, type[CentreOut] | type[RandomTarget] | type[GridTyping]] = {
    "centre-out": CentreOut,
    "random": RandomTarget,
    "grid": GridTyping,
}


@dataclass(frozen=True)
class Trial:
    """What came of one target.

    Attributes
    ----------
    target : Target
        What was asked for.
    origin, final : tuple of float
        Where the cursor was when the target appeared, and when the trial ended.
    start, reached, end : float
        When the target appeared, when the cursor came onto the chosen key for good, and when the
        trial ended (s). Nothing chosen: ``reached`` is the end.
    path : float
        Length of the way until ``reached``.
    outcome : str
        ``hit``, ``wrong`` (another key was chosen) or ``timeout``.
    """

    target: Target
    origin: tuple[float, float]
    final: tuple[float, float]
    start: float
    reached: float
    end: float
    path: float
    outcome: Outcome


class Session:
    """Runs the trials of a task: told where the cursor is, it says which target is on.

    Parameters
    ----------
    task : Task
        Layout and rules.
    seed : int
        Seed of the targets.
    start : float
        When the first target appears (s).
    """

    def __init__(self, task: Task, seed: int, start: float = 0.0) -> None:
        self.task = task
        self.trials: list[Trial] = []
        self._order = task.targets(generator(seed, "task"))
        self._begin(np.zeros(2), start)

    def _begin(self, cursor: Array, time: float) -> Array:
        self.target = next(self._order)
        self._start = time
        self._cursor = np.zeros(2) if self.task.resets else np.array(cursor, dtype=float)
        self._origin = self._cursor.copy()
        self._path = 0.0
        self._on: Target | None = None
        self._since, self._path_since = time, 0.0
        return self._cursor.copy()

    @property
    def holding(self) -> bool:
        """Whether the cursor is on the target that is asked for."""
        return self.target.holds(self._cursor)

    def move(self, cursor: Array, time: float) -> Array:
        """Take the cursor's new place; returns where the next bin begins.

        That is the same place, unless a trial ended and the task puts the cursor back.
        """
        self._path += float(np.hypot(*(cursor - self._cursor)))
        self._cursor = np.array(cursor, dtype=float)
        on = self._key_below(cursor)
        if on != self._on:
            self._on, self._since, self._path_since = on, time, self._path
        # Half a microsecond forgives sums of bins that fall short of the hold by rounding.
        if self._on is not None and time - self._since >= self.task.hold - 5e-7:
            outcome: Outcome = "hit" if self._on == self.target else "wrong"
            return self._end(time, self._since, self._path_since, outcome)
        if time - self._start >= self.task.timeout - 5e-7:
            return self._end(time, time, self._path, "timeout")
        return self._cursor.copy()

    def _key_below(self, cursor: Array) -> Target | None:
        if self.target.holds(cursor):
            return self.target
        return next((key for key in self.task.keys if key.holds(cursor)), None)

    def _end(self, time: float, reached: float, path: float, outcome: Outcome) -> Array:
        origin = (float(self._origin[0]), float(self._origin[1]))
        final = (float(self._cursor[0]), float(self._cursor[1]))
        trial = Trial(self.target, origin, final, self._start, reached, time, path, outcome)
        self.trials.append(trial)
        return self._begin(self._cursor, time)
