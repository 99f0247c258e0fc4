"""Whitening that follows the recording: by interneurons that change their gains, or by an average.

**Gain modulation** (Duong, Lipshutz, Heeger, Chklovskii & Simoncelli 2023, ICML, "Adaptive
whitening in neural populations with gain-modulating interneurons"). K = N (N + 1) / 2 interneurons
look at the population along fixed directions, the unit columns of W (N x K), and answer with
gains g:

    y = (I + W diag(g) W')^-1 x,    z = W'y,    g <- g + eta (z^2 - 1).

Where all directions have unit variance, the N (N + 1) / 2 numbers of the covariance of y are
those of I. Its fixed point is g = ((W'W) o (W'W))^-1 diag(W'(C^{1/2} - I) W), with o the
elementwise product. With gains that stay at or above 0 the network only damps: noise in weak
directions is not blown up, and the result is not white.

**Average**: C <- C + rate (x x' - C), y = C^{-1/2} x.

Both expect centred input (:class:`~neurodecode.online.vectors.EmaCentre`), in units of the
calibration: the scale of each feature is learned first and divided by, so that a rate means the
same for counts and for log power.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.stream import Array

__all__ = ["EmaWhitening", "GainWhitening", "frame", "gains_of", "root"]

LARGEST_N = 60
"""Dimensions up to which the interneurons, which grow with the square, are affordable."""

LARGEST_Z = 5.0
"""One response beyond so many SDs counts as this: an artefact must not drive the gains away."""


def frame(n: int) -> Array:
    """Fixed directions W (n, n (n + 1) / 2): the axes, and the diagonals between two of them."""
    first, second = np.triu_indices(n, k=1)
    diagonals = np.zeros((n, len(first)))
    columns = np.arange(len(first))
    diagonals[first, columns] = diagonals[second, columns] = np.sqrt(0.5)
    return np.hstack([np.eye(n), diagonals])


def root(C: Array, power: float = 0.5, floor: float = 1e-6) -> Array:
    """Symmetric power of a covariance; eigenvalues below ``floor`` times the largest are raised."""
    values, vectors = eigh(C)
    values = np.maximum(values, max(floor * values[-1], np.finfo(float).tiny))
    powered: Array = (vectors * values**power) @ vectors.T
    return powered


def gains_of(C: Array, W: Array) -> Array:
    """Gains (K,) that whiten a covariance C (n, n) through directions W (n, K), in closed form."""
    wanted = np.einsum("ik,ij,jk->k", W, root(C) - np.eye(len(C)), W)
    gains: Array = np.linalg.solve((W.T @ W) ** 2, wanted)
    return gains


class GainWhitening:
    """Gain-modulating interneurons; see the module.

    Missing features count as 0, their mean, and change no gain; they are missing in the result.
    An update after which the network would no longer be stable (I + W diag(g) W' not positive
    definite) is not made.

    Parameters
    ----------
    n : int
        Features.
    rate : float
        eta, a bin.
    batch : int
        Bins over which z^2 is averaged before the gains change: the higher, the less the gains
        tremble.
    nonnegative : bool
        Gains stay at or above 0.
    """

    def __init__(
        self, n: int, rate: float = 1e-3, batch: int = 10, nonnegative: bool = False
    ) -> None:
        if n > LARGEST_N:
            raise ConfigError(
                f"whitening by gains: {n} features need {n * (n + 1) // 2} interneurons; reduce "
                f"them to {LARGEST_N} at most (features.reduce) or use kind: ema"
            )
        self.n = n
        self.rate = rate
        self.batch = batch
        self.nonnegative = nonnegative
        self._W = frame(n)

    @property
    def gains(self) -> Array:
        """Gains now, (K,)."""
        return self._gains.copy()

    def fit(self, X: Array) -> Self:
        """Learn scale and first gains from the calibration's vectors (n_bins, n)."""
        self.scale_, C = _standard(X, self.n)
        self.gains_ = gains_of(C, self._W)
        if self.nonnegative:
            self.gains_ = np.maximum(self.gains_, 0)
        self.reset()
        return self

    def reset(self) -> None:
        """Go back to the calibration's gains."""
        self._gains = self.gains_.copy()
        self._sum, self._n_seen = np.zeros_like(self._gains), 0
        self._factor = cho_factor(self._network(self._gains))
        self.n_refused = 0

    def step(self, x: Array) -> Array:
        """Whiten the next vector (n,), then learn from it."""
        there = np.isfinite(x)
        whole = bool(there.all())
        scaled = np.where(there, x, 0.0) / self.scale_
        y: Array = cho_solve(self._factor, scaled, check_finite=False)
        if not whole:
            return np.where(there, y, np.nan)
        z = np.clip(y @ self._W, -LARGEST_Z, LARGEST_Z)
        self._sum += z * z
        self._n_seen += 1
        if self._n_seen == self.batch:
            self._adapt()
        return y

    def state(self) -> dict[str, NDArray[Any]]:
        """What the calibration gave."""
        return {"scale": self.scale_, "gains": self.gains_}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take it back."""
        self.scale_, self.gains_ = arrays["scale"], arrays["gains"]
        self.reset()
        return self

    def _network(self, gains: Array) -> Array:
        network: Array = np.eye(self.n) + (self._W * gains) @ self._W.T
        return network

    def _adapt(self) -> None:
        gains = self._gains + self.rate * (self._sum - self.batch)
        if self.nonnegative:
            gains = np.maximum(gains, 0)
        self._sum[:], self._n_seen = 0, 0
        try:
            self._factor = cho_factor(self._network(gains))
        except LinAlgError:
            self.n_refused += 1
            return
        self._gains = gains


class EmaWhitening:
    """Whitening by the running covariance; see the module.

    Parameters
    ----------
    n : int
        Features.
    rate : float
        Share of a new bin in the covariance.
    every : int
        Bins between two decompositions.
    """

    def __init__(self, n: int, rate: float = 1e-3, every: int = 10) -> None:
        self.n = n
        self.rate = rate
        self.every = every

    def fit(self, X: Array) -> Self:
        """Learn scale and first covariance from the calibration's vectors (n_bins, n)."""
        self.scale_, self.cov_ = _standard(X, self.n)
        self.reset()
        return self

    def reset(self) -> None:
        """Go back to the calibration's covariance."""
        self._cov = self.cov_.copy()
        self._inverse = root(self._cov, -0.5)
        self._n_seen = 0

    def step(self, x: Array) -> Array:
        """Whiten the next vector (n,), then learn from it."""
        there = np.isfinite(x)
        scaled = np.where(there, x, 0.0) / self.scale_
        y: Array = self._inverse @ scaled
        if not there.all():
            return np.where(there, y, np.nan)
        # As with the gains: one artefact counts as a large response, not as a huge one.
        seen = scaled * min(1.0, LARGEST_Z * np.sqrt(self.n) / max(float(np.linalg.norm(y)), 1e-12))
        self._cov += self.rate * (np.outer(seen, seen) - self._cov)
        self._n_seen += 1
        if self._n_seen % self.every == 0:
            self._inverse = root(self._cov, -0.5)
        return y

    def state(self) -> dict[str, NDArray[Any]]:
        """What the calibration gave."""
        return {"scale": self.scale_, "cov": self.cov_}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Self:
        """Take it back."""
        self.scale_, self.cov_ = arrays["scale"], arrays["cov"]
        self.reset()
        return self


def _standard(X: Array, n: int) -> tuple[Array, Array]:
    """Scale of each feature, and the covariance in its units, over the bins that are whole."""
    whole = X[np.isfinite(X).all(axis=1)]
    if X.shape[1] != n or len(whole) <= n:
        raise DataError(
            f"whitening: the calibration must have {n} features and more than {n} whole bins, got "
            f"{X.shape[1]} and {len(whole)}"
        )
    scale = np.sqrt((whole**2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = whole / scale
    return scale, scaled.T @ scaled / len(scaled)
