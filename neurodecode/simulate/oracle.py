"""The oracle: identification by the one who knows how the world was made.

It knows each voxel's true tuning, HRF, noise level and the covariance of the noise, but not the
trial's gain, over whose distribution it integrates. With y a trial's responses and mu_j those that
picture j would evoke,

    log p(y | j) = log int N(y; g mu_j, S) p(g) dg

S is a diagonal plus a low rank, inverted by Woodbury's identity. No decoder that picks among the
same pictures from one trial can do better on average, save by what is left out: S is that of an
average trial, and the small leak from neighbouring trials counts as nothing. Without the hidden
features it knows of each picture only what its pixels and group tell, which is all that a decoder
of targets could learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from neurodecode.contracts import Float
from neurodecode.simulate.bold import session_change
from neurodecode.simulate.features import Features
from neurodecode.simulate.glm import noise_variance, readout
from neurodecode.simulate.hrf import design
from neurodecode.simulate.noise import ar_levels
from neurodecode.simulate.trials import n_volumes
from neurodecode.simulate.tuning import Brain
from neurodecode.simulate.world import Noise, World

__all__ = ["Oracle", "build_oracle", "pooled", "share_of_oracle"]

Double = NDArray[np.float64]
N_GAINS = 15


@dataclass(frozen=True)
class Oracle:
    """What the oracle knows of one person.

    Attributes
    ----------
    world : World
    brain : Brain
    ids : tuple of str
        Candidates.
    pictures : float64 (n_candidates, n_voxels)
        What each candidate evokes as the GLM would see it at gain 1, session changes apart.
    attenuation : float64 (n_voxels,)
        Share of an amplitude that the GLM finds, given the voxel's own HRF.
    diagonal : float64 (n_voxels,)
        Variance of a response that the voxel has alone.
    factor : float64 (k, n_voxels)
        ``factor' factor`` is the covariance that voxels share.
    """

    world: World
    brain: Brain
    ids: tuple[str, ...]
    pictures: Double
    attenuation: Double
    diagonal: Double
    factor: Double

    def log_likelihood(self, responses: Float, trials: pd.DataFrame) -> Double:
        """Return (n_candidates, n_trials), up to a constant a trial.

        Parameters
        ----------
        responses : (n_trials, n_voxels)
            As :func:`~neurodecode.simulate.responses.trial_responses` gives them.
        trials : DataFrame
            ``session, repeat`` of each trial.
        """
        scores = np.empty((len(self.ids), len(trials)))
        session, seen = trials["session"].to_numpy(str), trials["repeat"].to_numpy() > 0
        for name in np.unique(session):
            shift, scale = session_change(self.world, self.brain, name)
            means = scale * (self.pictures + self.attenuation * shift)
            weighted = self._solve(means)
            for again in (False, True):
                rows = (session == name) & (seen == again)
                across = weighted @ responses[rows].T.astype(np.float64)
                energy = np.einsum("jv,jv->j", weighted, means)
                scores[:, rows] = _over_gains(across, energy, self.world.noise, again)
        return scores

    def _solve(self, rows: Double) -> Double:
        """Return rows S^-1, by Woodbury's identity."""
        scaled = rows / self.diagonal
        thin = self.factor / self.diagonal
        inner = np.eye(len(self.factor)) + thin @ self.factor.T
        solved: Double = scaled - (scaled @ self.factor.T) @ np.linalg.solve(inner, thin)
        return solved


def build_oracle(
    world: World, brain: Brain, candidates: Features, onsets: Double, hidden: bool = True
) -> Oracle:
    """Build the oracle of one person.

    Parameters
    ----------
    world, brain
    candidates : Features
        Of the pictures to choose from.
    onsets : float64 (n_trials,)
        Of one run (s), from which the GLM's part in the noise is computed.
    hidden : bool
        Whether it knows the hidden features. If not, they are noise of known covariance, at gain 1.
    """
    n_times = n_volumes(world.schedule)
    rows = readout(onsets, n_times, world.hrf, world.schedule)
    courses = design(brain.curves.basis, onsets, n_times, world.schedule.tr)
    own = np.einsum("ij,kji->k", rows, courses) / len(onsets)
    attenuation = own @ brain.curves.mixture.astype(np.float64)
    contrast = attenuation * brain.contrast
    parts = brain.tuning.parts(candidates)
    known = sum(part for kind, part in parts.items() if hidden or kind != "hidden")

    alone = np.array([noise_variance(rows, a) for a in ar_levels(world.noise)])[brain.level]
    shared = noise_variance(rows, world.noise.ar[0])
    factor = np.sqrt(shared) * brain.noise.factor * brain.sigma.astype(np.float64)
    if not hidden:
        factor = np.concatenate([factor, contrast * brain.tuning.hidden_loadings()])
    return Oracle(
        world, brain, candidates.ids, attenuation * brain.response + contrast * known, attenuation,
        (1 - brain.noise.correlated) * alone * brain.sigma.astype(np.float64) ** 2, factor,
    )  # fmt: skip


def pooled(log_likelihood: Double, stimuli: NDArray[np.str_], ids: tuple[str, ...]) -> Double:
    """Add up the trials of each picture: (n_candidates, n_candidates), column j of picture j.

    Trials are independent given the picture, so that the sum is the oracle's score of all of them.

    Parameters
    ----------
    log_likelihood : (n_candidates, n_trials)
    stimuli : (n_trials,)
        What was shown.
    ids : tuple of str
        Candidates.
    """
    return np.stack([log_likelihood[:, stimuli == name].sum(axis=1) for name in ids], axis=1)


def share_of_oracle(score: float, oracle: float, chance: float) -> float:
    """Return (score - chance) / (oracle - chance)."""
    return (score - chance) / (oracle - chance)


def _over_gains(across: Double, energy: Double, noise: Noise, again: bool) -> Double:
    """Log of the likelihood integrated over the gain, on a grid of equally likely gains."""
    start, end, within = noise.lapse
    lapsed = start / (start + end) if start else 0.0
    draws = 1 + noise.gain * norm.ppf((np.arange(N_GAINS) + 0.5) / N_GAINS)
    usual = draws * (1 - noise.adaptation * again)
    gains = np.concatenate([usual, within * usual])
    weights = np.repeat([1 - lapsed, lapsed], N_GAINS)
    exponent = gains * across[..., None] - 0.5 * gains**2 * energy[:, None, None]
    scores: Double = logsumexp(exponent, axis=2, b=weights)
    return scores
