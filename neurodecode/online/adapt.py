"""Adaptation: intended velocities, refits off the decode thread, and a swap between two bins."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from neurodecode.errors import ConfigError
from neurodecode.online.decoded import Array, Decoded, DecodedBatch, StreamDecoder
from neurodecode.online.kalman import KalmanFilter

__all__ = ["HotSwap", "intended_velocity", "refit", "smooth_batch"]


def intended_velocity(
    velocity: Array, position: Array, target: Array, holding: NDArray[np.bool_]
) -> Array:
    """Velocities that a user meant: rotated toward the target, zero in the hold.

    Parameters
    ----------
    velocity, position, target : (n_times, d)
        Decoded velocity, cursor and target.
    holding : bool (n_times,)
        Whether the cursor was held on the target.

    References
    ----------
    Gilja et al. (2012), Nature Neuroscience 15, 1752-1757 (ReFIT).
    """
    toward = target - position
    distance = np.linalg.norm(toward, axis=1, keepdims=True)
    speed = np.linalg.norm(velocity, axis=1, keepdims=True)
    direction = np.divide(toward, distance, out=np.zeros_like(toward), where=distance > 0)
    return np.where(holding[:, None], 0.0, speed * direction)


def refit(decoder: StreamDecoder, Y: Array, Z: Array) -> StreamDecoder:
    """Return a new decoder with the same parameters, fitted on ``Y`` and ``Z``."""
    fitted: StreamDecoder = clone(decoder).fit(Y, Z)
    return fitted


def smooth_batch(decoder: KalmanFilter, Y: Array, Z: Array, rho: float) -> KalmanFilter:
    """Return a new filter whose measurement model moved toward one fitted on a batch.

    C <- rho C + (1 - rho) C', R and the channels' means likewise; the dynamics stay.

    Parameters
    ----------
    decoder : KalmanFilter
        Stays as it is.
    Y, Z : (n_times, n_chans), (n_times, d)
        The batch and the states intended in it.
    rho : float
        What is kept, 0 to 1; exp(log(.5) batch / half-life).

    Raises
    ------
    ConfigError
        Where ``rho`` is out of range.

    References
    ----------
    Orsborn et al. (2012), IEEE Trans. Neural Syst. Rehabil. Eng. 20, 468-477 (SmoothBatch).
    """
    if not 0 <= rho <= 1:
        raise ConfigError(f"rho must be from 0 to 1, got {rho}")
    batch = clone(decoder).fit(Y, Z)
    # Both are to speak of the state less the same mean.
    batch_mean = batch.y_mean_ + batch.C_ @ (decoder.z_mean_ - batch.z_mean_)
    R = rho * np.linalg.inv(decoder.precision_) + (1 - rho) * np.linalg.inv(batch.precision_)
    mixed = {
        "C": rho * decoder.C_ + (1 - rho) * batch.C_,
        "precision": np.linalg.inv(R),
        "y_mean": rho * decoder.y_mean_ + (1 - rho) * batch_mean * decoder.centre,
    }
    moved: KalmanFilter = clone(decoder).restore(decoder.state() | mixed)
    return moved


class HotSwap:
    """A decoder in a stream that can be exchanged between two bins.

    One thread steps. Any thread may hand over a new decoder, or a function that makes one, which
    then runs in a thread of its own; the stepping thread takes the new one before its next bin,
    with the live state of the old one where both are of one kind and size.

    Parameters
    ----------
    decoder : StreamDecoder
        Fitted.

    Attributes
    ----------
    n_swaps : int
        Exchanges so far.
    """

    def __init__(self, decoder: StreamDecoder) -> None:
        self._decoder = decoder
        self._next: StreamDecoder | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refit")
        self.n_swaps = 0

    @property
    def decoder(self) -> StreamDecoder:
        """The decoder in use."""
        return self._decoder

    @property
    def missing(self) -> NDArray[np.int64]:
        """Bins in which each channel was masked since the last ``reset``."""
        return self._decoder.missing

    def swap(self, decoder: StreamDecoder) -> None:
        """Hand over a fitted decoder; it is taken before the next bin.

        Raises
        ------
        ConfigError
            Where it decodes other channels or states than the one in use.
        """
        old, new = self._decoder, decoder
        if (old.n_chans, old.n_states) != (new.n_chans, new.n_states):
            raise ConfigError(
                f"the new decoder must take {old.n_chans} channels to {old.n_states} states, as "
                f"the one in use, got {new.n_chans} to {new.n_states}"
            )
        self._next = decoder

    def refit(self, make: Callable[[], StreamDecoder]) -> Future[None]:
        """Run ``make`` off this thread and hand over what it returns; errors are in the result."""
        return self._worker.submit(lambda: self.swap(make()))

    def step(self, y: Array, t: float) -> Decoded:
        """Decode the next bin; see :meth:`StreamDecoder.step`."""
        self._take()
        return self._decoder.step(y, t)

    def advance(self, Y: Array) -> DecodedBatch:
        """Decode the next chunk; see :meth:`StreamDecoder.advance`."""
        self._take()
        return self._decoder.advance(Y)

    def reset(self) -> None:
        """Forget the stream."""
        self._take()
        self._decoder.reset()

    def close(self) -> None:
        """Wait for a refit under way and end its thread."""
        self._worker.shutdown()

    def _take(self) -> None:
        new = self._next
        if new is None:
            return
        self._next = None
        new.take_over(self._decoder)
        self._decoder = new
        self.n_swaps += 1
