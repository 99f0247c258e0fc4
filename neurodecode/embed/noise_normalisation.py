"""Multivariate noise normalisation (Guggenmos, Sterzer and Cichy 2018, NeuroImage 173, 434).

    Sigma = mean over conditions (and times) of the covariance of repeats about their mean
    X <- Sigma^(-1/2) X

by session, from training trials alone. Each covariance is shrunk (Ledoit and Wolf 2004, J.
Multivariate Analysis 88, 365). Where units are channels at times, Sigma is between channels and the
same at all times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float, Responses
from neurodecode.errors import DataError

__all__ = ["NoiseNormalisation", "by_time", "noise_covariance"]

Double = NDArray[np.float64]
MOST = 6000
"""Units (channels) of which a covariance is held and decomposed."""


class NoiseNormalisation:
    """Whitening of responses by their noise.

    Parameters
    ----------
    enabled : bool
        Without it responses pass through.

    Attributes
    ----------
    whiteners_ : dict of str to float64 (n_channels, n_channels)
        Sigma^(-1/2) by session; the key ``*`` is that of the mean Sigma, for sessions that are
        not trained on.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled

    def fit(self, responses: Responses, train: NDArray[np.bool_]) -> Self:
        """Learn from the training trials ``train`` (n_trials,).

        Raises
        ------
        DataError
            Where a session has no condition that is repeated, or there are too many units.
        """
        self.whiteners_: dict[str, Double] = {}
        if not self.enabled:
            return self
        data = by_time(responses)
        if data.shape[1] > MOST:
            raise DataError(
                f"noise_normalisation: {data.shape[1]} units, at most {MOST} can be whitened; "
                "choose a region or fewer channels"
            )
        trials = responses.trials
        shown = trials["stimulus"].where(trials["stimulus"] != "", trials["category"])
        session = trials["session"].astype(str).to_numpy()
        found = []
        for name in np.unique(session[train]):
            rows = train & (session == name)
            covariance = noise_covariance(data[rows], shown[rows].to_numpy(dtype=str))
            if covariance is None:
                raise DataError(
                    f"noise_normalisation: session {name} has no condition of which two trials "
                    "are trained on, so its noise cannot be told from its signal; set "
                    "noise_normalisation: false"
                )
            self.whiteners_[str(name)] = _inverse_root(covariance)
            found.append(covariance)
        self.whiteners_["*"] = _inverse_root(np.mean(found, axis=0))
        return self

    def transform(self, responses: Responses, rows: NDArray[np.bool_]) -> Float:
        """Return the whitened responses of some trials, each by its session alone."""
        if not self.enabled:
            return responses.data[rows]
        data = by_time(responses)[rows]
        session = responses.trials["session"].astype(str).to_numpy()[rows]
        white = np.empty_like(data)
        for name in np.unique(session):
            own = session == name
            matrix = self.whiteners_.get(str(name), self.whiteners_["*"]).astype(np.float32)
            white[own] = np.einsum("ij,njt->nit", matrix, data[own], optimize=True)
        return white.reshape(len(white), -1)

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        return {f"whitener.{name}": matrix for name, matrix in self.whiteners_.items()}


def by_time(responses: Responses) -> Float:
    """Return the data (n_trials, n_channels, n_times); one time where units have none.

    Raises
    ------
    DataError
        Where channels are not all at the same times, time by time.
    """
    units = responses.units
    if not {"channel", "time"} <= set(units):
        return responses.data[:, :, None]
    n_channels = units["channel"].nunique()
    grids = units.groupby("channel", sort=False)["time"].agg(tuple)
    whole = len(set(grids)) == 1 and len(units) == n_channels * len(grids.iloc[0])
    blocks: Sequence[str] = list(pd.unique(units["channel"]).repeat(len(grids.iloc[0])))
    if not whole or units["channel"].tolist() != blocks:
        raise DataError("responses: every channel must have the same times, one after the other")
    return responses.data.reshape(len(responses.data), n_channels, -1)


def noise_covariance(data: Float, conditions: NDArray[np.str_]) -> Double | None:
    """Return the mean Ledoit-Wolf covariance of residuals, or None where nothing is repeated.

    Parameters
    ----------
    data : float32 (n_trials, n_channels, n_times)
    conditions : (n_trials,) of str
    """
    n_channels, n_times = data.shape[1:]
    total, ridge, n = np.zeros((n_channels, n_channels)), 0.0, 0
    for name in np.unique(conditions):
        own = data[conditions == name].astype(float)
        if len(own) < 2:
            continue
        residuals = (own - own.mean(axis=0)).transpose(2, 0, 1)
        scale, shrinkage = _ledoit_wolf(residuals)
        weighted = residuals * np.sqrt((1 - shrinkage) / len(own))[:, None, None]
        flat = weighted.reshape(-1, n_channels)
        total += flat.T @ flat
        ridge += float((shrinkage * scale).sum())
        n += n_times
    if not n:
        return None
    covariance: Double = (total + ridge * np.eye(n_channels)) / n
    return covariance


def _ledoit_wolf(residuals: Double) -> tuple[Double, Double]:
    """Return mean variance and shrinkage (n,) of centred samples (n, n_samples, n_features)."""
    _, n_samples, n_features = residuals.shape
    # Of fewer samples than features: the same sums by the small matrix.
    gram = residuals @ residuals.transpose(0, 2, 1)
    lengths = np.diagonal(gram, axis1=1, axis2=2)
    scale = lengths.sum(axis=1) / (n_samples * n_features)
    square = (gram**2).sum(axis=(1, 2)) / n_samples**2
    distance = square / n_features - scale**2
    error = ((lengths**2).sum(axis=1) / n_samples - square) / (n_features * n_samples)
    small = np.finfo(float).tiny
    shrinkage = np.clip(np.minimum(error, distance) / np.maximum(distance, small), 0.0, 1.0)
    return scale, shrinkage


def _inverse_root(covariance: Double) -> Double:
    values, vectors = np.linalg.eigh(covariance)
    if values[-1] <= 0:
        raise DataError("noise_normalisation: repeats of the training trials do not differ at all")
    # A direction without any noise (an average reference) stays as it is: zero.
    some = values > 1e-10 * values[-1]
    scaled = vectors[:, some] / np.sqrt(values[some])
    root: Double = scaled @ vectors[:, some].T
    return root
