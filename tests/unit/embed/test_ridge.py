"""Ridge against scipy and scikit-learn."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from neurodecode.embed.ridge import RidgeDecoder, choose_alpha, decompose, ridge_path
from neurodecode.errors import DataError


def draw(n_trials, n_units, d, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_trials, n_units)).astype(np.float32)
    Y = (X[:, :d] + rng.normal(size=(n_trials, d))).astype(np.float32)
    return X, Y


@pytest.mark.parametrize(("n_trials", "n_units"), [(40, 7), (12, 30), (20, 20)])
def test_path_solves_the_normal_equations(n_trials, n_units):
    X, Y = draw(n_trials, n_units, 3)
    X, Y = X - X.mean(0), Y - Y.mean(0)
    alphas = np.array([0.3, 5.0, 80.0])
    for alpha, coef in zip(alphas, ridge_path(X, Y, alphas), strict=True):
        gram = X.T.astype(float) @ X + alpha * np.eye(n_units)
        expected = scipy.linalg.solve(gram, X.T.astype(float) @ Y, assume_a="pos")
        np.testing.assert_allclose(coef, expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 30), st.integers(1, 40), st.integers(0, 1000))
def test_a_larger_penalty_never_lengthens_the_weights(n_trials, n_units, seed):
    X, Y = draw(n_trials, n_units, 1, seed)
    path = ridge_path(X, Y, np.array([0.1, 1.0, 10.0, 100.0]))
    norms = np.linalg.norm(path.reshape(4, -1), axis=1)
    assert (np.diff(norms) <= 1e-9).all()


def test_decoder_equals_standardised_sklearn_ridge():
    X, Y = draw(60, 25, 4)
    decoder = RidgeDecoder(targets=("t",), alphas=(7.0,), inner_folds=3)
    decoder.fit(X, {"t": Y}, labels=np.full(60, ""), groups=np.arange(60) % 6)
    scale = X.std(0)
    peer = Ridge(alpha=7.0).fit((X - X.mean(0)) / scale, Y)
    new = draw(9, 25, 4, seed=5)[0]
    np.testing.assert_allclose(
        decoder.predict(new)["t"], peer.predict((new - X.mean(0)) / scale), rtol=1e-3, atol=1e-4
    )
    assert decoder.classes == ()


@pytest.mark.parametrize("n_units", [10, 90])
def test_left_out_errors_are_those_of_refitting(n_units):
    X, Y = draw(48, n_units, 2)
    alphas = np.array([1e-3, 1.0, 10.0, 1e5])
    groups = np.repeat(np.arange(6), [4, 12, 8, 8, 6, 10])
    alpha, errors = choose_alpha(spectrum_of(X), Y, groups, alphas, 6)
    Z, expected = X / X.std(0), np.zeros(4)
    for g in range(6):
        train, test = groups != g, groups == g
        for k, a in enumerate(alphas):
            error = Ridge(alpha=a).fit(Z[train], Y[train]).predict(Z[test]) - Y[test]
            expected[k] += np.square(error).sum()
    np.testing.assert_allclose(errors, expected / Y.size, rtol=2e-3)
    assert alpha == alphas[expected.argmin()]


def spectrum_of(X):
    return decompose(X, X.mean(0), X.std(0))


@pytest.mark.parametrize(("n_trials", "n_units"), [(30, 12), (12, 30), (2500, 6), (6, 2500)])
def test_the_spectrum_is_that_of_the_svd(n_trials, n_units):
    X, _ = draw(n_trials, n_units, 1)
    Z = (X.astype(float) - X.mean(0)) / X.std(0)
    spectrum = spectrum_of(X)
    singular = np.linalg.svd(Z, compute_uv=False)
    rank = len(spectrum.values)
    assert rank >= min(n_trials - 1, n_units)
    np.testing.assert_allclose(np.sqrt(spectrum.values[::-1]), singular[:rank], atol=1e-3)
    left = spectrum.left
    if rank < n_trials:  # the direction that float32 centring leaves has no accurate vector
        np.testing.assert_allclose(left.T @ left, np.eye(rank), atol=1e-6)
    np.testing.assert_allclose(left @ (left.T @ Z), Z, atol=1e-4)


def test_one_group_of_training_trials_is_an_error():
    X, Y = draw(10, 4, 1)
    with pytest.raises(DataError, match="2 groups"):
        choose_alpha(spectrum_of(X), Y, np.zeros(10), np.array([1.0, 2.0]), 5)


def test_nothing_to_decode_is_an_error():
    X, _ = draw(10, 4, 1)
    with pytest.raises(DataError, match="nothing to decode"):
        RidgeDecoder(targets=()).fit(X, {}, labels=np.full(10, ""), groups=np.arange(10))


def test_labels_are_decoded_as_one_hot_codes_and_a_constant_unit_is_harmless():
    X, Y = draw(80, 6, 2)
    labels = np.where(X[:, 0] > 0, "up", "down")
    X[:, 5] = 3
    decoder = RidgeDecoder(targets=("t",)).fit(X, {"t": Y}, labels=labels, groups=np.arange(80) % 5)
    decoded = decoder.predict(X)
    assert decoder.classes == ("down", "up")
    picked = np.array(decoder.classes)[decoded["label"].argmax(1)]
    assert (picked == labels).mean() > 0.9
    assert np.isfinite(decoded["label"]).all()
    np.testing.assert_allclose(decoded["label"].sum(1), 1, atol=1e-4)


def test_each_trial_is_decoded_alone():
    X, Y = draw(50, 8, 3)
    decoder = RidgeDecoder(targets=("t",)).fit(
        X, {"t": Y}, labels=np.full(50, ""), groups=np.arange(50) % 5
    )
    together = decoder.predict(X)["t"]
    alone = np.concatenate([decoder.predict(row[None])["t"] for row in X])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
