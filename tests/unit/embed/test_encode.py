"""Encoding models against closed forms and worlds of known weights."""

import numpy as np
import pytest
from scipy.linalg import solve
from scipy.stats import multivariate_normal

from neurodecode.artifacts import commit
from neurodecode.embed.encode import (
    fit_encoding_model,
    load_encoding_model,
    save_encoding_model,
)
from neurodecode.errors import DataError

OPTIONS = {"alphas": (0.1, 1.0, 10.0, 100.0), "n_mixtures": 10, "inner_folds": 4, "seed": 1}


def fit(Y, features, groups=None, **changes):
    n = len(Y)
    items = np.arange(n)
    groups = items if groups is None else groups
    return fit_encoding_model(Y, features, items=items, groups=groups, **(OPTIONS | changes))


def world(n=120, sizes=(30, 200), n_units=6, noise=0.5, seed=0):
    """Units 0 to 2 answer to band a alone, the others to band b alone."""
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=(n, d)).astype(np.float32) for d in sizes)
    W = [rng.normal(size=(d, n_units)) / np.sqrt(d) for d in sizes]
    signal = np.where(np.arange(n_units) < n_units // 2, a @ W[0], b @ W[1])
    Y = (signal + noise * rng.normal(size=signal.shape)).astype(np.float32)
    return Y, {"a": a, "b": b}


@pytest.mark.parametrize("d", [20, 300])
def test_one_band_and_one_penalty_is_ridge(d):
    """In both spaces: fewer features than rows, and more."""
    rng = np.random.default_rng(d)
    X = (3 + 2 * rng.normal(size=(80, d))).astype(np.float32)
    Y = (5 + rng.normal(size=(80, 4))).astype(np.float32)
    model = fit(Y, {"a": X}, alphas=(2.0,))
    Z = (X - X.mean(axis=0)) / X.std(axis=0) / np.sqrt(d)
    expected = solve(Z.T @ Z + 2 * np.eye(d), Z.T @ (Y - Y.mean(axis=0)))
    assert model.coef["a"] == pytest.approx(expected, abs=2e-3)
    new = rng.normal(size=(5, d)).astype(np.float32)
    by_hand = ((new - X.mean(axis=0)) / X.std(axis=0) / np.sqrt(d)) @ expected + Y.mean(axis=0)
    assert model.predict({"a": new}) == pytest.approx(by_hand, abs=2e-3)
    assert model.alpha == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize("sizes", [(20, 40), (30, 200)])
def test_each_unit_finds_its_band(sizes):
    Y, features = world(sizes=sizes)
    model = fit(Y, features)
    assert (model.mixture[0, :3] > 0.9).all()
    assert (model.mixture[1, 3:] > 0.9).all()
    assert model.mixture.sum(axis=0) == pytest.approx(1.0, abs=1e-5)


def test_known_weights_of_two_bands_are_recovered():
    """With many rows and little noise the weights are those that were put in."""
    rng = np.random.default_rng(3)
    a, b = (rng.normal(size=(600, d)).astype(np.float32) for d in (8, 12))
    W = {"a": rng.normal(size=(8, 2)), "b": 0.2 * rng.normal(size=(12, 2))}
    Y = (a @ W["a"] + b @ W["b"] + 0.05 * rng.normal(size=(600, 2))).astype(np.float32)
    model = fit(Y, {"a": a, "b": b}, alphas=(1e-3, 1e-2, 0.1, 1.0))
    for band in "ab":
        found = model.coef[band] / model.scale[band][:, None]
        assert found == pytest.approx(W[band], abs=0.02)


def test_trials_of_one_item_count_once():
    Y, features = world()
    twice = np.repeat(np.arange(120), 2)
    rng = np.random.default_rng(5)
    deviation = rng.normal(size=Y.shape).astype(np.float32)
    doubled = Y[twice] + np.where(np.arange(240)[:, None] % 2, 1, -1) * deviation[twice]
    once = fit_encoding_model(Y, features, items=np.arange(120), groups=np.arange(120), **OPTIONS)
    again = fit_encoding_model(
        doubled, {k: v[twice] for k, v in features.items()}, items=twice, groups=twice, **OPTIONS
    )
    assert again.coef["a"] == pytest.approx(once.coef["a"], abs=1e-3)
    assert (again.noise_sd > once.noise_sd).all()


def test_left_out_residuals_are_those_of_fitting_without_the_fold():
    Y, features = world(n=60, n_units=4)
    groups = np.arange(60) % 3
    model = fit(Y, features, groups, alphas=(5.0,), n_mixtures=0, inner_folds=3)
    X = {b: (features[b] - model.mean[b]) / model.scale[b] for b in "ab"}
    unit = 1
    w = model.mixture[:, unit]
    Z = np.concatenate([X["a"] * np.sqrt(w[0]), X["b"] * np.sqrt(w[1])], axis=1)
    expected = np.empty(60)
    for fold in range(3):
        train, out = groups != fold, groups == fold
        mean, level = Z[train].mean(axis=0), Y[train, unit].mean()
        C = Z[train] - mean
        coef = solve(C.T @ C + 5 * np.eye(Z.shape[1]), C.T @ (Y[train, unit] - level))
        expected[out] = Y[out, unit] - level - (Z[out] - mean) @ coef
    found = model.residuals[:, unit] * model.noise_sd[unit]
    assert found == pytest.approx(expected - expected.mean(), abs=2e-3)
    assert model.noise_sd[unit] == pytest.approx(expected.std(), rel=1e-3)


def test_the_likelihood_is_the_normal_density_of_its_covariance():
    Y, features = world(n=40, sizes=(5, 6), n_units=7)
    model = fit(Y, features)
    expected = [
        multivariate_normal(mean, model.covariance()).logpdf(y)
        for mean, y in zip(model.predict(features), Y, strict=True)
    ]
    assert model.log_likelihood(Y, features) == pytest.approx(expected, rel=1e-4)


def test_residual_covariance_finds_shared_noise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)).astype(np.float32)
    shared = rng.normal(size=(400, 1))
    noise = np.concatenate([shared, shared, rng.normal(size=(400, 1))], axis=1)
    noise += 0.5 * rng.normal(size=noise.shape)
    model = fit((X[:, :3] + noise).astype(np.float32), {"a": X})
    covariance = model.covariance()
    assert np.diag(covariance) == pytest.approx([1.25] * 3, rel=0.2)
    assert covariance[0, 1] == pytest.approx(1.0, abs=0.2)
    assert abs(covariance[0, 2]) < 0.15


def test_a_model_is_read_back_as_it_was(tmp_path):
    Y, features = world(n=40, sizes=(5, 6))
    model = fit(Y, features)
    sidecar = tmp_path / "sub-01.json"
    files, facts = save_encoding_model(sidecar, model)
    commit(sidecar, "encode", settings="x", seed=1, inputs={}, files=files, facts=facts)
    again = load_encoding_model(sidecar)
    assert again.bands == model.bands
    assert (again.predict(features) == model.predict(features)).all()
    assert (again.covariance() == model.covariance()).all()
    commit(sidecar, "encode", settings="x", seed=1, inputs={}, files=files, facts={})
    with pytest.raises(DataError, match="not an encoding model"):
        load_encoding_model(sidecar)


def test_what_it_cannot_use_is_said():
    Y, features = world(n=40, sizes=(5, 6))
    with pytest.raises(DataError, match="needs 2 groups"):
        fit(Y, features, np.zeros(40))
    model = fit(Y, features)
    with pytest.raises(DataError, match=r"band 'b' must be \(n, 6\), got nothing"):
        model.predict({"a": features["a"]})
