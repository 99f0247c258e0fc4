"""A locked test set: what may be asked of it, where answers are kept, and the final unlock.

The lock guards an analyst against their own eyes, not against somebody with a debugger: the data
lie open beside it. The secret seed lies beside the ledger in a file that only its owner may read.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from neurodecode.config import StudyConfig
from neurodecode.errors import DataError
from neurodecode.evaluate.ledger import Entry, Ledger, is_unlocked, opened, read_ledger
from neurodecode.evaluate.settings import HoldoutSettings
from neurodecode.evaluate.thresholdout import Thresholdout
from neurodecode.paths import Paths

__all__ = ["ASKED", "Standing", "ask", "is_locked", "may_be_asked", "standing", "unlock"]

ASKED = r"accuracy_\d+way|retrieval_two_way"
"""Scores that a locked test set answers: from 0 to 1, and the same whatever the number of items."""


@dataclass(frozen=True)
class Standing:
    """How a subject's test set stands.

    Attributes
    ----------
    locked : bool
    answered, spent : int
        Answers given, and those of them that came from the test set.
    budget : int
        Answers from the test set that there were in all.
    exact : int
        Times that exact scores were given.
    entries : tuple of Entry
        The ledger.
    """

    locked: bool
    answered: int
    spent: int
    budget: int
    exact: int
    entries: tuple[Entry, ...]

    @property
    def left(self) -> int:
        """Answers from the test set that are left."""
        return max(self.budget - self.spent, 0)


def may_be_asked(metric: str) -> bool:
    """Whether a locked test set answers a score of that name."""
    return re.fullmatch(ASKED, metric) is not None


def is_locked(study: StudyConfig, paths: Paths, subject: str) -> bool:
    """Whether a subject's test set is locked: the study locks, and nobody has unlocked it."""
    return study.locked and not is_unlocked(read_ledger(paths.ledger(subject)))


def standing(study: StudyConfig, entries: list[Entry]) -> Standing:
    """Read a subject's standing off its ledger."""
    return Standing(
        locked=study.locked and not is_unlocked(entries),
        answered=sum(entry.kind == "answer" for entry in entries),
        spent=sum(bool(entry.spent) for entry in entries),
        budget=study.evaluate.holdout.budget,
        exact=sum(entry.kind == "exact" for entry in entries),
        entries=tuple(entries),
    )


def ask(
    path: Path, query: str, train: float, test: float, settings: HoldoutSettings
) -> float | None:
    """Answer one score; None refuses. The same query has the same answer and costs nothing.

    Parameters
    ----------
    path : Path
        The subject's ledger.
    query : str
        Hash of what was decoded and of the metric's name.
    train, test : float
        Cross-validated training score; test score.
    settings : HoldoutSettings

    Raises
    ------
    DataError
        Where the ledger or its secret seed was tampered with.
    """
    with opened(path) as ledger:
        given = [entry for entry in ledger.entries if entry.kind == "answer"]
        for entry in given:
            if entry.query == query:
                return entry.value
        secret, seal = _secret(path, ledger)
        answer = Thresholdout(secret, settings.threshold, settings.noise, settings.budget).answer(
            train, test, n_asked=len(given), n_spent=sum(bool(entry.spent) for entry in given)
        )
        if answer is None:
            return None
        ledger.append("answer", query, value=answer.value, spent=answer.spent, seal=seal)
        return answer.value


def _secret(path: Path, ledger: Ledger) -> tuple[int, str]:
    """Return the ledger's secret seed, drawn when first needed, and its hash."""
    file = path.with_suffix(".secret")
    seals = {entry.seal for entry in ledger.entries if entry.kind == "answer"}
    if not seals and not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(os.urandom(16).hex())
            stream.flush()
            os.fsync(stream.fileno())
    text = file.read_text(encoding="ascii") if file.exists() else ""
    seal = hashlib.sha256(text.encode()).hexdigest()[:16]
    if not re.fullmatch(r"[0-9a-f]{32}", text) or (seals and seals != {seal}):
        raise DataError(
            f"{file}: is not the secret seed that earlier answers of {path.name} were made with. "
            "Put it back, or score on data that nobody has seen, in a new results folder."
        )
    return int(text, 16), seal


def unlock(study: StudyConfig, paths: Paths, subjects: tuple[str, ...]) -> list[str]:
    """Unlock the test sets for good; returns the subjects whose were locked until now.

    What was scored while locked is taken back, so that the next run scores exactly.
    """
    done = []
    for subject in subjects:
        with opened(paths.ledger(subject)) as ledger:
            if is_unlocked(ledger.entries):
                continue
            ledger.append("unlock", "")
        paths.scores(subject).unlink(missing_ok=True)
        paths.online(subject).unlink(missing_ok=True)
        paths.specifications(subject).unlink(missing_ok=True)
        done.append(subject)
    return done
