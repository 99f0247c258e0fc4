"""The embedded generator: from a semantic embedding to pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.models.samplers import SAMPLERS, Denoise, sigmas_flow
from neurodecode.models.unet import velocity
from neurodecode.models.vae import WEIGHTS, decode, load_diffusers

__all__ = ["Generator", "load_generator"]

BATCH = 16
LATENT = (4, 16, 16)
# Flow times that are guided (Kynkäänniemi et al. 2024): outside, on pictures of the decoder set,
# guidance changed no score and cost a quarter of the time.
GUIDED = (0.25, 0.75)


@dataclass(frozen=True)
class Generator:
    """Autoencoder and diffusion network.

    Attributes
    ----------
    vae, unet
        ``diffusers`` models.
    name : str
        Name and weights' hash.
    """

    vae: AutoencoderKL
    unet: UNet2DConditionModel
    name: str

    @torch.no_grad()
    def draw(
        self,
        embedding: Float,
        seeds: NDArray[np.int64],
        *,
        steps: int = 10,
        guidance: float = 2.0,
        start: Float | None = None,
        strength: float = 0.8,
        sampler: str = "ddim",
    ) -> NDArray[np.uint8]:
        """Draw pictures.

        Batches have one size, the last is filled up, and every sample has noise of its own
        seed, so that a subset draws bit for bit the same pictures.

        Parameters
        ----------
        embedding : float32 (n, d)
            L2-normalised; a row of zeros is the null condition.
        seeds : int64 (n, n_samples)
        steps : int
            Evaluations of the network (and one more for each guided step).
        guidance : float
            Classifier-free guidance (Ho and Salimans 2022): null + guidance x (conditional -
            null) at the flow times of :data:`GUIDED`; 1 is the conditional prediction alone.
        start : float32 (n, 4, 16, 16), optional
            Scaled latents to start from (img2img).
        strength : float
            Share of the noise path that is walked from ``start``.
        sampler : str
            Key of :data:`~neurodecode.models.samplers.SAMPLERS`.

        Returns
        -------
        uint8 (n, n_samples, 64, 64, 3)
        """
        n, n_samples = seeds.shape
        rows = np.repeat(np.arange(n), n_samples)
        flat = seeds.reshape(-1)
        sigmas = sigmas_flow(steps, strength=1.0 if start is None else strength)
        pictures = []
        for k in range(0, len(rows), BATCH):
            part = np.resize(rows[k : k + BATCH], BATCH)
            noise = torch.stack([_noise(int(s)) for s in np.resize(flat[k : k + BATCH], BATCH)])
            x = noise * sigmas[0]
            if start is not None:
                x = x + torch.from_numpy(start[part])
            condition = torch.from_numpy(embedding[part])
            drawn = SAMPLERS[sampler](self._denoiser(condition, guidance), x, sigmas)
            pictures.append(decode(self.vae, drawn)[: len(rows) - k])
        whole = np.concatenate(pictures)
        return whole.reshape(n, n_samples, *whole.shape[1:])

    def _denoiser(self, condition: torch.Tensor, guidance: float) -> Denoise:
        null = torch.zeros_like(condition)

        def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
            time = sigma / (1 + sigma)
            mixed = x / (1 + sigma)
            times = torch.full((len(x),), time)
            v = velocity(self.unet, mixed, times, condition)
            if guidance != 1 and GUIDED[0] < time <= GUIDED[1]:
                v_null = velocity(self.unet, mixed, times, null)
                v = v_null + guidance * (v - v_null)
            return mixed - time * v

        return denoise


def _noise(seed: int) -> torch.Tensor:
    return torch.randn(LATENT, generator=torch.Generator().manual_seed(seed))


def load_generator(weights: str = "embedded") -> Generator:
    """Load the generator that ships.

    Raises
    ------
    MissingWeights
        Where its weights are not there.
    """
    vae = load_diffusers(AutoencoderKL, weights, "vae")
    unet = load_diffusers(UNet2DConditionModel, weights, "unet")
    digest = hashlib.sha256()
    for name in ("vae", "unet"):
        for file in sorted((WEIGHTS / name).glob("*.safetensors")):
            digest.update(file.read_bytes())
    return Generator(vae, unet, f"embedded@{digest.hexdigest()[:12]}")
