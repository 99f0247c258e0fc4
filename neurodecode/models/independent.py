"""The independent extractor: scores pictures, and took no part in making them.

Its pictures are other styles than the generator's and its embedding's, its objective is the
classification of concepts, its architecture a plain convolutional network. It knows the names of
the held-out concepts, from its own styles, and so can say what a picture shows.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from skimage.color import rgb2gray, rgb2hsv
from skimage.feature import hog
from torch import nn

from neurodecode.artifacts import write_text, writing
from neurodecode.contracts import Float
from neurodecode.errors import MissingWeights
from neurodecode.models.pictures import Pool, augment
from neurodecode.models.training import Plan, fit, torch_generator

__all__ = [
    "Classifier",
    "Independent",
    "filtered",
    "hog_colour",
    "load_independent",
    "save_independent",
    "train_independent",
]

EMBEDDED = Path(__file__).parents[1] / "weights" / "independent"
BATCH = 64


class Classifier(nn.Module):
    """Strided convolutions with residual blocks between, global average, one linear layer.

    Parameters
    ----------
    n_concepts : int
    widths : tuple of int
        Channels at 32 x 32, 16 x 16, 8 x 8 and 4 x 4.
    """

    def __init__(self, n_concepts: int, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in widths:
            layers += [nn.Conv2d(before, width, 4, 2, 1), nn.GroupNorm(8, width), nn.SiLU()]
            layers += [_Block(width)]
            before = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(before, n_concepts)

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return (n, widths[-1]) of float (n, 3, 64, 64) pictures, 0 to 1."""
        pooled: torch.Tensor = self.body((pictures - 0.5) * 4).mean(dim=(2, 3))
        return pooled

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return concept logits (n, n_concepts)."""
        logits: torch.Tensor = self.head(self.features(pictures))
        return logits


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, 1, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = x + self.mix(x)
        return mixed


class Independent:
    """The frozen classifier.

    Parameters
    ----------
    model : Classifier
    concepts, categories : tuple of str
        Caption and category of each output.
    name : str
        Name and weights' hash.
    """

    def __init__(
        self, model: Classifier, concepts: tuple[str, ...], categories: tuple[str, ...], name: str
    ) -> None:
        self.model = model.eval()
        self.concepts = concepts
        self.categories = categories
        self.name = name

    @torch.no_grad()
    def features(self, pictures: NDArray[np.uint8]) -> Float:
        """Return pooled features (n, d) of uint8 (n, h, w, 3) pictures."""
        rows: Float = torch.cat([self.model.features(p) for p in _batches(pictures)]).numpy()
        return rows

    @torch.no_grad()
    def name_logits(self, pictures: NDArray[np.uint8]) -> Float:
        """Return one logit a concept, (n, n_concepts)."""
        rows: Float = torch.cat([self.model(p) for p in _batches(pictures)]).numpy()
        return rows


def _batches(pictures: NDArray[np.uint8]) -> list[torch.Tensor]:
    whole = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 255
    if whole.shape[-2:] != (64, 64):
        whole = F.interpolate(whole, (64, 64), mode="bicubic", antialias=True).clamp(0, 1)
    return list(torch.split(whole, BATCH))


def hog_colour(pictures: NDArray[np.uint8]) -> Float:
    """Fixed features: histograms of oriented gradients and of hue, saturation and value.

    Parameters
    ----------
    pictures : uint8 (n, h, w, 3)

    Returns
    -------
    float32 (n, d)
        The two parts have equal norm over pictures that are not blank.
    """
    rows = []
    for picture in pictures:
        side = picture.shape[0] // 8
        shape = hog(rgb2gray(picture), orientations=8, pixels_per_cell=(side, side),
                    cells_per_block=(2, 2), feature_vector=True)  # fmt: skip
        hsv = rgb2hsv(picture).reshape(-1, 3)
        colour, _ = np.histogramdd(hsv, bins=(8, 4, 4), range=((0, 1),) * 3)
        colour = np.sqrt(colour.ravel() / len(hsv))
        rows.append(np.concatenate([shape / max(np.linalg.norm(shape), 1e-6), colour]))
    return np.stack(rows).astype(np.float32)


def train_independent(pool: Pool, folder: Path, *, seed: int, steps: int) -> Classifier:
    """Train on varied pictures to tell concepts, and their categories, whatever the style.

    Loss: cross-entropy of the concept with label smoothing + half the cross-entropy of the
    category, whose probability is the sum of its concepts'.
    """
    torch.manual_seed(torch_generator(seed, "independent", "weights").initial_seed() % 2**63)
    model = Classifier(len(pool.captions))
    kinds, kind = np.unique(pool.categories, return_inverse=True)
    member = torch.from_numpy(np.eye(len(kinds), dtype=np.float32)[kind])
    category = torch.from_numpy(kind)

    def loss(rng: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(pool.rgba), (BATCH,), generator=rng)
        pictures = _restyle(augment(pool.rgba[rows], rng), rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(pictures)
        concept = pool.concept[rows]
        of_category = (logits.float().softmax(1) @ member).clamp_min(1e-6).log()
        named = F.cross_entropy(logits.float(), concept, label_smoothing=0.1)
        return named + 0.5 * F.nll_loss(of_category, category[concept])

    plan = Plan("independent", steps, 3e-3, weight_decay=0.05, ema=0.995)
    fit(model, loss, plan, folder, seed)
    return model


def _restyle(pictures: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Mix the colour channels, grey, filter and blur at random.

    Colour, texture and sharpness belong to a style more than to a concept.
    """
    n = len(pictures)
    noise = torch.randn(n, 3, 3, generator=rng)
    mix = torch.eye(3) + 0.1 * (noise - noise.mean(2, keepdim=True))
    grey = torch.rand(n, 1, 1, generator=rng) < 0.1
    mix = torch.where(grey, torch.full((3, 3), 1 / 3), mix)
    changed = torch.einsum("nij,njhw->nihw", mix, pictures).clamp(0, 1)
    side = int(torch.randint(16, 112, (), generator=rng))
    if side < pictures.shape[-1]:
        small = F.interpolate(changed, (side, side), mode="area")
        changed = F.interpolate(small, pictures.shape[-2:], mode="bilinear")
    return filtered(changed, rng)


