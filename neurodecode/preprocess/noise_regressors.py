"""Noise regressors of runs, learned without labels and chosen by runs left out.

They are principal components of units that do not respond to the pictures in general. Their number
is the one with which the response to any picture, learned from the other runs, predicts a run best,
over the units that it predicts without any. Runs are gone through three times, one in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurodecode.preprocess.hrf import regressors, standard
from neurodecode.preprocess.runs import Run, project

__all__ = ["noise_regressors", "with_nuisance"]

Double = NDArray[np.float64]
FEWEST = 20
"""Least number of units that noise regressors may be learned from."""


def noise_regressors(runs: Iterable[Run], most: int) -> list[Double]:
    """Return those of each run (n_times, k), for the k <= ``most`` that predicts best.

    Empty where none help, or where nothing can be judged: one run, or too few idle units.
    """
    if not most:
        return []
    courses, hits, power = [], [], np.zeros(1)
    for run in runs:
        courses.append(_course(run))
        hits.append(courses[-1] @ run.signal)
        power = power + _power(run.signal)
    if len(courses) < 2:
        return []
    sizes = np.array([x @ x for x in courses])
    total = np.sum(hits, axis=0)
    left = power.copy()
    for hit, size in zip(hits, sizes, strict=True):
        left += _missed((total - hit) / (sizes.sum() - size), hit, size)
    responds = _share(left, power) > 0
    if (~responds).sum() < FEWEST or not responds.any():
        return []
    components, total, cleaned = _components(runs, courses, ~responds, most)
    left = np.repeat(power[None], len(total), axis=0)
    for k, run in enumerate(runs):
        others = total - _hits(run, courses[k], components[k])[: len(total)]
        amplitude = others / (cleaned.sum(axis=0) - cleaned[k])[:, None]
        left += _missed(amplitude, hits[k], sizes[k])
    number = int(np.argmax(np.median(_share(left, power)[:, responds], axis=1)))
    return [own[:, :number] for own in components] if number else []


def with_nuisance(run: Run, components: Double) -> Run:
    """Return the run with further orthonormal nuisance, orthogonal to what it has."""
    nuisance = np.concatenate([run.nuisance, components], axis=1)
    return replace(run, nuisance=nuisance, signal=project(run.signal, components))


def _components(
    runs: Iterable[Run], courses: list[Double], pool: NDArray[np.bool_], most: int
) -> tuple[list[Double], Double, Double]:
    """Return the components of each run, and for each number of them what a prediction is made of.

    The latter are the courses' inner products with the signal, summed over runs
    (n_numbers, n_units), and their sums of squares (n_runs, n_numbers).
    """
    components, cleaned, total = [], [], np.zeros((most + 1, 1))
    for run, course in zip(runs, courses, strict=True):
        part = run.signal[:, pool]
        size = np.linalg.norm(part, axis=0)
        part = part[:, size > 0] / size[size > 0]
        count = min(most, *part.shape)
        # Left singular vectors, from a matrix of volumes alone.
        components.append(np.linalg.eigh(part @ part.T)[1][:, ::-1][:, :count])
        along = course @ components[-1]
        cleaned.append(course @ course - np.cumsum([0.0, *along**2]))
        total = total[: count + 1] + _hits(run, course, components[-1])[: len(total)]
    return components, total, np.array([own[: len(total)] for own in cleaned])


def _course(run: Run) -> Double:
    """Return the course (n_times,) of the response to any picture."""
    each = regressors(standard("glover"), run.onsets, run.durations, run.times)
    return project(each.sum(axis=1, keepdims=True), run.nuisance)[:, 0]


def _hits(run: Run, course: Double, components: Double) -> Double:
    """Return the course's inner product with the signal without the first 0, 1, ... components."""
    parts = (course @ components)[:, None] * (components.T @ run.signal)
    hits: Double = np.concatenate([(course @ run.signal)[None], -parts]).cumsum(axis=0)
    return hits


def _missed(amplitude: Double, hit: Double, size: float) -> Double:
    """Return how much larger |signal - amplitude course|^2 is than |signal|^2."""
    change: Double = amplitude * (size * amplitude - 2 * hit)
    return change


def _power(signal: Double) -> Double:
    power: Double = np.einsum("tu,tu->u", signal, signal)
    return power


def _share(left: Double, power: Double) -> Double:
    share: Double = 1 - left / np.maximum(power, np.finfo(float).tiny)
    return share
