"""Find a brain's own numbers again from what it gives: is what is drawn what was meant?

Nothing here knows the truth of a voxel; it knows the world's equations and the mean HRF.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.simulate.bold import BoldRun
from neurodecode.simulate.features import MAP_SIDE, Features
from neurodecode.simulate.glm import mean_curve
from neurodecode.simulate.hrf import curves, design
from neurodecode.simulate.noise import MOTION, ar_covariance, drift_basis
from neurodecode.simulate.world import World

__all__ = ["fit_ar", "fit_centres", "fit_delay"]

Double = NDArray[np.float64]
DELAYS = np.arange(2.5, 9.01, 0.25)
COEFFICIENTS = np.linspace(0, 0.9, 19)


def fit_ar(world: World, runs: Iterable[BoldRun]) -> Double:
    """Return the AR(1) coefficient (n_voxels,) of the noise.

    Residuals of the trial-wise GLM are less correlated than the noise, because the fit takes its
    share. The ratio of their first two autocovariances is compared with what noise of each
    coefficient would leave, which the design tells (Worsley et al. 2002, NeuroImage 15, 1).
    """
    expected, found = np.zeros((2, len(COEFFICIENTS))), np.zeros((2, 1))
    for run in runs:
        n_times = len(run.data)
        trials = design(
            mean_curve(world.hrf, world.schedule.duration),
            run.events["onset"].to_numpy(float),
            n_times,
            world.schedule.tr,
        )[0]
        model = np.concatenate([trials, _nuisance(world, run)], axis=1)
        maker = np.eye(n_times) - model @ np.linalg.pinv(model)
        left = maker @ run.data
        moments = np.stack([np.square(left).sum(axis=0), (left[1:] * left[:-1]).sum(axis=0)])
        found = found + moments
        for k, coefficient in enumerate(COEFFICIENTS):
            covariance = maker @ ar_covariance(n_times, coefficient) @ maker
            expected[:, k] += np.trace(covariance), np.trace(covariance, offset=1)
    ratio: Double = np.interp(found[1] / found[0], expected[1] / expected[0], COEFFICIENTS)
    return ratio


def fit_delay(world: World, runs: Iterable[BoldRun]) -> Double:
    """Return the delay of the HRF (n_voxels,), s.

    One regressor for all pictures of a run, of the mean width and undershoot; the delay is that of
    the best fit, between the grid's points by a parabola.
    """
    width, undershoot = (np.full(len(DELAYS), part[0]) for part in
                         (world.hrf.width, world.hrf.undershoot))  # fmt: skip
    responses = curves(DELAYS, width, undershoot, world.schedule.duration)
    across, energy = np.zeros((len(DELAYS), 1)), np.zeros(len(DELAYS))
    for run in runs:
        n_times = len(run.data)
        onsets = run.events["onset"].to_numpy(float)
        courses = design(responses, onsets, n_times, world.schedule.tr).sum(axis=2).T
        nuisance = _nuisance(world, run)
        basis = np.linalg.qr(nuisance)[0]
        courses = courses - basis @ (basis.T @ courses)
        across = across + courses.T @ run.data
        energy += np.square(courses).sum(axis=0)
    fit = np.sign(across) * np.square(across) / energy[:, None]
    best = np.clip(fit.argmax(axis=0), 1, len(DELAYS) - 2)
    voxel = np.arange(fit.shape[1])
    low, top, high = (fit[best + k, voxel] for k in (-1, 0, 1))
    bend = low - 2 * top + high
    shift = np.where(bend < 0, 0.5 * (low - high) / np.where(bend < 0, bend, -1), 0)
    delay: Double = DELAYS[best] + np.clip(shift, -1, 1) * (DELAYS[1] - DELAYS[0])
    return delay


def fit_centres(
    features: Features, responses: Float, sizes: tuple[float, ...] = (0.05, 0.09, 0.14)
) -> Double:
    """Return receptive field centres (n_voxels, 2), by a grid of Gaussian fields.

    At each place and size the responses are regressed on what the field holds of every channel;
    the place of the best fit wins.

    Parameters
    ----------
    features : Features
        Of the pictures.
    responses : (n_pictures, n_voxels)
        Mean response to each picture.
    sizes : tuple of float
        SDs that are tried, in widths of the picture.
    """
    side = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    grid = np.linspace(0.06, 0.94, 15)
    centred = (responses - responses.mean(axis=0)).astype(np.float64)
    n, c = features.edges.shape[:2]
    maps = features.edges.reshape(n * c, MAP_SIDE, MAP_SIDE).astype(np.float64)
    best = np.full(responses.shape[1], -1.0)
    centre = np.full((responses.shape[1], 2), 0.5)
    for size in sizes:
        bells = np.exp(-((side - grid[:, None]) ** 2) / (2 * size**2))
        bells /= bells.sum(axis=1, keepdims=True)
        held = np.einsum("nyx,ay,bx->abn", maps, bells, bells, optimize=True)
        for a, y in enumerate(grid):
            for b, x in enumerate(grid):
                pooled = held[a, b].reshape(n, c)
                basis = np.linalg.qr(pooled - pooled.mean(axis=0))[0]
                fit = np.square(basis.T @ centred).sum(axis=0)
                better = fit > best
                best[better], centre[better] = fit[better], (x, y)
    return centre


def _nuisance(world: World, run: BoldRun) -> Double:
    motion = run.confounds[list(MOTION)].to_numpy(float)
    motion = (motion - motion.mean(axis=0)) / np.maximum(motion.std(axis=0), 1e-9)
    n_times = len(run.data)
    drift = drift_basis(world.schedule, n_times)
    jerks = (run.confounds["framewise_displacement"].fillna(0) > 0.4).to_numpy()
    spikes = np.eye(n_times)[:, jerks]
    return np.concatenate([np.ones((n_times, 1)), drift, motion, motion**2, spikes], axis=1)
