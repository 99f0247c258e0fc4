"""Effects that are drawn towards each other: closed forms, and errors against plain regression."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, RidgeCV

from neurodecode.deconfound.audit import labels_of
from neurodecode.deconfound.empirical_bayes import common_factor, posterior_mean
from neurodecode.deconfound.probes import Prober
from neurodecode.deconfound.residualize import Residualize
from neurodecode.deconfound.shrunken import (
    PENALTIES,
    ShrunkenResidualize,
    _leading,
    label_columns,
)
from neurodecode.errors import ConfigError, DataError, NotIdentifiable


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


def labelled(n, seed):
    table, X = cohort(n, seed, 40)
    rng, odd = np.random.default_rng([seed, 1]), np.arange(40) % 2
    label = pd.Series(rng.choice(["case", "control"], n))
    return (
        table,
        X + 0.7 * np.outer(label == "case", odd) + 2 * np.outer(rng.normal(size=n), 1 - odd),
        label,
    )


def test_the_direction_of_the_label_is_that_of_ridge_regression():
    table, X, label = labelled(300, 0)
    method = ShrunkenResidualize(3, n_factors=5, keep_label=True).fit(X, label, demographics=table)
    assert method.label_in_.shape == (1, 40)
    np.testing.assert_allclose(method.label_in_ @ method.label_out_.T, 1, atol=1e-9)
    np.testing.assert_allclose(method.label_in_ @ method.directions_[:3].T, 0, atol=1e-9)
    plain = ShrunkenResidualize(0, n_factors=5).fit(X, demographics=table)
    alone = (plain.transform(X, demographics=table).astype(float) - plain.mean_) / method.scale_
    told = label_columns(label)
    held = LinearRegression().fit(method.design_.matrix(table), np.hstack([alone, told]))
    left = np.hstack([alone, told]) - held.predict(method.design_.matrix(table))
    size = (np.linalg.svd(left[:, :-1])[1] ** 2).sum() / len(left)
    ridge = RidgeCV(PENALTIES * size, fit_intercept=False).fit(left[:, :-1], left[:, -1])
    kept = method.directions_[:3]
    expected = ridge.coef_ - ridge.coef_ @ kept.T @ kept
    likeness = expected @ method.label_in_[0] / np.linalg.norm(expected)
    assert abs(likeness) == pytest.approx(np.linalg.norm(method.label_in_[0]), rel=1e-5)


def test_a_label_of_three_levels_has_two_directions_and_one_that_is_kept_anyway_none():
    table, X, label = labelled(300, 0)
    three = label.where(np.arange(300) % 3 > 0, "unsure")
    method = ShrunkenResidualize(3, n_factors=5, keep_label=True).fit(X, three, demographics=table)
    np.testing.assert_allclose(method.label_in_ @ method.label_out_.T, np.eye(2), atol=1e-9)
    whole = ShrunkenResidualize(40, n_factors=5, keep_label=True).fit(X, label, demographics=table)
    assert whole.label_in_.shape == (0, 40)


@pytest.mark.parametrize("shape", [(50, 20), (20, 50)])
def test_leading_directions_are_those_of_the_singular_value_decomposition(shape):
    rows = np.random.default_rng(0).normal(size=shape)
    rows -= rows.mean(axis=0)
    directions, variances = _leading(rows, 5)
    _, sizes, right = np.linalg.svd(rows)
    np.testing.assert_allclose(variances, sizes[:5] ** 2 / len(rows))
    np.testing.assert_allclose(np.abs((directions * right[:5]).sum(axis=1)), 1)


@pytest.mark.parametrize("number", [False, True])
def test_a_label_that_is_named_is_kept_of_other_people(number):
    (table, X, label), (new, Z, theirs) = labelled(600, 0), labelled(600, 1)
    if number:
        label, theirs = (2.5 * (values == "case") for values in (label, theirs))
    found = {}
    for told in (False, True):
        method = ShrunkenResidualize(1, n_factors=5, keep_label=told)
        method.fit(X, label, demographics=table)
        left = method.transform(Z, demographics=new).astype(float)
        found[told] = Prober(left[:300], left[300:]).score(
            "linear", labels_of(theirs[:300]), labels_of(theirs[300:])
        )
        assert left.shape == Z.shape
        assert np.linalg.matrix_rank(left - left.mean(axis=0), tol=0.1) == 1 + told
    assert found[True] > found[False] + 0.2


def test_a_label_is_looked_at_only_where_asked_to():
    table, X, label = labelled(200, 0)
    pair = [
        ShrunkenResidualize(5).fit(X, y, demographics=table).transform(X, demographics=table)
        for y in (label, None)
    ]
    np.testing.assert_array_equal(*pair)
    told = ShrunkenResidualize(5, keep_label=True)
    with pytest.raises(ConfigError, match="keep_label needs y"):
        told.fit(X, demographics=table)
    with pytest.raises(DataError, match="label: missing for 1 of 200"):
        told.fit(X, label.where(np.arange(200) > 0), demographics=table)
    with pytest.raises(NotIdentifiable, match="the same for all"):
        told.fit(X, np.ones(200), demographics=table)
    with pytest.raises(NotIdentifiable, match="demographics determine it"):
        told.fit(X, table["sex"], demographics=table)
    again = ShrunkenResidualize(5, keep_label=True).restore(
        told.fit(X, label, demographics=table).state()
    )
    np.testing.assert_array_equal(
        again.transform(X, demographics=table), told.transform(X, demographics=table)
    )
