"""Velocity Kalman filter: in information form, at constant gain, and backwards as a smoother."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from scipy.linalg import solve_discrete_are

from neurodecode.errors import ConfigError
from neurodecode.online.decoded import Array, DecodedBatch, StreamDecoder, training_rows
from neurodecode.online.dynamics import inverse_covariance, learn_dynamics
from neurodecode.online.kernels import filter_linear, track_linear

__all__ = ["KalmanFilter", "SteadyKalmanFilter"]


class KalmanFilter(StreamDecoder):
    """Kalman filter of z_t = A z_{t-1} + N(0, G), y_t = C z_t + N(0, R), learned by least squares.

    The measurement is taken in as information: C'R^-1 and C'R^-1 C are computed once, and a step
    costs one product with (d, n_chans) and algebra of (d, d). A missing channel is left out of
    both, exactly, also where R is full.

    Parameters
    ----------
    noise : {"full", "diagonal"}
        Form of R.
    centre : bool
        Whether the training means are taken off; not where features and states come centred.

    Attributes
    ----------
    A_, G_, S_ : float64 (d, d)
        Transition, its noise, covariance of the state before any measurement.
    C_ : float64 (n_chans, d)
        Tuning of each channel to the centred state.
    precision_ : float64 (n_chans, n_chans)
        R^-1.
    y_mean_, z_mean_ : float64 (n_chans,), (d,)
        What is taken off: means of the training data, or zero.

    References
    ----------
    Wu, Gao, Bienenstock, Donoghue & Black (2006), Neural Computation 18, 80-118.
    """

    learned = ("A", "G", "S", "C", "precision", "y_mean", "z_mean")

    def __init__(self, noise: Literal["full", "diagonal"] = "full", centre: bool = True) -> None:
        self.noise = noise
        self.centre = centre

    def fit(self, Y: Array, Z: Array) -> Self:
        """Learn from features ``Y`` (n_times, n_chans) and states ``Z`` (n_times, d).

        Raises
        ------
        ConfigError
            Where ``noise`` is neither form.
        DataError
            Where shapes disagree, too few bins are whole, or R is singular.
        """
        if self.noise not in ("full", "diagonal"):
            raise ConfigError(f"noise must be full or diagonal, got {self.noise!r}")
        Y, Z, whole = training_rows(Y, Z)
        self.y_mean_ = Y[whole].mean(axis=0) * self.centre
        self.z_mean_ = Z[whole].mean(axis=0) * self.centre
        dynamics = learn_dynamics(Z - self.z_mean_, whole)
        self.A_, self.G_, self.S_ = dynamics.A, dynamics.G, dynamics.S
        y, z = Y[whole] - self.y_mean_, Z[whole] - self.z_mean_
        self.C_ = np.ascontiguousarray(np.linalg.lstsq(z, y, rcond=None)[0].T)
        self.precision_ = inverse_covariance(
            y - z @ self.C_.T, "noise", diagonal=self.noise == "diagonal"
        )
        self._ready()
        return self

    def _derive(self) -> None:
        weights = np.ascontiguousarray(self.C_.T @ self.precision_)
        info = weights @ self.C_
        self._model = (
            self.y_mean_, self.z_mean_, self.A_, self.G_,
            weights, (info + info.T) / 2, self.precision_,
        )  # fmt: skip

    def _start(self) -> tuple[Array, ...]:
        return np.zeros(self.n_states), self.S_.copy()

    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        filter_linear(Y, *self._model, *self._live, self._missing, mean, cov)

    def smooth(self, Y: Array) -> DecodedBatch:
        """Decode a whole recording from both sides (Rauch, Tung & Striebel 1965).

        Parameters
        ----------
        Y : (n_times, n_chans)
            Features; NaN where a channel is missing.
        """
        filtered = self.predict(Y)
        mean, cov = filtered.mean - self.z_mean_, filtered.cov.copy()
        for t in range(len(mean) - 2, -1, -1):
            M = self.A_ @ cov[t] @ self.A_.T + self.G_
            gain = cov[t] @ self.A_.T @ np.linalg.pinv(M, hermitian=True)
            mean[t] += gain @ (mean[t + 1] - self.A_ @ mean[t])
            smoothed = cov[t] + gain @ (cov[t + 1] - M) @ gain.T
            cov[t] = (smoothed + smoothed.T) / 2
        return DecodedBatch(mean + self.z_mean_, cov)


class SteadyKalmanFilter(KalmanFilter):
    """Kalman filter at the gain that it settles on, solved once by the Riccati equation.

    Where channels are missing the gain stays and only their innovation is left out, so the
    reported covariance is that of a whole measurement.

    Parameters
    ----------
    noise : {"full", "diagonal"}
        Form of R.
    centre : bool
        Whether the training means are taken off; not where features and states come centred.
    """

    def _derive(self) -> None:
        super()._derive()
        y_mean, z_mean, A, G, weights, info, precision = self._model
        # d measurements H z + N(0, I) with H'H = C'R^-1 C say as much as all the channels.
        values, vectors = np.linalg.eigh(info)
        H = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
        M = solve_discrete_are(A.T, H.T, G, np.eye(len(A)))
        gain = M @ H.T @ np.linalg.inv(H @ M @ H.T + np.eye(len(A)))
        P = M - gain @ H @ M
        self._model = y_mean, z_mean, A, np.ascontiguousarray(P + P.T) / 2, weights, info, precision

    def _start(self) -> tuple[Array, ...]:
        return (np.zeros(self.n_states),)

    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        track_linear(Y, *self._model, *self._live, self._missing, mean, cov)
