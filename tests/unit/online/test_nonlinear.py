"""Extended and unscented filters beside the linear one, the textbook and a speed-tuned world."""

import numpy as np
import pytest
from test_kalman import recording

from neurodecode.online.kalman import KalmanFilter
from neurodecode.online.nonlinear import ExtendedKalmanFilter, UnscentedKalmanFilter
from neurodecode.seeds import generator

BOTH = pytest.mark.parametrize("kind", [ExtendedKalmanFilter, UnscentedKalmanFilter])


def speed_world(n_times=1500, seed=0):
    rng = generator(seed, "speed")
    Z = np.zeros((n_times, 2))
    for t in range(1, n_times):
        Z[t] = 0.9 * Z[t - 1] + rng.normal(size=2)
    tuning = rng.normal(size=(3, 8)) * [[0.3], [0.3], [2.0]]
    speed = np.linalg.norm(Z, axis=1, keepdims=True)
    return np.hstack([Z, speed]) @ tuning + rng.normal(size=(n_times, 8)), Z


def without_speed(decoder):
    """The same filter when no channel is tuned to speed, and the linear filter it then is."""
    Y, Z = recording()
    decoder.fit(Y, Z)
    linear = KalmanFilter().fit(Y, Z)
    C = np.hstack([linear.C_, np.zeros((7, 1))])
    return decoder.restore(decoder.state() | {"C": C, "precision": linear.precision_}), linear


@BOTH
def test_without_tuning_to_speed_it_is_the_kalman_filter(kind):
    decoder, linear = without_speed(kind())
    Y = recording(seed=1)[0]
    Y[5, 2] = Y[9, 3:] = np.nan
    np.testing.assert_allclose(decoder.predict(Y).mean, linear.predict(Y).mean, atol=1e-9)
    np.testing.assert_allclose(decoder.predict(Y).cov, linear.predict(Y).cov, atol=1e-9)


def first_bin(decoder, y):
    """Predicted state before the first bin, and one measurement, less its mean."""
    A, S = decoder.A_, decoder.S_
    return np.zeros(2), A @ S @ A.T + decoder.G_, y - decoder.y_mean_


def test_the_extended_update_is_the_textbooks():
    Y, Z = speed_world()
    decoder = ExtendedKalmanFilter().fit(Y, Z)
    decoder.step(Y[0], 0.0)
    m, P = (array.copy() for array in decoder._live)
    mu, M = decoder.A_ @ m, decoder.A_ @ P @ decoder.A_.T + decoder.G_
    step = 1e-6
    H = np.stack(
        [
            decoder.C_ @ (decoder._phi(mu + step * e) - decoder._phi(mu - step * e)) / (2 * step)
            for e in np.eye(2)
        ],
        axis=1,
    )
    R = np.linalg.inv(decoder.precision_)
    gain = M @ H.T @ np.linalg.inv(H @ M @ H.T + R)
    expected = mu + gain @ (Y[1] - decoder.y_mean_ - decoder.C_ @ decoder._phi(mu))
    decoded = decoder.step(Y[1], 0.1)
    np.testing.assert_allclose(decoded.mean - decoder.z_mean_, expected, atol=1e-7)
    np.testing.assert_allclose(decoded.cov, M - gain @ H @ M, atol=1e-7)


def test_the_unscented_update_is_the_textbooks():
    Y, Z = speed_world()
    decoder = UnscentedKalmanFilter().fit(Y, Z)
    mu, M, y = first_bin(decoder, Y[0])
    root = np.linalg.eigh(M)[1] * np.sqrt(3 * np.linalg.eigvalsh(M))
    points = np.vstack([mu[None], mu + root.T, mu - root.T])
    weights = np.array([1 / 3] + 4 * [1 / 6])
    seen = decoder._phi(points) @ decoder.C_.T
    expected = weights @ seen
    Pyy = (weights[:, None] * (seen - expected)).T @ (seen - expected)
    Pzy = (weights[:, None] * (points - mu)).T @ (seen - expected)
    gain = Pzy @ np.linalg.inv(Pyy + np.linalg.inv(decoder.precision_))
    decoded = decoder.step(Y[0], 0.0)
    np.testing.assert_allclose(
        decoded.mean - decoder.z_mean_, mu + gain @ (y - expected), atol=1e-9
    )
    np.testing.assert_allclose(decoded.cov, M - gain @ Pzy.T, atol=1e-9)


@BOTH
def test_missing_channels_are_as_if_they_were_not_there(kind):
    Y, Z = speed_world()
    decoder = kind().fit(Y, Z)
    R = np.linalg.inv(decoder.precision_)
    fewer = kind().fit(Y[:, 2:], Z)
    kept = {"C": decoder.C_[2:], "precision": np.linalg.inv(R[2:, 2:])}
    fewer.restore(decoder.state() | kept | {"y_mean": decoder.y_mean_[2:]})
    holes = Y[:50].copy()
    holes[:, :2] = np.nan
    expected = fewer.predict(Y[:50, 2:])
    np.testing.assert_allclose(decoder.predict(holes).mean, expected.mean, atol=1e-8)
    np.testing.assert_allclose(decoder.predict(holes).cov, expected.cov, atol=1e-8)


def test_tuning_to_speed_helps_where_there_is_such():
    Y, Z = speed_world(n_times=3000)
    train, test = slice(0, 1500), slice(1500, 3000)

    def error(decoder):
        decoded = decoder.fit(Y[train], Z[train]).predict(Y[test]).mean
        return ((decoded - Z[test]) ** 2).mean()

    assert error(UnscentedKalmanFilter()) < 0.95 * error(KalmanFilter())
