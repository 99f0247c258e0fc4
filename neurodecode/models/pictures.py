"""Pictures that the embedded networks are trained on, and how each step varies them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from neurodecode.artifacts import load_arrays, read_table, save_arrays, write_table
from neurodecode.progress import track
from neurodecode.stimuli.build_objects64 import fetch
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.stimuli.render import STYLES, draw_rgba

__all__ = [
    "EXTRACTOR_STYLES",
    "GENERATOR_STYLES",
    "Pool",
    "augment",
    "load_pool",
    "to_unit",
]

GENERATOR_STYLES = ("fluent3d", "fluentflat", "twemoji", "emojione", "notov1")
EXTRACTOR_STYLES = ("noto", "openmoji", "fxemoji", "emojionev1")
SIDE = 64


@dataclass(frozen=True)
class Pool:
    """Pictures with their transparency.

    Attributes
    ----------
    rgba : uint8 (n, 4, 64, 64)
        Colour and opacity.
    concept : int64 (n,)
        Which concept each shows.
    captions, categories : tuple of str
        Of each concept.
    """

    rgba: torch.Tensor
    concept: torch.Tensor
    captions: tuple[str, ...]
    categories: tuple[str, ...]


def load_pool(role: str, cache: Path) -> Pool:
    """Fetch, draw and keep the training pictures of one network.

    Parameters
    ----------
    role : str
        ``generator``: ``objects64``'s generator set in five styles, and the decoder set's
        concepts in the four styles that the decoder set does not show; no concept of the test
        set in any style. ``extractor``: all concepts in four other styles.
    cache : Path
        Folder for the fetched packages and the drawn pictures.
    """
    styles = GENERATOR_STYLES if role == "generator" else EXTRACTOR_STYLES
    name = "-".join([role, *styles])
    file, index = cache / f"{name}.safetensors", cache / f"{name}.tsv"
    if not (file.exists() and index.exists()):
        _draw_pool(role, cache, file, index)
    rows = read_table(index, text=("caption", "category", "style"))
    rgba = torch.from_numpy(load_arrays(file)["rgba"])
    names, concept = np.unique(rows["caption"], return_inverse=True)
    category = dict(zip(rows["caption"], rows["category"], strict=True))
    return Pool(
        rgba,
        torch.from_numpy(concept.astype(np.int64)),
        tuple(map(str, names)),
        tuple(category[name] for name in names),
    )


def _draw_pool(role: str, cache: Path, file: Path, index: Path) -> None:
    table = load_objects64().table
    if role == "generator":
        wanted = [
            (style, row)
            for row in table[table["set"] != "test"].to_dict("records")
            for style in GENERATOR_STYLES
            if row["set"] == "generator" or style != "fluent3d"
        ]
    else:
        records = table.to_dict("records")
        wanted = [(style, row) for row in records for style in EXTRACTOR_STYLES]
    folders = {style: fetch(*STYLES[style], cache) for style, _ in wanted}
    rows, pictures = [], []
    with track(f"draw {role} pictures", total=len(wanted)) as advance:
        for style, row in wanted:
            picture = draw_rgba(style, row["code"], folders[style], SIDE)
            advance()
            if picture is not None:
                pictures.append(picture.transpose(2, 0, 1))
                rows.append((style, row["caption"], row["category"]))

    save_arrays(file, {"rgba": np.stack(pictures)})
    write_table(index, pd.DataFrame(rows, columns=["style", "caption", "category"]))


def augment(
    rgba: torch.Tensor, generator: torch.Generator, *, strength: float = 1.0
) -> torch.Tensor:
    """Vary place, size, rotation, mirror, colour and background.

    Parameters
    ----------
    rgba : uint8 (n, 4, h, w)
    generator : torch.Generator
        Source of all chance.
    strength : float
        0 leaves the pictures centred on grey, 1 is the full range: 0.75 to 1.1 times the size,
        a tenth of the side in place, 15 degrees, brightness and contrast by a fifth, every
        third background another colour.

    Returns
    -------
    float32 (n, 3, h, w), 0 to 1.
    """
    n = len(rgba)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        span = torch.rand((n, *shape), generator=generator) * (high - low) + low
        return span * strength

    angle, scale = uniform(-0.26, 0.26), 1 / (1 + uniform(-0.25, 0.1))
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5 * strength, -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    shift = uniform(-0.1, 0.1, 2)
    theta = torch.stack(
        [
            torch.stack([cos * mirror, -sin, shift[:, 0]], 1),
            torch.stack([sin * mirror, cos, shift[:, 1]], 1),
        ],
        1,
    )
    pixels = rgba.float() / 255
    premultiplied = torch.cat([pixels[:, :3] * pixels[:, 3:], pixels[:, 3:]], 1)
    grid = F.affine_grid(theta, list(rgba.shape), align_corners=False)
    moved = F.grid_sample(premultiplied, grid, align_corners=False)
    colour, alpha = moved[:, :3], moved[:, 3:]
    colour = colour * (1 + uniform(-0.2, 0.2, 1, 1, 1)) + alpha * uniform(-0.06, 0.06, 3, 1, 1)
    other = (torch.rand(n, 1, 1, 1, generator=generator) < strength / 3).float()
    ground = 128 / 255 + other * (torch.rand(n, 3, 1, 1, generator=generator) - 128 / 255)
    return (colour + (1 - alpha) * ground).clamp(0, 1)


def to_unit(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Turn uint8 (n, h, w, 3) pictures into float32 (n, 3, h, w), 0 to 1."""
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 255
