"""Regressions of the state on one row of features: f(y) of the discriminative Kalman filter."""

from __future__ import annotations

from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize, minimize_scalar

from neurodecode.errors import ConfigError
from neurodecode.online.decoded import Array
from neurodecode.online.kernels import perceptron
from neurodecode.online.saved import Saved
from neurodecode.seeds import derive, generator

__all__ = [
    "GaussianProcess",
    "KernelRidge",
    "LinearRidge",
    "NadarayaWatson",
    "Perceptron",
    "Regressor",
    "kernel_matrix",
]

Kernel = Literal["rbf", "channels"]


class Regressor(Protocol):
    """From features (n, p) to states (n, d); each row alone."""

    def fit(self, X: Array, Z: Array) -> Self:
        """Learn from rows of features and states."""

    def predict(self, X: Array) -> Array:
        """Expected state of each row."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays."""


class LinearRidge(Saved):
    """Linear regression with an intercept and a squared penalty.

    Parameters
    ----------
    penalty : float
        In units of a feature's variance times the number of rows.
    """

    learned = ("coef", "intercept")

    def __init__(self, penalty: float = 1e-3) -> None:
        self.penalty = penalty

    def fit(self, X: Array, Z: Array) -> Self:
        """Learn from ``X`` (n, p) and ``Z`` (n, d)."""
        x_mean, z_mean = X.mean(axis=0), Z.mean(axis=0)
        centred = X - x_mean
        gram = centred.T @ centred
        gram.flat[:: len(gram) + 1] += self.penalty * np.trace(gram) / len(gram)
        self.coef_ = np.linalg.solve(gram, centred.T @ (Z - z_mean))
        self.intercept_ = z_mean - x_mean @ self.coef_
        return self

    def predict(self, X: Array) -> Array:
        """Expected state of each row of ``X`` (n, p)."""
        return np.asarray(X @ self.coef_ + self.intercept_)


class NadarayaWatson(Saved):
    """Mean of the training states, weighted by a Gaussian of the distance of their features.

    Parameters
    ----------
    bandwidth : float, optional
        Standard deviation of the Gaussian; by default the one of least leave-one-out squared error.
    n_search : int
        Rows, drawn at random, that are left out in turn in that search.
    seed : int
        Of the draw.

    Attributes
    ----------
    bandwidth_ : float64 (1,)
    """

    learned = ("X", "Z", "bandwidth")

    def __init__(self, bandwidth: float | None = None, n_search: int = 1000, seed: int = 0) -> None:
        self.bandwidth = bandwidth
        self.n_search = n_search
        self.seed = seed

    def fit(self, X: Array, Z: Array) -> Self:
        """Keep ``X`` (n, p) and ``Z`` (n, d); find the bandwidth."""
        self.X_, self.Z_ = np.array(X), np.array(Z)
        found = self._search() if self.bandwidth is None else self.bandwidth
        self.bandwidth_ = np.array([found])
        return self

    def _search(self) -> float:
        n = min(self.n_search, len(self.X_))
        rows = generator(self.seed, "nadaraya_watson").choice(len(self.X_), n, replace=False)
        distances = squared_distances(self.X_[rows], self.X_)
        distances[np.arange(n), rows] = np.inf
        nearest = np.sqrt(distances.min(axis=1))

        def error(log_bandwidth: float) -> float:
            decoded = _softmax(-distances / (2 * np.exp(2 * log_bandwidth))) @ self.Z_
            return float(((self.Z_[rows] - decoded) ** 2).mean())

        bounds = np.log(np.median(nearest) / 4 + 1e-12), np.log(nearest.max() * 4 + 1e-12)
        return float(np.exp(minimize_scalar(error, bounds=bounds, options={"xatol": 0.01}).x))

    def predict(self, X: Array) -> Array:
        """Expected state of each row of ``X`` (n, p)."""
        return _softmax(-squared_distances(X, self.X_) / (2 * self.bandwidth_[0] ** 2)) @ self.Z_


