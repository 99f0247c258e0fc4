"""Training of the tiny OpenCLIP model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
Tags = Sequence[tuple[str, ...]]


class _Towers(nn.Module):
    """The model and two linear readings of its embedding, which are not kept.

    A thumbnail, so that the embedding carries colour and outline; and the concept's keywords,
    read from pictures and captions alike, so that words which concepts share mean something for
    concepts that were never seen.
    """

    def __init__(self, n_tags: int) -> None:
        super().__init__()
        d = CONFIG["model_cfg"]["embed_dim"]
        self.clip: Any = build_tiny_clip()
        self.thumbnail = nn.Linear(d, 3 * THUMBNAIL**2)
        self.tags = nn.Linear(d, n_tags)


def _tag_table(tags: Tags, at_least: int = 3) -> torch.Tensor:
    """Return which concept has which keyword, (n_concepts, n_tags), rare ones left out."""
    counts = Counter(tag for part in tags for tag in set(part))
    names = sorted(tag for tag, n in counts.items() if n >= at_least)
    return torch.tensor([[float(name in part) for name in names] for part in tags])


def _caption(name: str, tags: tuple[str, ...], rng: torch.Generator) -> str:
    """The name, or every other time some keywords in random order, with or without it."""
    if torch.rand((), generator=rng) < 0.5 or not tags:
        return name
    order = torch.randperm(len(tags), generator=rng).tolist()
    kept = [tags[k] for k in order[: 1 + int(torch.randint(4, (), generator=rng))]]
    return ", ".join([name, *kept] if torch.rand((), generator=rng) < 0.5 else kept)


def train_clip(pool: Pool, tags: Tags, folder: Path, *, seed: int, steps: int) -> nn.Module:
    """Train on captions, keywords, pairs of pictures of one concept, and thumbnails.

    Loss: InfoNCE between picture and caption (Radford et al. 2021) + InfoNCE between two varied
    views of one concept, in any styles (Chen et al. 2020) + 4 x relative squared error of an
    8 x 8 thumbnail read linearly from the embedding + 20 x binary cross-entropy of keywords.

    Parameters
    ----------
    pool : Pool
        Training pictures.
    tags : sequence of tuple of str
        Keywords of each of the pool's concepts.
    folder : Path
        Where checkpoints lie.
    seed, steps : int

    Returns
    -------
    nn.Module
        The OpenCLIP model.
    """
    torch.manual_seed(torch_generator(seed, "clip", "weights").initial_seed() % 2**63)
    tag_table = _tag_table(tags)
    model = _Towers(tag_table.shape[1])
    members = [torch.nonzero(pool.concept == k).flatten() for k in range(len(pool.captions))]
    mean = torch.tensor(CONFIG["preprocess_cfg"]["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(CONFIG["preprocess_cfg"]["std"]).view(1, 3, 1, 1)
    tokenize = SimpleTokenizer(context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"])

    def loss(rng: torch.Generator) -> torch.Tensor:
        concepts = torch.randperm(len(members), generator=rng)[:BATCH]
        index = torch.stack(
            [
                members[int(k)][torch.randint(len(members[int(k)]), (2,), generator=rng)]
                for k in concepts
            ]
        )
        views = torch.cat(
            [augment(pool.rgba[index[:, 0]], rng), augment(pool.rgba[index[:, 1]], rng)]
        )
        words = tokenize([_caption(pool.captions[int(k)], tags[int(k)], rng) for k in concepts])
        with torch.autocast("cpu", torch.bfloat16):
            embedded = model.clip.encode_image((views - mean) / std)
            captions = model.clip.encode_text(words)
        unit, text = F.normalize(embedded.float(), dim=-1), F.normalize(captions.float(), dim=-1)
        first, second = unit[: len(concepts)], unit[len(concepts) :]
        scale = model.clip.logit_scale.exp().clamp(max=50)
        small = F.interpolate(views, (THUMBNAIL, THUMBNAIL), mode="area").flatten(1)
        known = tag_table[concepts]
        return (
            _contrast(scale * first @ text.T)
            + _contrast(scale * second @ text.T)
            + _contrast(scale * first @ second.T)
            + 4 * F.mse_loss(model.thumbnail(unit), small) / small.var()
            + 20
            * F.binary_cross_entropy_with_logits(
                10 * model.tags(torch.cat([unit, text])), known.repeat(3, 1)
            )
        )

    fit(model, loss, Plan("clip", steps, 2e-3, weight_decay=0.1), folder, seed)
    clip: nn.Module = model.clip
    return clip


def _contrast(logits: torch.Tensor) -> torch.Tensor:
    """Symmetric cross-entropy with the matches on the diagonal."""
    truth = torch.arange(len(logits))
    return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2
