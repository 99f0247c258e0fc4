"""The discriminative filter: it is the Kalman filter where that is exact, and keeps its rule."""

import numpy as np
import pytest
from test_kalman import recording

from neurodecode.errors import ConfigError
from neurodecode.online.dkf import FLOOR, DiscriminativeKalmanFilter
from neurodecode.online.kalman import KalmanFilter
from neurodecode.online.regressors import KernelRidge, LinearRidge, NadarayaWatson
from neurodecode.seeds import generator

Y, Z = recording()


def as_kalman(decoder, kalman):
    """Give a linear discriminative filter the measurement model that the Kalman filter implies."""
    W = kalman.C_.T @ kalman.precision_
    Q = np.linalg.inv(np.linalg.inv(kalman.S_) + W @ kalman.C_)
    state = decoder.state() | {name: getattr(kalman, f"{name}_") for name in ("A", "G", "S")}
    f = {"regressor.coef": (Q @ W).T, "regressor.intercept": np.zeros(len(Q))}
    return decoder.restore(state | f | {"Q": Q, "y_mean": kalman.y_mean_, "z_mean": kalman.z_mean_})


def test_with_the_kalman_filters_own_measurement_both_are_one():
    kalman = KalmanFilter().fit(Y, Z)
    decoder = as_kalman(DiscriminativeKalmanFilter(LinearRidge()).fit(Y, Z), kalman)
    test = recording(seed=1)[0]
    np.testing.assert_allclose(decoder.predict(test).mean, kalman.predict(test).mean, atol=1e-12)
    np.testing.assert_allclose(decoder.predict(test).cov, kalman.predict(test).cov, atol=1e-12)


def reference(decoder, F):
    """The published recursion with plain inverses."""
    A, G, S, Q = decoder.A_, decoder.G_, decoder.S_, decoder.Q_
    m, P, means = np.zeros(len(A)), S, []
    for t, f in enumerate(F):
        if decoder.robust and t == 0:
            m, P = f, Q
        else:
            M = A @ P @ A.T + G
            information = np.linalg.inv(Q)
            taken = information - np.linalg.inv(S)
            if not decoder.robust and np.linalg.eigvalsh(taken)[0] > 0:
                information = taken
            P = np.linalg.inv(np.linalg.inv(M) + information)
            m = P @ (np.linalg.inv(M) @ A @ m + np.linalg.inv(Q) @ f)
        means.append(m + decoder.z_mean_)
    return np.array(means)


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("scale", [0.1, 10.0], ids=["Q below S", "Q above S"])
def test_it_is_the_published_recursion(robust, scale):
    decoder = DiscriminativeKalmanFilter(LinearRidge(), robust=robust).fit(Y, Z)
    decoder.restore(decoder.state() | {"Q": scale * decoder.S_ + 0.01 * np.diag([1.0, 2, 3])})
    F = decoder.regressor_.predict(Y - decoder.y_mean_)
    np.testing.assert_allclose(decoder.predict(Y).mean, reference(decoder, F), atol=1e-10)


def test_the_noise_is_that_of_stretches_left_out():
    decoder = DiscriminativeKalmanFilter(NadarayaWatson(2.0), folds=4).fit(Y, Z)
    y, z = Y - Y.mean(axis=0), Z - Z.mean(axis=0)
    outer = np.zeros((3, 3))
    for stretch in np.split(np.arange(400), 4):
        f = NadarayaWatson(2.0).fit(np.delete(y, stretch, 0), np.delete(z, stretch, 0))
        residual = z[stretch] - f.predict(y[stretch])
        outer += residual.T @ residual
    np.testing.assert_allclose(decoder.Q_, outer / 400)


def test_local_noise_follows_the_features():
    rng = generator(0, "local")
    z = np.zeros((2000, 1))
    for t in range(1, 2000):
        z[t] = 0.9 * z[t - 1] + rng.normal()
    loud = rng.random(2000) < 0.5
    y = np.stack([z[:, 0] + np.where(loud, 3.0, 0.1) * rng.normal(size=2000), 5.0 * loud], axis=1)
    y[:, 1] += 0.1 * rng.normal(size=2000)
    decoder = DiscriminativeKalmanFilter(KernelRidge(2.0, 0.01), noise="local").fit(y, z)
    Q = 1 / decoder._precision(np.array([[0.0, -2.5], [0.0, 2.5]]))[:, 0, 0]
    assert Q[0] < 0.5 * Q[1]
    assert Q.min() >= FLOOR * decoder.Q_[0, 0]


def test_history_sees_earlier_bins():
    rng = generator(0, "history")
    y = rng.normal(size=(600, 2))
    z = np.roll(y, 2, axis=0) + 0.01 * rng.normal(size=(600, 2))
    decoder = DiscriminativeKalmanFilter(LinearRidge(), lags=2, decay=0.5).fit(y[:500], z[:500])
    error = ((decoder.predict(y[500:]).mean - z[500:])[2:] ** 2).mean()
    assert error < 0.01
    without = DiscriminativeKalmanFilter(LinearRidge()).fit(y[:500], z[:500])
    assert ((without.predict(y[500:]).mean - z[500:])[2:] ** 2).mean() > 0.5


def test_missing_channels_are_trusted_less():
    decoder = DiscriminativeKalmanFilter(LinearRidge(), robust=True).fit(Y, Z)
    lengths = []
    for n_missing in range(8):
        y = Y[:5].copy()
        y[4, :n_missing] = np.nan
        lengths.append(np.trace(decoder.predict(y).cov[4]))
    assert (np.diff(lengths) > 0).all()
    M = decoder.A_ @ decoder.predict(Y[:4]).cov[3] @ decoder.A_.T + decoder.G_
    assert lengths[7] == pytest.approx(np.trace(M))


def test_a_missing_value_is_filled_with_its_expectation():
    decoder = DiscriminativeKalmanFilter(LinearRidge(), robust=True).fit(Y, Z)
    y = Y[:1].copy()
    y[0, 2] = np.nan
    filled, there = decoder._inputs(y, np.zeros((0, 7)))
    C = np.cov(Y.T, bias=True)
    others = [0, 1, 3, 4, 5, 6]
    centred = Y[0, others] - Y.mean(axis=0)[others]
    expected = C[2, others] @ np.linalg.solve(C[np.ix_(others, others)], centred)
    assert filled[0, 2] == pytest.approx(expected)
    assert there[0] == pytest.approx(6 / 7)
    assert np.isnan(y[0, 2])


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match="noise must be constant or local, got 'wild'"):
        DiscriminativeKalmanFilter(LinearRidge(), noise="wild").fit(Y, Z)
    with pytest.raises(ConfigError, match="folds must be 2 or more, got 1"):
        DiscriminativeKalmanFilter(LinearRidge(), folds=1).fit(Y, Z)
