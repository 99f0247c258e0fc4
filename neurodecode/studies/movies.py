"""Movies that were shown: frames at the rate that a study needs, read once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.artifacts import load_arrays, save_arrays
from neurodecode.contracts import Pixels
from neurodecode.errors import DataError
from neurodecode.studies.published import to_square

__all__ = ["kept_frames", "movie_frames"]

SHORT = 1.0
"""Seconds by which a movie may end early: its last frame stands for them."""


def kept_frames(path: Path, folder: Path, *, fps: int, n_frames: int, size: int) -> Pixels:
    """Read a movie's frames, or those kept of it; see :func:`movie_frames`.

    They are kept in ``folder`` by movie, rate and size, and read anew where the movie has changed.
    """
    kept = folder / f"{path.stem}_{fps}fps_{size}px.safetensors"
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: no such movie") from error
    movie = np.array([status.st_size, status.st_mtime_ns], np.int64)
    if kept.exists():
        arrays = load_arrays(kept)
        if np.array_equal(arrays["movie"], movie) and len(arrays["frames"]) == n_frames:
            return arrays["frames"]
    frames = movie_frames(path, fps=fps, n_frames=n_frames, size=size)
    save_arrays(kept, {"frames": frames, "movie": movie})
    return frames


def movie_frames(path: Path, *, fps: int, n_frames: int, size: int) -> Pixels:
    """Read frames of a movie file.

    Parameters
    ----------
    path : Path
    fps : int
        Frames a second that are taken: frame k is what stands at (k + 1/2) / fps seconds.
    n_frames : int
    size : int
        Side that frames are brought to.

    Returns
    -------
    uint8 (n_frames, size, size, 3)

    Raises
    ------
    DataError
        Where the file is missing, damaged, no movie, or more than a second too short.
    """
    import av

    times = (np.arange(n_frames) + 0.5) / fps
    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise DataError(f"{path}: holds no video")
            found = list(_at(times, container.decode(video=0), size))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such movie") from error
    except (av.FFmpegError, ValueError) as error:
        raise DataError(f"{path}: not a whole movie ({error}); download it again") from error
    if len(found) < n_frames:
        raise DataError(
            f"{path}: ends after about {len(found) / fps:g} s; {n_frames / fps:g} s were shown. Is "
            "the download whole?"
        )
    return np.stack(found)


def _at(times: NDArray[np.float64], frames: Iterator[Any], size: int) -> Iterator[Pixels]:
    """Yield what stands at each time that the movie reaches."""
    wanted, now, start = 0, None, 0.0
    for frame in frames:
        if now is None:
            start = frame.time
        while now is not None and wanted < len(times) and times[wanted] < frame.time - start:
            yield _square(now, size)
            wanted += 1
        now = frame
        if wanted == len(times):
            return
    while now is not None and wanted < len(times) and times[wanted] <= now.time - start + SHORT:
        yield _square(now, size)
        wanted += 1


def _square(frame: Any, size: int) -> Pixels:
    return to_square(frame.to_ndarray(format="rgb24"), size)
