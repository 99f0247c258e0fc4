"""A table of demographics, checked and turned into numbers; learned on training people.

Columns of numbers are continuous and are standardised; any other column (text, booleans,
categories) is categorical and becomes one column a level. Messages name columns, levels and counts,
never people or their values.

Where rows are trials, the table's index, named ``participant_id``, says whose; people are counted
then, not rows. Without that name every row is a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.errors import ConfigError, DataError, NotIdentifiable

__all__ = ["MINIMUM", "PERSON", "Categorical", "Continuous", "Encoding", "check_table", "persons"]

MINIMUM = 20
"""People that a level needs for its effect to be told from that of single people."""
MARGIN = 0.1
"""How far outside the training range a value may lie, as a share of the range."""
STATE = "demographics"
PERSON = "participant_id"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Continuous:
    """A column of numbers: mean, standard deviation and range of the training people."""

    name: str
    mean: float
    scale: float
    low: float
    high: float

    def encode(self, values: pd.Series) -> Array:
        """Return the standardised values, (n_people, 1)."""
        numbers = values.to_numpy(float)
        margin = MARGIN * (self.high - self.low)
        outside = (numbers < self.low - margin) | (numbers > self.high + margin)
        if outside.any():
            raise DataError(
                f"demographics: {self.name} of {outside.sum()} of {len(numbers)} people lies "
                f"outside what was fitted, {self.low:g} to {self.high:g}; leave them out, or fit "
                "on people like them"
            )
        return (numbers[:, None] - self.mean) / self.scale


@dataclass(frozen=True)
class Categorical:
    """A column of names: the levels of the training people and how many had each."""

    name: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]

    def encode(self, values: pd.Series) -> Array:
        """Return one column a level, 0 or 1, (n_people, n_levels)."""
        found = values.astype(str).to_numpy(str)
        unseen = sorted(set(found.tolist()) - set(self.levels))
        if unseen:
            raise DataError(
                f"demographics: {self.name} must be one of {', '.join(self.levels)} (those of the "
                f"training people), got {', '.join(unseen[:5])}"
            )
        return np.asarray(found[:, None] == np.array(self.levels), dtype=float)


@dataclass(frozen=True)
class Encoding:
    """How a table of demographics becomes a matrix; learned on training people.

    Attributes
    ----------
    columns : tuple of Continuous or Categorical
        In the order of the training table.
    """

    columns: tuple[Continuous | Categorical, ...]

    @classmethod
    def learn(cls, table: pd.DataFrame, *, minimum: int = MINIMUM) -> Encoding:
        """Learn range, mean and levels from training people.

        Parameters
        ----------
        table : DataFrame
            One row a person, one column a demographic; every column is used.
        minimum : int
            Fewest people a level.

        Raises
        ------
        DataError
            Where a value is missing or infinite.
        NotIdentifiable
            Where a level has fewer than ``minimum`` people, a column does not vary, or there are
            fewer than ``minimum`` people.
        """
        check_table(table)
        table = _once(table)
        if len(table) < minimum:
            raise NotIdentifiable(
                f"demographics: {len(table)} people; their effects cannot be told from "
                f"differences between single people below {minimum}"
            )
        return cls(tuple(_learn_column(table[name], minimum) for name in table.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of the table."""
        return tuple(column.name for column in self.columns)

    @property
    def continuous(self) -> tuple[Continuous, ...]:
        """The columns of numbers."""
        return tuple(c for c in self.columns if isinstance(c, Continuous))

    @property
    def categorical(self) -> tuple[Categorical, ...]:
        """The columns of names."""
        return tuple(c for c in self.columns if isinstance(c, Categorical))

    @property
    def slices(self) -> dict[str, slice]:
        """Columns of the matrix that each column of the table became."""
        widths = [len(c.levels) if isinstance(c, Categorical) else 1 for c in self.columns]
        ends = np.cumsum(widths)
        spans = zip(ends - widths, ends, strict=True)
        return {n: slice(int(a), int(b)) for n, (a, b) in zip(self.names, spans, strict=True)}

    def encode(self, table: pd.DataFrame) -> Array:
        """Return the matrix, float64 (n_people, n_columns); see :attr:`slices`.

        Columns of ``table`` that were not fitted are left aside.

        Raises
        ------
        DataError
            Where a column or value is missing, a number lies outside the training range (a tenth
            of the range is allowed on either side) or a level was not seen in training.
        """
        self.check(table)
        return np.column_stack([column.encode(table[column.name]) for column in self.columns])

    def check(self, table: pd.DataFrame) -> None:
        """Raise where columns that were fitted are missing, of another kind, or hold no value."""
        missing = [name for name in self.names if name not in table.columns]
        if missing:
            raise DataError(
                f"demographics: column(s) {', '.join(missing)} missing; fitted on "
                f"{', '.join(self.names)}"
            )
        check_table(table[list(self.names)])
        for column in self.continuous:
            if not _is_continuous(table[column.name]):
                raise DataError(f"demographics: {column.name} must be numbers, as in training")

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything learned, for safetensors (one array: JSON in UTF-8)."""
        columns = [{"kind": type(c).__name__, **asdict(c)} for c in self.columns]
        return {STATE: np.frombuffer(json.dumps(columns).encode(), dtype=np.uint8)}

    @classmethod
    def restore(cls, state: Mapping[str, NDArray[Any]]) -> Encoding:
        """Return what :meth:`state` described."""
        columns: list[Continuous | Categorical] = []
        for entry in json.loads(bytes(state[STATE]).decode()):
            if entry.pop("kind") == "Continuous":
                columns.append(Continuous(**entry))
            else:
                levels, counts = tuple(entry["levels"]), tuple(entry["counts"])
                columns.append(Categorical(entry["name"], levels, counts))
        return cls(tuple(columns))


def persons(table: pd.DataFrame) -> NDArray[np.int_]:
    """Return the person of each row, numbered from 0."""
    if table.index.name != PERSON:
        return np.arange(len(table))
    return np.unique(table.index.to_numpy(str), return_inverse=True)[1].ravel()


def _once(table: pd.DataFrame) -> pd.DataFrame:
    """Return each person's first row.

    Raises
    ------
    DataError
        Where a person's rows differ.
    """
    whose = persons(table)
    first = np.unique(whose, return_index=True)[1]
    once = table.iloc[first]
    same = (table.to_numpy() == once.iloc[whose].to_numpy()).all(axis=0)
    if not same.all():
        raise DataError(
            f"demographics: {', '.join(table.columns[~same])} is not the same in all rows of a "
            "person"
        )
    return once


def check_table(table: object) -> None:
    """Raise where there is no table of demographics, or a value in it is missing."""
    if not isinstance(table, pd.DataFrame):
        raise ConfigError(
            f"demographics: must be a table (pandas DataFrame), one row a person, got "
            f"{type(table).__name__}"
        )
    if not len(table.columns):
        raise ConfigError("demographics: the table must have a column (age, sex, site, ...)")
    for name in table.columns:
        column = table[name]
        lost = column.isna()
        if _is_continuous(column):
            lost |= ~np.isfinite(column.to_numpy(float, na_value=np.nan))
        elif column.dtype != bool:
            lost |= column.astype(str).str.strip() == ""
        if lost.any():
            raise DataError(
                f"demographics: {name} is missing for {int(lost.sum())} of {len(table)} people; "
                "leave them out, or fill it in"
            )


def _is_continuous(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def _learn_column(column: pd.Series, minimum: int) -> Continuous | Categorical:
    name = str(column.name)
    if _is_continuous(column):
        values = column.to_numpy(float)
        if values.min() == values.max():
            raise NotIdentifiable(
                f"demographics: {name} is the same for all {len(values)} people: it has no effect "
                "to remove; leave the column out"
            )
        # The range is kept and shown: whole numbers outwards hide the extreme person.
        low, high = float(np.floor(values.min())), float(np.ceil(values.max()))
        return Continuous(name, float(values.mean()), float(values.std()), low, high)
    counts = column.astype(str).value_counts().sort_index()
    few = counts[counts < minimum]
    if len(few):
        found = ", ".join(f"{level} ({n})" for level, n in list(few.items())[:5])
        raise NotIdentifiable(
            f"demographics: {name} has {len(few)} of {len(counts)} levels with fewer than "
            f"{minimum} people: {found}; what such a group has in common cannot be told from its "
            "single people. Join small levels, leave them out, or name a column of numbers as such"
        )
    if len(counts) < 2:
        raise NotIdentifiable(
            f"demographics: {name} is {counts.index[0]} for all people: it has no effect to "
            "remove; leave the column out"
        )
    return Categorical(name, tuple(map(str, counts.index)), tuple(int(n) for n in counts))
