"""Haemodynamic responses that differ between people and between voxels of one.

h(t) = f(t; delay, width) / max f - undershoot f(t; delay + 10, 1.3 width) / max f, a difference of
two gamma densities with their peak at the delay and the width as SD (the form of Friston et al.
1998, NeuroImage 7, 30), convolved with the time that a picture is shown and scaled to a peak of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from neurodecode.contracts import Float
from neurodecode.seeds import generator
from neurodecode.simulate.fields import smooth_fields
from neurodecode.simulate.world import Hrf

__all__ = ["Curves", "curves", "design", "double_gamma", "draw_shapes", "expand"]

STEP = 0.1
LENGTH = 32.0
UNDERSHOOT_LATER = 10.0
Double = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Responses of all voxels as mixtures of a few curves.

    Attributes
    ----------
    basis : float64 (n_curves, n_samples)
        Every 0.1 s from the onset.
    mixture : float32 (n_curves, n_voxels)
    """

    basis: Double
    mixture: Float


def double_gamma(times: Double, delay: Double, width: Double, undershoot: Double) -> Double:
    """Return the response to an instant, (n, n_times), for parameters (n,)."""
    first = _gamma(times, delay, width)
    second = _gamma(times, delay + UNDERSHOOT_LATER, 1.3 * width)
    return first - undershoot[:, None] * second


def curves(delay: Double, width: Double, undershoot: Double, duration: float) -> Double:
    """Return responses (n, n_samples) to a picture shown for ``duration`` s, peak 1."""
    times = np.arange(0, LENGTH, STEP)
    instant = double_gamma(times, delay, width, undershoot)
    shown = max(round(duration / STEP), 1)
    total = np.cumsum(instant, axis=1)
    response = total - np.pad(total, ((0, 0), (shown, 0)))[:, : len(times)]
    scaled: Double = response / response.max(axis=1, keepdims=True)
    return scaled


def draw_shapes(
    hrf: Hrf, position: Double, seed: int, participant_id: str, delay_shift: float
) -> tuple[Double, Double, Double]:
    """Draw delay, width and undershoot (n_voxels,) of one person; they vary smoothly."""
    rng = generator(seed, "hrf", participant_id)
    own = rng.normal(size=3)
    fields = smooth_fields(position, 3, 0.3, rng)
    drawn = []
    for k, (mean, people, voxels) in enumerate((hrf.delay, hrf.width, hrf.undershoot)):
        drawn.append(mean + people * own[k] + voxels * fields[:, k].astype(np.float64))
    delay, width, undershoot = drawn
    return np.clip(delay + delay_shift, 2.5, 9), np.clip(width, 1.4, 4), np.clip(undershoot, 0, 0.6)


def expand(responses: Double) -> Curves:
    """Write responses (n_voxels, n_samples) as mixtures of curves, to 1 part in 10,000."""
    values, vectors = np.linalg.eigh(responses.T @ responses)
    kept = values[::-1].cumsum() / values.sum() < 1 - 1e-8
    basis = vectors[:, ::-1][:, : kept.sum() + 1].T
    return Curves(basis, (basis @ responses.T).astype(np.float32))


def design(basis: Double, onsets: Double, n_times: int, tr: float) -> Double:
    """Return each trial's course for each curve, (n_curves, n_times, n_trials).

    A volume is taken at the instant ``k tr``.
    """
    since = np.arange(n_times)[:, None] * tr - onsets
    samples = np.arange(basis.shape[1]) * STEP
    return np.stack([np.interp(since, samples, curve, left=0, right=0) for curve in basis])


def _gamma(times: Double, peak: Double, sd: Double) -> Double:
    """Gamma densities with a peak at ``peak`` and standard deviation ``sd``, of height 1."""
    scale = ((np.sqrt(peak**2 + 4 * sd**2) - peak) / 2)[:, None]
    shape = peak[:, None] / scale + 1
    log = xlogy(shape - 1, times) - times / scale - gammaln(shape) - shape * np.log(scale)
    top = xlogy(shape - 1, peak[:, None]) - peak[:, None] / scale
    top = top - gammaln(shape) - shape * np.log(scale)
    density: Double = np.exp(log - top)
    return density
