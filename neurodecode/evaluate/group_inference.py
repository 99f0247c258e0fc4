"""From subjects to people: what scores of several subjects say about others like them.

An interval over stimuli describes one subject. A claim about people takes subjects as units, in
one of two ways: the mean effect (random effects), or in how many people the effect is there
(prevalence).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, t

from neurodecode.errors import DataError

__all__ = ["Prevalence", "RandomEffects", "prevalence", "random_effects"]


@dataclass(frozen=True)
class RandomEffects:
    """The mean of a score over people.

    Attributes
    ----------
    n : int
        Subjects.
    mean, ci_low, ci_high : float
        Mean over subjects, and its 95 % interval (Student's t).
    p : float
        One-sided, that the mean is not above chance.
    """

    n: int
    mean: float
    ci_low: float
    ci_high: float
    p: float


def random_effects(values: Sequence[float], chance: float) -> RandomEffects:
    """Test the mean over subjects against chance, subjects taken as a random sample of people.

    Note that a mean information score cannot lie below chance in anybody, so this test rejects
    where a single person has the effect (Allefeld et al. 2016, *NeuroImage* 141, 378): read it
    beside :func:`prevalence`.

    Parameters
    ----------
    values : sequence of float
        One score a subject.
    chance : float

    Raises
    ------
    DataError
        With fewer than three subjects, of whom no variance between people can be told.
    """
    n = len(values)
    if n < 3:
        raise DataError(f"random effects: need three subjects or more, got {n}")
    scores = np.asarray(values, np.float64)
    mean, error = float(scores.mean()), float(scores.std(ddof=1) / np.sqrt(n))
    half = float(t.ppf(0.975, n - 1)) * error
    if error == 0:
        return RandomEffects(n, mean, mean, mean, 0.0 if mean > chance else 1.0)
    p = float(t.sf((mean - chance) / error, n - 1))
    return RandomEffects(n, mean, mean - half, mean + half, p)


@dataclass(frozen=True)
class Prevalence:
    """In how many people an effect is there.

    Attributes
    ----------
    k, n : int
        Subjects whose own test is significant; all subjects.
    most_probable : float
        Share of people with the effect.
    low, high : float
        95 % interval of equal tails.
    lower_bound : float
        The share exceeds it with probability .95.
    """

    k: int
    n: int
    most_probable: float
    low: float
    high: float
    lower_bound: float


def prevalence(p: Sequence[float], alpha: float = 0.05) -> Prevalence:
    """Bayesian prevalence of an effect (Ince, Paton, Kay and Schyns 2021, *eLife* 10, e62461).

    A person's test is significant with probability ``theta = alpha + (1 - alpha) gamma`` where a
    share ``gamma`` of people have the effect and each of them is found (a test of less power makes
    ``gamma`` an underestimate). With a flat prior on ``gamma``, ``theta`` given k of n is
    Beta(k + 1, n - k + 1), cut off below ``alpha``.

    Parameters
    ----------
    p : sequence of float
        One p-value a subject; two or more.
    alpha : float
        Level of the subjects' own tests.

    Raises
    ------
    DataError
        With fewer than two subjects.
    """
    n = len(p)
    if n < 2:
        raise DataError(f"prevalence: needs two subjects or more, got {n}")
    k = int(np.sum(np.asarray(p) <= alpha))
    a, b = k + 1, n - k + 1
    below = beta.cdf(alpha, a, b)

    def quantile(share: float) -> float:
        theta = beta.ppf(below + share * (1 - below), a, b)
        return float(max((theta - alpha) / (1 - alpha), 0))

    return Prevalence(
        k=k,
        n=n,
        most_probable=max((k / n - alpha) / (1 - alpha), 0.0),
        low=quantile(0.025),
        high=quantile(0.975),
        lower_bound=quantile(0.05),
    )
