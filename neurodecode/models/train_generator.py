"""``neurodecode train-generator``: all embedded networks, from public pictures to weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from neurodecode.errors import ConfigError
from neurodecode.models.clip import load_openclip, save_openclip
from neurodecode.models.independent import save_independent, train_independent
from neurodecode.models.pictures import load_pool
from neurodecode.models.train_captions import train_captions
from neurodecode.models.train_clip import train_clip
from neurodecode.models.unet import prepare, train_unet
from neurodecode.models.vae import load_diffusers, train_vae

__all__ = ["PARTS", "train_generator"]

log = logging.getLogger(__name__)

# Part -> optimiser steps and seconds a step on two cores.
PARTS = {
    "clip": (2400, 0.6),
    "captions": (1200, 0.4),  # mostly reading texts
    "independent": (12000, 0.2),
    "vae": (1500, 0.5),
    "unet": (12000, 0.3),
}


def train_generator(
    out: Path,
    work: Path,
    *,
    parts: Sequence[str] = tuple(PARTS),
    seed: int = 1,
    threads: int = 1,
    scale: float = 1.0,
) -> None:
    """Train the parts in order; a killed run goes on from its last checkpoint.

    Parameters
    ----------
    out : Path
        Folder of the weights; a part whose predecessors are there may be trained alone.
    work : Path
        Folder of fetched pictures and checkpoints.
    parts : sequence of str
        Of ``clip``, ``captions``, ``independent``, ``vae``, ``unet``.
    seed : int
    threads : int
        Threads of torch; part of what makes two runs bit-identical.
    scale : float
        Multiplies the steps of every part.

    Raises
    ------
    ConfigError
        Where a part is unknown.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise ConfigError(f"parts must be of {', '.join(PARTS)}, got {', '.join(unknown)}")
    torch.set_num_threads(threads)
    hours = sum(PARTS[p][0] * PARTS[p][1] for p in parts) * scale / 3600
    log.info("training %s: about %.1f hours on two cores", ", ".join(parts), hours)
    for part in PARTS:
        if part in parts:
            _train(part, out, work, seed, max(1, round(PARTS[part][0] * scale)))


def _train(part: str, out: Path, work: Path, seed: int, steps: int) -> None:
    checkpoints = work / f"checkpoints-{seed}"
    pool = load_pool("extractor" if part == "independent" else "generator", work / "pictures")
    if part == "clip":
        clip = train_clip(pool, checkpoints, work / "pictures", seed=seed, steps=steps)
        save_openclip(clip, out / "clip")
    elif part == "captions":
        towers = load_openclip(str(out / "clip"))
        clip = train_captions(pool, towers, checkpoints, work / "pictures", seed=seed, steps=steps)
        save_openclip(clip, out / "clip")
    elif part == "independent":
        model = train_independent(pool, checkpoints, seed=seed, steps=steps)
        save_independent(model, pool, out / "independent")
    elif part == "vae":
        vae = train_vae(pool, checkpoints, seed=seed, steps=steps)
        vae.half().save_pretrained(out / "vae", safe_serialization=True)
    else:
        vae = load_diffusers(AutoencoderKL, str(out / "vae"), "vae")
        towers = load_openclip(str(out / "clip"))
        latents, embeddings = prepare(pool, vae, towers, checkpoints, seed)
        unet: UNet2DConditionModel = train_unet(
            latents, embeddings, checkpoints, seed=seed, steps=steps
        )
        unet.half().save_pretrained(out / "unet", safe_serialization=True)
