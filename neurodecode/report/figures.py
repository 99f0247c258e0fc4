"""Figures inside the page: drawn by matplotlib, carried as a PNG."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "Panel", "as_png", "blank"]

BLUE, ORANGE, GREEN, GREY = "#0060a8", "#b35000", "#00734d", "#57606a"


@dataclass(frozen=True)
class Panel:
    """A figure or table of the page.

    Attributes
    ----------
    heading, words : str
        Above it; plain text.
    picture : str
        PNG as base64; empty where there is none.
    alt : str
        What the picture shows, for those who do not see it.
    rows : tuple of tuple of str
        Lines of a table, the first its heading.
    """

    heading: str
    words: str
    picture: str = ""
    alt: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def blank(width: float, height: float) -> Figure:
    """Return an empty figure, inches, without the machine's own settings."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def as_png(figure: Figure) -> str:
    """Return a figure as base64; the same figure gives the same text."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()
