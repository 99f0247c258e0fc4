"""What is not signal: noise that voxels share, trial gains, head motion, drift.

Noise of unit variance a voxel is

    n_v = sqrt(c b) u_v + sqrt(c (1 - b)) l_v + sqrt(1 - c) e_v

with c the share that voxels have in common and b the part of it inside the signal subspace: u is
a random mixture of the brain's own responses to pictures and does not average out over voxels
(Moreno-Bote et al. 2014, Nature Neuroscience 17, 1410); l has a low rank and nothing to do with
the signal; e is each voxel's own. In time all three are AR(1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import toeplitz
from scipy.stats import norm

from neurodecode.contracts import Float
from neurodecode.simulate.world import Noise, Schedule

__all__ = [
    "MOTION",
    "HeadMotion",
    "NoiseSpace",
    "ar_covariance",
    "ar_levels",
    "ar_noise",
    "draw_gains",
    "drift_basis",
    "gain_variance",
    "head_motion",
    "noise_space",
]

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
HEAD_RADIUS = 50.0  # mm, turns rotations into ways (Power et al. 2012)
USUAL_WAY = 0.2  # mm, of a parameter within a run
CUTOFF = 128.0  # s, of the drift
RANK_INSIDE = 60
Double = NDArray[np.float64]
Level = NDArray[np.int64]
Colour = Callable[[Float, int | None], Float]


@dataclass(frozen=True)
class NoiseSpace:
    """How noise is spread over voxels.

    Attributes
    ----------
    inside : float32 (k, n_voxels)
        Loadings along the signal's directions, unit variance a voxel.
    outside : float32 (rank, n_voxels)
        The same for directions that have nothing to do with it.
    correlated, share_inside : float
        c and b of the module's equation.
    """

    inside: Float
    outside: Float
    correlated: float
    share_inside: float

    @property
    def factor(self) -> Float:
        """Loadings (k + rank, n_voxels) of all that voxels share: ``factor' factor``."""
        c, b = self.correlated, self.share_inside
        loadings = [np.sqrt(c * b) * self.inside, np.sqrt(c * (1 - b)) * self.outside]
        return np.concatenate(loadings).astype(np.float32)

    def draw(self, n: int, colour: Colour, levels: Level, rng: np.random.Generator) -> Float:
        """Draw noise (n_rows, n_voxels) of unit variance before ``colour``.

        Parameters
        ----------
        n : int
            White rows that go into ``colour``.
        colour : callable
            Gives white columns their covariance over rows; told the AR level, None for the mean.
        levels : int64 (n_voxels,)
            AR level of each voxel.
        """
        factor = self.factor
        shared = colour(rng.standard_normal((n, len(factor)), np.float32), None)
        drawn = shared @ factor
        alone = rng.standard_normal((n, factor.shape[1]), np.float32)
        for level in np.unique(levels):
            own = levels == level
            drawn[:, own] += float(np.sqrt(1 - self.correlated)) * colour(alone[:, own], int(level))
        return drawn


def noise_space(noise: Noise, signal: Float, outside: Float) -> NoiseSpace:
    """Build the noise of a brain.

    Parameters
    ----------
    noise : Noise
    signal : (n_pictures, n_voxels)
        Noiseless responses of zero mean and unit variance.
    outside : (n_voxels, rank)
        Random loadings.
    """
    n = len(signal)
    _, vectors = np.linalg.eigh(signal.astype(np.float64) @ signal.T)
    kept = vectors[:, ::-1][:, : min(RANK_INSIDE, n - 1)]
    inside = (kept.T @ signal).astype(np.float32)
    inside /= np.linalg.norm(inside, axis=0)
    loadings = (outside / np.linalg.norm(outside, axis=1, keepdims=True)).T.astype(np.float32)
    return NoiseSpace(inside, loadings, noise.correlated, noise.inside)


def ar_levels(noise: Noise) -> Double:
    """Return the five AR(1) coefficients that voxels have, in equal numbers."""
    mean, sd = noise.ar
    levels: Double = np.clip(mean + sd * norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9]), 0, 0.9)
    return levels


