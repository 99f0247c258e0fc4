"""How much of the responses any decoder could use: noise ceilings from repeats of a stimulus.

Two forms. By halves: each unit's responses, averaged over one half of the repeats, are correlated
with those of the other half over stimuli; Spearman and Brown's formula brings r to all repeats. By
variance components (Allen et al. 2022, *Nature Neuroscience* 25, 116): the variance within stimuli
is noise, what is left of the total variance is signal; the ceiling of a mean over k trials is
signal / (signal + noise / k), a share of variance. A square of the first estimates the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Responses

__all__ = [
    "Ceiling",
    "ceiling_rows",
    "components",
    "repeated",
    "split_half",
    "variance_components",
]

Double = NDArray[np.float64]
N_SPLITS = 20


@dataclass(frozen=True)
class Ceiling:
    """One ceiling of each unit, (n_units,); NaN where a unit never varies."""

    method: str
    values: Double


def repeated(data: NDArray[np.float32], stimuli: NDArray[np.str_]) -> Double:
    """Arrange trials as (n_stimuli, n_repeats, n_units).

    As many repeats as every repeated stimulus has; those shown once are left out, and nothing is
    returned, shape (0, 0, n_units), where none was shown twice.
    """
    names, counts = np.unique(stimuli, return_counts=True)
    often = names[(counts > 1) & (names != "")]
    if not len(often):
        return np.zeros((0, 0, data.shape[1]))
    k = counts[np.isin(names, often)].min()
    rows = np.stack([np.flatnonzero(stimuli == name)[:k] for name in often])
    return data[rows].astype(np.float64)


def split_half(trials: Double, rng: np.random.Generator, n_splits: int = N_SPLITS) -> Ceiling:
    """Mean over random halves of r between half-means, brought to all repeats.

    Parameters
    ----------
    trials : (n_stimuli, n_repeats, n_units)
    rng : numpy Generator
        Draws the halves anew for each stimulus.
    n_splits : int
    """
    n_stimuli, k, _ = trials.shape
    half = k // 2
    total = np.zeros(trials.shape[2])
    for _ in range(n_splits):
        order = rng.random((n_stimuli, k)).argsort(axis=1)
        mixed = np.take_along_axis(trials, order[:, :, None], axis=1)
        a, b = (_standard(mixed[:, s].mean(axis=1)) for s in
                (slice(0, half), slice(half, 2 * half)))  # fmt: skip
        total += (a * b).mean(axis=0)
    r = total / n_splits
    factor = k / half  # Spearman and Brown: reliability of `factor` times as many trials
    return Ceiling("split_half", factor * r / (1 + (factor - 1) * r))


def components(trials: Double) -> tuple[Double, Double]:
    """Variance of each unit (n_units,) that is signal, and that is noise of a single trial.

    Parameters
    ----------
    trials : (n_stimuli, n_repeats, n_units)
    """
    k = trials.shape[1]
    noise = trials.var(axis=1, ddof=1).mean(axis=0)
    of_means = trials.mean(axis=1).var(axis=0, ddof=1)
    return np.maximum(of_means - noise / k, 0), noise


def variance_components(trials: Double) -> Ceiling:
    """Share of the variance of a stimulus' mean over repeats that is signal.

    Parameters
    ----------
    trials : (n_stimuli, n_repeats, n_units)
    """
    signal, noise = components(trials)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Ceiling("variance_components", signal / (signal + noise / trials.shape[1]))


def _standard(rows: Double) -> Double:
    centred = rows - rows.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z: Double = centred / centred.std(axis=0)
    return z


def ceiling_rows(
    name: str, responses: Responses, tested: NDArray[np.bool_], rng: np.random.Generator
) -> pd.DataFrame:
    """Summarise one subject's units by both forms, on test trials.

    Parameters
    ----------
    name : str
        Of the responses section.
    responses : Responses
    tested : bool (n_trials,)
    rng : numpy Generator

    Returns
    -------
    DataFrame
        ``responses, method, n_stimuli, n_repeats, n_units, median, low, high``; the last two are
        quartiles over units. Without rows where no stimulus was tested twice.
    """
    stimuli = responses.trials["stimulus"].to_numpy(dtype=str)[tested]
    trials = repeated(responses.data[tested], stimuli)
    columns = ["responses", "method", "n_stimuli", "n_repeats", "n_units", "median", "low", "high"]
    rows = []
    if len(trials) > 2:
        for ceiling in (split_half(trials, rng), variance_components(trials)):
            known = ceiling.values[np.isfinite(ceiling.values)]
            quartiles = np.percentile(known, [50, 25, 75]) if len(known) else [np.nan] * 3
            rows.append([name, ceiling.method, *trials.shape, *quartiles])
    return pd.DataFrame(rows, columns=columns)
