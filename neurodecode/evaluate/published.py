"""Published scores of other systems, and where they may stand beside a study's own.

``data/published.tsv`` holds figures as they were published, each with what it was measured on. One
stands beside ours only where data set, subjects, split, number of items, gallery, resolution and
extractor are the same; what differs is found by comparing the fields. The hash of the weights that
others scored with is not published: extractors agree by network and layer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from neurodecode.artifacts import read_table
from neurodecode.config import StudyConfig

__all__ = [
    "Measured",
    "Published",
    "Setting",
    "comparable_extractors",
    "differences",
    "gallery_of",
    "published",
    "split_of",
]

FILE = Path(__file__).parent / "data" / "published.tsv"
SESSIONS = {"old": 37, "new": 40}
"""Sessions that a whole split of NSD holds, of those with the most."""


@dataclass(frozen=True)
class Published:
    """One figure.

    Attributes
    ----------
    system, citation : str
        ``citation`` says where it stands, and whether it was read at second hand.
    dataset : str
        Kind of a study's ``data``.
    subjects : tuple of str
        Those whose mean it is.
    split : str
        As :func:`split_of`; empty where it is not known.
    n, gallery : int or None
        Items scored; pictures that one was to be found among.
    metric : str
        By our name.
    extractor, pattern : str
        What pictures were compared by, in words and as our name of it (a regular expression; empty
        where each system has its own).
    resolution : str
        Pixels at which pixels were compared.
    value : float
    note : str
        What a reader must know beside it.
    """

    system: str
    citation: str
    dataset: str
    subjects: tuple[str, ...]
    split: str
    n: int | None
    gallery: int | None
    metric: str
    extractor: str
    pattern: str
    resolution: str
    value: float
    note: str


@dataclass(frozen=True)
class Setting:
    """What a study's scores were measured on; ``simulated`` ones are of no published data set."""

    dataset: str
    simulated: bool
    subjects: tuple[str, ...]
    split: str


@dataclass(frozen=True)
class Measured:
    """One of a study's own scores, as far as it must agree."""

    metric: str
    extractor: str
    n: int
    gallery: int | None
    resolution: str


@cache
def published() -> tuple[Published, ...]:
    """Return all figures, in the order of the file."""
    text = [name for name in Published.__annotations__ if name not in ("n", "gallery", "value")]
    return tuple(_figure(row) for row in read_table(FILE, text=text).to_dict("records"))


def _figure(row: Any) -> Published:
    counts = {name: None if pd.isna(row[name]) else int(row[name]) for name in ("n", "gallery")}
    subjects = tuple(row["subjects"].split())
    return Published(**{**row, **counts, "subjects": subjects, "value": float(row["value"])})


def split_of(study: StudyConfig) -> str | None:
    """Name a study's split as the figures name theirs; None where it is its own.

    Of NSD what trains belongs to it: the number of sessions.
    """
    if study.design.split.kind != "stimulus_set":
        return None
    if study.data.kind == "nsd":
        n = study.data.sessions or SESSIONS[study.data.split]
        return f"{study.data.split} split, {n} session{'s' if n > 1 else ''}"
    return {
        "things_eeg2": "published split, within subjects",
        "cc2017": "published split",
    }.get(study.data.kind)


def gallery_of(metric: str, n: int, chance: float) -> int | None:
    """Return among how many one was to be found; None where nothing is searched.

    Of retrieval chance tells: it may be among fewer than are scored.
    """
    if metric.startswith("two_way"):
        return n
    found = re.fullmatch(r"retrieval(?:_brain)?_top(\d+)", metric)
    return round(int(found[1]) / chance) if found else None


def differences(
    figure: Published, setting: Setting, measured: Sequence[Measured]
) -> tuple[str, ...]:
    """Say in which fields a figure and a study's scores differ; empty where they may be compared.

    Parameters
    ----------
    figure : Published
    setting : Setting
    measured : sequence of Measured
        The study's scores, one a metric, extractor and subject.
    """
    if setting.simulated or figure.dataset != setting.dataset:
        ours = "simulated brains" if setting.simulated else setting.dataset
        return (f"data set: {figure.dataset}, here {ours}",)
    found = []
    if missing := [name for name in figure.subjects if name not in setting.subjects]:
        found.append(
            f"subjects: the mean of {', '.join(figure.subjects)}, here without {', '.join(missing)}"
        )
    if not figure.split:
        found.append("split: not told where the figure was read")
    elif figure.split != setting.split:
        found.append(f"split: {figure.split}, here {setting.split}")
    same = [m for m in measured if m.metric == figure.metric]
    if not same:
        return (*found, "metric: not scored here")
    alike = [m for m in same if figure.pattern and _is_by(m.extractor, figure.pattern)]
    if not alike:
        names = ", ".join(dict.fromkeys(m.extractor for m in same))
        return (*found, f"extractor: {figure.extractor}, here {names}")
    for field, theirs in (("n", figure.n), ("gallery", figure.gallery)):
        here = sorted({getattr(m, field) for m in alike if getattr(m, field) is not None})
        if theirs is not None and here != [theirs]:
            word = "N" if field == "n" else "gallery"
            found.append(f"{word}: {theirs}, here {', '.join(map(str, here)) or 'none'}")
    if figure.n is None:
        found.append("N: not told where the figure was read")
    sizes = sorted({m.resolution for m in alike})
    if figure.resolution and sizes != [figure.resolution]:
        found.append(f"resolution: {figure.resolution}, here {', '.join(sizes)}")
    return tuple(found)


def _is_by(extractor: str, pattern: str) -> bool:
    """Whether the name of an extractor, without its weights' hash, is the one that is meant."""
    return re.fullmatch(pattern, extractor.partition("@")[0], re.IGNORECASE) is not None


def comparable_extractors(figure: Published, extractors: Sequence[str]) -> list[str]:
    """Return which of a study's extractors are the figure's."""
    return [name for name in extractors if figure.pattern and _is_by(name, figure.pattern)]
