"""Published numbers of other systems: beside ours where both measured the same, else apart."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from neurodecode.evaluate.published import (
    Measured,
    Published,
    Setting,
    comparable_extractors,
    differences,
    gallery_of,
    published,
    split_of,
)
from neurodecode.report.glossary import describe
from neurodecode.report.load import Material, Score

__all__ = ["Apart", "Beside", "Others", "digits", "others"]


@dataclass(frozen=True)
class Beside:
    """A figure that stands in the block of a metric and our extractor of that name.

    ``ours`` is the main system's mean over the same subjects.
    """

    figure: Published
    extractor: str
    ours: float

    @property
    def words(self) -> str:
        """Whose it is, and what a reader must know of it."""
        note = f"; {self.figure.note}" if self.figure.note else ""
        return f"{self.figure.system} ({self.figure.citation}){note}"


@dataclass(frozen=True)
class Apart:
    """Figures of one system that differ from ours in the same fields, ready to print."""

    system: str
    citation: str
    dataset: str
    split: str
    n: str
    values: tuple[str, ...]
    reasons: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Others:
    """All published figures, as they may stand on a study's page."""

    beside: tuple[Beside, ...]
    apart: tuple[Apart, ...]


def others(material: Material) -> Others:
    """Sort all published figures by whether they may stand beside the main system's scores."""
    scores = [s for s in material.scores if _is_main(material, s)]
    setting = Setting(
        material.study.data.kind,
        material.simulated,
        material.subjects,
        split_of(material.study) or material.split,
    )
    measured = [
        Measured(s.metric, s.extractor, s.n, gallery_of(s.metric, s.n, s.chance), s.resolution)
        for s in scores
    ]
    beside: list[Beside] = []
    apart: dict[tuple[str, str, int | None, tuple[str, ...]], list[Published]] = {}
    for figure in published():
        reasons = differences(figure, setting, measured)
        if material.locked:
            reasons = (*reasons, "exact scores: the test set is locked here")
        if reasons:
            apart.setdefault((figure.system, figure.split, figure.n, reasons), []).append(figure)
        else:
            beside += _beside(figure, scores)
    return Others(tuple(beside), tuple(_apart(found, key[-1]) for key, found in apart.items()))


def _is_main(material: Material, score: Score) -> bool:
    return (score.system, score.source) == (material.main, "decoded")


def _beside(figure: Published, scores: list[Score]) -> list[Beside]:
    same = [s for s in scores if s.metric == figure.metric and s.subject in figure.subjects]
    found = []
    for name in comparable_extractors(figure, list(dict.fromkeys(s.extractor for s in same))):
        ours = mean(s.value for s in same if s.extractor == name)
        found.append(Beside(figure, name, ours))
    return found


def _apart(figures: list[Published], reasons: tuple[str, ...]) -> Apart:
    first = figures[0]
    return Apart(
        first.system,
        first.citation,
        first.dataset,
        first.split or "not told",
        "not told" if first.n is None else f"{first.n:,}",
        tuple(f"{describe(f.metric).name} {digits(f.value)}" for f in figures),
        reasons,
        first.note,
    )


def digits(value: float) -> str:
    """Write a published figure with the digits that it has."""
    return f"{value:.3f}" if value < 2 else f"{value:.2f}"
