"""Simulated voxels: what single-trial betas of visual cortex could look like.

For voxel v of a subject, trial t that shows picture i:

    y_tv = g_t s_v(i) + sigma_v (sqrt(a b) u_tv + sqrt(a (1 - b)) l_tv + sqrt(1 - a) e_tv)

s_v is the voxel's noiseless response, scaled to unit variance over the training pictures; g_t the
trial's gain; u noise inside the signal subspace (a random mixture of the responses to other
pictures); l low-rank noise drawn without regard to the signal; e independent noise; all three of
unit variance. a is the share of correlated noise, b the share of that inside the signal subspace:
noise along the signal's own directions does not average out over voxels (Moreno-Bote et al. 2014,
Nature Neuroscience 17, 1410). sigma_v follows from the voxel's noise ceiling
c_v = 1 / (1 + sigma_v^2 + var g), the share of a single trial's variance that is signal. Because
sigma_v differs between voxels, it bends u a little out of the subspace: about 95 % of its variance
stays inside in the shipped study.

Early voxels: s = sign(m) |m|^0.6 of a weighted sum m of Gabor maps in a Gaussian receptive field
(compressive spatial summation, Kay et al. 2013, Journal of Neurophysiology 110, 481). Ventral
voxels: s = softplus(w'a) of a table of attributes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli
from neurodecode.seeds import generator
from neurodecode.simulate.attributes import attribute_table
from neurodecode.simulate.gabor import N_CHANNELS, gabor_maps, receptive_fields

__all__ = ["Features", "World", "early_signal", "noise", "picture_features", "simulate_subject"]


@dataclass(frozen=True)
class World:
    """Numbers that define the simulated world.

    Attributes
    ----------
    n_voxels : int
        Voxels of a subject, give or take a twentieth.
    noise_ceiling : float
        Median share of a single trial's variance that is signal.
    correlated, inside : float
        Share of the noise that voxels share; share of that inside the signal subspace.
    gain : float
        SD of the trial's gain.
    rank : int
        Rank of the correlated noise outside the signal subspace.
    early : float
        Share of voxels that are early.
    """

    n_voxels: int
    noise_ceiling: float
    correlated: float = 0.3
    inside: float = 0.5
    gain: float = 0.1
    rank: int = 10
    early: float = 0.5


@dataclass(frozen=True)
class Features:
    """What the world's voxels can see of the pictures."""

    maps: Float
    attributes: pd.DataFrame


def picture_features(stimuli: Stimuli) -> Features:
    """Measure all pictures once."""
    return Features(gabor_maps(stimuli.pixels), attribute_table(stimuli))


def early_signal(maps: Float, centres: Float, sizes: Float, tuning: Float) -> Float:
    """Return responses (n_pictures, n_voxels) of early voxels.

    Parameters
    ----------
    maps : (n_pictures, n_channels, 16, 16)
    centres, sizes
        See :func:`~neurodecode.simulate.gabor.receptive_fields`.
    tuning : (n_voxels, n_channels)
        Weight of each channel.
    """
    fields = receptive_fields(centres, sizes)
    pooled = np.einsum("ncyx,vyx->nvc", maps, fields, optimize=True)
    drive = np.einsum("nvc,vc->nv", pooled, tuning)
    compressed: Float = (np.sign(drive) * np.abs(drive) ** 0.6).astype(np.float32)
    return compressed


def _ventral_signal(attributes: pd.DataFrame, tuning: Float) -> Float:
    drive = attributes.to_numpy(np.float32) @ tuning.T
    return np.logaddexp(0, drive).astype(np.float32)


