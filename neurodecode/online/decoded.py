"""What an online decoder gives, and what every online decoder offers.

A decoder is fitted on a whole recording and then goes through a stream bin by bin. Its live state
is a tuple of arrays that only :meth:`StreamDecoder.advance` writes to; stepping one bin at a time,
in chunks, or over the whole recording at once runs the same code on the same numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import DataError
from neurodecode.online.saved import Saved

__all__ = ["Array", "Decoded", "DecodedBatch", "OnlineDecoder", "StreamDecoder", "training_rows"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one bin says.

    Attributes
    ----------
    mean : float64 (d,)
        Decoded state (say a velocity), in the units of the training targets.
    cov : float64 (d, d)
        Its covariance.
    time : float
        Time of the bin, as it was given to ``step``.
    """

    mean: Array
    cov: Array
    time: float


@dataclass(frozen=True)
class DecodedBatch:
    """What a row of bins says.

    Attributes
    ----------
    mean : float64 (n_times, d)
    cov : float64 (n_times, d, d)
    """

    mean: Array
    cov: Array

    def __len__(self) -> int:
        return len(self.mean)


class OnlineDecoder(Protocol):
    """From binned neural features to a state with its covariance, one bin at a time."""

    @property
    def missing(self) -> NDArray[np.int64]:
        """Bins in which each channel was masked since the last ``reset``, (n_chans,)."""

    def fit(self, Y: Array, Z: Array) -> Self:
        """Fit on features ``Y`` (n_times, n_chans) and states ``Z`` (n_times, d)."""

    def predict(self, Y: Array) -> DecodedBatch:
        """Decode a recording from its start; the live state stays as it is."""

    def advance(self, Y: Array) -> DecodedBatch:
        """Decode the next chunk of the stream."""

    def step(self, y: Array, t: float) -> Decoded:
        """Decode the next bin ``y`` (n_chans,) of the stream, taken at ``t`` (s)."""

    def reset(self) -> None:
        """Forget the stream; what was learned stays."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""


class StreamDecoder(Saved, ABC):
    """What all decoders here share; a subclass gives ``fit``, ``_start`` and ``_advance``."""

    _live: tuple[Array, ...]
    _missing: NDArray[np.int64]

    @abstractmethod
    def fit(self, Y: Array, Z: Array) -> Self:
        """Fit on features ``Y`` (n_times, n_chans) and states ``Z`` (n_times, d)."""

    @property
    def n_chans(self) -> int:
        """Channels that the decoder was fitted on."""
        return len(self.y_mean_)

    @property
    def n_states(self) -> int:
        """Entries of the decoded state."""
        return len(self.z_mean_)

    @property
    def missing(self) -> NDArray[np.int64]:
        """Bins in which each channel was masked (NaN or infinite) since the last ``reset``."""
        return self._missing.copy()

    def reset(self) -> None:
        """Forget the stream; what was learned stays."""
        self._live = self._start()
        self._missing = np.zeros(self.n_chans, np.int64)

    def take_over(self, other: StreamDecoder) -> None:
        """Go on in the stream where ``other`` is, if of one kind and size; else from the start.

        The state goes on relative to each decoder's own mean.
        """
        self.reset()
        shapes = [array.shape for array in self._live]
        if type(self) is type(other) and shapes == [array.shape for array in other._live]:
            self._live = tuple(array.copy() for array in other._live)
        self._missing = other.missing

    def predict(self, Y: Array) -> DecodedBatch:
        """Decode a recording from its start; the live state stays as it is.

        Parameters
        ----------
        Y : (n_times, n_chans)
            Features; NaN or infinite where a channel is missing.

        Raises
        ------
        DataError
            Where ``Y`` has another number of channels than the training data.
        """
        live, missing = self._live, self._missing
        self.reset()
        try:
            return self.advance(Y)
        finally:
            self._live, self._missing = live, missing

    def advance(self, Y: Array) -> DecodedBatch:
        """Decode the next chunk ``Y`` (n_times, n_chans) of the stream; see ``predict``."""
        Y = np.ascontiguousarray(Y, dtype=np.float64)
        if Y.ndim != 2 or Y.shape[1] != self.n_chans:
            raise DataError(
                f"features must be (n_times, {self.n_chans}), as in training, got {Y.shape}"
            )
        n, d = len(Y), self.n_states
        mean, cov = np.empty((n, d)), np.empty((n, d, d))
        self._advance(Y, mean, cov)
        return DecodedBatch(mean, cov)

    def step(self, y: Array, t: float) -> Decoded:
        """Decode the next bin of the stream.

        Parameters
        ----------
        y : (n_chans,)
            Features of the bin; NaN or infinite where a channel is missing.
        t : float
            Its time (s); handed on, not used.

        Raises
        ------
        DataError
            Where ``y`` has another number of channels than the training data.
        """
        y = np.ascontiguousarray(y, dtype=np.float64)
        if y.shape != self.y_mean_.shape:
            raise DataError(f"a bin must be ({self.n_chans},), as in training, got {y.shape}")
        d = self.n_states
        mean, cov = np.empty((1, d)), np.empty((1, d, d))
        self._advance(y[None], mean, cov)
        return Decoded(mean[0], cov[0], t)

    def _ready(self) -> None:
        """Derive what steps need, then run one bin, so that nothing is compiled in a stream."""
        self._derive()
        self.reset()
        self.predict(self.y_mean_[None])

    def _derive(self) -> None:
        """Compute what follows from the learned arrays."""

    @abstractmethod
    def _start(self) -> tuple[Array, ...]:
        """Live state before the first bin, as arrays of its own."""

    @abstractmethod
    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        """Decode rows of ``Y`` into ``mean`` and ``cov``; writes to the live state."""


def training_rows(Y: Array, Z: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Check training data; tells which bins are whole.

    Parameters
    ----------
    Y : (n_times, n_chans)
    Z : (n_times, d)

    Returns
    -------
    Y, Z : float64
    whole : bool (n_times,)
        Bins without a missing value.

    Raises
    ------
    DataError
        Where shapes disagree or too few bins are whole.
    """
    Y, Z = np.asarray(Y, dtype=np.float64), np.asarray(Z, dtype=np.float64)
    if Y.ndim != 2 or Z.ndim != 2 or len(Y) != len(Z):
        raise DataError(
            "training data must be features (n_times, n_chans) and states (n_times, d) of one "
            f"length, got {Y.shape} and {Z.shape}"
        )
    whole = np.logical_and.reduce(np.isfinite(np.hstack([Y, Z])), axis=1)
    needed = Y.shape[1] + 2 * Z.shape[1] + 1
    if whole.sum() < needed:
        dead = np.flatnonzero(~np.isfinite(Y).any(axis=0))
        hint = f"; channel(s) {', '.join(map(str, dead))} have no value at all" if len(dead) else ""
        raise DataError(
            f"training data: {whole.sum()} of {len(Y)} bins are without a missing value, at least "
            f"{needed} are needed for {Y.shape[1]} channels{hint}"
        )
    return Y, Z, whole
