"""The training loop: progress, checkpoints, and a resume that is bit-identical.

All chance of step ``k`` comes from a generator seeded by (seed, name, k), so nothing but the
parameters, the optimiser's moments and the step number has to be kept.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from neurodecode.artifacts import write_text, writing
from neurodecode.progress import track
from neurodecode.seeds import derive

__all__ = ["Plan", "fit", "torch_generator"]

log = logging.getLogger(__name__)

Loss = Callable[[torch.Generator], torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """How one network is trained.

    Attributes
    ----------
    name : str
        Names the checkpoints and the stream of random numbers.
    steps : int
        Optimiser steps.
    lr : float
        Peak learning rate: linear warm-up over a twentieth of the steps, cosine to 0.
    weight_decay : float
        AdamW's decoupled decay.
    ema : float
        Decay of the running mean of the weights that is returned; 0 returns the last ones.
    every : int
        Steps between checkpoints.
    """

    name: str
    steps: int
    lr: float
    weight_decay: float = 0.01
    ema: float = 0.0
    every: int = 200

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        warm = max(1, self.steps // 20)
        if step < warm:
            return self.lr * (step + 1) / warm
        return self.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """Return torch's CPU generator seeded by names."""
    return torch.Generator().manual_seed(derive(seed, *names))


def fit(model: nn.Module, loss: Loss, plan: Plan, folder: Path, seed: int) -> list[float]:
    """Train ``model`` in place; goes on from the last checkpoint in ``folder``.

    Parameters
    ----------
    model : nn.Module
        Its parameters are trained; on return it holds the (averaged) result.
    loss : callable (torch.Generator) -> scalar tensor
        Draws a batch with the generator that it is given and returns the loss.
    plan : Plan
    folder : Path
        Where checkpoints lie.
    seed : int

    Returns
    -------
    list of float
        Loss at every step since the (re)start.
    """
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=plan.lr, weight_decay=plan.weight_decay, betas=(0.9, 0.99)
    )
    mean = {n: p.detach().clone() for n, p in model.named_parameters()} if plan.ema else {}
    start = _resume(model, optimiser, mean, plan, folder)
    losses: list[float] = []
    model.train()
    with track(f"train {plan.name}", total=plan.steps) as advance:
        advance(start)
        for step in range(start, plan.steps):
            for group in optimiser.param_groups:
                group["lr"] = plan.rate(step)
            value = loss(torch_generator(seed, plan.name, step))
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(value)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            _average(model, mean, plan.ema, step)
            losses.append(value.item())
            advance()
            if (step + 1) % plan.every == 0 or step + 1 == plan.steps:
                recent = sum(losses[-plan.every :]) / len(losses[-plan.every :])
                log.info("%s step %d of %d: loss %.4f", plan.name, step + 1, plan.steps, recent)
                _keep(model, optimiser, mean, plan, folder, step + 1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if plan.ema:
                parameter.copy_(mean[name])
    model.eval()
    return losses


def _average(model: nn.Module, mean: dict[str, torch.Tensor], ema: float, step: int) -> None:
    decay = min(ema, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in mean:
                mean[name].lerp_(parameter, 1 - decay)


def _keep(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    mean: dict[str, torch.Tensor],
    plan: Plan,
    folder: Path,
    step: int,
) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"mean.{name}": value for name, value in mean.items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
    plain = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    with writing(folder / f"{plan.name}.safetensors") as temporary:
        save_file(plain, temporary, metadata={"step": str(step)})
    write_text(folder / f"{plan.name}.json", json.dumps({"step": step, "steps": plan.steps}))


def _resume(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    mean: dict[str, torch.Tensor],
    plan: Plan,
    folder: Path,
) -> int:
    file = folder / f"{plan.name}.safetensors"
    if not file.exists():
        return 0
    from safetensors import safe_open

    with safe_open(file, framework="pt") as stream:
        step = int(stream.metadata()["step"])
    kept = load_file(file)

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {n.removeprefix(prefix): v for n, v in kept.items() if n.startswith(prefix)}

    model.load_state_dict(part("model."))
    for name, value in part("mean.").items():
        mean[name].copy_(value)
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in part("optimiser.").items():
        number, _, key = name.partition(".")
        moments.setdefault(int(number), {})[key] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
    log.info("%s goes on from step %d of %d", plan.name, step, plan.steps)
    return step
