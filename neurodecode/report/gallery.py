"""The pictures of one study: what was seen beside what was drawn, best, median and worst alike."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from neurodecode.contracts import Pixels, Stimuli
from neurodecode.errors import DataError
from neurodecode.report.glossary import describe
from neurodecode.report.load import Material
from neurodecode.report.names import generator_words, label
from neurodecode.report.pictures import PictureBook, film_strip, mosaic
from neurodecode.report.verdict import fixed

__all__ = ["Figure", "Gallery", "Item", "build_gallery", "columns_of", "ranking_metric"]

N_SHOWN = 3
"""Items shown in each of best, median and worst."""

# Metrics of items that order them, the first present one counting; ties go by the mean of those
# that share its first word.
RANKINGS = {
    "category": (r"category_identification.*independent.*", r"category_identification.*"),
    "stimulus": (r"two_way_independent.*", r"two_way_semantic", r"two_way_.*"),
}


@dataclass(frozen=True)
class Figure:
    """One picture: its heading, CSS class, alternative text and kind of column."""

    heading: str
    css: str
    alt: str
    kind: str


@dataclass(frozen=True)
class Item:
    """One item of the gallery: what was seen and all that was drawn of it."""

    name: str
    subject: str
    seen: str
    score: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Gallery:
    """All items of one study.

    Attributes
    ----------
    ranked_by : str
        Name of the measure that orders the items; empty where none was scored.
    definition : str
        What it means.
    best, median, worst : tuple of Item
        As many of each.
    everything : tuple of Item
        All items in order of score, with fewer columns.
    columns : int
        Pictures beside each other in best, median and worst.
    clips : bool
        Whether best, median and worst are strips of frames, all items key frames.
    """

    ranked_by: str
    definition: str
    best: tuple[Item, ...]
    median: tuple[Item, ...]
    worst: tuple[Item, ...]
    everything: tuple[Item, ...]
    columns: int
    clips: bool


def ranking_metric(material: Material) -> str | None:
    """Return the metric that orders the items."""
    items = material.items
    rows = items[(items["system"] == material.main) & (items["source"] == "decoded")]
    names = sorted(rows["metric"].unique())
    for pattern in RANKINGS[material.level]:
        for name in names:
            if re.fullmatch(pattern, name):
                return str(name)
    return names[0] if names else None


def columns_of(material: Material) -> list[tuple[str, str]]:
    """Return (system, source) of each column, the main system's decoded pictures first.

    Then every other generator, by preference on the same decoder, then the controls and the
    ceiling of the main system.
    """
    study, main = material.study, material.main
    chain = study.system(main).chain
    others: dict[str, str] = {study.system(main).generator: main}
    for system in sorted(study.drawing, key=lambda s: s.chain != chain):
        kind = study.generators[system.generator].kind
        if "decoded" in system.sources and kind not in ("random_picture", "random_clip"):
            others.setdefault(system.generator, system.name)
    wanted = [(name, "decoded") for name in others.values()]
    wanted += [(main, source) for source in ("permuted", "true")]
    drawn = {(system, source) for system, source, _ in material.pictures}
    return [column for column in wanted if column in drawn]


def build_gallery(material: Material, book: PictureBook) -> Gallery:
    """Order all items by score and collect their pictures."""
    metric = ranking_metric(material)
    order = _ranked(material, metric)
    columns = columns_of(material)
    small = _few(columns)
    n = min(N_SHOWN, len(order))
    middle = max((len(order) - n) // 2, 0)
    clips = material.stimuli.frames is not None
    strips, pictures = _Lookup(material, book, strips=clips), _Lookup(material, book, strips=False)

    def items(rows: list[tuple[str, str, float]]) -> tuple[Item, ...]:
        return tuple(strips.item(*row, columns) for row in rows)

    entry = describe(metric) if metric else None
    return Gallery(
        ranked_by=entry.name if entry else "",
        definition=entry.definition if entry else "",
        best=items(order[:n]),
        median=items(order[middle : middle + n]),
        worst=items(order[::-1][:n]),
        everything=tuple(pictures.item(*row, small) for row in order),
        columns=len(columns) + 1,
        clips=clips,
    )


def _few(columns: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keep what the whole gallery shows: the main pictures, one baseline and the ceiling."""
    ceiling = [c for c in columns if c[1] == "true"]
    return [*[c for c in columns if c[1] == "decoded"][:2], *ceiling]


