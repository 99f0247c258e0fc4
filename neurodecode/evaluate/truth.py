"""What scores are measured against: candidates, the true one of each item, who meets whom."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import load_conditions
from neurodecode.config import SystemSettings
from neurodecode.contracts import Conditions, Float, Stimuli, Targets
from neurodecode.errors import DataError
from neurodecode.evaluate.measures import Measure
from neurodecode.pipeline import Job
from neurodecode.reconstruct.sources import itemise

__all__ = [
    "Truth",
    "blocks_of",
    "common_part",
    "decoded_items",
    "find_truth",
    "in_blocks",
    "in_order",
]


@dataclass(frozen=True)
class Truth:
    """What the scores are measured against.

    ``groups`` are resampled whole, and permuted within (runs) or as one (repeats of a stimulus).
    ``blocks`` are candidates (rows) and items (columns) that are scored against each other: where
    pictures train in some folds and are scored in others, those of one fold.
    """

    scored: Stimuli
    candidates: list[str]
    items: list[str]
    index: NDArray[np.int64]
    groups: NDArray[np.str_]
    by_category: bool
    blocks: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]

    @property
    def block_of(self) -> NDArray[np.str_]:
        """Name of each item's block."""
        names = np.zeros(len(self.items), dtype=object)
        for k, (_, columns) in enumerate(self.blocks):
            names[columns] = str(k)
        return names.astype(str)


def find_truth(job: Job, table: pd.DataFrame) -> Truth:
    scored = job.adapter.stimuli().scored
    by_category = job.adapter.level == "category"
    seen = table["category" if by_category else "stimulus"].astype(str)
    names = scored.table["category" if by_category else "id"].astype(str)
    candidates = sorted(names.unique()) if by_category else list(names)
    if len(candidates) < 2:
        raise DataError(
            f"evaluate: study {job.study.name} has {len(candidates)} "
            f"{'category' if by_category else 'picture'} to score (set: test); identification "
            "needs two or more"
        )
    unknown = sorted(set(seen) - set(candidates))
    if unknown:
        raise DataError(
            f"evaluate: no scored picture (set: test) for {', '.join(unknown[:10])} of study "
            f"{job.study.name}"
        )
    position = {name: k for k, name in enumerate(candidates)}
    index = seen.map(position).to_numpy(np.int64)
    groups = table["run"].astype(str) if by_category else seen
    return Truth(
        scored,
        candidates,
        list(table["item"].astype(str)),
        index,
        groups.to_numpy(dtype=str),
        by_category,
        blocks_of(scored, index, table["fold"].to_numpy(dtype=str)),
    )


def blocks_of(
    scored: Stimuli, index: NDArray[np.int64], folds: NDArray[np.str_]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
    """Candidates and items that are scored against each other.

    A picture that trained the fold is no fair candidate: what is drawn is made of such.

    Raises
    ------
    DataError
        Where a fold tests fewer than two pictures.
    """
    if not (scored.table["set"] == "fold").any() or len(np.unique(folds)) == 1:
        return ((np.arange(len(scored)), np.arange(len(index))),)
    blocks = []
    for fold in np.unique(folds):
        columns = np.flatnonzero(folds == fold)
        rows = np.unique(index[columns])
        if len(rows) < 2:
            raise DataError(
                f"evaluate: fold {fold} tests one picture alone; identification needs two or "
                "more: use fewer folds"
            )
        blocks.append((rows, columns))
    return tuple(blocks)


def common_part(targets: Targets, candidates: Collection[str]) -> Float:
    """Return the mean features (d,) of pictures that are no candidates; of all where all are.

    Decoded features lie near the mean of those that the decoder was trained on, the more so the
    stronger its penalty. Unless this is taken out of both sides, the candidate nearest to the mean
    wins, and a decoder's identification tells of its penalty (as Horikawa and Kamitani 2017,
    Nature Communications 8, 15037, compare features standardised on training pictures).
    """
    known = set(candidates)
    others = np.array([name not in known for name in targets.ids])
    mean: Float = targets.values[others if others.any() else slice(None)].mean(axis=0)
    return mean


def in_blocks(
    truth: Truth,
    measured: Callable[[NDArray[np.int64], NDArray[np.int64]], Iterable[Measure]],
) -> Iterator[Measure]:
    """Measure each block alone and join the tables; NaN is what was not compared."""
    parts = [list(measured(rows, columns)) for rows, columns in truth.blocks]
    weights = [len(columns) for _, columns in truth.blocks]
    for same in zip(*parts, strict=True):
        table = np.full((len(truth.candidates), len(truth.items)), np.nan)
        for (rows, columns), part in zip(truth.blocks, same, strict=True):
            table[np.ix_(rows, columns)] = part.table
        chance = float(np.average([part.chance for part in same], weights=weights))
        yield Measure(same[0].metric, same[0].extractor, table, chance)


def decoded_items(job: Job, system: SystemSettings) -> Conditions:
    """Return what a system's chain decoded, one row an item."""
    sidecar = job.paths.conditions(system.chain, job.wildcards["subject"])
    return itemise(load_conditions(sidecar), job.study.reconstruct.unit)


def in_order(job: Job, system: SystemSettings, truth: Truth) -> Conditions:
    """Return what a system's chain decoded, items in the order of the truth's.

    Raises
    ------
    DataError
        Where nothing was decoded for an item that was drawn.
    """
    items = decoded_items(job, system)
    row = {name: k for k, name in enumerate(items.table["item"].astype(str))}
    missing = [name for name in truth.items if name not in row]
    if missing:
        raise DataError(
            f"{job.paths.conditions(system.chain, job.wildcards['subject'])}: nothing decoded for "
            f"{len(missing)} items that were drawn, first {missing[0]}. Run stage reconstruct "
            "again."
        )
    order = [row[name] for name in truth.items]
    return Conditions(
        items.table.iloc[order].reset_index(drop=True),
        {name: values[order] for name, values in items.arrays.items()},
        items.classes,
    )
