"""Whether counterfactual people are what they claim to be: four checks.

A counterfactual answers "what would this person's recording be at other demographics?" (Pearl 2009,
Causality, chapter 7: abduct, act, predict). Four things can be measured without knowing the answer
(Monteiro et al. 2023, ICLR, Measuring axiomatic soundness of counterfactual image models):

- composition: without a change nobody changes;
- effectiveness: a predictor that had no part in the method, trained on real people, sees the new
  value;
- reversibility: there and back is where one was;
- minimality: what the demographics do not touch stays. It is measured on a label that is
  independent of them, and by how far people move for the change.

Distances are root mean squares over people and features, in units of the features' standard
deviation between people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from neurodecode.contracts import Float
from neurodecode.deconfound.demographics import Array, Continuous, Encoding
from neurodecode.errors import DataError

__all__ = [
    "Checks",
    "Counterfactual",
    "check_counterfactuals",
    "group_difference",
    "other_values",
]

Predictor = Callable[[Float], Array]
"""Of features (n_people, n_features); what a predictor says, one value a person."""


class Counterfactual(Protocol):
    """A fitted method that can change demographics."""

    def counterfactual(self, X: Float, *, demographics: pd.DataFrame, to: pd.DataFrame) -> Float:
        """Return the same people had their demographics been ``to``."""


@dataclass(frozen=True)
class Checks:
    """Results of :func:`check_counterfactuals`.

    Attributes
    ----------
    composition : float
        Distance that people move without a change; 0 is best.
    effectiveness : float
        Share of people (names) or mean absolute error (numbers) of the predictor's answers on the
        new value.
    before : float
        The same of the predictor on real people and their own value: the best to be hoped for.
    reversibility : float
        Distance to oneself after there and back; 0 is best.
    moved : float
        Distance that people move for the change.
    kept : float
        Correlation of a predictor's answers on an unrelated label, before and after; 1 is best. NaN
        where there is no label, or the predictor gives all people one answer.
    """

    composition: float
    effectiveness: float
    before: float
    reversibility: float
    moved: float
    kept: float


def check_counterfactuals(
    method: Counterfactual,
    X: Float,
    *,
    demographics: pd.DataFrame,
    to: pd.DataFrame,
    column: str,
    predictor: Predictor,
    unrelated: Predictor | None = None,
) -> Checks:
    """Measure the four properties on people that neither method nor predictors were fitted on.

    Parameters
    ----------
    method : Counterfactual
        Fitted.
    X : (n_people, n_features)
    demographics, to : DataFrame
        What people are and what they become.
    column : str
        The demographic that changes.
    predictor : callable
        Predicts ``column`` from features; fitted on other real people.
    unrelated : callable, optional
        Predicts, as a number, a label that does not depend on demographics.

    Raises
    ------
    DataError
        Where ``column`` is missing, or another column changes too.
    """
    if column not in demographics or column not in to:
        raise DataError(f"demographics: there is no column {column} in both tables")
    others = [name for name in demographics.columns if name != column]
    changed = [n for n in others if not np.array_equal(demographics[n], to[n])]
    if changed:
        raise DataError(
            f"counterfactual: {', '.join(changed)} change(s) with {column}; effectiveness and "
            "minimality are of one change at a time"
        )
    spread = X.std(axis=0)

    def distance(a: Float, b: Float) -> float:
        return float(np.sqrt((((a - b) / spread) ** 2).mean()))

    moved = method.counterfactual(X, demographics=demographics, to=to)
    same = method.counterfactual(X, demographics=demographics, to=demographics)
    back = method.counterfactual(moved, demographics=to, to=demographics)
    return Checks(
        composition=distance(same, X),
        effectiveness=_agreement(predictor(moved), to[column]),
        before=_agreement(predictor(X), demographics[column]),
        reversibility=distance(back, X),
        moved=distance(moved, X),
        kept=_correlation(unrelated(X), unrelated(moved)) if unrelated else float("nan"),
    )


def _correlation(a: Array, b: Array) -> float:
    if min(np.std(a), np.std(b)) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def other_values(encoding: Encoding, table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the table with one demographic changed: the next level, or a mirrored number.

    A number is mirrored within the range of the training people, so that it stays inside.
    """
    (known,) = (c for c in encoding.columns if c.name == column)
    if isinstance(known, Continuous):
        return table.assign(**{column: known.low + known.high - table[column]})
    following = dict(zip(known.levels, (*known.levels[1:], known.levels[0]), strict=True))
    return table.assign(**{column: table[column].astype(str).map(following)})


def _agreement(said: Array, true: pd.Series) -> float:
    if pd.api.types.is_numeric_dtype(true) and not pd.api.types.is_bool_dtype(true):
        return float(np.abs(said - true.to_numpy(float)).mean())
    return float((np.asarray(said).astype(str) == true.astype(str).to_numpy()).mean())


def group_difference(X: Float, labels: pd.Series, first: str, second: str) -> Array:
    """Return the mean of the people labelled ``first`` minus that of ``second``, (n_features,).

    Raises
    ------
    DataError
        Where a group is empty.
    """
    names = labels.astype(str).to_numpy()
    for level in (first, second):
        if not (names == level).any():
            raise DataError(f"group difference: nobody is {level}")
    difference: Array = X[names == first].mean(axis=0) - X[names == second].mean(axis=0)
    return difference
