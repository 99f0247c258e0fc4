"""One beta a trial with each voxel's own response, noise regressors and ridge.

The three ideas of GLMsingle (Prince et al. 2022, eLife 11, e77599), chosen without labels, so that
no decoder's test trial is used other than by its own signal:

- noise regressors: principal components of units that do not respond to the pictures in general.
  Their number is the one with which the response to any picture, learned from the other runs,
  predicts a run best;
- response: each unit's own from a library;
- ridge: trials are shrunk towards the mean response, by a strength that each unit has for itself.

Ridge is a normal prior on the trials' deviations from their mean, so response and strength are
those of largest posterior probability: the restricted marginal likelihood of the signal (Patterson
and Thompson 1971, Biometrika 58, 545) times how common they are among all units, learned by
expectation maximisation. Trials of one run may share a shift; its variance, and the coefficient of
the AR(1) noise, are those of the largest likelihood over all units. The strength is reported as
fraction, the size of the shrunk deviations over that without ridge (Rokem and Kay 2020, GigaScience
9, giaa133).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording, Responses
from neurodecode.preprocess.glm import drop_lost, seen_trials
from neurodecode.preprocess.hrf import Curve, library, regressors, standard
from neurodecode.preprocess.runs import Run, count_scrubbed, prepared_runs, project
from neurodecode.preprocess.trials import need_recording

__all__ = [
    "GlmLibrary",
    "Model",
    "Prior",
    "learn_prior",
    "n_noise_regressors",
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
FEWEST = 20
"""Least number of units that noise regressors may be learned from."""


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
        runs = list(prepared_runs(recording, self.high_pass, percent=self.percent))
        runs = _with_noise_regressors(runs, self.max_noise_regressors)
        prior = learn_prior(runs)
        runs = [whiten(run, prior.coefficient) for run in runs]
        curves = library()
        chosen, strength = _choose(runs, curves, prior)
        betas = np.full((len(recording.events), recording.data.shape[1]), np.nan, np.float32)
        fraction = np.zeros(len(chosen))
        for number, value in sorted(set(zip(chosen.tolist(), strength.tolist(), strict=True))):
            own = np.flatnonzero((chosen == number) & (strength == value))
            fraction[own] = _fill(betas, own, runs, curves[number], value, prior)
        responses = drop_lost(recording, betas)
        names = [curves[k].name for k in chosen]
        return replace(responses, units=responses.units.assign(hrf=names, fraction=fraction))


def learn_prior(runs: Sequence[Run]) -> Prior:
    """Return the prior of the largest likelihood, with the Glover response: first the noise's."""
    noise = [_evidence(runs, Prior(float(c), 0.0)) for c in COEFFICIENTS]
    coefficient = float(COEFFICIENTS[int(np.argmax(noise))])
    shift = [_evidence(runs, Prior(coefficient, g)) for g in SHIFTS]
    return Prior(coefficient, SHIFTS[int(np.argmax(shift))])


def _evidence(runs: Sequence[Run], prior: Prior) -> float:
    """Return the log likelihood of the signal, each unit with its best strength."""
    white = [whiten(run, prior.coefficient) for run in runs]
    models = [ridge_model(run, standard("glover"), prior)[0] for run in white]
    # What whitening does to volumes: the density is that of the signal before it.
    stretch = 0.0
    for run, after in zip(runs, white, strict=True):
        stretch += 0.5 * np.log(1 - prior.coefficient**2)
        overlap = after.nuisance.T @ _filter(run.nuisance, prior.coefficient)
        stretch -= np.linalg.slogdet(overlap)[1]
    likelihood = _log_likelihood(white, models, STRENGTHS * _scale(models))
    return float((likelihood.max(axis=1) + stretch).sum())


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


def _mean_response(
    models: Sequence[Model], along: Sequence[Double], strength: Double
) -> tuple[Double, Double]:
    """Return precision and precision-weighted mean of the mean response, (..., n_strengths).

    ``along`` are the signals (r, n_units) in the coordinates of the models.
    """
    precision, weighted = np.zeros(len(strength)), np.zeros((along[0].shape[1], len(strength)))
    for model, part in zip(models, along, strict=True):
        weight = model.mean[:, None] / (1 + model.values[:, None] ** 2 / strength)
        precision += model.mean @ weight
        weighted += part.T @ weight
    return precision, weighted


def _fill(
    betas: Float,
    own: NDArray[np.int64],
    runs: Sequence[Run],
    curve: Curve,
    strength: float,
    prior: Prior,
) -> Double:
    """Write the betas of the units ``own``, all of one response and strength; return fractions."""
    made = [ridge_model(run, curve, prior) for run in runs]
    seen = [(run, model, there) for run, (model, there) in zip(runs, made, strict=True) if model]
    models = [model for _, model, _ in seen]
    along = [model.left.T @ run.signal[:, own] for run, model, _ in seen]
    precision, weighted = _mean_response(models, along, np.array([strength]))
    mean = weighted[:, 0] / precision[0]
    shrunk, plain = np.zeros(len(own)), np.zeros(len(own))
    for (run, model, there), part in zip(seen, along, strict=True):
        values = model.values[:, None]
        over = part - np.outer(model.mean, mean)
        deviation = values / (values**2 + strength) * over
        betas[np.ix_(run.events[there], own)] = mean + model.right.T[there] @ deviation
        shrunk += (deviation**2).sum(axis=0)
        plain += ((over / values) ** 2).sum(axis=0)
    return np.sqrt(shrunk / np.maximum(plain, np.finfo(float).tiny))


