"""Which scores a study gets: tables of every metric for one set of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli
from neurodecode.evaluate.tables import (
    Table,
    among_random,
    correlations,
    group_rows,
    ssim_table,
    top1,
    wins,
)

__all__ = [
    "N_CANDIDATES",
    "Features",
    "Measure",
    "of_conditions",
    "of_features",
    "of_labels",
    "of_pictures",
    "unit_rows",
]

N_CANDIDATES = 300
SSIM_WINDOW = 11


@dataclass(frozen=True)
class Features:
    """What one extractor sees: scored pictures (n_scored, d) and drawn ones (n_items, d)."""

    extractor: str
    real: Float
    drawn: Float


@dataclass(frozen=True)
class Measure:
    """One metric's table.

    Attributes
    ----------
    metric, extractor : str
    table : float64 (n_candidates, n_items)
        Score of each item if a candidate were the truth.
    chance : float
        Expected score of a picture that has nothing to do with the truth.
    """

    metric: str
    extractor: str
    table: Table
    chance: float


def of_pictures(
    features: Mapping[str, Features], scored: Stimuli, drawn: NDArray[np.uint8]
) -> Iterator[Measure]:
    """Yield the measures of pictures where it is known which picture was seen.

    Candidates are the scored pictures, in their order. Structural similarity needs 11 pixels a
    side; else it is left out.

    Parameters
    ----------
    features : mapping of name to Features
        ``pixcorr`` holds the pixels.
    scored : Stimuli
    drawn : uint8 (n_items, h, w, 3)
    """
    for name, part in features.items():
        similarity = correlations(part.real, part.drawn)
        yield Measure(f"two_way_{name}", part.extractor, wins(similarity), 0.5)
        if name == "pixcorr":
            known = np.nan_to_num(similarity)
            yield Measure("pixcorr", part.extractor, known, float(known.mean()))
    if min(drawn.shape[1:3]) >= SSIM_WINDOW:
        table = ssim_table(scored.pixels, drawn)
        yield Measure("ssim", "pixels", table, float(table.mean()))


def of_labels(
    features: Mapping[str, Features], scored: Stimuli, categories: list[str]
) -> Iterator[Measure]:
    """Yield the measures of pictures where only the category is known.

    A picture's similarity to a category is the mean over the category's scored pictures.
    Candidates are the categories, in the given order.
    """
    names = scored.table["category"].to_numpy(dtype=str)
    for part in features.values():
        similarity = group_rows(correlations(part.real, part.drawn), names, categories)
        yield Measure("category_identification", part.extractor, wins(similarity), 0.5)
        yield Measure("category_top1", part.extractor, top1(similarity), 1 / len(categories))


def of_conditions(decoded: Float, real: Float, extractor: str, seed: int = 0) -> Iterator[Measure]:
    """Yield retrieval by the decoded embedding (cosine), no picture drawn.

    ``retrieval_top1``: is the seen picture the one nearest to the decoded embedding, among all
    scored ones, or 300 at random of more. ``retrieval_brain_top1``, the other direction: is the
    decoded embedding the one nearest to the seen picture, among all decoded ones.

    Parameters
    ----------
    decoded : (n_items, d)
    real : (n_scored, d)
    extractor : str
    seed : int
        Draws the candidates where there are too many.
    """
    similarity = unit_rows(real) @ unit_rows(decoded).T
    rng = np.random.default_rng(seed)
    for name, table in (("retrieval_top1", similarity), ("retrieval_brain_top1", similarity.T)):
        n = min(len(table), N_CANDIDATES)
        best = among_random(table, rng, n) if len(table) > n else top1(table)
        yield Measure(name, extractor, best if table is similarity else best.T, 1 / n)


def of_features(decoded: Float, real: Float, extractor: str) -> Iterator[Measure]:
    """Yield two-way identification by the decoded features (n_items, d), no picture drawn.

    Candidates are the rows of ``real`` (n_scored, d).
    """
    yield Measure("retrieval_two_way", extractor, wins(correlations(real, decoded)), 0.5)


def unit_rows(rows: Float) -> Table:
    """Divide each row by its length; a row of zeros stays."""
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1), np.float64)
