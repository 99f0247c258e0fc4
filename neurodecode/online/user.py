"""The person who moves the cursor: simulated, or a real one at the mouse.

A simulated user sees the cursor late, adds what they intended since then (their own forward
model), heads for the target and slows down near it, with noise that grows with speed (Harris &
Wolpert 1998, Nature 394, 780). They may learn: where the cursor keeps leaving to one side of the
intended direction, they aim to the other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import ConfigError
from neurodecode.online.tasks import Target
from neurodecode.seeds import generator

__all__ = ["HandUser", "SimulatedUser", "User", "UserSettings", "toward"]

Array = NDArray[np.float64]


class User(Protocol):
    """Whoever intends a velocity, bin after bin."""

    def intend(self, cursor: Array, target: Target) -> Array:
        """Intended velocity (2,) now, for the cursor (2,) and the target on show."""


@dataclass(frozen=True)
class UserSettings:
    """Numbers that define a simulated user.

    Attributes
    ----------
    delay : float
        How old what they see is (s).
    gain : float
        Speed they want over the distance that is left (1/s).
    top_speed : float
        Never faster than this (length/s).
    noise, jitter : float
        SD of the intended velocity's noise: as a share of the speed; at rest (length/s).
    learning : float
        How fast they make up for a turned cursor (1/s); 0: they do not.
    """

    delay: float = 0.15
    gain: float = 3.0
    top_speed: float = 1.0
    noise: float = 0.2
    jitter: float = 0.05
    learning: float = 0.0

    def __post_init__(self) -> None:
        if min(self.delay, self.noise, self.jitter, self.learning) < 0:
            raise ConfigError("delay, noise, jitter and learning of a user must not be negative")
        if min(self.gain, self.top_speed) <= 0:
            raise ConfigError("gain and top_speed of a user must be above 0")


def toward(cursor: Array, goal: Array, gain: float, top_speed: float) -> Array:
    """Velocity (2,) straight to a goal: gain times the distance, at most the top speed."""
    velocity = gain * (goal - cursor)
    speed = float(np.hypot(velocity[0], velocity[1]))
    if speed > top_speed:
        velocity *= top_speed / speed
    return velocity


class SimulatedUser:
    """See the module.

    Parameters
    ----------
    settings : UserSettings
        The person.
    bin_width : float
        Seconds between two calls of :meth:`intend`.
    seed : int
        Seed of their noise.
    """

    def __init__(self, settings: UserSettings, bin_width: float, seed: int) -> None:
        self.settings = settings
        self.bin_width = bin_width
        self.turn = 0.0
        self._random = generator(seed, "user")
        late = round(settings.delay / bin_width)
        self._seen: deque[Array] = deque(maxlen=late + 1)
        self._wanted: deque[Array] = deque(maxlen=late + 1)

    def intend(self, cursor: Array, target: Target) -> Array:
        """Intended velocity (2,); the wish turned by what was learned, with motor noise."""
        s = self.settings
        if self._seen and np.hypot(*(cursor - self._seen[-1])) > 4 * s.top_speed * self.bin_width:
            self._seen.clear()  # the task put the cursor elsewhere: nobody could miss that
            self._wanted.clear()
        before = self._seen[0] if self._seen else None
        self._seen.append(np.array(cursor, dtype=float))
        if before is not None and len(self._seen) == self._seen.maxlen:
            self._learn(self._seen[0] - before)
        since = list(self._wanted)[-(len(self._seen) - 1) :] if len(self._seen) > 1 else []
        expected = self._seen[0] + self.bin_width * np.sum([np.zeros(2), *since], axis=0)
        wish = toward(expected, target.centre, s.gain, s.top_speed)
        self._wanted.append(wish)
        spread = np.hypot(s.jitter, s.noise * np.hypot(*wish))
        noise: Array = spread * self._random.normal(size=2)
        return _turned(wish, -self.turn) + noise

    def _learn(self, moved: Array) -> None:
        """Compare how the cursor moved with what was wished for that bin."""
        rate = self.settings.learning * self.bin_width
        if not rate or len(self._wanted) < 2:
            return
        wish = self._wanted[0]
        strength = min(float(np.hypot(*wish)) / self.settings.top_speed, 1.0)
        across = wish[0] * moved[1] - wish[1] * moved[0]
        self.turn += rate * strength * float(np.arctan2(across, wish @ moved))


class HandUser:
    """A real person: they point, and the cursor should come.

    Attributes
    ----------
    goal : (2,)
        Where they point; set from outside.
    """

    def __init__(self, gain: float = 3.0, top_speed: float = 1.0) -> None:
        self.gain = gain
        self.top_speed = top_speed
        self.goal: Array = np.zeros(2)

    def intend(self, cursor: Array, target: Target) -> Array:
        """Velocity from the cursor to where they point; the target is theirs to see."""
        return toward(cursor, self.goal, self.gain, self.top_speed)


def _turned(vector: Array, angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * vector[0] - sin * vector[1], sin * vector[0] + cos * vector[1]])
