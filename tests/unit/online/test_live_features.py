"""Features: the same in one piece and sample by sample; against SciPy, MNE and scikit-learn."""

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt
from sklearn.decomposition import PCA, FactorAnalysis

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.bins import BandPower, SpikeCounts
from neurodecode.online.features import Chain, build_chain
from neurodecode.online.filters import Causal, ThresholdCrossings, butterworth
from neurodecode.online.settings import FeatureSettings
from neurodecode.online.stream import Chunk
from neurodecode.online.vectors import BadChannels, EmaCentre, Projection

SFREQ = 200.0
SPIKES = {"bins": {"kind": "spike_counts", "threshold": -3.0}, "filters": [{"low": 20.0}]}
POWER = {
    "bins": {"kind": "band_power", "bands": [[8.0, 12.0], [15.0, 30.0]]},
    "filters": [{"low": 1.0, "high": 60.0}],
    "centre_time": 2.0,
    "reduce": "fa",
    "n_components": 3,
    "whitening": {"kind": "gain"},
}
COUNTS = {"bins": {"kind": "spike_counts"}, "reduce": "pca", "n_components": 2,
          "whitening": {"kind": "ema", "rate": 0.01}, "bad_channels": False}  # fmt: skip


def chunk(data, start=0):
    times = (start + np.arange(len(data))) / SFREQ
    return Chunk(data, times, times + 100)


def recording(n=1000, n_channels=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_channels))


def built(section):
    settings = FeatureSettings.model_validate({"bin_width": 0.05, **section})
    chain = build_chain(settings, SFREQ, 4)
    chain.fit(recording(2000, seed=1))
    return chain


CHAINS = {name: built(section) for name, section in
          {"spikes": SPIKES, "power": POWER, "counts": COUNTS}.items()}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), holes=st.booleans())
@settings(max_examples=12, deadline=None)
def test_the_chunks_do_not_matter(name, sizes, holes):
    chain, data = CHAINS[name], recording(400)
    if holes:
        data[37:52, 1] = np.nan
        data[150:153] = np.inf
        data[0, 2] = np.nan
    chain.reset()
    whole = chain.step(chunk(data))
    chain.reset()
    parts, first = [], 0
    while first < len(data):
        size = sizes[first % len(sizes)]
        parts += chain.step(chunk(data[first : first + size], first))
        first += size
    assert len(parts) == len(whole) == 40
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        assert (a.time, a.begin, a.source_time, a.n_missing, a.bad) == (
            b.time, b.begin, b.source_time, b.n_missing, b.bad,
        )  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_calibration_vectors_are_those_of_a_stream(name):
    chain = built({"spikes": SPIKES, "power": POWER, "counts": COUNTS}[name])
    X = chain.fit(recording(2000, seed=1))
    streamed = [v.values for v in chain.step(chunk(recording(2000, seed=1)))]
    np.testing.assert_array_equal(X, streamed)


@pytest.mark.parametrize("name", CHAINS)
def test_what_was_learned_comes_back(name):
    section = {"spikes": SPIKES, "power": POWER, "counts": COUNTS}[name]
    fresh = build_chain(FeatureSettings.model_validate({"bin_width": 0.05, **section}), SFREQ, 4)
    fresh.restore(CHAINS[name].state())
    CHAINS[name].reset()
    for a, b in zip(
        fresh.step(chunk(recording())), CHAINS[name].step(chunk(recording())), strict=True
    ):
        np.testing.assert_array_equal(a.values, b.values)


def test_learned_arrays_of_another_chain_are_an_error():
    chain = build_chain(FeatureSettings.model_validate(SPIKES), SFREQ, 4)
    with pytest.raises(DataError, match="Calibrate again"):
        chain.restore({})


