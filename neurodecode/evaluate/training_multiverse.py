"""Specifications of a study whose test set is locked: scored on training trials alone.

In every fold of the design each training trial is decoded by a decoder that never met its group;
where folds rotate, an item's score is the mean over the folds that it trains.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from neurodecode.artifacts import load_targets
from neurodecode.config import SystemSettings
from neurodecode.contracts import Conditions
from neurodecode.errors import ConfigError
from neurodecode.evaluate.holdout import may_be_asked
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.rows import estimated, score_row
from neurodecode.evaluate.scoring import averaging
from neurodecode.evaluate.tables import Table, correlations, top1, wins
from neurodecode.evaluate.training_score import INNER_FOLDS, training_items
from neurodecode.evaluate.truth import Truth
from neurodecode.pipeline import Job
from neurodecode.progress import track

__all__ = ["score_training"]


def score_training(
    job: Job, scored: Sequence[SystemSettings]
) -> tuple[Truth, list[tuple[dict[str, object], Measure]]]:
    """Score every specification on training trials; no test trial is looked at.

    Returns
    -------
    truth : Truth
        Of the training items, alike for all specifications.
    list of (dict, Measure)
        One specification's row, but for ``q``, and its table.

    Raises
    ------
    ConfigError
        Where the metric is not one that can be told before anything is drawn.
    """
    declared = job.study.multiverse
    assert declared is not None
    if not may_be_asked(declared.metric):
        raise ConfigError(
            f"multiverse.metric: {declared.metric!r} cannot be told while the test set of study "
            f"{job.study.name} is locked: specifications are then scored on training trials, for "
            "which nothing is drawn. Name accuracy_*way or retrieval_two_way, or unlock it for "
            f"good: neurodecode unlock --study {job.study.name}"
        )
    found: list[tuple[dict[str, object], Measure]] = []
    decoded: dict[str, list[Conditions]] = {}
    with track("specify", total=len(scored)) as advance:
        for system in scored:
            if system.chain not in decoded:
                decoded[system.chain] = list(training_items(job, system))
            truth, measure = _table(job, decoded[system.chain], declared.metric)
            result = estimated(job, system, "decoded", measure, truth, None)
            row = score_row(
                job, system, "decoded", measure, result, None, None, p_refit=float("nan"),
                averaging=averaging(decoded[system.chain][0]),
            )  # fmt: skip
            inner = f"{INNER_FOLDS} inner folds of the training trials (test set locked)"
            found.append(({**row, "split": f"{inner}; {row['split']}"}, measure))
            advance()
    return truth, found


def _table(job: Job, folds: list[Conditions], metric: str) -> tuple[Truth, Measure]:
    """Score each item for each candidate, mean over the folds in which both train."""
    by_class, by_category = metric.startswith("accuracy"), job.adapter.level == "category"
    items = pd.concat([part.table for part in folds]).drop_duplicates("item", ignore_index=True)
    seen = items["category" if by_class else "stimulus"].astype(str)
    candidates = list(folds[0].classes) if by_class else sorted(seen.unique())
    row = {name: k for k, name in enumerate(candidates)}
    column = {name: k for k, name in enumerate(items["item"])}
    summed = np.zeros((len(candidates), len(items)))
    count = np.zeros(summed.shape, np.int32)
    trains = [""] * len(items)
    for k, part in enumerate(folds):
        names, extractor, table = _scores(job, part, metric)
        place = np.ix_([row[n] for n in names], [column[n] for n in part.table["item"]])
        summed[place] += table
        count[place] += 1
        for name in part.table["item"]:
            trains[column[name]] += f"{k} "
    with np.errstate(invalid="ignore"):
        mean = np.where(count, summed / count, np.nan)
    chance = 1 / len(candidates) if by_class else 0.5
    groups = items["run" if by_category else "stimulus"].astype(str).to_numpy(dtype=str)
    same = np.array(trains)  # items that train in the same folds were compared with each other
    everyone = np.arange(len(candidates))
    truth = Truth(
        job.adapter.stimuli(), candidates, list(items["item"]), seen.map(row).to_numpy(np.int64),
        groups, by_category,
        tuple((everyone, np.flatnonzero(same == folds_of)) for folds_of in np.unique(same)),
    )  # fmt: skip
    return truth, Measure(metric, extractor, mean, chance)


def _scores(job: Job, part: Conditions, metric: str) -> tuple[list[str], str, Table]:
    """Return one fold's candidates, the extractor's name, and the table (n_candidates, n_items).

    Raises
    ------
    ConfigError
        Where no such thing is decoded.
    """
    by = job.study.reconstruct.choose_by
    known = {}
    if "label" in part.arrays:
        known[f"accuracy_{len(part.classes)}way"] = "label"
    if by in part.arrays and job.adapter.level != "category":
        known["retrieval_two_way"] = by
    if metric not in known:
        raise ConfigError(
            f"multiverse.metric: {metric!r} is not scored on training trials of study "
            f"{job.study.name}; its scores are {', '.join(known) or 'none'}"
        )
    if known[metric] == "label":
        return list(part.classes), "none", top1(part.arrays["label"].T.astype(np.float64))
    targets = load_targets(job.paths.targets(by))
    at = {name: k for k, name in enumerate(targets.ids)}
    names = sorted(part.table["stimulus"].astype(str).unique())
    real = targets.values[[at[name] for name in names]]
    mean = real.mean(axis=0)  # as in truth.common_part: shrinkage is not to decide
    return names, targets.extractor, wins(correlations(real - mean, part.arrays[by] - mean))
