"""Regressors beside scikit-learn, scipy and closed forms."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn import kernel_ridge
from sklearn.linear_model import Ridge

from neurodecode.errors import ConfigError
from neurodecode.online.regressors import (
    GaussianProcess,
    KernelRidge,
    LinearRidge,
    NadarayaWatson,
    Perceptron,
    kernel_matrix,
    log_evidence,
)
from neurodecode.seeds import generator

rng = generator(0, "regressors")
X = rng.normal(size=(300, 4))
Z = np.stack([np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]], axis=1) + 0.1 * rng.normal(size=(300, 2))
NEW = rng.normal(size=(50, 4))


def test_linear_ridge_is_scikit_learns():
    gram = (X - X.mean(axis=0)).T @ (X - X.mean(axis=0))
    peer = Ridge(alpha=0.3 * np.trace(gram) / 4).fit(X, Z)
    np.testing.assert_allclose(LinearRidge(0.3).fit(X, Z).predict(NEW), peer.predict(NEW))


def test_nadaraya_watson_is_a_weighted_mean():
    found = NadarayaWatson(0.7).fit(X, Z).predict(NEW)
    for x, z in zip(NEW, found, strict=True):
        weights = np.exp(-((X - x) ** 2).sum(axis=1) / (2 * 0.7**2))
        np.testing.assert_allclose(z, weights @ Z / weights.sum())


def test_nadaraya_watson_far_from_all_takes_the_nearest():
    far = X[7] + 1e6 * (X[7] - X.mean(axis=0))
    distances = ((X - far) ** 2).sum(axis=1)
    found = NadarayaWatson(0.1).fit(X, Z).predict(far[None])
    np.testing.assert_allclose(found[0], Z[distances.argmin()])


def test_the_bandwidth_has_the_least_leave_one_out_error():
    rows = np.arange(len(X))

    def error(bandwidth):
        left_out = [
            NadarayaWatson(bandwidth).fit(X[rows != i], Z[rows != i]).predict(X[i : i + 1])
            for i in rows
        ]
        return ((Z - np.concatenate(left_out)) ** 2).mean()

    best = NadarayaWatson().fit(X, Z).bandwidth_[0]
    assert error(best) <= min(error(best * 1.1), error(best / 1.1))


def test_kernel_ridge_is_scikit_learns():
    ours = KernelRidge(length=1.3, penalty=0.2).fit(X, Z).predict(NEW)
    peer = kernel_ridge.KernelRidge(alpha=0.2, kernel="rbf", gamma=1 / (2 * 1.3**2))
    mean = Z.mean(axis=0)
    np.testing.assert_allclose(ours, peer.fit(X, Z - mean).predict(NEW) + mean)


def test_the_channel_kernel_is_a_mean_over_channels():
    expected = np.mean(
        [kernel_matrix(NEW[:, [c]], X[:, [c]], 0.8, "rbf") for c in range(4)], axis=0
    )
    np.testing.assert_allclose(kernel_matrix(NEW, X, 0.8, "channels"), expected)
    with pytest.raises(ConfigError, match="kernel must be rbf or channels, got 'cubic'"):
        kernel_matrix(NEW, X, 0.8, "cubic")


def test_a_channel_that_jumps_moves_the_channel_kernel_less():
    additive = np.stack([np.sin(X[:, 0]) + X[:, 1], np.cos(X[:, 2]) + X[:, 3]], axis=1)
    jumped = NEW.copy()
    jumped[:, 0] += 8.0
    truth = np.stack([np.sin(NEW[:, 0]) + NEW[:, 1], np.cos(NEW[:, 2]) + NEW[:, 3]], axis=1)
    errors = {}
    for kernel in ("rbf", "channels"):
        decoded = GaussianProcess(kernel).fit(X, additive).predict(jumped)
        errors[kernel] = np.sqrt(((decoded - truth) ** 2).mean())
    assert errors["channels"] < 0.6 * errors["rbf"]


def test_the_evidence_is_scipys_at_the_best_variance():
    found = log_evidence(X[:40], Z[:40], 1.1, 0.3, "rbf")
    K = kernel_matrix(X[:40], X[:40], 1.1, "rbf") + 0.3 * np.eye(40)

    def direct(variance):
        return sum(multivariate_normal(cov=variance * K).logpdf(z) for z in Z[:40].T)

    variance = np.trace(Z[:40].T @ np.linalg.solve(K, Z[:40])) / 80
    assert found == pytest.approx(direct(variance), rel=1e-10)
    assert found > max(direct(0.9 * variance), direct(1.1 * variance))


def test_a_gaussian_process_finds_the_noise():
    fitted = GaussianProcess().fit(X, Z)
    assert fitted.noise_[0] < 0.2
    assert ((fitted.predict(NEW) - clean(NEW)) ** 2).mean() < 0.15


def clean(rows):
    return np.stack([np.sin(2 * rows[:, 0]), rows[:, 1] * rows[:, 2]], axis=1)


def test_the_perceptron_learns_and_is_reproducible():
    scaled = X * [1, 10, 0.1, 1] + 5
    first = Perceptron(epochs=100).fit(scaled, 1e-3 * Z)
    second = Perceptron(epochs=100).fit(scaled, 1e-3 * Z)
    new = NEW * [1, 10, 0.1, 1] + 5
    np.testing.assert_array_equal(first.predict(new), second.predict(new))
    error = ((1e3 * first.predict(new) - clean(NEW)) ** 2).mean()
    assert error < 0.6 * clean(NEW).var()


def test_the_compiled_perceptron_is_the_matrix_product():
    fitted = Perceptron(epochs=2).fit(X, Z)
    first = np.maximum(NEW @ fitted.W1_.T + fitted.b1_, 0)
    second = np.maximum(first @ fitted.W2_.T + fitted.b2_, 0)
    np.testing.assert_allclose(fitted.predict(NEW), second @ fitted.W3_.T + fitted.b3_, atol=1e-12)
