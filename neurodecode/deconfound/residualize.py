"""Regression of features on demographics, of means and of variances; fitted on training people.

Feature j of person i, with the design row d_i (age by a restricted cubic spline, every other
column as it is, all centred on training people):

    x_ij = m_j + d_i b_j + exp(d_i g_j) e_ij

b by least squares. g, the log standard deviation, is the maximum likelihood of a normal e: Fisher
scoring on the squared residuals r^2 (Harvey 1976, Econometrica 44, 461),

    2 g <- 2 g + (D'D)^-1 D' (r^2 / s^2 - 1),    s = exp(c + d g)

What is returned is m_j + e_ij: the person as they stand among people like them.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from neurodecode.contracts import Float
from neurodecode.deconfound.base import DeconfounderBase
from neurodecode.deconfound.demographics import MINIMUM, Array
from neurodecode.errors import ConfigError

__all__ = ["Residualize", "fit_log_sd", "restricted_cubic"]

QUANTILES = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
"""Where knots lie (Harrell 2015, Regression Modeling Strategies, table 2.3)."""
STEPS = 20
LARGEST = 1.5
"""Bound of a feature's fitted log standard deviation, either way."""


def restricted_cubic(values: Array, knots: Array) -> Array:
    """Return the curved terms of a restricted cubic spline, (n, n_knots - 2).

    Linear below the first and above the last knot (Harrell 2015, equation 2.25).
    """
    first, last = knots[0], knots[-1]
    before = knots[-2]

    def cube(knot: float) -> Array:
        return np.asarray(np.clip(values - knot, 0, None) ** 3)

    terms = [
        cube(knot)
        - cube(before) * (last - knot) / (last - before)
        + cube(last) * (before - knot) / (last - before)
        for knot in knots[:-2]
    ]
    curved: Array = np.stack(terms, axis=1) / (last - first) ** 2
    return curved


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
        if np.abs(step).max() < 1e-6:
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
    knots_ : float64 (n_continuous, n_knots)
    centre_ : float64 (n_columns,)
        Mean of the design over training people.
    mean_ : float64 (n_features,)
    coef_ : float64 (n_columns, n_features)
        b of the module's equation.
    log_sd_ : float64 (n_columns, n_features)
        g; empty without ``variance``.
    """

    learned: ClassVar[tuple[str, ...]] = ("knots", "centre", "mean", "coef", "log_sd")

    def __init__(self, knots: int = 4, variance: bool = True, minimum: int = MINIMUM) -> None:
        super().__init__(minimum)
        self.knots = knots
        self.variance = variance

    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        if self.knots not in (0, *QUANTILES):
            raise ConfigError(f"knots: must be one of 0, 3, 4, 5, got {self.knots!r}")
        quantiles = QUANTILES.get(self.knots, ())
        encoded, at = self.encoding_.encode(table), self.encoding_.slices
        columns = [encoded[:, at[c.name]] for c in self.encoding_.continuous]
        self.knots_ = np.array([np.quantile(column, quantiles) for column in columns])
        design = self._columns(table)
        self.centre_, self.mean_ = design.mean(axis=0), X.mean(axis=0)
        design -= self.centre_
        self.coef_ = np.linalg.lstsq(design, X - self.mean_, rcond=None)[0]
        self.log_sd_ = np.empty((0, X.shape[1]))
        if self.variance:
            self.log_sd_ = fit_log_sd(design, X - self.mean_ - design @ self.coef_)

    def _columns(self, table: pd.DataFrame) -> Array:
        encoded, at = self.encoding_.encode(table), self.encoding_.slices
        parts = [encoded]
        if self.knots:
            for column, knots in zip(self.encoding_.continuous, self.knots_, strict=True):
                parts.append(restricted_cubic(encoded[:, at[column.name]][:, 0], knots))
        return np.concatenate(parts, axis=1)

    def _predict(self, table: pd.DataFrame) -> tuple[Array, Array]:
        """Mean, and spread as a factor, of each feature for people with these demographics."""
        design = self._columns(table) - self.centre_
        log_sd = design @ self.log_sd_ if len(self.log_sd_) else np.zeros((len(design), 1))
        return self.mean_ + design @ self.coef_, np.exp(np.clip(log_sd, -LARGEST, LARGEST))

    def _transform(self, X: Array, table: pd.DataFrame) -> Array:
        mean, spread = self._predict(table)
        alone: Array = self.mean_ + (X - mean) / spread
        return alone

    def counterfactual(self, X: Float, *, demographics: pd.DataFrame, to: pd.DataFrame) -> Float:
        """Return the same people had their demographics been ``to``, float32 as ``X``."""
        own = self.transform(X, demographics=demographics) - self.mean_
        mean, spread = self._predict(to)
        return np.asarray(mean + spread * own, dtype=np.float32)
