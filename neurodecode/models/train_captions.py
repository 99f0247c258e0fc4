"""Training of the text tower on a teacher; the image tower stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from open_clip import SimpleTokenizer
from torch import nn

from neurodecode.artifacts import load_arrays, save_arrays
from neurodecode.models.caption_teacher import fit_teacher
from neurodecode.models.clip import CONFIG, OpenClip, build_tiny_clip
from neurodecode.models.pictures import Pool, augment
from neurodecode.models.sentences import sentence_vectors
from neurodecode.models.training import Plan, fit, torch_generator
from neurodecode.models.words import caption_vectors, concrete_nouns, explained, word_table
from neurodecode.seeds import generator

__all__ = ["Lesson", "TextTower", "distil", "train_captions", "vocabulary"]

Rows = NDArray[np.float64]

# What reads each source of vectors: the better model the short texts, the faster one the long.
SENTENCES = {"sentences": "all-mpnet-base-v2", "meanings": "all-MiniLM-L6-v2"}
BATCH = 512
# Captions of training concepts have this share of every batch.
OWN = 64
COMMON, KNOWN, COMPOUNDS, MIXED = 6000, 40_000, 6000, 6000
EVERY, RATE = 200, 2e-3


class TextTower(nn.Module):
    """The text tower of an OpenCLIP model, its parameters shared, the padding left out.

    Parameters
    ----------
    clip : open_clip's CLIP
    """

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.token_embedding = clip.token_embedding
        self.positional_embedding = clip.positional_embedding
        self.transformer = clip.transformer
        self.ln_final = clip.ln_final
        self.text_projection = clip.text_projection
        self.mask: torch.Tensor = clip.attn_mask

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return embeddings (n, d) of tokens (n, context); as ``encode_text``."""
        end = tokens.argmax(dim=1)
        n = int(end.max()) + 1
        hidden = self.token_embedding(tokens[:, :n]) + self.positional_embedding[:n]
        hidden = self.ln_final(self.transformer(hidden, attn_mask=self.mask[:n, :n]))
        embedded: torch.Tensor = hidden[torch.arange(len(tokens)), end] @ self.text_projection
        return embedded


@dataclass(frozen=True)
class Lesson:
    """What a text tower is taught.

    Attributes
    ----------
    texts : tuple of str
    n_own : int
        The first so many are the training captions and have a share of every batch.
    targets : (n, d)
        Unit embeddings of the texts.
    spread : (d, d)
        Shrunk covariance of the pictures' embeddings.
    """

    texts: tuple[str, ...]
    n_own: int
    targets: NDArray[np.float64]
    spread: NDArray[np.float64]


def vocabulary(
    captions: Sequence[str], table: Sequence[str], nouns: Sequence[str], seed: int
) -> list[str]:
    """Return the texts that the tower is taught: the training captions, then others.

    Common words, names of visible things, and chance pairs of a word and a thing, as a caption
    says them. They are taken from a dictionary, whatever the held-out captions are.

    Parameters
    ----------
    captions : sequence of str
        Of the training concepts.
    table : sequence of str
        Words with a vector, in falling frequency.
    nouns : list of str
        Names of visible things.
    seed : int
    """
    rng = generator(seed, "captions", "vocabulary")
    words = [word for word in table if re.fullmatch("[a-z]{3,}", word)]
    known = set(table[:KNOWN])
    names = [name for name in nouns if all(word in known for word in name.split())]
    things = [name for name in names if " " not in name]
    compounds = [name for name in names if " " in name]
    rng.shuffle(compounds)
    said = sorted({word for caption in captions for word in re.findall("[a-z]+", caption)})
    first = rng.choice([*said, *words[: len(said)]], MIXED)
    second = rng.choice([*said, *things], MIXED)
    joint = rng.choice([" ", " ", " with ", " and "], MIXED)
    mixed = [a + j + b for a, j, b in zip(first, joint, second, strict=True)]
    texts = [*captions, *said, *words[:COMMON], *things, *compounds[:COMPOUNDS], *mixed]
    return list(dict.fromkeys(map(str, texts)))


