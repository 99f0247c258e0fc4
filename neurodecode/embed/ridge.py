"""Ridge regression from response vectors to features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve
from scipy.linalg.blas import dsyrk
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold
from sklearn.utils.validation import check_is_fitted

from neurodecode.contracts import Float
from neurodecode.embed.settings import PENALTIES
from neurodecode.errors import DataError

__all__ = ["RidgeDecoder", "Spectrum", "choose_alpha", "decompose", "ridge_path"]

Double = NDArray[np.float64]
BLOCK = 1024
"""Rows or columns that are brought to double precision at a time: bounds the memory."""


@dataclass(frozen=True)
class Spectrum:
    """Left singular vectors and squared singular values of standardised responses.

    Attributes
    ----------
    left : float64 (n_trials, rank)
    values : float64 (rank,)
    """

    left: Double
    values: Double


def decompose(X: Float, mean: Float, scale: Float) -> Spectrum:
    """Decompose ``Z = (X - mean) / scale`` by the smaller of its two Gram matrices.

    Beside ``X`` (n_trials, n_units), at most two square matrices of the smaller side are held:
    10,000 x 15,000 responses need 1.6 GB in double precision.
    """
    n_trials, n_units = X.shape
    wide = n_trials <= n_units
    side = min(n_trials, n_units)
    gram = np.zeros((side, side), order="F")
    for rows, columns in _blocks(n_trials, n_units, by_columns=wide):
        Z = _standard(X[rows, columns], mean[columns], scale[columns])
        gram = dsyrk(1.0, Z.T, beta=1.0, c=gram, trans=int(wide), lower=1, overwrite_c=1)
    # Relatively robust representations: no workspace of a matrix's size, unlike numpy's eigh.
    values, vectors = eigh(gram, lower=True, overwrite_a=True, check_finite=False, driver="evr")
    # Below this lies rounding; centred trials always have one direction without variance.
    floor = max(values[-1], 0) * side * np.finfo(np.float64).eps
    first = int(np.searchsorted(values, floor, side="right"))
    values, vectors = values[first:], vectors[:, first:]  # a view: a copy would be 0.8 GB
    if wide:
        return Spectrum(vectors, values)
    left = np.empty((n_trials, len(values)))
    for rows, columns in _blocks(n_trials, n_units, by_columns=False):
        Z = _standard(X[rows, columns], mean[columns], scale[columns])
        left[rows] = Z @ vectors / np.sqrt(values)
    return Spectrum(left, values)


def _blocks(n_trials: int, n_units: int, *, by_columns: bool) -> Iterator[tuple[slice, slice]]:
    everything = slice(None)
    for start in range(0, n_units if by_columns else n_trials, BLOCK):
        part = slice(start, start + BLOCK)
        yield (everything, part) if by_columns else (part, everything)


def _standard(X: Float, mean: Float, scale: Float) -> Double:
    Z: Double = (X.astype(np.float64) - mean) / scale
    return Z


def ridge_path(X: Float, Y: Float, alphas: Double) -> Double:
    """Solve ``min_B |Y - X B|^2 + alpha |B|^2`` for every alpha by one decomposition.

    With the thin SVD ``X = U S V'`` the solution is ``B = X'U (S^2 + alpha)^-1 U'Y``
    (Hoerl and Kennard 1970; Hastie et al., *The Elements of Statistical Learning*, eq. 3.47).

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
    zero, one = np.zeros(X.shape[1], np.float32), np.ones(X.shape[1], np.float32)
    spectrum = decompose(X, zero, one)
    return np.stack([_weights(X, zero, one, spectrum, Y, alpha) for alpha in alphas])


def _weights(
    X: Float, mean: Float, scale: Float, spectrum: Spectrum, Y: Float, alpha: float
) -> Double:
    """Weights (n_units, d) on standardised responses, for centred targets ``Y``."""
    shrunk = spectrum.left.T @ Y.astype(np.float64) / (spectrum.values + alpha)[:, None]
    dual = spectrum.left @ shrunk
    coef = np.empty((X.shape[1], Y.shape[1]))
    for rows, columns in _blocks(*X.shape, by_columns=True):
        coef[columns] = _standard(X[rows, columns], mean[columns], scale[columns]).T @ dual
    return coef


