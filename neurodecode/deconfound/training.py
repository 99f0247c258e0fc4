"""Training on some people until others stop gaining, with a resume that is bit-identical.

All chance of a step comes from a generator seeded by the step, so that the network, the optimiser's
moments and the step number are all that has to be kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from neurodecode.artifacts import writing
from neurodecode.errors import DataError
from neurodecode.models.training import torch_generator
from neurodecode.progress import track

__all__ = ["Checkpoint", "Loss", "People", "best_steps", "train"]

BATCH = 256


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


Loss = Callable[[nn.Module, People, torch.Generator], torch.Tensor]
"""Of a network, people and a source of chance; a scalar."""


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    people: People,
    loss: Loss,
    generator: torch.Generator,
) -> None:
    rows = torch.randperm(len(people.scores), generator=generator)[:BATCH]
    value = loss(network, people.rows(rows), generator)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(value)
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()


@torch.no_grad()
def _judge(network: nn.Module, people: People, loss: Loss, seed: int) -> float:
    chance = torch_generator(seed, "demovae", "validation")  # the same draw at every step
    return float(loss(network, people, chance))


def best_steps(
    network: nn.Module,
    people: People,
    held_out: People,
    loss: Loss,
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
    losses = [_judge(network, held_out, loss, seed)]
    step = _resume(network, optimiser, losses, keep)
    with track("training: steps", total=steps) as advance:
        advance(step)
        while step < steps and len(losses) - 1 - losses.index(min(losses)) < patience:
            for k in range(step, step + every):
                chance = torch_generator(seed, "demovae", "choose", k)
                _step(network, optimiser, people, loss, chance)
            step += every
            advance(every)
            losses.append(_judge(network, held_out, loss, seed))
            _keep(network, optimiser, losses, step, keep)
    return losses.index(min(losses)) * every, losses


def train(
    network: nn.Module,
    people: People,
    loss: Loss,
    *,
    steps: int,
    every: int,
    lr: float,
    seed: int,
    keep: Checkpoint | None,
) -> None:
    """Train for a fixed number of steps; resumes as :func:`best_steps`."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=lr)
    with track("training: all people", total=steps) as advance:
        first = _resume(network, optimiser, [], keep)
        advance(first)
        for k in range(first, steps):
            chance = torch_generator(seed, "demovae", "all", k)
            _step(network, optimiser, people, loss, chance)
            advance()
            if (k + 1) % every == 0:
                _keep(network, optimiser, [], k + 1, keep)


def _keep(
    network: nn.Module,
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
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    losses: list[float],
    keep: Checkpoint | None,
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
