"""The loss of DemoVAE.

    loss = |t - t'|^2 / |t|^2  (weighted by the variance of each score)
         + mean of mean(z)^2 + |cov(z) - I|^2 / n_latents
         + linear   sum_d mean_j  corr(d, z_j)^2
         + conditional  sum_d mean_jk  cov(d, z_j z_k)^2
         + guidance  error of frozen predictors of d on people drawn at new demographics

Covariances are divided by the number of people: no term grows with the batch. A linear probe sees
the third line's first term, any probe of variances and covariances the second. People are drawn at
the demographics of training people in a new order: a batch holds all categories, in the mixture in
which they occur. Columns d share the weight of their demographic, so that each counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from neurodecode.deconfound.demovae_network import Network
from neurodecode.deconfound.training import People

__all__ = ["DemoLoss", "Guide", "Weights"]


@dataclass(frozen=True)
class Weights:
    """Of the terms of the loss."""

    linear: float
    conditional: float
    guidance: float


class Guide(nn.Module):
    """Frozen ridge predictors of the design from scores, and the linear effect put back.

    Parameters
    ----------
    people : People
        Training people.
    variances : (n_scores,)
        Of the scores before whitening.
    effects : (n_columns, n_scores)
        Linear effect of the design on whitened scores.
    shares : (n_columns,)
        Weight of each column; those of one demographic sum to one.
    penalty : float
        Of the ridge, as a share of the people.
    """

    variances: torch.Tensor
    effects: torch.Tensor
    slopes: torch.Tensor
    scale: torch.Tensor
    shares: torch.Tensor

    def __init__(
        self,
        people: People,
        variances: torch.Tensor,
        effects: torch.Tensor,
        shares: torch.Tensor,
        penalty: float = 0.1,
    ) -> None:
        super().__init__()
        scores, n = people.scores.double(), len(people.scores)
        ridge = torch.eye(scores.shape[1], dtype=torch.float64, device=scores.device)
        gram = scores.T @ scores + penalty * n * ridge
        slopes = torch.linalg.solve(gram, scores.T @ people.design.double())
        self.register_buffer("variances", variances / variances.sum())
        self.register_buffer("effects", effects)
        self.register_buffer("shares", shares)
        self.register_buffer("slopes", slopes.float())
        self.register_buffer("scale", people.design.std(dim=0, unbiased=False))

    def error(self, scores: torch.Tensor, design: torch.Tensor) -> torch.Tensor:
        """Return the predictors' squared error, in variances of what they predict, a scalar."""
        found = (scores + design @ self.effects) @ self.slopes
        return (((found - design) / self.scale) ** 2).mean(dim=0) @ self.shares


@dataclass(frozen=True)
class DemoLoss:
    """The loss of one fit; see the module's equation.

    Attributes
    ----------
    guide : Guide
    weights : Weights
    """

    guide: Guide
    weights: Weights

    def __call__(
        self, network: nn.Module, people: People, generator: torch.Generator
    ) -> torch.Tensor:
        """Return the loss, a scalar."""
        assert isinstance(network, Network)
        design, guide = people.design, self.guide
        code = network.encode(people.scores, design)
        rebuilt = network.decode(code, design)
        error = ((rebuilt - people.targets) ** 2).mean(dim=0) @ guide.variances
        linear, conditional = _dependence(code, design, guide)
        drawn = torch.randn(code.shape, generator=generator).to(code.device)
        order = torch.randperm(len(design), generator=generator).to(code.device)
        guidance = guide.error(network.decode(drawn, design[order]), design[order])
        return (
            error
            + _moments(code)
            + self.weights.linear * linear
            + self.weights.conditional * conditional
            + self.weights.guidance * guidance
        )


def _moments(code: torch.Tensor) -> torch.Tensor:
    """Return how far mean and covariance are from zero and one."""
    centred = code - code.mean(dim=0)
    covariance = centred.T @ centred / len(code)
    identity = torch.eye(code.shape[1], device=code.device)
    return (code.mean(dim=0) ** 2).mean() + ((covariance - identity) ** 2).sum() / code.shape[1]


def _dependence(
    code: torch.Tensor, design: torch.Tensor, guide: Guide
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss's linear and conditional terms."""
    n = len(code)
    centred = code - code.mean(dim=0)
    scaled = (design - design.mean(dim=0)) / guide.scale
    linear = ((scaled.T @ centred / n) ** 2).mean(dim=1) @ guide.shares
    products = torch.stack([(centred * column[:, None]).T @ centred for column in scaled.T]) / n
    return linear, (products**2).mean(dim=(1, 2)) @ guide.shares