def test_the_filter_is_that_of_scipy_and_mne():
    data = recording()
    sos = butterworth(8.0, 12.0, 4, SFREQ)
    np.testing.assert_allclose(sos, butter(4, (8, 12), "bandpass", fs=SFREQ, output="sos"))
    ours = Causal(sos).step(data - data[0])
    np.testing.assert_allclose(ours, sosfilt(sos, data - data[0], axis=0), atol=1e-12)
    peer = mne.filter.filter_data(
        (data - data[0]).T, SFREQ, 8.0, 12.0, method="iir", phase="forward", verbose="error",
        iir_params={"order": 4, "ftype": "butter", "output": "sos"}, pad="edge",
    )  # fmt: skip
    np.testing.assert_allclose(ours[400:], peer.T[400:], atol=1e-6)


def test_an_offset_makes_no_transient():
    constant = np.full((100, 2), 7.0)
    high = Causal(butterworth(1.0, None, 2, SFREQ)).step(constant)
    low = Causal(butterworth(None, 30.0, 2, SFREQ)).step(constant)
    np.testing.assert_allclose(high, 0, atol=1e-9)
    np.testing.assert_allclose(low, 7, atol=1e-9)


def test_a_missing_value_does_not_stay_in_the_filter():
    data = recording(2000, 2)
    broken = data.copy()
    broken[100, 0], broken[101, 0], broken[102, 0] = np.nan, np.inf, 1e300
    sos = butterworth(5.0, 40.0, 3, SFREQ)
    clean, filtered = Causal(sos).step(data), Causal(sos).step(broken)
    np.testing.assert_array_equal(np.isnan(filtered).nonzero(), [[100, 101, 102], [0, 0, 0]])
    np.testing.assert_array_equal(filtered[:, 1], clean[:, 1])
    np.testing.assert_allclose(filtered[1000:], clean[1000:], atol=1e-6)


def test_corners_above_nyquist_are_said():
    with pytest.raises(ConfigError, match="100 Hz"):
        butterworth(8.0, 100.0, 4, SFREQ)


def test_crossings_are_counted_once():
    steps = ThresholdCrossings(-2.0)
    steps.threshold_ = np.array([-1.0])
    x = np.array([0, -2, -3, 0, -2, 0, np.nan, -2, -2, 0.0])[:, None]
    together = steps.step(x)
    np.testing.assert_array_equal(together[:, 0], [0, 1, 0, 0, 1, 0, np.nan, 1, 0, 0])
    steps.reset()
    np.testing.assert_array_equal(np.vstack([steps.step(row[None]) for row in x]), together)


def test_the_threshold_is_in_units_of_the_noise():
    noise = np.random.default_rng(0).normal(size=(20000, 2)) * [1.0, 50.0]
    noise[::100] -= 500
    np.testing.assert_allclose(
        ThresholdCrossings(-4.5).fit(noise).threshold_, [-4.5, -225], rtol=0.03
    )
    with pytest.raises(DataError, match=r"channel\(s\) 1"):
        ThresholdCrossings(-4.5).fit(np.array([[1.0, np.nan], [2.0, np.nan]]))


def test_counts_of_a_bin_with_missing_samples_are_scaled():
    samples = np.ones((10, 3))
    samples[:4, 1], samples[:6, 2] = np.nan, np.nan
    np.testing.assert_array_equal(SpikeCounts().reduced(samples), [10, 10, np.nan])


def test_band_power_of_a_sine():
    times = np.arange(2000) / SFREQ
    sine = 3 * np.sin(2 * np.pi * 10 * times)[:, None]
    power = BandPower([(8.0, 12.0), (20.0, 30.0)], 4, SFREQ)
    settled = power.filtered(sine)[-400:]
    inside, outside = power.reduced(settled)
    np.testing.assert_allclose(inside, np.log(4.5), atol=0.02)
    assert outside < inside - 8
    assert np.isnan(power.reduced(np.zeros((10, 2)))).all()


def test_bins_know_their_samples():
    chain = Chain(SpikeCounts(), 10)
    assert not chain.step(chunk(np.ones((7, 2))))
    assert (chain.n_pending, chain.begun) == (7, True)
    vectors = chain.skip(5, np.arange(7, 12) / SFREQ)
    vectors += chain.step(chunk(np.ones((8, 2)), 12))
    assert [v.n_missing for v in vectors] == [3, 2]
    assert (vectors[0].begin, vectors[0].source_begin) == (0.0, 100.0)
    assert np.isnan(vectors[0].source_time)
    assert vectors[1].source_time == 100 + 19 / SFREQ
    np.testing.assert_array_equal(vectors[0].values, [10, 10])
    with pytest.raises(DataError, match="cannot begin"):
        Chain(SpikeCounts(), 10).skip(3, np.arange(3.0))


