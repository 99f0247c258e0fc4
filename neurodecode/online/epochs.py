"""Epochs cut live on markers, as the estimator ``epochs`` cuts them from a recording."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import pandas as pd

from neurodecode.contracts import Float
from neurodecode.errors import ConfigError, DataError
from neurodecode.online.continuity import Continuity
from neurodecode.online.filters import Causal
from neurodecode.online.stream import Array, Chunk, Marker
from neurodecode.preprocess.eeg import Epochs
from neurodecode.preprocess.forward import forward_sections

__all__ = ["Epoch", "EpochCounts", "LiveEpochs"]

LATEST_MARKER = 5.0
"""Seconds for which samples are kept that no epoch has asked for: a marker may come late."""

TOLERANCE = 0.5


@dataclass(frozen=True)
class Epoch:
    """What followed one marker: ``features`` (n_features,) as a decoder was trained on them."""

    marker: Marker
    features: Float


@dataclass
class EpochCounts:
    """What became of every marker that was to have an epoch; ``waiting`` are not yet whole."""

    markers: int = 0
    cut: int = 0
    broken: int = 0
    rejected: int = 0
    waiting: int = 0


class LiveEpochs:
    """Filters samples as they come and cuts an epoch once its last sample is there.

    Parameters
    ----------
    estimator : Epochs
        With ``causal``.
    units : DataFrame
        One row a channel, as in training: ``unit``, ``roi``, ``x``, ``y``, ``z``, ``bad``.
    channels : tuple of str
        Of the stream; those of ``units`` are picked by name.
    sfreq : float
        Samples a second of the stream.
    volts : float
        What the stream's unit is in volts.

    Raises
    ------
    ConfigError
        Where the estimator looks ahead, or the stream is too slow for its band.
    DataError
        Where the stream lacks a channel.
    """

    def __init__(
        self,
        estimator: Epochs,
        units: pd.DataFrame,
        channels: tuple[str, ...],
        sfreq: float,
        volts: float = 1.0,
    ) -> None:
        if not estimator.causal:
            raise ConfigError(
                "epochs: the filter of these responses runs over the whole recording, which a "
                "stream has not; set causal: true and train again"
            )
        if max(estimator.band[1], *estimator.notch, 0.0) >= sfreq / 2:
            raise ConfigError(
                f"epochs: band and notch must be below half the stream's rate ({sfreq / 2:g} Hz)"
            )
        absent = [name for name in units["unit"] if name not in channels]
        if absent:
            raise DataError(
                f"stream: {len(absent)} of {len(units)} channels that the decoder was trained on "
                f"are missing: {', '.join(absent[:10])}"
            )
        self.estimator = estimator
        self.units = units
        self.sfreq = sfreq
        self.counts = EpochCounts()
        self._picks = [channels.index(name) for name in units["unit"]]
        self._volts = volts
        self._before = round(estimator.start * sfreq)
        self._length = round(estimator.stop * sfreq) - self._before + 1
        self._filter = Causal(forward_sections(estimator.band, estimator.notch, sfreq))
        self._continuity = Continuity(sfreq, TOLERANCE)
        self._kept: deque[tuple[Array, Array]] = deque()
        self._waiting: list[Marker] = []

    def step(self, chunk: Chunk, markers: tuple[Marker, ...], now: float) -> list[Epoch]:
        """Take samples and the markers that want an epoch; return the epochs that are whole.

        Parameters
        ----------
        chunk : Chunk
        markers : tuple of Marker
            Those of the chunk's that want an epoch.
        now : float
            On the session's clock.
        """
        for piece in self._continuity.cut(chunk, now):
            if piece.missing or piece.jumped:
                self._break()
            # As a recording is read: microvolts in single precision.
            data = (piece.chunk.data[:, self._picks] * (self._volts * 1e6)).astype(np.float32)
            filtered = self._filter.step(data.astype(np.float64) * 1e-6)
            self._kept.append((piece.chunk.times, filtered))
        self.counts.markers += len(markers)
        shift = self._continuity.shift
        self._waiting += [Marker(m.time + shift, m.label) for m in markers]
        found = self._cut()
        self._forget()
        self.counts.waiting = len(self._waiting)
        return found

    def reconnected(self) -> None:
        """The stream was gone: what was kept is no neighbour of what comes."""
        self._continuity.reconnected()
        self._break()

    def _break(self) -> None:
        """Start anew behind a gap; markers whose epoch would span it get none."""
        self._filter.reset()
        if not self._kept:
            return
        last = self._kept[-1][0][-1]
        lost = [m for m in self._waiting if m.time <= last]
        self.counts.broken += len(lost)
        self._waiting = [m for m in self._waiting if m.time > last]
        self._kept.clear()

    def _cut(self) -> list[Epoch]:
        if not self._waiting or not self._kept:
            return []
        newest = float(self._kept[-1][0][-1])
        after = (self._before + self._length) / self.sfreq
        ripe = [m for m in self._waiting if m.time + after <= newest]
        if not ripe:
            return []
        self._waiting = [m for m in self._waiting if m.time + after > newest]
        times = np.concatenate([t for t, _ in self._kept])
        data = np.concatenate([d for _, d in self._kept])
        return [epoch for marker in ripe if (epoch := self._one(marker, times, data))]

    def _one(self, marker: Marker, times: Array, data: Array) -> Epoch | None:
        half = 0.5 / self.sfreq
        onset = int(np.searchsorted(times, marker.time - half))
        start = onset + self._before if marker.time >= times[0] - half else -1
        part = data[max(start, 0) : start + self._length].T
        if start < 0 or part.shape[1] < self._length or not np.isfinite(part).all():
            self.counts.broken += 1
            return None
        features = self.estimator.finish_one(part, self.units, self.sfreq)
        if features is None:
            self.counts.rejected += 1
            return None
        self.counts.cut += 1
        return Epoch(marker, features)

    def _forget(self) -> None:
        """Let go of samples that no epoch can want any more."""
        if not self._kept:
            return
        wanted = min([self._kept[-1][0][-1] - LATEST_MARKER, *(m.time for m in self._waiting)])
        oldest = wanted + (self._before - 1) / self.sfreq
        while self._kept[0][0][-1] < oldest:
            self._kept.popleft()
