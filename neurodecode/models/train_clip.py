"""Training of the tiny OpenCLIP model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from neurodecode.models.clip import CONFIG, build_tiny_clip
from neurodecode.models.pictures import Pool, augment
from neurodecode.models.sentences import sentence_vectors
from neurodecode.models.training import Plan, fit, torch_generator

__all__ = ["train_clip"]

# The model whose vectors of the captions the picture tower is trained against.
SENTENCES = "all-mpnet-base-v2"
BATCH = 96
THUMBNAIL = 16
REACH, SHARPNESS = 8.0, 5.0


class _Trained(nn.Module):
    """The picture tower, a linear map from captions' vectors and one to thumbnails.

    Captions say what a picture shows, not how it looks: the second reader makes the embedding
    carry a thumbnail, and with it colour, outline and parts. Both maps are not kept.
    """

    def __init__(self, clip: Any, n_sentence: int) -> None:
        super().__init__()
        look_at_quadrants(clip.visual.attnpool)
        width = CONFIG["model_cfg"]["embed_dim"]
        self.visual = clip.visual
        self.logit_scale = clip.logit_scale
        self.caption = nn.Linear(n_sentence, width)
        self.thumbnail = nn.Linear(width, 3 * THUMBNAIL**2)


def look_at_quadrants(pool: Any) -> None:
    """Start each head of the attention pooling at one place of the last feature map.

    With the usual start all heads average over the map, and where things are in a picture is
    learned slowly.

    Parameters
    ----------
    pool : open_clip's AttentionPool2d
        Its first position is the mean of the map, which asks; the others are the places.
    """
    n_positions, width = pool.positional_embedding.shape
    axes, _ = torch.linalg.qr(torch.randn(width, n_positions))
    size = width // pool.num_heads
    with torch.no_grad():
        pool.positional_embedding.copy_(REACH * axes.T)
        pool.q_proj.weight.mul_(0.1)
        pool.k_proj.weight.mul_(0.1)
        for head in range(pool.num_heads):
            pool.k_proj.weight[head * size] = axes[:, 1 + head % (n_positions - 1)]
            pool.q_proj.bias[head * size] = SHARPNESS


def train_clip(pool: Pool, folder: Path, cache: Path, *, seed: int, steps: int) -> nn.Module:
    """Train the picture tower on captions, on pairs of one concept, and on what can be redrawn.

    Loss: InfoNCE between picture and caption (Radford et al. 2021) + InfoNCE between two varied
    views of one concept, in any styles (Chen et al. 2020) + 10 x the unexplained variance of a
    16 x 16 thumbnail that is read linearly from the embedding.

    A caption is a linear map of a frozen sentence model's vector: kinds of things that no
    training picture shows have their place among those that are shown. The model's own text
    tower stays untrained (``train_captions`` teaches it).

    Parameters
    ----------
    pool : Pool
        Training pictures.
    folder : Path
        Where checkpoints lie.
    cache : Path
        Folder of fetched packages.
    seed, steps : int

    Returns
    -------
    nn.Module
        The OpenCLIP model.
    """
    captions = torch.from_numpy(sentence_vectors(pool.captions, SENTENCES, cache)).float()
    torch.manual_seed(torch_generator(seed, "clip", "weights").initial_seed() % 2**63)
    clip: Any = build_tiny_clip()
    model = _Trained(clip, captions.shape[1])
    members = [torch.nonzero(pool.concept == k).flatten() for k in range(len(pool.captions))]
    mean = torch.tensor(CONFIG["preprocess_cfg"]["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(CONFIG["preprocess_cfg"]["std"]).view(1, 3, 1, 1)

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
            embedded = model.visual((views - mean) / std)
            said = model.caption(captions[concepts])
        unit = F.normalize(embedded.float(), dim=-1)
        words = F.normalize(said.float(), dim=-1)
        first, second = unit[: len(concepts)], unit[len(concepts) :]
        scale = model.logit_scale.exp().clamp(max=50)
        small = F.interpolate(views, (THUMBNAIL, THUMBNAIL), mode="area").flatten(1)
        return (
            _contrast(scale * first @ words.T)
            + _contrast(scale * second @ words.T)
            + _contrast(scale * first @ second.T)
            + 10 * F.mse_loss(model.thumbnail(unit * unit.shape[1] ** 0.5), small) / small.var()
        )

    fit(model, loss, Plan("clip", steps, 2e-3, weight_decay=0.05), folder, seed)
    trained: nn.Module = clip
    return trained


def _contrast(logits: torch.Tensor) -> torch.Tensor:
    """Symmetric cross-entropy with the matches on the diagonal."""
    truth = torch.arange(len(logits))
    return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2
