"""Stage ``evaluate``: the scores of one subject's pictures by all systems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import (
    load_conditions,
    load_reconstruction,
    load_targets,
    read_sidecar,
    write_table,
)
from neurodecode.config import SystemSettings
from neurodecode.contracts import Conditions, Reconstruction, Stimuli
from neurodecode.errors import DataError
from neurodecode.evaluate.dictionary import COLUMNS, define
from neurodecode.evaluate.discovery import with_q
from neurodecode.evaluate.extractors import Extractors
from neurodecode.evaluate.field_metrics import DISTANCES, of_classes, of_distances, of_top5
from neurodecode.evaluate.inference import Estimate, estimate, permutations, relabellings
from neurodecode.evaluate.measures import (
    Features,
    Measure,
    of_conditions,
    of_features,
    of_labels,
    of_pictures,
)
from neurodecode.evaluate.tables import resized, top1
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.reconstruct.sources import itemise
from neurodecode.seeds import derive, generator

__all__ = ["run"]

FEWEST_OF_TOP5 = 10
"""Candidates below which the five best say little."""
ROLES = {"true": "ceiling", "permuted": "baseline", "mean": "baseline"}


@dataclass(frozen=True)
class _Truth:
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


def run(job: Job) -> Output:
    """Score every source of every system for one subject."""
    todo = [(system, source) for system in job.study.systems for source in system.sources]
    first = _load(job, *todo[0])
    truth = _truth(job, _decoded(job, todo[0][0]).table if first is None else first.table)
    features = Extractors(job, truth.scored) if job.study.drawing else None
    rows, items = [], []
    with track("evaluate", total=len(todo)) as advance:
        for system, source in todo:
            drawn = _load(job, system, source)
            measures: list[Measure] = []
            if drawn is not None and features is not None:
                _same_items(job, system, source, drawn, truth)
                measures += _of_drawn(drawn, truth, features)
            if source == "decoded":
                measures += _of_decoding(job, system, truth)
            for measure in measures:
                result = _estimate(job, system, source, measure, truth)
                rows.append(_row(job, system, source, measure, result, drawn, features))
                items.append(_items(system, source, measure, result, truth))
            advance()
    if not rows:
        raise DataError(
            f"evaluate: nothing to score in study {job.study.name}: its decoders decode neither "
            "labels nor the target that reconstruct.choose_by names, and nothing is drawn"
        )
    stem = job.sidecar.with_suffix("")
    files = [stem.with_suffix(".tsv"), stem.with_name(f"{stem.name}_items.tsv")]
    write_table(files[0], with_q(pd.DataFrame(rows))[list(COLUMNS)])
    write_table(files[1], pd.concat(items, ignore_index=True))
    return Output(files)


def _load(job: Job, system: SystemSettings, source: str) -> Reconstruction | None:
    """Return what a system drew, None where it draws nothing."""
    if not system.generator:
        return None
    return load_reconstruction(job.paths.pictures(system.name, source, job.wildcards["subject"]))


def _decoded(job: Job, system: SystemSettings) -> Conditions:
    """Return what a system's chain decoded, one row an item."""
    sidecar = job.paths.conditions(system.chain, job.wildcards["subject"])
    return itemise(load_conditions(sidecar), job.study.reconstruct.unit)


def _truth(job: Job, table: pd.DataFrame) -> _Truth:
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
    return _Truth(
        scored,
        candidates,
        list(table["item"].astype(str)),
        index,
        groups.to_numpy(dtype=str),
        by_category,
        _blocks(scored, index, table["fold"].to_numpy(dtype=str)),
    )


