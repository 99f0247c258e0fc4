"""Which times (or pairs of times) are above chance, corrected for looking at all of them.

Cluster mass by permutation: Maris and Oostenveld 2007, Journal of Neuroscience Methods 164, 177.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Significance", "cluster_test"]

Double = NDArray[np.float64]


@dataclass(frozen=True)
class Significance:
    """p-values of the shape of what was tested.

    Attributes
    ----------
    p : float64
        One-sided, of each cell alone.
    p_cluster : float64
        Of the cluster that the cell is in, corrected over all cells; 1 outside clusters.
    """

    p: Double
    p_cluster: Double


def cluster_test(observed: Double, permuted: Double, *, forming: float = 0.05) -> Significance:
    """Compare scores with those of permuted truths.

    A cell is in a cluster where its own p is at most ``forming``; neighbours along an axis are one
    cluster. Its mass is the sum of its cells' z, and its p the share of permutations whose largest
    cluster has at least that mass. A significant cluster says that there is something in it, not
    where it begins and ends.

    Parameters
    ----------
    observed : float64 (...,)
        Score of each time, or pair of times.
    permuted : float64 (n_permutations, ...)
        The same with the truth permuted; one permutation is the same in all cells.
    forming : float

    Returns
    -------
    Significance
    """
    whole = np.concatenate([observed[None], permuted])
    n = len(permuted)
    # Each map's p among all maps, itself included: the observed one is treated as any other.
    ordered = np.sort(whole, axis=0)
    larger = np.empty(whole.shape)
    for cell in np.ndindex(observed.shape):
        column = ordered[(slice(None), *cell)]
        larger[(slice(None), *cell)] = (
            n + 1 - np.searchsorted(column, whole[(slice(None), *cell)] - 1e-12)
        )
    p = larger / (n + 1)
    spread = permuted.std(axis=0)
    z = (whole - permuted.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    masses = [_masses(z[k], (p[k] <= forming) & (z[k] > 0)) for k in range(n + 1)]
    largest = np.array([max(mass.values(), default=0.0) for _, mass in masses])
    labels, mass = masses[0]
    p_cluster = np.ones(observed.shape)
    for label, own in mass.items():
        p_cluster[labels == label] = (largest >= own - 1e-12).sum() / (n + 1)
    return Significance(p[0], p_cluster)


def _masses(z: Double, inside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], dict[int, float]]:
    """Return the clusters' labels, of the shape of ``z``, and each one's mass."""
    from scipy.ndimage import label

    labels, n = label(inside)
    totals = np.bincount(labels.ravel(), weights=z.ravel(), minlength=n + 1)
    return labels, {k: float(totals[k]) for k in range(1, n + 1)}
