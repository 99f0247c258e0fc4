"""The small autoencoder: 64 x 64 pictures to 4 x 16 x 16 latents and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from neurodecode.errors import MissingWeights
from neurodecode.models.pictures import Pool, augment
from neurodecode.models.training import Plan, fit, torch_generator

__all__ = ["HALF", "build_vae", "decode", "encode", "load_diffusers", "train_vae"]

WEIGHTS = Path(__file__).parents[1] / "weights"
BATCH = 32
# Half precision where the processor computes in it; elsewhere it would cost time.
HALF = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def build_vae() -> AutoencoderKL:
    """Build the autoencoder with fresh weights."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 48),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
    )


def train_vae(pool: Pool, folder: Path, *, seed: int, steps: int) -> AutoencoderKL:
    """Train on varied pictures; sets ``scaling_factor`` to 1 / SD of the latents.

    Loss: absolute error + absolute error of neighbouring differences (edges) + 1e-4 x the
    Kullback-Leibler term (Rombach et al. 2022, without the adversary).
    """
    torch.manual_seed(torch_generator(seed, "vae", "weights").initial_seed() % 2**63)
    model = build_vae()

    def loss(rng: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(pool.rgba), (BATCH,), generator=rng)
        pictures = augment(pool.rgba[rows], rng) * 2 - 1
        with torch.autocast("cpu", torch.bfloat16):
            moments = model.quant_conv(model.encoder(pictures)).float()
            mean, log_variance = moments.chunk(2, 1)
            log_variance = log_variance.clamp(-20, 10)
            noise = torch.randn(mean.shape, generator=rng)
            drawn = model.decode(mean + noise * (log_variance / 2).exp()).sample.float()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        difference = drawn - pictures
        edges = difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
        error = difference.abs().mean() + 0.5 * difference.square().mean()
        total: torch.Tensor = error + edges + 1e-4 * kl
        return total

    plan = Plan("vae", steps, 2e-3, ema=0.995)
    fit(model, loss, plan, folder, seed)
    rng = torch_generator(seed, "vae", "scale")
    latents = encode(model, augment(pool.rgba[:512], rng), scaled=False)
    model.register_to_config(scaling_factor=float(1 / latents.std()))
    return model


@torch.no_grad()
def encode(model: AutoencoderKL, pictures: torch.Tensor, *, scaled: bool = True) -> torch.Tensor:
    """Return mean latents (n, 4, 16, 16) of float (n, 3, 64, 64) pictures, 0 to 1."""
    parts: list[torch.Tensor] = [
        model.encode(part * 2 - 1).latent_dist.mean for part in torch.split(pictures, 64)
    ]
    factor = model.config.scaling_factor if scaled else 1.0
    latents: torch.Tensor = torch.cat(parts) * factor
    return latents


@torch.no_grad()
def decode(model: AutoencoderKL, latents: torch.Tensor) -> NDArray[np.uint8]:
    """Return uint8 pictures (n, 64, 64, 3) of scaled latents."""
    with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
        drawn = model.decode(latents / model.config.scaling_factor).sample.float()
    pixels = ((drawn + 1) / 2).clamp(0, 1).mul(255).round().to(torch.uint8)
    pictures: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    return pictures


def load_diffusers(cls: type, weights: str, name: str) -> torch.nn.Module:
    """Load a ``diffusers`` model in single precision.

    Parameters
    ----------
    cls : type
        ``AutoencoderKL`` or ``UNet2DConditionModel``.
    weights : str
        ``embedded`` or a folder that ``save_pretrained`` wrote.
    name : str
        Folder of the embedded weights.

    Raises
    ------
    MissingWeights
        Where they are not there; says how to get them.
    """
    folder = WEIGHTS / name if weights == "embedded" else Path(weights)
    if not (folder / "config.json").is_file():
        raise MissingWeights(
            f"{folder}: no weights of a {cls.__name__}. Run `neurodecode train-generator`, or "
            "give a folder that save_pretrained wrote."
        )
    model: torch.nn.Module = cls.from_pretrained(  # type: ignore[attr-defined]
        folder, torch_dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model.eval()


def psnr(pictures: torch.Tensor, drawn: torch.Tensor) -> float:
    """Mean peak signal-to-noise ratio (dB) of pictures, 0 to 1."""
    errors = F.mse_loss(drawn, pictures, reduction="none").flatten(1).mean(1)
    return float((-10 * errors.log10()).mean())
