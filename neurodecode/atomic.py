"""Writing one file or folder: whole or not at all.

What is being written lies in a private folder beside its final name and is renamed when whole. A
run that fails removes that folder; what a killed run left is removed when the same name is written
again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from neurodecode.errors import OutputError

__all__ = ["claim", "is_full", "refusal", "require_writable", "write_text", "writing"]

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def claim(path: Path) -> Iterator[Path]:
    """Yield a private folder beside ``path`` that is gone when the block ends.

    Raises
    ------
    OutputError
        Where the file system refuses, here or inside the block.
    """
    folder = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        folder.mkdir()
        with _locked(folder):
            yield folder
    except OSError as error:
        raise refusal(path, error) from error
    except SafetensorError as error:
        found = re.search(r"os error (\d+)", str(error))
        if not found:
            raise
        code = int(found[1])
        raise refusal(path, OSError(code, os.strerror(code))) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` when the block ends without an error.

    Raises
    ------
    OutputError
        Where the file system refuses (full disk, no permission).
    """
    with claim(path) as folder:
        temporary = folder / path.name
        yield temporary
        if temporary.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            # Some libraries write files that only their owner may read.
            temporary.chmod(folder.stat().st_mode & 0o666)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())  # a full network disk says so only here
        os.replace(temporary, path)


def require_writable(path: Path) -> None:
    """Raise now, and not after the work, where ``path`` could not be written."""
    with claim(path):
        pass


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def is_full(error: OSError) -> bool:
    """Whether a disk or a quota was full."""
    return error.errno in FULL


def refusal(path: Path, error: OSError) -> OutputError:
    """Say in words why the file system refused to write ``path``, and what to do."""
    why, mend = error.strerror or str(error), "Free space"
    if is_full(error):
        why = f"the disk is full ({why})"
    elif error.errno == errno.EFBIG:
        why = f"no file may grow that large here ({why}; see ulimit -f)"
        mend = "Raise the limit"
    elif error.errno in FORBIDDEN:
        why, mend = f"no permission to write there ({why})", "Allow writing"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR):
        files = [str(parent) for parent in path.parents if parent.is_file()]
        if files:
            why, mend = f"{files[0]} is a file where a folder is needed", "Move it away"
    return OutputError(
        f"{path}: cannot be written: {why}. {mend} or choose another folder (--out, or results in "
        "config.yaml), then run the same command again: finished work is kept."
    )


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, which ends with this process at the latest; tells whether we got it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            got = True
        except OSError:  # another process writes there, or the file system has no locks
            got = False
        yield got
    finally:
        os.close(descriptor)


def _remove_leftovers(path: Path) -> None:
    """Remove what processes that no longer run left while they wrote the same name."""
    for part in path.parent.iterdir():
        if re.fullmatch(rf"\.{re.escape(path.name)}\.\d+\.part", part.name):
            with suppress(FileNotFoundError), _locked(part) as unused:
                if unused:
                    shutil.rmtree(part, ignore_errors=True)
