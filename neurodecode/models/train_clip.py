"""Training of the tiny OpenCLIP model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from open_clip import SimpleTokenizer
from torch import nn

from neurodecode.models.clip import CONFIG, build_tiny_clip
from neurodecode.models.pictures import Pool, augment
from neurodecode.models.training import Plan, fit, torch_generator

__all__ = ["train_clip"]

BATCH = 96
THUMBNAIL = 8


class _Towers(nn.Module):
    """The model and a linear map from its embedding to a thumbnail, which is not kept.

    The thumbnail loss makes the embedding carry colour and outline, which captions do not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clip: Any = build_tiny_clip()
        self.thumbnail = nn.Linear(CONFIG["model_cfg"]["embed_dim"], 3 * THUMBNAIL**2)


def train_clip(pool: Pool, folder: Path, *, seed: int, steps: int) -> nn.Module:
    """Train on captions, on pairs of pictures of one concept, and on thumbnails.

    Loss: InfoNCE between picture and caption (Radford et al. 2021) + InfoNCE between two varied
    views of one concept, in any styles (Chen et al. 2020) + 4 x squared error of an 8 x 8
    thumbnail that is read linearly from the embedding.

    Parameters
    ----------
    pool : Pool
        Training pictures.
    folder : Path
        Where checkpoints lie.
    seed, steps : int

    Returns
    -------
    nn.Module
        The OpenCLIP model.
    """
    torch.manual_seed(torch_generator(seed, "clip", "weights").initial_seed() % 2**63)
    model = _Towers()
    members = [torch.nonzero(pool.concept == k).flatten() for k in range(len(pool.captions))]
    mean = torch.tensor(CONFIG["preprocess_cfg"]["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(CONFIG["preprocess_cfg"]["std"]).view(1, 3, 1, 1)
    tokens = SimpleTokenizer(context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"])(
        list(pool.captions)
    )

    def loss(rng: torch.Generator) -> torch.Tensor:
        concepts = torch.randperm(len(members), generator=rng)[:BATCH]
        rows = [
            members[int(k)][torch.randint(len(members[int(k)]), (2,), generator=rng)]
            for k in concepts
        ]
        index = torch.stack(rows)
        views = torch.cat(
            [augment(pool.rgba[index[:, 0]], rng), augment(pool.rgba[index[:, 1]], rng)]
        )
        with torch.autocast("cpu", torch.bfloat16):
            embedded = model.clip.encode_image((views - mean) / std)
            captions = model.clip.encode_text(tokens[concepts])
        unit = F.normalize(embedded.float(), dim=-1)
        words = F.normalize(captions.float(), dim=-1)
        first, second = unit[: len(concepts)], unit[len(concepts) :]
        scale = model.clip.logit_scale.exp().clamp(max=50)
        small = F.interpolate(views, (THUMBNAIL, THUMBNAIL), mode="area").flatten(1)
        return (
            _contrast(scale * first @ words.T)
            + _contrast(scale * second @ words.T)
            + _contrast(scale * first @ second.T)
            + 4 * F.mse_loss(model.thumbnail(unit), small) / small.var()
        )

    fit(model, loss, Plan("clip", steps, 2e-3, weight_decay=0.05), folder, seed)
    clip: nn.Module = model.clip
    return clip


def _contrast(logits: torch.Tensor) -> torch.Tensor:
    """Symmetric cross-entropy with the matches on the diagonal."""
    truth = torch.arange(len(logits))
    return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2
