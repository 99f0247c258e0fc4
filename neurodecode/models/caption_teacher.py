"""Where a caption lies among the pictures' embeddings: a kernel ridge from vectors of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SOURCES", "CaptionTeacher", "fit_teacher"]

Rows = NDArray[np.float64]

# Share of each source in the kernel; these, the width, the penalty and the shrinkage were chosen
# by folds over families of training concepts.
SOURCES = {"words": 0.2, "sentences": 0.55, "meanings": 0.25}
WIDTH, PENALTY, SHRINKAGE = 0.2, 0.5, 0.5


@dataclass(frozen=True)
class CaptionTeacher:
    """A fitted map from vectors of captions to unit embeddings.

    Attributes
    ----------
    vectors : of each source, (n_concepts, d_source)
        Of the training captions.
    scales : of each source, float
        Median squared distance between those.
    dual : (n_concepts, d)
        The ridge's coefficients.
    mean : (d,)
        Mean of the concepts' embeddings.
    spread : (d, d)
        Shrunk covariance of the pictures' embeddings.
    """

    vectors: dict[str, Rows]
    scales: dict[str, float]
    dual: Rows
    mean: Rows
    spread: Rows

    def kernel(self, vectors: dict[str, Rows]) -> Rows:
        """Return the kernel (n, n_concepts) between captions and the training captions."""
        return sum(
            (
                share
                * np.exp(-_squared(vectors[name], self.vectors[name]) / WIDTH / self.scales[name])
                for name, share in SOURCES.items()
            ),
            start=np.zeros(()),
        )

    def embed(self, vectors: dict[str, Rows]) -> Rows:
        """Return unit embeddings (n, d) of captions, orthogonal to the pictures' mean.

        A picture ``x`` is told by ``(x - mean)' C^-1 p`` (Fisher's discriminant, ``p`` the
        ridge's prediction and ``C`` the covariance); a part along the mean would favour a
        caption for all pictures alike.
        """
        wanted = np.linalg.solve(self.spread, (self.kernel(vectors) @ self.dual).T).T
        axis = self.mean / np.linalg.norm(self.mean)
        wanted -= np.outer(wanted @ axis, axis)
        unit: Rows = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
        return unit


def fit_teacher(
    vectors: dict[str, Rows], embeddings: Rows, concept: Sequence[int] | NDArray[np.int64]
) -> CaptionTeacher:
    """Fit the ridge from captions to the mean embedding of each caption's pictures.

    Parameters
    ----------
    vectors : of each source, (n_concepts, d_source)
        Of the captions.
    embeddings : (n_pictures, d)
        Unit embeddings.
    concept : (n_pictures,)
        Number of each picture's caption.
    """
    concept = np.asarray(concept)
    targets = np.stack([embeddings[concept == k].mean(axis=0) for k in range(concept.max() + 1)])
    mean = targets.mean(axis=0)
    spread = (embeddings - mean).T @ (embeddings - mean) / len(embeddings)
    sphere = np.trace(spread) / len(spread) * np.eye(len(spread))
    unfitted = CaptionTeacher(
        vectors,
        {name: float(np.median(_squared(rows, rows))) for name, rows in vectors.items()},
        np.zeros_like(targets),
        mean,
        (1 - SHRINKAGE) * spread + SHRINKAGE * sphere,
    )
    penalised = unfitted.kernel(vectors) + PENALTY * np.eye(len(targets))
    dual = np.linalg.solve(penalised, targets - mean)
    return CaptionTeacher(vectors, unfitted.scales, dual, mean, unfitted.spread)


def _squared(left: Rows, right: Rows) -> Rows:
    """Squared distances (n, m) between rows."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    distances: Rows = np.maximum(squares, 0)
    return distances
