"""OpenCLIP models: loading any, and building the tiny one that ships."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from torch import nn

from neurodecode.artifacts import write_text, writing
from neurodecode.contracts import Float
from neurodecode.errors import MissingWeights

__all__ = ["CONFIG", "OpenClip", "build_tiny_clip", "load_openclip", "save_openclip"]

EMBEDDED = Path(__file__).parents[1] / "weights" / "clip"
BATCH = 64

# Pictures are normalised as OpenCLIP's default does not suit drawings on grey.
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 256,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "head_width": 32},
        "text_cfg": {
            "context_length": 20,
            "vocab_size": 49408,
            "width": 64,
            "heads": 4,
            "layers": 2,
        },
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}


class OpenClip:
    """An OpenCLIP model, its picture transform and its tokenizer.

    Parameters
    ----------
    model : nn.Module
        Has ``encode_image`` and ``encode_text``.
    preprocess : dict
        ``size, mean, std, resize_mode`` as open_clip gives them.
    tokenize : callable
        Turns captions into tokens.
    name : str
        For the scores: name and weights' hash.
    """

    def __init__(
        self,
        model: nn.Module,
        preprocess: dict[str, Any],
        tokenize: Callable[[list[str]], torch.Tensor],
        name: str,
    ) -> None:
        self.model = model.eval()
        self.name = name
        size = preprocess["size"]
        self.size = int(size if isinstance(size, int) else size[0])
        self.crop = preprocess["resize_mode"] == "shortest"
        self.mean = torch.tensor(preprocess["mean"]).view(1, 3, 1, 1)
        self.std = torch.tensor(preprocess["std"]).view(1, 3, 1, 1)
        self.tokenize = tokenize

    def normalise(self, pictures: torch.Tensor) -> torch.Tensor:
        """Resize and normalise float (n, 3, h, w) pictures, 0 to 1, as the model expects them."""
        height, width = pictures.shape[-2:]
        if self.crop and height != width:
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            pictures = pictures[..., top : top + side, left : left + side]
        if pictures.shape[-1] != self.size or pictures.shape[-2] != self.size:
            pictures = torch.nn.functional.interpolate(
                pictures, (self.size, self.size), mode="bicubic", antialias=True
            ).clamp(0, 1)
        return (pictures - self.mean) / self.std

    @torch.no_grad()
    def embed_tensor(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return L2-normalised embeddings (n, d) of float (n, 3, h, w) pictures, 0 to 1."""
        rows = []
        for start in range(0, len(pictures), BATCH):
            part = pictures[start : start + BATCH]
            n = len(part)
            whole = torch.cat([part, part[-1:].expand(BATCH - n, -1, -1, -1)])
            embedded = self.model.encode_image(self.normalise(whole))[:n]  # type: ignore[operator]
            rows.append(torch.nn.functional.normalize(embedded.float(), dim=-1))
        return torch.cat(rows)

    def embed_images(self, pictures: NDArray[np.uint8]) -> Float:
        """Return L2-normalised embeddings (n, d) of uint8 (n, h, w, 3) pictures.

        Batches have one size, the last is filled up, so that a subset embeds bit for bit alike.
        """
        rows = [
            self.embed_tensor(
                torch.from_numpy(pictures[k : k + BATCH].transpose(0, 3, 1, 2).copy()).float() / 255
            )
            for k in range(0, len(pictures), BATCH)
        ]
        embedded: Float = torch.cat(rows).numpy()
        return embedded

    @torch.no_grad()
    def embed_captions(self, captions: list[str]) -> Float:
        """Return L2-normalised embeddings (n, d) of captions."""
        embedded = self.model.encode_text(self.tokenize(captions))  # type: ignore[operator]
        rows: Float = torch.nn.functional.normalize(embedded.float(), dim=-1).numpy()
        return rows


def build_tiny_clip() -> nn.Module:
    """Build the tiny model with fresh weights."""
    model: nn.Module = open_clip.CLIP(**CONFIG["model_cfg"])
    return model


def save_openclip(model: nn.Module, folder: Path) -> None:
    """Write half-precision weights and configuration in open_clip's folder layout."""
    from safetensors.torch import save_file

    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    with writing(folder / "open_clip_model.safetensors") as temporary:
        save_file({n: v.contiguous() for n, v in state.items()}, temporary)
    write_text(folder / "open_clip_config.json", json.dumps(CONFIG, indent=1) + "\n")


def load_openclip(weights: str) -> OpenClip:
    """Load an OpenCLIP model from a folder in open_clip's ``local-dir`` layout.

    Parameters
    ----------
    weights : str
        ``embedded`` (the tiny model that ships) or a folder with ``open_clip_config.json`` and
        ``open_clip_model.safetensors``.

    Raises
    ------
    MissingWeights
        Where they are not there; says how to get them.
    """
    folder = EMBEDDED if weights == "embedded" else Path(weights)
    config_file, file = folder / "open_clip_config.json", folder / "open_clip_model.safetensors"
    if not (config_file.is_file() and file.is_file()):
        how = (
            "run `neurodecode train-generator`"
            if weights == "embedded"
            else "download the model's repository folder (open_clip_config.json and "
            "open_clip_model.safetensors) and give its path as `weights`"
        )
        raise MissingWeights(f"{folder}: no OpenCLIP weights. To get them, {how}.")
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    name = "openclip-tiny" if weights == "embedded" else folder.name
    preprocess = open_clip.get_model_preprocess_cfg(model)
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    return OpenClip(model.float(), preprocess, tokenize, f"{name}@{digest}")
