"""Regression whose effects are drawn towards each other, in fewer dimensions.

Ordinary regression subtracts b, the estimate of b0, and with it the estimate's error b - b0: the
same for all new people of a group, spread over as many directions as there are features. A decoder
that is trained on new people finds it; with thousands of features and hundreds of people it is as
large as the effect. Two things make it smaller.

1. Empirical Bayes. The model is that of :mod:`~neurodecode.deconfound.residualize`. Estimates of
   one effect (a line, a curve, all levels of a column) at all features are replaced by their
   posterior means (:mod:`~neurodecode.deconfound.empirical_bayes`). The errors of features are
   correlated through a few leading directions among people: those are taken apart first and drawn
   to zero by one common factor. Log standard deviations are treated in the same way; their standard
   errors follow from the kurtosis of the residuals, 2 under normality.
2. Projection on the leading principal components of what is left, of unit variance a feature,
   fitted on the training people. What lies outside is lost, error and information alike; how many
   to keep is a choice to be made on validation people. (Erasing, further, the directions in which
   the means of training people still depend on demographics changes nothing on other people: the
   factor of 1. has left nothing in them.)

What is left is then the error of some tens of directions, equal in each in units of how people
vary: no map of the features that is told nothing else can keep a label and lose the error. One that
is told the label can: on request the direction in which the label of the training people is told
(by ridge regression on all features, demographics held constant) is kept beside fewer components.
What is neither in these nor named as the label is lost more, the fewer they are.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from neurodecode.contracts import Float
from neurodecode.deconfound.demographics import MINIMUM, Array
from neurodecode.deconfound.design import Design
from neurodecode.deconfound.empirical_bayes import common_factor, posterior_mean
from neurodecode.deconfound.residualize import Residualize, fit_log_sd
from neurodecode.errors import ConfigError, DataError, NotIdentifiable
from neurodecode.seeds import generator

__all__ = ["ShrunkenResidualize", "label_columns", "shrunken_means"]

PENALTIES = np.geomspace(1e-3, 1e3, 25)
"""Of the label's ridge regression, in units of the mean eigenvalue of people's inner products."""


class ShrunkenResidualize(Residualize):
    """Residualize means and variances with empirical-Bayes effects, in leading components.

    Parameters
    ----------
    n_components : int
        Principal components that are kept; 0: all features as they are.
    n_factors : int
        Leading directions among people that are taken apart before the effects are shrunken.
    keep_label : bool
        Keep, too, the direction in which the training people's label, ``y`` of :meth:`fit`, is
        told.
    knots : {0, 3, 4, 5}
        Knots of the spline of each continuous demographic; 0: a straight line.
    minimum : int
        Fewest training people a level.
    seed : int
        Of synthetic people.

    Attributes
    ----------
    scale_ : float64 (n_features,)
        Standard deviation of people without their demographics: the unit of directions.
    directions_ : float64 (n_directions, n_features)
        Leading principal directions, orthonormal rows; the first ``n_components`` are kept.
    lengths_ : float64 (n_directions,)
        Standard deviation of people along each.
    rest_ : float64 (n_features,)
        Standard deviation of what lies in no direction.
    label_in_, label_out_ : float64 (n_columns of the label, n_features)
        By which the label's directions are read off standardised features, and put back.
    design_, mean_, coef_, log_sd_
        See :class:`~neurodecode.deconfound.residualize.Residualize`.
    """

    learned: ClassVar[tuple[str, ...]] = (
        *Residualize.learned, "scale", "directions", "lengths", "rest", "label_in", "label_out",
    )  # fmt: skip

    def __init__(
        self,
        n_components: int = 200,
        n_factors: int = 50,
        keep_label: bool = False,
        knots: int = 4,
        minimum: int = MINIMUM,
        seed: int = 0,
    ) -> None:
        super().__init__(knots, True, minimum)
        self.seed = seed
        self.keep_label = keep_label
        self.n_components = n_components
        self.n_factors = n_factors

    def fit(self, X: Float, y: object = None, *, demographics: pd.DataFrame) -> Self:
        """Fit on training people; ``y``, (n_people,), is the label that is to be kept.

        Raises
        ------
        ConfigError
            Where ``keep_label`` asks for a label and there is none.
        DataError
            Where a feature is the same for all people, or a demographic or label is missing.
        NotIdentifiable
            Where a level has fewer than ``minimum`` people, or demographics determine the label.
        """
        super().fit(X, demographics=demographics)
        if self.keep_label:
            self._keep_label(np.asarray(X, dtype=float), y, demographics)
        return self

    def _keep_label(self, X: Array, y: object, table: pd.DataFrame) -> None:
        """Learn the directions of the label outside the components that are kept anyway."""
        if y is None:
            raise ConfigError("shrunken: keep_label needs y, the label that is to be kept")
        label, design = label_columns(pd.Series(y)), self.design_.matrix(table)
        both = np.concatenate([label, design], axis=1)
        if np.linalg.matrix_rank(both) < both.shape[1]:
            raise NotIdentifiable(
                "label: demographics determine it among these people: what is the label's own "
                "cannot be told from what is theirs"
            )
        alone = (Residualize._transform(self, X, table) - self.mean_) / self.scale_
        weights = _told_by(alone, label, design)
        whole = (alone @ weights.T).var(axis=0).sum()
        kept = self.directions_[: self.n_components]
        weights -= weights @ kept.T @ kept
        told = alone @ weights.T
        values, vectors = np.linalg.eigh(told.T @ told / len(told))
        clear = values > 1e-9 * whole
        self.label_in_ = (vectors[:, clear] / np.sqrt(values[clear])).T @ weights
        self.label_out_ = (alone @ self.label_in_.T).T @ alone / len(alone)

    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        self.design_ = Design.learn(self.encoding_, table, self.knots)
        design, effects = self.design_.matrix(table), self.design_.effects(table)
        if len(X) <= design.shape[1] + 2:
            raise DataError(f"features: {len(X)} people are too few for {design.shape[1]} effects")
        self.mean_, scale = X.mean(axis=0), X.std(axis=0)
        values = (X - self.mean_) / scale
        self.coef_ = shrunken_means(values, design, effects, self.n_factors) * scale
        left = values - design @ (self.coef_ / scale)
        self.log_sd_ = _shrunken_spreads(left, design, effects)
        alone = super()._transform(X, table) - self.mean_
        self.scale_ = alone.std(axis=0)
        alone /= self.scale_
        n = max(self.n_components, self.n_factors)
        self.directions_, variances = _leading(alone, n)
        self.lengths_ = np.sqrt(variances)
        rest = alone - alone @ self.directions_.T @ self.directions_
        self.rest_ = rest.std(axis=0) * self.scale_
        self.label_in_ = self.label_out_ = np.zeros((0, X.shape[1]))

    def _transform(self, X: Array, table: pd.DataFrame) -> Array:
        alone = super()._transform(X, table)
        if not self.n_components:
            return alone
        kept = self.directions_[: self.n_components]
        own = (alone - self.mean_) / self.scale_
        shown = own @ kept.T @ kept + own @ self.label_in_.T @ self.label_out_
        return np.asarray(self.mean_ + self.scale_ * shown)

    def counterfactual(self, X: Float, *, demographics: pd.DataFrame, to: pd.DataFrame) -> Float:
        """Return the same people had their demographics been ``to``; all features are kept."""
        check_is_fitted(self)
        (mean, spread), (new_mean, new_spread) = self._predict(demographics), self._predict(to)
        return np.asarray(new_mean + (X - mean) / spread * new_spread, dtype=np.float32)

    def sample(self, n: int, *, demographics: pd.DataFrame) -> Float:
        """Draw people who do not exist, normal about what their demographics predict.

        Parameters
        ----------
        n : int
            Must be the number of rows of ``demographics``.

        Returns
        -------
        X : float32 (n, n_features)
        """
        check_is_fitted(self)
        if n != len(demographics):
            raise DataError(f"sample: {n} people for {len(demographics)} rows of demographics")
        rng = generator(self.seed, "synthetic people")
        mean, spread = self._predict(demographics)
        drawn = rng.normal(size=(n, len(self.lengths_))) * self.lengths_
        own = drawn @ self.directions_ * self.scale_
        own += rng.normal(size=mean.shape) * self.rest_
        return np.asarray(mean + spread * own, dtype=np.float32)


def _told_by(alone: Array, label: Array, design: Array) -> Array:
    """Weights of features by which a label is told, (n_columns, n_features): ridge regression.

    Demographics are held constant; the penalty of each column of the label is the one of least
    leave-one-out error.

    Parameters
    ----------
    alone : (n_people, n_features)
        Standardised features without their demographics.
    label : (n_people, n_columns)
    design : (n_people, n_effects)
    """
    basis, _ = np.linalg.qr(design - design.mean(axis=0))
    values = alone - alone.mean(axis=0)
    values -= basis @ (basis.T @ values)
    label = label - basis @ (basis.T @ label)
    squares, people = np.linalg.eigh(values @ values.T)
    squares = np.maximum(squares, 0)
    turned, weights = people.T @ label, []
    for column in range(label.shape[1]):
        duals = [turned[:, column] / (squares + k * squares.mean()) for k in PENALTIES]
        errors = [
            np.mean((people @ dual / (people**2 @ (1 / (squares + k * squares.mean())))) ** 2)
            for dual, k in zip(duals, PENALTIES, strict=True)
        ]
        weights.append((people @ duals[int(np.argmin(errors))]) @ values)
    return np.array(weights)


def label_columns(label: pd.Series) -> Array:
    """Return a label as centred columns: a standardised number, or all levels but the first.

    Raises
    ------
    DataError
        Where it is missing for somebody.
    NotIdentifiable
        Where it is the same for all.
    """
    if label.isna().any():
        raise DataError(f"label: missing for {int(label.isna().sum())} of {len(label)} people")
    if label.nunique() < 2:
        raise NotIdentifiable("label: the same for all people")
    if pd.api.types.is_float_dtype(label):
        columns = label.to_numpy(float)[:, None] / label.std()
    else:
        columns = pd.get_dummies(label.astype(str), drop_first=True).to_numpy(float)
    return np.asarray(columns - columns.mean(axis=0))


def _leading(values: Array, n: int) -> tuple[Array, Array]:
    """Leading directions of centred rows, (n, n_features), and the variance along each."""
    wide = values.shape[0] < values.shape[1]
    squares, vectors = np.linalg.eigh(values @ values.T if wide else values.T @ values)
    n = min(n, int((squares > 1e-9 * squares[-1]).sum()))
    squares, vectors = squares[::-1][:n], vectors[:, ::-1][:, :n]
    directions = (vectors / np.sqrt(squares)).T @ values if wide else vectors.T
    return np.ascontiguousarray(directions), squares / len(values)


def shrunken_means(
    values: Array, design: Array, effects: dict[str, slice], n_factors: int
) -> Array:
    """Return the effects on the means of centred, standardised features, (n_columns, n_features).

    Parameters
    ----------
    values : (n_people, n_features)
    design : (n_people, n_columns)
        Centred.
    effects : dict of str to slice
        Columns of the design that belong together.
    n_factors : int
        Leading directions among people that are taken apart first.
    """
    inverse = np.linalg.inv(design.T @ design)
    coef = inverse @ (design.T @ values)
    residuals = values - design @ coef
    n_factors = min(n_factors, len(values) // 4)
    factors, variances = _leading(residuals, n_factors)
    freedom = len(values) - design.shape[1] - 1 - len(factors)
    rest = residuals - residuals @ factors.T @ factors
    error = np.sqrt(np.maximum((rest**2).sum(axis=0) / freedom, 1e-12))
    shrunken = np.empty_like(coef)
    for columns in effects.values():
        root = np.linalg.cholesky(inverse[columns, columns])
        shared = coef[columns] @ factors.T
        alone = coef[columns] - shared @ factors
        shared *= common_factor(np.linalg.solve(root, shared) / np.sqrt(variances))
        alone = root @ posterior_mean(np.linalg.solve(root, alone) / error) * error
        shrunken[columns] = shared @ factors + alone
    return shrunken


def _shrunken_spreads(residuals: Array, design: Array, effects: dict[str, slice]) -> Array:
    """Effects on the log standard deviations of features, (n_columns, n_features)."""
    slopes = fit_log_sd(design, residuals)
    squares = residuals**2 / np.exp(2 * design @ slopes)
    kurtosis = np.median((squares / squares.mean(axis=0)).var(axis=0))
    inverse = np.linalg.inv(design.T @ design) * kurtosis / 4
    shrunken = np.empty_like(slopes)
    for columns in effects.values():
        root = np.linalg.cholesky(inverse[columns, columns])
        estimates = np.asarray(np.linalg.solve(root, slopes[columns]), dtype=np.float64)
        shrunken[columns] = root @ posterior_mean(estimates)
    return shrunken
