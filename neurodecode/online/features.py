"""The chain from samples to the vectors that a decoder reads.

Filters work on samples, a binner makes one vector of each bin, vector steps follow. All of it is
causal and keeps its state between chunks: a recording in one piece and the same recording sample by
sample give the same vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.bins import BandPower, Binner, SpikeCounts
from neurodecode.online.filters import Causal, Filter, ThresholdCrossings, butterworth
from neurodecode.online.settings import FeatureSettings
from neurodecode.online.stream import Array, Chunk
from neurodecode.online.vectors import BadChannels, EmaCentre, Projection, VectorStep
from neurodecode.online.whitening import EmaWhitening, GainWhitening

__all__ = ["Chain", "FeatureVector", "build_chain"]


@dataclass(frozen=True)
class FeatureVector:
    """One bin.

    Attributes
    ----------
    values : float64 (d,)
        Features; NaN where one is missing.
    time, begin : float
        When the last and the first of its samples were taken (s, the session's clock).
    source_time, source_begin : float
        The same as the source stamped them; NaN where that sample was missing.
    n_missing : int
        Samples that were missing.
    bad : float
        Share of the binned features that are missing or masked.
    """

    values: Array
    time: float
    begin: float
    source_time: float
    source_begin: float
    n_missing: int
    bad: float


class Chain:
    """Filters, a binner and vector steps in a row.

    Parameters
    ----------
    binner : Binner
        What makes a vector of a bin.
    n_in_bin : int
        Samples in a bin.
    filters : sequence of Filter
        Before it.
    steps : sequence of VectorStep
        After it.
    """

    def __init__(
        self,
        binner: Binner,
        n_in_bin: int,
        filters: Sequence[Filter] = (),
        steps: Sequence[VectorStep] = (),
    ) -> None:
        self.binner = binner
        self.n_in_bin = n_in_bin
        self.filters = tuple(filters)
        self.steps = tuple(steps)
        self._empty()

    @property
    def begun(self) -> bool:
        """Whether a sample has come since the start or the last restart."""
        return self._n_channels is not None

    @property
    def n_pending(self) -> int:
        """Samples that wait for their bin to be full, missing ones included."""
        return self._n_pending

    @property
    def n_pending_missing(self) -> int:
        """Those of the pending samples that are missing."""
        return self._n_missing

    def fit(self, data: Array) -> Array:
        """Learn every part in turn on a calibration recording.

        Parameters
        ----------
        data : (n_samples, n_channels)
            The recording.

        Returns
        -------
        X : (n_bins, d)
            Its feature vectors, as a stream of the same samples would have given them.

        Raises
        ------
        DataError
            Where the recording is shorter than three bins.
        """
        n_bins = len(data) // self.n_in_bin
        if n_bins < 3:
            raise DataError(
                f"calibration: {len(data)} samples are fewer than three bins of {self.n_in_bin}"
            )
        self.binner.reset()
        for part in self.filters:
            part.reset()
            data = part.fit(data).step(data)
        cut = self.binner.filtered(data)[: n_bins * self.n_in_bin]
        cut = np.ascontiguousarray(cut)
        X = np.array([self.binner.reduced(b) for b in np.split(cut, n_bins)])
        for step in self.steps:
            step.fit(X)
            X = np.array([step.step(x) for x in X])
        self.reset()
        return X

    def step(self, chunk: Chunk) -> list[FeatureVector]:
        """Take the next samples; return the bins that they complete."""
        return self._take(chunk.data, chunk.times, chunk.source_times, missing=False)

    def skip(self, n_missing: int, times: Array) -> list[FeatureVector]:
        """Take missing samples that should have been there at ``times`` (n_missing,).

        Raises
        ------
        DataError
            Where no sample has come yet: how many channels are missing is not known.
        """
        if self._n_channels is None:
            raise DataError("skip: a chain cannot begin with missing samples")
        nothing = np.full((n_missing, self._n_channels), np.nan)
        return self._take(nothing, times, np.full(n_missing, np.nan), missing=True)

    def reset(self) -> None:
        """Forget the stream; what was learned stays."""
        self.restart()
        for step in self.steps:
            step.reset()

    def restart(self) -> None:
        """Forget the samples, as after a long gap; what follows the bins stays as it is."""
        for part in self.filters:
            part.reset()
        self.binner.reset()
        self._empty()

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays of all parts, named ``number.name``."""
        return {
            f"{i}.{name}": array
            for i, part in enumerate((*self.filters, *self.steps))
            for name, array in part.state().items()
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take learned arrays as :meth:`state` gave them.

        Raises
        ------
        DataError
            Where one is missing.
        """
        for i, part in enumerate((*self.filters, *self.steps)):
            prefix = f"{i}."
            own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            try:
                part.restore(own)
            except KeyError as error:
                raise DataError(
                    f"features: array {prefix}{error.args[0]} of {type(part).__name__} missing; "
                    "they were learned with other settings. Calibrate again."
                ) from error
        self.reset()

    def _empty(self) -> None:
        self._samples: list[Array] = []
        self._times: list[Array] = []
        self._source_times: list[Array] = []
        self._n_pending = 0
        self._n_missing = 0
        self._n_channels: int | None = None

    def _take(
        self, data: Array, times: Array, source_times: Array, missing: bool
    ) -> list[FeatureVector]:
        if not len(data):
            return []
        self._n_channels = data.shape[1]
        for part in self.filters:
            data = part.step(data)
        data = self.binner.filtered(data)
        done, first = [], 0
        while first < len(data):
            last = min(first + self.n_in_bin - self._n_pending, len(data))
            self._samples.append(data[first:last])
            self._times.append(times[first:last])
            self._source_times.append(source_times[first:last])
            self._n_pending += last - first
            self._n_missing += missing * (last - first)
            first = last
            if self._n_pending == self.n_in_bin:
                done.append(self._bin())
        return done

    def _bin(self) -> FeatureVector:
        # One layout in memory, one order of summation.
        values = self.binner.reduced(np.ascontiguousarray(np.concatenate(self._samples)))
        times, source_times = np.concatenate(self._times), np.concatenate(self._source_times)
        bad = float(np.mean(~np.isfinite(values)))
        for step in self.steps:
            values = step.step(values)
            if isinstance(step, BadChannels):
                bad = float(np.mean(~np.isfinite(values)))
        vector = FeatureVector(
            values=values,
            time=float(times[-1]),
            begin=float(times[0]),
            source_time=float(source_times[-1]),
            source_begin=float(source_times[0]),
            n_missing=self._n_missing,
            bad=bad,
        )
        n_channels = self._n_channels
        self._empty()
        self._n_channels = n_channels
        return vector


def build_chain(settings: FeatureSettings, sfreq: float, n_channels: int) -> Chain:
    """Build the chain that a YAML section describes.

    Parameters
    ----------
    settings : FeatureSettings
        The section.
    sfreq : float
        Samples a second of the stream.
    n_channels : int
        Its channels.

    Raises
    ------
    ConfigError
        Where a bin is no whole number of samples, or a filter does not fit the sampling rate.
    """
    n_in_bin = round(settings.bin_width * sfreq)
    if n_in_bin < 1 or abs(n_in_bin - settings.bin_width * sfreq) > 1e-6 * n_in_bin:
        raise ConfigError(
            f"bin_width: must be a whole number of samples at {sfreq:g} Hz, got "
            f"{settings.bin_width:g} s = {settings.bin_width * sfreq:g} samples"
        )
    filters: list[Filter] = [
        Causal(butterworth(f.low, f.high, f.order, sfreq)) for f in settings.filters
    ]
    binner: Binner
    n_features = n_channels
    if settings.bins.kind == "spike_counts":
        if settings.bins.threshold is not None:
            filters.append(ThresholdCrossings(settings.bins.threshold))
        binner = SpikeCounts()
    else:
        binner = BandPower(settings.bins.bands, settings.bins.order, sfreq)
        n_features = n_channels * len(settings.bins.bands)
    return Chain(binner, n_in_bin, filters, _vector_steps(settings, n_features))


def _vector_steps(settings: FeatureSettings, n_features: int) -> list[VectorStep]:
    steps: list[VectorStep] = []
    if settings.bad_channels:
        steps.append(BadChannels())
    if settings.centre_time is not None:
        steps.append(EmaCentre(max(settings.centre_time / settings.bin_width, 1.0)))
    if settings.reduce is not None:
        steps.append(Projection(settings.reduce, settings.n_components))
        n_features = settings.n_components
    if settings.whitening is not None:
        if settings.whitening.kind == "gain":
            rate, nonnegative = settings.whitening.rate, settings.whitening.nonnegative
            steps.append(GainWhitening(n_features, rate, nonnegative=nonnegative))
        else:
            steps.append(EmaWhitening(n_features, settings.whitening.rate))
    return steps
