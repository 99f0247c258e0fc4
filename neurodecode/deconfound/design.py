"""The regression design: numbers by a straight line and a spline, names by their levels.

A restricted cubic spline adds n_knots - 2 curved terms to a straight line (Harrell 2015, Regression
Modeling Strategies, equation 2.25, knots of table 2.3). The curved terms are made orthogonal to the
line over the training people, so that line and curve can be judged apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.deconfound.demographics import Array, Categorical, Encoding
from neurodecode.errors import ConfigError, NotIdentifiable

__all__ = ["Design", "restricted_cubic"]

QUANTILES = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}


def restricted_cubic(values: Array, knots: Array) -> Array:
    """Return the curved terms of a restricted cubic spline, (n, n_knots - 2).

    Linear below the first and above the last knot.
    """
    first, before, last = knots[0], knots[-2], knots[-1]

    def cube(knot: float) -> Array:
        return np.asarray(np.clip(values - knot, 0, None) ** 3)

    terms = [
        cube(knot)
        - cube(before) * (last - knot) / (last - before)
        + cube(last) * (before - knot) / (last - before)
        for knot in knots[:-2]
    ]
    curved: Array = np.stack(terms, axis=1) / (last - first) ** 2
    return curved


@dataclass(frozen=True)
class Design:
    """How a table of demographics becomes a centred design of full rank.

    Attributes
    ----------
    encoding : Encoding
    knots : float64 (n_continuous, n_knots)
        In standard deviations of the column.
    lines : float64 (n_continuous, 2, n_knots - 2)
        Offset and slope that are taken from the curved terms.
    centre : float64 (n_columns,)
        Means over the training people.
    """

    encoding: Encoding
    knots: Array
    lines: Array
    centre: Array

    @classmethod
    def learn(cls, encoding: Encoding, table: pd.DataFrame, n_knots: int) -> Design:
        """Place knots and means by the training people.

        Raises
        ------
        ConfigError
            For a number of knots that is not 0, 3, 4 or 5.
        NotIdentifiable
            Where demographics determine each other.
        """
        if n_knots not in (0, *QUANTILES):
            raise ConfigError(f"knots: must be one of 0, 3, 4, 5, got {n_knots!r}")
        encoded, at = encoding.encode(table), encoding.slices
        knots, lines = [], []
        for column in encoding.continuous if n_knots else ():
            values = encoded[:, at[column.name]][:, 0]
            knots.append(np.quantile(values, QUANTILES[n_knots]))
            if np.diff(knots[-1]).min() <= 0:
                raise NotIdentifiable(
                    f"demographics: {column.name} has too few different values for a spline of "
                    f"{n_knots} knots; set knots to 0"
                )
            straight = np.column_stack([np.ones(len(values)), values])
            curved = restricted_cubic(values, knots[-1])
            lines.append(np.linalg.lstsq(straight, curved, rcond=None)[0])
        design = cls(encoding, np.array(knots), np.array(lines), np.zeros(0))
        columns = np.concatenate(list(design._blocks(table).values()), axis=1)
        if np.linalg.matrix_rank(columns - columns.mean(axis=0)) < columns.shape[1]:
            raise NotIdentifiable(
                f"demographics: {', '.join(encoding.names)} determine each other among these "
                "people: no method can tell their effects apart. Leave one out"
            )
        return cls(encoding, design.knots, design.lines, columns.mean(axis=0))

    def _blocks(self, table: pd.DataFrame) -> dict[str, Array]:
        """Columns by effect; a level's column is left out where the others tell it."""
        encoded, at = self.encoding.encode(table), self.encoding.slices
        numbers = [c.name for c in self.encoding.continuous]
        blocks = {}
        for column in self.encoding.columns:
            values = encoded[:, at[column.name]]
            if isinstance(column, Categorical):
                blocks[column.name] = values[:, 1:]
                continue
            blocks[column.name] = values
            if len(self.knots):
                k = numbers.index(column.name)
                straight = np.column_stack([np.ones(len(values)), values])
                curved = restricted_cubic(values[:, 0], self.knots[k])
                blocks[f"{column.name} (curve)"] = curved - straight @ self.lines[k]
        return blocks

    def matrix(self, table: pd.DataFrame) -> Array:
        """Return the centred design, (n_people, n_columns)."""
        columns = np.concatenate(list(self._blocks(table).values()), axis=1)
        return np.asarray(columns - self.centre)

    def effects(self, table: pd.DataFrame) -> dict[str, slice]:
        """Columns of the matrix that belong to one effect: a line, a curve, all levels."""
        blocks = self._blocks(table)
        ends = np.cumsum([block.shape[1] for block in blocks.values()])
        return {
            name: slice(int(end) - block.shape[1], int(end))
            for (name, block), end in zip(blocks.items(), ends, strict=True)
        }

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors, without those of the encoding."""
        return {"knots": self.knots, "lines": self.lines, "centre": self.centre}

    @classmethod
    def restore(cls, encoding: Encoding, arrays: Mapping[str, NDArray[Any]]) -> Design:
        """Return what :meth:`state` described."""
        return cls(encoding, *(np.array(arrays[name]) for name in ("knots", "lines", "centre")))