def train_captions(
    pool: Pool, clip: OpenClip, folder: Path, cache: Path, *, seed: int, steps: int
) -> nn.Module:
    """Teach the text tower where captions lie among the pictures' embeddings.

    A kernel ridge from vectors of words, captions and what they mean, learned from text alone, to
    the pictures' embeddings (``caption_teacher``) says it for the training captions and a
    dictionary; the tower learns to say the same (loss: 1 - cosine), and so knows words that no
    picture has.

    Parameters
    ----------
    pool : Pool
        Training pictures.
    clip : OpenClip
        Its image tower is taken as it is.
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
    table = word_table(cache)
    nouns = concrete_nouns(cache)
    texts = vocabulary(pool.captions, list(table), list(nouns), seed)
    vectors = _kept(folder, "words", lambda: caption_vectors(texts, table))
    for name, model in SENTENCES.items():
        read = [explained(t, nouns) for t in texts] if name == "meanings" else texts
        vectors |= _kept(folder, name, partial(sentence_vectors, read, model, cache))
    own = {name: rows[: len(pool.captions)] for name, rows in vectors.items()}
    views = augment(pool.rgba, torch_generator(seed, "captions", "views"), strength=0.0)
    pictures = clip.embed_tensor(views).double().numpy()
    teacher = fit_teacher(own, pictures, pool.concept.numpy())
    lesson = Lesson(tuple(texts), len(pool.captions), teacher.embed(vectors), teacher.spread)
    return distil(clip.model, lesson, folder, seed=seed, steps=steps)


def _kept(folder: Path, name: str, make: Callable[[], Rows]) -> dict[str, Rows]:
    """Return the vectors of one source, made once."""
    file = folder / f"captions-{name}.safetensors"
    if not file.exists():
        save_arrays(file, {name: make()})
    return load_arrays(file)


def distil(clip: nn.Module, lesson: Lesson, folder: Path, *, seed: int, steps: int) -> nn.Module:
    """Return ``clip`` with a new text tower, trained to say what the lesson says.

    Loss: 1 - cosine, in the metric of the pictures' covariance: what counts is what a picture's
    likeness to the caption is, and pictures hardly differ in most directions.
    """
    tokens = SimpleTokenizer(context_length=CONFIG["model_cfg"]["text_cfg"]["context_length"])(
        list(lesson.texts)
    )
    root = _root(torch.from_numpy(lesson.spread)).float()
    wanted = F.normalize(torch.from_numpy(lesson.targets).float() @ root, dim=-1)
    torch.manual_seed(torch_generator(seed, "captions", "weights").initial_seed() % 2**63)
    model = build_tiny_clip()
    image = {n: v for n, v in clip.state_dict().items() if n.startswith("visual.")}
    model.load_state_dict({**model.state_dict(), **image, "logit_scale": clip.logit_scale})
    tower = TextTower(model)
    start_tower(tower, tokens, wanted, root)

    def loss(rng: torch.Generator) -> torch.Tensor:
        rows = torch.cat(
            [
                torch.randint(lesson.n_own, (OWN,), generator=rng),
                torch.randint(len(tokens), (BATCH - OWN,), generator=rng),
            ]
        )
        return 1 - F.cosine_similarity(tower(tokens[rows]) @ root, wanted[rows]).mean()

    fit(tower, loss, Plan("captions", steps, RATE, every=EVERY), folder, seed)
    model.eval()
    return model


def start_tower(
    tower: TextTower, tokens: torch.Tensor, wanted: torch.Tensor, root: torch.Tensor
) -> None:
    """Start each token that is a text by itself at that text's target, in principal components.

    Parameters
    ----------
    tower : TextTower
    tokens : (n, context)
    wanted : (n, d)
        Targets times ``root``.
    root : (d, d)
        Of the pictures' covariance.
    """
    width = tower.token_embedding.embedding_dim
    _, axes = torch.linalg.eigh(wanted.T @ wanted)
    axes = axes.flip(1)[:, :width]
    single = tokens.argmax(dim=1) == 2
    with torch.no_grad():
        tower.token_embedding.weight.normal_(0, 0.1 / width**0.5)
        tower.token_embedding.weight[tokens[single, 1]] = wanted[single] @ axes
        tower.text_projection.copy_(axes.T @ torch.linalg.inv(root))


def _root(matrix: torch.Tensor) -> torch.Tensor:
    """Symmetric square root, of mean eigenvalue 1."""
    values, vectors = torch.linalg.eigh(matrix / matrix.trace() * len(matrix))
    root: torch.Tensor = vectors * values.sqrt() @ vectors.T
    return root
