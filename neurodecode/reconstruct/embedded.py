"""The embedded backend: latent diffusion with the small networks that ship."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Conditions, Float
from neurodecode.models.diffusion import Generator, load_generator
from neurodecode.reconstruct.baselines import restore_length
from neurodecode.registry import Gallery

__all__ = ["Embedded", "stretch"]


def stretch(decoded: Float, training: Float) -> Float:
    """Undo the shrinkage of decoded embeddings, and return unit vectors.

    The generator knows true embeddings only.

    Parameters
    ----------
    decoded : (n, d)
    training : (m, d)
        True embeddings of training pictures.
    """
    moved = restore_length(decoded, training)
    unit: Float = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return unit


class Embedded:
    """Latent diffusion, conditioned on the decoded semantic embedding.

    Parameters
    ----------
    by : str
        Target that conditions the network.
    steps, guidance : int, float
        See :meth:`neurodecode.models.diffusion.Generator.draw`.
    start : str or None
        Decoded latent to start from (img2img), its shrinkage undone.
    strength : float
        Share of the noise path that is walked from ``start``.
    null_embedding : bool
        Ignore the embedding: shows what ``start`` does alone.
    """

    def __init__(
        self,
        by: str,
        steps: int,
        guidance: float,
        start: str | None,
        strength: float,
        null_embedding: bool,
    ) -> None:
        self.by = by
        self.steps = steps
        self.guidance = guidance
        self.start = start
        self.strength = strength
        self.null_embedding = null_embedding
        self.uses = (by,) if start is None else (by, start)

    @cached_property
    def generator(self) -> Generator:
        """The networks, loaded at first use."""
        return load_generator()

    def generate(
        self, conditions: Conditions, gallery: Gallery, *, seeds: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Draw (n_items, n_samples, 64, 64, 3)."""
        embedding = stretch(conditions.arrays[self.by], gallery.targets[self.by].values)
        if self.null_embedding:
            embedding = np.zeros_like(embedding)
        start = None
        if self.start is not None:
            true = gallery.targets[self.start]
            moved = restore_length(conditions.arrays[self.start], true.values)
            start = moved.reshape(-1, *true.shape)
        return self.generator.draw(
            embedding,
            seeds,
            steps=self.steps,
            guidance=self.guidance,
            start=start,
            strength=self.strength,
        )
