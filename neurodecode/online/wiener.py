"""Wiener filter: linear regression on the last bins, no dynamics."""

from __future__ import annotations

from typing import Self

import numpy as np

from neurodecode.online.decoded import Array
from neurodecode.online.history import HistoryDecoder, left_out
from neurodecode.online.regressors import LinearRidge

__all__ = ["WienerFilter"]


class WienerFilter(HistoryDecoder):
    """Ridge regression of the state on the present and ``lags`` earlier bins.

    The covariance is that of the residuals in stretches of time left out in turn; where channels
    are missing it goes over to that of the state, in proportion.

    Parameters
    ----------
    lags : int
        Earlier bins.
    penalty : float
        See :class:`~neurodecode.online.regressors.LinearRidge`.
    centre : bool
        Whether the training means are taken off; not where features and states come centred.

    Attributes
    ----------
    coef_, intercept_ : float64 ((lags + 1) n_chans, d), (d,)
    Q_, S_ : float64 (d, d)
        Covariance of the residuals; of the state.
    """

    learned = (*HistoryDecoder.learned, "coef", "intercept", "Q", "S")
    decay = 1.0

    def __init__(self, lags: int = 9, penalty: float = 1e-3, centre: bool = True) -> None:
        self.lags = lags
        self.penalty = penalty
        self.centre = centre

    def fit(self, Y: Array, Z: Array) -> Self:
        """Learn from features ``Y`` (n_times, n_chans) and states ``Z`` (n_times, d).

        Raises
        ------
        DataError
            Where shapes disagree, too few bins are whole, or a channel copies others.
        """
        X, Z, known = self._learn_inputs(Y, Z)
        X, Z = X[known], Z[known]
        residual = left_out(LinearRidge(self.penalty), X, Z, folds=5)
        self.Q_, self.S_ = residual.T @ residual / len(Z), Z.T @ Z / len(Z)
        linear = LinearRidge(self.penalty).fit(X, Z)
        self.coef_, self.intercept_ = linear.coef_, linear.intercept_
        self._ready()
        return self

    def _start(self) -> tuple[Array, ...]:
        return (np.zeros((self.lags, self.n_chans)),)

    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        X, there = self._inputs(Y, *self._live)
        mean[:] = X @ self.coef_ + self.intercept_ + self.z_mean_
        part = there[:, None, None]
        cov[:] = part * self.Q_ + (1 - part) * self.S_
