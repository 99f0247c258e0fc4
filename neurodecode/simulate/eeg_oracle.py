"""The best that can be decoded from a simulated EEG: identification from the true model.

An epoch x, filtered and thinned out, of a trial that showed picture i is

    x = g B_J d(i) + n,   n ~ N(0, Sigma),   B_J = the sources' filtered time courses and fields,

with d(i) the true drive of the sources, Sigma the closed-form covariance of the noise
(:func:`.eeg_noise.covariance`), g and J the trial's gain and jitter. The oracle knows all but g and
J and marginalises over these by quadrature; trials of one picture are combined by adding their log
likelihoods. It takes the noise as Gaussian and trials as apart, so it is the best linear-quadratic
reader and a little below the best there is: blinks and bursts are not Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.linalg import cho_factor, cho_solve, toeplitz
from scipy.special import logsumexp

from neurodecode.contracts import Float
from neurodecode.simulate.eeg import EegBrain, EegSession, Setup, courses
from neurodecode.simulate.eeg_noise import covariance
from neurodecode.simulate.eeg_world import EegWorld

__all__ = [
    "Analysis",
    "epoch_covariance",
    "epochs",
    "filtered",
    "identified",
    "log_likelihood",
    "pooled",
    "single_trial_snr",
    "source_basis",
]

Array = NDArray[np.float64]

EDGE = 0.25
N_JITTER = 5
N_GAIN = 3


@dataclass(frozen=True)
class Analysis:
    """From a continuous recording to epochs.

    Attributes
    ----------
    low, high : float
        Half-amplitude limits of the zero-phase band-pass, Hz; edges are raised cosines that are
        a quarter of the limit to either side.
    start, stop : float
        Of the epoch, s from onset; ``stop`` is not in it.
    step : int
        Samples between those that are kept.
    """

    low: float = 0.5
    high: float = 20.0
    start: float = 0.0
    stop: float = 0.5
    step: int = 5

    def passes(self, frequencies: Array) -> Array:
        """Gain of the filter."""
        rise = (frequencies / self.low - 1 + EDGE) / (2 * EDGE)
        fall = (1 + EDGE - frequencies / self.high) / (2 * EDGE)
        up, down = (np.sin(np.pi / 2 * np.clip(edge, 0, 1)) ** 2 for edge in (rise, fall))
        return np.asarray(up * down)

    def offsets(self, sfreq: float) -> NDArray[np.int64]:
        """Samples from onset that are kept."""
        first, last = round(self.start * sfreq), round(self.stop * sfreq)
        return np.arange(first, last, self.step)


def filtered(data: NDArray[np.floating], sfreq: float, analysis: Analysis) -> Float:
    """Band-pass (n_times, n_chans) with zero phase; the ends wrap around."""
    n = next_fast_len(len(data), real=True)
    gain = analysis.passes(rfftfreq(n, 1 / sfreq)).astype(np.float32)
    spectrum = rfft(np.asarray(data, np.float32), n, axis=0)
    return np.asarray(irfft(spectrum * gain[:, None], n, axis=0)[: len(data)], np.float32)


def epochs(session: EegSession, analysis: Analysis) -> Float:
    """Return the epochs of all trials, (n_trials, n_chans, n_times)."""
    band = filtered(session.data, session.sfreq, analysis)
    at = session.events["sample"].to_numpy()[:, None] + analysis.offsets(session.sfreq)
    return np.ascontiguousarray(band[at].swapaxes(1, 2))


def log_likelihood(
    world: EegWorld, brain: EegBrain, setup: Setup, x: Float, peaks: Array, analysis: Analysis
) -> Array:
    """Return log p(epoch | picture) up to a constant an epoch, (n_trials, n_pictures).

    Parameters
    ----------
    x : (n_trials, n_chans, n_times)
        Epochs of one session, by :func:`epochs`.
    peaks : (n_pictures, n_sources)
        The candidates' :func:`~neurodecode.simulate.eeg.drive`.
    """
    factor = cho_factor(epoch_covariance(world, setup, analysis), lower=True)
    white = cho_solve(factor, x.reshape(len(x), -1).T.astype(float))
    gains, gain_weights = _gain_nodes(world)
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_JITTER)
    terms = []
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        basis = source_basis(world, brain, setup, analysis, float(node))
        agreement = white.T @ basis @ peaks.T
        gram = basis.T @ cho_solve(factor, basis)
        power = np.einsum("pk,kl,pl->p", peaks, gram, peaks)
        for gain, share in zip(gains, gain_weights, strict=True):
            terms.append(np.log(weight * share) + gain * agreement - gain**2 * power / 2)
    return np.asarray(logsumexp(terms, axis=0))


def epoch_covariance(world: EegWorld, setup: Setup, analysis: Analysis) -> Array:
    """Return the covariance of one epoch's noise; rows run over channels, then over times."""
    offsets = analysis.offsets(world.sfreq)
    lags = (offsets - offsets[0]) / world.sfreq
    over_lags = covariance(setup.causes, lags, analysis.passes)
    between = toeplitz(np.arange(len(lags)))
    n = len(setup.scalp)
    whole = over_lags[between].transpose(2, 0, 3, 1).reshape(n * len(lags), n * len(lags))
    # What the band-pass leaves of some directions is below the precision of the factorisation.
    return np.asarray(whole + 1e-6 * np.trace(whole) / len(whole) * np.eye(len(whole)))


