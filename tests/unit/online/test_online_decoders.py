"""What every online decoder must keep: chunks, steps, missing channels, saving, hostile input."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_kalman import recording

from neurodecode.online.dkf import DiscriminativeKalmanFilter
from neurodecode.online.files import load_decoder, save_decoder
from neurodecode.online.kalman import KalmanFilter, SteadyKalmanFilter
from neurodecode.online.lstm import LstmDecoder
from neurodecode.online.nonlinear import ExtendedKalmanFilter, UnscentedKalmanFilter
from neurodecode.online.regressors import (
    GaussianProcess,
    KernelRidge,
    LinearRidge,
    NadarayaWatson,
    Perceptron,
)
from neurodecode.online.wiener import wiener_filter

DECODERS = {
    "kalman": KalmanFilter(),
    "kalman_diagonal": KalmanFilter(noise="diagonal", centre=False),
    "kalman_steady": SteadyKalmanFilter(),
    "dkf_linear": DiscriminativeKalmanFilter(LinearRidge(), lags=2, decay=0.8),
    "dkf_nw": DiscriminativeKalmanFilter(NadarayaWatson(n_search=100), noise="local"),
    "dkf_kernel": DiscriminativeKalmanFilter(KernelRidge(4.0), robust=True, lags=1),
    "dkf_mk": DiscriminativeKalmanFilter(GaussianProcess("channels", n_search=100), folds=2),
    "dkf_mlp": DiscriminativeKalmanFilter(Perceptron(hidden=8, epochs=40), folds=2),
    "ekf": ExtendedKalmanFilter(),
    "ukf": UnscentedKalmanFilter(centre=False),
    "wiener": wiener_filter(lags=3),
    "lstm": LstmDecoder(hidden=8, epochs=20),
}
TRAINED = {}
# The fixture gives a trained decoder; each example resets it.
SETTINGS = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@pytest.fixture(params=DECODERS)
def decoder(request):
    name = request.param
    if name not in TRAINED:
        TRAINED[name] = DECODERS[name].fit(*recording())
    TRAINED[name].reset()
    return TRAINED[name]


def stream(seed, n_times=60):
    rng = np.random.default_rng(seed)
    Y = recording(n_times=n_times, seed=1)[0]
    Y[rng.random(Y.shape) < 0.1] = np.nan
    Y[n_times // 3 : n_times // 3 + 3] = np.inf
    return Y


def assert_same(first, second):
    np.testing.assert_allclose(first.mean, second.mean, atol=1e-10, rtol=0)
    np.testing.assert_allclose(first.cov, second.cov, atol=1e-10, rtol=0)


@SETTINGS
@given(sizes=st.lists(st.integers(0, 30), max_size=8), seed=st.integers(0, 99))
def test_any_chunks_give_the_batch(decoder, sizes, seed):
    Y = stream(seed)
    whole = decoder.predict(Y)
    decoder.reset()
    ends = np.minimum(np.cumsum(sizes, dtype=int), len(Y))
    parts = [decoder.advance(part) for part in np.split(Y, ends)]
    np.testing.assert_allclose(np.concatenate([p.mean for p in parts]), whole.mean, atol=1e-10)
    np.testing.assert_allclose(np.concatenate([p.cov for p in parts]), whole.cov, atol=1e-10)


def test_steps_give_the_batch_and_carry_their_time(decoder):
    Y = stream(0)
    whole = decoder.predict(Y)
    for t, y in enumerate(Y):
        decoded = decoder.step(y, 0.02 * t)
        np.testing.assert_allclose(decoded.mean, whole.mean[t], atol=1e-10)
        np.testing.assert_allclose(decoded.cov, whole.cov[t], atol=1e-10)
        assert decoded.time == 0.02 * t


def test_what_was_decoded_does_not_change_later(decoder):
    first = decoder.step(stream(0)[0], 0.0)
    mean, cov = first.mean.copy(), first.cov.copy()
    decoder.advance(stream(0)[1:])
    np.testing.assert_array_equal(first.mean, mean)
    np.testing.assert_array_equal(first.cov, cov)


def test_prediction_leaves_the_stream_alone_and_the_features_too(decoder):
    Y = stream(0)
    decoder.advance(Y[:20])
    missing, kept = decoder.missing, Y.copy()
    decoder.predict(Y)
    np.testing.assert_array_equal(decoder.missing, missing)
    np.testing.assert_array_equal(Y, kept)
    went_on = decoder.advance(Y[20:])
    np.testing.assert_allclose(went_on.mean, decoder.predict(Y).mean[20:], atol=1e-10)


def test_masked_bins_are_counted(decoder):
    Y = stream(0)
    decoder.advance(Y)
    np.testing.assert_array_equal(decoder.missing, (~np.isfinite(Y)).sum(axis=0))


@SETTINGS
@given(
    values=st.lists(
        st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, -3.0, 1e6, -1e6, 1e99, 1e308]),
        min_size=14, max_size=70,
    )
)  # fmt: skip
def test_no_input_leaves_the_state_broken(decoder, values):
    decoder.reset()
    Y = np.resize(values, (len(values) // 7, 7))
    with np.errstate(over="ignore", invalid="ignore"):
        hostile = decoder.advance(Y)
    assert np.isfinite(hostile.mean).all()
    assert np.isfinite(hostile.cov).all()
    assert (np.linalg.eigvalsh(hostile.cov) >= -1e-9).all()


def test_a_bin_without_any_channel_only_lets_the_state_decay(decoder):
    Y = recording(seed=1)[0][:20]
    decoder.advance(Y)
    decoded = [decoder.step(np.full(7, np.nan), 0.0).mean for _ in range(300)]
    centre = decoder.z_mean_
    assert np.abs(decoded[-1] - centre).max() < 0.1 * np.abs(Y).max()
    assert np.isfinite(decoded).all()


def test_it_decodes(decoder):
    Y, Z = recording(seed=0)
    decoded = decoder.predict(Y).mean
    assert np.corrcoef(decoded.ravel(), Z.ravel())[0, 1] > 0.5


def test_a_saved_decoder_decodes_as_before(decoder, tmp_path):
    save_decoder(tmp_path, decoder)
    again = load_decoder(tmp_path)
    assert type(again) is type(decoder)
    assert_same(again.predict(stream(0)), decoder.predict(stream(0)))
