"""The network of DemoVAE, in the space of whitened principal scores.

With scores t, design row d and code z (all of a person), f and h two-layer perceptrons:

    z = exp(-g d) (A t + f(t))          encoder
    t = exp(g d) B z + h(z, d)          decoder, of the scores without the linear effect of d

g d is the log of how much more people with these demographics vary than the average: one number for
all of z. The linear parts begin where mathematics can put them (:func:`start`), f and h at zero, so
that training only ever adds to a linear method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from neurodecode.deconfound.demographics import Array

__all__ = ["Network", "Start", "erased_directions", "log_spread", "start"]


class Network(nn.Module):
    """Encoder and decoder.

    Parameters
    ----------
    n_scores, n_latents, n_columns : int
        Sizes of t, z and d.
    hidden : int
        Width of f and h.
    """

    gain: torch.Tensor

    def __init__(self, n_scores: int, n_latents: int, n_columns: int, hidden: int) -> None:
        super().__init__()
        self.linear_in = nn.Linear(n_scores, n_latents, bias=False)
        self.linear_out = nn.Linear(n_latents, n_scores, bias=False)
        self.bend_in = _perceptron(n_scores, hidden, n_latents)
        self.bend_out = _perceptron(n_latents + n_columns, hidden, n_scores)
        self.register_buffer("gain", torch.zeros(n_columns))

    def encode(self, scores: torch.Tensor, design: torch.Tensor) -> torch.Tensor:
        """Return z, (n, n_latents)."""
        code: torch.Tensor = self.linear_in(scores) + self.bend_in(scores)
        return code * torch.exp(-design @ self.gain)[:, None]

    def decode(self, code: torch.Tensor, design: torch.Tensor) -> torch.Tensor:
        """Return the scores without the linear effect of the demographics, (n, n_scores)."""
        wide = code * torch.exp(design @ self.gain)[:, None]
        bent: torch.Tensor = self.bend_out(torch.cat([code, design], dim=1))
        scores: torch.Tensor = self.linear_out(wide) + bent
        return scores


def _perceptron(n_in: int, hidden: int, n_out: int) -> nn.Sequential:
    last = nn.Linear(hidden, n_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(n_in, hidden), nn.SiLU(), last)


@dataclass(frozen=True)
class Start:
    """Linear parts in closed form: A (n_latents, n_scores), B its transpose, g (n_columns,)."""

    encoder: Array
    decoder: Array
    gain: Array

    def put(self, network: Network) -> None:
        """Copy them into a network."""
        with torch.no_grad():
            network.linear_in.weight.copy_(torch.from_numpy(self.encoder))
            network.linear_out.weight.copy_(torch.from_numpy(self.decoder))
            network.gain.copy_(torch.from_numpy(self.gain))


def erased_directions(scores: Array, design: Array) -> Array:
    """Return an orthonormal basis, (n_scores, rank), of what the design changes in the scores.

    Of whitened scores, the code without these directions is the nearest one that no linear probe
    can read (Belrose et al. 2023, LEACE, NeurIPS, theorem 4.3). On other people a direction that
    was misjudged costs a direction; subtracting a misjudged effect would put it in.
    """
    effects = np.linalg.lstsq(design, scores, rcond=None)[0]
    left, sizes, _ = np.linalg.svd(effects.T, full_matrices=False)
    return np.asarray(left[:, sizes > 1e-9 * max(sizes.max(), 1e-300)])


def log_spread(rows: Array, design: Array) -> Array:
    """Return the slopes of the log standard deviation, one for all columns of ``rows``."""
    energy = np.log((rows**2).mean(axis=1))
    slopes: Array = np.linalg.lstsq(design, energy - energy.mean(), rcond=None)[0] / 2
    return slopes


def start(scores: Array, variances: Array, design: Array, n_latents: int) -> Start:
    """Return the linear parts: erase, then keep the directions that vary most, then whiten.

    Parameters
    ----------
    scores : (n_people, n_scores)
        Whitened.
    variances : (n_scores,)
        Of the scores before whitening.
    design : (n_people, n_columns)
    n_latents : int
        At most n_scores minus the rank of the effects.
    """
    erased = erased_directions(scores, design)
    kept = np.eye(scores.shape[1]) - erased @ erased.T
    sizes, vectors = np.linalg.eigh(kept @ np.diag(variances) @ kept)
    basis = vectors[:, np.argsort(-sizes)[:n_latents]]
    basis = np.linalg.qr(kept @ basis)[0]
    code = scores @ basis
    gain = log_spread(code, design)
    code = code * np.exp(-design @ gain)[:, None]
    # The square root of the covariance whitens and turns the axes least.
    sizes, vectors = np.linalg.eigh(np.cov(code.T, bias=True).reshape(n_latents, n_latents))
    whiten = (vectors / np.sqrt(sizes)) @ vectors.T
    restore = (vectors * np.sqrt(sizes)) @ vectors.T
    return Start(encoder=whiten @ basis.T, decoder=basis @ restore, gain=gain)
