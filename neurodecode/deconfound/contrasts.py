"""Differences between two groups of people: real people who were tested, others, and drawn ones.

Groups are those above and up to the median of a number, and the two most frequent levels of a name.
Drawn people have the demographics of the tested ones, so that groups are made up alike. Differences
between other real people, those on whom a method was fitted, say how near two samples of real
people come to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.deconfound.audit import Sets
from neurodecode.deconfound.counterfactuals import group_difference
from neurodecode.deconfound.demographics import Array

__all__ = ["Contrast", "contrasts", "drawn_differences", "error_of", "real_differences"]

DRAWN = 10
"""People drawn for each tested one."""


@dataclass(frozen=True)
class Contrast:
    """Two groups by one demographic.

    Attributes
    ----------
    column : str
    first, second : str
        Names of the groups; the second is subtracted from the first.
    median : float
        Of a number; NaN of a name.
    """

    column: str
    first: str
    second: str
    median: float

    def groups(self, table: pd.DataFrame) -> pd.Series:
        """Return the group of each person; who is in neither has a name of its own."""
        if np.isnan(self.median):
            return table[self.column].astype(str)
        above = table[self.column].to_numpy(float) > self.median
        return pd.Series(np.where(above, self.first, self.second))

    def of(self, X: Float, table: pd.DataFrame) -> Array | None:
        """Return the difference (n_features,); None where a group is empty."""
        groups = self.groups(table)
        if not {self.first, self.second} <= set(groups):
            return None
        return group_difference(np.asarray(X, dtype=float), groups, self.first, self.second)


def contrasts(demographics: pd.DataFrame) -> tuple[Contrast, ...]:
    """Return one contrast a demographic."""
    found = []
    for name in map(str, demographics.columns):
        column = demographics[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            found.append(Contrast(name, "above median", "up to median", float(column.median())))
        else:
            counts = column.astype(str).value_counts().sort_index()
            second, first = sorted(counts.nlargest(2).index)
            found.append(Contrast(name, first, second, float("nan")))
    return tuple(found)


def real_differences(
    X: Float, demographics: pd.DataFrame, sets: Sets, asked: tuple[Contrast, ...]
) -> dict[str, NDArray[Any]]:
    """Return ``{column}.tested`` and ``{column}.others`` of one fold."""
    parts = {"tested": sets.test, "others": sets.fit}
    found = {
        f"{contrast.column}.{name}": contrast.of(X[rows], demographics.iloc[rows])
        for contrast in asked
        for name, rows in parts.items()
    }
    return {name: values for name, values in found.items() if values is not None}


def drawn_differences(
    method: Any, demographics: pd.DataFrame, sets: Sets, asked: tuple[Contrast, ...]
) -> dict[str, NDArray[Any]]:
    """Return ``{column}.drawn`` of one fold, of people whom ``method`` draws."""
    table = pd.concat([demographics.iloc[sets.test]] * DRAWN, ignore_index=True)
    drawn = method.sample(len(table), demographics=table)
    found = {f"{contrast.column}.drawn": contrast.of(drawn, table) for contrast in asked}
    return {name: values for name, values in found.items() if values is not None}


def error_of(found: Array, true: Array) -> tuple[float, float]:
    """Return the root mean square error as a share of the true size, and the correlation."""
    error = np.sqrt(((found - true) ** 2).mean() / (true**2).mean())
    return float(error), float(np.corrcoef(found, true)[0, 1])
