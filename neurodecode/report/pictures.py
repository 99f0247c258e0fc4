"""Pictures inside the page: each distinct one is encoded once and shown by a CSS class."""

from __future__ import annotations

import base64
import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurodecode.contracts import Pixels

__all__ = ["PictureBook", "film_strip", "mosaic"]

LONGEST = 128
"""Larger pictures are reduced to this many pixels along their longer side."""
N_FRAMES = 4
"""Frames of a strip, each half as large as a picture may be."""


class PictureBook:
    """Collects pictures and names them; the page's style sheet carries their data once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._rules: dict[str, str] = {}

    def add(self, picture: Pixels) -> str:
        """Return the CSS class that shows a picture, uint8 (h, w, 3)."""
        key = hashlib.sha256(f"{picture.shape}".encode() + picture.tobytes()).hexdigest()
        if key not in self._names:
            name = f"p{len(self._names)}"
            self._names[key] = name
            self._rules[name] = base64.b64encode(_png(picture)).decode()
        return self._names[key]

    @property
    def rules(self) -> dict[str, str]:
        """CSS class -> base64 of its PNG."""
        return dict(self._rules)


def mosaic(pictures: Pixels) -> Pixels:
    """Lay the first four pictures (n, h, w, 3) out as a square (2 h, 2 w, 3).

    One alone is returned as it is; an empty place takes the colour of the first one's corner.
    """
    n, height, width = pictures.shape[:3]
    sheet: NDArray[np.uint8] = np.tile(pictures[0, 0, 0], (2 * height, 2 * width, 1))
    for k in range(min(n, 4)):
        top, left = (k // 2) * height, (k % 2) * width
        sheet[top : top + height, left : left + width] = pictures[k]
    return sheet[:height, :width] if n == 1 else sheet


def film_strip(clip: Pixels) -> Pixels:
    """Lay four evenly spaced frames of a clip (n_frames, h, w, 3) side by side, (h, 4 w, 3)."""
    n, height, width = clip.shape[:3]
    frames = clip[(2 * np.arange(N_FRAMES) + 1) * n // (2 * N_FRAMES)]
    strip: Pixels = frames.swapaxes(0, 1).reshape(height, N_FRAMES * width, 3)
    return strip


def _png(picture: Pixels) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    longest = LONGEST if image.width < N_FRAMES * image.height else N_FRAMES * LONGEST // 2
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
