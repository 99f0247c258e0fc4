"""Discriminative Kalman filter: a regression says where the state is, dynamics say where it was."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from sklearn.base import clone

from neurodecode.errors import ConfigError
from neurodecode.online.decoded import Array
from neurodecode.online.dynamics import learn_dynamics
from neurodecode.online.history import HistoryDecoder, left_out
from neurodecode.online.kernels import filter_discriminative
from neurodecode.online.regressors import NadarayaWatson, Regressor

__all__ = ["DiscriminativeKalmanFilter"]

# Part of the constant covariance that is in every local one, so that no few rows make it singular.
FLOOR = 0.1


class DiscriminativeKalmanFilter(HistoryDecoder):
    """Filter of z_t = A z_{t-1} + N(0, G) with p(z | y) ~ N(f(y), Q), both learned.

    With M = A P A' + G and the state's own covariance S, the posterior has precision M^-1 + Q^-1 -
    S^-1; where Q^-1 - S^-1 is not positive definite, S^-1 is left out of that step. The robust
    variant always leaves it out and starts from the first measurement.

    Q is the covariance of the residuals of f in each of ``folds`` stretches of time, f fitted on
    the others; f is then fitted once more on all. (The paper holds 30 % of the bins out, drawn at
    random, which neighbours in time make too easy.) Where channels are missing they are
    filled with their expectation and Q^-1 shrinks with the part that was measured.

    Parameters
    ----------
    regressor : Regressor
        f; stays as given, ``regressor_`` is the fitted copy.
    robust : bool
    noise : {"constant", "local"}
        Whether Q is one covariance, or a Nadaraya-Watson mean of r r' around y.
    folds : int
        Stretches of time that are held out in turn to learn Q.
    lags, decay
        Earlier bins that f sees too; a bin k back is scaled by decay^k.
    centre : bool
        Whether the training means are taken off; not where features and states come centred.

    Attributes
    ----------
    A_, G_, S_, Q_ : float64 (d, d)
        Transition, its noise, covariance of the state, covariance of the residuals of f.
    X_held_, Q_held_, bandwidth_ : float64 (n_held, p), (n_held, d, d), (1,)
        What a local Q is made of; no rows where it is constant.

    References
    ----------
    Burkhart, Brandman, Franco, Hochberg & Harrison (2020), Neural Computation 32, 969-1017,
    eq. 2.6-2.8.
    """

    learned = (*HistoryDecoder.learned, "A", "G", "S", "Q", "X_held", "Q_held", "bandwidth")
    parts = ("regressor",)

    def __init__(
        self,
        regressor: Regressor,
        robust: bool = False,
        noise: Literal["constant", "local"] = "constant",
        folds: int = 5,
        lags: int = 0,
        decay: float = 1.0,
        centre: bool = True,
    ) -> None:
        self.regressor = regressor
        self.robust = robust
        self.noise = noise
        self.folds = folds
        self.lags = lags
        self.decay = decay
        self.centre = centre

    def fit(self, Y: Array, Z: Array) -> Self:
        """Learn from features ``Y`` (n_times, n_chans) and states ``Z`` (n_times, d).

        Raises
        ------
        ConfigError
            Where ``noise`` or ``folds`` is out of range.
        DataError
            Where shapes disagree, too few bins are whole, or a channel copies others.
        """
        if self.noise not in ("constant", "local"):
            raise ConfigError(f"noise must be constant or local, got {self.noise!r}")
        if self.folds < 2:
            raise ConfigError(f"folds must be 2 or more, got {self.folds}")
        X, Z, known = self._learn_inputs(Y, Z)
        dynamics = learn_dynamics(Z, known)
        self.A_, self.G_, self.S_ = dynamics.A, dynamics.G, dynamics.S
        X, Z = X[known], Z[known]
        residual = left_out(self.regressor, X, Z, self.folds)
        self.Q_ = residual.T @ residual / len(residual)
        self._learn_local(X, residual)
        self.regressor_ = clone(self.regressor).fit(X, Z)
        self._ready()
        return self

    def _learn_local(self, X: Array, residual: Array) -> None:
        """Keep what a local Q is made of, and find its bandwidth by leaving one bin out."""
        if self.noise == "constant":
            X, residual = X[:0], residual[:0]
        self.X_held_, self.Q_held_ = np.array(X), residual[:, :, None] * residual[:, None, :]
        flat = self.Q_held_.reshape(len(X), self.Q_.size)
        local = self.noise == "local"
        self.bandwidth_ = NadarayaWatson().fit(X, flat).bandwidth_ if local else np.ones(1)

    def _derive(self) -> None:
        self._Q_inverse = np.asarray(np.linalg.inv(self.Q_)[None], dtype=np.float64)
        off = np.zeros_like(self.S_) if self.robust else np.linalg.inv(self.S_)
        self._dynamics = (self.z_mean_, self.A_, self.G_)
        self._S_inverse = off
        flat = self.Q_held_.reshape(len(self.X_held_), self.Q_.size)
        self._local = NadarayaWatson(float(self.bandwidth_[0])).fit(self.X_held_, flat)

    def _start(self) -> tuple[Array, ...]:
        past = np.zeros((self.lags, self.n_chans))
        unstarted = np.array([float(self.robust)])
        return past, unstarted, np.zeros(self.n_states), self.S_.copy()

    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        past, unstarted, m, P = self._live
        X, there = self._inputs(Y, past)
        filter_discriminative(
            self.regressor_.predict(X), there, self._precision(X), self._S_inverse, unstarted,
            *self._dynamics, m, P, mean, cov,
        )  # fmt: skip

    def _precision(self, X: Array) -> Array:
        """Inverse of Q at each row of ``X`` (n, p), or once where it is constant."""
        if self.noise == "constant":
            return self._Q_inverse
        d = self.n_states
        local = self._local.predict(X).reshape(-1, d, d)
        covariance = (1 - FLOOR) * local + FLOOR * self.Q_
        return np.asarray(np.linalg.inv(covariance), dtype=np.float64)