class KernelRidge(Saved):
    """Kernel ridge regression: the mean of a Gaussian process with given hyperparameters.

    Parameters
    ----------
    length : float
        Length scale.
    penalty : float
        Variance of the noise over that of the signal.
    kernel : {"rbf", "channels"}
        See :func:`kernel_matrix`.
    """

    learned = ("X", "weights", "z_mean")

    def __init__(self, length: float = 3.0, penalty: float = 0.1, kernel: Kernel = "rbf") -> None:
        self.length = length
        self.penalty = penalty
        self.kernel = kernel

    def fit(self, X: Array, Z: Array) -> Self:
        """Solve for the weights of the rows of ``X`` (n, p), ``Z`` (n, d)."""
        self.X_, self.z_mean_ = np.array(X), Z.mean(axis=0)
        K = kernel_matrix(X, X, self.length, self.kernel)
        K.flat[:: len(K) + 1] += self.penalty
        factor = cho_factor(K, lower=True, overwrite_a=True)
        self.weights_ = np.ascontiguousarray(cho_solve(factor, Z - self.z_mean_))
        return self

    def predict(self, X: Array) -> Array:
        """Expected state of each row of ``X`` (n, p)."""
        K = kernel_matrix(X, self.X_, self.length, self.kernel)
        return np.asarray(K @ self.weights_ + self.z_mean_)


class GaussianProcess(Saved):
    """Gaussian process whose length and noise have the greatest marginal likelihood.

    All entries of the state share one kernel, and each is scaled to unit variance.

    Parameters
    ----------
    kernel : {"rbf", "channels"}
        See :func:`kernel_matrix`; ``channels`` is that of the MK-DKF.
    n_search : int
        Rows, drawn at random, that the search for hyperparameters takes.
    seed : int
        Of the draw.

    Attributes
    ----------
    length_, noise_ : float64 (1,)
        Length scale; variance of the noise over that of the signal.

    References
    ----------
    Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 2.30 and 5.8.
    Brandman et al. (2018), Neural Computation 30, 2986-3008 (robust multiple kernel).
    """

    learned = ("X", "weights", "z_mean", "length", "noise")

    def __init__(self, kernel: Kernel = "rbf", n_search: int = 1000, seed: int = 0) -> None:
        self.kernel = kernel
        self.n_search = n_search
        self.seed = seed

    def fit(self, X: Array, Z: Array) -> Self:
        """Find the hyperparameters, then solve with all rows of ``X`` (n, p), ``Z`` (n, d)."""
        n = min(self.n_search, len(X))
        rows = np.sort(generator(self.seed, "gp").choice(len(X), n, replace=False))
        targets = Z[rows] - Z.mean(axis=0)
        targets = targets / targets.std(axis=0)
        typical = np.sqrt(np.median(squared_distances(X[rows], X[rows])))

        def cost(logs: NDArray[np.float64]) -> float:
            return -log_evidence(X[rows], targets, float(np.exp(logs[0])), float(np.exp(logs[1])),
                                 self.kernel)  # fmt: skip

        start = np.array([np.log(typical), np.log(0.5)])
        found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 0.05, "maxfev": 60})
        self.length_, self.noise_ = np.exp(found.x[:1]), np.exp(found.x[1:])
        inner = KernelRidge(float(self.length_[0]), float(self.noise_[0]), self.kernel).fit(X, Z)
        self.X_, self.weights_, self.z_mean_ = inner.X_, inner.weights_, inner.z_mean_
        return self

    def predict(self, X: Array) -> Array:
        """Expected state of each row of ``X`` (n, p)."""
        K = kernel_matrix(X, self.X_, float(self.length_[0]), self.kernel)
        return np.asarray(K @ self.weights_ + self.z_mean_)


