"""Stage ``evaluate``: the scores of one subject's pictures by all systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
from neurodecode.evaluate.inference import Estimate, estimate, permutations, relabellings
from neurodecode.evaluate.measures import (
    Features,
    Measure,
    of_conditions,
    of_labels,
    of_pictures,
)
from neurodecode.evaluate.tables import pixel_rows, resized, top1
from neurodecode.models.independent import hog_colour, load_independent
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.reconstruct.sources import itemise
from neurodecode.registry import make
from neurodecode.seeds import derive, generator

__all__ = ["run"]

ROLES = {"true": "ceiling", "permuted": "baseline", "mean": "baseline"}


@dataclass(frozen=True)
class _Truth:
    """What the scores are measured against.

    ``groups`` are resampled whole, and permuted within (runs) or as one (repeats of a stimulus).
    """

    scored: Stimuli
    candidates: list[str]
    items: list[str]
    index: NDArray[np.int64]
    groups: NDArray[np.str_]
    by_category: bool


def run(job: Job) -> Output:
    """Score every source of every system for one subject."""
    drawn = [(system, source) for system in job.study.systems for source in system.sources]
    truth = _truth(job, _load(job, *drawn[0]))
    features = _Extractors(job, truth.scored)
    rows, items = [], []
    with track("evaluate", total=len(drawn)) as advance:
        for system, source in drawn:
            reconstruction = _load(job, system, source)
            _same_items(job, system, source, reconstruction, truth)
            for measure in _measures(job, system, source, reconstruction, truth, features):
                result = _estimate(job, system, source, measure, truth)
                rows.append(_row(job, system, source, measure, result, reconstruction))
                items.append(_items(system, source, measure, result, reconstruction))
            advance()
    stem = job.sidecar.with_suffix("")
    files = [stem.with_suffix(".tsv"), stem.with_name(f"{stem.name}_items.tsv")]
    write_table(files[0], pd.DataFrame(rows))
    write_table(files[1], pd.concat(items, ignore_index=True))
    return Output(files)


def _load(job: Job, system: SystemSettings, source: str) -> Reconstruction:
    return load_reconstruction(job.paths.pictures(system.name, source, job.wildcards["subject"]))


def _truth(job: Job, drawn: Reconstruction) -> _Truth:
    stimuli = job.adapter.stimuli()
    scored = stimuli.where(stimuli.table["set"] == "test")
    by_category = job.adapter.level == "category"
    seen = drawn.table["category" if by_category else "stimulus"].astype(str)
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
    groups = drawn.table["run"].astype(str) if by_category else seen
    return _Truth(
        scored,
        candidates,
        list(drawn.table["item"].astype(str)),
        seen.map(position).to_numpy(np.int64),
        groups.to_numpy(dtype=str),
        by_category,
    )


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


class _Extractors:
    """Features of the scored pictures, computed once, and of drawn ones."""

    def __init__(self, job: Job, scored: Stimuli) -> None:
        name = job.study.reconstruct.choose_by
        independent = load_independent()
        semantic = make("extractor", job.study.targets[name])
        targets = load_targets(job.paths.targets(name))
        self.functions = {
            "semantic": (targets.extractor, semantic.embed),
            "independent": (independent.name, independent.features),
            "hog_colour": ("hog-colour", hog_colour),
            "pixcorr": ("pixels", lambda p: pixel_rows(resized(p, *scored.pixels.shape[1:3]))),
        }
        self.real = {n: f(scored.pixels) for n, (_, f) in self.functions.items()}

    def of(self, pictures: NDArray[np.uint8]) -> dict[str, Features]:
        """Return the features of the shown pictures, by name."""
        return {
            name: Features(label, self.real[name], function(pictures))
            for name, (label, function) in self.functions.items()
        }


def _measures(
    job: Job,
    system: SystemSettings,
    source: str,
    drawn: Reconstruction,
    truth: _Truth,
    extractors: _Extractors,
) -> Iterator[Measure]:
    features = extractors.of(drawn.shown)
    if truth.by_category:
        yield from of_labels(features, truth.scored, truth.candidates)
    else:
        size = truth.scored.pixels.shape[1:3]
        yield from of_pictures(features, truth.scored, resized(drawn.shown, *size))
    if source == "decoded":
        yield from _of_decoding(job, system, truth)


def _of_decoding(job: Job, system: SystemSettings, truth: _Truth) -> Iterator[Measure]:
    """Yield what was decoded before any picture was drawn, items in the order of the pictures."""
    sidecar = job.paths.conditions(system.chain, job.wildcards["subject"])
    items = itemise(load_conditions(sidecar), job.study.reconstruct.unit)
    row = {name: k for k, name in enumerate(items.table["item"].astype(str))}
    missing = [name for name in truth.items if name not in row]
    if missing:
        raise DataError(
            f"{sidecar}: nothing decoded for {len(missing)} items that were drawn, first "
            f"{missing[0]}. Run stage reconstruct again."
        )
    order = [row[name] for name in truth.items]
    by = job.study.reconstruct.choose_by
    if "label" in items.arrays and truth.by_category:
        yield _accuracy(items, order, truth)
    if by in items.arrays and not truth.by_category:
        targets = load_targets(job.paths.targets(by))
        at = {name: k for k, name in enumerate(targets.ids)}
        real = targets.values[[at[name] for name in truth.candidates]]
        seed = derive(job.seed, "retrieval", job.study.name)
        yield from of_conditions(items.arrays[by][order], real, targets.extractor, seed)


def _accuracy(items: Conditions, order: list[int], truth: _Truth) -> Measure:
    """Share of items whose highest class, of all that were trained, is the true one."""
    untrained = [name for name in truth.candidates if name not in items.classes]
    if untrained:
        raise DataError(
            f"evaluate: no decoder was trained on {', '.join(untrained)}; the classes are "
            f"{', '.join(items.classes)}"
        )
    n = len(items.classes)
    table = top1(items.arrays["label"][order].T.astype(np.float64))
    rows = [items.classes.index(name) for name in truth.candidates]
    return Measure(f"accuracy_{n}way", "none", table[rows], 1 / n)


def _estimate(
    job: Job, system: SystemSettings, source: str, measure: Measure, truth: _Truth
) -> Estimate:
    settings = job.study.evaluate
    names = (system.name, job.wildcards["subject"], source, measure.metric, measure.extractor)
    rng = generator(job.seed, "evaluate", job.study.name, *names)
    shuffle = permutations if truth.by_category else relabellings
    order = shuffle(truth.groups, rng, settings.n_permutations)
    return estimate(measure.table, truth.index, truth.groups, order, rng, settings.n_bootstrap)


def _row(
    job: Job,
    system: SystemSettings,
    source: str,
    measure: Measure,
    result: Estimate,
    drawn: Reconstruction,
) -> dict[str, object]:
    subject = job.wildcards["subject"]
    n_samples = drawn.samples.shape[1]
    selection = (
        f"best of {n_samples} by agreement with the {source} {job.study.reconstruct.choose_by}"
        if n_samples > 1
        else "none (one picture an item)"
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
        "transductive": bool(responses.facts["transductive"]),
        "seed": job.seed,
    }


def _items(
    system: SystemSettings,
    source: str,
    measure: Measure,
    result: Estimate,
    drawn: Reconstruction,
) -> pd.DataFrame:
    metric = measure.metric
    if metric.startswith("category"):
        metric = f"{metric}:{measure.extractor.partition('@')[0]}"
    return pd.DataFrame(
        {
            "system": system.name,
            "item": drawn.table["item"],
            "source": source,
            "metric": metric,
            "value": result.items,
        }
    )
