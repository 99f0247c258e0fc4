"""Extended and unscented Kalman filters: channels are tuned to the velocity and to the speed."""

from __future__ import annotations

from typing import Self

import numpy as np

from neurodecode.online.decoded import Array, StreamDecoder, training_rows
from neurodecode.online.dynamics import inverse_covariance, learn_dynamics
from neurodecode.online.kernels import LARGEST, observe

__all__ = ["ExtendedKalmanFilter", "UnscentedKalmanFilter"]

# Part of the root-mean-square speed within which the tuning to speed is rounded off.
ROUND = 0.1


class SpeedTunedFilter(StreamDecoder):
    """Base of filters of y = C phi(z) + N(0, R), phi(z) = (z, speed less its mean).

    The speed is sqrt(|z|^2 + e^2) with a small e, so that it has a gradient at rest. Measurements
    reach the filters as information on phi, so that only matrices of (d + 1) are inverted and
    missing channels are left out exactly.

    Parameters
    ----------
    centre : bool
        Whether the training means are taken off; not where features and states come centred.

    Attributes
    ----------
    A_, G_, S_ : float64 (d, d)
        Transition, its noise, covariance of the state before any measurement.
    C_ : float64 (n_chans, d + 1)
        Tuning to the state and the speed.
    precision_ : float64 (n_chans, n_chans)
        R^-1.
    speed_ : float64 (2,)
        e and the mean speed.

    References
    ----------
    Moran & Schwartz (1999), J. Neurophysiol. 82, 2676-2692 (tuning to velocity and speed).
    """

    learned = ("A", "G", "S", "C", "precision", "speed", "y_mean", "z_mean")

    def __init__(self, centre: bool = True) -> None:
        self.centre = centre

    def fit(self, Y: Array, Z: Array) -> Self:
        """Learn from features ``Y`` (n_times, n_chans) and states ``Z`` (n_times, d).

        Raises
        ------
        DataError
            Where shapes disagree, too few bins are whole, or R is singular.
        """
        Y, Z, whole = training_rows(Y, Z)
        self.y_mean_ = Y[whole].mean(axis=0) * self.centre
        self.z_mean_ = Z[whole].mean(axis=0) * self.centre
        dynamics = learn_dynamics(Z - self.z_mean_, whole)
        self.A_, self.G_, self.S_ = dynamics.A, dynamics.G, dynamics.S
        y, z = Y[whole] - self.y_mean_, Z[whole] - self.z_mean_
        self.speed_ = np.array([ROUND * np.sqrt((z**2).sum(axis=1).mean()), 0.0])
        self.speed_[1] = self._phi(z)[:, -1].mean()
        phi = self._phi(z)
        self.C_ = np.ascontiguousarray(np.linalg.lstsq(phi, y, rcond=None)[0].T)
        self.precision_ = inverse_covariance(y - phi @ self.C_.T, "noise")
        self._ready()
        return self

    def _phi(self, z: Array) -> Array:
        rounding, mean = self.speed_
        speed = np.sqrt((z**2).sum(axis=-1, keepdims=True) + rounding**2) - mean
        return np.concatenate([z, speed], axis=-1)

    def _derive(self) -> None:
        self._weights = np.ascontiguousarray(self.C_.T @ self.precision_)
        info = self._weights @ self.C_
        self._info = (info + info.T) / 2

    def _start(self) -> tuple[Array, ...]:
        return np.zeros(self.n_states), self.S_.copy()

    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        m, P = self._live
        b, J = np.empty(self.n_states + 1), np.empty((self.n_states + 1,) * 2)
        for t, y in enumerate(Y):
            predicted, M = self.A_ @ m, self.A_ @ P @ self.A_.T + self.G_
            centred = np.where(np.abs(y) < LARGEST, y, np.nan) - self.y_mean_
            m[:], updated = self._update(predicted, M, centred, b, J)
            P[:] = (updated + updated.T) / 2
            mean[t], cov[t] = m + self.z_mean_, P

    def _inform(self, y: Array, phi: Array, b: Array, J: Array) -> None:
        """Write what ``y`` says beyond the expected ``phi`` into ``b`` (d + 1,) and ``J``."""
        observe(y - self.C_ @ phi, self._weights, self._info, self.precision_, b, J, self._missing)

    def _update(self, m: Array, M: Array, y: Array, b: Array, J: Array) -> tuple[Array, Array]:
        """Mean and covariance after ``y`` from those predicted; ``b`` and ``J`` are scratch."""
        raise NotImplementedError


class ExtendedKalmanFilter(SpeedTunedFilter):
    """Kalman filter linearised at the predicted state; see :class:`SpeedTunedFilter`.

    Parameters
    ----------
    centre : bool
        Whether the training means are taken off; not where features and states come centred.
    """

    def _update(self, m: Array, M: Array, y: Array, b: Array, J: Array) -> tuple[Array, Array]:
        self._inform(y, self._phi(m), b, J)
        slope = np.vstack([np.eye(len(m)), m / np.sqrt((m**2).sum() + self.speed_[0] ** 2)])
        info = slope.T @ J @ slope
        P = np.linalg.solve(np.eye(len(m)) + M @ info, M)
        return m + P @ (slope.T @ b), P


class UnscentedKalmanFilter(SpeedTunedFilter):
    """Kalman filter by 2 d + 1 sigma points; see :class:`SpeedTunedFilter`.

    Parameters
    ----------
    centre : bool
        Whether the training means are taken off; not where features and states come centred.

    References
    ----------
    Julier & Uhlmann (1997), Proc. SPIE 3068, kappa = 3 - d, not below 0.
    """

    def _update(self, m: Array, M: Array, y: Array, b: Array, J: Array) -> tuple[Array, Array]:
        d = len(m)
        kappa = max(3 - d, 0)
        weights = np.full(2 * d + 1, 0.5 / (d + kappa))
        weights[0] = kappa / (d + kappa)
        values, vectors = np.linalg.eigh(M)
        root = (vectors * np.sqrt((d + kappa) * np.maximum(values, 0.0))).T
        offsets = np.vstack([np.zeros((1, d)), root, -root])
        # Differences of speeds as quotients: a state far away would cancel them to nothing.
        speed = np.sqrt(((m + offsets) ** 2).sum(axis=1) + self.speed_[0] ** 2)
        faster = (offsets * (2 * m + offsets)).sum(axis=1) / (speed + speed[0])
        beyond = np.column_stack([offsets, faster])
        spread = beyond - weights @ beyond
        within = spread.T @ (weights[:, None] * spread)
        across = offsets.T @ (weights[:, None] * spread)
        self._inform(y, self._phi(m) + weights @ beyond, b, J)
        solved = np.linalg.solve(np.eye(d + 1) + J @ within, np.column_stack([b, J @ across.T]))
        return m + across @ solved[:, 0], M - across @ solved[:, 1:]
