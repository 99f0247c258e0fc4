"""Permutation p-values that refit the decoder, its penalty included, a thousand times.

Ridge is linear in its targets. For one fold and penalty, what is decoded from the test trials is
``P Y`` and the squared error that chooses the penalty is ``tr(Y' A Y)``, with ``P`` and ``A`` from
the responses alone; so both are computed once, and each permutation only takes other rows of ``Y``.
Identification ranks candidates, whose scores are ``R Y' P'`` for standardised true features ``R``:
no step grows with the number of features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from sklearn.model_selection import GroupKFold

from neurodecode.contracts import Float
from neurodecode.embed.ridge import Spectrum, decompose
from neurodecode.evaluate.inference import permutations

__all__ = ["LinearFold", "Problem", "linear_fold", "observed_score", "refit_p"]

Double = NDArray[np.float64]
Index = NDArray[np.int64]
BATCH = 4_000_000
"""Numbers held at a time while permutations are scored."""


@dataclass(frozen=True)
class LinearFold:
    """One fold's ridge as maps of its labels' targets.

    Attributes
    ----------
    predict : float64 (n_alphas, n_items, n_labels)
        What is decoded from each item the fold tests, summed into the item's average.
    error : float64 (n_alphas, n_labels ** 2)
        Inner error of each penalty, for ``Y Y'`` flattened.
    """

    predict: Double
    error: Double


@dataclass(frozen=True)
class Problem:
    """What is permuted and how it is scored.

    Attributes
    ----------
    folds : sequence of LinearFold
    targets : float64 (n_labels, d)
        Target of each label: of each stimulus, or of each trial where only its category is known.
    real : float64 (n_candidates, d)
        Rows that decoded features are compared with; their inner product ranks the candidates.
    candidate : int64 (n_labels,)
        Candidate that is true for a label; -1 for labels that only train.
    label : int64 (n_items,)
        Label of each item.
    exchangeable : (n_labels,)
        Labels swap targets only within one of these: run, or fold that tests the stimulus.
    blocks : sequence of (rows, columns)
        Candidates and items that are scored against each other.
    two_way : bool
        Two-way identification, else whether the true candidate is the best.
    """

    folds: Sequence[LinearFold]
    targets: Double
    real: Double
    candidate: Index
    label: Index
    exchangeable: NDArray[np.str_]
    blocks: Sequence[tuple[Index, Index]]
    two_way: bool


def linear_fold(
    X_train: Float,
    X_test: Float,
    *,
    train: Index,
    items: Double,
    groups: NDArray[np.str_],
    n_labels: int,
    alphas: Sequence[float],
    inner_folds: int,
) -> LinearFold:
    """Turn one fold of :class:`~neurodecode.embed.ridge.RidgeDecoder` into linear maps.

    Parameters
    ----------
    X_train, X_test : float32 (n_train, n_units), (n_test, n_units)
    train : int64 (n_train,)
        Label of each training trial.
    items : float64 (n_items, n_test)
        Weights that average the fold's test trials into items.
    groups : (n_train,)
        Trials of one group stay on one side of every inner split.
    n_labels : int
    alphas, inner_folds
        As the decoder's.
    """
    # In double precision, as the decoder's: where a mean is large, centred trials else keep one
    # direction too many, and the inner errors have no solution.
    mean = X_train.mean(axis=0, dtype=np.float64)
    scale = X_train.std(axis=0, dtype=np.float64)
    scale = np.where(scale > 0, scale, 1)
    spectrum = decompose(X_train, mean, scale)
    across = (items @ ((X_test - mean) / scale)) @ ((X_train - mean) / scale).T @ spectrum.left
    n = len(train)
    member = np.zeros((n, n_labels))
    member[np.arange(n), train] = 1
    weight = items.sum(axis=1, keepdims=True)
    predict = []
    for alpha in alphas:
        slope = across / (spectrum.values + alpha) @ spectrum.left.T
        # The intercept is the mean target of the training trials.
        whole = slope + (weight - slope.sum(axis=1, keepdims=True)) / n
        predict.append(whole @ member)
    errors = _inner_errors(spectrum, groups, alphas, inner_folds) if len(alphas) > 1 else []
    error = [(E @ member).T @ (E @ member) for E in errors]
    return LinearFold(np.stack(predict), np.array(error).reshape(-1, n_labels**2))


def _inner_errors(
    spectrum: Spectrum, groups: NDArray[np.str_], alphas: Sequence[float], n_folds: int
) -> Iterator[Double]:
    """Yield, by penalty, the map (n, n) of targets to left-out errors; see ``choose_alpha``."""
    left = spectrum.left
    n = len(left)
    n_folds = min(n_folds, len(np.unique(groups)))
    parts = [out for _, out in GroupKFold(n_folds).split(np.zeros(n), groups=groups)]
    for alpha in alphas:
        kept = spectrum.values / (spectrum.values + alpha)
        rows = []
        for out in parts:
            residual = np.eye(n)[out] - 1 / n - (left[out] * kept) @ left.T
            rows.append(solve(residual[:, out], residual, assume_a="pos", check_finite=False))
        yield np.concatenate(rows)


def _scores(problem: Problem, order: Index) -> Double:
    """Return the score of each reordering (n, n_labels) of the labels' targets, (n,)."""
    gram = problem.targets @ problem.targets.T
    compared = problem.real @ problem.targets.T
    n_items = len(problem.label)
    n_labels = len(gram)
    size = max(1, BATCH // max(n_labels**2, len(compared) * max(n_items, n_labels)))
    found = [
        _batch(problem, gram, compared, order[k : k + size]) for k in range(0, len(order), size)
    ]
    return np.concatenate(found)


def _batch(problem: Problem, gram: Double, compared: Double, order: Index) -> Double:
    n = len(order)
    similarity = np.zeros((n, len(compared), len(problem.label)))
    permuted = compared[:, order].transpose(1, 0, 2)
    swapped = gram[order[:, :, None], order[:, None, :]].reshape(n, -1)
    for fold in problem.folds:
        best = np.zeros(n, np.int64)
        if len(fold.error):
            best = (swapped @ fold.error.T).argmin(axis=1)
        for alpha in np.unique(best):
            rows = best == alpha
            similarity[rows] += permuted[rows] @ fold.predict[alpha].T
    truth = problem.candidate[order[:, problem.label]]
    total = np.zeros(n)
    for rows, columns in problem.blocks:
        part = similarity[:, rows][:, :, columns]
        true = np.take_along_axis(similarity, truth[:, None], axis=1)[:, :, columns]
        tied = np.isclose(part, true, rtol=1e-9, atol=1e-12)
        if problem.two_way:
            lower = ((part < true) & ~tied).sum(axis=1) + (tied.sum(axis=1) - 1) / 2
            total += (lower / (len(rows) - 1)).sum(axis=1)
        else:
            higher = ((part > true) & ~tied).any(axis=1)
            total += np.where(higher, 0, 1 / tied.sum(axis=1)).sum(axis=1)
    scores: Double = total / len(problem.label)
    return scores


def observed_score(problem: Problem) -> float:
    """Score of the data as they are."""
    return float(_scores(problem, np.arange(len(problem.targets))[None])[0])


def refit_p(problem: Problem, rng: np.random.Generator, n: int) -> float:
    """p = (1 + #{permuted >= observed}) / (1 + n); the decoder is refitted each time.

    Labels swap their targets within ``exchangeable``, in training and in testing, so nothing that
    the decoder could learn of them is true; all trials of a stimulus go together.

    Parameters
    ----------
    problem : Problem
    rng : numpy Generator
    n : int
        Permutations; the evaluation's specification asks for 1,000 or more.
    """
    order = permutations(problem.exchangeable, rng, n)
    permuted = _scores(problem, order)
    return float((1 + np.sum(permuted >= observed_score(problem) - 1e-12)) / (1 + n))
