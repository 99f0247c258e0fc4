"""Named arrays in HDF5 files: ``.h5``, and ``.mat`` as MATLAB saves it with ``-v7.3``.

HDF5 keeps rows together, MATLAB columns: an array that MATLAB calls (a, b, c) stands in the file
as (c, b, a). It is turned back here, so that a ``.mat`` file reads alike in both of its formats.
Text is stored by MATLAB as numbers, and cells as references; the attribute ``MATLAB_class`` tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float

__all__ = ["NotPlain", "hdf5_blocks", "hdf5_shapes", "is_hdf5", "read_hdf5", "read_hdf5_single"]

BLOCK = 32_000_000  # bytes that are read at a time


class NotPlain(ValueError):
    """An array holds something that is neither numbers nor text."""


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, whatever its name."""
    import h5py

    return bool(h5py.is_hdf5(path))


def hdf5_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each array, in the axis order that it is read in."""
    import h5py

    found: dict[str, tuple[int, ...]] = {}

    def add(name: str, item: Any) -> None:
        # What begins with # holds the contents of MATLAB's cells and objects.
        if isinstance(item, h5py.Dataset) and not name.startswith("#"):
            found[name] = _shape(item)

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return found


def read_hdf5(path: Path, key: str) -> NDArray[Any]:
    """Read one array.

    Raises
    ------
    NotPlain
        Where it holds neither numbers nor text.
    """
    import h5py

    with h5py.File(path, "r") as file:
        data = file[key]
        kind = _class(data)
        if kind == "cell":
            cells = data[()].T.ravel(order="F")
            return np.array([_text(file[cell]) for cell in cells], dtype=str)
        if kind == "char":
            return _rows_of_text(data)
        if h5py.check_string_dtype(data.dtype) is not None:
            return np.asarray(data.asstr()[()]).astype(str)
        _refuse_other(data, kind)
        values: NDArray[Any] = np.zeros(_shape(data), data.dtype) if _empty(data) else data[()]
        if kind is not None and not _empty(data):
            values = values.T
        return values.astype(bool) if kind == "logical" else values


def read_hdf5_single(path: Path, key: str) -> Float:
    """Read one array of numbers in single precision, a block of rows at a time.

    An array in double precision is never whole in memory.

    Raises
    ------
    NotPlain
        Where it does not hold numbers.
    """
    import h5py

    with h5py.File(path, "r") as file:
        data = file[key]
        kind = _class(data)
        _refuse_other(data, kind)
        shape = _shape(data)
        values: Float = np.zeros(shape, np.float32)
        if _empty(data) or not shape:
            return values
        step = max(1, BLOCK * shape[0] // max(data.nbytes, 1))
        with np.errstate(over="ignore"):
            for start in range(0, shape[0], step):
                rows = slice(start, start + step)
                values[rows] = data[rows] if kind is None else data[..., rows].T
        return values


def hdf5_blocks(path: Path, key: str, axis: int) -> Iterator[NDArray[Any]]:
    """Yield an array of numbers in parts along an axis, counted as it is read.

    Raises
    ------
    NotPlain
        Where it does not hold numbers.
    """
    import h5py

    with h5py.File(path, "r") as file:
        data = file[key]
        kind = _class(data)
        _refuse_other(data, kind)
        if _empty(data):
            return
        stored = axis if kind is None else data.ndim - 1 - axis
        step = max(1, BLOCK * data.shape[stored] // max(data.nbytes, 1))
        for start in range(0, data.shape[stored], step):
            part = data[(*[slice(None)] * stored, slice(start, start + step))]
            part = part if kind is None else part.T
            yield part.astype(bool) if kind == "logical" else part


def _class(data: Any) -> str | None:
    """MATLAB's class of an array; None in a file that is not MATLAB's."""
    name = data.attrs.get("MATLAB_class")
    if name is None:
        return None
    return name.decode() if isinstance(name, bytes) else str(name)


def _empty(data: Any) -> bool:
    """Whether MATLAB stored, in place of an array without values, its shape."""
    return bool(data.attrs.get("MATLAB_empty", 0))


def _shape(data: Any) -> tuple[int, ...]:
    if _empty(data):
        return tuple(int(n) for n in data[()])
    shape = tuple(int(n) for n in data.shape)
    return shape if _class(data) is None else shape[::-1]


def _refuse_other(data: Any, kind: str | None) -> None:
    numbers = kind in (None, "logical", "double", "single") or str(kind).lstrip("u")[:3] == "int"
    if not numbers or data.dtype.kind not in "biuf":
        raise NotPlain(kind or str(data.dtype))


def _text(cell: Any) -> str:
    """Text of one cell."""
    if _class(cell) != "char":
        raise NotPlain(f"a cell of {_class(cell)}")
    rows = _rows_of_text(cell)
    if len(rows) > 1:
        raise NotPlain("a cell of several rows of text")
    return str(rows[0]) if len(rows) else ""


def _rows_of_text(data: Any) -> NDArray[np.str_]:
    """Rows of a MATLAB array of characters, which are stored as UTF-16 numbers."""
    if _empty(data):
        return np.array([], dtype=str)
    units = np.atleast_2d(data[()].T)
    texts = [np.asarray(row, "<u2").tobytes().decode("utf-16-le", "replace") for row in units]
    return np.array(texts, dtype=str)
