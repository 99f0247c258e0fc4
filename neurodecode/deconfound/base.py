"""What all deconfounders share: checks of features and demographics, and saving."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from neurodecode.contracts import Float
from neurodecode.deconfound.demographics import MINIMUM, Array, Encoding
from neurodecode.errors import DataError

__all__ = ["DeconfounderBase"]


class DeconfounderBase(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Checks what comes in; a method fills in ``_fit`` and ``_transform``.

    Arithmetic is in float64, results are float32 as all features here are.

    Parameters
    ----------
    minimum : int
        Fewest training people a level; below, ``NotIdentifiable`` is raised.

    Attributes
    ----------
    encoding_ : Encoding
        How demographics become numbers.
    """

    learned: ClassVar[tuple[str, ...]] = ()
    """Names, without the underscore, of the arrays that fitting learns."""

    def __init__(self, minimum: int = MINIMUM) -> None:
        self.minimum = minimum

    def fit(self, X: Float, y: object = None, *, demographics: pd.DataFrame) -> Self:
        """Fit on training people; see :class:`neurodecode.registry.Deconfounder`.

        Raises
        ------
        DataError
            Where a feature is the same for all people, or a demographic is missing.
        NotIdentifiable
            Where a level has fewer than ``minimum`` people.
        """
        values: Array = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        _same_people(values, demographics)
        self.encoding_ = Encoding.learn(demographics, minimum=self.minimum)
        constant = int((np.ptp(values, axis=0) == 0).sum())
        if constant:
            raise DataError(
                f"features: {constant} of {values.shape[1]} are the same for all training people; "
                "leave them out"
            )
        self._fit(values, demographics)
        return self

    def transform(self, X: Float, *, demographics: pd.DataFrame) -> Float:
        """Return each person without what their demographics explain, float32 (n_people, n_out).

        Raises
        ------
        DataError
            Where demographics are missing, unseen in training, or out of its range.
        """
        check_is_fitted(self)
        values: Array = validate_data(self, X, dtype=np.float64, reset=False)
        _same_people(values, demographics)
        self._check_demographics(demographics)
        return self._transform(values, demographics).astype(np.float32)

    def fit_transform(self, X: Float, y: object = None, *, demographics: pd.DataFrame) -> Float:
        """Fit on people, then transform the same people."""
        return self.fit(X, y, demographics=demographics).transform(X, demographics=demographics)

    def _check_demographics(self, table: pd.DataFrame) -> None:
        self.encoding_.encode(table)

    @abstractmethod
    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        """Learn from checked people."""

    @abstractmethod
    def _transform(self, X: Array, table: pd.DataFrame) -> Array:
        """Return checked people without what their demographics explain."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        check_is_fitted(self)
        arrays = {name: np.asarray(getattr(self, f"{name}_")) for name in self.learned}
        return {**arrays, "n_features": np.array([self.n_features_in_]), **self.encoding_.state()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave.

        Raises
        ------
        DataError
            Where an array is missing.
        """
        lacking = [name for name in (*self.learned, "demographics") if name not in arrays]
        if lacking:
            raise DataError(f"{type(self).__name__}: array(s) {', '.join(lacking)} missing")
        for name in self.learned:
            setattr(self, f"{name}_", np.array(arrays[name]))
        self.n_features_in_ = int(arrays["n_features"][0])
        self.encoding_ = Encoding.restore(arrays)
        return self


def _same_people(X: Array, table: object) -> None:
    if isinstance(table, pd.DataFrame) and len(table) != len(X):
        raise DataError(
            f"demographics: {len(table)} rows for {len(X)} rows of features: one row a person"
        )