def ar_covariance(n_times: int, coefficient: float) -> Double:
    """Return the covariance (n_times, n_times) of AR(1) noise of unit variance."""
    covariance: Double = toeplitz(coefficient ** np.arange(n_times))
    return covariance


def ar_noise(white: Float, coefficient: float) -> Float:
    """Turn white noise (n_times, n) into AR(1) noise of unit variance, in place."""
    fresh = np.float32(np.sqrt(1 - coefficient**2))
    for k in range(1, len(white)):
        white[k] = coefficient * white[k - 1] + fresh * white[k]
    return white


def draw_gains(trials: pd.DataFrame, noise: Noise, rng: np.random.Generator) -> Double:
    """Draw the gain of each trial (n_trials,), in order of showing.

    Chance, adaptation to pictures seen before, fatigue within a run, and lapses of attention that
    last a few trials.
    """
    n = len(trials)
    seen = trials["repeat"].to_numpy() > 0
    place = trials.groupby("run")["onset"].transform(lambda t: (t - t.min()) / max(np.ptp(t), 1))
    gain = rng.normal(1, noise.gain, n) * (1 - noise.adaptation * seen)
    gain *= 1 - noise.fatigue * (place.to_numpy() - 0.5)
    start, end, within = noise.lapse
    away = False
    for k, chance in enumerate(rng.random(n)):
        away = chance > end if away else chance < start
        if away:
            gain[k] *= within
    return gain


def gain_variance(noise: Noise) -> float:
    """Return the variance of a trial's gain from chance and lapses."""
    start, end, within = noise.lapse
    lapsed = start / (start + end) if start else 0.0
    return noise.gain**2 + lapsed * (1 - lapsed) * (1 - within) ** 2


@dataclass(frozen=True)
class HeadMotion:
    """Motion of the head in one run.

    Attributes
    ----------
    parameters : float64 (n_times, 6)
        Translations (mm) and rotations (rad), in the order of ``MOTION``.
    displacement : float64 (n_times,)
        Framewise displacement, mm (Power et al. 2012, NeuroImage 59, 2142); 0 at the start.
    jerks : float64 (n_times,)
        Displacement (mm) by a jerk, 0 elsewhere.
    """

    parameters: Double
    displacement: Double
    jerks: Double

    @property
    def ways(self) -> Double:
        """Parameters in units of what is usual within a run."""
        ways: Double = self.parameters * np.array([1, 1, 1] + [HEAD_RADIUS] * 3) / USUAL_WAY
        return ways


def head_motion(n_times: int, noise: Noise, rng: np.random.Generator) -> HeadMotion:
    """Draw a random walk that is pulled back to 0, with rare jerks that stay in part."""
    jerks = np.where(rng.random(n_times) < noise.spike_rate, rng.gamma(3, 0.25, n_times), 0)
    jerks[0] = 0
    way = rng.normal(size=(n_times, 6))
    steps = 0.02 * rng.normal(size=(n_times, 6)) + (
        jerks[:, None] * way / np.abs(way).sum(axis=1, keepdims=True)
    )
    steps[0] = 0
    for k in range(1, n_times):
        steps[k] += 0.98 * steps[k - 1]
    moved = np.abs(np.diff(steps, axis=0, prepend=steps[:1])).sum(axis=1)
    parameters = steps / np.array([1, 1, 1] + [HEAD_RADIUS] * 3)
    return HeadMotion(parameters, moved, jerks)


def drift_basis(schedule: Schedule, n_times: int) -> Double:
    """Return slow cosines (n_times, k), periods of 128 s and more, each of unit variance."""
    k = int(np.floor(2 * n_times * schedule.tr / CUTOFF))
    phase = np.pi * (np.arange(n_times) + 0.5)[:, None] / n_times
    basis: Double = np.sqrt(2) * np.cos(phase * np.arange(1, max(k, 1) + 1))
    return basis
