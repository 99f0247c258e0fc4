"""The linear state model that all filters share: z_t = A z_{t-1} + N(0, G), z_0 ~ N(0, S)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_discrete_lyapunov

from neurodecode.errors import DataError
from neurodecode.online.decoded import Array

__all__ = ["Dynamics", "inverse_covariance", "learn_dynamics"]


@dataclass(frozen=True)
class Dynamics:
    """A linear Gaussian state model.

    Attributes
    ----------
    A, G : float64 (d, d)
        Transition and its noise covariance.
    S : float64 (d, d)
        Covariance of the state before any measurement.
    """

    A: Array
    G: Array
    S: Array


def learn_dynamics(Z: Array, whole: NDArray[np.bool_]) -> Dynamics:
    """Regress each state on the one before it.

    ``S`` solves S = A S A' + G; where A is not stable (a position that integrates a velocity), it
    is the sample covariance.

    Parameters
    ----------
    Z : (n_times, d)
        Centred states.
    whole : bool (n_times,)
        Bins that may be used; a pair needs both.
    """
    pairs = whole[1:] & whole[:-1]
    before, after = Z[:-1][pairs], Z[1:][pairs]
    A = np.asarray(np.linalg.lstsq(before, after, rcond=None)[0].T, dtype=np.float64, order="C")
    residual = after - before @ A.T
    G = residual.T @ residual / len(residual)
    if np.abs(np.linalg.eigvals(A)).max() < 1 - 1e-6:
        S = solve_discrete_lyapunov(A, G)
    else:
        S = Z[whole].T @ Z[whole] / whole.sum()
    return Dynamics(A, G, (S + S.T) / 2)


def inverse_covariance(residual: Array, what: str, *, diagonal: bool = False) -> Array:
    """Inverse of the covariance of centred rows; a channel that never varies gets a unit variance.

    Raises
    ------
    DataError
        Where the covariance is singular: a channel is a sum of others, or there are too few rows.
    """
    cov = residual.T @ residual / len(residual)
    scale = np.sqrt(np.diag(cov))
    scale[scale <= 1e-12 * scale.max(initial=0.0)] = 1.0
    correlation = cov / np.outer(scale, scale)
    if diagonal:
        correlation = np.diag(np.diag(correlation))
    np.fill_diagonal(correlation, np.where(np.diag(correlation) > 0.5, np.diag(correlation), 1.0))
    smallest = float(np.linalg.eigvalsh(correlation)[0])
    if smallest < 1e-10:
        raise DataError(
            f"the {what} covariance of {len(cov)} channels over {len(residual)} bins is singular "
            f"(smallest eigenvalue of the correlation {smallest:.1e}): take out channels that are "
            "copies or sums of others, use more bins, or noise='diagonal'"
        )
    precision = np.linalg.inv(correlation) / np.outer(scale, scale)
    return np.asarray((precision + precision.T) / 2)