def choose_alpha(
    spectrum: Spectrum, Y: Float, groups: NDArray[Any], alphas: Double, n_folds: int
) -> tuple[float, Double]:
    """Choose one penalty for all features by squared error in inner folds.

    Nothing is fitted again: ridge with a free intercept is linear in ``Y``, so with the smoother
    ``H = 11'/n + U S^2 (S^2 + alpha)^-1 U'`` the errors on left-out trials ``g`` are exactly
    ``(I - H_gg)^-1 (Y - H Y)_g`` (Hastie et al., eq. 7.64, for more than one row).

    Parameters
    ----------
    spectrum : Spectrum
        Of centred responses (n_trials, n_units).
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
        raise DataError(
            f"ridge: choosing alpha needs 2 groups of training trials, got {n_groups}. Let "
            "design.group name a column with more levels, or give one alpha."
        )
    left, n = spectrum.left, len(Y)
    centred = Y.astype(np.float64) - Y.mean(axis=0, dtype=np.float64)
    projected = left.T @ centred
    errors = np.zeros(len(alphas))
    folds = GroupKFold(min(n_folds, n_groups)).split(np.zeros(n), groups=groups)
    for _, out in folds:
        U = left[out]
        for k, alpha in enumerate(alphas):
            kept = spectrum.values / (spectrum.values + alpha)
            residual = centred[out] - U @ (kept[:, None] * projected)
            free = np.eye(len(out)) - 1 / n - (U * kept) @ U.T
            left_out = solve(free, residual, assume_a="pos", check_finite=False)
            errors[k] += np.square(left_out).sum()
    errors /= Y.size
    return float(alphas[int(np.argmin(errors))]), errors


def _moments(X: Float) -> tuple[Float, Float]:
    """Mean and SD of each column; the SD of a constant one is 1."""
    mean, scale = np.empty((2, X.shape[1]), np.float32)
    for rows, columns in _blocks(*X.shape, by_columns=True):
        part = X[rows, columns].astype(np.float64)
        mean[columns], scale[columns] = part.mean(axis=0), part.std(axis=0)
    return mean, np.where(scale > 0, scale, 1).astype(np.float32)


class RidgeDecoder(BaseEstimator):  # type: ignore[misc]
    """One ridge a target, penalties by inner folds, responses standardised on training trials.

    Where the trials carry labels, ``label`` is decoded too, by ridge to the one-hot code of the
    category (a least-squares classifier).

    Parameters
    ----------
    targets : sequence of str
        Names of the targets that are decoded.
    alphas : sequence of float
        Grid of penalties, for standardised responses; one alone is taken as it is.
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
        alphas: tuple[float, ...] = PENALTIES,
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
        """Fit on training trials; see :class:`neurodecode.registry.Decoder`.

        Raises
        ------
        DataError
            Where there is neither a target nor a label, or too few groups.
        """
        wanted = {name: np.asarray(targets[name], np.float32) for name in self.targets}
        self.classes_ = np.unique(labels[labels != ""])
        if len(self.classes_) and (labels != "").all():
            wanted["label"] = (labels[:, None] == self.classes_).astype(np.float32)
        if not wanted:
            raise DataError("ridge: nothing to decode: no target is named and trials hold no label")
        self.mean_, self.scale_ = _moments(X)
        spectrum = decompose(X, self.mean_, self.scale_)
        alphas = np.asarray(self.alphas, np.float64)
        self.coef_, self.intercept_, self.alpha_ = {}, {}, {}
        for name, Y in wanted.items():
            alpha = float(alphas[0])
            if len(alphas) > 1:
                alpha, _ = choose_alpha(spectrum, Y, groups, alphas, self.inner_folds)
            self.intercept_[name] = Y.mean(axis=0)
            centred = Y - self.intercept_[name]
            coef = _weights(X, self.mean_, self.scale_, spectrum, centred, alpha)
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
