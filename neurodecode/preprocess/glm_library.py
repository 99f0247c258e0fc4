"""One beta a trial with each voxel's own response, noise regressors and ridge.

The three ideas of GLMsingle (Prince et al. 2022, eLife 11, e77599), chosen without labels, so that
no decoder's test trial is used other than by its own signal:

- noise regressors, see :mod:`neurodecode.preprocess.noise_regressors`;
- response: each unit's own from a library;
- ridge: trials are shrunk towards the mean response, by a strength that each unit has for itself.

Ridge is a normal prior on the trials' deviations from their mean, so response and strength are
those of largest posterior probability: the restricted marginal likelihood of the signal (Patterson
and Thompson 1971, Biometrika 58, 545) times how common they are among all units, learned by
expectation maximisation. Trials of one run may share a shift; its variance, and the coefficient of
the AR(1) noise, are those of the largest likelihood over all units. The strength is reported as
fraction, the size of the shrunk deviations over that without ridge (Rokem and Kay 2020, GigaScience
9, giaa133).

Runs are gone through several times, one in memory; what is kept of them are sums over their
volumes, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording, Responses
from neurodecode.preprocess.glm import drop_lost, seen_trials
from neurodecode.preprocess.hrf import Curve, library, regressors, standard
from neurodecode.preprocess.noise_regressors import noise_regressors, with_nuisance
from neurodecode.preprocess.runs import Run, Runs, count_scrubbed, prepared_runs, project
from neurodecode.preprocess.trials import need_recording

__all__ = [
    "GlmLibrary",
    "Model",
    "Prior",
    "learn_prior",
    "ridge_model",
    "whiten",
]

Double = NDArray[np.float64]
STRENGTHS = np.logspace(-3, 3, 25)
"""Grid of ridge strengths, in units of the mean squared singular value of the trials' courses."""
SHIFTS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)
COEFFICIENTS = np.arange(0.0, 0.75, 0.05)
STEPS = 30
"""Of expectation maximisation."""
BLOCK = 1000
"""Units whose probabilities are computed at a time."""


@dataclass(frozen=True)
class Prior:
    """What all units share.

    Attributes
    ----------
    coefficient : float
        Of the AR(1) noise.
    shift : float
        Variance of what the trials of a run share, in variances of a trial's own deviation.
    """

    coefficient: float
    shift: float


@dataclass(frozen=True)
class Model:
    """The trials' courses of one run and response, decomposed.

    Attributes
    ----------
    left, values, right : float64 (n_times, r), (r,), (r, n_trials)
        Singular value decomposition of the courses, coloured by the prior.
    mean : float64 (r,)
        The sum of all courses, in the coordinates of ``left``.
    """

    left: Double
    values: Double
    right: Double
    mean: Double


