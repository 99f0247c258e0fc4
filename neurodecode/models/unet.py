"""The small latent diffusion network, conditioned on the semantic embedding."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

from neurodecode.artifacts import load_arrays, save_arrays
from neurodecode.models.clip import OpenClip
from neurodecode.models.pictures import Pool, augment
from neurodecode.models.training import Plan, fit, torch_generator
from neurodecode.models.vae import HALF, encode
from neurodecode.progress import track

__all__ = ["EMBEDDING", "build_unet", "prepare", "train_unet", "velocity"]

EMBEDDING = 256
TOKENS = 8
BATCH = 64
DROPOUT = 0.12
# Strength of the variation of each view: half of them lie close to the centre, on grey.
VIEWS = (0.0, *(0.3, 1.0) * 8)


def build_unet() -> UNet2DConditionModel:
    """Build the network with fresh weights: attention only at 8 x 8."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(64, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=EMBEDDING // TOKENS,
        attention_head_dim=4,
        norm_num_groups=8,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=EMBEDDING,
        resnet_time_scale_shift="scale_shift",
    )


def velocity(
    unet: UNet2DConditionModel, x: torch.Tensor, time: torch.Tensor, embedding: torch.Tensor
) -> torch.Tensor:
    """Predict noise - x0 at flow time (Lipman et al. 2023).

    Parameters
    ----------
    x : (n, 4, 16, 16)
        (1 - t) x0 + t noise.
    time : (n,)
        Flow time t, 0 (picture) to 1 (noise).
    embedding : (n, d)
        L2-normalised semantic embedding; all zero for the null condition.

    Returns
    -------
    (n, 4, 16, 16)
    """
    scaled = embedding * EMBEDDING**0.5
    with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
        predicted: torch.Tensor = unet(
            x, time * 1000, scaled.view(len(x), TOKENS, -1), class_labels=scaled
        ).sample
    return predicted.float()


def prepare(
    pool: Pool, vae: AutoencoderKL, clip: OpenClip, folder: Path, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode the varied views (``VIEWS``) of every picture once; kept in ``folder``.

    Returns
    -------
    latents : float16 (n, 4, 16, 16)
    embeddings : float16 (n, d)
    """
    file = folder / "latents.safetensors"
    if not file.exists():
        latents, embeddings = [], []
        with track("encode training pictures", total=len(VIEWS)) as advance:
            for view, strength in enumerate(VIEWS):
                rng = torch_generator(seed, "views", view)
                for part in torch.split(pool.rgba, 256):
                    pictures = augment(part, rng, strength=strength)
                    latents.append(encode(vae, pictures).half())
                    embeddings.append(clip.embed_tensor(pictures).half())
                advance()
        save_arrays(
            file,
            {"latents": torch.cat(latents).numpy(), "embeddings": torch.cat(embeddings).numpy()},
        )
    kept = load_arrays(file)
    return torch.from_numpy(kept["latents"]), torch.from_numpy(kept["embeddings"])


def train_unet(
    latents: torch.Tensor, embeddings: torch.Tensor, folder: Path, *, seed: int, steps: int
) -> UNet2DConditionModel:
    """Train by flow matching, times logit-normal, the condition dropped one time in eight.

    Parameters
    ----------
    latents : (n, 4, 16, 16)
    embeddings : (n, d)
    folder : Path
        Where checkpoints lie.
    seed, steps : int
    """
    torch.manual_seed(torch_generator(seed, "unet", "weights").initial_seed() % 2**63)
    model = build_unet()
    # The fused attention's backward pass is the slower one on processors.
    model.set_attn_processor(AttnProcessor())

    def loss(rng: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(latents), (BATCH,), generator=rng)
        x0, embedding = latents[rows].float(), embeddings[rows].float()
        kept = (torch.rand(BATCH, 1, generator=rng) >= DROPOUT).float()
        noise = torch.randn(x0.shape, generator=rng)
        time = torch.sigmoid(torch.randn(BATCH, generator=rng))
        mix = time.view(-1, 1, 1, 1)
        predicted = velocity(model, (1 - mix) * x0 + mix * noise, time, embedding * kept)
        return F.mse_loss(predicted, noise - x0)

    fit(model, loss, Plan("unet", steps, 1.5e-3, ema=0.999, every=100), folder, seed)
    return model
