"""What studies of simulated people share: nobody's file is read, pictures ship with the package."""

from __future__ import annotations

from pathlib import Path

from neurodecode.errors import ConfigError

__all__ = ["PICTURES", "Simulated"]

PICTURES = "Pictures: Fluent Emoji (MIT, Microsoft Corporation)."


class Simulated:
    """Numbered people who see pictures of ``objects64``.

    Parameters
    ----------
    n_subjects : int
    """

    level = "stimulus"
    simulated = True

    def __init__(self, n_subjects: int) -> None:
        self.n_subjects = n_subjects

    def subjects(self) -> tuple[str, ...]:
        """Return ``01``, ``02``, ..."""
        return tuple(f"{k + 1:02d}" for k in range(self.n_subjects))

    def sources(self, subject: str) -> list[Path]:
        """Return nothing: no file is read."""
        return []

    def stimulus_sources(self) -> list[Path]:
        """Return nothing: the pictures ship with the package."""
        return []

    def refuse_unknown(self, kind: str, subject: str) -> None:
        """Raise a ConfigError where there is no such subject."""
        if subject not in self.subjects():
            raise ConfigError(
                f"{kind}: subject must be one of {', '.join(self.subjects())}, got {subject!r}"
            )
