"""Pictures without a generative network: retrieval and the baselines beside every score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurodecode.contracts import Conditions, Float
from neurodecode.errors import DataError
from neurodecode.registry import Gallery

__all__ = [
    "LinearPixels",
    "MeanPicture",
    "Prototype",
    "RandomPicture",
    "Retrieval",
    "likeness",
    "nearest",
    "restore_length",
]

Pictures = NDArray[np.uint8]
Seeds = NDArray[np.int64]


def likeness(decoded: Float, candidates: Float) -> Float:
    """Return the cosine (n, m) of each decoded row (n, d) with each candidate (m, d).

    Both are centred on the candidates' mean: features of networks share a large common part,
    which says nothing of which picture it is.
    """
    mean = candidates.mean(axis=0)
    similarity: Float = _unit(decoded - mean) @ _unit(candidates - mean).T
    return similarity


def nearest(decoded: Float, candidates: Float) -> NDArray[np.int64]:
    """Return, for each decoded row (n, d), the candidate (m, d) of highest :func:`likeness`."""
    best: NDArray[np.int64] = likeness(decoded, candidates).argmax(axis=1)
    return best


def restore_length(decoded: Float, training: Float) -> Float:
    """Undo the shrinkage of decoded features.

    A penalised decoder answers close to the mean of its training targets. Each row's deviation
    from that mean is scaled to the median length that true training features have. Uses training
    pictures alone.

    Parameters
    ----------
    decoded : (n, d)
    training : (m, d)
        True features of training pictures.
    """
    mean = training.mean(axis=0)
    length = np.median(np.linalg.norm(training - mean, axis=1))
    moved: Float = mean + length * _unit(decoded - mean)
    return moved


def _unit(rows: Float) -> Float:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float = (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
    return unit


class Retrieval:
    """The training picture whose features are nearest to the decoded ones.

    Parameters
    ----------
    by : str
        Target that is compared.
    """

    def __init__(self, by: str) -> None:
        self.by = by
        self.uses = (by,)

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pictures:
        """Return one picture an item, (n, 1, h, w, 3)."""
        rows = nearest(conditions.arrays[self.by], gallery.targets[self.by].values)
        return gallery.stimuli.pixels[rows][:, None]


class Prototype:
    """The training picture nearest to the mean features of the decoded class.

    Parameters
    ----------
    by : str
        Target that is compared.
    """

    def __init__(self, by: str) -> None:
        self.by = by
        self.uses = ("label",)

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pictures:
        """Return one picture an item, (n, 1, h, w, 3)."""
        values = gallery.targets[self.by].values
        category = gallery.stimuli.table["category"].to_numpy()
        shown = {}
        for name in conditions.classes:
            of_class = np.flatnonzero(category == name)
            if not len(of_class):
                raise DataError(f"prototype: no training picture of category {name!r}")
            best = nearest(values[of_class].mean(axis=0, keepdims=True), values[of_class])
            shown[name] = gallery.stimuli.pixels[of_class[best[0]]]
        decoded = conditions.arrays["label"].argmax(axis=1)
        return np.stack([shown[conditions.classes[k]] for k in decoded])[:, None]


class MeanPicture:
    """The mean of the training pictures, whatever was decoded."""

    uses: tuple[str, ...] = ()

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pictures:
        """Return one picture an item, (n, 1, h, w, 3)."""
        pixels = gallery.stimuli.pixels
        mean = pixels.mean(axis=0, dtype=np.float64).round().astype(np.uint8)
        return np.repeat(mean[None, None], len(conditions), axis=0)


class RandomPicture:
    """A random training picture, whatever was decoded."""

    uses: tuple[str, ...] = ()

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pictures:
        """Return one picture an item, (n, 1, h, w, 3): to choose among several uses the brain."""
        pixels = gallery.stimuli.pixels
        draw = [np.random.default_rng(seed).integers(len(pixels)) for seed in seeds[:, 0]]
        pictures: Pictures = pixels[np.array(draw)][:, None]
        return pictures


class LinearPixels:
    """The linearly decoded pixels themselves, clipped and enlarged.

    Parameters
    ----------
    target : str
        Target of kind ``pixels``.
    stretch : bool
        Give the deviation from the mean training picture the length that it has in those.
    """

    def __init__(self, target: str, stretch: bool) -> None:
        self.target = target
        self.stretch = stretch
        self.uses = (target,)

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pictures:
        """Return one picture an item, (n, 1, h, w, 3)."""
        height, width = gallery.stimuli.pixels.shape[1:3]
        target, decoded = gallery.targets[self.target], conditions.arrays[self.target]
        if self.stretch:
            decoded = restore_length(decoded, target.values)
        decoded = decoded.reshape(-1, *target.shape)
        small = (decoded.clip(0, 1) * 255).round().astype(np.uint8)
        large = [
            np.asarray(Image.fromarray(p).resize((width, height), Image.Resampling.BICUBIC))
            for p in small
        ]
        return np.stack(large)[:, None]