def source_basis(
    world: EegWorld, brain: EegBrain, setup: Setup, analysis: Analysis, jitter: float
) -> Array:
    """Return the epoch that each source makes at a drive of 1 nAm, (n_chans * n_times, n_sources).

    ``jitter`` is the trial's, in SDs.
    """
    margin = int(2 * world.sfreq)
    times = (np.arange(2 * margin) - margin) / world.sfreq
    smooth = filtered(courses(brain, times, jitter).T, world.sfreq, analysis)
    kept = smooth[margin + analysis.offsets(world.sfreq)]
    joint = setup.lead[:, None, :] * kept[None]
    return np.asarray(joint.reshape(-1, joint.shape[2]), dtype=float)


def _gain_nodes(world: EegWorld) -> tuple[Array, Array]:
    """Quadrature over the trial's gain, lapses included."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_GAIN)
    chance, weak = world.lapse
    gains = np.append(np.exp(world.gain * nodes), weak)
    return gains, np.append((1 - chance) * weights / weights.sum(), max(chance, 1e-12))


def pooled(scores: Array, shown: NDArray[np.int64], n_pictures: int) -> Array:
    """Add the scores of all trials of each picture: (n_pictures, n_pictures)."""
    total = np.zeros((n_pictures, scores.shape[1]))
    np.add.at(total, shown, scores)
    return total


def identified(scores: Array, shown: NDArray[np.int64]) -> pd.Series:
    """Return how often the shown picture wins.

    Parameters
    ----------
    scores : (n, n_pictures)
        Agreement of each trial (or pooled picture) with each candidate.
    shown : (n,)
        Which candidate was shown.

    Returns
    -------
    Series
        ``top1`` among all candidates (chance 1 / n_pictures) and ``two_way`` (chance .5).
    """
    own = scores[np.arange(len(shown)), shown][:, None]
    beaten = (scores < own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    two_way = beaten / (scores.shape[1] - 1)
    top1 = scores.argmax(axis=1) == shown
    return pd.Series({"top1": float(top1.mean()), "two_way": float(two_way.mean())})


def single_trial_snr(
    world: EegWorld, brain: EegBrain, setup: Setup, peaks: Array, analysis: Analysis
) -> pd.Series:
    """Return the ratio of signal to noise power in one trial, dB.

    Power is averaged over channels and over the epoch, both after the filter. ``evoked``: the whole
    response to a picture; ``specific``: its deviation from the mean over pictures.
    """
    basis = source_basis(world, brain, setup, analysis, 0.0)
    noise = np.trace(covariance(setup.causes, np.zeros(1), analysis.passes)[0]) / len(setup.scalp)
    whole = peaks @ basis.T
    powers = {"evoked": whole, "specific": whole - whole.mean(axis=0)}
    return pd.Series(
        {name: 10 * np.log10((part**2).mean() / noise) for name, part in powers.items()}
    )
