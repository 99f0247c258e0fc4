"""Pictures in a person's own files, read some at a time: what is kept is what is asked for."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Pixels
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.studies.published import to_square

__all__ = ["PictureLayout", "picture_axis", "take_pictures"]


@dataclass(frozen=True)
class PictureLayout:
    """How pictures lie in their array, and how large they are to be.

    Attributes
    ----------
    axes : str or None
        Declared order, e.g. ``hwn``; None means ``nhw`` or ``nhwc``. With ``shape``: order in
        which a row runs through its picture, e.g. ``nwh`` for MATLAB's columns.
    shape : tuple of int or None
        (h, w) or (h, w, 3) of flattened pictures.
    size : int or None
        Side that pictures are brought to; None leaves them as they are.
    """

    axes: str | None
    shape: tuple[int, ...] | None
    size: int | None


def picture_axis(layout: PictureLayout, stored: tuple[int, ...], where: str) -> int:
    """Return which axis of an array of shape ``stored`` counts the pictures.

    Raises
    ------
    ConfigError, DataError
        Where shape and layout do not fit.
    """
    return _order(layout, stored, where).index("n")


def take_pictures(
    blocks: Iterable[NDArray[Any]], layout: PictureLayout, stored: tuple[int, ...], where: str
) -> tuple[Pixels, list[str]]:
    """Return pictures uint8 (n, h, w, 3), and a hash of each as it was before any resizing.

    Parameters
    ----------
    blocks : iterable of array
        Some pictures each, axes as stored: truth values, uint8, or floats from 0 to 1.
    layout : PictureLayout
    stored : tuple of int
        Shape of all blocks together.
    where : str
        Words for errors.

    Raises
    ------
    ConfigError, DataError
        Where shape, type or range is another.

    Warns
    -----
    DataWarning
        Where pictures of bytes are almost black.
    """
    order = _order(layout, stored, where)
    axis = order.index("n")
    wanted = [order.replace("n", "").index(a) for a in ("hwc" if "c" in order else "hw")]
    pixels: Pixels | None = None
    prints: list[str] = []
    darkest = True
    for block in blocks:
        for k in range(block.shape[axis]):
            one = block.take(k, axis=axis)
            if layout.shape is not None:
                one = one.reshape(_row_shape(layout.shape, order))
            one = one.transpose(wanted)
            one = one if one.ndim == 3 else one[..., None]
            _refuse_colours(one.shape, stored, where)
            rgb = np.ascontiguousarray(np.broadcast_to(_bytes(one, where), (*one.shape[:2], 3)))
            darkest = darkest and one.dtype == np.uint8 and int(one.max()) <= 1
            prints.append(hashlib.sha256(rgb.tobytes()).hexdigest())
            kept = rgb if layout.size is None else to_square(rgb, layout.size)
            if pixels is None:
                pixels = np.empty((stored[axis], *kept.shape), np.uint8)
            pixels[len(prints) - 1] = kept
    assert pixels is not None  # of an empty array the order is refused
    if darkest:
        warnings.warn(
            f"{where}: no value is above 1 of 255, so the pictures are almost black; save "
            "black and white as truth values or floats",
            DataWarning,
            stacklevel=2,
        )
    return pixels, prints


def _order(layout: PictureLayout, stored: tuple[int, ...], where: str) -> str:
    """Return the order of the axes; with flattened pictures, that of a row after ``n``."""
    if layout.shape is not None:
        return _flat_order(layout.shape, layout.axes, stored, where)
    order = layout.axes or {3: "nhw", 4: "nhwc"}.get(len(stored), "")
    if len(order) != len(stored) or 0 in stored:
        raise DataError(
            f"{where}: pictures must be (n, h, w) or (n, h, w, 3), or in the order that "
            f"data.picture_axes declares ({layout.axes or 'none'}), or flattened with "
            f"data.picture_shape; got {stored}"
        )
    return order


def _flat_order(
    shape: tuple[int, ...], axes: str | None, stored: tuple[int, ...], where: str
) -> str:
    order = axes or ("nhwc" if len(shape) == 3 else "nhw")
    if len(stored) != 2 or stored[1] != np.prod(shape) or 0 in stored:
        raise DataError(
            f"{where}: with data.picture_shape {list(shape)} pictures must be (n, "
            f"{int(np.prod(shape))}), got {stored}"
        )
    names = "hwc"[: len(shape)]
    if order[0] != "n" or set(order[1:]) != set(names):
        raise ConfigError(
            f"data.picture_axes: with picture_shape {list(shape)} it must be n, then "
            f"{', '.join(names)} in the order in which a row runs, the fastest last; got {order}"
        )
    return order


def _row_shape(shape: tuple[int, ...], order: str) -> tuple[int, ...]:
    size = dict(zip("hwc", shape, strict=False))
    return tuple(size[axis] for axis in order[1:])


def _refuse_colours(one: tuple[int, ...], stored: tuple[int, ...], where: str) -> None:
    if one[2] not in (1, 3):
        raise DataError(
            f"{where}: pictures must have 1 or 3 colours, got {one[2]} (of an array {stored}, one "
            f"is read as h, w, c = {one}). Lay pictures with transparency on their background "
            "first; declare another order of axes in data.picture_axes."
        )


def _bytes(picture: NDArray[Any], where: str) -> Pixels:
    kind = picture.dtype
    if kind == np.uint8:
        return picture
    if kind.kind == "b":
        return picture.astype(np.uint8) * np.uint8(255)
    if kind.kind != "f":
        raise DataError(f"{where}: pictures must be uint8 or floats from 0 to 1, got {kind}")
    if not np.isfinite(picture).all():
        raise DataError(f"{where}: pictures must be finite")
    low, high = float(picture.min()), float(picture.max())
    if low < 0 or high > 1:
        raise DataError(
            f"{where}: pictures of floats must be from 0 to 1, got {low:g} to {high:g}; divide by "
            "255, or save as uint8"
        )
    as_bytes: Pixels = np.rint(picture * 255).astype(np.uint8)
    return as_bytes
