"""Pictures inside the page: each distinct one is encoded once and shown by a CSS class."""

from __future__ import annotations

import base64
import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurodecode.contracts import Pixels

__all__ = ["PictureBook", "mosaic"]

LONGEST = 128
"""Larger pictures are reduced to this many pixels along their longer side."""


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


def _png(picture: Pixels) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    if max(image.size) > LONGEST:
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