def _signal(
    features: Features, world: World, rng: np.random.Generator
) -> tuple[Float, pd.DataFrame]:
    """Return noiseless responses (n_pictures, n_voxels) and the unit table of one subject."""
    n = int(world.n_voxels * rng.uniform(0.95, 1.0))
    n_early = int(world.early * n)
    centres = rng.uniform(0.08, 0.92, (n_early, 2)).astype(np.float32)
    eccentricity = np.linalg.norm(centres - 0.5, axis=1)
    sizes = (0.04 + 0.15 * eccentricity + rng.exponential(0.02, n_early)).astype(np.float32)
    scale = features.maps.std(axis=(0, 2, 3))
    tuning = rng.normal(size=(n_early, N_CHANNELS)) / scale
    tuned = rng.random(tuning.shape) < 0.3
    tuned[np.arange(n_early), rng.integers(N_CHANNELS, size=n_early)] = True
    tuning *= tuned
    early = early_signal(features.maps, centres, sizes, tuning.astype(np.float32))
    weights = rng.normal(size=(n - n_early, features.attributes.shape[1]))
    weights *= rng.random(weights.shape) < 0.3
    ventral = _ventral_signal(features.attributes, weights.astype(np.float32))
    units = pd.DataFrame(
        {
            "unit": [f"voxel_{k:04d}" for k in range(n)],
            "roi": ["early"] * n_early + ["ventral"] * (n - n_early),
            "x": np.r_[centres[:, 0], np.full(n - n_early, np.nan)],
            "y": np.r_[centres[:, 1], np.full(n - n_early, np.nan)],
            "size": np.r_[sizes, np.full(n - n_early, np.nan)],
        }
    )
    return np.concatenate([early, ventral], axis=1), units


def noise(signal: Float, n_trials: int, world: World, rng: np.random.Generator) -> Float:
    """Draw noise of unit variance a voxel, (n_trials, n_voxels); see the module's equation.

    Parameters
    ----------
    signal : (n_pictures, n_voxels)
        Noiseless responses of zero mean and unit variance.
    """
    n_pictures, n_voxels = signal.shape
    mixture = rng.normal(size=(n_trials, n_pictures)).astype(np.float32) / np.sqrt(n_pictures)
    inside = mixture @ signal
    loadings = rng.normal(size=(world.rank, n_voxels))
    outside = rng.normal(size=(n_trials, world.rank)) @ (
        loadings / np.linalg.norm(loadings, axis=0)
    )
    alone = rng.normal(size=(n_trials, n_voxels))
    shared, within = world.correlated, world.inside
    drawn = (
        np.sqrt(shared * within) * inside
        + np.sqrt(shared * (1 - within)) * outside
        + np.sqrt(1 - shared) * alone
    )
    noisy: Float = drawn.astype(np.float32)
    return noisy


def simulate_subject(
    features: Features,
    train: NDArray[np.bool_],
    shown: NDArray[np.int64],
    world: World,
    seed: int,
    subject: str,
) -> tuple[Float, pd.DataFrame]:
    """Simulate one subject's single trials.

    Parameters
    ----------
    features : Features
        Of all pictures.
    train : bool (n_pictures,)
        Pictures over which responses are scaled.
    shown : int64 (n_trials,)
        Picture of each trial.
    world : World
    seed : int
        Of the world.
    subject : str

    Returns
    -------
    responses : float32 (n_trials, n_voxels)
    units : DataFrame
        ``unit, roi, x, y, size, noise_ceiling``.
    """
    rng = generator(seed, "subject", subject)
    signal, units = _signal(features, world, rng)
    signal = (signal - signal[train].mean(axis=0)) / np.maximum(signal[train].std(axis=0), 1e-6)
    spread = np.exp(rng.normal(scale=0.5, size=signal.shape[1]))
    odds = world.noise_ceiling / (1 - world.noise_ceiling) * spread / np.median(spread)
    ceiling = odds / (1 + odds)
    sigma = np.sqrt(np.maximum(1 / ceiling - 1 - world.gain**2, 0.01)).astype(np.float32)
    gain = rng.normal(1, world.gain, (len(shown), 1)).astype(np.float32)
    drawn = noise(signal[train], len(shown), world, rng)
    responses: Float = (gain * signal[shown] + sigma * drawn).astype(np.float32)
    return responses, units.assign(noise_ceiling=ceiling)
