"""The Kalman filter beside the joint Gaussian, the Joseph form, and itself in other chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.decoded import OnlineDecoder
from neurodecode.online.dynamics import inverse_covariance, learn_dynamics
from neurodecode.online.kalman import KalmanFilter, SteadyKalmanFilter
from neurodecode.seeds import generator


def recording(n_times=400, n_chans=7, d=3, seed=0):
    rng = generator(seed, "kalman")
    A = 0.9 * np.linalg.qr(rng.normal(size=(d, d)))[0]
    Z = np.zeros((n_times, d))
    for t in range(1, n_times):
        Z[t] = A @ Z[t - 1] + rng.normal(size=d)
    mix = rng.normal(size=(n_chans, n_chans))
    Y = Z @ rng.normal(size=(d, n_chans)) + rng.normal(size=(n_times, n_chans)) @ mix
    return Y + 3.0, Z - 1.0


@pytest.fixture(scope="module", params=["full", "diagonal"])
def fitted(request):
    return KalmanFilter(noise=request.param).fit(*recording())


STEADY = SteadyKalmanFilter().fit(*recording())


def model(decoder):
    R = np.linalg.inv(decoder.precision_)
    return decoder.A_, decoder.G_, decoder.S_, decoder.C_, R


def joint(decoder, Y):
    """Posterior of all states given the measurements up to each, from the joint Gaussian."""
    A, G, S, C, R = model(decoder)
    n, d = len(Y), len(A)
    prior = np.zeros((n * d, n * d))
    covs = [A @ S @ A.T + G]
    for _ in range(n - 1):
        covs.append(A @ covs[-1] @ A.T + G)
    for s in range(n):
        block = covs[s]
        for t in range(s, n):
            prior[t * d : (t + 1) * d, s * d : (s + 1) * d] = block
            prior[s * d : (s + 1) * d, t * d : (t + 1) * d] = block.T
            block = A @ block
    H = np.kron(np.eye(n), C)
    noise = np.kron(np.eye(n), R)
    y = (Y - decoder.y_mean_).ravel()
    n_chans = Y.shape[1]

    def given_first(k):
        """Mean and covariance of all states given the first k bins, missing values left out."""
        rows = np.flatnonzero(np.isfinite(y[: k * n_chans]))
        h = H[rows]
        gain = prior @ h.T @ np.linalg.inv(h @ prior @ h.T + noise[np.ix_(rows, rows)])
        mean = (gain @ y[rows]).reshape(n, d) + decoder.z_mean_
        return mean, prior - gain @ h @ prior

    return given_first


def at(cov, t, d):
    return cov[t * d : (t + 1) * d, t * d : (t + 1) * d]


def test_filter_is_the_joint_gaussian(fitted):
    Y = recording(seed=1)[0][:6]
    decoded, given_first = fitted.predict(Y), joint(fitted, Y)
    for t in range(len(Y)):
        mean, cov = given_first(t + 1)
        np.testing.assert_allclose(decoded.mean[t], mean[t], atol=1e-10)
        np.testing.assert_allclose(decoded.cov[t], at(cov, t, 3), atol=1e-10)


def test_smoother_is_the_joint_gaussian(fitted):
    Y = recording(seed=2)[0][:6]
    Y[2, 1] = np.nan
    smoothed = fitted.smooth(Y)
    mean, cov = joint(fitted, Y)(len(Y))
    np.testing.assert_allclose(smoothed.mean, mean, atol=1e-10)
    for t in range(len(Y)):
        np.testing.assert_allclose(smoothed.cov[t], at(cov, t, 3), atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 6 * 7 - 1), max_size=42), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_missing_channels_are_left_out_exactly(fitted, where, value):
    Y = recording(seed=3)[0][:6]
    Y.flat[where] = value
    decoded, given_first = fitted.predict(Y), joint(fitted, Y)
    for t in range(len(Y)):
        mean, cov = given_first(t + 1)
        np.testing.assert_allclose(decoded.mean[t], mean[t], atol=1e-8)
        np.testing.assert_allclose(decoded.cov[t], at(cov, t, 3), atol=1e-8)


def test_masked_bins_are_counted(fitted):
    Y = recording(seed=3)[0][:6]
    Y[1:4, 2], Y[5] = np.nan, np.inf
    fitted.reset()
    fitted.advance(Y)
    assert fitted.missing.tolist() == [1, 1, 4, 1, 1, 1, 1]
    fitted.predict(Y)
    assert fitted.missing[2] == 4
    fitted.reset()
    assert not fitted.missing.any()


def joseph(decoder, Y):
    """Textbook filter with the covariance update that is symmetric whatever the gain."""
    A, G, S, C, R = model(decoder)
    m, P, means, covs = np.zeros(len(A)), S, [], []
    for y in Y - decoder.y_mean_:
        m, P = A @ m, A @ P @ A.T + G
        gain = P @ C.T @ np.linalg.inv(C @ P @ C.T + R)
        left = np.eye(len(A)) - gain @ C
        m, P = m + gain @ (y - C @ m), left @ P @ left.T + gain @ R @ gain.T
        means.append(m + decoder.z_mean_)
        covs.append(P)
    return np.array(means), np.array(covs)


def test_information_form_is_the_joseph_form_over_many_bins(fitted):
    Y = recording(seed=4)[0]
    mean, cov = joseph(fitted, Y)
    decoded = fitted.predict(Y)
    np.testing.assert_allclose(decoded.mean, mean, atol=1e-9)
    np.testing.assert_allclose(decoded.cov, cov, atol=1e-10)
    assert (decoded.cov == decoded.cov.transpose(0, 2, 1)).all()


def test_steady_gain_is_where_the_filter_settles():
    Y, Z = recording()
    full, steady = KalmanFilter().fit(Y, Z).predict(Y), SteadyKalmanFilter().fit(Y, Z).predict(Y)
    np.testing.assert_allclose(steady.cov[-1], full.cov[-1], atol=1e-9)
    np.testing.assert_allclose(steady.mean[100:], full.mean[100:], atol=1e-8)


def test_a_position_that_integrates_its_velocity():
    Y, Z = recording(d=2)
    Z = Z - Z.mean(axis=0)
    state = np.hstack([np.cumsum(np.vstack([np.zeros((1, 2)), Z[:-1]]), axis=0), Z])
    decoder = KalmanFilter().fit(Y, state)
    np.testing.assert_allclose(decoder.A_[:2], [[1, 0, 1, 0], [0, 1, 0, 1]], atol=1e-8)
    decoded = decoder.predict(Y)
    assert np.isfinite(decoded.mean).all()
    error = np.sqrt(((decoded.mean[:, 2:] - Z) ** 2).mean() / Z.var())
    assert error < 0.7


def test_a_channel_that_never_fires_says_nothing():
    Y, Z = recording()
    silent = np.hstack([Y, np.zeros((len(Y), 1))])
    decoder = KalmanFilter().fit(silent, Z)
    with_spike = silent.copy()
    with_spike[50, -1] = 100.0
    expected = KalmanFilter().fit(Y, Z).predict(Y).mean
    np.testing.assert_allclose(decoder.predict(with_spike).mean, expected, atol=1e-9)


def test_without_centring_nothing_is_taken_off():
    decoder = KalmanFilter(centre=False).fit(*recording())
    assert not decoder.y_mean_.any()
    assert not decoder.z_mean_.any()


def test_bins_with_missing_values_are_left_out_of_the_fit():
    Y, Z = recording()
    holes = Y.copy()
    holes[200:, 0] = np.nan
    expected = KalmanFilter().fit(Y[:200], Z[:200])
    for name, value in KalmanFilter().fit(holes, Z).state().items():
        np.testing.assert_allclose(value, expected.state()[name], atol=1e-10)


def test_the_dynamics_are_recovered_forwards_in_time():
    rng = generator(0, "dynamics")
    A, G = np.array([[0.9, 0.3], [-0.1, 0.8]]), np.array([[1.0, 0.3], [0.3, 0.5]])
    Z = np.zeros((20_000, 2))
    noise = rng.multivariate_normal(np.zeros(2), G, size=len(Z))
    for t in range(1, len(Z)):
        Z[t] = A @ Z[t - 1] + noise[t]
    found = learn_dynamics(Z, np.ones(len(Z), bool))
    np.testing.assert_allclose(found.A, A, atol=0.02)
    np.testing.assert_allclose(found.G, G, atol=0.03)
    np.testing.assert_allclose(found.S, found.A @ found.S @ found.A.T + found.G, atol=1e-10)


def test_wrong_shapes_and_values_are_named():
    Y, Z = recording()
    decoder = KalmanFilter().fit(Y, Z)
    with pytest.raises(DataError, match=r"\(n_times, 7\), as in training, got \(400, 6\)"):
        decoder.predict(Y[:, 1:])
    with pytest.raises(DataError, match=r"\(7,\), as in training, got \(6,\)"):
        decoder.step(Y[0, 1:], 0.0)
    with pytest.raises(DataError, match=r"of one length, got \(400, 7\) and \(399, 3\)"):
        KalmanFilter().fit(Y, Z[1:])
    with pytest.raises(DataError, match="at least 14 are needed for 7 channels"):
        KalmanFilter().fit(Y[:10], Z[:10])
    with pytest.raises(DataError, match=r"channel\(s\) 3 have no value at all"):
        KalmanFilter().fit(np.where(np.arange(7) == 3, np.nan, Y), Z)
    with pytest.raises(ConfigError, match="noise must be full or diagonal, got 'round'"):
        KalmanFilter(noise="round").fit(Y, Z)
    with pytest.raises(DataError, match="noise covariance of 8 channels over 400 bins is singular"):
        KalmanFilter().fit(np.hstack([Y, Y[:, :1]]), Z)
    KalmanFilter(noise="diagonal").fit(np.hstack([Y, Y[:, :1]]), Z)


def test_precision_is_the_inverse():
    X = generator(0, "precision").normal(size=(200, 4))
    np.testing.assert_allclose(inverse_covariance(X, "noise"), np.linalg.inv(X.T @ X / 200))


def test_the_protocol_is_met():
    offered = {name for name in vars(OnlineDecoder) if not name.startswith("_")}
    assert offered == {"fit", "predict", "advance", "step", "reset", "state", "missing"}
    assert offered <= set(dir(KalmanFilter))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=8), st.integers(0, 2**32 - 1))
def test_any_chunks_give_the_same(fitted, sizes, seed):
    Y = recording(n_times=100, seed=5)[0]
    rng = np.random.default_rng(seed)
    Y[rng.random(Y.shape) < 0.1] = np.nan
    for decoder in (fitted, STEADY):
        whole = decoder.predict(Y)
        decoder.reset()
        parts = [decoder.advance(part) for part in np.split(Y, np.cumsum(sizes))]
        np.testing.assert_array_equal(np.concatenate([p.mean for p in parts]), whole.mean)
        np.testing.assert_array_equal(np.concatenate([p.cov for p in parts]), whole.cov)


def test_steps_give_the_same_and_carry_their_time(fitted):
    Y = recording(n_times=100, seed=6)[0]
    Y[10, 3] = np.nan
    whole = fitted.predict(Y)
    fitted.reset()
    steps = [fitted.step(y, 0.02 * t) for t, y in enumerate(Y)]
    np.testing.assert_array_equal([s.mean for s in steps], whole.mean)
    np.testing.assert_array_equal([s.cov for s in steps], whole.cov)
    assert [s.time for s in steps] == [0.02 * t for t in range(100)]