def _blocks(
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


def _same_items(
    job: Job, system: SystemSettings, source: str, drawn: Reconstruction, truth: _Truth
) -> None:
    """Raise where pictures show other items, or another order, than the first ones."""
    if list(drawn.table["item"].astype(str)) != truth.items:
        raise DataError(
            f"{job.paths.pictures(system.name, source, job.wildcards['subject'])}: must hold the "
            f"{len(truth.items)} items of the study's other pictures in their order, got "
            f"{len(drawn.table)}. Run stage reconstruct again for all systems and sources."
        )


def _of_drawn(drawn: Reconstruction, truth: _Truth, extractors: Extractors) -> Iterator[Measure]:
    """Yield the measures of what was drawn."""
    features = extractors.of(drawn.shown)
    classes = features.pop("classes")
    distances = {name: features.pop(name) for name in DISTANCES if name in features}
    if truth.by_category:
        yield from of_labels(features, truth.scored, truth.candidates)
        return
    pixels = resized(truth.scored.pixels, *extractors.size)
    scored = replace(truth.scored, pixels=pixels)
    shown = resized(drawn.shown, *extractors.size)

    def measured(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Measure]:
        def part(f: Features) -> Features:
            return Features(f.extractor, f.real[rows], f.drawn[columns])

        inside = scored.where(np.isin(np.arange(len(scored)), rows))
        yield from of_pictures({n: part(f) for n, f in features.items()}, inside, shown[columns])
        yield from of_distances({n: part(f) for n, f in distances.items()})
        yield from of_classes(part(classes))

    yield from _in_blocks(truth, measured)


def _in_blocks(
    truth: _Truth,
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


def _of_decoding(job: Job, system: SystemSettings, truth: _Truth) -> Iterator[Measure]:
    """Yield what was decoded before any picture was drawn, items in the order of the pictures."""
    items = _decoded(job, system)
    row = {name: k for k, name in enumerate(items.table["item"].astype(str))}
    missing = [name for name in truth.items if name not in row]
    if missing:
        raise DataError(
            f"{job.paths.conditions(system.chain, job.wildcards['subject'])}: nothing decoded for "
            f"{len(missing)} items that were drawn, first {missing[0]}. Run stage reconstruct "
            "again."
        )
    order = [row[name] for name in truth.items]
    by = job.study.reconstruct.choose_by
    if "label" in items.arrays:
        yield _accuracy(items, order, truth)
    if by in items.arrays and not truth.by_category:
        targets = load_targets(job.paths.targets(by))
        at = {name: k for k, name in enumerate(targets.ids)}
        real = targets.values[[at[name] for name in truth.candidates]]
        decoded = items.arrays[by][order]
        seed = derive(job.seed, "retrieval", job.study.name)
        fewest = min(len(rows) for rows, _ in truth.blocks)

        def measured(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Measure]:
            yield from of_conditions(decoded[columns], real[rows], targets.extractor, seed)
            if fewest >= FEWEST_OF_TOP5:
                yield from of_top5(decoded[columns], real[rows], targets.extractor)
            if not system.generator:
                yield from of_features(decoded[columns], real[rows], targets.extractor)

        yield from _in_blocks(truth, measured)


def _accuracy(items: Conditions, order: list[int], truth: _Truth) -> Measure:
    """Share of items whose highest class, of all that were trained, is the true one."""
    category = truth.candidates if truth.by_category else list(truth.scored.table["category"])
    untrained = sorted({name for name in category if name not in items.classes})
    if untrained:
        raise DataError(
            f"evaluate: no decoder was trained on {', '.join(untrained)}; the classes are "
            f"{', '.join(items.classes)}"
        )
    n = len(items.classes)
    table = top1(items.arrays["label"][order].T.astype(np.float64))
    rows = [items.classes.index(name) for name in category]
    return Measure(f"accuracy_{n}way", "none", table[rows], 1 / n)


def _estimate(
    job: Job, system: SystemSettings, source: str, measure: Measure, truth: _Truth
) -> Estimate:
    settings = job.study.evaluate
    names = (system.name, job.wildcards["subject"], source, measure.metric, measure.extractor)
    rng = generator(job.seed, "evaluate", job.study.name, *names)
    n = settings.n_permutations
    if truth.by_category:
        order = permutations(truth.groups, rng, n)
    else:
        order = relabellings(truth.groups, rng, n, truth.block_of)
    rest = truth.index, truth.groups, order, rng, settings.n_bootstrap
    if define([measure.metric])[measure.metric].better == "higher":
        return estimate(measure.table, *rest)
    turned = estimate(-measure.table, *rest)  # p counts permutations that are at least as good
    return Estimate(-turned.items, -turned.value, -turned.ci_high, -turned.ci_low, turned.p)


def _row(
    job: Job,
    system: SystemSettings,
    source: str,
    measure: Measure,
    result: Estimate,
    drawn: Reconstruction | None,
    extractors: Extractors | None,
) -> dict[str, object]:
    """Return one row of the table, but for ``q``, which needs all rows."""
    subject = job.wildcards["subject"]
    n_samples = 1 if drawn is None else drawn.samples.shape[1]
    selection = (
        f"best of {n_samples} by agreement with the {source} {job.study.reconstruct.choose_by}"
        if n_samples > 1
        else f"none ({'no' if drawn is None else 'one'} picture an item)"
    )
    responses = read_sidecar(job.paths.responses(system.responses, subject))
    return {
        "study": job.study.name,
        "subject": subject,
        "system": system.name,
        "role": ROLES.get(source, system.role),
        "source": source,
        "metric": measure.metric,
        "extractor": measure.extractor,
        "value": result.value,
        "ci_low": result.ci_low,
        "ci_high": result.ci_high,
        "chance": measure.chance,
        "n": len(result.items),
        "p": result.p,
        "split": read_sidecar(job.paths.design()).facts["split"],
        "selection": selection,
        "resolution": _resolution(measure, extractors),
        "averaging": _averaging(job, system),
        "transductive": bool(responses.facts["transductive"]),
        "seed": job.seed,
    }


def _resolution(measure: Measure, extractors: Extractors | None) -> str:
    """Pixels at which pixels are compared; other extractors have sizes of their own."""
    if extractors is None or measure.extractor != "pixels":
        return "its own" if measure.extractor != "none" else "none"
    height, width = extractors.size
    return f"{height}x{width}"


def _averaging(job: Job, system: SystemSettings) -> str:
    """Say whether an item is one trial, or several whose decoded features were averaged."""
    n = _decoded(job, system).table["n_trials"]
    if n.max() == 1:
        return "single trial"
    count = f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"
    return f"decoded features of {count} trials averaged"


def _items(
    system: SystemSettings,
    source: str,
    measure: Measure,
    result: Estimate,
    truth: _Truth,
) -> pd.DataFrame:
    metric = measure.metric
    if metric.startswith("category"):
        metric = f"{metric}:{measure.extractor.partition('@')[0]}"
    return pd.DataFrame(
        {
            "system": system.name,
            "item": truth.items,
            "source": source,
            "metric": metric,
            "value": result.items,
        }
    )
