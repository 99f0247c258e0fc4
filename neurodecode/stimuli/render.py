"""Draw one emoji of one style on neutral grey: build time only."""

from __future__ import annotations

import io
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import emoji
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurodecode.errors import ConfigError

__all__ = ["STYLES", "draw", "draw_rgba"]

GREY = 128
DRAWER = "rsvg-convert"

# Style -> npm package and version. Licences are in THIRD_PARTY.md.
STYLES = {
    "fluent3d": ("@lobehub/fluent-emoji-3d", "1.1.0"),
    "fluentflat": ("@iconify-json/fluent-emoji-flat", "1.2.6"),
    "twemoji": ("@twemoji/svg", "15.0.0"),
    "emojione": ("@iconify-json/emojione", "1.2.3"),
    "notov1": ("@iconify-json/noto-v1", "1.2.5"),
    "noto": ("@iconify-json/noto", "1.2.9"),
    "openmoji": ("openmoji", "17.0.0"),
    "fxemoji": ("@iconify-json/fxemoji", "1.2.2"),
    "emojionev1": ("@iconify-json/emojione-v1", "1.2.3"),
}


def draw_rgba(style: str, code: str, folder: Path, side: int) -> NDArray[np.uint8] | None:
    """Return a picture (side, side, 4) with its opacity, or None where the style lacks it.

    Parameters
    ----------
    style : str
        A key of :data:`STYLES`.
    code : str
        Code points in hex, joined by ``-``, without variation selectors.
    folder : Path
        The unpacked package.
    side : int
        Pixels a side; the picture is drawn at four times that and averaged down.

    Raises
    ------
    ConfigError
        Where the program that draws SVG is not installed.
    """
    path = _file(style, code, folder)
    if path is None:
        return None
    picture = Image.open(path) if isinstance(path, Path) else _rasterise(path, 4 * side)
    picture = picture.convert("RGBA").resize((4 * side, 4 * side), Image.Resampling.LANCZOS)
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))


def draw(style: str, code: str, folder: Path, side: int) -> NDArray[np.uint8] | None:
    """Return a picture (side, side, 3) on neutral grey; see :func:`draw_rgba`."""
    rgba = draw_rgba(style, code, folder, side)
    if rgba is None:
        return None
    opacity = rgba[..., 3:] / 255
    mixed = rgba[..., :3] * opacity + GREY * (1 - opacity)
    picture: NDArray[np.uint8] = mixed.round().astype(np.uint8)
    return picture


def _file(style: str, code: str, folder: Path) -> Path | str | None:
    """Return a bitmap's path or an SVG's text."""
    package = folder / "package"
    if style == "fluent3d":
        return _plain(package / "assets", ".webp").get(code)
    if style == "twemoji":
        path = _plain(package, ".svg").get(code)
        return path and path.read_text("utf-8")
    if style == "openmoji":
        path = _plain(package / "color" / "svg", ".svg").get(code)
        return path and path.read_text("utf-8")
    icons, names = _iconify(package)
    name = names.get(code)
    if name not in icons["icons"]:
        return None
    icon = icons["icons"][name]
    width, height = (icon.get(k, icons.get(k, 16)) for k in ("width", "height"))
    left, top = icon.get("left", 0), icon.get("top", 0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">'
        f"{icon['body']}</svg>"
    )


def _bare(code: str) -> str:
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


@cache
def _plain(folder: Path, ending: str) -> dict[str, Path]:
    return {_bare(path.stem): path for path in sorted(folder.glob(f"*{ending}"))}


@cache
def _iconify(package: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the icons and the name of each code; older sets have names alone."""
    icons = json.loads((package / "icons.json").read_text("utf-8"))
    names = json.loads((package / "chars.json").read_text("utf-8"))
    if names:
        return icons, {_bare(code): name for code, name in names.items()}
    plain = {re.sub(r"[^a-z0-9]", "", name): name for name in icons["icons"]}
    for character, facts in emoji.EMOJI_DATA.items():
        words = [facts["en"], *facts.get("alias", [])]
        for word in (re.sub(r"[^a-z0-9]", "", text.lower()) for text in words):
            if word in plain:
                code = "-".join(f"{ord(c):x}" for c in character)
                names.setdefault(_bare(code), plain[word])
    return icons, names


def _rasterise(svg: str, side: int) -> Image.Image:
    size = ["--width", str(side), "--height", str(side), "--keep-aspect-ratio"]
    try:
        drawn = subprocess.run([DRAWER, *size], input=svg.encode(), check=True, capture_output=True)
    except FileNotFoundError:
        raise ConfigError(
            f"{DRAWER}, which draws the pictures that come as SVG, is not on this machine: "
            "install librsvg2-bin (Debian) or librsvg (conda, Homebrew), and run again"
        ) from None
    return Image.open(io.BytesIO(drawn.stdout))
