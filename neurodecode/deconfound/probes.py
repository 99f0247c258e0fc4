"""Probes: what can still be read off features of people, by means, by spread, or in any way.

A probe is trained on some people and scored on others. Categories are scored by balanced accuracy
(chance one over the number of levels), numbers by R2 (chance 0). Four probes each:

- ``linear``: logistic or ridge regression on the leading principal components; sees means;
- ``spread``: the same on absolute deviations of standardised features; sees variances;
- ``radial``: a support vector machine or ridge regression with a radial kernel;
- ``forest``: a random forest.

All but the forest work on inner products of people, so that thousands of features cost little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from neurodecode.deconfound.demographics import Array
from neurodecode.seeds import generator

__all__ = ["PROBES", "Probed", "Prober", "chance_level", "score"]

PROBES = ("linear", "spread", "radial", "forest")
N_COMPONENTS = 100
C_LINEAR = 0.01
PENALTIES = np.geomspace(1e-3, 1e6, 28)
N_TREES = 60
Labels = NDArray[Any]


@dataclass(frozen=True)
class Probed:
    """What one probe found.

    Attributes
    ----------
    predicted : (n_test,)
        Level or number of each test person.
    score, chance : float
    p : float
        Share of permutations of the test people's labels that score as well.
    p_low : float
        Share that score as badly: small where a score lies below chance.
    """

    predicted: Labels
    score: float
    chance: float
    p: float
    p_low: float


def is_number(labels: Labels) -> bool:
    """Whether labels are numbers, scored by R2."""
    return bool(np.issubdtype(labels.dtype, np.floating))


def score(labels: Labels, predicted: Labels) -> float:
    """Balanced accuracy of levels, R2 of numbers."""
    return float(_scores(labels[None], predicted)[0])


def _scores(labels: Labels, predicted: Labels) -> Array:
    """Score of one prediction against many orders of the labels, (n_orders,)."""
    if is_number(labels):
        error = (labels**2).sum(axis=1) + (predicted**2).sum() - 2 * labels @ predicted
        total = ((labels - labels.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        return np.asarray(1 - error / total)
    recalls = [
        ((labels == level) & (predicted == level)).sum(axis=1) / (labels[0] == level).sum()
        for level in np.unique(labels[0])
    ]
    return np.asarray(np.mean(recalls, axis=0))


def chance_level(labels: Labels) -> float:
    """Score of a guess: one over the number of levels; 0 for numbers."""
    return 0.0 if is_number(labels) else 1 / len(np.unique(labels))


class Prober:
    """Probes that are trained on some people's features and tested on others'.

    Parameters
    ----------
    train, test : (n_people, n_features)
    seed : int
        Of forests and permutations.
    n_permutations : int
    """

    def __init__(
        self, train: Array, test: Array, *, seed: int = 0, n_permutations: int = 200
    ) -> None:
        mean, sd = train.mean(axis=0), train.std(axis=0)
        sd = np.where(sd > 1e-9, sd, 1)
        self.train, self.test = (
            ((values - mean) / sd).astype(np.float32) for values in (train, test)
        )
        self.seed = seed
        self.n_permutations = n_permutations
        self._kernels: dict[str, tuple[Array, Array]] = {}

    def probe(self, name: str, train: Labels, test: Labels) -> Probed:
        """Train one probe on labels of the training people and test it.

        Parameters
        ----------
        name : str
            One of :data:`PROBES`.
        train, test : (n_train,), (n_test,)
            Floats are numbers to predict, all else levels.
        """
        predicted = self.predict(name, train)
        value = score(test, predicted)
        orders = generator(self.seed, "permutations").permuted(
            np.tile(np.arange(len(test)), (self.n_permutations, 1)), axis=1
        )
        null = _scores(test[orders], predicted)
        as_good, as_bad = (null >= value - 1e-12).sum(), (null <= value + 1e-12).sum()
        n = self.n_permutations + 1
        return Probed(
            predicted, value, chance_level(train), float(1 + as_good) / n, float(1 + as_bad) / n
        )

    def score(self, name: str, train: Labels, test: Labels) -> float:
        """Score of one probe alone, without permutations."""
        return score(test, self.predict(name, train))

    def predict(self, name: str, train: Labels) -> Labels:
        """Train one probe on labels of the training people and predict those of the others."""
        if name == "forest":
            return self._forest(train)
        own, other = self._kernel(name)
        if is_number(train):
            return _kernel_ridge(own, other, train)
        if name == "radial":
            machine = SVC(kernel="precomputed", class_weight="balanced").fit(own, train)
            return np.asarray(machine.predict(other))
        own, other = _components(own, other)
        linear = LogisticRegression(C=C_LINEAR, class_weight="balanced", max_iter=1000)
        return np.asarray(linear.fit(own, train).predict(other))

    def _forest(self, labels: Labels) -> Labels:
        options = {
            "n_estimators": N_TREES,
            "min_samples_leaf": 2,
            "random_state": self.seed % 2**32,
        }
        if is_number(labels):
            forest = RandomForestRegressor(max_features=0.03, **options)
        else:
            forest = RandomForestClassifier(class_weight="balanced", **options)
        return np.asarray(forest.fit(self.train, labels).predict(self.test))

    def _kernel(self, name: str) -> tuple[Array, Array]:
        """Inner products of training people, and of test with training people."""
        if name not in self._kernels:
            own, other = self.train, self.test
            if name == "spread":
                own, other = np.abs(own), np.abs(other)
                mean, sd = own.mean(axis=0), np.maximum(own.std(axis=0), 1e-9)
                own, other = (own - mean) / sd, (other - mean) / sd
            n = own.shape[1]
            square = (own @ own.T / n).astype(float)
            across = (other @ own.T / n).astype(float)
            if name == "radial":
                norms = np.diag(square)
                reach = (other**2).sum(axis=1)[:, None].astype(float) / n + norms
                across = np.exp(2 * across - reach)
                square = np.exp(2 * square - norms[:, None] - norms)
            self._kernels[name] = square, across
        return self._kernels[name]


def _components(own: Array, other: Array) -> tuple[Array, Array]:
    """Scores on the leading components, of unit variance over the training people."""
    values, vectors = np.linalg.eigh(own)
    n = min(N_COMPONENTS, int((values > 1e-8 * values[-1]).sum()))
    values, vectors = values[::-1][:n], vectors[:, ::-1][:, :n]
    root = np.sqrt(len(own))
    return vectors * root, other @ vectors / values * root


def _kernel_ridge(own: Array, other: Array, labels: Array) -> Array:
    """Kernel ridge regression; the penalty has the least leave-one-out error."""
    mean, constant = labels.mean(), np.trace(own) / len(own)
    own, other = own + constant, other + constant  # an offset, and no direction of zero length
    values, vectors = np.linalg.eigh(own)
    values = np.maximum(values, 0)
    turned = vectors.T @ (labels - mean)
    best, least = np.zeros(len(own)), np.inf
    for penalty in PENALTIES * values.mean():
        dual = vectors @ (turned / (values + penalty))
        leverage = vectors**2 @ (1 / (values + penalty))
        error = float(((dual / leverage) ** 2).mean())
        if error < least:
            best, least = dual, error
    return np.asarray(other @ best + mean)
