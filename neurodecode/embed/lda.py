"""Shrinkage linear discriminant analysis: which category was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from neurodecode.contracts import Float
from neurodecode.errors import DataError

__all__ = ["ShrinkageLdaDecoder"]


class ShrinkageLdaDecoder(BaseEstimator):  # type: ignore[misc]
    """Linear discriminant analysis with Ledoit-Wolf shrinkage of the covariance.

    ``label`` is the posterior of each class; each target is the mean of the training targets of
    the most probable class.

    Parameters
    ----------
    targets : sequence of str
        Names of the targets that are decoded.

    Attributes
    ----------
    scaler_, lda_
        Fitted scikit-learn objects.
    prototypes_ : dict of str to float32 (n_classes, d)
        Mean training target of each class.
    """

    def __init__(self, targets: tuple[str, ...] = ("semantic",)) -> None:
        self.targets = targets

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
            Where trials have no category, or all have the same.
        """
        self.classes_ = np.unique(labels)
        if "" in self.classes_ or len(self.classes_) < 2:
            raise DataError(
                "shrinkage_lda: every trial must have a category and there must be two; found "
                f"{len(self.classes_)} ({', '.join(repr(str(c)) for c in self.classes_[:5])})"
            )
        self.scaler_ = StandardScaler().fit(X)
        self.lda_ = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        self.lda_.fit(self.scaler_.transform(X), labels)
        self.prototypes_ = {
            name: np.stack([targets[name][labels == c].mean(axis=0) for c in self.classes_])
            for name in self.targets
        }
        return self

    def predict(self, X: Float) -> dict[str, Float]:
        """Decode each row of ``X`` (n_trials, n_units) alone."""
        check_is_fitted(self)
        posterior = self.lda_.predict_proba(self.scaler_.transform(X)).astype(np.float32)
        best = posterior.argmax(axis=1)
        decoded = {name: rows[best].astype(np.float32) for name, rows in self.prototypes_.items()}
        return {**decoded, "label": posterior}

    @property
    def classes(self) -> tuple[str, ...]:
        """Columns of ``label``."""
        return tuple(map(str, self.classes_))

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        check_is_fitted(self)
        prototypes = {f"prototype.{name}": rows for name, rows in self.prototypes_.items()}
        return {
            "mean": self.scaler_.mean_,
            "scale": self.scaler_.scale_,
            "coef.label": self.lda_.coef_,
            "intercept.label": self.lda_.intercept_,
            **prototypes,
        }
