"""Is more decoded than the kind of thing that was seen?

Two-way scores are high where the kind alone (face, tool) was decoded, since most distractors are of
another kind (Shirakawa et al. 2024, "Spurious reconstruction from brain activity"). So
identification is told apart: against distractors of the same cluster of stimuli, and of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli
from neurodecode.evaluate.measures import Features, Measure
from neurodecode.evaluate.tables import Table, correlations, wins, wins_within

__all__ = ["Clusters", "find_clusters", "of_clusters", "wins_across"]

N_CLUSTERS = 40
SMALLEST = 4
"""Scored stimuli a cluster that k-means aims at: fewer compare a stimulus with nothing."""


@dataclass(frozen=True)
class Clusters:
    """Cluster of each scored stimulus.

    Attributes
    ----------
    names : (n_scored,)
    kind : str
        ``category`` (the study's own) or ``cluster`` (k-means of the semantic target).
    """

    names: NDArray[np.str_]
    kind: str

    @property
    def suffixes(self) -> tuple[str, str]:
        """Endings of the two metrics' names."""
        many = {"category": "categories", "cluster": "clusters"}[self.kind]
        return f"within_{self.kind}", f"across_{many}"


def find_clusters(
    scored: Stimuli, semantics: Float | None, n_clusters: int | None, seed: int
) -> Clusters | None:
    """Group the scored stimuli, None where they make one group only.

    Parameters
    ----------
    scored : Stimuli
    semantics : (n_scored, d), optional
        Semantic target of each.
    n_clusters : int, optional
        k of k-means, less where stimuli are few; without it the study's categories count, and
        k = 40 where it has none.
    seed : int
    """
    category = scored.table["category"].to_numpy(dtype=str)
    if n_clusters is None and len(np.unique(category)) > 1:
        return Clusters(category, "category")
    k = min(n_clusters or N_CLUSTERS, len(scored) // SMALLEST)
    if semantics is None or k < 2:
        return None
    from sklearn.cluster import KMeans

    found = KMeans(k, n_init=4, random_state=seed % 2**32).fit_predict(semantics)
    return Clusters(found.astype(str), "cluster")


def wins_across(similarity: Table, clusters: NDArray[np.str_]) -> Table:
    """Share of the candidates of other clusters that are less similar; as ``tables.wins``.

    A candidate of the only cluster counts half.

    Parameters
    ----------
    similarity : float64 (n_candidates, n_items)
    clusters : (n_candidates,)
    """
    _, code, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    size = counts[code][:, None]
    n = len(similarity)
    beaten = wins(similarity) * (n - 1) - wins_within(similarity, clusters) * (size - 1)
    table: Table = np.where(size < n, beaten / np.maximum(n - size, 1), 0.5)
    return table


def of_clusters(
    metric: str, features: Features, clusters: Clusters, rows: NDArray[np.int64]
) -> Iterator[Measure]:
    """Yield identification within and across clusters.

    Parameters
    ----------
    metric : str
        Name of the identification that is told apart.
    features : Features
        Of the candidates and the items.
    clusters : Clusters
        Of all scored stimuli.
    rows : (n_candidates,)
        Which of those the candidates are.
    """
    similarity = correlations(features.real, features.drawn)
    names = clusters.names[rows]
    for suffix, table in zip(
        clusters.suffixes,
        (wins_within(similarity, names), wins_across(similarity, names)),
        strict=True,
    ):
        yield Measure(f"{metric}_{suffix}", features.extractor, table, 0.5)