def _choose(
    runs: Sequence[Run], curves: Sequence[Curve], prior: Prior
) -> tuple[NDArray[np.int64], Double]:
    """Return the response and the ridge strength (n_units,) of largest posterior probability."""
    n_units = runs[0].signal.shape[1]
    likelihood = np.empty((n_units, len(curves), len(STRENGTHS)))
    unit = 0.0
    for number, curve in enumerate(curves):
        models = [ridge_model(run, curve, prior)[0] for run in runs]
        unit = unit or _scale(models)
        likelihood[:, number] = _log_likelihood(runs, models, STRENGTHS * unit)
    likelihood -= likelihood.max(axis=(1, 2), keepdims=True)
    density = np.exp(likelihood)
    responses = np.full(len(curves), 1 / len(curves))
    strengths = np.full(len(STRENGTHS), 1 / len(STRENGTHS))
    for _ in range(STEPS):
        posterior = density * responses[:, None] * strengths
        posterior /= posterior.sum(axis=(1, 2), keepdims=True)
        responses = posterior.sum(axis=(0, 2)) / n_units
        strengths = posterior.sum(axis=(0, 1)) / n_units
    best = posterior.reshape(n_units, -1).argmax(axis=1)
    return best // len(STRENGTHS), STRENGTHS[best % len(STRENGTHS)] * unit


def _scale(models: Sequence[Model | None]) -> float:
    """Return the mean squared singular value of all runs."""
    return float(np.concatenate([m.values**2 for m in models if m is not None]).mean())


def _log_likelihood(
    runs: Sequence[Run], models: Sequence[Model | None], strengths: Double
) -> Double:
    """Return the restricted log likelihood (n_units, n_strengths) over all runs."""
    left = np.zeros((runs[0].signal.shape[1], len(strengths)))
    log_size, freedom = np.zeros(len(strengths)), -1
    known, along = [], []
    for run, model in zip(runs, models, strict=True):
        freedom += run.signal.shape[0] - run.nuisance.shape[1]
        left += (run.signal**2).sum(axis=0)[:, None]
        if model is None:
            continue
        known.append(model)
        along.append(model.left.T @ run.signal)
        ratio = model.values[:, None] ** 2 / strengths
        left -= (along[-1] ** 2).T @ (ratio / (1 + ratio))
        log_size += np.log1p(ratio).sum(axis=0)
    precision, weighted = _mean_response(known, along, strengths)
    left -= weighted**2 / precision
    small = np.finfo(float).tiny
    likelihood: Double = -0.5 * (
        freedom * np.log(np.maximum(left, small)) + log_size + np.log(precision)
    )
    return likelihood


def _with_noise_regressors(runs: list[Run], most: int) -> list[Run]:
    """Return the runs with the noise regressors as further nuisance."""
    number, components = n_noise_regressors(runs, most)
    return [_extended(run, own[:, :number]) for run, own in zip(runs, components, strict=True)]


def n_noise_regressors(runs: Sequence[Run], most: int) -> tuple[int, list[Double]]:
    """Return how many noise regressors predict best, and those of each run (n_times, <= most).

    The prediction is the response to any picture: the sum of the trials' courses with an amplitude
    learned from the other runs. It is scored over the units that it predicts without regressors;
    those that it does not are where the regressors come from.
    """
    none = 0, [np.zeros((len(run.times), 0)) for run in runs]
    if len(runs) < 2 or not most:
        return none
    base = _predicted(runs, [run.nuisance[:, :0] for run in runs])
    pool, scored = base <= 0, base > 0
    if pool.sum() < FEWEST or not scored.any():
        return none
    components = []
    for run in runs:
        part = run.signal[:, pool]
        size = np.linalg.norm(part, axis=0)
        part = part[:, size > 0] / size[size > 0]
        components.append(np.linalg.svd(part, full_matrices=False)[0][:, :most])
    scores = [
        float(np.median(_predicted(runs, [own[:, :k] for own in components])[scored]))
        for k in range(min(own.shape[1] for own in components) + 1)
    ]
    return int(np.argmax(scores)), components


def _extended(run: Run, components: Double) -> Run:
    nuisance = np.concatenate([run.nuisance, components], axis=1)
    return replace(run, nuisance=nuisance, signal=project(run.signal, components))


def _predicted(runs: Sequence[Run], components: Sequence[Double]) -> Double:
    """Return the share of variance (n_units,) that the mean response explains, runs left out.

    Amplitudes are fitted without the components; what is predicted is the signal with them.
    """
    curve = standard("glover")
    courses = []
    for run in runs:
        each = regressors(curve, run.onsets, run.durations, run.times)
        courses.append(project(each.sum(axis=1, keepdims=True), run.nuisance)[:, 0])
    cleaned = [project(x[:, None], c)[:, 0] for x, c in zip(courses, components, strict=True)]
    hits = np.stack([x @ run.signal for x, run in zip(cleaned, runs, strict=True)])
    sizes = np.array([x @ x for x in cleaned])
    left, total = np.zeros(hits.shape[1]), np.zeros(hits.shape[1])
    for k, run in enumerate(runs):
        others = np.arange(len(runs)) != k
        amplitude = hits[others].sum(axis=0) / sizes[others].sum()
        left += ((run.signal - np.outer(courses[k], amplitude)) ** 2).sum(axis=0)
        total += (run.signal**2).sum(axis=0)
    share: Double = 1 - left / np.maximum(total, np.finfo(float).tiny)
    return share
