"""Riemannian alignment of sessions (Zanini et al. 2018, IEEE Trans. Biomed. Eng. 65, 1107).

    R_s = Riemannian mean of the channel covariances of session s's trials
    X <- R_s^(-1/2) X

so that every session's covariances have their mean at the identity, whatever its electrodes' gains.
Of a session that is trained on, R_s is of its training trials. Of one that is only tested it is of
the trials that are tested, without their labels: that is transductive, and scores say so.
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
    """Whitening of each session by the Riemannian mean of its trials' covariances.

    Parameters
    ----------
    enabled : bool
        Without it responses pass through.

    Attributes
    ----------
    aligners_ : dict of str to float64 (n_channels, n_channels)
        R_s^(-1/2) by session that is trained on.
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
            self.aligners_ = _aligners(responses, train)
        return self

    def transform(self, responses: Responses, rows: NDArray[np.bool_]) -> Responses:
        """Align the trials of ``rows`` (n_trials,); the others stay as they are."""
        if not self.enabled:
            return responses
        session = _sessions(responses)
        new = rows & ~np.isin(session, list(self.aligners_))
        found: Mapping[str, Double] = self.aligners_
        if new.any():
            found = {**_aligners(responses, new), **self.aligners_}
        data = by_time(responses).copy()
        for name in np.unique(session[rows]):
            own = rows & (session == name)
            matrix = found[str(name)].astype(np.float32)
            data[own] = np.einsum("ij,njt->nit", matrix, data[own], optimize=True)
        return replace(responses, data=data.reshape(len(data), -1))

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        return {f"aligner.{name}": matrix for name, matrix in self.aligners_.items()}


def _sessions(responses: Responses) -> NDArray[np.str_]:
    return responses.trials["session"].astype(str).to_numpy(dtype=str)


def _aligners(responses: Responses, rows: NDArray[np.bool_]) -> dict[str, Double]:
    """Return R_s^(-1/2) of each session, from some of its trials."""
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace

    data, session = by_time(responses).astype(float), _sessions(responses)
    aligners = {}
    for name in np.unique(session[rows]):
        own = data[rows & (session == name)]
        basis, size = _principal(own)
        # Single covariances are shrunk where the session's own is the identity: what is shrunk
        # then does not depend on the electrodes' gains.
        white = np.einsum("ci,nct->nit", basis / size, own)
        mean = TangentSpace(metric="riemann").fit(Covariances("oas").fit_transform(white))
        values, vectors = np.linalg.eigh(size[:, None] * mean.reference_ * size)
        inner = basis @ vectors
        aligners[str(name)] = (inner / np.sqrt(values)) @ inner.T
    return aligners


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
