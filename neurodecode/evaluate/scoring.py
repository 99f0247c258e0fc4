"""Scoring one subject: every table of similarities, and the rows made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from neurodecode.artifacts import load_reconstruction, load_targets
from neurodecode.config import SystemSettings
from neurodecode.contracts import Conditions, Reconstruction
from neurodecode.errors import DataError
from neurodecode.evaluate.extractors import Extractors
from neurodecode.evaluate.inference import Estimate, interval
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.measuring import of_decoding, of_drawn
from neurodecode.evaluate.refit import refit_p
from neurodecode.evaluate.refit_job import as_problem, why_not
from neurodecode.evaluate.rows import estimated, item_rows, score_row
from neurodecode.evaluate.samples import spread_estimate
from neurodecode.evaluate.spuriousness import Clusters, find_clusters
from neurodecode.evaluate.truth import Truth, decoded_items, find_truth, in_order
from neurodecode.pipeline import Job
from neurodecode.seeds import derive, generator

__all__ = ["Scoring", "averaging", "load_drawn", "truth_of"]


def truth_of(job: Job, system: SystemSettings, source: str) -> Truth:
    """Return what scores are measured against: the items of one system, in their order."""
    first = load_drawn(job, system, source)
    return find_truth(job, decoded_items(job, system).table if first is None else first.table)


class Scoring:
    """Scores one system and source after the other; what they share is computed once.

    Parameters
    ----------
    job : Job
        Of a stage that scores; has the wildcard ``subject``.
    truth : Truth
    systems : sequence of SystemSettings
        What will be scored.
    """

    def __init__(self, job: Job, truth: Truth, systems: Sequence[SystemSettings]) -> None:
        self.job = job
        self.truth = truth
        drawing = any(system.generator for system in systems)
        self.extractors = Extractors(job, truth.scored) if drawing else None
        self.clusters = _clusters(job, truth)
        self.not_refitted: dict[str, str] = {}
        self._refitted: dict[str, float] = {}

    def measures(
        self, system: SystemSettings, source: str
    ) -> tuple[Reconstruction | None, Conditions, list[Measure]]:
        """Return what was drawn, what was decoded, and every table of similarities."""
        job, truth = self.job, self.truth
        drawn = load_drawn(job, system, source)
        decoded = in_order(job, system, truth)
        measures: list[Measure] = []
        if drawn is not None and self.extractors is not None:
            _same_items(job, system, source, drawn, truth)
            measures += of_drawn(drawn, truth, self.extractors, self.clusters)
        if source == "decoded":
            measures += of_decoding(job, decoded, truth, self.clusters)
        return drawn, decoded, measures

    def score(
        self, system: SystemSettings, source: str
    ) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
        """Yield the rows of both tables, metric by metric."""
        job, truth = self.job, self.truth
        drawn, decoded, measures = self.measures(system, source)
        found = [(m, estimated(job, system, source, m, truth, self.clusters)) for m in measures]
        found += self._spread(system, source, drawn)
        found += self._smoothness(system, source, drawn)
        for measure, result in found:
            p = float("nan")
            if measure.metric == self._refit_metric(decoded):
                p = self._refit(system, decoded)
            row = score_row(
                job, system, source, measure, result, drawn, self.extractors,
                averaging=averaging(decoded), p_refit=p,
            )  # fmt: skip
            yield row, item_rows(system, source, measure, result, truth)

    def _spread(
        self, system: SystemSettings, source: str, drawn: Reconstruction | None
    ) -> list[tuple[Measure, Estimate]]:
        """Tell how much samples of one item differ, where there are several."""
        if drawn is None or self.extractors is None or min(drawn.samples.shape[:2]) < 2:
            return []
        job = self.job
        pictures = drawn.pictures
        flat = pictures.reshape(-1, *pictures.shape[2:])
        features = self.extractors.independent(flat).reshape(*pictures.shape[:2], -1)
        names = (system.name, job.wildcards["subject"], source)
        rng = generator(job.seed, "spread", job.study.name, *names)
        n = job.study.evaluate.n_bootstrap
        label = self.extractors.labels["independent"]
        measure = Measure("sample_spread", label, np.empty((0, 0)), 1.0)
        return [(measure, spread_estimate(features, self.truth.groups, rng, n))]

    def _smoothness(
        self, system: SystemSettings, source: str, drawn: Reconstruction | None
    ) -> list[tuple[Measure, Estimate]]:
        """Tell how alike neighbouring frames of clips are; it holds no truth, so it has no p."""
        if drawn is None or drawn.fps is None or self.extractors is None:
            return []
        job, extractors = self.job, self.extractors
        items = extractors.smoothness(drawn.clips())
        rng = generator(job.seed, "smoothness", job.study.name, system.name, source)
        low, high = interval(items, self.truth.groups, rng, job.study.evaluate.n_bootstrap)
        label = extractors.labels[extractors.smoothed_by]
        measure = Measure("clip_pcc", label, np.empty((0, 0)), extractors.real_smoothness)
        return [(measure, Estimate(items, float(items.mean()), low, high, float("nan")))]

    def _refit_metric(self, decoded: Conditions) -> str:
        """Name of the metric whose p-value is also found by refitting."""
        return (
            f"accuracy_{len(decoded.classes)}way"
            if self.truth.by_category
            else ("retrieval_two_way")
        )

    def _refit(self, system: SystemSettings, decoded: Conditions) -> float:
        """p of one chain by refitting its decoder; NaN, with the reason, where that is not done."""
        job, truth, chain = self.job, self.truth, system.chain
        if chain not in self._refitted:
            reason = why_not(job, system, decoded, truth.by_category)
            self._refitted[chain] = float("nan")
            if reason:
                self.not_refitted[chain] = reason
            else:
                problem = as_problem(
                    job, system, decoded, truth.candidates, truth.blocks, truth.by_category
                )
                rng = generator(job.seed, "refit", job.study.name, chain, job.wildcards["subject"])
                self._refitted[chain] = refit_p(problem, rng, job.study.evaluate.n_refits)
        return self._refitted[chain]


def _clusters(job: Job, truth: Truth) -> Clusters | None:
    """Group the scored stimuli; of categories alone there is nothing within."""
    if truth.by_category:
        return None
    semantics = None
    if job.study.targets:
        targets = load_targets(job.paths.targets(job.study.reconstruct.choose_by))
        at = {name: k for k, name in enumerate(targets.ids)}
        semantics = targets.values[[at[name] for name in truth.candidates]]
    seed = derive(job.seed, "clusters", job.study.name)
    return find_clusters(truth.scored, semantics, job.study.evaluate.n_clusters, seed)


def averaging(decoded: Conditions, pooled: str = "decoded features of {} trials averaged") -> str:
    """Say whether an item is one trial, or how several were pooled."""
    n = decoded.table["n_trials"]
    if n.max() == 1:
        return "single trial"
    count = f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"
    return pooled.format(count)


def load_drawn(job: Job, system: SystemSettings, source: str) -> Reconstruction | None:
    """Return what a system drew, None where it draws nothing."""
    if not system.generator:
        return None
    return load_reconstruction(job.paths.pictures(system.name, source, job.wildcards["subject"]))


def _same_items(
    job: Job, system: SystemSettings, source: str, drawn: Reconstruction, truth: Truth
) -> None:
    """Raise where pictures show other items, or another order, than the first ones."""
    if list(drawn.table["item"].astype(str)) != truth.items:
        raise DataError(
            f"{job.paths.pictures(system.name, source, job.wildcards['subject'])}: must hold the "
            f"{len(truth.items)} items of the study's other pictures in their order, got "
            f"{len(drawn.table)}. Run stage reconstruct again for all systems and sources."
        )
