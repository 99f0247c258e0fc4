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
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from neurodecode.contracts import Float
from neurodecode.deconfound.base import DeconfounderBase
from neurodecode.deconfound.demographics import MINIMUM, Array, Encoding
from neurodecode.deconfound.demovae import PEOPLE_A_COMPONENT
from neurodecode.deconfound.demovae_model import Front
from neurodecode.deconfound.demovae_training import People, best_steps, train
from neurodecode.deconfound.design import Design
from neurodecode.errors import DataError
from neurodecode.models.training import torch_generator
from neurodecode.seeds import generator

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


class SubspaceProjection(DeconfounderBase):
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
    minimum : int
        Fewest training people a level.

    Attributes
    ----------
    steps_ : int
        Steps that validation people chose.
    """

    learned: ClassVar[tuple[str, ...]] = ("steps", "spread")

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

    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        self.design_ = Design.learn(self.encoding_, table, self.knots)
        self.spread_ = self.design_.matrix(table).std(axis=0)
        design = self._columns(table)
        order = generator(self.seed, "msp", "validation people").permutation(len(X))
        held_out = order[: max(round(self.validation * len(X)), 1)]
        front, network, people = self._start(
            X[order[len(held_out) :]], design[order[len(held_out) :]]
        )

        def loss(net: nn.Module, some: People, chance: torch.Generator) -> torch.Tensor:
            return _loss(net, some, chance, self.beta)

        judges = front.people(X[held_out], design[held_out], "cpu")
        steps, _ = best_steps(
            network, people, judges, loss, steps=self.steps, every=self.every,
            patience=self.patience, lr=self.lr, seed=self.seed, keep=None,
        )  # fmt: skip
        self.steps_ = np.array(steps)
        self.front_, self.network_, people = self._start(X, design)
        train(self.network_, people, loss, steps=steps, every=self.every, lr=self.lr,
              seed=self.seed, keep=None)  # fmt: skip
        self.network_.eval()

    def _start(self, X: Array, design: Array) -> tuple[Front, SubspaceNetwork, People]:
        n_scores = min(self.n_components, len(X) // PEOPLE_A_COMPONENT, X.shape[1])
        if n_scores <= design.shape[1]:
            raise DataError(
                f"SubspaceProjection: {len(X)} people and {X.shape[1]} features give {n_scores} "
                f"components for {design.shape[1]} demographic columns: more are needed"
            )
        front = Front.without_effects(X, design.shape[1], n_scores)
        n_latents = min(self.latent_dim, n_scores)
        with torch.random.fork_rng(devices=[]):
            chance = torch_generator(self.seed, "msp", "network")
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=chance)))
            network = SubspaceNetwork(n_scores, n_latents, design.shape[1], self.hidden)
        return front, network, front.people(X, design, "cpu")

    def _columns(self, table: pd.DataFrame) -> Array:
        return np.asarray(self.design_.matrix(table) / self.spread_)

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
        check_is_fitted(self)
        values: Array = validate_data(self, X, dtype=np.float64, reset=False)
        people = self.front_.people(values, self._columns(demographics), "cpu")
        code = self.network_.encode(people.scores)[0].numpy()
        null = np.linalg.svd(self.network_.matrix.numpy())[2][len(self.spread_) :]
        return cast(Float, (code @ null.T).astype(np.float32))

    def counterfactual(self, X: Float, *, demographics: pd.DataFrame, to: pd.DataFrame) -> Float:
        """Return the same people had their demographics been ``to``, float32 as ``X``.

        What the network does not hold of a person is kept.
        """
        check_is_fitted(self)
        values: Array = validate_data(self, X, dtype=np.float64, reset=False)
        own = self._edited(values, self._columns(demographics))
        other = self._edited(values, self._columns(to))
        return np.asarray(values - own + other, dtype=np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        weights = {f"network.{k}": v.numpy() for k, v in self.network_.state_dict().items()}
        return {**super().state(), **self.design_.state(), **self.front_.state(), **weights}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave."""
        super().restore(arrays)
        lacking = [n for n in ("front.mean", "network.matrix", "centre") if n not in arrays]
        if lacking:
            raise DataError(f"SubspaceProjection: array(s) {', '.join(lacking)} missing")
        self.design_ = Design.restore(Encoding.restore(arrays), arrays)
        self.front_ = Front.restore(arrays)
        prefix = "network."
        weights = {
            name.removeprefix(prefix): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith(prefix)
        }
        n_latents, n_scores = weights["straight.weight"].shape
        hidden = len(weights["body.0.bias"])
        self.network_ = SubspaceNetwork(n_scores, n_latents, len(weights["matrix"]), hidden)
        self.network_.load_state_dict(weights)
        self.network_.eval()
        return self
