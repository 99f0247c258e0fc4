"""What decoders by regression share: missing values filled, earlier bins joined to each row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from neurodecode.online.decoded import Array, StreamDecoder, training_rows
from neurodecode.online.dynamics import inverse_covariance
from neurodecode.online.kernels import fill
from neurodecode.online.regressors import Regressor

__all__ = ["HistoryDecoder", "left_out"]


class HistoryDecoder(StreamDecoder):
    """Base of decoders that regress on the present and ``lags`` earlier bins.

    A subclass stores ``lags``, ``decay`` and ``centre``. A missing channel is filled with its
    expectation given the others (Gaussian, from the training data).

    Attributes
    ----------
    y_mean_, z_mean_ : float64 (n_chans,), (d,)
        What is taken off.
    y_precision_ : float64 (n_chans, n_chans)
        Inverse covariance of the features.
    """

    learned: ClassVar[tuple[str, ...]] = ("y_mean", "z_mean", "y_precision")
    lags: int
    decay: float
    centre: bool

    def _learn_inputs(self, Y: Array, Z: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Learn how rows are made; returns inputs and centred states, and which states are known.

        Raises
        ------
        DataError
            Where shapes disagree, too few bins are whole, or a channel copies others.
        """
        Y, Z, whole = training_rows(Y, Z)
        self.y_mean_ = Y[whole].mean(axis=0) * self.centre
        self.z_mean_ = Z[whole].mean(axis=0) * self.centre
        self.y_precision_ = inverse_covariance(Y[whole] - self.y_mean_, "feature")
        self._missing = np.zeros(Y.shape[1], np.int64)
        past = np.zeros((self.lags, Y.shape[1]))
        X, _ = self._inputs(Y, past)
        return X, Z - self.z_mean_, np.logical_and.reduce(np.isfinite(Z), axis=1)

    def _inputs(self, Y: Array, past: Array) -> tuple[Array, Array]:
        """Rows for the regression, (n_times, (lags + 1) n_chans), and the part that was measured.

        ``past`` (lags, n_chans) holds the bins before, centred, and is moved on. A bin that lies k
        bins back is scaled by decay^k.
        """
        Y = Y.copy()
        there = fill(Y, self.y_mean_, self.y_precision_, self._missing)
        Y -= self.y_mean_
        if not self.lags:
            return Y, there
        joined = np.concatenate([past, Y])
        past[:] = joined[len(Y) :]
        rows = [self.decay**k * joined[self.lags - k :][: len(Y)] for k in range(self.lags + 1)]
        return np.hstack(rows), there


def left_out(regressor: Regressor, X: Array, Z: Array, folds: int) -> Array:
    """What a regression leaves unexplained in each stretch of time, fitted on the others.

    Parameters
    ----------
    regressor : Regressor
        Stays as it is.
    X, Z : (n, p), (n, d)
        Rows in the order of time.
    folds : int
        Stretches.

    Returns
    -------
    float64 (n, d)
    """
    residual = np.empty_like(Z)
    for stretch in np.array_split(np.arange(len(X)), folds):
        others = np.ones(len(X), bool)
        others[stretch] = False
        f = clone(regressor).fit(X[others], Z[others])
        residual[stretch] = Z[stretch] - f.predict(X[stretch])
    return residual
