"""How well an encoding model predicts each unit, beside what could be predicted at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from neurodecode.contracts import Float
from neurodecode.errors import DataError
from neurodecode.preprocess.noise_ceiling import components, repeated

__all__ = ["Predicted", "permuted_p", "prediction_accuracy"]

Double = NDArray[np.float64]
LEAST_CEILING = 0.1
"""Share of the variance that must be signal for a unit's accuracy to be set against it."""


@dataclass(frozen=True)
class Predicted:
    """What was predicted and measured of one fold.

    Attributes
    ----------
    items : str (n_trials,)
        What each test trial showed.
    responses : float32 (n_trials, n_units)
    parts : float32 (n_bands, n_items, n_units)
        Each band's prediction of each distinct item, in their sorted order.
    """

    items: NDArray[np.str_]
    responses: Float
    parts: Float

    def means(self) -> Float:
        """Return the mean response to each item (n_items, n_units)."""
        return np.stack([self.responses[self.items == name].mean(axis=0)
                         for name in np.unique(self.items)])  # fmt: skip


def prediction_accuracy(
    tested: list[Predicted], bands: tuple[str, ...], n_permutations: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Score each unit over all folds; items are centred within their fold first.

    Parameters
    ----------
    tested : list of Predicted
    bands : tuple of str
    n_permutations : int
        Of predictions over the items of a fold.
    rng : numpy Generator

    Returns
    -------
    DataFrame (n_units, ...)
        ``r``, between predicted and mean measured responses; ``r2``; ``share_BAND``, the part of
        r2 that a band's prediction explains (product measure; they add up to r2); ``ceiling``,
        the largest r that a perfect prediction could have (NaN without repeats); ``r_normalised``,
        ``r / ceiling`` (NaN where less than a tenth of the variance is signal); ``p`` by
        permutation, one-sided; ``q``, by Benjamini and Hochberg over units.

    Raises
    ------
    DataError
        Where fewer than three items were tested.
    """
    from himalaya.scoring import r2_score_split

    measured = np.concatenate([_centred(fold.means()) for fold in tested])
    parts = np.concatenate([_centred(fold.parts, axis=1) for fold in tested], axis=1)
    if len(measured) < 3:
        raise DataError(
            f"encoding: {len(measured)} different items were tested; a correlation over items "
            "needs 3 or more"
        )
    whole = parts.sum(axis=0)
    a, b = _unit(whole), _unit(measured)
    r = (a * b).sum(axis=0)
    fold_of = np.repeat(np.arange(len(tested)), [fold.parts.shape[1] for fold in tested])
    p = permuted_p(a, b, fold_of, n_permutations, rng)
    shares = np.asarray(r2_score_split(measured, parts))
    ceiling = _ceiling(tested)
    signal = np.isfinite(ceiling) & (ceiling**2 >= LEAST_CEILING)
    table = pd.DataFrame({"r": r, "r2": shares.sum(axis=0)})
    for band, share in zip(bands, shares, strict=True):
        table[f"share_{band}"] = share
    table["ceiling"] = ceiling
    table["r_normalised"] = np.where(signal, r / np.where(signal, ceiling, 1), np.nan)
    table["p"] = p
    table["q"] = false_discovery_control(p)
    return table


def permuted_p(
    a: Double,
    b: Double,
    fold_of: NDArray[np.int64],
    n_permutations: int,
    rng: np.random.Generator,
) -> Double:
    """Return how often permuted columns agree as well as given ones, one-sided (n_units,).

    Parameters
    ----------
    a, b : (n_items, n_units)
        Columns of unit length.
    fold_of : (n_items,)
        Rows of ``a`` are permuted within it, alike for all units.
    n_permutations : int
    rng : numpy Generator
    """
    found = (a * b).sum(axis=0)
    as_good = np.ones(a.shape[1])
    within = [np.flatnonzero(fold_of == fold) for fold in np.unique(fold_of)]
    order = np.arange(len(a))
    for _ in range(n_permutations):
        for rows in within:
            order[rows] = rng.permutation(rows)
        as_good += np.einsum("iu,iu->u", a[order], b) >= found - 1e-9
    p: Double = as_good / (n_permutations + 1)
    return p


def _ceiling(tested: list[Predicted]) -> Double:
    """Return the largest r of a mean over as many trials as an item of a fold has on average."""
    names = np.concatenate([fold.items for fold in tested])
    n_units = tested[0].responses.shape[1]
    centred = np.concatenate([fold.responses - fold.means().mean(axis=0) for fold in tested])
    trials = repeated(centred, names)
    if len(trials) < 3:
        return np.full(n_units, np.nan)
    signal, noise = components(trials)
    k = len(names) / sum(fold.parts.shape[1] for fold in tested)
    with np.errstate(invalid="ignore", divide="ignore"):
        ceiling: Double = np.sqrt(signal / (signal + noise / k))
    return ceiling


def _centred(values: Float, axis: int = 0) -> Double:
    wide = values.astype(np.float64)
    centred: Double = wide - wide.mean(axis=axis, keepdims=True)
    return centred


def _unit(values: Double) -> Double:
    length = np.linalg.norm(values, axis=0)
    unit: Double = values / np.where(length > 0, length, 1)
    return unit
