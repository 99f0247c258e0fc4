"""Connectivity of regions from recordings, one row of features a person."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurodecode.contracts import Float
from neurodecode.errors import ConfigError, DataError

__all__ = ["KINDS", "Connectivity", "n_edges"]

KINDS = {
    "correlation": "correlation",
    "partial": "partial correlation",
    "tangent": "tangent",
}


class Connectivity(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From regional time courses to connectivity, by nilearn's ``ConnectivityMeasure``.

    Time courses are standardised first: their units differ between scanners. Covariances are
    Ledoit and Wolf's. ``correlation`` and ``partial`` are Fisher's z of each pair
    of regions; ``tangent`` is the matrix logarithm of each person's covariance, whitened by the
    geometric mean of the training people (Varoquaux et al. 2010), diagonal included.

    Parameters
    ----------
    kind : {"correlation", "partial", "tangent"}

    Attributes
    ----------
    measure_ : nilearn.connectome.ConnectivityMeasure
        Fitted on training people; only ``tangent`` learns from them.
    """

    def __init__(self, kind: Literal["correlation", "partial", "tangent"] = "correlation") -> None:
        self.kind = kind

    def fit(self, X: Float, y: object = None) -> Self:
        """Fit on training people.

        Parameters
        ----------
        X : (n_people, n_times, n_regions)

        Raises
        ------
        ConfigError
            For an unknown kind.
        DataError
            Where these are no time courses, or a region of a person does not vary.
        """
        from nilearn.connectome import ConnectivityMeasure

        if self.kind not in KINDS:
            raise ConfigError(f"connectivity: must be one of {', '.join(KINDS)}, got {self.kind!r}")
        self.measure_ = ConnectivityMeasure(
            kind=KINDS[self.kind],
            vectorize=True,
            discard_diagonal=self.kind != "tangent",
            standardize=False,
        )
        self.measure_.fit(_courses(X))
        return self

    def transform(self, X: Float) -> Float:
        """Return float32 (n_people, n_edges)."""
        check_is_fitted(self)
        edges = np.asarray(self.measure_.transform(_courses(X)))
        if self.kind != "tangent":
            edges = np.arctanh(np.clip(edges, -1 + 1e-6, 1 - 1e-6))
        return edges.astype(np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors: what ``tangent`` whitens by; else none."""
        check_is_fitted(self)
        return {"whitening": self.measure_.whitening_} if self.kind == "tangent" else {}


def n_edges(n_regions: int, kind: str | None) -> int:
    """Return how many features a person has; ``tangent`` holds the diagonal too."""
    return n_regions * (n_regions + (1 if kind == "tangent" else -1)) // 2


def _courses(X: Float) -> list[NDArray[np.float64]]:
    values = np.asarray(X, dtype=float)
    if values.ndim != 3 or min(values.shape[1:]) < 2:
        raise DataError(
            "connectivity: time courses must be (n_people, n_times, n_regions) with two times and "
            f"regions or more, got {values.shape}"
        )
    flat = int((np.ptp(values, axis=1) == 0).any(axis=1).sum())
    if flat:
        raise DataError(
            f"connectivity: a region does not vary in {flat} of {len(values)} people; leave the "
            "region or the people out"
        )
    spread = values.std(axis=1, ddof=1, keepdims=True)
    return list((values - values.mean(axis=1, keepdims=True)) / spread)
