"""Volumes of NIfTI files, a few in memory at a time, and masked rows that stay on disk.

A gzipped file is read once, from front to back. Voxels come in the order of ``np.argwhere(mask)``.
"""

from __future__ import annotations

import tempfile
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from xml.parsers.expat import ExpatError

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.errors import DataError, OutputError

__all__ = [
    "NOT_AN_IMAGE",
    "RowsOnDisk",
    "drop_columns",
    "masked_volumes",
    "open_image",
    "read_image",
    "voxel_names",
]

# What nibabel raises where a file is cut, or is of another kind.
NOT_AN_IMAGE = (
    OSError,
    EOFError,
    ValueError,
    AttributeError,
    zlib.error,
    ExpatError,
    HeaderDataError,
    ImageFileError,
)
BLOCK = 16_000_000  # bytes of volumes that are read at a time


def open_image(path: Path, n_axes: int) -> Any:
    """Open a NIfTI image; its values stay in the file.

    Raises
    ------
    DataError
        Where it is missing, no image, or of another number of axes.
    """
    try:
        # Kept open, so that a gzipped file is not unpacked again for each block of volumes.
        image: Any = nib.load(path, keep_file_open=True)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except NOT_AN_IMAGE as error:
        raise DataError(f"{path}: not a NIfTI image ({error})") from error
    if len(image.shape) != n_axes:
        raise DataError(f"{path}: must have {n_axes} axes, its header says {image.shape}")
    return image


def read_image(image: Any, path: Path) -> Float:
    """Read all values of an image, in single precision.

    Raises
    ------
    DataError
        Where the file is cut.
    """
    try:
        values: Float = np.asarray(image.dataobj, np.float32)
    except NOT_AN_IMAGE as error:
        raise _cut(path, error) from error
    return values


def masked_volumes(image: Any, path: Path, mask: NDArray[np.bool_]) -> Iterator[NDArray[Any]]:
    """Yield the masked voxels of an image of four axes, some volumes at a time.

    Parameters
    ----------
    image, path
        See :func:`open_image`.
    mask : bool (nx, ny, nz)

    Yields
    ------
    array (n_volumes, n_voxels)
        Scaled as the header says.

    Raises
    ------
    DataError
        Where the file is cut.
    """
    x, y, z = np.nonzero(mask)
    size_x, size_y, _ = mask.shape
    # Where a voxel stands in a volume whose first axis runs fastest, as it does in the file.
    place = x + size_x * (y + size_y * z)
    n_volumes = image.shape[3]
    step = max(1, BLOCK // max(1, mask.size * image.get_data_dtype().itemsize))
    for start in range(0, n_volumes, step):
        try:
            block = np.asarray(image.dataobj[..., start : start + step])
        except NOT_AN_IMAGE as error:
            raise _cut(path, error) from error
        yield block.T.reshape(block.shape[3], -1)[:, place]


def _cut(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: not a whole NIfTI image ({error}). Its header promises more than the file "
        "holds, or the file was cut; copy it again."
    )


def voxel_names(mask: NDArray[np.bool_]) -> list[str]:
    """Name each voxel of a mask by its place in the grid."""
    return [f"{x}_{y}_{z}" for x, y, z in np.argwhere(mask).tolist()]


def drop_columns(data: Float, good: NDArray[np.bool_]) -> Float:
    """Return the good columns of ``data`` (n, m), moved together in its own memory."""
    n_good, flat = int(good.sum()), data.reshape(-1)
    step = max(1, BLOCK // max(1, data.shape[1] * data.itemsize))
    for start in range(0, len(data), step):
        part = data[start : start + step][:, good]
        flat[start * n_good : start * n_good + part.size] = part.reshape(-1)
    return flat[: len(data) * n_good].reshape(len(data), n_good)


class RowsOnDisk:
    """A float32 table (n_rows, n_columns) in a temporary file; rows are read where indexed.

    Holds the masked runs of a recording, so that memory does not grow with their number. The file
    has no name and goes with the process. ``TMPDIR`` says on which disk it lies.

    Parameters
    ----------
    n_columns : int
        Of each row that is appended.
    """

    def __init__(self, n_columns: int) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="neurodecode-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._width = n_columns
        self._n_rows = 0
        self._columns: NDArray[np.int64] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are kept."""
        return self._n_rows, self._width if self._columns is None else len(self._columns)

    def __len__(self) -> int:
        return self._n_rows

    def append(self, rows: Float) -> None:
        """Add rows (n, n_columns) at the end.

        Raises
        ------
        OutputError
            Where the disk is full.
        """
        try:
            self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(rows, np.float32).data)
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"{tempfile.gettempdir()}: cannot hold the masked runs of a subject "
                f"({error.strerror}). Free space, or name a folder of another disk in TMPDIR."
            ) from error
        self._n_rows += len(rows)

    def keep(self, good: NDArray[np.bool_]) -> None:
        """Keep only some columns of the rows as they were appended."""
        self._columns = np.flatnonzero(good)

    def __getitem__(self, rows: NDArray[Any] | slice) -> Float:
        """Read the rows that a mask (n_rows,), indices or a slice pick, and what lies between."""
        wanted = np.arange(self._n_rows)[rows]
        if not len(wanted):
            return np.empty((0, self.shape[1]), np.float32)
        first, last = int(wanted.min()), int(wanted.max())
        self._file.seek(first * self._width * 4)
        block = np.fromfile(self._file, np.float32, (last - first + 1) * self._width)
        block = block.reshape(-1, self._width)
        if len(wanted) < len(block) or (np.diff(wanted) != 1).any():
            block = block[wanted - first]
        return block if self._columns is None else block[:, self._columns]
