"""Alignment of sessions by the Riemannian mean of their covariances.

    R_s = Riemannian mean of the channel covariances of session s's trials
    R   = mean of R_s over the sessions that are trained on
    X  <- T_s X,   T_s = R_s^(-1/2) (R_s^(1/2) R R_s^(1/2))^(1/2) R_s^(-1/2)

R_s follows its electrodes: it becomes A R_s A^T where A mixes the channels. To bring it to the
identity by R_s^(-1/2) (Zanini et al. 2018, IEEE Trans. Biomed. Eng. 65, 1107) leaves a rotation
that depends on A, even where A is of gains alone. T_s is the one symmetric positive matrix with
T_s R_s T_s = R (optimal transport between normal distributions: Knott and Smith 1984, J.
Optimization Theory and Applications 43, 39; for covariances of EEG Yair et al. 2019, arXiv
1906.00616), so that a symmetric positive A (gains, bridges of gel) is undone without rest. Of
another A its symmetric part is; a rotation cannot be seen in covariances.

R_s is of a session's training trials. Of one that is only tested it is of the trials that are
tested, without their labels: that is transductive, and scores say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Responses
from neurodecode.embed.noise_normalisation import by_time
from neurodecode.errors import DataError

__all__ = ["SessionAlignment"]

Double = NDArray[np.float64]


class SessionAlignment:
    """Bringing the Riemannian mean of each session's covariances to that of the training sessions.

    Parameters
    ----------
    enabled : bool
        Without it responses pass through.

    Attributes
    ----------
    aligners_ : dict of str to float64 (n_channels, n_channels)
        T_s by session that is trained on.
    reference_ : float64 (n_channels, n_channels)
        R.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled

    def fit(self, responses: Responses, train: NDArray[np.bool_]) -> Self:
        """Learn from the training trials ``train`` (n_trials,); labels take no part.

        Raises
        ------
        DataError
            Where units are not channels at times.
        """
        self.aligners_: dict[str, Double] = {}
        if self.enabled:
            if not {"channel", "time"} <= set(responses.units):
                raise DataError("alignment: needs units that are channels at times")
            means = _means(responses, train)
            self.reference_ = np.mean(list(means.values()), axis=0)
            self.aligners_ = self._aligners(means)
        return self

    def transform(self, responses: Responses, rows: NDArray[np.bool_]) -> Responses:
        """Align the trials of ``rows`` (n_trials,); the others stay as they are."""
        if not self.enabled:
            return responses
        session = _sessions(responses)
        new = rows & ~np.isin(session, list(self.aligners_))
        found: Mapping[str, Double] = self.aligners_
        if new.any():
            found = {**self._aligners(_means(responses, new)), **self.aligners_}
        data = by_time(responses).copy()
        for name in np.unique(session[rows]):
            own = rows & (session == name)
            matrix = found[str(name)].astype(np.float32)
            data[own] = np.einsum("ij,njt->nit", matrix, data[own], optimize=True)
        return replace(responses, data=data.reshape(len(data), -1))

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        return {f"aligner.{name}": matrix for name, matrix in self.aligners_.items()}

    def _aligners(self, means: Mapping[str, Double]) -> dict[str, Double]:
        return {name: _transport(mean, self.reference_) for name, mean in means.items()}


def _sessions(responses: Responses) -> NDArray[np.str_]:
    return responses.trials["session"].astype(str).to_numpy(dtype=str)


def _means(responses: Responses, rows: NDArray[np.bool_]) -> dict[str, Double]:
    """Return R_s of each session, from some of its trials."""
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace

    data, session = by_time(responses).astype(float), _sessions(responses)
    means = {}
    for name in np.unique(session[rows]):
        own = data[rows & (session == name)]
        basis, size = _principal(own)
        # Single covariances are shrunk where the session's own is the identity: what is shrunk
        # then does not depend on the electrodes.
        white = np.einsum("ci,nct->nit", basis / size, own)
        mean = TangentSpace(metric="riemann").fit(Covariances("oas").fit_transform(white))
        half = basis * size
        means[str(name)] = half @ mean.reference_ @ half.T
    return means


def _transport(given: Double, wanted: Double) -> Double:
    """Return the symmetric matrix T with T given T = wanted, where ``given`` has any variance."""
    half, inverse = _power(given, 0.5), _power(given, -0.5)
    return inverse @ _power(half @ wanted @ half, 0.5) @ inverse


def _power(matrix: Double, exponent: float) -> Double:
    """Return a power of a symmetric matrix; directions without variance stay without."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    some = values > 1e-10 * values[-1]
    powered: Double = (vectors[:, some] * values[some] ** exponent) @ vectors[:, some].T
    return powered


def _principal(data: Double) -> tuple[Double, Double]:
    """Return orthonormal axes (n_channels, rank) of the channels' variance, and the SD along each.

    An average reference leaves a direction without any: alignment is in the rest.
    """
    flat = data.transpose(1, 0, 2).reshape(data.shape[1], -1)
    values, vectors = np.linalg.eigh(flat @ flat.T / flat.shape[1])
    if values[-1] <= 0:
        raise DataError("alignment: the responses of a session are all zero")
    some = values > 1e-10 * values[-1]
    return vectors[:, some], np.sqrt(values[some])
