"""Regression of features on demographics, of means and of variances; fitted on training people.

Feature j of person i, with the centred design row d_i (:mod:`neurodecode.deconfound.design`):

    x_ij = m_j + d_i b_j + exp(d_i g_j) e_ij

b by least squares. g, the log standard deviation, is the maximum likelihood of a normal e: Fisher
scoring on the squared residuals r^2 (Harvey 1976, Econometrica 44, 461),

    2 g <- 2 g + (D'D)^-1 D' (r^2 / s^2 - 1),    s = exp(c + d g)

What is returned is m_j + e_ij: the person as they stand among people like them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.deconfound.base import DeconfounderBase
from neurodecode.deconfound.demographics import MINIMUM, Array
from neurodecode.deconfound.design import Design

__all__ = ["Residualize", "fit_log_sd"]

STEPS = 20
LARGEST = 1.5
"""Bound of a feature's fitted log standard deviation, either way."""


def fit_log_sd(design: Array, residuals: Array) -> Array:
    """Return the slopes of the log standard deviation on a centred design, (n_columns, n_features).

    Parameters
    ----------
    design : (n_people, n_columns)
    residuals : (n_people, n_features)
    """
    squares = residuals**2
    inverse = np.linalg.pinv(design)
    slopes = np.zeros((design.shape[1], residuals.shape[1]))
    for _ in range(STEPS):
        spread = np.exp(np.clip(2 * design @ slopes, -2 * LARGEST, 2 * LARGEST))
        scaled = squares / spread
        step = inverse @ (scaled / scaled.mean(axis=0))
        slopes += step / 2
        if np.abs(step).max() < 1e-4:
            break
    return slopes


class Residualize(DeconfounderBase):
    """Subtract what demographics predict; on request, scale by the predicted spread too.

    Parameters
    ----------
    knots : {0, 3, 4, 5}
        Knots of the spline of each continuous demographic; 0: a straight line.
    variance : bool
        Divide by the standard deviation that demographics predict, too.
    minimum : int
        Fewest training people a level.

    Attributes
    ----------
    design_ : Design
    mean_ : float64 (n_features,)
    coef_ : float64 (n_columns, n_features)
        b of the module's equation.
    log_sd_ : float64 (n_columns, n_features)
        g; zero without ``variance``.
    """

    learned: ClassVar[tuple[str, ...]] = ("mean", "coef", "log_sd")

    def __init__(self, knots: int = 4, variance: bool = True, minimum: int = MINIMUM) -> None:
        super().__init__(minimum)
        self.knots = knots
        self.variance = variance

    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        self.design_ = Design.learn(self.encoding_, table, self.knots)
        design = self.design_.matrix(table)
        self.mean_ = X.mean(axis=0)
        self.coef_ = np.linalg.lstsq(design, X - self.mean_, rcond=None)[0]
        self.log_sd_ = np.zeros_like(self.coef_)
        if self.variance:
            self.log_sd_ = fit_log_sd(design, X - self.mean_ - design @ self.coef_)

    def _predict(self, table: pd.DataFrame) -> tuple[Array, Array]:
        """Mean, and spread as a factor, of each feature for people with these demographics."""
        design = self.design_.matrix(table)
        spread = np.exp(np.clip(design @ self.log_sd_, -LARGEST, LARGEST))
        return self.mean_ + design @ self.coef_, spread

    def _transform(self, X: Array, table: pd.DataFrame) -> Array:
        mean, spread = self._predict(table)
        alone: Array = self.mean_ + (X - mean) / spread
        return alone

    def counterfactual(self, X: Float, *, demographics: pd.DataFrame, to: pd.DataFrame) -> Float:
        """Return the same people had their demographics been ``to``, float32 as ``X``."""
        own = self.transform(X, demographics=demographics) - self.mean_
        mean, spread = self._predict(to)
        return np.asarray(mean + spread * own, dtype=np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        return {**super().state(), **self.design_.state()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave."""
        super().restore(arrays)
        self.design_ = Design.restore(self.encoding_, arrays)
        return self
