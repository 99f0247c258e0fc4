"""What may reach the cursor, the limb or the person: limits that no decoder and no input can break.

A command is a velocity and the position that it leads to. Whatever is asked for, the speed stays
under its limit, the position in its box, both are finite, and time that jumps moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neurodecode.errors import ConfigError
from neurodecode.online.settings import SafetySettings
from neurodecode.online.stream import Array

__all__ = ["Action", "Command", "Safety", "worst"]

Action = Literal["go", "hold", "decay", "pause"]
SEVERITY: tuple[Action, ...] = ("go", "hold", "decay", "pause")


def worst(actions: Sequence[Action]) -> Action:
    """The most careful of some actions; ``go`` where there is none."""
    return max(actions, key=SEVERITY.index, default="go")


@dataclass(frozen=True)
class Command:
    """What goes out.

    Attributes
    ----------
    velocity, position : float64 (d,)
        Within the limits, always.
    time : float
        As it was given (s).
    action : str
        ``go``, or what was done instead: ``hold``, ``decay``, ``pause``.
    limited : tuple of str
        Which guards changed what was asked for: ``nan``, ``speed``, ``box``, ``dead_man``.
    """

    velocity: Array
    position: Array
    time: float
    action: Action
    limited: tuple[str, ...] = ()


class Safety:
    """The last step before the world; see the module.

    A pause lasts until :meth:`resume`. With a dead-man key the output fades unless :meth:`alive`
    was called within the last ``dead_man`` seconds.

    Parameters
    ----------
    settings : SafetySettings
        The limits.
    """

    def __init__(self, settings: SafetySettings) -> None:
        self.settings = settings
        self._low, self._high = np.array(settings.low), np.array(settings.high)
        self._velocity: Array = np.zeros(len(settings.low))
        self._position: Array = (self._low + self._high) / 2
        self._time: float | None = None
        self._alive: float | None = None
        self.paused = False

    @property
    def n_dims(self) -> int:
        """Directions in which the output moves."""
        return len(self._low)

    @property
    def position(self) -> Array:
        """Where the output is, (d,)."""
        return self._position.copy()

    def pause(self) -> None:
        """Stop at once, until :meth:`resume`."""
        self.paused = True
        self._velocity = np.zeros(self.n_dims)

    def resume(self) -> None:
        """Let go again, from rest."""
        self.paused = False

    def alive(self, time: float) -> None:
        """The operator holds the dead-man key at ``time`` (s)."""
        if math.isfinite(time):
            self._alive = time

    def place(self, position: Array) -> None:
        """Put the output somewhere in the box and at rest (a new trial).

        Raises
        ------
        ConfigError
            Where the position is no point of the box.
        """
        position = np.asarray(position, dtype=np.float64)
        inside = position.shape == self._low.shape and bool(
            np.all((position >= self._low) & (position <= self._high))
        )
        if not inside:
            raise ConfigError(
                f"position: must lie in the box from {self._low} to {self._high}, got {position}"
            )
        self._position, self._velocity = position.copy(), np.zeros(self.n_dims)

    def step(self, velocity: Array, time: float, action: Action = "go") -> Command:
        """Return what goes out at ``time``.

        Parameters
        ----------
        velocity : (d,)
            What the decoder wants; looked at only where ``action`` is ``go``.
        time : float
            Seconds; where it does not move forward, nothing moves.
        action : str
            What the state of the input asks for; the guards may be more careful.

        Raises
        ------
        ConfigError
            Where ``velocity`` has not one entry a direction of the box.
        """
        wanted = np.asarray(velocity, dtype=np.float64)
        if wanted.shape != self._low.shape:
            raise ConfigError(
                f"velocity: the box has {self.n_dims} directions, got shape {wanted.shape}; set "
                "safety.low, safety.high and loop.velocity alike"
            )
        limited: list[str] = []
        dt = self._elapsed(time)
        if action == "go" and not np.isfinite(wanted).all():
            action, limited = "hold", ["nan"]
        if self._dead(time):
            action = worst((action, "decay"))
            limited.append("dead_man")
        if self.paused or action == "pause":
            action = "pause"
            self.pause()
        elif action == "go":
            self._velocity = self._clamped(wanted, limited)
        elif action == "decay":
            self._velocity = self._velocity * math.exp(-dt / self.settings.decay_time)
        self._move(dt, limited)
        return Command(self._velocity.copy(), self._position.copy(), time, action, tuple(limited))

    def _elapsed(self, time: float) -> float:
        if not math.isfinite(time):
            return 0.0
        before, self._time = self._time, time
        if before is None or time <= before:
            return 0.0
        return min(time - before, self.settings.longest_step)

    def _dead(self, time: float) -> bool:
        if self.settings.dead_man is None:
            return False
        if self._alive is None or not math.isfinite(time):
            return True
        # A sign from the future is none: the clock that gave it was another one.
        return not 0 <= time - self._alive <= self.settings.dead_man

    def _clamped(self, wanted: Array, limited: list[str]) -> Array:
        largest = float(np.abs(wanted).max())
        if largest == 0:
            return wanted.copy()
        # The norm of the scaled vector cannot overflow.
        norm = float(np.linalg.norm(wanted / largest))
        if norm * largest <= self.settings.top_speed:
            return wanted.copy()
        limited.append("speed")
        clamped: Array = wanted / largest * (self.settings.top_speed / norm)
        return clamped

    def _move(self, dt: float, limited: list[str]) -> None:
        moved = self._position + dt * self._velocity
        self._position = np.clip(moved, self._low, self._high)
        if not np.array_equal(moved, self._position):
            limited.append("box")
