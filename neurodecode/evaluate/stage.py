"""Stage ``evaluate``: the scores of one subject's pictures by all systems."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from neurodecode.artifacts import (
    hash_file,
    load_reconstruction,
    load_responses,
    load_targets,
    write_table,
)
from neurodecode.config import SystemSettings
from neurodecode.contracts import Conditions, Reconstruction
from neurodecode.embed.design import load_design
from neurodecode.errors import DataError
from neurodecode.evaluate.dictionary import COLUMNS
from neurodecode.evaluate.discovery import with_q
from neurodecode.evaluate.duplicates import refuse_near_duplicates
from neurodecode.evaluate.extractors import Extractors
from neurodecode.evaluate.inference import Estimate
from neurodecode.evaluate.ledger import query_of, write_query
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.measuring import of_decoding, of_drawn
from neurodecode.evaluate.over_time import over_time_tables, timed_chains
from neurodecode.evaluate.refit import refit_p
from neurodecode.evaluate.refit_job import as_problem, why_not
from neurodecode.evaluate.rows import estimated, item_rows, score_row
from neurodecode.evaluate.samples import spread_estimate
from neurodecode.evaluate.spuriousness import Clusters, find_clusters
from neurodecode.evaluate.truth import Truth, decoded_items, find_truth, in_order
from neurodecode.pipeline import Job, Output, used_responses
from neurodecode.preprocess.noise_ceiling import ceiling_rows
from neurodecode.progress import track
from neurodecode.seeds import derive, generator

__all__ = ["run"]


def run(job: Job) -> Output:
    """Score every source of every system for one subject."""
    todo = [(system, source) for system in job.study.systems for source in system.sources]
    first = _load(job, *todo[0])
    table = decoded_items(job, todo[0][0]).table if first is None else first.table
    truth = find_truth(job, table)
    _refuse_near_duplicates(job, truth)
    scoring = _Scoring(job, truth)
    rows, items = [], []
    with track("evaluate", total=len(todo)) as advance:
        for system, source in todo:
            for row, item in scoring.score(system, source):
                rows.append(row)
                items.append(item)
            advance()
    if not rows:
        raise DataError(
            f"evaluate: nothing to score in study {job.study.name}: its decoders decode neither "
            "labels nor the target that reconstruct.choose_by names, and nothing is drawn"
        )
    write_query(job.paths.ledger(job.wildcards["subject"]), _query(job))
    stem = job.sidecar.with_suffix("")
    files = [stem.with_name(f"{stem.name}{end}.tsv") for end in ("", "_items", "_noise_ceiling")]
    write_table(files[0], with_q(pd.DataFrame(rows))[list(COLUMNS)])
    write_table(files[1], pd.concat(items, ignore_index=True))
    write_table(files[2], _noise_ceilings(job))
    if timed_chains(job):
        names = [f"{stem.name}_{end}.tsv" for end in ("over_time", "generalisation")]
        for name, table in zip(names, over_time_tables(job), strict=True):
            files.append(stem.with_name(name))
            write_table(files[-1], table)
    return Output(files, {"not_refitted": scoring.not_refitted})


class _Scoring:
    """Scores one system and source after the other; what they share is computed once."""

    def __init__(self, job: Job, truth: Truth) -> None:
        self.job = job
        self.truth = truth
        self.extractors = Extractors(job, truth.scored) if job.study.drawing else None
        self.clusters = _clusters(job, truth)
        self.not_refitted: dict[str, str] = {}
        self._refitted: dict[str, float] = {}

    def score(
        self, system: SystemSettings, source: str
    ) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
        """Yield the rows of both tables, metric by metric."""
        job, truth = self.job, self.truth
        drawn = _load(job, system, source)
        decoded = in_order(job, system, truth)
        measures: list[Measure] = []
        if drawn is not None and self.extractors is not None:
            _same_items(job, system, source, drawn, truth)
            measures += of_drawn(drawn, truth, self.extractors, self.clusters)
        if source == "decoded":
            measures += of_decoding(job, decoded, truth, self.clusters)
        found = [(m, estimated(job, system, source, m, truth, self.clusters)) for m in measures]
        found += self._spread(system, source, drawn)
        for measure, result in found:
            p = float("nan")
            if measure.metric == self._refit_metric(decoded):
                p = self._refit(system, decoded)
            row = score_row(
                job, system, source, measure, result, drawn, self.extractors,
                averaging=_averaging(decoded), p_refit=p,
            )  # fmt: skip
            yield row, item_rows(system, source, measure, result, truth)

    def _spread(
        self, system: SystemSettings, source: str, drawn: Reconstruction | None
    ) -> list[tuple[Measure, Estimate]]:
        """Tell how much samples of one item differ, where there are several."""
        if drawn is None or self.extractors is None or min(drawn.samples.shape[:2]) < 2:
            return []
        job = self.job
        flat = drawn.samples.reshape(-1, *drawn.samples.shape[2:])
        features = self.extractors.independent(flat).reshape(*drawn.samples.shape[:2], -1)
        names = (system.name, job.wildcards["subject"], source)
        rng = generator(job.seed, "spread", job.study.name, *names)
        n = job.study.evaluate.n_bootstrap
        label = self.extractors.labels["independent"]
        measure = Measure("sample_spread", label, np.empty((0, 0)), 1.0)
        return [(measure, spread_estimate(features, self.truth.groups, rng, n))]

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


def _query(job: Job) -> str:
    """Hash what the scores depend on, by the names that their sidecar gives to inputs."""
    inputs = {f"{path.parent.name}/{path.name}": hash_file(path) for path in job.inputs}
    return query_of(job.settings_hash, job.seed, inputs)


def _refuse_near_duplicates(job: Job, truth: Truth) -> None:
    """Raise where scored pictures are nearly the same as trained ones; see `duplicates`."""
    study, stimuli = job.study, job.adapter.stimuli()
    # Of categories, the scored pictures were shown to nobody: they stand for what was.
    if truth.by_category or getattr(study.data, "allow_stimulus_overlap", False):
        return
    part = dict.fromkeys(stimuli.table["id"], "trained")
    for k, (rows, _) in enumerate(truth.blocks):
        part |= dict.fromkeys(truth.scored.table["id"].iloc[rows], str(k))
    embeddings = None
    if study.targets and study.targets[study.reconstruct.choose_by].kind == "openclip":
        embeddings = load_targets(job.paths.targets(study.reconstruct.choose_by)).values
    refuse_near_duplicates(
        stimuli, np.array(list(part.values())), embeddings, study.evaluate.near_duplicate
    )


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


def _noise_ceilings(job: Job) -> pd.DataFrame:
    """Noise ceilings of the test trials of each responses section."""
    subject, design = job.wildcards["subject"], load_design(job.paths)
    tests = set(design["trial"][(design["role"] == "test") & (design["participant_id"] == subject)])
    parts = []
    for name in used_responses(job.study):
        responses = load_responses(job.paths.responses(name, subject))
        tested = responses.trials["trial"].isin(tests).to_numpy()
        rng = generator(job.seed, "noise ceiling", job.study.name, subject, name)
        parts.append(ceiling_rows(name, responses, tested, rng))
    return pd.concat(parts, ignore_index=True)


def _averaging(decoded: Conditions) -> str:
    """Say whether an item is one trial, or several whose decoded features were averaged."""
    n = decoded.table["n_trials"]
    if n.max() == 1:
        return "single trial"
    count = f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"
    return f"decoded features of {count} trials averaged"


def _load(job: Job, system: SystemSettings, source: str) -> Reconstruction | None:
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
