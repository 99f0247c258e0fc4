"""Scores of a subject whose test set is locked: what the reusable holdout answers, no more."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neurodecode.artifacts import hash_file, hash_settings
from neurodecode.config import SystemSettings
from neurodecode.evaluate.dictionary import COLUMNS
from neurodecode.evaluate.holdout import ask, may_be_asked
from neurodecode.evaluate.inference import Estimate
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.measuring import of_decoding
from neurodecode.evaluate.rows import score_row
from neurodecode.evaluate.scoring import averaging
from neurodecode.evaluate.training_score import training_scores
from neurodecode.evaluate.truth import Truth, in_order
from neurodecode.pipeline import Job

__all__ = ["ITEM_COLUMNS", "locked_rows"]

ITEM_COLUMNS = ("system", "item", "source", "metric", "value")
LOCKED = "test set locked: answer of a reusable holdout"


def locked_rows(job: Job, truth: Truth) -> tuple[pd.DataFrame, list[str]]:
    """Ask for each chain's scores; returns rows without interval or p, and what was refused."""
    rows, refused = [], []
    for chain in dict.fromkeys(system.chain for system in job.study.systems):
        # What was decoded is one system's as much as another's: the first of the chain is named.
        system = next(s for s in job.study.systems if s.chain == chain)
        decoded = in_order(job, system, truth)
        trained: dict[str, float] | None = None
        for measure in of_decoding(job, decoded, truth, None):
            if not may_be_asked(measure.metric):
                continue
            trained = trained or training_scores(job, system)
            value = _answer(job, system, measure, truth, trained[measure.metric])
            if value is None:
                refused.append(f"{chain} {measure.metric}")
            result = Estimate(
                np.full(len(truth.items), np.nan),
                float("nan") if value is None else value,
                float("nan"), float("nan"), float("nan"),
            )  # fmt: skip
            row = score_row(
                job, system, "decoded", measure, result, None, None,
                averaging=f"{averaging(decoded)}; {LOCKED}", p_refit=float("nan"),
            )  # fmt: skip
            rows.append({**row, "q": float("nan")})
    return pd.DataFrame(rows, columns=list(COLUMNS)), refused


def _answer(
    job: Job, system: SystemSettings, measure: Measure, truth: Truth, trained: float
) -> float | None:
    subject, settings = job.wildcards["subject"], job.study.evaluate.holdout
    decoded = job.paths.conditions(system.chain, subject).with_suffix(".safetensors")
    query = hash_settings([hash_file(decoded), measure.metric, measure.extractor])
    test = float(measure.table[truth.index, np.arange(len(truth.index))].mean())
    return ask(job.paths.ledger(subject), query, trained, test, settings)
