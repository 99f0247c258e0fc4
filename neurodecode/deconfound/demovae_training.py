"""How DemoVAE is trained: its loss, early stopping on validation people, an exact resume.

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

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from neurodecode.artifacts import writing
from neurodecode.deconfound.demovae_network import Network
from neurodecode.errors import DataError
from neurodecode.models.training import torch_generator
from neurodecode.progress import track

__all__ = ["Checkpoint", "Guide", "People", "Weights", "best_steps", "loss_of", "train"]

BATCH = 256


@dataclass(frozen=True)
class Weights:
    """Of the terms of the loss."""

    linear: float
    conditional: float
    guidance: float


@dataclass(frozen=True)
class Checkpoint:
    """Where the state is kept, and of which work: another's is not gone on from."""

    file: Path
    work: str


@dataclass(frozen=True)
class People:
    """What the network is trained or judged on.

    Attributes
    ----------
    scores : (n, n_scores)
        Whitened.
    targets : (n, n_scores)
        The scores without the linear effect of the demographics.
    design : (n, n_columns)
    """

    scores: torch.Tensor
    targets: torch.Tensor
    design: torch.Tensor

    def rows(self, index: torch.Tensor) -> People:
        """Return some people."""
        at = index.to(self.scores.device)
        return People(self.scores[at], self.targets[at], self.design[at])


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


def loss_of(
    network: Network, people: People, guide: Guide, weights: Weights, generator: torch.Generator
) -> torch.Tensor:
    """Return the loss, a scalar; see the module's equation."""
    design, n = people.design, len(people.design)
    code = network.encode(people.scores, design)
    rebuilt = network.decode(code, design)
    error = ((rebuilt - people.targets) ** 2).mean(dim=0) @ guide.variances
    centred = code - code.mean(dim=0)
    n_latents = code.shape[1]
    covariance = centred.T @ centred / n
    identity = torch.eye(n_latents, device=code.device)
    moments = (code.mean(dim=0) ** 2).mean() + ((covariance - identity) ** 2).sum() / n_latents
    scaled = (design - design.mean(dim=0)) / guide.scale
    linear = ((scaled.T @ centred / n) ** 2).mean(dim=1) @ guide.shares
    products = torch.einsum("nd,nj,nk->djk", scaled, centred, centred) / n
    conditional = (products**2).mean(dim=(1, 2)) @ guide.shares
    drawn = torch.randn(n, n_latents, generator=generator).to(code.device)
    order = torch.randperm(n, generator=generator).to(code.device)
    guidance = guide.error(network.decode(drawn, design[order]), design[order])
    return (
        error
        + moments
        + weights.linear * linear
        + weights.conditional * conditional
        + weights.guidance * guidance
    )


def _step(
    network: Network,
    optimiser: torch.optim.Optimizer,
    people: People,
    guide: Guide,
    weights: Weights,
    generator: torch.Generator,
) -> None:
    rows = torch.randperm(len(people.scores), generator=generator)[:BATCH]
    value = loss_of(network, people.rows(rows), guide, weights, generator)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(value)
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


@torch.no_grad()
def _judge(network: Network, people: People, guide: Guide, weights: Weights, seed: int) -> float:
    chance = torch_generator(seed, "demovae", "validation")  # the same draw at every step
    return float(loss_of(network, people, guide, weights, chance))


def best_steps(
    network: Network,
    people: People,
    held_out: People,
    guide: Guide,
    weights: Weights,
    *,
    steps: int,
    every: int,
    patience: int,
    lr: float,
    seed: int,
    keep: Checkpoint | None,
) -> tuple[int, list[float]]:
    """Train until validation people stop gaining; return the best step and their losses.

    Step 0, the linear method, can be the best. With ``keep`` the state is written at every
    look and a killed run goes on from there, bit for bit.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=lr)
    losses = [_judge(network, held_out, guide, weights, seed)]
    step = _resume(network, optimiser, losses, keep)
    with track("demovae: steps", total=steps) as advance:
        advance(step)
        while step < steps and len(losses) - 1 - losses.index(min(losses)) < patience:
            for k in range(step, step + every):
                chance = torch_generator(seed, "demovae", "choose", k)
                _step(network, optimiser, people, guide, weights, chance)
            step += every
            advance(every)
            losses.append(_judge(network, held_out, guide, weights, seed))
            _keep(network, optimiser, losses, step, keep)
    return losses.index(min(losses)) * every, losses


def train(
    network: Network,
    people: People,
    guide: Guide,
    weights: Weights,
    *,
    steps: int,
    every: int,
    lr: float,
    seed: int,
    keep: Checkpoint | None,
) -> None:
    """Train for a fixed number of steps; resumes as :func:`best_steps`."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=lr)
    with track("demovae: all people", total=steps) as advance:
        first = _resume(network, optimiser, [], keep)
        advance(first)
        for k in range(first, steps):
            chance = torch_generator(seed, "demovae", "all", k)
            _step(network, optimiser, people, guide, weights, chance)
            advance()
            if (k + 1) % every == 0:
                _keep(network, optimiser, [], k + 1, keep)


def _keep(
    network: Network,
    optimiser: torch.optim.Optimizer,
    losses: list[float],
    step: int,
    keep: Checkpoint | None,
) -> None:
    if keep is None:
        return
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    facts = {"step": str(step), "losses": json.dumps(losses), "work": keep.work}
    with writing(keep.file) as temporary:
        save_file(plain, temporary, metadata=facts)


def _resume(
    network: Network, optimiser: torch.optim.Optimizer, losses: list[float], keep: Checkpoint | None
) -> int:
    if keep is None or not keep.file.exists():
        return 0
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(keep.file, framework="pt") as stream:
            facts = stream.metadata() or {}
        kept = load_file(keep.file)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{keep.file}: damaged checkpoint ({error}); delete it") from error
    if facts.get("work") != keep.work:
        return 0
    network.load_state_dict(
        {n.removeprefix("network."): v for n, v in kept.items() if n.startswith("network.")}
    )
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in kept.items():
        if name.startswith("optimiser."):
            _, number, key = name.split(".")
            moments.setdefault(int(number), {})[key] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
    losses[:] = json.loads(facts["losses"])
    return int(facts["step"])
