"""Choose a method on validation people, whom neither fitting nor the final audit sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from neurodecode.contracts import Float
from neurodecode.deconfound.audit import Rows, Sets, audit_fitted
from neurodecode.errors import DataError
from neurodecode.registry import Deconfounder
from neurodecode.seeds import generator

__all__ = ["choose", "excess"]

PROBES = ("linear", "spread", "radial")


def excess(table: pd.DataFrame) -> pd.Series:
    """Mean excess over chance that each method leaves, as a share of what is above chance.

    Parameters
    ----------
    table : DataFrame
        Of :func:`~neurodecode.deconfound.audit.audit`.
    """
    left = table[table["figure"] == "left"]
    above = (left["value"] - left["chance"]).clip(lower=0) / (1 - left["chance"])
    return above.groupby(left["method"], sort=False).mean()


def choose(
    candidates: Mapping[str, Deconfounder],
    X: Float,
    demographics: pd.DataFrame,
    *,
    fit: Rows,
    validation: Rows,
    label: pd.Series,
    allowed: float = 0.02,
    seed: int = 0,
) -> str:
    """Return the candidate that leaves least, of those that keep the label.

    Validation people are cut into halves; each half trains the probes that the other tests. A
    candidate keeps the label where its score falls by no more than ``allowed`` below that of the
    features as they are; where none does, the one that keeps most is taken.

    Raises
    ------
    DataError
        Where there is no candidate.
    """
    if not candidates:
        raise DataError("choose: there is no candidate")
    halves = np.array_split(generator(seed, "validation").permutation(validation), 2)
    train = X[fit], demographics.iloc[fit]
    rows: list[dict[str, Any]] = []
    for name, method in {"as given": None, **candidates}.items():
        fitted: Deconfounder | None = None
        if method is not None:
            fitted = clone(method).fit(train[0], demographics=train[1])
        for first, second in (halves, halves[::-1]):
            rows += audit_fitted(name, fitted, X, demographics, Sets(fit, first, second),
                                 label=label, seed=seed, probes=PROBES, controls=False,
                                 flattering=False)  # fmt: skip
    table = pd.DataFrame(rows)
    kept = table[(table["figure"] == "kept") & (table["what"] == str(label.name))]
    scores = kept.groupby("method", sort=False)["value"].mean()
    names = list(candidates)
    keeping = [n for n in names if scores[n] >= scores["as given"] - allowed]
    if not keeping:
        return str(scores[names].idxmax())
    return str(excess(table)[keeping].idxmin())
