"""Correlation matrices as plain vectors: any vector is one, and any sum of vectors is one.

The logarithm of a correlation matrix C is symmetric; its entries above the diagonal,

    gamma = vecl(log C),

tell C apart from every other correlation matrix, and *every* real vector gamma belongs to exactly
one positive definite C (Archakov and Hansen 2021, Econometrica 89, 1699). For two regions gamma is
Fisher's z = artanh(r). It is the tangent space at the identity, without the diagonal. Effects that
add up here can be of any strength: the matrix stays positive definite with ones on its diagonal.

Back: the diagonal x of log C solves diag(exp A(x)) = 1, where A has gamma off and x on its
diagonal. x <- x - log diag(exp A(x)) is a contraction to it (their theorem 2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import DataError

__all__ = ["correlation_to_log", "fisher_z", "log_to_correlation", "n_regions_of"]

Array = NDArray[np.float64]


def n_regions_of(n_edges: int) -> int:
    """Return r where n_edges = r (r - 1) / 2.

    Raises
    ------
    DataError
        Where there is no such r.
    """
    n_regions = round((1 + np.sqrt(1 + 8 * n_edges)) / 2)
    if n_regions * (n_regions - 1) // 2 != n_edges or n_edges < 1:
        raise DataError(f"{n_edges} edges are not the upper triangle of a square matrix")
    return int(n_regions)


def correlation_to_log(matrices: Array) -> Array:
    """Return gamma, (n, n_edges), of correlation matrices (n, n_regions, n_regions).

    Raises
    ------
    DataError
        Where a matrix is not positive definite.
    """
    values, vectors = np.linalg.eigh(matrices)
    if not values.min() > 1e-10:
        raise DataError(
            "correlation matrices must be positive definite, the smallest eigenvalue is "
            f"{values.min():.2g}; more time points than regions are needed"
        )
    logarithm = (vectors * np.log(values)[:, None, :]) @ vectors.transpose(0, 2, 1)
    upper = np.triu_indices(matrices.shape[-1], 1)
    return np.asarray(logarithm[:, upper[0], upper[1]])


def log_to_correlation(
    gamma: Array, *, start: Array | None = None, tolerance: float = 1e-6
) -> Array:
    """Return the correlation matrices (n, n_regions, n_regions) of gamma (n, n_edges).

    Parameters
    ----------
    gamma : (n, n_edges)
    start : (n_regions,), optional
        A guess of the diagonal of log C; the nearer, the fewer steps.
    tolerance : float
        Largest error of a diagonal before it is set to one exactly.

    Raises
    ------
    DataError
        Where the numbers are too large for the iteration.
    """
    n_regions = n_regions_of(gamma.shape[1])
    upper = np.triu_indices(n_regions, 1)
    logarithm = np.zeros((len(gamma), n_regions, n_regions))
    logarithm[:, upper[0], upper[1]] = gamma
    logarithm += logarithm.transpose(0, 2, 1)
    diagonal = np.einsum("nii->ni", logarithm)  # a view
    if start is not None:
        diagonal[:] = start
    matrices = np.empty_like(logarithm)
    left, before = np.arange(len(gamma)), None
    for _ in range(200):
        values, vectors = np.linalg.eigh(logarithm[left])
        if values.max() > 300:  # exp would overflow
            break
        grown = (vectors * np.exp(values)[:, None, :]) @ vectors.transpose(0, 2, 1)
        trace = np.einsum("nii->ni", grown)
        matrices[left] = grown / np.sqrt(trace[:, :, None] * trace[:, None, :])
        go_on = ~(np.abs(trace - 1).max(axis=1) < tolerance)
        step, place = -np.log(trace), diagonal[left]
        diagonal[left] += step - _extrapolation(place, step, before)
        left, before = left[go_on], (place[go_on], step[go_on])
        if not len(left):
            return matrices
    raise DataError(
        f"no correlation matrix found for {len(left)} of {len(gamma)} vectors: their numbers are "
        f"too large (up to {np.abs(gamma[left]).max():.3g}); lower the strengths"
    )


def _extrapolation(place: Array, step: Array, before: tuple[Array, Array] | None) -> Array:
    """What Anderson's acceleration (depth one) takes from a plain step; saves 40 % of the steps."""
    if before is None:
        return np.zeros_like(step)
    moved, change = place - before[0], step - before[1]
    share = (step * change).sum(axis=1) / np.maximum((change**2).sum(axis=1), 1e-300)
    return np.asarray(np.clip(share, -5, 0.5)[:, None] * (moved + change))


def fisher_z(matrices: Array) -> Array:
    """Return artanh of the upper triangle, (n, n_edges), row by row of the matrix."""
    upper = np.triu_indices(matrices.shape[-1], 1)
    return np.asarray(np.arctanh(matrices[:, upper[0], upper[1]]))
