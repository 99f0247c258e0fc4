"""A recurrent network as a baseline: trained in torch, run in compiled loops."""

from __future__ import annotations

from typing import Self

import numpy as np
from numba import njit

from neurodecode.errors import DataError
from neurodecode.online.decoded import Array
from neurodecode.online.history import HistoryDecoder
from neurodecode.seeds import derive

__all__ = ["LstmDecoder"]

# Bins of one training sequence; sequences overlap by half.
WINDOW = 50


class LstmDecoder(HistoryDecoder):
    """One long short-term memory layer and a linear read-out.

    The covariance is that of the residuals on the last fifth of the training bins, which also stop
    the training early; where channels are missing it goes over to that of the state, in proportion.

    Parameters
    ----------
    hidden : int
        Units.
    epochs : int
        Passes over the training sequences at most.
    weight_decay : float
        AdamW's.
    seed : int
        Of the first weights and the batches.
    centre : bool
        Whether the training means are taken off; not where features and states come centred.

    References
    ----------
    Hochreiter & Schmidhuber (1997), Neural Computation 9, 1735-1780.
    """

    learned = (*HistoryDecoder.learned, "W", "U", "b", "V", "v", "Q", "S")
    lags = 0
    decay = 1.0

    def __init__(
        self,
        hidden: int = 32,
        epochs: int = 60,
        weight_decay: float = 0.1,
        seed: int = 0,
        centre: bool = True,
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.weight_decay = weight_decay
        self.seed = seed
        self.centre = centre

    def fit(self, Y: Array, Z: Array) -> Self:
        """Learn from features ``Y`` (n_times, n_chans) and states ``Z`` (n_times, d).

        Raises
        ------
        DataError
            Where shapes disagree, a state is missing, or there are too few bins.
        """
        X, Z, known = self._learn_inputs(Y, Z)
        if len(X) < 4 * WINDOW or not known.all():
            raise DataError(
                f"an LSTM needs {4 * WINDOW} training bins and every state, got {len(X)} bins, "
                f"{(~known).sum()} of them without a state"
            )
        self._train(X, Z)
        self._ready()
        late = len(X) * 4 // 5
        residual = Z[late:] - self.predict(Y).mean[late:] + self.z_mean_
        self.Q_, self.S_ = residual.T @ residual / len(residual), Z.T @ Z / len(Z)
        return self

    def _train(self, X: Array, Z: Array) -> None:
        import torch
        from torch import nn

        from neurodecode.online.train import train

        class Network(nn.Module):
            def __init__(self, n_inputs: int, hidden: int, n_outputs: int) -> None:
                super().__init__()
                self.lstm = nn.LSTM(n_inputs, hidden, batch_first=True)
                self.out = nn.Linear(hidden, n_outputs)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                read: torch.Tensor = self.out(self.lstm(x)[0])
                return read

        x_std, z_std = X.std(axis=0) + 1e-12, Z.std(axis=0) + 1e-12
        starts = range(0, len(X) - WINDOW + 1, WINDOW // 2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(self.seed, "lstm"))
            network = Network(X.shape[1], self.hidden, Z.shape[1]).double()
            train(
                network,
                np.stack([X[s : s + WINDOW] / x_std for s in starts]),
                np.stack([Z[s : s + WINDOW] / z_std for s in starts]),
                epochs=self.epochs, weight_decay=self.weight_decay, seed=self.seed, batch=16,
            )  # fmt: skip
        weights = {name: p.detach().numpy().copy() for name, p in network.named_parameters()}
        self.W_, self.U_ = weights["lstm.weight_ih_l0"] / x_std, weights["lstm.weight_hh_l0"]
        self.b_ = weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]
        self.V_, self.v_ = weights["out.weight"] * z_std[:, None], weights["out.bias"] * z_std
        self.Q_ = self.S_ = np.eye(Z.shape[1])

    def _start(self) -> tuple[Array, ...]:
        return np.zeros((0, self.n_chans)), np.zeros(len(self.U_[0])), np.zeros(len(self.U_[0]))

    def _advance(self, Y: Array, mean: Array, cov: Array) -> None:
        past, h, c = self._live
        X, there = self._inputs(Y, past)
        recur(X, self.W_, self.U_, self.b_, self.V_, self.v_ + self.z_mean_, h, c, mean)
        part = there[:, None, None]
        cov[:] = part * self.Q_ + (1 - part) * self.S_


@njit(cache=True)  # type: ignore[untyped-decorator]
def recur(
    X: Array, W: Array, U: Array, b: Array, V: Array, v: Array, h: Array, c: Array, Z: Array
) -> None:
    """Run the layer over rows of ``X`` (n, p) into ``Z`` (n, d); ``h`` and ``c`` are moved on.

    ``W`` (4 k, p), ``U`` (4 k, k) and ``b`` (4 k,) hold the input, forget, cell and output gates.
    """
    k = len(h)
    for t in range(len(X)):
        gates = np.dot(W, X[t]) + np.dot(U, h) + b
        for i in range(k):
            enter, forget = 1 / (1 + np.exp(-gates[i])), 1 / (1 + np.exp(-gates[k + i]))
            leave = 1 / (1 + np.exp(-gates[3 * k + i]))
            c[i] = forget * c[i] + enter * np.tanh(gates[2 * k + i])
            h[i] = leave * np.tanh(c[i])
        Z[t] = np.dot(V, h) + v
