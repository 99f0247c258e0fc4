"""When something can be decoded: a decoder a time, each tested at all times.

Temporal generalisation: King and Dehaene 2014, Trends in Cognitive Sciences 18, 203. The tests at a
decoder's own time are decoding over time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Responses
from neurodecode.embed.channel_steps import ChannelSteps
from neurodecode.embed.noise_normalisation import by_time
from neurodecode.errors import DataError
from neurodecode.registry import Decoder

__all__ = ["Split", "decode_over_time", "in_windows"]


@dataclass(frozen=True)
class Split:
    """One fold's trials and what is decoded from them.

    Attributes
    ----------
    train, test : bool (n_trials,)
    labels : (n_trials,) of str
        Category of each trial, or empty strings.
    targets : mapping of str to float32 (n_trials, d)
    groups : (n_trials,)
        What inner splits keep together.
    """

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    labels: NDArray[np.str_]
    targets: Mapping[str, Float]
    groups: NDArray[np.str_]

    def __post_init__(self) -> None:
        both = int((self.train & self.test).sum())
        if both:
            raise DataError(f"time-resolved decoding: {both} trials are trained on and tested")


def in_windows(responses: Responses, step: float) -> tuple[Responses, NDArray[np.float64]]:
    """Average over windows of ``step`` seconds, one after the other; returns their centres too.

    Samples at the end that fill no window are left out.

    Raises
    ------
    DataError
        Where units are not channels at times, or there are fewer than two windows.
    """
    if not {"channel", "time"} <= set(responses.units):
        raise DataError("time-resolved decoding needs units that are channels at times")
    data, times = by_time(responses), responses.units["time"].unique().astype(float)
    n = max(1, round(step / np.diff(times).mean())) if len(times) > 1 else 1
    n_windows = len(times) // n
    if n_windows < 2:
        raise DataError(
            f"time-resolved decoding needs two windows of {step:g} s, found {n_windows} in "
            f"{len(times)} times; make over_time.step smaller"
        )
    used = n_windows * n
    averaged = data[:, :, :used].reshape(*data.shape[:2], n_windows, n).mean(axis=3)
    units = responses.units.iloc[: len(responses.units)].copy()
    units["window"] = np.tile(np.arange(len(times)) // n, data.shape[1])
    units = units[units["window"] < n_windows].drop_duplicates(["channel", "window"])
    centres = times[:used].reshape(n_windows, n).mean(axis=1)
    units["time"] = np.tile(centres, data.shape[1])
    flat = averaged.reshape(len(data), -1).astype(np.float32)
    units = units.drop(columns="window").reset_index(drop=True)
    return replace(responses, data=flat, units=units), centres


def decode_over_time(
    responses: Responses,
    split: Split,
    make_decoder: Callable[[], Decoder],
    steps: ChannelSteps,
) -> Iterator[tuple[Decoder, dict[str, Float]]]:
    """Fit a decoder on the channels of each time; yield it and what it decodes at all times.

    Parameters
    ----------
    responses : Responses
        Units are channels at times.
    split : Split
    make_decoder : callable () -> Decoder
    steps : ChannelSteps
        Fitted on the training trials first.

    Yields
    ------
    decoder : Decoder
    decoded : dict of str to float32 (n_test, n_times, d)
        As :meth:`neurodecode.registry.Decoder.predict`, by time of test.
    """
    shape = by_time(responses).shape[1:]
    steps.fit(responses, split.train)
    fitted = steps.transform(responses, split.train).reshape(-1, *shape)
    tested = steps.transform(responses, split.test).reshape(-1, *shape)
    everywhere = tested.transpose(0, 2, 1).reshape(-1, shape[0])
    targets = {name: values[split.train] for name, values in split.targets.items()}
    for t in range(shape[1]):
        decoder = make_decoder().fit(
            np.ascontiguousarray(fitted[:, :, t]),
            targets,
            labels=split.labels[split.train],
            groups=split.groups[split.train],
        )
        decoded = decoder.predict(everywhere)
        yield decoder, {n: v.reshape(len(tested), shape[1], -1) for n, v in decoded.items()}
