"""Stage ``specify``: one score by every combination of a study's declared choices.

An analysis is one of many that could have been made as well. A specification curve (Simonsohn,
Simmons and Nelson 2020, *Nature Human Behaviour* 4, 1208) shows all of them: the scores in order,
and which choices each was made with. A single test asks whether the median over all of them could
be luck: the truth is permuted in the same way for every specification.

While the test set is locked, training trials are scored instead, each by a decoder that never met
its group; no test trial is, and the ledger holds no look.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from neurodecode.artifacts import write_table
from neurodecode.config import SystemSettings
from neurodecode.errors import ConfigError
from neurodecode.evaluate.dictionary import define
from neurodecode.evaluate.holdout import is_locked
from neurodecode.evaluate.inference import permutations, relabellings
from neurodecode.evaluate.ledger import write_query
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.rows import estimated, score_row
from neurodecode.evaluate.scoring import Scoring, averaging, truth_of
from neurodecode.evaluate.stage import check_near_duplicates, query_of_job
from neurodecode.evaluate.training_multiverse import score_training
from neurodecode.evaluate.truth import Truth
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.seeds import generator

__all__ = ["COLUMNS", "choose_measure", "median_p", "run"]

COLUMNS = (
    *("study", "subject", "system", "role", "responses", "decoder", "generator", "metric"),
    *("extractor", "value", "ci_low", "ci_high", "chance", "n", "p", "q", "transductive"),
    *("split", "seed"),
)


def run(job: Job) -> Output:
    """Score one subject by every specification, and by the baseline."""
    scored = job.study.specified
    locked = is_locked(job.study, job.paths, job.wildcards["subject"])
    truth, found = (score_training if locked else _score_test)(job, scored)
    frame = pd.DataFrame([row for row, _ in found])
    for name in ("responses", "decoder", "generator"):
        frame[name] = [getattr(system, name) for system in scored]
    specification = frame["role"] != "baseline"
    frame["q"] = np.nan
    frame.loc[specification, "q"] = false_discovery_control(frame.loc[specification, "p"])
    tables = [m for (_, m), counts in zip(found, specification, strict=True) if counts]
    file = job.sidecar.with_suffix(".tsv")
    write_table(file, frame[list(COLUMNS)])
    return Output([file], {"median_p": _median_p(job, truth, tables), "locked": locked})


def _score_test(
    job: Job, scored: Sequence[SystemSettings]
) -> tuple[Truth, list[tuple[dict[str, object], Measure]]]:
    """Score the test trials, which is a look at them."""
    truth = truth_of(job, scored[0], "decoded")
    check_near_duplicates(job, truth)
    scoring = Scoring(job, truth, scored)
    found = []
    with track("specify", total=len(scored)) as advance:
        for system in scored:
            found.append(_score(job, scoring, system))
            advance()
    write_query(job.paths.ledger(job.wildcards["subject"]), query_of_job(job))
    return truth, found


def _score(job: Job, scoring: Scoring, system: SystemSettings) -> tuple[dict[str, object], Measure]:
    """Return one specification's row, but for ``q``, and its table of similarities."""
    drawn, decoded, measures = scoring.measures(system, "decoded")
    declared = job.study.multiverse
    assert declared is not None
    measure = choose_measure(measures, declared.metric, declared.extractor, system.name)
    result = estimated(job, system, "decoded", measure, scoring.truth, scoring.clusters)
    row = score_row(
        job, system, "decoded", measure, result, drawn, scoring.extractors,
        averaging=averaging(decoded), p_refit=float("nan"),
    )  # fmt: skip
    return row, measure


def choose_measure(
    measures: Sequence[Measure], metric: str, extractor: str, system: str
) -> Measure:
    """Return the one measure that the multiverse names.

    Raises
    ------
    ConfigError
        Where a specification has none of that name, or several.
    """
    found = [m for m in measures if m.metric == metric and m.extractor.startswith(extractor)]
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(sorted({m.metric for m in measures})) or "none"
        raise ConfigError(
            f"multiverse.metric: {metric!r} by extractor {extractor or 'any'!r} is not scored for "
            f"{system}; its scores are {known}"
        )
    names = ", ".join(m.extractor for m in found)
    raise ConfigError(f"multiverse.extractor: {metric} of {system} has several: {names}; name one")


def _median_p(job: Job, truth: Truth, measures: Sequence[Measure]) -> float:
    rng = generator(job.seed, "multiverse", job.study.name, job.wildcards["subject"])
    n = job.study.evaluate.n_permutations
    if truth.by_category:
        order = permutations(truth.groups, rng, n)
    else:
        order = relabellings(truth.groups, rng, n, truth.block_of)
    lower = define([measures[0].metric])[measures[0].metric].better == "lower"
    return median_p([-m.table if lower else m.table for m in measures], truth.index, order)


def median_p(
    tables: Sequence[NDArray[np.float64]], truth: NDArray[np.int64], order: NDArray[np.int64]
) -> float:
    """p of the median score over specifications, the truth permuted alike in all of them.

    Parameters
    ----------
    tables : sequence of (n_candidates, n_items)
        Score of each item for each candidate, higher is better; NaN is never met.
    truth : int64 (n_items,)
    order : int64 (n, n_items)
        As :func:`neurodecode.evaluate.inference.permutation_p`.
    """
    items = np.arange(tables[0].shape[1])
    observed = np.median([table[truth, items].mean() for table in tables])
    moved = truth[order]
    permuted = np.median([table[moved, items].mean(axis=1) for table in tables], axis=0)
    return float((1 + np.sum(permuted >= observed - 1e-12)) / (1 + len(order)))
