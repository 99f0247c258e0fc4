"""Simulated motor cortex: units whose rates follow the velocity that a person intends.

At time t the rate of unit i (Hz) is

    r_i = max(b_i e^{w_i} + d_i (u_i . v) + p_i . x - s (a_i - b_i e^{w_i}), 0)

with baseline b_i, preferred direction u_i and depth d_i for the intended velocity v (Georgopoulos
et al. 1982, Journal of Neuroscience 2, 1527; linear in speed as in Moran & Schwartz 1999, Journal
of Neurophysiology 82, 2676), gradient p_i over the position x, and spike-frequency adaptation of
strength s to the unit's own low-passed rate a_i. Counts in a bin are Poisson with a
gamma-distributed mean, so that their variance is ``fano`` times their mean. The recording does not
stay as it was: log baselines w_i and the angles of u_i walk at random, and units fall silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import ConfigError
from neurodecode.seeds import generator

__all__ = ["Drift", "NeuronSettings", "Neurons"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """How fast the recording changes.

    Attributes
    ----------
    baseline : float
        SD of the change of a log baseline after one minute.
    turn : float
        SD of the turn of a preferred direction after one minute (rad).
    loss : float
        Share of the units that fall silent in a minute.
    """

    baseline: float = 0.0
    turn: float = 0.0
    loss: float = 0.0

    def __post_init__(self) -> None:
        if min(self.baseline, self.turn, self.loss) < 0 or self.loss >= 1:
            raise ConfigError(f"drift must not be negative, and loss below 1, got {self}")


@dataclass(frozen=True)
class NeuronSettings:
    """Numbers that define the population; ranges are drawn from uniformly.

    Attributes
    ----------
    n_units : int
        Units recorded.
    baseline : (float, float)
        Range of baselines (Hz).
    depth : (float, float)
        Range of the rate's change per unit of speed along the preferred direction (Hz).
    place : float
        SD of the rate's gradient over position (Hz per unit of length).
    fano : float
        Variance of a count over its mean, at least 1 (1: Poisson).
    adaptation : float
        Strength s of spike-frequency adaptation; 0: none.
    adaptation_time : float
        Time constant of the low-passed rate (s).
    drift : Drift
        How fast the recording changes.
    """

    n_units: int = 96
    baseline: tuple[float, float] = (5.0, 25.0)
    depth: tuple[float, float] = (2.0, 12.0)
    place: float = 1.0
    fano: float = 1.5
    adaptation: float = 0.2
    adaptation_time: float = 0.5
    drift: Drift = Drift()

    def __post_init__(self) -> None:
        if self.n_units < 1:
            raise ConfigError(f"n_units must be at least 1, got {self.n_units}")
        if self.fano < 1:
            raise ConfigError(f"fano must be at least 1 (Poisson), got {self.fano:g}")
        if self.adaptation < 0 or self.adaptation_time <= 0:
            raise ConfigError("adaptation must not be negative, and its time above 0 s")


class Neurons:
    """A population that is asked for its counts bin after bin.

    The tuning, the drift and the counting noise have seeds of their own: two decoders that are
    driven by the same seed meet the same units, changing in the same way, whatever was intended.

    Parameters
    ----------
    settings : NeuronSettings
        The population.
    bin_width : float
        Seconds that one call of :meth:`step` stands for.
    seed : int
        Seed of all that is random.
    """

    def __init__(self, settings: NeuronSettings, bin_width: float, seed: int) -> None:
        if bin_width <= 0:
            raise ConfigError(f"bin_width must be above 0 s, got {bin_width:g}")
        self.settings = settings
        self.bin_width = bin_width
        n = settings.n_units
        tuning = generator(seed, "neurons", "tuning")
        self.baselines: Array = tuning.uniform(*settings.baseline, n)
        self.depths: Array = tuning.uniform(*settings.depth, n)
        self.angles: Array = tuning.uniform(-np.pi, np.pi, n)
        self.places: Array = settings.place * tuning.normal(size=(n, 2))
        self._walk = generator(seed, "neurons", "drift")
        self._noise = generator(seed, "neurons", "counts")
        scale = np.inf if settings.drift.loss == 0 else -60 / np.log1p(-settings.drift.loss)
        self._silent_from: Array = scale * self._walk.exponential(size=n)
        self._low_passed = self.baselines.copy()
        self.time = 0.0

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Which units have fallen silent, (n_units,)."""
        return self.time >= self._silent_from

    def rates(self, velocity: Array, position: Array) -> Array:
        """Rates now (Hz), (n_units,), for an intended velocity (2,) and a position (2,)."""
        along = np.cos(self.angles) * velocity[0] + np.sin(self.angles) * velocity[1]
        drive = self.baselines + self.depths * along + self.places @ position
        tired = self.settings.adaptation * (self._low_passed - self.baselines)
        rates: Array = np.maximum(drive - tired, 0)
        rates[self.silent] = 0
        return rates

    def step(self, velocity: Array, position: Array) -> NDArray[np.int64]:
        """Return the counts of the next bin, (n_units,), and let the recording change."""
        rates = self.rates(velocity, position)
        share = -np.expm1(-self.bin_width / self.settings.adaptation_time)
        self._low_passed += share * (rates - self._low_passed)
        self._drift()
        self.time += self.bin_width
        return self._counts(rates * self.bin_width)

    def _drift(self) -> None:
        drift, minutes = self.settings.drift, self.bin_width / 60
        if drift.baseline:
            moved = drift.baseline * np.sqrt(minutes) * self._walk.normal(size=len(self.angles))
            factor = np.exp(moved)
            self._low_passed *= factor  # a changed baseline alone tires nobody
            self.baselines *= factor
        if drift.turn:
            turned = drift.turn * np.sqrt(minutes) * self._walk.normal(size=len(self.angles))
            self.angles += turned

    def _counts(self, means: Array) -> NDArray[np.int64]:
        excess = self.settings.fano - 1
        if excess:
            means = excess * self._noise.standard_gamma(means / excess)
        return self._noise.poisson(means)
