"""What code and weights a stage stands on, as one hash: changed code makes artefacts old."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from neurodecode.artifacts import hash_file

__all__ = ["ROOMS", "code_of"]

PACKAGE = Path(__file__).parent
ROOMS = (
    "stimuli", "models", "targets", "simulate", "studies", "preprocess", "deconfound", "embed",
    "reconstruct", "evaluate", "report", "online",
)  # fmt: skip
"""The folders in the order of the data; imports never go forward."""
SHARED = ("contracts.py", "artifacts.py", "seeds.py", "registry.py", "weights")


@cache
def code_of(room: str, package: Path = PACKAGE) -> str:
    """Hash what a stage in a room may run: the room, those before it, and what all share.

    Later rooms cannot be imported (a test walks all imports), so a change there leaves it.

    Parameters
    ----------
    room : str
        One of :data:`ROOMS`.
    package : Path
        The package's folder.

    Returns
    -------
    str
        16 hex digits over names and contents of code, data, templates and weights; notes (``.md``)
        and what Python and numba compile left out.
    """
    parts = [package / name for name in (*SHARED, *ROOMS[: ROOMS.index(room) + 1])]
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*"))]
    digest = hashlib.sha256()
    for file in sorted(files):
        if file.is_file() and file.suffix != ".md" and file.parent.name != "__pycache__":
            digest.update(f"{file.relative_to(package).as_posix()} {hash_file(file)}\n".encode())
    return digest.hexdigest()[:16]