def test_a_bin_must_be_whole_samples():
    with pytest.raises(ConfigError, match="whole number of samples"):
        build_chain(FeatureSettings.model_validate({**COUNTS, "bin_width": 0.0333}), SFREQ, 4)
    with pytest.raises(DataError, match="three bins"):
        Chain(SpikeCounts(), 10).fit(np.ones((25, 2)))


def test_pca_is_that_of_scikit_learn_and_survives_missing_channels():
    X = recording(300, 6) @ np.random.default_rng(5).normal(size=(6, 6))
    ours = Projection("pca", 3).fit(X)
    np.testing.assert_allclose(
        [ours.step(x) for x in X[:20]], PCA(3, svd_solver="full").fit(X).transform(X[:20])
    )
    exact = ours.mean_ + ours.loadings_ @ [1.0, -2.0, 0.5]
    exact[[1, 4]] = np.nan
    np.testing.assert_allclose(ours.step(exact), [1, -2, 0.5], atol=1e-6)
    exact[:4] = np.nan
    assert np.isnan(ours.step(exact)).all()


def test_factor_analysis_is_that_of_scikit_learn_and_conditions_on_what_is_there():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 8)) + rng.normal(size=(500, 8))
    ours = Projection("fa", 3).fit(X)
    peer = FactorAnalysis(3, svd_method="lapack").fit(X)
    np.testing.assert_allclose([ours.step(x) for x in X[:20]], peer.transform(X[:20]))
    x, there = X[0].copy(), np.arange(8) != 5
    x[5] = np.nan
    cov = peer.get_covariance()[np.ix_(there, there)]
    expected = peer.components_[:, there] @ np.linalg.solve(cov, (X[0] - peer.mean_)[there])
    np.testing.assert_allclose(ours.step(x), expected)
    with pytest.raises(DataError, match="n_components"):
        Projection("pca", 9).fit(X)


def test_the_mean_follows_in_its_time():
    centre = EmaCentre(50.0).fit(np.zeros((10, 2)))
    rows = [centre.step(np.array([1.0, np.nan])) for _ in range(100)]
    np.testing.assert_allclose([r[0] for r in rows], 0.98 ** np.arange(100))
    assert centre.step(np.array([0.0, 3.0]))[1] == 3.0


def test_bad_channels_are_found_and_forgiven():
    rng = np.random.default_rng(3)
    detector = BadChannels().fit(rng.poisson(4.0, size=(2000, 5)).astype(float))
    for _ in range(300):  # a clean stream: nothing is masked
        assert np.isfinite(detector.step(rng.poisson(4.0, 5).astype(float))).all()
    for _ in range(600):
        x = rng.poisson(4.0, 5).astype(float)
        x[0], x[1], x[2] = 3.0, rng.normal(4, 20), np.nan
        masked = detector.step(x)
    np.testing.assert_array_equal(detector.bad, [True, True, False, False, False])
    np.testing.assert_array_equal(np.isfinite(masked), [False, False, False, True, True])
    for _ in range(600):
        masked = detector.step(rng.poisson(4.0, 5).astype(float))
    assert np.isfinite(masked).all()


def test_one_outlier_is_masked_once():
    rng = np.random.default_rng(4)
    detector = BadChannels().fit(rng.normal(size=(500, 2)))
    assert np.isnan(detector.step(np.array([1e9, 0.3]))[0])
    assert np.isfinite(detector.step(np.array([0.1, 0.2]))).all()


def test_what_was_dead_in_the_calibration_stays_masked():
    X = recording(100, 2)
    X[:, 1] = 5.0
    detector = BadChannels().fit(X)
    assert np.isnan(detector.step(np.array([0.0, 5.0]))[1])
    with pytest.raises(DataError, match="3 bins"):
        BadChannels().fit(X[:2])
