"""From arrays as people save them to what the stages read: pictures, texts, indices, responses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Pixels
from neurodecode.errors import ConfigError, DataError, DataWarning

__all__ = ["as_features", "as_mask", "as_pictures", "as_responses", "as_rows", "as_text", "vector"]


def vector(values: NDArray[Any], where: str) -> NDArray[Any]:
    """Return a vector as (n,); MATLAB's are (1, n) or (n, 1).

    Raises
    ------
    DataError
        Where it is no vector.
    """
    if values.ndim == 0 or values.size != max(values.shape):
        raise DataError(f"{where}: must be a vector, one value a row, got shape {values.shape}")
    return values.reshape(-1)


def as_text(values: NDArray[Any], where: str, *, empty: bool = False) -> NDArray[np.str_]:
    """Return names (n,) as text: 1, 1.0 and "1" are one name; spaces around are dropped.

    ``empty`` says whether a name may be missing.

    Raises
    ------
    DataError
        Where a name is empty, not finite or ``n/a`` (which tables keep for what is missing).
    """
    flat = vector(values, where)
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise DataError(f"{where}: {int((~np.isfinite(flat)).sum())} values are not finite")
    if flat.dtype.kind == "U":
        names = [str(name).strip() for name in flat]
    else:
        names = [str(int(x)) if float(x).is_integer() else f"{float(x):.9g}" for x in flat]
    bad = [k for k, name in enumerate(names) if name == "n/a" or not (name or empty)]
    if bad:
        raise DataError(
            f"{where}: {len(bad)} names are empty or 'n/a', the first at row {bad[0]} (from 0)"
        )
    return np.array(names, dtype=str)


def as_rows(
    values: NDArray[Any], n_rows: int, base: int | None, where: str, *, of: str
) -> NDArray[np.int64]:
    """Return indices (n,) that count from 0.

    Parameters
    ----------
    values : vector
    n_rows : int
        Rows that are pointed into.
    base : int or None
        0 or 1, as the YAML declares.
    where, of : str
        Words for errors.

    Raises
    ------
    ConfigError
        Where the base is not declared.
    DataError
        Where an index is no whole number or out of range.
    """
    if base is None:
        raise ConfigError(
            f"{where}: say in data.index_base whether it counts from 0 or from 1; it is never "
            "guessed"
        )
    flat = vector(values, where)
    if flat.dtype.kind not in "iuf" or not (np.isfinite(flat) & (flat == np.floor(flat))).all():
        raise DataError(f"{where}: indices must be whole numbers, got {flat.dtype}")
    rows = flat.astype(np.int64) - base
    out = np.flatnonzero((rows < 0) | (rows >= n_rows))
    if len(out):
        raise DataError(
            f"{where}: {len(out)} indices are out of range, first {rows[out[0]] + base} at row "
            f"{out[0]} (from 0); with index_base {base} and {n_rows} {of} they must be {base} to "
            f"{n_rows - 1 + base}"
        )
    return rows


def as_mask(values: NDArray[Any], n_trials: int, base: int | None, where: str) -> NDArray[np.bool_]:
    """Return which trials (n_trials,) an array of indices, or a mask, picks.

    A mask is of truth values, or 0 and 1 for every trial (MATLAB's logical arrays), which cannot
    be indices, since each trial may be named once.

    Raises
    ------
    DataError
        Where a mask has another length, or an index is out of range or named twice.
    """
    flat = vector(values, where)
    zeros_and_ones = flat.dtype.kind in "iuf" and len(flat) == n_trials > 2
    if flat.dtype.kind == "b" or (zeros_and_ones and set(np.unique(flat)) <= {0, 1}):
        if len(flat) != n_trials:
            raise DataError(f"{where}: a mask of {len(flat)} for {n_trials} trials")
        return flat.astype(bool)
    rows = as_rows(flat, n_trials, base, where, of="trials")
    if len(np.unique(rows)) < len(rows):
        raise DataError(f"{where}: {len(rows) - len(np.unique(rows))} trials are named twice")
    mask = np.zeros(n_trials, dtype=bool)
    mask[rows] = True
    return mask


def as_features(values: NDArray[Any], where: str) -> Float:
    """Return features float32 (n, d).

    Raises
    ------
    DataError
        Where they are no finite numbers in two axes.
    """
    if values.dtype.kind not in "biuf" or values.ndim != 2:
        raise DataError(f"{where}: must be numbers (n, d), got {values.dtype} {values.shape}")
    with np.errstate(over="ignore"):
        features = np.array(values, np.float32)
    if not np.isfinite(features).all():
        raise DataError(
            f"{where}: {int((~np.isfinite(features)).sum())} of {features.size} values are not "
            "finite"
        )
    return features


def as_responses(values: NDArray[Any], where: str) -> tuple[Float, NDArray[np.bool_]]:
    """Return responses float32 (n_trials, n_good) and which units (n_units,) were kept.

    Raises
    ------
    DataError
        Where they are no numbers in two axes, or no unit is of use.

    Warns
    -----
    DataWarning
        Where units are masked out: not finite in some trial, or constant.
    """
    if values.dtype.kind not in "iuf" or values.ndim != 2 or 0 in values.shape:
        raise DataError(
            f"{where}: must be numbers (n_trials, n_units), got {values.dtype} {values.shape}"
        )
    with np.errstate(over="ignore"):
        data = np.asarray(values, np.float32)
    finite = np.isfinite(data).all(axis=0)
    constant = finite & (data.max(axis=0) == data.min(axis=0))
    good = finite & ~constant
    counts = (
        f"{int((~finite).sum())} units with values that are not finite and {int(constant.sum())} "
        f"constant ones of {good.size}"
    )
    if not good.any():
        lost = np.flatnonzero(~np.isfinite(data).any(axis=1))
        hint = (
            f"; {len(lost)} trials hold no finite value, first row {lost[0]}" if len(lost) else ""
        )
        raise DataError(f"{where}: no unit has finite values that change ({counts}{hint})")
    if not good.all():
        warnings.warn(f"{where}: {counts} were masked out", DataWarning, stacklevel=2)
        data = data[:, good]
    return np.ascontiguousarray(data), good


def as_pictures(
    values: NDArray[Any], axes: str | None, shape: tuple[int, ...] | None, where: str
) -> Pixels:
    """Return pictures uint8 (n, h, w, 3).

    Parameters
    ----------
    values : array
        Of truth values, uint8, or floats from 0 to 1. (n, d) where ``shape`` is given.
    axes : str or None
        Declared order, e.g. ``hwn``; None means ``nhw`` or ``nhwc``. With ``shape``: order in
        which a row runs through its picture, e.g. ``nwh`` for MATLAB's columns.
    shape : tuple of int or None
        (h, w) or (h, w, 3) of flattened pictures.
    where : str
        Words for errors.

    Raises
    ------
    DataError
        Where shape, type or range is another.
    """
    if shape is not None:
        values, axes = _unflattened(values, axes, shape, where)
    order = axes or {3: "nhw", 4: "nhwc"}.get(values.ndim, "")
    if len(order) != values.ndim or values.size == 0:
        raise DataError(
            f"{where}: pictures must be (n, h, w) or (n, h, w, 3), or in the order that "
            f"data.picture_axes declares ({axes or 'none'}), or flattened with "
            f"data.picture_shape; got {values.shape}"
        )
    wanted = "nhwc" if "c" in order else "nhw"
    pictures = values.transpose([order.index(axis) for axis in wanted])
    if pictures.ndim == 3:
        pictures = pictures[..., None]
    if pictures.shape[3] not in (1, 3):
        raise DataError(
            f"{where}: pictures must have 1 or 3 colours, got {pictures.shape[3]} (read as "
            f"n, h, w, c = {pictures.shape}). Lay pictures with transparency on their background "
            "first; declare another order of axes in data.picture_axes."
        )
    rgb = np.broadcast_to(_bytes(pictures, where), (*pictures.shape[:3], 3))
    return np.ascontiguousarray(rgb)


def _unflattened(
    values: NDArray[Any], axes: str | None, shape: tuple[int, ...], where: str
) -> tuple[NDArray[Any], str]:
    """Return rows (n, d) as pictures, and the order of their axes."""
    order = axes or ("nhwc" if len(shape) == 3 else "nhw")
    size = dict(zip("hwc", shape, strict=False))
    if values.ndim != 2 or values.shape[1] != np.prod(shape):
        raise DataError(
            f"{where}: with data.picture_shape {list(shape)} pictures must be (n, "
            f"{int(np.prod(shape))}), got {values.shape}"
        )
    if order[0] != "n" or set(order[1:]) != set(size):
        raise ConfigError(
            f"data.picture_axes: with picture_shape {list(shape)} it must be n, then "
            f"{', '.join(size)} in the order in which a row runs, the fastest last; got {order}"
        )
    return values.reshape(-1, *(size[axis] for axis in order[1:])), order


def _bytes(pictures: NDArray[Any], where: str) -> Pixels:
    kind = pictures.dtype
    if kind == np.uint8:
        if pictures.max() <= 1:
            warnings.warn(
                f"{where}: no value is above 1 of 255, so the pictures are almost black; save "
                "black and white as truth values or floats",
                DataWarning,
                stacklevel=3,
            )
        return pictures
    if kind.kind == "b":
        return pictures.astype(np.uint8) * np.uint8(255)
    if kind.kind != "f":
        raise DataError(f"{where}: pictures must be uint8 or floats from 0 to 1, got {kind}")
    if not np.isfinite(pictures).all():
        raise DataError(f"{where}: pictures must be finite")
    low, high = float(pictures.min()), float(pictures.max())
    if low < 0 or high > 1:
        raise DataError(
            f"{where}: pictures of floats must be from 0 to 1, got {low:g} to {high:g}; divide by "
            "255, or save as uint8"
        )
    as_bytes: Pixels = np.rint(pictures * 255).astype(np.uint8)
    return as_bytes
