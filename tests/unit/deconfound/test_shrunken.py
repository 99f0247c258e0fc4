"""Effects that are drawn towards each other: closed forms, and errors against plain regression."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.deconfound.empirical_bayes import common_factor, posterior_mean
from neurodecode.deconfound.residualize import Residualize
from neurodecode.deconfound.shrunken import ShrunkenResidualize
from neurodecode.errors import DataError


@pytest.mark.parametrize("d", [1, 2])
def test_normal_effects_are_drawn_to_zero_by_the_known_factor(d):
    rng = np.random.default_rng(0)
    theta = 1.5 * rng.normal(size=(d, 3000))
    z = theta + rng.normal(size=theta.shape)
    best = z * 1.5**2 / (1 + 1.5**2)
    found = posterior_mean(z)
    assert ((found - theta) ** 2).mean() < 1.05 * ((best - theta) ** 2).mean()
    assert common_factor(z) == pytest.approx(1.5**2 / (1 + 1.5**2), abs=0.03)


def test_no_effect_is_drawn_to_nothing():
    z = np.random.default_rng(0).normal(size=(1, 3000))
    assert (posterior_mean(z) ** 2).mean() < 0.02
    assert common_factor(z) < 0.05


def test_few_large_effects_are_kept_and_the_rest_is_not():
    rng = np.random.default_rng(1)
    theta = np.where(rng.random(4000) < 0.1, 5.0, 0.0)
    found = posterior_mean(theta[None] + rng.normal(size=(1, 4000)))[0]
    assert ((found - theta) ** 2).mean() < 0.2  # plain estimates: 1


def cohort(n, seed, n_features=400):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.uniform(20, 60, n),
            "sex": rng.choice(["F", "M"], n),
            "site": rng.choice(list("abc"), n),
        }
    )
    male = (table["sex"] == "M").to_numpy(float)[:, None]
    some = np.arange(n_features) % 10 == 0
    return table, rng.normal(size=(n, n_features)) * np.exp(0.4 * male * some) + 0.8 * male * some


def test_effects_are_nearer_to_the_truth_than_those_of_regression():
    table, X = cohort(200, 0)
    some = np.arange(400) % 10 == 0

    def errors(method):
        method.fit(X, demographics=table)
        return (
            ((method.coef_[3] - 0.8 * some) ** 2).mean(),
            ((method.log_sd_[3] - 0.4 * some) ** 2).mean(),
        )

    ours, plain = errors(ShrunkenResidualize(0, n_factors=2)), errors(Residualize())
    assert ours[0] < 0.5 * plain[0]
    assert ours[1] < 0.5 * plain[1]


def test_what_is_kept_lies_in_the_components():
    (table, X), (new, Z) = cohort(200, 0), cohort(50, 1)
    method = ShrunkenResidualize(5).fit(X, demographics=table)
    moved = (method.transform(Z, demographics=new) - method.mean_) / method.scale_
    kept = method.directions_[:5]
    np.testing.assert_allclose(kept @ kept.T, np.eye(5), atol=1e-9)
    np.testing.assert_allclose(moved @ kept.T @ kept, moved, atol=1e-4)


def test_state_comes_back():
    table, X = cohort(200, 0, 30)
    method = ShrunkenResidualize(7).fit(X, demographics=table)
    again = ShrunkenResidualize(7).restore(method.state())
    np.testing.assert_array_equal(
        again.transform(X, demographics=table), method.transform(X, demographics=table)
    )


def test_synthetic_people_have_the_means_and_spreads_of_their_demographics():
    table, X = cohort(4000, 0, 40)
    method = ShrunkenResidualize(10, n_factors=5).fit(X, demographics=table)
    new, Z = cohort(16000, 1, 40)
    made = method.sample(16000, demographics=new)
    men = (new["sex"] == "M").to_numpy()
    np.testing.assert_allclose(made[men].mean(axis=0), Z[men].mean(axis=0), atol=0.15)
    np.testing.assert_allclose(made[men].std(axis=0), Z[men].std(axis=0), rtol=0.1)
    with pytest.raises(DataError, match="3 people for 16000 rows"):
        method.sample(3, demographics=new)


def test_to_oneself_nothing_changes():
    table, X = cohort(200, 0, 30)
    method = ShrunkenResidualize(7).fit(X, demographics=table)
    same = method.counterfactual(X, demographics=table, to=table)
    np.testing.assert_allclose(same, X, atol=1e-5)
