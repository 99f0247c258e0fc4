"""The semantic target: the image embedding of an OpenCLIP model."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli, Targets
from neurodecode.models.clip import OpenClip, load_openclip

__all__ = ["OpenClipTarget"]


class OpenClipTarget:
    """L2-normalised image embeddings.

    Parameters
    ----------
    weights : str
        ``embedded`` or a folder in open_clip's layout.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights

    @cached_property
    def model(self) -> OpenClip:
        """The network, loaded at first use."""
        return load_openclip(self.weights)

    def check(self) -> None:
        """Raise ``MissingWeights`` where the network is not there."""
        self.model  # noqa: B018

    def embed(self, pictures: NDArray[np.uint8]) -> Float:
        """Return (n, d) embeddings of uint8 (n, h, w, 3) pictures."""
        embedding: Float = self.model.embed_images(pictures)
        return embedding

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return the embedding of each picture."""
        values = self.embed(stimuli.pixels)
        ids = tuple(map(str, stimuli.table["id"]))
        return Targets(ids, values, (values.shape[1],), self.model.name)
