"""Training of the small networks of online decoders: AdamW, stopped early on the last rows."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from neurodecode.online.decoded import Array
from neurodecode.seeds import generator

__all__ = ["train"]

HELD_OUT = 0.2


def train(
    network: nn.Module,
    X: Array,
    Z: Array,
    *,
    epochs: int,
    weight_decay: float,
    seed: int,
    batch: int = 128,
) -> None:
    """Train in place on rows of ``X`` (n, ...) and ``Z`` (n, ...) by squared error.

    The last fifth of the rows is held out, and the weights of the epoch that did best there are
    kept. It is one stretch of time: rows drawn at random would have neighbours in training.

    Parameters
    ----------
    network : nn.Module
        Of double precision.
    X, Z : float64
        Standardised.
    epochs : int
    weight_decay : float
    seed : int
        Of the order of the batches.
    batch : int
        Rows of a step.
    """
    x, z = torch.from_numpy(np.ascontiguousarray(X)), torch.from_numpy(np.ascontiguousarray(Z))
    n = int(len(x) * (1 - HELD_OUT))
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=weight_decay)
    rng = generator(seed, "batches")
    best, kept = np.inf, {k: v.clone() for k, v in network.state_dict().items()}
    for _ in range(epochs):
        network.train()
        for rows in torch.split(torch.from_numpy(rng.permutation(n)), batch):
            optimiser.zero_grad()
            torch.autograd.backward(nn.functional.mse_loss(network(x[rows]), z[rows]))
            optimiser.step()
        network.eval()
        with torch.no_grad():
            error = float(nn.functional.mse_loss(network(x[n:]), z[n:]))
        if error < best:
            best, kept = error, {k: v.clone() for k, v in network.state_dict().items()}
    network.load_state_dict(kept)
