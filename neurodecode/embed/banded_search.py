"""Search for each unit's mixture of bands and penalty, by himalaya over inner folds.

Mixtures that are tried: all features alike (ridge on the joined features), all bands alike, each
band alone, and random ones. So many choices fit noise where a unit holds little signal. Units
therefore share the mixture that predicts all of them best, unless a unit's own is more probable.
With squared errors e over n left-out rows a mixture's likelihood is taken as ``e^(-n/2)``; how
common it is that a unit shares the mixture is learned by expectation maximisation over all units,
all other mixtures being equally probable. The penalty is each unit's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float

__all__ = ["mixtures", "search", "shared_mixture"]

Double = NDArray[np.float64]
CONCENTRATION = (0.1, 1.0)
"""Of the Dirichlet distributions that random mixtures are drawn from, in turn."""
STEPS = 30
"""Of expectation maximisation."""


def mixtures(sizes: Sequence[int], n_random: int, seed: int) -> Float:
    """Return what is tried (n, n_bands), for bands of ``sizes`` features; see the module."""
    n_bands = len(sizes)
    alone, alike = np.eye(n_bands), np.full((1, n_bands), 1 / n_bands)
    if n_bands == 1:
        return alone.astype(np.float32)
    rng = np.random.default_rng(seed)
    drawn = [
        rng.dirichlet(np.full(n_bands, CONCENTRATION[k % len(CONCENTRATION)]))
        for k in range(n_random)
    ]
    # Bands are divided by the root of their size, so that joined features are in its proportion.
    joined = np.asarray(sizes, float)[None] / sum(sizes)
    # A band of no weight has no finite logarithm, in which himalaya keeps mixtures.
    tried = np.clip(np.concatenate([joined, alike, alone, *[d[None] for d in drawn]]), 1e-6, None)
    found: Float = (tried / tried.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def search(
    X: list[Float], Y: Float, splits: list[Any], alphas: Double, tried: Float
) -> tuple[list[Float], Float, Float]:
    """Return each band's weights (d_b, n_units), mixtures (n_bands, n_units), penalties (n_units,).

    Parameters
    ----------
    X : list of float32 (n_rows, d_b)
    Y : float32 (n_rows, n_units)
        Centred.
    splits : list of (train, test)
        Inner folds.
    alphas : float64 (n_alphas,)
    tried : float32 (n_mixtures, n_bands)
        See :func:`mixtures`.
    """
    coef, strength, errors = _fit(X, Y, splits, alphas, tried)
    if len(tried) > 1:
        shared, shares = shared_mixture(errors, len(Y))
        again, strength[:, shares], _ = _fit(
            X, Y[:, shares], splits, alphas, tried[shared : shared + 1]
        )
        for own, part in zip(coef, again, strict=True):
            own[:, shares] = part
    total = strength.sum(axis=0)
    return coef, strength / total, 1 / total


def shared_mixture(errors: Double, n_rows: int) -> tuple[int, NDArray[np.bool_]]:
    """Return the mixture that all units share, and which units do (n_units,).

    Parameters
    ----------
    errors : float64 (n_mixtures, n_units)
        Mean squared errors over left-out rows.
    n_rows : int
        How many rows were left out in all.
    """
    fit = -0.5 * n_rows * np.log(np.maximum(errors, np.finfo(float).tiny))
    shared = int(fit.sum(axis=1).argmax())
    density = np.exp(fit - fit.max(axis=0))
    prior = np.full((len(density), 1), 1 / len(density))
    for _ in range(STEPS):
        posterior = prior * density
        common = float((posterior[shared] / posterior.sum(axis=0)).mean())
        prior[:] = (1 - common) / (len(density) - 1)
        prior[shared] = common
    return shared, (prior * density).argmax(axis=0) == shared


def _fit(
    X: list[Float], Y: Float, splits: list[Any], alphas: Double, tried: Float
) -> tuple[list[Float], Float, Double]:
    """Return weights, strengths (mixture over penalty), and errors of each mixture.

    In the space of features where those are fewer than rows, else of rows: the same solution.
    """
    from himalaya.kernel_ridge import MultipleKernelRidgeCV
    from himalaya.ridge import GroupRidgeCV

    sizes = [part.shape[1] for part in X]
    if not Y.shape[1]:
        nothing = np.zeros((len(X), 0), np.float32)
        return [np.zeros((d, 0), np.float32) for d in sizes], nothing, np.zeros((len(tried), 0))
    options = {
        "n_iter": tried, "alphas": alphas.astype(np.float32), "progress_bar": False
    }  # fmt: skip
    shared = {"solver": "random_search", "cv": splits, "fit_intercept": True}
    if sum(sizes) < len(Y):
        model = GroupRidgeCV(groups="input", solver_params={**options, "warn": False}, **shared)
        model.fit(X, Y)
        coef = np.split(np.asarray(model.coef_, np.float32), np.cumsum(sizes)[:-1])
        strength = np.exp(model.deltas_)
    else:
        kernels = np.stack([part @ part.T for part in X])
        model = MultipleKernelRidgeCV(kernels="precomputed", solver_params=options, **shared)
        model.fit(kernels, Y)
        strength = np.exp(model.deltas_)
        dual = np.asarray(model.dual_coef_, np.float32)
        coef = [part.T @ (dual * own) for part, own in zip(X, strength, strict=True)]
    return coef, strength, -np.asarray(model.cv_scores_, np.float64)