class GlmLibrary:
    """Response library, noise regressors and ridge; see the module.

    Parameters
    ----------
    high_pass : float
        Hz.
    percent : bool
        Betas in percent of the run's mean, else in the signal's unit.
    max_noise_regressors : int
        Most that are tried; none are used in a recording of one run.
    """

    def __init__(self, high_pass: float, percent: bool, max_noise_regressors: int) -> None:
        self.high_pass = high_pass
        self.percent = percent
        self.max_noise_regressors = max_noise_regressors

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return one beta a trial and unit; the units' table gains ``hrf`` and ``fraction``.

        Raises and warns as :meth:`neurodecode.preprocess.glm.Glm.estimate`.
        """
        recording = need_recording(data, "glm_library")
        count_scrubbed(recording)
        scanned = Runs(lambda: prepared_runs(recording, self.high_pass, percent=self.percent))
        components = noise_regressors(scanned, self.max_noise_regressors)
        cleaned = Runs(lambda: map(with_nuisance, scanned, components)) if components else scanned
        prior = learn_prior(cleaned)
        white = Runs(lambda: (whiten(run, prior.coefficient) for run in cleaned))
        curves = library()
        chosen = _choose(white, curves, prior)
        betas = np.full((len(recording.events), recording.data.shape[1]), np.nan, np.float32)
        fraction = _fill(betas, white, curves, chosen, prior)
        responses = drop_lost(recording, betas)
        names = [curves[k].name for k in chosen.response]
        return replace(responses, units=responses.units.assign(hrf=names, fraction=fraction))


class _Evidence:
    """Sums over runs that the likelihood of several models, each of some strengths, is made of.

    Parameters
    ----------
    strengths : float64 (n_models, n_strengths)
    """

    def __init__(self, strengths: Double) -> None:
        self.strengths = strengths
        self.left = self.weighted = np.zeros((0, *strengths.shape))
        self.precision, self.log_size = np.zeros(strengths.shape), np.zeros(strengths.shape)
        self.freedom = np.full(len(strengths), -1)

    def add(self, run: Run, number: int, model: Model | None) -> None:
        """Add a run, whitened as model ``number`` wants it; no model where no trial is seen."""
        if not len(self.left):
            shape = (run.signal.shape[1], *self.strengths.shape)
            self.left, self.weighted = np.zeros(shape), np.zeros(shape)
        self.freedom[number] += run.signal.shape[0] - run.nuisance.shape[1]
        self.left[:, number] += np.einsum("tu,tu->u", run.signal, run.signal)[:, None]
        if model is None:
            return
        along = model.left.T @ run.signal
        ratio = model.values[:, None] ** 2 / self.strengths[number]
        self.left[:, number] -= (along**2).T @ (ratio / (1 + ratio))
        self.log_size[number] += np.log1p(ratio).sum(axis=0)
        weight = model.mean[:, None] / (1 + ratio)
        self.precision[number] += model.mean @ weight
        self.weighted[:, number] += along.T @ weight

    def log_likelihood(self) -> Double:
        """Return the restricted log likelihood (n_units, n_models, n_strengths); ends the sums."""
        for number, freedom in enumerate(self.freedom):
            left, precision = self.left[:, number], self.precision[number]
            left -= self.weighted[:, number] ** 2 / precision
            np.log(np.maximum(left, np.finfo(float).tiny), out=left)
            left *= freedom
            left += self.log_size[number] + np.log(precision)
            left *= -0.5
        return self.left


def learn_prior(runs: Iterable[Run]) -> Prior:
    """Return the prior of the largest likelihood, with the Glover response: first the noise's."""
    designs = _designs(runs)
    noise = [Prior(float(c), 0.0) for c in COEFFICIENTS]
    coefficient = noise[int(np.argmax(_evidence(runs, designs, noise)))].coefficient
    shift = [Prior(coefficient, g) for g in SHIFTS]
    return shift[int(np.argmax(_evidence(runs, designs, shift)))]


def _designs(runs: Iterable[Run]) -> list[Run]:
    """Return the runs without their signal."""
    return [replace(run, signal=run.signal[:, :0].copy()) for run in runs]


def _evidence(runs: Iterable[Run], designs: Sequence[Run], priors: Sequence[Prior]) -> Double:
    """Return the log likelihood (n_priors,) of the signal, each unit with its best strength."""
    glover = standard("glover")
    evidence = _Evidence(np.stack([
        STRENGTHS * _scale([whiten(run, p.coefficient) for run in designs], glover, p)
        for p in priors
    ]))  # fmt: skip
    stretch = np.zeros(len(priors))
    for run in runs:
        white = None
        for k, prior in enumerate(priors):
            if white is None or prior.coefficient != priors[k - 1].coefficient:
                white = whiten(run, prior.coefficient)
            evidence.add(white, k, ridge_model(white, glover, prior)[0])
            # What whitening does to volumes: the density is that of the signal before it.
            stretch[k] += 0.5 * np.log(1 - prior.coefficient**2)
            overlap = white.nuisance.T @ _filter(run.nuisance, prior.coefficient)
            stretch[k] -= np.linalg.slogdet(overlap)[1]
    best = evidence.log_likelihood().max(axis=2)
    total: Double = (best + stretch).sum(axis=0)
    return total


def whiten(run: Run, coefficient: float) -> Run:
    """Return the run with AR(1) noise made white; gaps of scrubbed volumes are ignored."""
    nuisance = np.linalg.qr(_filter(run.nuisance, coefficient))[0]
    signal = project(_filter(run.signal, coefficient), nuisance)
    return replace(run, nuisance=nuisance, signal=signal)


def _filter(values: Double, coefficient: float) -> Double:
    """Subtract from each row the coefficient times the row before."""
    white = values.copy()
    white[1:] -= coefficient * values[:-1]
    white[0] *= np.sqrt(1 - coefficient**2)
    return white


