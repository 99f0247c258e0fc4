"""Is decoding worse for some people? Scores of single items regressed on who the people are.

Items of one person are not independent, so people are the units: the regression is ordinary least
squares over items, and its errors are clustered by person. The usual sandwich is too small for some
dozens of people; the covariance here is the jackknife over people (CR3; Bell and McCaffrey 2002,
*Survey Methodology* 28, 169), with as many degrees of freedom as people minus coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from neurodecode.errors import DataError

__all__ = ["FEWEST", "Effect", "Unfairness", "regress", "why_not_groups"]

FEWEST = 20
"""People a level below which nothing is said about the level."""
DECADE = 10.0
Double = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """One coefficient.

    Attributes
    ----------
    name : str
        ``age, per 10 years``; ``sex M against F``.
    value, ci_low, ci_high, p : float
        Difference of the mean score, its 95 % interval, and p for none (Holm, over coefficients).
    """

    name: str
    value: float
    ci_low: float
    ci_high: float
    p: float


@dataclass(frozen=True)
class Unfairness:
    """The regression.

    Attributes
    ----------
    n_people, n_items : int
    p : float
        Of all demographics together (F test): a difference is claimed below .05 alone.
    effects : tuple of Effect
        In the order of the table's columns.
    """

    n_people: int
    n_items: int
    p: float
    effects: tuple[Effect, ...]

    @property
    def found(self) -> bool:
        """Whether a difference between people is claimed."""
        return self.p < 0.05


def why_not_groups(demographics: pd.DataFrame | None) -> str:
    """Say why groups are not compared; empty where they are.

    Parameters
    ----------
    demographics : DataFrame, optional
        One row a person: numbers or levels.
    """
    if demographics is None or not len(demographics.columns):
        return "The study knows no demographics of its people."
    n = len(demographics)
    if n < 2 * FEWEST:
        return (
            f"{n} {'person' if n == 1 else 'people'}: groups are compared from {FEWEST} people a "
            "level on; with fewer, a difference between groups is one between a few persons."
        )
    if demographics.isna().to_numpy().any():
        return "Some demographics are missing; nothing is guessed."
    for name, column in demographics.items():
        if not _numeric(column):
            counts = column.value_counts()
            if len(counts) < 2 or counts.min() < FEWEST:
                return (
                    f"{name}: {len(counts)} levels, the smallest of {counts.min()} people; groups "
                    f"are compared from {FEWEST} people a level on, and two levels."
                )
        elif column.nunique() < 2:
            return f"{name} is the same for all people."
    return ""


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def regress(scores: pd.DataFrame, demographics: pd.DataFrame) -> Unfairness:
    """Regress items' scores on demographics, clustered by person.

    Parameters
    ----------
    scores : DataFrame
        ``participant_id``, ``value``: one row an item.
    demographics : DataFrame
        One row a person, indexed by ``participant_id``.

    Raises
    ------
    DataError
        Where a person has no demographics, groups are too small, or demographics determine each
        other.
    """
    import statsmodels.api as sm

    lost = set(scores["participant_id"]) - set(demographics.index)
    if lost:
        raise DataError(f"groups: no demographics of {len(lost)} people who were scored")
    people = demographics.loc[list(dict.fromkeys(scores["participant_id"]))]
    if reason := why_not_groups(people):
        raise DataError(f"groups: {reason}")
    X, names = _design(people)
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise DataError("groups: demographics determine each other, so they cannot be told apart")
    code = people.index.get_indexer(pd.Index(scores["participant_id"]))
    fitted = sm.OLS(scores["value"].to_numpy(np.float64), X[code]).fit()
    covariance = _jackknife(X, scores["value"].to_numpy(np.float64), code)
    df = len(people) - X.shape[1]
    beta, error = fitted.params[1:], np.sqrt(np.diag(covariance))[1:]
    each = 2 * t_distribution.sf(np.abs(beta) / error, df)
    half = t_distribution.ppf(0.975, df) * error
    wald = beta @ np.linalg.solve(covariance[1:, 1:], beta) / len(beta)
    effects = [
        Effect(*row) for row in zip(names, beta, beta - half, beta + half, _holm(each), strict=True)
    ]
    p = float(f_distribution.sf(wald, len(beta), df))
    return Unfairness(len(people), len(scores), p, tuple(effects))


def _design(people: pd.DataFrame) -> tuple[Double, list[str]]:
    """Return (n_people, 1 + n) with an intercept; levels are held against the first."""
    columns, names = [np.ones(len(people))], []
    for name, column in people.items():
        if _numeric(column):
            decades = str(name) == "age"
            values = column.to_numpy(np.float64)
            scale = DECADE if decades else float(values.std())
            columns.append((values - values.mean()) / scale)
            names.append(f"{name}, per {'10 years' if decades else 'SD'}")
        else:
            first, *others = sorted(column.astype(str).unique())
            for level in others:
                columns.append((column.astype(str) == level).to_numpy(np.float64))
                names.append(f"{name} {level} against {first}")
    return np.stack(columns, axis=1), names


def _jackknife(X: Double, y: Double, code: NDArray[np.int64]) -> Double:
    """Covariance of the coefficients from leaving out each person."""
    n_people, k = X.shape
    count = np.bincount(code, minlength=n_people).astype(float)
    total = np.bincount(code, weights=y, minlength=n_people)
    # A person's rows are all alike, so sums over items are counts times the person's row.
    gram = np.einsum("g,gi,gj->gij", count, X, X)
    moment = total[:, None] * X
    left_out = np.linalg.solve(gram.sum(axis=0) - gram, (moment.sum(axis=0) - moment)[..., None])
    off = left_out[..., 0] - np.linalg.solve(gram.sum(axis=0), moment.sum(axis=0))
    covariance: Double = (n_people - 1) / n_people * off.T @ off
    assert covariance.shape == (k, k)
    return covariance


def _holm(p: Double) -> Double:
    """Adjust p-values so that none of them is below .05 by luck, all taken together."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1)
    return adjusted
