"""Stage ``evaluate``: the scores of one subject's pictures by all systems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.artifacts import load_responses, load_targets, write_table
from neurodecode.embed.design import load_design
from neurodecode.errors import DataError
from neurodecode.evaluate.dictionary import COLUMNS
from neurodecode.evaluate.discovery import with_q
from neurodecode.evaluate.duplicates import refuse_near_duplicates
from neurodecode.evaluate.holdout import is_locked
from neurodecode.evaluate.ledger import query_of, write_query
from neurodecode.evaluate.locked import ITEM_COLUMNS, locked_rows
from neurodecode.evaluate.oracle import oracle_rows, with_share
from neurodecode.evaluate.over_time import over_time_tables, timed_chains
from neurodecode.evaluate.scoring import Scoring, truth_of
from neurodecode.evaluate.truth import Truth
from neurodecode.pipeline import Job, Output
from neurodecode.preprocess.noise_ceiling import ceiling_rows
from neurodecode.progress import track
from neurodecode.seeds import generator

__all__ = ["check_near_duplicates", "query_of_job", "run"]


def run(job: Job) -> Output:
    """Score every source of every system for one subject."""
    todo = [(system, source) for system in job.study.systems for source in system.sources]
    truth = truth_of(job, *todo[0])
    check_near_duplicates(job, truth)
    if is_locked(job.study, job.paths, job.wildcards["subject"]):
        return _locked(job, truth)
    scoring = Scoring(job, truth, job.study.systems)
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
    for row, item in oracle_rows(scoring, tuple(rows)):
        rows.append(row)
        items.append(item)
    write_query(job.paths.ledger(job.wildcards["subject"]), query_of_job(job))
    table = with_share(with_q(pd.DataFrame(rows)), job.study)[list(COLUMNS)]
    files = _write(job, table, pd.concat(items, ignore_index=True))
    if timed_chains(job):
        stem = job.sidecar.with_suffix("")
        names = [f"{stem.name}_{end}.tsv" for end in ("over_time", "generalisation")]
        for name, timed in zip(names, over_time_tables(job), strict=True):
            files.append(stem.with_name(name))
            write_table(files[-1], timed)
    return Output(files, {"not_refitted": scoring.not_refitted})


def _locked(job: Job, truth: Truth) -> Output:
    """Write what the reusable holdout answers; no score of an item, interval or p."""
    table, refused = locked_rows(job, truth)
    write_query(job.paths.ledger(job.wildcards["subject"]), query_of_job(job), "locked")
    files = _write(job, table, pd.DataFrame(columns=list(ITEM_COLUMNS)))
    return Output(files, {"locked": True, "refused": refused})


def _write(job: Job, scores: pd.DataFrame, items: pd.DataFrame) -> list[Path]:
    stem = job.sidecar.with_suffix("")
    files = [stem.with_name(f"{stem.name}{end}.tsv") for end in ("", "_items", "_noise_ceiling")]
    for file, table in zip(files, (scores, items, _noise_ceilings(job)), strict=True):
        write_table(file, table)
    return files


def query_of_job(job: Job) -> str:
    """Hash what the scores depend on, by the names that their sidecar gives to inputs."""
    return query_of(job.settings_hash, job.seed, job.input_hashes)


def check_near_duplicates(job: Job, truth: Truth) -> None:
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


def _noise_ceilings(job: Job) -> pd.DataFrame:
    """Noise ceilings of the test trials of each responses section."""
    subject, design = job.wildcards["subject"], load_design(job.paths)
    tests = set(design["trial"][(design["role"] == "test") & (design["participant_id"] == subject)])
    parts = []
    for name in job.study.used_responses:
        responses = load_responses(job.paths.responses(name, subject))
        tested = responses.trials["trial"].isin(tests).to_numpy()
        rng = generator(job.seed, "noise ceiling", job.study.name, subject, name)
        parts.append(ceiling_rows(name, responses, tested, rng))
    return pd.concat(parts, ignore_index=True)