def ridge_model(run: Run, curve: Curve, prior: Prior) -> tuple[Model | None, NDArray[np.bool_]]:
    """Return a run's model for one response, and which trials are in it."""
    seen = seen_trials(run)
    if not seen.any():
        return None, seen
    courses = regressors(curve, run.onsets, run.durations, run.times)
    courses = project(_filter(courses, prior.coefficient), run.nuisance)
    # Prior covariance I + shift 11' of the deviations; its root is I + extra 11'.
    n_trials = courses.shape[1]
    extra = (np.sqrt(1 + prior.shift * n_trials) - 1) / n_trials
    total = courses.sum(axis=1, keepdims=True)
    left, values, right = np.linalg.svd(courses + extra * total, full_matrices=False)
    some = values > 1e-8 * values[0]
    left, values, right = left[:, some], values[some], right[some]
    right = right + extra * right.sum(axis=1, keepdims=True)
    return Model(left, values, right, (left.T @ total)[:, 0]), seen


@dataclass(frozen=True)
class _Chosen:
    """What each unit is modelled with.

    Attributes
    ----------
    response : int64 (n_units,)
        Number in the library.
    strength : float64 (n_units,)
        Of the ridge.
    mean : float64 (n_units,)
        Response to any picture.
    """

    response: NDArray[np.int64]
    strength: Double
    mean: Double


def _choose(runs: Iterable[Run], curves: Sequence[Curve], prior: Prior) -> _Chosen:
    """Return for each unit the response and ridge strength of largest posterior probability."""
    unit = _scale(_designs(runs), curves[0], prior)
    evidence = _Evidence(np.tile(STRENGTHS * unit, (len(curves), 1)))
    for run in runs:
        for number, curve in enumerate(curves):
            evidence.add(run, number, ridge_model(run, curve, prior)[0])
    best = _most_probable(evidence.log_likelihood())
    response, strength = best // len(STRENGTHS), best % len(STRENGTHS)
    weighted = evidence.weighted[np.arange(len(best)), response, strength]
    mean = weighted / evidence.precision[response, strength]
    return _Chosen(response, evidence.strengths[response, strength], mean)


def _most_probable(density: Double) -> NDArray[np.int64]:
    """Return which of (response, strength), flattened, is most probable for each unit.

    Parameters
    ----------
    density : float64 (n_units, n_responses, n_strengths)
        Log likelihood; overwritten.
    """
    n_units, n_responses, n_strengths = density.shape
    density -= density.max(axis=(1, 2), keepdims=True)
    np.exp(density, out=density)
    responses, strengths = (
        np.full(n_responses, 1 / n_responses),
        np.full(n_strengths, 1 / n_strengths),
    )
    best = np.zeros(n_units, np.int64)
    for _ in range(STEPS):
        common = np.zeros((n_responses, n_strengths))
        for first in range(0, n_units, BLOCK):
            posterior = density[first : first + BLOCK] * responses[:, None] * strengths
            posterior /= posterior.sum(axis=(1, 2), keepdims=True)
            common += posterior.sum(axis=0)
            best[first : first + BLOCK] = posterior.reshape(len(posterior), -1).argmax(axis=1)
        responses, strengths = common.sum(axis=1) / n_units, common.sum(axis=0) / n_units
    return best


def _fill(
    betas: Float, runs: Iterable[Run], curves: Sequence[Curve], chosen: _Chosen, prior: Prior
) -> Double:
    """Write the betas; return the fraction (n_units,) of each unit's deviations that is left."""
    own = [np.flatnonzero(chosen.response == number) for number in range(len(curves))]
    shrunk, plain = np.zeros(len(chosen.mean)), np.zeros(len(chosen.mean))
    for run in runs:
        for number in np.unique(chosen.response):
            units = own[number]
            model, seen = ridge_model(run, curves[number], prior)
            if model is None:
                continue
            mean, strength = chosen.mean[units], chosen.strength[units]
            over = model.left.T @ run.signal[:, units] - np.outer(model.mean, mean)
            values = model.values[:, None]
            deviation = values / (values**2 + strength) * over
            betas[np.ix_(run.events[seen], units)] = mean + model.right.T[seen] @ deviation
            shrunk[units] += (deviation**2).sum(axis=0)
            plain[units] += ((over / values) ** 2).sum(axis=0)
    return np.sqrt(shrunk / np.maximum(plain, np.finfo(float).tiny))


def _scale(designs: Sequence[Run], curve: Curve, prior: Prior) -> float:
    """Return the mean squared singular value of the courses of all runs."""
    models = [ridge_model(run, curve, prior)[0] for run in designs]
    return float(np.concatenate([m.values**2 for m in models if m is not None]).mean())
