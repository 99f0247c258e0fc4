"""How much the samples that are drawn from one decoded response differ: the drawing's uncertainty.

One sample looks as sure as any other. Where those of one item differ as much as those of different
items, the picture shown comes from the generator and not from the brain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.evaluate.inference import Estimate, interval

__all__ = ["spread", "spread_estimate"]


def spread(features: Float) -> NDArray[np.float64]:
    """Return the mean squared distance between samples of each item, (n_items,), as a share.

    The whole is the mean squared distance between samples of different items; 0 where nothing
    differs at all.

    Parameters
    ----------
    features : (n_items, n_samples, d)
        Two items and two samples, or more.
    """
    rows = features.astype(np.float64)
    n, s, _ = rows.shape
    within = 2 * rows.var(axis=1, ddof=1).sum(axis=1)
    whole = 2 * rows.reshape(n * s, -1).var(axis=0, ddof=1).sum()
    pairs, inside = n * s * (n * s - 1), n * s * (s - 1)
    between = (pairs * whole - inside * within.mean()) / (pairs - inside)
    share: NDArray[np.float64] = within / between if between > 0 else np.zeros(n)
    return share


def spread_estimate(
    features: Float, groups: NDArray[np.str_], rng: np.random.Generator, n_bootstrap: int
) -> Estimate:
    """Mean of :func:`spread` with its interval; it holds no truth, so it has no p."""
    items = spread(features)
    low, high = interval(items, groups, rng, n_bootstrap)
    return Estimate(items, float(items.mean()), low, high, float("nan"))