def filtered(pictures: torch.Tensor, rng: torch.Generator, *, share: float = 0.8) -> torch.Tensor:
    """Blend pictures with themselves behind a random filter each: texture changes, shape stays.

    Random convolutions of 1, 3 or 5 pixels, in their mixing variant (Xu et al., ICLR 2021).

    Parameters
    ----------
    pictures : float (n, 3, h, w)
    rng : torch.Generator
    share : float
        How many are filtered, 0 to 1.

    Returns
    -------
    float (n, 3, h, w)
        Not clamped; the filtered part has the contrast of the picture.
    """
    n, _, height, width = pictures.shape
    side = 2 * int(torch.randint(0, 3, (), generator=rng)) + 1
    kernels = torch.randn(n * 3, 3, side, side, generator=rng)
    around = F.pad(pictures - 0.5, (side // 2,) * 4, mode="replicate")
    seen = F.conv2d(around.flatten(0, 1)[None], kernels, groups=n).view(n, 3, height, width)
    spread = pictures.std((1, 2, 3), keepdim=True)
    seen = seen / seen.std((1, 2, 3), keepdim=True).clamp_min(1e-3) * spread + 0.5
    part = torch.rand(n, 1, 1, 1, generator=rng)
    part = part * (torch.rand(n, 1, 1, 1, generator=rng) < share)
    return pictures + part * (seen - pictures)


def save_independent(model: Classifier, pool: Pool, folder: Path) -> None:
    """Write half-precision weights and the concepts' names."""
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    with writing(folder / "model.safetensors") as temporary:
        save_file(state, temporary)
    config = {"concepts": pool.captions, "categories": pool.categories}
    write_text(folder / "config.json", json.dumps(config, indent=0) + "\n")


def load_independent(folder: Path = EMBEDDED) -> Independent:
    """Load the extractor that ships.

    Raises
    ------
    MissingWeights
        Where its weights are not there.
    """
    file = folder / "model.safetensors"
    if not file.is_file():
        raise MissingWeights(
            f"{folder}: no weights of the independent extractor. Run `neurodecode train-generator`."
        )
    config = json.loads((folder / "config.json").read_text("utf-8"))
    model = Classifier(len(config["concepts"]))
    model.load_state_dict({name: value.float() for name, value in load_file(file).items()})
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    names, categories = tuple(config["concepts"]), tuple(config["categories"])
    return Independent(model, names, categories, f"independent@{digest}")
