"""Samplers: free functions over ``(denoise, x, sigmas, callback)``.

``denoise(x, sigma)`` returns the denoised estimate x0' of ``x = x0 + sigma * noise``; ``sigmas``
falls from large to 0. All are deterministic given their start.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["SAMPLERS", "Denoise", "ddim", "dpm_solver_2m", "gradient_estimation", "sigmas_flow"]

Denoise = Callable[[torch.Tensor, float], torch.Tensor]
Callback = Callable[[int, torch.Tensor], None]


def sigmas_flow(n_steps: int, *, strength: float = 1.0, shift: float = 1.0) -> list[float]:
    """Return ``n_steps + 1`` noise levels at even flow times, the last 0.

    Flow time t in (0, 1) has sigma = t / (1 - t); ``shift`` s moves it by
    t' = s t / (1 + (s - 1) t) (Esser et al. 2024, eq. 23).

    Parameters
    ----------
    n_steps : int
    strength : float
        Share of the path that is walked (img2img); 1 starts from (almost) pure noise.
    shift : float
        Above 1 spends more steps at high noise.
    """
    start = min(strength, 0.999)
    times = [start * (1 - k / n_steps) for k in range(n_steps + 1)]
    shifted = [shift * t / (1 + (shift - 1) * t) for t in times]
    return [min(t, 0.999) / (1 - min(t, 0.999)) for t in shifted]


def ddim(
    denoise: Denoise, x: torch.Tensor, sigmas: list[float], callback: Callback | None = None
) -> torch.Tensor:
    """Euler steps of the probability-flow ODE, which is DDIM with eta 0 (Karras et al. 2022)."""
    for k in range(len(sigmas) - 1):
        x0 = denoise(x, sigmas[k])
        if callback:
            callback(k, x0)
        x = x0 + sigmas[k + 1] / sigmas[k] * (x - x0)
    return x


def gradient_estimation(
    denoise: Denoise,
    x: torch.Tensor,
    sigmas: list[float],
    callback: Callback | None = None,
    gamma: float = 2.0,
) -> torch.Tensor:
    """Second-order steps at one evaluation each (Permenter and Yuan 2023, algorithm 2).

    e = gamma e_t + (1 - gamma) e_{t+1}, the first step plain.
    """
    before: torch.Tensor | None = None
    for k in range(len(sigmas) - 1):
        x0 = denoise(x, sigmas[k])
        if callback:
            callback(k, x0)
        noise = (x - x0) / sigmas[k]
        slope = noise if before is None else gamma * noise + (1 - gamma) * before
        before = noise
        x = x + (sigmas[k + 1] - sigmas[k]) * slope
    return x


def dpm_solver_2m(
    denoise: Denoise, x: torch.Tensor, sigmas: list[float], callback: Callback | None = None
) -> torch.Tensor:
    """DPM-Solver++(2M), data prediction (Lu et al. 2022, algorithm 2), last step first-order."""
    before: torch.Tensor | None = None
    for k in range(len(sigmas) - 1):
        x0 = denoise(x, sigmas[k])
        if callback:
            callback(k, x0)
        if sigmas[k + 1] == 0:
            return x0
        ratio = sigmas[k + 1] / sigmas[k]
        estimate = x0
        if before is not None:
            h = _log_step(sigmas[k], sigmas[k + 1])
            r = _log_step(sigmas[k - 1], sigmas[k]) / h
            estimate = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * before
        x = ratio * x + (1 - ratio) * estimate
        before = x0
    return x


def _log_step(high: float, low: float) -> float:
    return float(torch.log(torch.tensor(high, dtype=torch.float64) / low))


SAMPLERS = {"ddim": ddim, "ge": gradient_estimation, "dpm2m": dpm_solver_2m}
