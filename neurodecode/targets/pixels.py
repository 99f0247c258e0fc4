"""The pictures themselves as a target: what a linear decoder can draw without a generator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurodecode.contracts import Float, Stimuli, Targets

__all__ = ["PixelTarget"]


class PixelTarget:
    """Pictures resized by area average, flattened, 0 to 1.

    Parameters
    ----------
    size : int
        Pixels a side.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def embed(self, pictures: NDArray[np.uint8]) -> Float:
        """Return (n, size * size * 3) of uint8 (n, h, w, 3) pictures."""
        small = [
            np.asarray(Image.fromarray(p).resize((self.size, self.size), Image.Resampling.BOX))
            for p in pictures
        ]
        return (np.stack(small).reshape(len(small), -1) / 255).astype(np.float32)

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return the pixels of each picture."""
        ids = tuple(map(str, stimuli.table["id"]))
        shape = (self.size, self.size, 3)
        return Targets(ids, self.embed(stimuli.pixels), shape, f"pixels-{self.size}")