class Perceptron(Saved):
    """Neural network with two hidden layers, trained in torch and run in compiled loops.

    Features and states are standardised; training stops early by the last fifth of the rows.

    Parameters
    ----------
    hidden : int
        Units of each hidden layer (ReLU).
    epochs : int
        Passes over the training rows at most.
    weight_decay : float
        AdamW's.
    seed : int
        Of the first weights and the batches.
    """

    learned = ("W1", "b1", "W2", "b2", "W3", "b3")

    def __init__(
        self, hidden: int = 64, epochs: int = 60, weight_decay: float = 0.1, seed: int = 0
    ) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.weight_decay = weight_decay
        self.seed = seed

    def fit(self, X: Array, Z: Array) -> Self:
        """Train on ``X`` (n, p) and ``Z`` (n, d)."""
        import torch
        from torch import nn

        from neurodecode.online.train import train

        x_mean, x_std = X.mean(axis=0), X.std(axis=0) + 1e-12
        z_mean, z_std = Z.mean(axis=0), Z.std(axis=0) + 1e-12
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(self.seed, "perceptron"))
            network = nn.Sequential(
                nn.Linear(X.shape[1], self.hidden), nn.ReLU(),
                nn.Linear(self.hidden, self.hidden), nn.ReLU(),
                nn.Linear(self.hidden, Z.shape[1]),
            ).double()  # fmt: skip
            train(
                network, (X - x_mean) / x_std, (Z - z_mean) / z_std,
                epochs=self.epochs, weight_decay=self.weight_decay, seed=self.seed,
            )  # fmt: skip
        weights, biases = zip(
            *(
                (layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())
                for layer in network
                if isinstance(layer, nn.Linear)
            ),
            strict=True,
        )
        # Standardising is folded into the first and the last layer.
        self.W1_, self.W2_, self.W3_ = weights[0] / x_std, weights[1], weights[2] * z_std[:, None]
        self.b1_, self.b2_ = biases[0] - self.W1_ @ x_mean, biases[1]
        self.b3_ = biases[2] * z_std + z_mean
        self._ready()
        return self

    def _ready(self) -> None:
        self._layers = (self.W1_, self.b1_, self.W2_, self.b2_, self.W3_, self.b3_)

    def predict(self, X: Array) -> Array:
        """Expected state of each row of ``X`` (n, p)."""
        Z = np.empty((len(X), len(self.b3_)))
        perceptron(X, *self._layers, Z)
        return Z


def kernel_matrix(X: Array, Y: Array, length: float, kernel: Kernel) -> Array:
    """Kernel of unit variance between rows of ``X`` (n, p) and ``Y`` (m, p).

    ``rbf`` is exp(-|x - y|^2 / 2 l^2). ``channels`` is its mean over the channels, exp(-(x_c -
    y_c)^2 / 2 l^2): one channel that jumps takes away no more than its own part.

    Raises
    ------
    ConfigError
        Where the kernel is neither.
    """
    if kernel == "rbf":
        return np.asarray(np.exp(-squared_distances(X, Y) / (2 * length**2)))
    if kernel != "channels":
        raise ConfigError(f"kernel must be rbf or channels, got {kernel!r}")
    K = np.zeros((len(X), len(Y)))
    for x, y in zip(X.T, Y.T, strict=True):
        K += np.exp(-((x[:, None] - y) ** 2) / (2 * length**2))
    K /= X.shape[1]
    return K


def log_evidence(X: Array, Z: Array, length: float, noise: float, kernel: Kernel) -> float:
    """Log marginal likelihood of ``Z`` (n, d), the signal's variance at its best value.

    For K = s^2 (k + noise I) the best s^2 is the mean of z'(k + noise I)^-1 z / n, which leaves
    -(n d / 2) (1 + log 2 pi s^2) - (d / 2) log |k + noise I|.
    """
    n, d = Z.shape
    K = kernel_matrix(X, X, length, kernel)
    K.flat[:: n + 1] += max(noise, 1e-8)
    L = np.linalg.cholesky(K)
    whitened = solve_triangular(L, Z, lower=True)
    variance = float((whitened**2).sum()) / (n * d)
    logdet = 2 * float(np.log(np.diag(L)).sum())
    return float(-0.5 * n * d * (1 + np.log(2 * np.pi * variance)) - 0.5 * d * logdet)


def squared_distances(X: Array, Y: Array) -> Array:
    """Squared Euclidean distances between rows of ``X`` (n, p) and ``Y`` (m, p)."""
    distances = (X**2).sum(axis=1)[:, None] + (Y**2).sum(axis=1) - 2 * X @ Y.T
    return np.asarray(np.maximum(distances, 0.0))


def _softmax(logits: Array) -> Array:
    """Rows of exp(logits) that sum to 1, whatever their size."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
