"""The one unpickler of this package: arrays and plain containers, nothing that runs.

THINGS-EEG2 is published as pickled dictionaries in ``.npy`` files. A pickle is a program that may
call anything that it can name; here the only names that it finds are stand-ins for what rebuilds
an array. They note shape, type and bytes, which are checked, and made into arrays, after the
program has ended: not even numpy's own state functions are called by it.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from neurodecode.errors import DataError

__all__ = ["load_plain"]

MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
PLAIN = (str, bytes, int, float, bool, type(None))
DEEPEST = 20


class _Refused(Exception):
    """What a pickle asks for is none of what is read."""


class _Type:
    """Stand-in of a dtype: numbers, text or (of the outermost array) objects."""

    __slots__ = ("order", "text")

    def __init__(self, text: Any) -> None:
        if not isinstance(text, str) or not re.fullmatch(r"[biufUSO]\d{1,4}", text):
            raise _Refused(f"an array of type {str(text)[:40]!r}")
        self.text, self.order = text, "<"

    def __setstate__(self, state: Any) -> None:
        # Version, byte order, then subarray, names and fields, which plain types lack.
        if not isinstance(state, tuple) or len(state) < 5 or any(p is not None for p in state[2:5]):
            raise _Refused("an array of records")
        if state[1] not in ("<", ">", "|", "="):
            raise _Refused(f"byte order {str(state[1])[:20]!r}")
        self.order = "<" if state[1] == "=" else state[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that it stands for."""
        return np.dtype(self.text if self.text[0] == "O" else self.order + self.text)


class _Array:
    """Stand-in of an array."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Type):
            raise _Refused("an array whose state is not one of numpy's")
        self.state = state

    def value(self) -> NDArray[Any] | list[Any]:
        """The array, sharing the bytes; of objects their list."""
        if not self.state:
            raise _Refused("an array without values")
        _, shape, kind, fortran, raw = self.state
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise _Refused(f"an array of shape {str(shape)[:40]}")
        dtype, size = kind.dtype, int(np.prod(shape, dtype=object))
        if dtype.kind == "O":
            if not isinstance(raw, list) or len(raw) != size or len(shape) > 1:
                raise _Refused("an array of objects in several axes")
            return raw
        if not isinstance(raw, bytes) or len(raw) != size * dtype.itemsize:
            raise _Refused("an array whose bytes do not fit its shape")
        if not raw:
            return np.zeros(shape, dtype)
        return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


class _Unpickler(pickle._Unpickler):
    """Finds stand-ins alone, whatever a pickle names.

    The unpickler in Python, whose memo is a dictionary: the one in C makes room for every number
    below the largest that a pickle says, and fills the memory for a file of ten bytes.
    """

    def find_class(self, module: str, name: str) -> Any:
        found = {
            **{(place, "_reconstruct"): self._reconstruct for place in MODULES},
            **{(place, "scalar"): self._scalar for place in MODULES},
            ("numpy", "ndarray"): object(),
            ("numpy", "dtype"): self._dtype,
        }
        if (module, name) not in found:
            raise _Refused(f"{module[:60]}.{name[:60]}")
        return found[module, name]

    # Methods, not functions or classes: a pickle cannot change how they work.
    def _reconstruct(self, *_: Any) -> _Array:
        return _Array()

    def _dtype(self, text: Any, *_: Any) -> _Type:
        return _Type(text)

    def _scalar(self, kind: Any, raw: Any) -> Any:
        if not isinstance(kind, _Type) or kind.dtype.kind == "O" or not isinstance(raw, bytes):
            raise _Refused("a scalar that is no number or text")
        if len(raw) != kind.dtype.itemsize:
            raise _Refused("a scalar whose bytes do not fit its type")
        return np.frombuffer(raw, kind.dtype)[0].item()


def load_plain(path: Path) -> Any:
    """Read a pickled ``.npy`` file of arrays, dicts, lists, tuples, text and numbers.

    Arrays share the memory that was read, and cannot be written to.

    Raises
    ------
    DataError
        Where the file is missing or damaged, or holds anything else; nothing of it is run.
    """
    try:
        with path.open("rb") as stream:
            return _load(stream)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except _Refused as error:
        raise DataError(
            f"{path}: refused, as it holds {error}: only arrays, dictionaries, lists, text and "
            "numbers are unpickled. This is not the published file; download it again."
        ) from error
    except Exception as error:  # a damaged pickle raises almost anything
        raise DataError(
            f"{path}: not a whole pickled .npy file ({type(error).__name__}: {error}); download it "
            "again"
        ) from error


def _load(stream: IO[bytes]) -> Any:
    if stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
        stream.seek(0)
        read = (
            npy.read_array_header_1_0
            if npy.read_magic(stream) == (1, 0)
            else npy.read_array_header_2_0
        )
        _, _, dtype = read(stream)
        if dtype.kind != "O":
            raise _Refused(f"a plain array of {dtype}")
    else:  # a pickle that was written without numpy's header
        stream.seek(0)
    return _plain(_Unpickler(stream).load(), 0)


def _plain(value: Any, depth: int) -> Any:
    """Turn stand-ins into arrays; raise for any other object."""
    if depth > DEEPEST:
        raise _Refused("containers within containers without end")
    if isinstance(value, _Array):
        found = value.value()
        if isinstance(found, np.ndarray):
            return found
        items = _plain(found, depth + 1)
        return items[0] if value.state[1] == () else items
    kind = type(value)
    if kind is dict:
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(_plain(item, depth + 1) for item in value)
    if kind in PLAIN:
        return value
    raise _Refused(f"an object of type {kind.__name__}")


def _key(key: Any) -> Any:
    if type(key) not in PLAIN:
        raise _Refused(f"a key of type {type(key).__name__}")
    return key
