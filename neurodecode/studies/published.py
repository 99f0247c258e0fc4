"""What the adapters of public data sets share: what to download, what must be there, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Pixels
from neurodecode.errors import ConfigError, DataError

__all__ = ["Published", "open_picture", "to_square"]


@dataclass(frozen=True)
class Published:
    """A public data set: how to get it, in the words of an error.

    Attributes
    ----------
    name : str
    get : str
        What to download, and from where.
    size : str
        How much that is.
    terms : str
        Under which terms.
    citation : str
    """

    name: str
    get: str
    size: str
    terms: str
    citation: str

    def require(self, root: Path, needed: Iterable[Path]) -> None:
        """Raise where files are missing, before any work.

        Raises
        ------
        DataError
            Lists the first ones, and says what to download, how much and under which terms.
        """
        paths = list(needed)
        missing = [path for path in paths if not path.exists()]
        if not missing:
            return
        shown = "\n".join(f"  {_below(path, root)}" for path in missing[:5])
        more = f"\n  ... and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise DataError(
            f"{root}: {len(missing)} of {len(paths)} files of the {self.name} are not there "
            f"(data.root must be the folder that holds its published tree):\n{shown}{more}\n"
            f"Download: {self.get}\nSize: {self.size}\nTerms: {self.terms}\n"
            f"Cite: {self.citation}"
        )

    def known(self, subject: str, subjects: Sequence[str]) -> str:
        """Return a subject's name.

        Raises
        ------
        ConfigError
            Where the study does not name it.
        """
        if subject not in subjects:
            raise ConfigError(
                f"data.subjects: subject must be one of {', '.join(subjects)}, got {subject!r}"
            )
        return subject


def _below(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


def to_square(picture: NDArray[np.uint8], size: int) -> Pixels:
    """Return an RGB picture (h, w, 3) brought to (size, size, 3)."""
    from PIL import Image

    # Large pictures are first reduced by a whole number: several times as fast, and alike.
    image = Image.fromarray(picture)
    square = image.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(square, np.uint8)


def open_picture(path: Path, size: int) -> Pixels:
    """Read a picture file as RGB, brought to (size, size, 3).

    Raises
    ------
    DataError
        Where it is missing or damaged.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return to_square(np.asarray(image.convert("RGB")), size)
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path}: not readable as a picture ({error})") from error
