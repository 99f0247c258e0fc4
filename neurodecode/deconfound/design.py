"""Demographics as centred design columns, a curve for numbers; learned on training people.

A number gives itself, standardised, and a curved term (restricted cubic spline, three knots) without
its linear part; names give one column a level but the first. All columns have mean zero over the
training people, so that a row of zeros is the average person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.deconfound.demographics import Array, Encoding
from neurodecode.deconfound.residualize import QUANTILES, restricted_cubic

__all__ = ["Design", "shrunk_effects"]

STEPS = 100


@dataclass(frozen=True)
class Design:
    """Turns a table of demographics into columns.

    Attributes
    ----------
    encoding : Encoding
    knots : (n_continuous, 3)
        Of each number, standardised.
    lines : (n_continuous, 2)
        Offset and slope of the curved term on the number: what is taken out of it.
    scales : (n_continuous,)
        Standard deviation of what is left of the curved term.
    centre : (n_columns,)
    """

    encoding: Encoding
    knots: Array
    lines: Array
    scales: Array
    centre: Array

    @classmethod
    def learn(cls, encoding: Encoding, table: pd.DataFrame) -> Self:
        """Learn knots and centres from training people."""
        matrix, at = encoding.encode(table), encoding.slices
        knots, lines, scales = [], [], []
        for column in encoding.continuous:
            values = matrix[:, at[column.name]][:, 0]
            knots.append(np.quantile(values, QUANTILES[3]))
            distinct = bool((np.diff(knots[-1]) > 0).all())
            curve = restricted_cubic(values, knots[-1])[:, 0] if distinct else 0 * values
            slope, offset = np.polyfit(values, curve, 1)
            lines.append((offset, slope))
            scales.append((curve - offset - slope * values).std() if distinct else 0.0)
        shape = len(knots)
        raw = cls(
            encoding,
            np.array(knots).reshape(shape, 3),
            np.array(lines).reshape(shape, 2),
            np.array(scales).reshape(shape),
            np.zeros(1),
        )
        return cls(encoding, raw.knots, raw.lines, raw.scales, raw.columns(table).mean(axis=0))

    def columns(self, table: pd.DataFrame) -> Array:
        """Return the columns, float64 (n_people, n_columns).

        Raises
        ------
        DataError
            As :meth:`Encoding.encode`.
        """
        matrix, at = self.encoding.encode(table), self.encoding.slices
        parts, number = [], 0
        for column in self.encoding.columns:
            block = matrix[:, at[column.name]]
            if column in self.encoding.categorical:
                parts.append(block[:, 1:])
                continue
            parts.append(block)
            if self.scales[number] > 0:
                offset, slope = self.lines[number]
                curve = restricted_cubic(block[:, 0], self.knots[number]) - offset - slope * block
                parts.append(curve / self.scales[number])
            number += 1
        centred: Array = np.concatenate(parts, axis=1) - self.centre
        return centred

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of columns of each demographic, in the order of the table."""
        curves = iter(self.scales > 0)
        return tuple(
            len(c.levels) - 1 if c in self.encoding.categorical else 1 + int(next(curves))
            for c in self.encoding.columns
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything learned beside the encoding, for safetensors."""
        return {f"design.{name}": getattr(self, name) for name in _LEARNED}

    @classmethod
    def restore(cls, encoding: Encoding, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return what :meth:`state` described."""
        return cls(encoding, **{name: np.array(arrays[f"design.{name}"]) for name in _LEARNED})


_LEARNED = ("knots", "lines", "scales", "centre")


def shrunk_effects(design: Array, values: Array) -> Array:
    """Return effects of centred design columns on values, shrunk by empirical Bayes.

    Least squares gives each feature's effect b with its standard error s. Over features, effects
    are a mixture: none at all, or normal with variance t^2 (Johnstone and Silverman 2004, Annals of
    Statistics 32, 1594, with a normal in place of their slab). The mixture is fitted by EM for each
    column; what is returned is the posterior mean.

    Parameters
    ----------
    design : (n_people, n_columns)
    values : (n_people, n_features)
        Centred.

    Returns
    -------
    (n_columns, n_features)
    """
    inverse = np.linalg.pinv(design)
    effects = inverse @ values
    free = max(len(design) - design.shape[1] - 1, 1)
    noise = ((values - design @ effects) ** 2).sum(axis=0) / free
    errors = np.outer((inverse**2).sum(axis=1), noise)
    pairs = zip(effects, errors, strict=True)
    return np.stack([_posterior_mean(b, variance) for b, variance in pairs])


def _posterior_mean(effects: Array, variances: Array) -> Array:
    share, slab = 0.5, max(2 * float((effects**2 - variances).mean()), 1e-12)
    for _ in range(STEPS):
        wide = slab + variances
        odds = np.log(share / (1 - share)) + (
            np.log(variances / wide) + effects**2 * (1 / variances - 1 / wide)
        ) / 2
        real = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
        mean = effects * slab / wide
        share = float(np.clip(real.mean(), 1e-3, 1 - 1e-3))
        slab = max(float((real * (mean**2 + slab * variances / wide)).sum() / real.sum()), 1e-12)
    return np.asarray(real * mean)
