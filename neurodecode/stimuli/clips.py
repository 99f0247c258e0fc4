"""Clips of 2 s made from pictures: moving, growing, shrinking, turning, occluded, changing.

Frame k of 16 shows the moment (k + 1/2) / 8 s. A clip's set is that of its pictures, and the two
pictures of a change come from one set: no held-out picture is in a training clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from neurodecode.atomic import writing
from neurodecode.contracts import Stimuli
from neurodecode.errors import DataError
from neurodecode.seeds import generator

__all__ = ["DURATION", "FPS", "MOTIONS", "N_FRAMES", "Clips", "draw_clips", "read_clip",
           "write_clip"]  # fmt: skip

FPS = 8
N_FRAMES = 16
DURATION = N_FRAMES / FPS
TIMES = (np.arange(N_FRAMES) + 0.5) / FPS - DURATION / 2
MOTIONS = ("moving", "growing", "shrinking", "turning", "occluded", "changing")
WAYS = ("right", "up right", "up", "up left", "left", "down left", "down", "down right")
GROUND = (128, 128, 128)
BAR = 64

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Clips:
    """Clips and what is known of them.

    Attributes
    ----------
    table : DataFrame
        ``id, caption, category, set`` as of pictures; ``picture`` and, in a change, ``other``
        (ids); ``motion``; ``direction`` in degrees, anticlockwise from right, of what moves (the
        bar where ``occluded``); ``speed``: pixels/s (moving, occluded), octaves of size/s (growing,
        shrinking), degrees/s, positive anticlockwise (turning), or the share of the
        second picture that comes in a second (changing).
    frames : uint8 (n, 16, h, w, 3)
    """

    table: pd.DataFrame
    frames: Pixels

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True)
class _Motion:
    """How one clip moves; see :class:`Clips`."""

    motion: str
    direction: float
    speed: float


def draw_clips(pictures: Stimuli, per_picture: int, seed: int) -> Clips:
    """Make clips of pictures, each picture leading in ``per_picture`` of them.

    Within a set the six motions are equally frequent, give or take one; directions and speeds are
    drawn independently of the picture.

    Parameters
    ----------
    pictures : Stimuli
        Whose ``set`` the clips take over.
    per_picture : int
    seed : int

    Raises
    ------
    DataError
        Where a set has one picture only: nothing could change into another.
    """
    rows, frames = [], []
    for name, members in pictures.table.groupby("set", sort=True):
        if len(members) < 2:
            raise DataError(f"clips: set {name!r} has one picture; a change needs two")
        order = generator(seed, "clips", str(name)).permutation(members.index)
        for turn in range(per_picture):
            for place, k in enumerate(order):
                other = order[(place + turn + 1) % len(order)]
                if other == k:
                    other = order[(place + 1) % len(order)]
                motion = MOTIONS[(place + turn) % len(MOTIONS)]
                rng = generator(seed, "clip", str(pictures.table.at[k, "id"]), turn)
                how = _draw_motion(motion, rng)
                rows.append(_row(pictures.table, k, other, how, turn))
                frames.append(_render(pictures.pixels[k], pictures.pixels[other], how))
    return Clips(pd.DataFrame(rows), np.stack(frames))


def _draw_motion(motion: str, rng: np.random.Generator) -> _Motion:
    way = float(45 * rng.integers(8))
    if motion == "moving":
        return _Motion(motion, way, float(rng.choice([8, 16, 24])))
    if motion == "occluded":
        return _Motion(motion, way, float(rng.choice([32, 48])))
    if motion in ("growing", "shrinking"):
        return _Motion(motion, np.nan, float(rng.choice([0.4, 0.7])))
    if motion == "turning":
        return _Motion(motion, np.nan, float(rng.choice([-90, -45, 45, 90])))
    return _Motion(motion, np.nan, float(rng.choice([0.5, 2.0])))


def _row(table: pd.DataFrame, k: int, other: int, how: _Motion, turn: int) -> dict[str, object]:
    name, caption = str(table["id"][k]), str(table["caption"][k])
    changes = how.motion == "changing"
    return {
        "id": f"{name}.{turn}",
        "caption": f"{caption}, {_words(how, str(table['caption'][other]))}",
        "category": table.at[k, "category"],
        "set": table.at[k, "set"],
        "picture": name,
        "other": table.at[other, "id"] if changes else "",
        "motion": how.motion,
        "direction": how.direction,
        "speed": how.speed,
    }


def _words(how: _Motion, other: str) -> str:
    if how.motion == "changing":
        return f"changing into {other}"
    if how.motion == "turning":
        return "turning anticlockwise" if how.speed > 0 else "turning clockwise"
    if np.isnan(how.direction):
        return how.motion
    way = WAYS[int(how.direction // 45)]
    return f"moving {way}" if how.motion == "moving" else f"behind a bar that moves {way}"


def _render(picture: Pixels, other: Pixels, how: _Motion) -> Pixels:
    if how.motion == "occluded":
        return np.stack([_behind_bar(picture, how, t) for t in TIMES])
    if how.motion == "changing":
        shares = np.clip(0.5 + how.speed * TIMES, 0, 1)
        mixed = [(1 - s) * picture.astype(float) + s * other.astype(float) for s in shares]
        return np.stack(mixed).round().astype(np.uint8)
    return np.stack([_placed(picture, how, t) for t in TIMES])


def _way(direction: float) -> NDArray[np.float64]:
    """Unit step (x to the right, y down) of a direction in degrees."""
    angle = np.deg2rad(direction)
    return np.array([np.cos(angle), -np.sin(angle)])


def _placed(picture: Pixels, how: _Motion, t: float) -> Pixels:
    """The picture shifted, scaled or turned about its centre at time ``t`` from the middle."""
    side = picture.shape[0]
    shift, size, angle = np.zeros(2), 1.0, 0.0
    if how.motion == "moving":
        shift = _way(how.direction) * how.speed * t
    elif how.motion == "turning":
        angle = np.deg2rad(how.speed * t)
    else:
        octaves = how.speed * (t if how.motion == "growing" else -t)
        size = 2.0 ** (octaves - how.speed * DURATION / 4)
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / size
    centre = np.full(2, side / 2)
    start = centre - back @ (centre + shift)
    matrix = (back[0, 0], back[0, 1], start[0], back[1, 0], back[1, 1], start[1])
    drawn = Image.fromarray(picture).transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=GROUND
    )
    return np.asarray(drawn)


def _behind_bar(picture: Pixels, how: _Motion, t: float) -> Pixels:
    """The picture with a dark bar, a quarter as wide, across the direction of its motion."""
    side = picture.shape[0]
    place = np.arange(side) + 0.5 - side / 2
    x, y = _way(how.direction)
    along = x * place[None, :] + y * place[:, None]
    frame = picture.copy()
    frame[np.abs(along - how.speed * t) < side / 8] = BAR
    return frame


def write_clip(path: Path, frames: Pixels) -> None:
    """Write a clip's frames, uint8 (n, h, w, 3), side by side as one PNG: no loss, no codec."""
    n, height, width, _ = frames.shape
    strip = frames.swapaxes(0, 1).reshape(height, n * width, 3)
    with writing(path) as temporary:
        Image.fromarray(strip).save(temporary, format="PNG")


def read_clip(path: Path) -> Pixels:
    """Read the frames that :func:`write_clip` wrote; frames are as wide as high.

    Raises
    ------
    DataError
        Where the file is no strip of square frames.
    """
    try:
        strip = np.asarray(Image.open(path).convert("RGB"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path}: not a readable picture ({error})") from error
    height, width, _ = strip.shape
    if width % height:
        raise DataError(f"{path}: must be square frames side by side, is {width} x {height} pixels")
    frames = strip.reshape(height, width // height, height, 3).swapaxes(0, 1)
    return np.ascontiguousarray(frames)