def _ranked(material: Material, metric: str | None) -> list[tuple[str, str, float]]:
    """Return (subject, item, score), the best first.

    Ties go by the mean of the item's scores by other extractors, then by subject and item.
    """
    rows = []
    for subject in material.subjects:
        drawn = material.pictures.get((material.main, "decoded", subject))
        if drawn is not None:
            rows += [(subject, str(item)) for item in drawn.table["item"]]
    items = material.items
    of_main = items[(items["system"] == material.main) & (items["source"] == "decoded")]
    exact = _means(of_main[of_main["metric"] == metric])
    family = "" if metric is None else re.split(r"[:_]", metric)[0]
    near = _means(of_main[of_main["metric"].str.startswith(family)])
    sign = 1.0 if metric is not None and describe(metric).lower_is_better else -1.0
    found = [(s, i, exact.get((s, i), float("nan"))) for s, i in rows]
    return sorted(
        found,
        key=lambda r: (np.isnan(r[2]), sign * r[2], sign * near.get(r[:2], 0.0), r[0], r[1]),
    )


def _means(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the mean value of each (subject, item)."""
    mean = rows.groupby(["subject", "item"], as_index=False)["value"].mean()
    keys = zip(mean["subject"].astype(str), mean["item"].astype(str), strict=True)
    return dict(zip(keys, mean["value"].astype(float), strict=True))


class _Lookup:
    """Finds the pictures and words of one item."""

    def __init__(self, material: Material, book: PictureBook, *, strips: bool) -> None:
        self.material, self.book, self.strips = material, book, strips
        self.rows = {
            key: {str(item): k for k, item in enumerate(drawn.table["item"])}
            for key, drawn in material.pictures.items()
        }
        self.shown = {
            key: drawn.clips() if strips else drawn.shown
            for key, drawn in material.pictures.items()
        }
        self.pictures = {str(i): k for k, i in enumerate(material.stimuli.table["id"])}

    def item(self, subject: str, item: str, score: float, columns: list[tuple[str, str]]) -> Item:
        """Collect one item's figures: seen first, then one a column."""
        material = self.material
        key = (material.main, "decoded", subject)
        row = material.pictures[key].table.iloc[self.rows[key][item]]
        words, picture = self._seen(row)
        heading = "Seen" if material.level == "stimulus" else "Seen: examples"
        figures = [Figure(heading, self.book.add(picture), f"Seen: {words}", "seen")]
        for system, source in columns:
            k = self.rows.get((system, source, subject), {}).get(item)
            if k is None:
                continue
            what = label(material.study, system, source)
            shown = self.shown[system, source, subject][k]
            css = self.book.add(film_strip(shown) if self.strips else shown)
            alt = f"{what}, for {words}, subject {subject}"
            heading, kind = self._heading(system, source), self._kind(system, source)
            figures.append(Figure(heading, css, alt, kind))
        return Item(item, subject, words, fixed(score), tuple(figures))

    def _seen(self, row: pd.Series) -> tuple[str, Pixels]:
        stimuli = self.material.stimuli
        known = self.pictures.get(str(row["stimulus"]))
        if self.material.level == "stimulus" and known is not None:
            caption = str(stimuli.table["caption"].iloc[known]) or str(row["stimulus"])
            if self.strips and stimuli.frames is not None:
                return caption, film_strip(stimuli.frames[known])
            return caption, stimuli.pixels[known]
        category = str(row["category"])
        return category, mosaic(_examples(stimuli, category))

    def _heading(self, system: str, source: str) -> str:
        main = self.material.main
        if (system, source) == (main, "decoded"):
            return "Reconstructed"
        if system == main and source == "true":
            return "Ceiling: true features"
        if system == main and source == "permuted":
            return "Permuted brain data"
        return generator_words(self.material.study, system)

    def _kind(self, system: str, source: str) -> str:
        if (system, source) == (self.material.main, "decoded"):
            return "main"
        return "ceiling" if source == "true" else "baseline"


def _examples(stimuli: Stimuli, category: str) -> Pixels:
    """Return the scored pictures of a category; its others where none is scored.

    Raises
    ------
    DataError
        Where the study has no picture of that category.
    """
    of_class = (stimuli.table["category"] == category).to_numpy()
    scored = of_class & (stimuli.table["set"] == "test").to_numpy()
    if not of_class.any():
        raise DataError(
            f"stimuli: no picture of category {category!r}, which was reconstructed; known are "
            f"{', '.join(sorted(stimuli.table['category'].astype(str).unique()))}"
        )
    return stimuli.pixels[scored if scored.any() else of_class]
