"""Whitening: the closed form, its fixed point, and inputs that would break it."""

import numpy as np
import pytest

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.whitening import EmaWhitening, GainWhitening, frame, gains_of, root


def covariance(n, seed=0):
    A = np.random.default_rng(seed).normal(size=(n, 2 * n))
    return A @ A.T / (2 * n)


def draws(C, n, seed=1):
    return np.random.default_rng(seed).normal(size=(n, len(C))) @ root(C)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_the_closed_form_whitens_exactly(n):
    C, W = covariance(n), frame(n)
    assert W.shape == (n, n * (n + 1) // 2)
    np.testing.assert_allclose(np.linalg.norm(W, axis=0), 1)
    M = np.eye(n) + (W * gains_of(C, W)) @ W.T
    np.testing.assert_allclose(M, root(C), atol=1e-10)
    whitened = np.linalg.solve(M, np.linalg.solve(M, C).T)
    np.testing.assert_allclose(whitened, np.eye(n), atol=1e-9)


def test_calibration_starts_at_the_fixed_point():
    X = draws(covariance(5), 4000)
    whitening = GainWhitening(5, 1e-12).fit(X)
    Y = np.array([whitening.step(x) for x in X])
    np.testing.assert_allclose(Y.T @ Y / len(Y), np.eye(5), atol=1e-6)


@pytest.mark.parametrize("make", [lambda: GainWhitening(4, 0.01), lambda: EmaWhitening(4, 0.003)])
def test_another_covariance_is_learned(make):
    whitening = make().fit(draws(np.eye(4), 1000))
    X = draws(covariance(4) + 0.2 * np.eye(4), 6000)
    Y = np.array([whitening.step(x) for x in X])
    early, late = Y[:500], Y[-3000:]
    error = np.linalg.norm(late.T @ late / len(late) - np.eye(4))
    assert error < 0.3
    assert error < np.linalg.norm(early.T @ early / len(early) - np.eye(4)) / 2


def test_nonnegative_gains_only_damp():
    C = np.diag([9.0, 1.0, 1e-4])
    whitening = GainWhitening(3, 0.01, nonnegative=True).fit(draws(np.eye(3), 500))
    X = draws(C, 4000)
    Y = np.array([whitening.step(x) for x in X])
    assert (whitening.gains >= 0).all()
    assert (np.linalg.norm(Y, axis=1) <= np.linalg.norm(X / whitening.scale_, axis=1)).all()
    assert Y[-1000:].std(axis=0).max() < 1.1


@pytest.mark.parametrize("make", [lambda: GainWhitening(3, 0.01), lambda: EmaWhitening(3, 0.01)])
def test_nothing_drives_it_away(make):
    whitening = make().fit(draws(covariance(3), 500))
    rng = np.random.default_rng(2)
    for i in range(2000):
        x = rng.normal(size=3) * (1e9 if i % 50 < 5 else 1.0)
        if i % 7 == 0:
            x[i % 3] = np.nan
        y = whitening.step(x)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    for _ in range(3000):
        y = whitening.step(rng.normal(size=3))
    assert np.isfinite(y).all()
    assert np.linalg.norm(y) < 20


def test_wrong_sizes_are_said():
    with pytest.raises(ConfigError, match="1891"):
        GainWhitening(61)
    with pytest.raises(DataError, match="3 features"):
        GainWhitening(3).fit(np.zeros((10, 2)))
    with pytest.raises(DataError, match="whole bins"):
        EmaWhitening(3).fit(np.full((10, 3), np.nan))
