"""When a category can be decoded: a decoder a time point, tested at its own time or at all times.

Temporal generalisation: King and Dehaene 2014, Trends in Cognitive Sciences 18, 203.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neurodecode.contracts import Responses
from neurodecode.embed.noise_normalisation import NoiseNormalisation, by_time
from neurodecode.errors import DataError

__all__ = ["OverTime", "temporal_generalisation", "time_resolved"]

Double = NDArray[np.float64]
Fold = tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True)
class OverTime:
    """Accuracy over time.

    Attributes
    ----------
    times : float64 (n_times,)
        Seconds from the onset.
    accuracy : float64 (n_folds, n_times) or (n_folds, n_times, n_times)
        Balanced accuracy; in the second case by time of training, then of test.
    chance : float
    """

    times: Double
    accuracy: Double
    chance: float


def time_resolved(
    responses: Responses,
    labels: NDArray[np.str_],
    folds: Sequence[Fold],
    *,
    noise_normalisation: bool = False,
) -> OverTime:
    """Decode at each time with shrinkage discriminant analysis of the channels.

    Parameters
    ----------
    responses : Responses
        Units are channels at times.
    labels : (n_trials,) of str
    folds : sequence of (train, test)
        Masks (n_trials,) of bool.
    noise_normalisation : bool
        Whiten by the noise of each fold's training trials first.

    Raises
    ------
    DataError
        Where units have no times, there is one class, or a fold lacks one or shares trials.
    """
    return _over_time(responses, labels, folds, noise_normalisation, everywhere=False)


def temporal_generalisation(
    responses: Responses,
    labels: NDArray[np.str_],
    folds: Sequence[Fold],
    *,
    noise_normalisation: bool = False,
) -> OverTime:
    """Decode at each time, test at all; parameters and errors as :func:`time_resolved`."""
    return _over_time(responses, labels, folds, noise_normalisation, everywhere=True)


def _over_time(
    responses: Responses,
    labels: NDArray[np.str_],
    folds: Sequence[Fold],
    noise_normalisation: bool,
    *,
    everywhere: bool,
) -> OverTime:
    if "time" not in responses.units:
        raise DataError("time-resolved decoding needs units that are channels at times")
    times = responses.units["time"].unique().astype(float)
    shape = by_time(responses).shape[1:]
    classes = np.unique(labels)
    accuracy = np.zeros((len(folds), len(times), len(times) if everywhere else 1))
    for k, (train, test) in enumerate(folds):
        _refuse(k, labels, classes, train, test)
        whitening = NoiseNormalisation(enabled=noise_normalisation).fit(responses, train)
        fitted = whitening.transform(responses, train).reshape(-1, *shape)
        tested = whitening.transform(responses, test).reshape(-1, *shape)
        for t in range(len(times)):
            decoder = make_pipeline(
                StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
            ).fit(fitted[:, :, t], labels[train])
            at = range(len(times)) if everywhere else (t,)
            for column, s in enumerate(at):
                decoded = decoder.predict(tested[:, :, s])
                accuracy[k, t, column] = balanced_accuracy_score(labels[test], decoded)
    return OverTime(times, accuracy if everywhere else accuracy[:, :, 0], 1 / len(classes))


def _refuse(
    fold: int,
    labels: NDArray[np.str_],
    classes: NDArray[np.str_],
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> None:
    if len(classes) < 2:
        raise DataError(f"time-resolved decoding needs two classes, found {len(classes)}")
    if (train & test).any():
        raise DataError(
            f"fold {fold}: {int((train & test).sum())} trials are trained on and tested"
        )
    for name, rows in (("train", train), ("test", test)):
        lacking = sorted(set(classes) - set(labels[rows]))
        if lacking:
            raise DataError(f"fold {fold}: no {name} trial of {', '.join(lacking)}")
