"""Matrix subspace projection: a code of which one subspace holds the demographics, the rest none.

Li et al. 2020 (ICML, Latent space factorisation and manipulation via matrix subspace projection).
An autoencoder of the whitened scores t (:mod:`~neurodecode.deconfound.demovae_model`) with code z
and a matrix M that maps z to the design row y of a person's demographics:

    loss = |t - t'|^2 + beta KL + w (|y - z M'|^2 + |z - y M|^2),   w = n_scores / (n_columns + n_z)

The last term leaves the code nothing but y M unless reconstruction asks for it, and makes M M' = I.
Demographics are edited by z + (y' - z M') M; z N, N the null space of M, is free of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from neurodecode.contracts import Float
from neurodecode.deconfound.autoencoder import Autoencoder, Begun
from neurodecode.deconfound.demographics import MINIMUM, Array
from neurodecode.deconfound.demovae_model import Front
from neurodecode.deconfound.training import People

__all__ = ["SubspaceProjection"]


class SubspaceNetwork(nn.Module):
    """Variational autoencoder with a matrix from code to attributes.

    Parameters
    ----------
    n_scores, n_latents, n_columns, hidden : int
        Sizes of t, z, y and of the perceptrons.
    """

    def __init__(self, n_scores: int, n_latents: int, n_columns: int, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_scores, hidden), nn.SiLU())
        self.mean = nn.Linear(hidden, n_latents)
        self.straight = nn.Linear(n_scores, n_latents)
        self.log_variance = nn.Linear(hidden, n_latents)
        self.decoder = nn.Sequential(
            nn.Linear(n_latents, hidden), nn.SiLU(), nn.Linear(hidden, n_scores)
        )
        self.back = nn.Linear(n_latents, n_scores)
        self.matrix = nn.Parameter(torch.randn(n_columns, n_latents) / n_latents**0.5)

    def encode(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log variance of z, (n, n_latents) each."""
        seen = self.body(scores)
        return self.straight(scores) + self.mean(seen), self.log_variance(seen) - 4

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Return t', (n, n_scores)."""
        scores: torch.Tensor = self.back(code) + self.decoder(code)
        return scores

    def edit(self, code: torch.Tensor, design: torch.Tensor) -> torch.Tensor:
        """Return the code of the same people with other demographics."""
        edited: torch.Tensor = code + (design - code @ self.matrix.T) @ self.matrix
        return edited


def _loss(network: nn.Module, people: People, chance: torch.Generator, beta: float) -> torch.Tensor:
    assert isinstance(network, SubspaceNetwork)
    mean, log_variance = network.encode(people.scores)
    noise = torch.randn(mean.shape, generator=chance).to(mean.device)
    code = mean + noise * torch.exp(log_variance / 2)
    n, n_scores = people.scores.shape
    rebuilt = ((network.decode(code) - people.scores) ** 2).sum()
    divergence = (mean**2 + log_variance.exp() - log_variance - 1).sum() / 2
    attributes = ((people.design - code @ network.matrix.T) ** 2).sum()
    rest = ((code - people.design @ network.matrix) ** 2).sum()
    weight = n_scores / (network.matrix.shape[0] + network.matrix.shape[1])
    total: torch.Tensor = rebuilt + beta * divergence + weight * (attributes + rest)
    return total / (n * n_scores)


class SubspaceProjection(Autoencoder):
    """Matrix subspace projection behind principal components.

    Parameters
    ----------
    n_components, latent_dim, hidden : int
        Principal components in front (four people for each at least), size of code, perceptrons.
    beta : float
        Weight of the divergence from the standard normal distribution.
    steps, every, patience : int
        Most optimiser steps; steps between looks at the validation people; looks without gain
        after which training ends.
    lr : float
    validation : float
        Share of the training people that decide when to stop. Then all are trained on.
    seed : int
    knots : {0, 3, 4, 5}
        Knots of the spline of each continuous demographic; 0: a straight line.
    device : str, optional
        As torch names it; by default a GPU where there is one.
    checkpoints : str or Path, optional
        Folder in which the training is kept; a killed fit goes on there, bit for bit.
    minimum : int
        Fewest training people a level.

    Attributes
    ----------
    steps_, spread_, validation_losses_
        See :class:`~neurodecode.deconfound.autoencoder.Autoencoder`.
    """

    stream: ClassVar[str] = "msp"
    network_: SubspaceNetwork

    def __init__(
        self,
        n_components: int = 150,
        latent_dim: int = 120,
        hidden: int = 128,
        beta: float = 0.01,
        steps: int = 1000,
        every: int = 20,
        patience: int = 5,
        lr: float = 1e-3,
        validation: float = 0.2,
        seed: int = 0,
        knots: int = 3,
        device: str | None = None,
        checkpoints: str | Path | None = None,
        minimum: int = MINIMUM,
    ) -> None:
        super().__init__(minimum)
        self.n_components = n_components
        self.latent_dim = latent_dim
        self.hidden = hidden
        self.beta = beta
        self.steps = steps
        self.every = every
        self.patience = patience
        self.lr = lr
        self.validation = validation
        self.seed = seed
        self.knots = knots
        self.device = device
        self.checkpoints = checkpoints

    def _begin(self, X: Array, design: Array) -> Begun:
        n_scores = self._n_scores(X, design)
        front = Front.without_effects(X, design.shape[1], n_scores)
        n_latents = min(self.latent_dim, n_scores)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=self._chance())))
            network = SubspaceNetwork(n_scores, n_latents, design.shape[1], self.hidden)

        def loss(net: nn.Module, some: People, chance: torch.Generator) -> torch.Tensor:
            return _loss(net, some, chance, self.beta)

        device = self._device()
        return Begun(front, network.to(device), front.people(X, design, device), loss)

    @torch.no_grad()
    def _edited(self, X: Array, design: Array) -> Array:
        """Features of the same people with the demographics of ``design``."""
        people = self.front_.people(X, design, "cpu")
        code = self.network_.edit(self.network_.encode(people.scores)[0], people.design)
        return self.front_.features(self.network_.decode(code).numpy().astype(float), design)

    def _transform(self, X: Array, table: pd.DataFrame) -> Array:
        return self._edited(X, np.zeros((len(X), len(self.spread_))))

    @torch.no_grad()
    def latents(self, X: Float, *, demographics: pd.DataFrame) -> Float:
        """Return z N of each person, float32 (n_people, n_latents - n_columns)."""
        values, design = self._checked(X, demographics)
        people = self.front_.people(values, design, "cpu")
        code = self.network_.encode(people.scores)[0].numpy()
        null = np.linalg.svd(self.network_.matrix.numpy())[2][len(self.spread_) :]
        return cast(Float, (code @ null.T).astype(np.float32))

    def counterfactual(self, X: Float, *, demographics: pd.DataFrame, to: pd.DataFrame) -> Float:
        """Return the same people had their demographics been ``to``, float32 as ``X``.

        What the network does not hold of a person is kept.
        """
        values, own = self._checked(X, demographics)
        _, other = self._checked(X, to)
        moved = values - self._edited(values, own) + self._edited(values, other)
        return np.asarray(moved, dtype=np.float32)

    def _network(self, weights: Mapping[str, torch.Tensor]) -> SubspaceNetwork:
        n_latents, n_scores = weights["straight.weight"].shape
        hidden = len(weights["body.0.bias"])
        return SubspaceNetwork(n_scores, n_latents, len(weights["matrix"]), hidden)
