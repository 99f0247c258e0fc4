"""Ridge regression from response vectors to features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold
from sklearn.utils.validation import check_is_fitted

from neurodecode.contracts import Float
from neurodecode.errors import DataError

__all__ = ["RidgeDecoder", "choose_alpha", "ridge_path"]


def ridge_path(X: Float, Y: Float, alphas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``min_B |Y - X B|^2 + alpha |B|^2`` for every alpha by one decomposition.

    With the thin SVD ``X = U S V'`` the solution is ``B = V diag(s / (s^2 + alpha)) U'Y``
    (Hoerl and Kennard 1970; Hastie et al., *The Elements of Statistical Learning*, eq. 3.47).
    The smaller of the two Gram matrices is decomposed, so the cost is that of
    ``min(n_trials, n_units)``.

    Parameters
    ----------
    X : (n_trials, n_units)
        Centred responses.
    Y : (n_trials, d)
        Centred targets.
    alphas : (n_alphas,)
        Penalties, in units of ``X'X``.

    Returns
    -------
    float64 (n_alphas, n_units, d)
    """
    X64, Y64 = X.astype(np.float64), Y.astype(np.float64)
    if X.shape[0] <= X.shape[1]:
        values, U = np.linalg.eigh(X64 @ X64.T)
        UtY = U.T @ Y64
        inner = [U @ (UtY / (np.maximum(values, 0) + a)[:, None]) for a in alphas]
        return np.stack([X64.T @ dual for dual in inner])
    values, V = np.linalg.eigh(X64.T @ X64)
    VtXtY = V.T @ (X64.T @ Y64)
    return np.stack([V @ (VtXtY / (np.maximum(values, 0) + a)[:, None]) for a in alphas])


def choose_alpha(
    X: Float, Y: Float, groups: NDArray[Any], alphas: NDArray[np.float64], n_folds: int
) -> tuple[float, NDArray[np.float64]]:
    """Choose one penalty for all features by squared error in inner folds.

    Parameters
    ----------
    X : (n_trials, n_units)
    Y : (n_trials, d)
    groups : (n_trials,)
        Trials of one group stay on one side of every inner split.
    alphas : (n_alphas,)
    n_folds : int
        Inner folds, at most the number of groups.

    Returns
    -------
    alpha : float
        The penalty of least error.
    errors : float64 (n_alphas,)
        Mean squared error, by penalty.

    Raises
    ------
    DataError
        Where there are fewer than two groups.
    """
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise DataError(f"ridge: choosing alpha needs 2 groups of training trials, got {n_groups}")
    errors = np.zeros(len(alphas))
    for train, test in GroupKFold(min(n_folds, n_groups)).split(X, groups=groups):
        x_mean, x_scale, y_mean = _moments(X[train], Y[train])
        errors += _squared_errors(
            ((X[train] - x_mean) / x_scale, Y[train] - y_mean),
            ((X[test] - x_mean) / x_scale, Y[test] - y_mean),
            alphas,
        )
    errors /= Y.size
    return float(alphas[int(np.argmin(errors))]), errors


def _squared_errors(
    train: tuple[Float, Float], test: tuple[Float, Float], alphas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum of squared test errors (n_alphas,), without forming the weights of every alpha."""
    X, Y, X_new = (a.astype(np.float64) for a in (*train, test[0]))
    if X.shape[0] <= X.shape[1]:
        values, U = np.linalg.eigh(X @ X.T)
        left, right = (X_new @ X.T) @ U, U.T @ Y
    else:
        values, V = np.linalg.eigh(X.T @ X)
        left, right = X_new @ V, V.T @ (X.T @ Y)
    values = np.maximum(values, 0)
    return np.array(
        [np.square(left @ (right / (values + a)[:, None]) - test[1]).sum() for a in alphas]
    )


def _moments(X: Float, Y: Float) -> tuple[Float, Float, Float]:
    scale = X.std(axis=0)
    return X.mean(axis=0), np.where(scale > 0, scale, 1).astype(np.float32), Y.mean(axis=0)


class RidgeDecoder(BaseEstimator):  # type: ignore[misc]
    """One ridge a target, penalties by inner folds, responses standardised on training trials.

    Where the trials carry labels, ``label`` is decoded too, by ridge to the one-hot code of the
    category (a least-squares classifier).

    Parameters
    ----------
    targets : sequence of str
        Names of the targets that are decoded.
    alphas : sequence of float
        Grid of penalties, for standardised responses.
    inner_folds : int
        Inner folds that choose the penalty.

    Attributes
    ----------
    mean_, scale_ : float32 (n_units,)
        Training mean and SD of the responses.
    coef_ : dict of str to float32 (n_units, d)
    intercept_ : dict of str to float32 (d,)
    alpha_ : dict of str to float
    """

    def __init__(
        self,
        targets: tuple[str, ...] = ("semantic",),
        alphas: tuple[float, ...] = (0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6),
        inner_folds: int = 5,
    ) -> None:
        self.targets = targets
        self.alphas = alphas
        self.inner_folds = inner_folds

    def fit(
        self,
        X: Float,
        targets: Mapping[str, Float],
        *,
        labels: NDArray[np.str_],
        groups: NDArray[Any],
    ) -> Self:
        """Fit on training trials; see :class:`neurodecode.registry.Decoder`."""
        wanted = {name: np.asarray(targets[name], np.float32) for name in self.targets}
        self.classes_ = np.unique(labels[labels != ""])
        if len(self.classes_) and (labels != "").all():
            wanted["label"] = (labels[:, None] == self.classes_).astype(np.float32)
        self.mean_, self.scale_, _ = _moments(X, next(iter(wanted.values())))
        Z = (X - self.mean_) / self.scale_
        alphas = np.asarray(self.alphas, np.float64)
        self.coef_, self.intercept_, self.alpha_ = {}, {}, {}
        for name, Y in wanted.items():
            alpha, _ = choose_alpha(X, Y, groups, alphas, self.inner_folds)
            self.intercept_[name] = Y.mean(axis=0)
            coef = ridge_path(Z, Y - self.intercept_[name], np.array([alpha]))[0]
            self.coef_[name], self.alpha_[name] = coef.astype(np.float32), alpha
        return self

    def predict(self, X: Float) -> dict[str, Float]:
        """Decode each row of ``X`` (n_trials, n_units) alone."""
        check_is_fitted(self)
        Z = (X - self.mean_) / self.scale_
        return {
            name: (Z @ coef + self.intercept_[name]).astype(np.float32)
            for name, coef in self.coef_.items()
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Columns of ``label``."""
        return tuple(map(str, self.classes_)) if "label" in self.coef_ else ()

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        check_is_fitted(self)
        state: dict[str, NDArray[Any]] = {"mean": self.mean_, "scale": self.scale_}
        for name, coef in self.coef_.items():
            state[f"coef.{name}"] = coef
            state[f"intercept.{name}"] = self.intercept_[name]
            state[f"alpha.{name}"] = np.array([self.alpha_[name]])
        return state
