"""Stage ``evaluate``: the scores of one subject's pictures by one system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import (
    load_conditions,
    load_reconstruction,
    load_responses,
    load_targets,
    read_sidecar,
    write_table,
)
from neurodecode.contracts import Reconstruction, Stimuli
from neurodecode.errors import DataError
from neurodecode.evaluate.inference import Estimate, estimate, permutations
from neurodecode.evaluate.measures import (
    Features,
    Measure,
    of_conditions,
    of_labels,
    of_pictures,
)
from neurodecode.evaluate.tables import pixel_rows, top1
from neurodecode.models.independent import hog_colour, load_independent
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.reconstruct.sources import itemise
from neurodecode.registry import make
from neurodecode.seeds import generator

__all__ = ["run"]

ROLES = {"true": "ceiling", "permuted": "baseline", "mean": "baseline"}


@dataclass(frozen=True)
class _Truth:
    """What the scores are measured against."""

    scored: Stimuli
    candidates: list[str]
    index: NDArray[np.int64]
    groups: NDArray[np.str_]
    by_category: bool


def run(job: Job) -> Output:
    """Score every source of one system for one subject."""
    system, subject = job.study.system(job.wildcards["system"]), job.wildcards["subject"]
    drawn = {
        source: load_reconstruction(job.paths.pictures(system.name, source, subject))
        for source in system.sources
    }
    truth = _truth(job, next(iter(drawn.values())))
    features = _Extractors(job, truth.scored)
    rows, items = [], []
    with track(f"evaluate {system.name}", total=len(drawn)) as advance:
        for source, reconstruction in drawn.items():
            for measure in _measures(job, source, reconstruction, truth, features):
                result = _estimate(job, source, measure, truth)
                rows.append(_row(job, source, measure, result, reconstruction))
                items.append(_items(source, measure, result, reconstruction))
            advance()
    stem = job.sidecar.with_suffix("")
    files = [stem.with_suffix(".tsv"), stem.with_name(f"{stem.name}_items.tsv")]
    write_table(files[0], pd.DataFrame(rows))
    write_table(files[1], pd.concat(items, ignore_index=True))
    return Output(files)


def _truth(job: Job, drawn: Reconstruction) -> _Truth:
    stimuli = job.adapter.stimuli()
    scored = stimuli.where(stimuli.table["set"] == "test")
    by_category = job.adapter.level == "category"
    seen = drawn.table["category" if by_category else "stimulus"].astype(str)
    names = scored.table["category" if by_category else "id"].astype(str)
    candidates = sorted(names.unique()) if by_category else list(names)
    unknown = sorted(set(seen) - set(candidates))
    if unknown:
        raise DataError(
            f"evaluate: no scored picture (set: test) for {', '.join(unknown[:10])} of study "
            f"{job.study.name}"
        )
    position = {name: k for k, name in enumerate(candidates)}
    groups = drawn.table["run"].astype(str) if by_category else drawn.table["item"].astype(str)
    return _Truth(
        scored,
        candidates,
        seen.map(position).to_numpy(np.int64),
        groups.to_numpy(dtype=str),
        by_category,
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
            "pixcorr": ("pixels", pixel_rows),
        }
        self.real = {n: f(scored.pixels) for n, (_, f) in self.functions.items()}

    def of(self, pictures: NDArray[np.uint8]) -> dict[str, Features]:
        """Return the features of the shown pictures, by name."""
        return {
            name: Features(label, self.real[name], function(pictures))
            for name, (label, function) in self.functions.items()
        }


def _measures(
    job: Job, source: str, drawn: Reconstruction, truth: _Truth, extractors: _Extractors
) -> Iterator[Measure]:
    features = extractors.of(drawn.shown)
    if truth.by_category:
        yield from of_labels(features, truth.scored, truth.candidates)
    else:
        yield from of_pictures(features, truth.scored, drawn.shown)
    if source != "decoded":
        return
    spec = job.study.system(job.wildcards["system"])
    conditions = load_conditions(job.paths.conditions(spec.chain, job.wildcards["subject"]))
    items = itemise(conditions, job.study.reconstruct.unit)
    if "label" in items.arrays and truth.by_category:
        column = [items.classes.index(name) for name in truth.candidates]
        table = top1(items.arrays["label"][:, column].T.astype(np.float64))
        yield Measure(f"accuracy_{len(column)}way", "none", table, 1 / len(column))
    by = job.study.reconstruct.choose_by
    if by in items.arrays and not truth.by_category:
        targets = load_targets(job.paths.targets(by))
        stimuli = job.adapter.stimuli()
        train = set(stimuli.table["id"][stimuli.table["set"] == "train"])
        row = {name: k for k, name in enumerate(targets.ids)}
        mean = targets.values[[k for n, k in row.items() if n in train]].mean(axis=0)
        real = targets.values[[row[name] for name in truth.candidates]]
        yield from of_conditions(items.arrays[by], real, mean, targets.extractor)


def _estimate(job: Job, source: str, measure: Measure, truth: _Truth) -> Estimate:
    settings = job.study.evaluate
    names = (*job.wildcards.values(), source, measure.metric, measure.extractor)
    rng = generator(job.seed, "evaluate", job.study.name, *names)
    within = truth.groups if truth.by_category else np.zeros(len(truth.index), dtype=str)
    order = permutations(within, rng, settings.n_permutations)
    return estimate(measure.table, truth.index, truth.groups, order, rng, settings.n_bootstrap)


def _row(
    job: Job, source: str, measure: Measure, result: Estimate, drawn: Reconstruction
) -> dict[str, object]:
    system = job.study.system(job.wildcards["system"])
    subject = job.wildcards["subject"]
    n_samples = drawn.samples.shape[1]
    selection = (
        f"best of {n_samples} by agreement with the {source} {job.study.reconstruct.choose_by}"
        if n_samples > 1
        else "none (one picture an item)"
    )
    responses = load_responses(job.paths.responses(system.responses, subject))
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
        "transductive": responses.transductive,
        "seed": job.seed,
    }


def _items(source: str, measure: Measure, result: Estimate, drawn: Reconstruction) -> pd.DataFrame:
    metric = measure.metric
    if metric.startswith("category"):
        metric = f"{metric}:{measure.extractor.partition('@')[0]}"
    return pd.DataFrame(
        {"item": drawn.table["item"], "source": source, "metric": metric, "value": result.items}
    )
