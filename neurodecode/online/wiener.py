"""Regression on the last bins without dynamics: the Wiener filter, and its kernel relatives."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import clone

from neurodecode.online.decoded import Array
from neurodecode.online.history import HistoryDecoder, left_out
from neurodecode.online.regressors import LinearRidge, Regressor

__all__ = ["RegressionDecoder", "wiener_filter"]


class RegressionDecoder(HistoryDecoder):
    """Regression of the state on the present and ``lags`` earlier bins.

    The covariance is that of the residuals in stretches of time left out in turn; where channels
    are missing it goes over to that of the state, in proportion.

    Parameters
    ----------
    regressor : Regressor
        Stays as given, ``regressor_`` is the fitted copy.
    lags, decay
        Earlier bins; a bin k back is scaled by decay^k.
    folds : int
        Stretches of time that are held out in turn to learn the covariance.
    centre : bool
        Whether the training means are taken off; not where features and states come centred.

    Attributes
    ----------
    Q_, S_ : float64 (d, d)
        Covariance of the residuals; of the state.
    """

    learned = (*HistoryDecoder.learned, "Q", "S")
    parts = ("regressor",)

    def __init__(
        self,
        regressor: Regressor,
        lags: int = 9,
        decay: float = 1.0,
        folds: int = 5,
        centre: bool = True,
    ) -> None:
        self.regressor = regressor
        self.lags = lags
        self.decay = decay
        self.folds = folds
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
        residual = left_out(self.regressor, X, Z, self.folds)
        self.Q_, self.S_ = residual.T @ residual / len(Z), Z.T @ Z / len(Z)
        self.regressor_ = clone(self.regressor).fit(X, Z)
        self._ready()
        return self

    def _start(self) -> tuple[Array, ...]:
        return (np.zeros((self.lags, self.n_chans)),)

    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        X, there = self._inputs(Y, *self._live)
        mean[:] = self.regressor_.predict(X) + self.z_mean_
        part = there[:, None, None]
        cov[:] = part * self.Q_ + (1 - part) * self.S_


def wiener_filter(
    lags: int = 9, penalty: float = 1e-3, *, centre: bool = True
) -> RegressionDecoder:
    """Return the linear regression on the present and ``lags`` earlier bins, unfitted.

    ``penalty`` is that of :class:`~neurodecode.online.regressors.LinearRidge`.
    """
    return RegressionDecoder(LinearRidge(penalty), lags=lags, centre=centre)
