"""The inner loops of all filters, compiled: fuse one measurement, mask what is missing.

A measurement reaches the filter as information: a precision matrix ``J`` (d, d) and a vector ``b``
(d,). For y = C z + N(0, R) they are C'R^-1 C and C'R^-1 y, for a discriminative measurement
Q^-1 - S^-1 and Q^-1 f(y). No matrix larger than (d, d) is then touched in a step.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["fill", "filter_information", "filter_linear", "fuse", "observe", "track_linear"]

Array = NDArray[np.float64]
# Sums may be reordered (vector instructions); NaN and infinity keep their meaning.
FAST = {"reassoc", "contract"}
# What is beyond is no measurement: its square would overflow.
LARGEST = 1e100


@njit(cache=True, fastmath=FAST)  # type: ignore[untyped-decorator]
def factor(M: Array, L: Array) -> None:
    """Write the lower Cholesky factor of the semidefinite ``M`` into ``L``.

    A pivot that is zero but for rounding gives a column of zeros, so that states that follow from
    others without noise (a position from a velocity) are allowed.
    """
    d = len(M)
    for j in range(d):
        pivot = M[j, j]
        for k in range(j):
            pivot -= L[j, k] * L[j, k]
        root = np.sqrt(pivot) if pivot > 1e-14 * M[j, j] else 0.0
        L[j, j] = root
        for i in range(j + 1, d):
            L[j, i] = 0.0
            entry = M[i, j]
            for k in range(j):
                entry -= L[i, k] * L[j, k]
            L[i, j] = entry / root if root > 0.0 else 0.0


@njit(cache=True, fastmath=FAST)  # type: ignore[untyped-decorator]
def fuse(A: Array, G: Array, b: Array, J: Array, m: Array, P: Array) -> None:
    """Predict by z = A z + N(0, G), then take in the information (``b``, ``J``), in place.

    With M = A P A' + G = L L', the posterior covariance (M^-1 + J)^-1 is L (I + L'J L)^-1 L':
    symmetric, and no inverse of M is needed. The mean is A m + P (b - J A m).
    """
    d = len(m)
    work = np.empty((4, d, d))
    AP, M, L, B = work[0], work[1], work[2], work[3]
    for i in range(d):
        for j in range(d):
            entry = 0.0
            for k in range(d):
                entry += A[i, k] * P[k, j]
            AP[i, j] = entry
    for i in range(d):
        for j in range(i + 1):
            entry = G[i, j]
            for k in range(d):
                entry += AP[i, k] * A[j, k]
            M[i, j] = entry
    factor(M, L)
    JL, C, X = AP, M, P
    for i in range(d):
        for j in range(d):
            entry = 0.0
            for k in range(j, d):
                entry += J[i, k] * L[k, j]
            JL[i, j] = entry
    for i in range(d):
        for j in range(i + 1):
            entry = 1.0 if i == j else 0.0
            for k in range(i, d):
                entry += L[k, i] * JL[k, j]
            B[i, j] = entry
    factor(B, C)
    for j in range(d):  # X = C^-1 L'
        for i in range(d):
            entry = L[j, i]
            for k in range(i):
                entry -= C[i, k] * X[k, j]
            X[i, j] = entry / C[i, i]
    for i in range(d):
        for j in range(i + 1):
            entry = 0.0
            for k in range(d):
                entry += X[k, i] * X[k, j]
            B[i, j] = entry
            B[j, i] = entry
    P[:] = B
    mu, r = AP[0], AP[1]
    for i in range(d):
        entry = 0.0
        for k in range(d):
            entry += A[i, k] * m[k]
        mu[i] = entry
    for i in range(d):
        entry = b[i]
        for k in range(d):
            entry -= J[i, k] * mu[k]
        r[i] = entry
    for i in range(d):
        entry = mu[i]
        for k in range(d):
            entry += P[i, k] * r[k]
        m[i] = entry


@njit(cache=True, fastmath=FAST)  # type: ignore[untyped-decorator]
def observe(
    y: Array, weights: Array, info: Array, precision: Array,
    b: Array, J: Array, missing: NDArray[np.int64],
) -> None:  # fmt: skip
    """Write the information of a linear measurement into ``b`` and ``J``; masks what is missing.

    Parameters
    ----------
    y : (n,)
        Measurement less its mean; NaN or infinite where missing.
    weights, info, precision : (d, n), (d, d), (n, n)
        C'R^-1, C'R^-1 C and R^-1.
    missing : (n,)
        Counts the masked bins of each channel.
    """
    d, n = weights.shape
    whole = True
    for i in range(d):
        entry = 0.0
        for k in range(n):
            entry += weights[i, k] * y[k]
        b[i] = entry
        if not abs(entry) < LARGEST:
            whole = False
    J[:] = info
    if not whole:
        observe_masked(y, weights, precision, b, J, missing)


@njit(cache=True)  # type: ignore[untyped-decorator]
def observe_masked(
    y: Array, weights: Array, precision: Array, b: Array, J: Array, missing: NDArray[np.int64]
) -> None:
    """Leave missing channels out of ``b`` and ``J``, exactly, by the Schur complement of R^-1.

    With o the channels that are there and m the missing ones, R_oo^-1 = (R^-1)_oo - (R^-1)_om
    ((R^-1)_mm)^-1 (R^-1)_mo. Filling y_m by -((R^-1)_mm)^-1 (R^-1)_mo y_o gives the same ``b``.
    """
    d, n = weights.shape
    gone = np.empty(n, np.bool_)
    for k in range(n):
        gone[k] = not abs(y[k]) < LARGEST
        missing[k] += gone[k]
    lost = np.flatnonzero(gone)
    if len(lost) == n:
        b[:] = 0.0
        J[:] = 0.0
        return
    solved = np.empty((len(lost), d + 1))
    inner = np.empty((len(lost), len(lost)))
    for row, channel in enumerate(lost):
        entry = 0.0
        for k in range(n):
            if not gone[k]:
                entry += precision[channel, k] * y[k]
        solved[row, 0] = entry
        solved[row, 1:] = weights[:, channel]
        inner[row] = precision[channel][lost]
    solved[:] = np.linalg.solve(inner, solved)
    for i in range(d):
        entry = 0.0
        for k in range(n):
            if not gone[k]:
                entry += weights[i, k] * y[k]
        for row, channel in enumerate(lost):
            entry -= weights[i, channel] * solved[row, 0]
        b[i] = entry
        for j in range(i + 1):
            entry = J[i, j]
            for row, channel in enumerate(lost):
                entry -= weights[i, channel] * solved[row, j + 1]
            J[i, j] = entry
            J[j, i] = entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def filter_linear(
    Y: Array, y_mean: Array, z_mean: Array, A: Array, G: Array,
    weights: Array, info: Array, precision: Array,
    m: Array, P: Array, missing: NDArray[np.int64], mean: Array, cov: Array,
) -> None:  # fmt: skip
    """Kalman filter over the rows of ``Y`` (n_times, n); ``m`` and ``P`` are the live state."""
    b, J = np.empty(len(m)), np.empty_like(P)
    for t in range(len(Y)):
        observe(Y[t] - y_mean, weights, info, precision, b, J, missing)
        fuse(A, G, b, J, m, P)
        for i in range(len(m)):
            mean[t, i] = m[i] + z_mean[i]
        cov[t] = P


@njit(cache=True)  # type: ignore[untyped-decorator]
def track_linear(
    Y: Array, y_mean: Array, z_mean: Array, A: Array, P: Array,
    weights: Array, info: Array, precision: Array,
    m: Array, missing: NDArray[np.int64], mean: Array, cov: Array,
) -> None:  # fmt: skip
    """Filter of constant gain: as ``filter_linear`` with the covariance held at ``P``."""
    b, J = np.empty(len(m)), np.empty_like(P)
    for t in range(len(Y)):
        observe(Y[t] - y_mean, weights, info, precision, b, J, missing)
        predicted = np.dot(A, m)
        m[:] = predicted + np.dot(P, b - np.dot(J, predicted))
        mean[t] = m + z_mean
        cov[t] = P


@njit(cache=True)  # type: ignore[untyped-decorator]
def filter_information(
    B: Array, Js: Array, z_mean: Array, A: Array, G: Array,
    m: Array, P: Array, mean: Array, cov: Array,
) -> None:  # fmt: skip
    """Filter over measurements that are already information, (n_times, d) and (n_times, d, d)."""
    for t in range(len(B)):
        fuse(A, G, B[t], Js[t], m, P)
        for i in range(len(m)):
            mean[t, i] = m[i] + z_mean[i]
        cov[t] = P


@njit(cache=True)  # type: ignore[untyped-decorator]
def fill(Y: Array, y_mean: Array, precision: Array, missing: NDArray[np.int64]) -> Array:
    """Put the expectation given the other channels where a value is missing, in place.

    Parameters
    ----------
    Y : (n_times, n)
        Gaussian rows with mean ``y_mean`` and inverse covariance ``precision`` (n, n).
    missing : (n,)
        Counts the filled bins of each channel.

    Returns
    -------
    float64 (n_times,)
        Part of the channels that were there.
    """
    n = Y.shape[1]
    there = np.ones(len(Y))
    for t in range(len(Y)):
        gone = np.empty(n, np.bool_)
        for k in range(n):
            gone[k] = not abs(Y[t, k]) < LARGEST
            missing[k] += gone[k]
        lost = np.flatnonzero(gone)
        if len(lost) == 0:
            continue
        there[t] = 1.0 - len(lost) / n
        inner, pull = np.empty((len(lost), len(lost))), np.zeros(len(lost))
        for row, channel in enumerate(lost):
            for k in range(n):
                if not gone[k]:
                    pull[row] += precision[channel, k] * (Y[t, k] - y_mean[k])
            inner[row] = precision[channel][lost]
        pull[:] = np.linalg.solve(inner, pull)
        for row, channel in enumerate(lost):
            Y[t, channel] = y_mean[channel] - pull[row]
    return there


@njit(cache=True)  # type: ignore[untyped-decorator]
def filter_discriminative(
    F: Array, there: Array, Q_inverse: Array, S_inverse: Array, unstarted: Array,
    z_mean: Array, A: Array, G: Array, m: Array, P: Array, mean: Array, cov: Array,
) -> None:  # fmt: skip
    """Discriminative Kalman filter over the rows of ``F`` (n_times, d).

    Parameters
    ----------
    F : (n_times, d)
        f(y), centred.
    there : (n_times,)
        Part of the channels that was measured; the precision of f(y) is scaled by it.
    Q_inverse : (n_times or 1, d, d)
        Precision of f(y).
    S_inverse : (d, d)
        Taken off where the rest is positive definite; zero for the robust variant.
    unstarted : (1,)
        1 until the first measurement where that is to be the start of the state.
    """
    d = len(m)
    b, J, L = np.empty(d), np.empty((d, d)), np.empty((d, d))
    for t in range(len(F)):
        Q = Q_inverse[min(t, len(Q_inverse) - 1)]
        for i in range(d):
            b[i] = 0.0
            for k in range(d):
                J[i, k] = there[t] * Q[i, k]
                b[i] += J[i, k] * F[t, k]
        if unstarted[0] == 1 and there[t] > 0.0:
            unstarted[0] = 0
            P[:] = np.linalg.inv(J)
            m[:] = F[t]
        else:
            J -= S_inverse
            factor(J, L)
            for i in range(d):
                if L[i, i] == 0.0:
                    J[:] = there[t] * Q
                    break
            fuse(A, G, b, J, m, P)
        for i in range(d):
            mean[t, i] = m[i] + z_mean[i]
        cov[t] = P


@njit(cache=True, fastmath=FAST)  # type: ignore[untyped-decorator]
def perceptron(
    X: Array, W1: Array, b1: Array, W2: Array, b2: Array, W3: Array, b3: Array, Z: Array
) -> None:
    """Run a network of two hidden layers (ReLU) over rows of ``X`` (n, p) into ``Z`` (n, d)."""
    first, second = np.empty(len(b1)), np.empty(len(b2))
    for t in range(len(X)):
        for i in range(len(b1)):
            entry = b1[i]
            for k in range(X.shape[1]):
                entry += W1[i, k] * X[t, k]
            first[i] = max(entry, 0.0)
        for i in range(len(b2)):
            entry = b2[i]
            for k in range(len(b1)):
                entry += W2[i, k] * first[k]
            second[i] = max(entry, 0.0)
        for i in range(len(b3)):
            entry = b3[i]
            for k in range(len(b2)):
                entry += W3[i, k] * second[k]
            Z[t, i] = entry
