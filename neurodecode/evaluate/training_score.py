"""Cross-validated scores of the training trials: what a locked test set is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from neurodecode.artifacts import load_responses, load_targets
from neurodecode.config import SystemSettings
from neurodecode.contracts import Conditions
from neurodecode.embed.design import fold_names, load_design
from neurodecode.embed.stage import decode_fold, trial_targets
from neurodecode.errors import DataError
from neurodecode.evaluate.tables import correlations, top1, wins
from neurodecode.paths import Paths
from neurodecode.pipeline import Job
from neurodecode.reconstruct.sources import itemise

__all__ = ["INNER_FOLDS", "training_items", "training_scores"]

INNER_FOLDS = 5


@dataclass(frozen=True)
class _InnerPaths(Paths):
    """The study's files, but for folds within the training trials.

    Each stage has its own: stages that run at once do not write the same files.
    """

    stage: str

    def fold(self, chain: str, fold: str, subject: str) -> Path:
        return self.root / "training" / self.stage / chain / f"fold-{fold}" / f"sub-{subject}.json"


def training_scores(job: Job, system: SystemSettings) -> dict[str, float]:
    """Score what :func:`training_items` decodes.

    Parameters
    ----------
    job : Job
        Of stage evaluate.
    system : SystemSettings
        One that stands on the chain.

    Returns
    -------
    dict of str to float
        ``accuracy_nway`` and ``retrieval_two_way``, as far as they can be scored; mean over folds,
        by their number of items.

    Raises
    ------
    DataError
        See :func:`training_items`.
    """
    found = [(_scores(job, items), len(items.table)) for items in training_items(job, system)]
    weights = [n for _, n in found]
    return {
        name: float(np.average([scores[name] for scores, _ in found], weights=weights))
        for name in found[0][0]
    }


def training_items(job: Job, system: SystemSettings) -> Iterator[Conditions]:
    """Decode each training trial by a decoder that never met its group, fold by fold.

    In each fold of the design the training trials are split by the design's group, and decoders
    are fitted by stage embed's own function; no test trial of the fold takes part.

    Parameters
    ----------
    job : Job
        Has the wildcard ``subject``.
    system : SystemSettings
        One that stands on the chain.

    Raises
    ------
    DataError
        Where a fold trains on fewer than two groups.
    """
    design = load_design(job.paths)
    design = design[design["participant_id"] == job.wildcards["subject"]]
    for fold in fold_names(design):
        rows = design[design["fold"] == fold]
        if (rows["role"] == "test").any():
            yield itemise(_decoded(job, system, fold, rows), job.study.reconstruct.unit)


def _decoded(job: Job, system: SystemSettings, fold: str, rows: pd.DataFrame) -> Conditions:
    """Return what is decoded from one fold's training trials, each once."""
    study, subject = job.study, job.wildcards["subject"]
    inner = Job(
        "embed", study, _InnerPaths(job.paths.results, study.name, job.stage), job.seed,
        {"chain": system.chain},
    )  # fmt: skip
    responses = load_responses(job.paths.responses(system.responses, subject))
    stimuli = job.adapter.stimuli()
    targets = {
        name: trial_targets(load_targets(job.paths.targets(name)), responses.trials, stimuli)
        for name in study.decoders[system.decoder].targets
    }
    train = rows[rows["role"] == "train"]
    groups = train["group"].to_numpy(dtype=str)
    if len(np.unique(groups)) < 2:
        raise DataError(
            f"evaluate: fold {fold!r} trains on one {study.design.group} alone, so there is no "
            "cross-validated training score to answer with while the test set is locked. Unlock "
            "it, or say evaluate.holdout.locked: false"
        )
    split = GroupKFold(min(INNER_FOLDS, len(np.unique(groups))))
    parts = []
    for k, (_, out) in enumerate(split.split(groups, groups=groups)):
        role = np.full(len(train), "train", dtype=object)
        role[out] = "test"
        # Without the fold's test trials: what is not in the table takes no part.
        part = train.assign(role=role, fold=f"{fold}.{k}")
        parts.append(decode_fold(inner, f"{fold}.{k}", subject, responses, targets, part))
    if len({part.classes for part in parts}) > 1:
        raise DataError(
            f"evaluate: fold {fold!r}: some category is in one {study.design.group} of the "
            "training trials alone, so no cross-validated training score can be told. Unlock the "
            "test set, or say evaluate.holdout.locked: false"
        )
    return Conditions(
        pd.concat([part.table for part in parts], ignore_index=True),
        {name: np.concatenate([p.arrays[name] for p in parts]) for name in parts[0].arrays},
        parts[0].classes,
    )


def _scores(job: Job, items: Conditions) -> dict[str, float]:
    by, scores = job.study.reconstruct.choose_by, {}
    if "label" in items.arrays:
        rows = [items.classes.index(name) for name in items.table["category"].astype(str)]
        share = top1(items.arrays["label"].T.astype(np.float64))
        scores[f"accuracy_{len(items.classes)}way"] = float(
            share[rows, np.arange(len(rows))].mean()
        )
    if by in items.arrays and job.adapter.level != "category":
        targets = load_targets(job.paths.targets(by))
        at = {name: k for k, name in enumerate(targets.ids)}
        seen = items.table["stimulus"].astype(str).to_numpy()
        names = np.unique(seen)
        real = targets.values[[at[name] for name in names]]
        mean = real.mean(axis=0)
        table = wins(correlations(real - mean, items.arrays[by] - mean))
        true = np.searchsorted(names, seen)
        scores["retrieval_two_way"] = float(table[true, np.arange(len(true))].mean())
    return scores
