"""The ledger of a test set: every query of its scores, one line each, in a chain of hashes.

A test set wears out: each look at its scores lets the next choice of settings lean on them. So each
scoring of other inputs or settings is written down before its scores are. A query that is asked
again gets the same answer and is no new look. Lines are only ever appended; each holds the hash of
the one before, so that a line that is changed, or taken out, shows. The last line has none after
it: a file beside the ledger (``.head``) holds its number and hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from neurodecode.artifacts import hash_settings
from neurodecode.atomic import refusal, write_text
from neurodecode.errors import DataError

__all__ = [
    "Entry",
    "Ledger",
    "head_of",
    "is_unlocked",
    "opened",
    "query_of",
    "read_ledger",
    "require_query",
    "write_query",
]

FIRST = "0" * 64
LOST = (
    "How often the test set was looked at is no longer known: put the file back, or score on data "
    "that nobody has seen, in a new results folder."
)


@dataclass(frozen=True)
class Entry:
    """One query.

    Attributes
    ----------
    number : int
        From 1.
    kind : str
        What happened: ``exact`` scores were given; ``locked``, scores whose test set is locked;
        ``answer``, one answer of the reusable holdout; ``unlock``, from here on scores are exact.
    query : str
        Hash of what was scored: settings, seed and inputs.
    previous : str
        sha256 of the line before; zeros on the first.
    value, spent, seal
        Of an answer: what was said, whether it came from the test set, hash of the secret seed.
    """

    number: int
    kind: str
    query: str
    previous: str
    value: float | None = None
    spent: bool | None = None
    seal: str | None = None

    @property
    def line(self) -> str:
        """The entry as it stands in the file."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(known, sort_keys=True) + "\n"

    @property
    def digest(self) -> str:
        """sha256 of the line."""
        return hashlib.sha256(self.line.encode()).hexdigest()


def query_of(settings: str, seed: int, inputs: Mapping[str, str]) -> str:
    """Hash what a job's scores depend on; as the sidecar of the scores holds it.

    Parameters
    ----------
    settings : str
        Hash of the settings.
    seed : int
    inputs : mapping of str to str
        Name and hash of what was read.
    """
    return hash_settings({"settings": settings, "seed": seed, "inputs": dict(inputs)})


def read_ledger(path: Path) -> list[Entry]:
    """Read and check a ledger; empty where there is none.

    A last line that a killed run left unfinished is no entry: no score was written after it.

    Raises
    ------
    DataError
        Where a line was changed or taken out, the last included.
    """
    head = _read_head(path)  # before the ledger, which another process may append to meanwhile
    entries = _read_entries(path) if path.exists() else []
    _check_head(path, entries, head)
    return entries


def _read_entries(path: Path) -> list[Entry]:
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    entries: list[Entry] = []
    previous = FIRST
    for number, line in enumerate(lines, start=1):
        try:
            entry = Entry(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise _broken(path, number) from error
        whole = entry.line == line + "\n"
        if not (whole and entry.number == number and entry.previous == previous):
            raise _broken(path, number)
        entries.append(entry)
        previous = entry.digest
    return entries


def head_of(path: Path) -> Path:
    """Return the file beside a ledger that holds the number and hash of its last line."""
    return path.with_suffix(".head")


def _read_head(path: Path) -> tuple[int, str]:
    """Return number and hash of the last line that was written; 0 where there is no such file."""
    file = head_of(path)
    if not file.exists():
        return 0, FIRST
    number, _, digest = file.read_text(encoding="utf-8").strip().partition(" ")
    if not (number.isdecimal() and len(digest) == len(FIRST)):
        raise DataError(f"{file}: must hold a number and a hash, and was changed. {LOST}")
    return int(number), digest


def _check_head(path: Path, entries: Sequence[Entry], head: tuple[int, str]) -> None:
    """Raise where the ledger ends before its last line.

    A killed run can have left a line without its head: the very last one, or the first of all.
    """
    number, digest = head
    if len(entries) < number:
        raise DataError(
            f"{path}: holds {len(entries)} of the {number} queries that were written: its end was "
            f"taken out. {LOST}"
        )
    if number and entries[number - 1].digest != digest:
        raise DataError(f"{path}: a line was changed or taken out after it was written. {LOST}")
    if not number and len(entries) > 1:
        raise DataError(
            f"{head_of(path)}: no such file, so whether {path.name} is whole cannot be told. {LOST}"
        )


def _broken(path: Path, number: int) -> DataError:
    return DataError(
        f"{path}: line {number} is not what was written: a line was changed or taken out. {LOST}"
    )


class Ledger:
    """A ledger that this process alone may write to; see :func:`opened`."""

    def __init__(self, path: Path, descriptor: int, entries: list[Entry]) -> None:
        self.entries = entries
        self._path = path
        self._descriptor = descriptor
        self._size = sum(len(entry.line.encode()) for entry in entries)

    def append(
        self,
        kind: str,
        query: str,
        *,
        value: float | None = None,
        spent: bool | None = None,
        seal: str | None = None,
    ) -> None:
        """Append an entry; it is on the disk when this returns."""
        last = self.entries[-1].digest if self.entries else FIRST
        entry = Entry(len(self.entries) + 1, kind, query, last, value, spent, seal)
        os.ftruncate(self._descriptor, self._size)  # drops what a killed run left of a line
        os.lseek(self._descriptor, self._size, os.SEEK_SET)
        line = entry.line.encode()
        os.write(self._descriptor, line)
        os.fsync(self._descriptor)
        self._size += len(line)
        self.entries.append(entry)
        self.write_head()

    def write_head(self) -> None:
        """Write down the last line, where a killed run or a full disk has kept that from being."""
        if _read_head(self._path)[0] < len(self.entries):
            write_text(
                head_of(self._path), f"{self.entries[-1].number} {self.entries[-1].digest}\n"
            )


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """Open a ledger, made where there is none, for this process alone.

    Raises
    ------
    DataError
        See :func:`read_ledger`.
    OutputError
        Where the file system refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            ledger = Ledger(path, descriptor, read_ledger(path))
            ledger.write_head()
            yield ledger
        finally:
            os.close(descriptor)
    except OSError as error:
        raise refusal(path, error) from error


def write_query(path: Path, query: str, kind: str = "exact") -> None:
    """Append a query, unless it was asked before; see :func:`opened` for what is raised."""
    with opened(path) as ledger:
        if all((e.query, e.kind) != (query, kind) for e in ledger.entries):
            ledger.append(kind, query)


def is_unlocked(entries: Sequence[Entry]) -> bool:
    """Whether the final unlock stands in a ledger."""
    return any(entry.kind == "unlock" for entry in entries)


def require_query(path: Path, query: str) -> list[Entry]:
    """Return the entries; raise where the query that made some scores is not among them.

    Raises
    ------
    DataError
    """
    entries = read_ledger(path)
    if all(entry.query != query for entry in entries):
        raise DataError(
            f"{path}: does not hold the query that made the scores beside it: the ledger was cut "
            "or removed. Run stage evaluate again; earlier looks at the test set are lost count of."
        )
    return entries
