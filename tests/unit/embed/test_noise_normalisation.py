"""Noise covariance against scikit-learn, and whitening that sees its training trials alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from neurodecode.contracts import Responses
from neurodecode.embed.noise_normalisation import NoiseNormalisation, by_time, noise_covariance
from neurodecode.errors import DataError


def responses(n_conditions=12, n_repeats=6, n_channels=5, n_times=4, seed=0, n_sessions=1):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(n_channels, n_channels))
    names = np.tile([f"p{k:02d}" for k in range(n_conditions)], n_repeats)
    signal = {name: rng.normal(size=(n_channels, n_times)) for name in names}
    noise = rng.normal(size=(len(names), n_times, n_channels)) @ mixing.T
    data = np.stack([signal[name] for name in names]) + noise.transpose(0, 2, 1)
    session = np.repeat([str(k + 1) for k in range(n_sessions)], len(names) // n_sessions)
    trials = pd.DataFrame(
        {"participant_id": "01", "trial": [f"t{k}" for k in range(len(names))],
         "stimulus": names, "category": "", "session": session, "run": 0, "repeat": 0}
    )  # fmt: skip
    units = pd.DataFrame(
        {"unit": [f"{c}_{t}" for c in range(n_channels) for t in range(n_times)], "roi": "eeg",
         "channel": np.repeat([f"c{c}" for c in range(n_channels)], n_times),
         "time": np.tile(np.arange(n_times) / 100, n_channels)}
    )  # fmt: skip
    flat = data.reshape(len(names), -1).astype(np.float32)
    return Responses(flat, trials, units), mixing @ mixing.T


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9), st.integers(1, 8), st.integers(1, 3), st.integers(0, 100))
def test_it_is_the_mean_of_ledoit_wolf_covariances(n_repeats, n_channels, n_times, seed):
    found, _ = responses(4, n_repeats, n_channels, n_times, seed)
    data = by_time(found)
    names = found.trials["stimulus"].to_numpy(dtype=str)
    wanted = []
    for name in np.unique(names):
        own = data[names == name].astype(float)
        own -= own.mean(axis=0)
        wanted += [ledoit_wolf(own[:, :, t], assume_centered=True)[0] for t in range(n_times)]
    np.testing.assert_allclose(
        noise_covariance(data, names), np.mean(wanted, axis=0), rtol=1e-5, atol=1e-9
    )


def test_white_noise_is_left():
    found, covariance = responses(n_conditions=4, n_repeats=400)
    train = np.ones(len(found.data), bool)
    whitening = NoiseNormalisation().fit(found, train)
    white = whitening.transform(found, train)
    assert white.dtype == np.float32
    after = noise_covariance(by_time(Responses(white, found.trials, found.units)),
                             found.trials["stimulus"].to_numpy(dtype=str))  # fmt: skip
    before = np.linalg.cond(covariance)
    assert np.linalg.cond(after) < 1.6 < before
    matrix = whitening.whiteners_["1"]
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)


def test_test_trials_change_nothing_that_is_learned():
    found, _ = responses()
    train = np.arange(len(found.data)) < 48
    poisoned = found.data.copy()
    poisoned[~train] = 1e3 * np.random.default_rng(1).normal(size=poisoned[~train].shape)
    other = Responses(poisoned, found.trials, found.units)
    first, second = (NoiseNormalisation().fit(r, train) for r in (found, other))
    for name, matrix in first.state().items():
        np.testing.assert_array_equal(matrix, second.state()[name])
    np.testing.assert_array_equal(first.transform(found, train), second.transform(other, train))


def test_each_trial_is_whitened_alone_and_by_its_session():
    found, _ = responses(n_sessions=2)
    train = np.ones(len(found.data), bool)
    whitening = NoiseNormalisation().fit(found, train)
    assert set(whitening.whiteners_) == {"1", "2", "*"}
    every = whitening.transform(found, train)
    one = np.arange(len(train)) == 50
    np.testing.assert_allclose(whitening.transform(found, one)[0], every[50], rtol=1e-5)
    matrix = whitening.whiteners_["2"]
    wanted = matrix @ by_time(found)[50].astype(float)
    np.testing.assert_allclose(every[50].reshape(5, 4), wanted, rtol=1e-3, atol=1e-4)


def test_a_session_that_is_not_trained_on_takes_the_mean():
    found, _ = responses(n_sessions=3)
    train = (found.trials["session"] != "3").to_numpy()
    whitening = NoiseNormalisation().fit(found, train)
    white = whitening.transform(found, ~train)
    wanted = whitening.whiteners_["*"] @ by_time(found)[~train][0].astype(float)
    np.testing.assert_allclose(white[0].reshape(5, 4), wanted, rtol=1e-3, atol=1e-4)


def test_a_direction_without_noise_stays_zero():
    found, _ = responses()
    data = by_time(found)
    referenced = (data - data.mean(axis=1, keepdims=True)).reshape(len(data), -1)
    same = Responses(referenced, found.trials, found.units)
    train = np.ones(len(data), bool)
    names = found.trials["stimulus"].to_numpy(dtype=str)
    exact = noise_covariance(by_time(same), names)
    assert np.isfinite(exact).all()
    white = NoiseNormalisation().fit(same, train).transform(same, train)
    assert np.isfinite(white).all()
    assert np.abs(white.reshape(data.shape).mean(axis=1)).max() < 1e-2


def test_categories_are_the_conditions_where_no_picture_is_known():
    found, _ = responses()
    trials = found.trials.assign(category=found.trials["stimulus"], stimulus="")
    train = np.ones(len(trials), bool)
    matrices = [
        NoiseNormalisation().fit(Responses(found.data, t, found.units), train).whiteners_["1"]
        for t in (found.trials, trials)
    ]
    np.testing.assert_array_equal(*matrices)


def test_off_it_does_nothing():
    found, _ = responses()
    train = np.arange(len(found.data)) < 40
    whitening = NoiseNormalisation(enabled=False).fit(found, train)
    np.testing.assert_array_equal(whitening.transform(found, ~train), found.data[~train])
    assert whitening.state() == {}


def test_what_cannot_be_whitened(monkeypatch):
    found, _ = responses()
    once = found.trials.assign(stimulus=[f"x{k}" for k in range(len(found.trials))])
    train = np.ones(len(found.data), bool)
    with pytest.raises(DataError, match="session 1 has no condition"):
        NoiseNormalisation().fit(Responses(found.data, once, found.units), train)
    constant = Responses(np.ones_like(found.data), found.trials, found.units)
    with pytest.raises(DataError, match="do not differ"):
        NoiseNormalisation().fit(constant, train)
    mixed = found.units.assign(channel=np.tile([f"c{c}" for c in range(5)], 4))
    with pytest.raises(DataError, match="same times"):
        NoiseNormalisation().fit(Responses(found.data, found.trials, mixed), train)
    monkeypatch.setattr("neurodecode.embed.noise_normalisation.MOST", 4)
    with pytest.raises(DataError, match="5 units, at most 4"):
        NoiseNormalisation().fit(found, train)
