"""Work on feature vectors, bin after bin: which are bad, where their mean is, fewer of them.

Missing features are NaN, before and behind; nothing here is ever spoilt by one.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import DataError
from neurodecode.online.stream import Array

__all__ = ["BadChannels", "EmaCentre", "Projection", "VectorStep"]


class VectorStep(Protocol):
    """From a feature vector to the next."""

    def fit(self, X: Array) -> Self:
        """Learn from the calibration's vectors (n_bins, d)."""

    def step(self, x: Array) -> Array:
        """Work on the next vector (d,)."""

    def reset(self) -> None:
        """Forget the stream; what was learned stays."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays."""

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take learned arrays back."""


class BadChannels:
    """Masks features that no longer look as they did in the calibration.

    In units of the calibration's mean and SD: a single value beyond ``outlier`` is masked in its
    bin. A feature is bad as long as its mean square over the last ``window`` bins exceeds
    ``noisy`` squared, or its mean squared change falls below ``flat`` of the calibration's, as
    that of a dead electrode does.

    Parameters
    ----------
    outlier, noisy : float
        SDs.
    flat : float
        Share of the mean squared change between neighbouring bins.
    window : float
        Time constant of the running means (bins).
    """

    def __init__(
        self,
        outlier: float = 10.0,
        noisy: float = 4.0,
        flat: float = 0.01,
        window: float = 100.0,
    ) -> None:
        self.outlier = outlier
        self.noisy = noisy
        self.flat = flat
        self.window = window

    @property
    def bad(self) -> NDArray[np.bool_]:
        """Which features are bad now, (d,)."""
        bad: NDArray[np.bool_] = (
            (self._square > self.noisy**2) | (self._change < self.flat) | ~self._alive
        )
        return bad

    def fit(self, X: Array) -> Self:
        """Learn mean, SD and mean squared change of each feature; constant ones are bad for good.

        Raises
        ------
        DataError
            Where the calibration has fewer than three bins.
        """
        if len(X) < 3:
            raise DataError(f"calibration: at least 3 bins are needed, got {len(X)}")
        clean = np.where(np.isfinite(X), X, np.nan)
        enough = np.isfinite(clean).sum(axis=0) >= 3
        filled = np.where(enough, clean, 0.0)
        changes = np.diff(filled, axis=0) ** 2
        known = np.isfinite(changes).any(axis=0)
        self.mean_ = np.nanmean(filled, axis=0)
        self.sd_ = np.nanstd(filled, axis=0)
        self.change_ = np.nanmean(np.where(known, changes, 0.0), axis=0)
        self.reset()
        return self

    def reset(self) -> None:
        """Forget the stream: all features count as good that were alive in the calibration."""
        self._alive = (self.sd_ > 0) & (self.change_ > 0)
        self._scale = np.where(self._alive, self.sd_, 1.0)
        self._step = np.where(self._alive, self.change_, 1.0)
        self._square, self._change = np.ones_like(self._scale), np.ones_like(self._scale)
        self._last: Array = np.full(len(self._scale), np.nan)

    def step(self, x: Array) -> Array:
        """Return the vector with NaN for what is bad."""
        z = (x - self.mean_) / self._scale
        with np.errstate(over="ignore", invalid="ignore"):
            square = np.minimum(z * z, 10 * self.outlier**2)  # one spike is forgotten in time
            change = np.minimum((x - self._last) ** 2 / self._step, 10.0)
        share = 1 / self.window
        self._square += share * np.where(np.isfinite(square), square - self._square, 0.0)
        self._change += share * np.where(np.isfinite(change), change - self._change, 0.0)
        self._last = np.where(np.isfinite(x), x, self._last)
        keep = (np.abs(z) <= self.outlier) & ~self.bad
        return np.where(keep, x, np.nan)

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learned."""
        return {"mean": self.mean_, "sd": self.sd_, "change": self.change_}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take it back."""
        self.mean_, self.sd_, self.change_ = arrays["mean"], arrays["sd"], arrays["change"]
        self.reset()
        return self


class EmaCentre:
    """Takes away a mean that follows the recording: m <- m + (x - m) / window.

    Parameters
    ----------
    window : float
        Time constant in bins.
    """

    def __init__(self, window: float) -> None:
        self.window = window

    def fit(self, X: Array) -> Self:
        """Start from the calibration's mean; a feature without a value from 0."""
        there = np.isfinite(X)
        n = np.maximum(there.sum(axis=0), 1)
        self.mean_ = np.where(there, X, 0.0).sum(axis=0) / n
        self.reset()
        return self

    def reset(self) -> None:
        """Go back to the calibration's mean."""
        self._mean: Array = self.mean_.copy()

    def step(self, x: Array) -> Array:
        """Return ``x`` (d,) less the mean of the past, which then takes ``x`` in."""
        centred: Array = x - self._mean
        self._mean += np.where(np.isfinite(centred), centred, 0.0) / self.window
        return centred

    def state(self) -> dict[str, NDArray[Any]]:
        """The calibration's mean."""
        return {"mean": self.mean_}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take it back."""
        self.mean_ = arrays["mean"]
        self.reset()
        return self


class Projection:
    """Fewer dimensions by principal components or factor analysis.

    Both are one model, x = m + W z + e with z ~ N(0, I): for factor analysis e has a variance a
    feature, and the result is the posterior mean of z given the features that are there; for
    principal components the variance is the same small one everywhere, W has orthonormal columns
    and the result is the least-squares solution over the features that are there.

    Parameters
    ----------
    kind : {"pca", "fa"}
        Which.
    n_components : int
        Dimensions kept.
    """

    def __init__(self, kind: Literal["pca", "fa"], n_components: int) -> None:
        self.kind = kind
        self.n_components = n_components

    def fit(self, X: Array) -> Self:
        """Learn from the calibration's bins that are whole.

        Raises
        ------
        DataError
            Where there are too few of them, or of features.
        """
        from sklearn.decomposition import PCA, FactorAnalysis

        whole = X[np.isfinite(X).all(axis=1)]
        if min(len(whole) - 1, X.shape[1]) < self.n_components:
            raise DataError(
                f"n_components: {self.n_components} need as many features and more whole bins, "
                f"the calibration has {X.shape[1]} features and {len(whole)} whole bins"
            )
        if self.kind == "pca":
            model = PCA(self.n_components, svd_solver="full").fit(whole)
            self.loadings_ = np.ascontiguousarray(model.components_.T)
            self.noise_ = np.ones(X.shape[1])
        else:
            model = FactorAnalysis(self.n_components, svd_method="lapack").fit(whole)
            self.loadings_ = np.ascontiguousarray(model.components_.T)
            self.noise_ = np.asarray(model.noise_variance_)
        self.mean_ = np.asarray(model.mean_)
        self._derive()
        return self

    def reset(self) -> None:
        """Nothing to forget."""

    def step(self, x: Array) -> Array:
        """Return the projection (n_components,); all NaN where too few features are there."""
        there = np.isfinite(x)
        if there.all():
            whole: Array = self._map @ (x - self.mean_)
            return whole
        if there.sum() < self.n_components:
            return np.full(self.n_components, np.nan)
        projected: Array = self._solved(there) @ (x - self.mean_)[there]
        return projected

    def state(self) -> dict[str, NDArray[Any]]:
        """What was learned."""
        return {"loadings": self.loadings_, "noise": self.noise_, "mean": self.mean_}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take it back."""
        self.loadings_, self.noise_ = arrays["loadings"], arrays["noise"]
        self.mean_ = arrays["mean"]
        self._derive()
        return self

    def _derive(self) -> None:
        self._map = self._solved(np.ones(len(self.mean_), dtype=bool))

    def _solved(self, there: NDArray[np.bool_]) -> Array:
        loadings = self.loadings_[there]
        weighted = (loadings / self.noise_[there, None]).T
        prior = np.eye(self.n_components) * (1.0 if self.kind == "fa" else 1e-12)
        solved: Array = np.linalg.solve(weighted @ loadings + prior, weighted)
        return solved
