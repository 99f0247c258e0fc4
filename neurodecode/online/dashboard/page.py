"""The dashboard's page: one HTML document that needs nothing from elsewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined

__all__ = ["render"]

TEMPLATES = Path(__file__).parent / "templates"


def render(nonce: str) -> str:
    """The page; its scripts carry ``nonce``, the only ones that the browser may run."""
    environment = Environment(undefined=StrictUndefined, autoescape=True)
    return environment.from_string(_text("page.html")).render(
        nonce=nonce,
        style=_text("uplot/uPlot.min.css") + _text("page.css"),
        library=_text("uplot/uPlot.iife.min.js"),
        script=_text("page.mjs"),
    )


@cache
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
