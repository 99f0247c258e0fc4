"""Connectivity of regions against closed forms."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from neurodecode.deconfound.connectivity import Connectivity
from neurodecode.errors import ConfigError, DataError


def courses(n_people=12, n_times=200, n_regions=5, seed=0):
    rng = np.random.default_rng(seed)
    mixing = np.eye(n_regions) + 0.4 * rng.normal(size=(n_people, n_regions, n_regions))
    return (rng.normal(size=(n_people, n_times, n_regions)) @ mixing).astype(np.float32)


def covariance(person):
    standard = (person - person.mean(axis=0)) / person.std(axis=0, ddof=1)
    return LedoitWolf(store_precision=False).fit(standard.astype(float)).covariance_


def test_correlation_and_partial_correlation():
    X, lower = courses(), np.tril_indices(5, -1)
    marginal = Connectivity("correlation").fit(X).transform(X)
    partial = Connectivity("partial").fit(X).transform(X)
    for person, plain, apart in zip(X, marginal, partial, strict=True):
        cov = covariance(person)
        sd = np.sqrt(np.diag(cov))
        np.testing.assert_allclose(np.tanh(plain), (cov / np.outer(sd, sd))[lower], atol=1e-4)
        precision = np.linalg.inv(cov)
        sd = np.sqrt(np.diag(precision))
        np.testing.assert_allclose(
            np.tanh(apart), (-precision / np.outer(sd, sd))[lower], atol=1e-4
        )


def test_the_tangent_space_is_that_of_the_training_people():
    X, new = courses(), courses(seed=1)
    fitted = Connectivity("tangent").fit(X)
    rows = fitted.transform(X)
    assert rows.shape == (12, 15)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-3)  # their geometric mean is zero
    np.testing.assert_array_equal(fitted.transform(new)[:3], fitted.transform(new[:3]))
    assert fitted.state()["whitening"].shape == (5, 5)


def test_what_can_be_wrong():
    X = courses()
    with pytest.raises(ConfigError, match="one of correlation, partial, tangent, got 'z'"):
        Connectivity("z").fit(X)
    with pytest.raises(DataError, match=r"n_regions\) with two times"):
        Connectivity().fit(X[0])
    X[3, :, 2] = 1
    with pytest.raises(DataError, match="does not vary in 1 of 12 people"):
        Connectivity().fit(X)
