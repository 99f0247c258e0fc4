"""Named arrays in a person's own files: .npz, .npy, .mat and .h5, never by pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from scipy.io import loadmat, whosmat

from neurodecode.errors import ConfigError, DataError
from neurodecode.studies.arrays_hdf5 import (
    BLOCK,
    NotPlain,
    hdf5_blocks,
    hdf5_shapes,
    is_hdf5,
    read_hdf5,
    read_hdf5_single,
)

__all__ = ["find", "read_array", "read_blocks", "shapes"]

HDF5 = (".h5", ".hdf5")
SUFFIXES = (".npz", ".npy", ".mat", *HDF5)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each array that a file holds, from its headers alone.

    Raises
    ------
    ConfigError
        Where the file is of another kind.
    DataError
        Where it is missing or damaged.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: files of arrays must end in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise DataError(
            f"{path}: no such file. A relative path starts at the folder in which the command is "
            f"run ({'its folder exists' if path.parent.is_dir() else 'which lacks its folder'})."
        )
    try:
        if _in_hdf5(path):
            return hdf5_shapes(path)
        if path.suffix == ".mat":
            return {str(name): tuple(shape) for name, shape, _ in whosmat(path)}
        if path.suffix == ".npy":
            with path.open("rb") as stream:
                return {path.stem: _header(stream)}
        with zipfile.ZipFile(path) as archive:
            found = {}
            for name in archive.namelist():
                with archive.open(name) as stream:
                    found[name.removesuffix(".npy")] = _header(stream)
            return found
    except Exception as error:  # parsers of damaged files raise almost anything
        raise _damaged(path, error) from error


def _in_hdf5(path: Path) -> bool:
    """Whether HDF5 reads it: MATLAB's v7.3 has the name of its older formats."""
    return path.suffix in HDF5 or (path.suffix == ".mat" and is_hdf5(path))


def _header(stream: Any) -> tuple[int, ...]:
    """Shape in the header of an open ``.npy``."""
    return _whole_header(stream)[0]


def _whole_header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns are kept together, and type."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, kind = read(stream)
    return tuple(shape), bool(by_columns), kind


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: not a whole {path.suffix} file ({type(error).__name__}: {error}). It was cut or "
        "is of another format; copy or save it again."
    )


def find(name: str, key: str, files: Sequence[Path]) -> Path:
    """Return the one file that holds an array.

    Parameters
    ----------
    name : str
        What the array is for, as in the YAML (``responses``).
    key : str
        Its name in the files.
    files : sequence of Path
        Where it may be.

    Raises
    ------
    ConfigError
        Where no file holds it (lists what they hold), or more than one.
    """
    held = {path: shapes(path) for path in dict.fromkeys(files)}
    having = [path for path, arrays in held.items() if key in arrays]
    if not having:
        listed = "; ".join(f"{path} holds {_listed(arrays)}" for path, arrays in held.items())
        raise ConfigError(f"data.keys.{name}: no array {key!r}: {listed}")
    if len(having) > 1:
        raise ConfigError(
            f"data.keys.{name}: array {key!r} is in {' and in '.join(map(str, having))}; it must "
            "be in one of them"
        )
    return having[0]


def _listed(arrays: dict[str, tuple[int, ...]]) -> str:
    if not arrays:
        return "no array"
    said = [f"{name} {shape}" for name, shape in list(arrays.items())[:30]]
    return ", ".join(said) + (" ..." if len(arrays) > 30 else "")


def read_array(path: Path, key: str, *, single: bool = False) -> NDArray[Any]:
    """Read one array; text comes as ``str``, a MATLAB cell array of texts too.

    ``single`` reads numbers of HDF5 files in single precision, so that double precision is never
    whole in memory.

    Raises
    ------
    DataError
        Where it is damaged, or holds objects, records or complex numbers.
    """
    values: NDArray[Any]
    try:
        if _in_hdf5(path):
            values = read_hdf5_single(path, key) if single else read_hdf5(path, key)
        elif path.suffix == ".mat":
            values = np.asarray(loadmat(path, variable_names=[key])[key])
        elif path.suffix == ".npy":
            # Mapped: pictures can be reduced, and responses converted, without a second copy.
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            with np.load(path, allow_pickle=False) as archive:
                values = archive[key]
    except NotPlain as error:
        raise _objects(path, key) from error
    except Exception as error:  # parsers of damaged files raise almost anything
        if "allow_pickle" in str(error):
            raise _objects(path, key) from error
        raise _damaged(path, error) from error
    if values.dtype.kind == "O":
        return _cells(values, path, key)
    if values.dtype.kind not in "biufUS":
        raise _objects(path, key)
    return values.astype(str) if values.dtype.kind == "S" else values


def read_blocks(path: Path, key: str, axis: int) -> Iterator[NDArray[Any]]:
    """Yield an array of numbers in parts along an axis, of some megabytes each.

    ``.npy`` and HDF5 files are never whole in memory, ``.npz`` files not where ``axis`` is the
    first and rows are kept together (as NumPy does); older ``.mat`` files are.

    Raises
    ------
    DataError
        As :func:`read_array`.
    """
    if path.suffix == ".npz" and axis == 0:
        parts = _zipped_blocks(path, key)
    elif _in_hdf5(path):
        parts = hdf5_blocks(path, key, axis)
    else:
        parts = _cut(read_array(path, key), axis)
    try:
        yield from parts
    except NotPlain as error:
        raise _objects(path, key) from error
    except DataError:
        raise
    except Exception as error:  # parsers of damaged files raise almost anything
        raise _damaged(path, error) from error


def _cut(values: NDArray[Any], axis: int) -> Iterator[NDArray[Any]]:
    n = values.shape[axis]
    step = max(1, BLOCK * n // max(values.nbytes, 1))
    for start in range(0, n, step):
        yield values[(*[slice(None)] * axis, slice(start, start + step))]


def _zipped_blocks(path: Path, key: str) -> Iterator[NDArray[Any]]:
    """Yield rows of a ``.npy`` in a ``.npz`` as they are unpacked."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as stream:
        shape, by_columns, kind = _whole_header(stream)
        if by_columns or kind.hasobject:
            yield from _cut(read_array(path, key), 0)
            return
        size = int(np.prod(shape[1:])) * kind.itemsize
        step = max(1, BLOCK // max(size, 1))
        for start in range(0, shape[0], step):
            n = min(step, shape[0] - start)
            yield np.frombuffer(stream.read(n * size), kind).reshape(n, *shape[1:])


def _objects(path: Path, key: str) -> DataError:
    return DataError(
        f"{path}: array {key!r} holds objects, records or complex numbers; it must be a plain "
        "array of numbers or text (objects would need pickle, which is never read). For text "
        "save np.array(values, dtype=str), or in MATLAB a cell array of char rows."
    )


def _cells(values: NDArray[Any], path: Path, key: str) -> NDArray[Any]:
    """Turn a MATLAB cell array of texts into an array of ``str``."""
    texts = []
    for cell in values.ravel(order="F"):
        text = np.asarray(cell)
        if path.suffix != ".mat" or text.dtype.kind != "U" or text.size > 1:
            raise _objects(path, key)
        texts.append(str(text.item()) if text.size else "")
    return np.array(texts, dtype=str)
