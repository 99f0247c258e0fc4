"""Regression on demographics, against closed forms."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from neurodecode.deconfound.design import restricted_cubic
from neurodecode.deconfound.residualize import Residualize
from neurodecode.errors import ConfigError, DataError


def people(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 60, n),
            "sex": rng.choice(["F", "M"], n),
            "site": rng.choice(list("abc"), n),
        }
    )


def features(table, seed=0, n=6):
    rng = np.random.default_rng(seed)
    male = (table["sex"] == "M").to_numpy(float)[:, None]
    curve = ((table["age"].to_numpy() - 40) / 20)[:, None] ** 2
    return rng.normal(size=(len(table), n)) * np.exp(0.5 * male) + male + 2 * curve


def test_straight_lines_leave_what_ordinary_regression_leaves():
    table = people(300)
    X = features(table)
    design = sm.add_constant(
        pd.get_dummies(table, columns=["sex", "site"], drop_first=True).astype(float)
    )
    expected = np.stack([sm.OLS(x, design).fit().resid for x in X.T], axis=1) + X.mean(axis=0)
    found = Residualize(knots=0, variance=False).fit_transform(X, demographics=table)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_spline_removes_a_curve_and_a_line_does_not():
    table, new = people(2000), people(2000, seed=1)
    X, Z = features(table), features(new, seed=1)
    curve = ((new["age"] - 40) / 20) ** 2

    def left(knots):
        method = Residualize(knots=knots).fit(X, demographics=table)
        return abs(np.corrcoef(method.transform(Z, demographics=new)[:, 0], curve)[0, 1])

    assert left(4) < 0.06 < 0.3 < left(0)


def test_a_restricted_spline_is_straight_outside_its_knots():
    knots = np.array([0.0, 1.0, 2.0, 3.0])
    outside = np.array([-3.0, -2.0, -1.0, 4.0, 5.0, 6.0])
    below, above = np.split(restricted_cubic(outside, knots), 2)
    np.testing.assert_allclose(np.diff(below, 2, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(above, 2, axis=0), 0, atol=1e-12)


def test_the_spread_of_groups_is_made_equal():
    table, new = people(2000), people(2000, seed=1)
    method = Residualize().fit(features(table), demographics=table)
    assert method.log_sd_[3] == pytest.approx(0.5, abs=0.12)
    Z = method.transform(features(new, seed=1), demographics=new)
    men = (new["sex"] == "M").to_numpy()
    np.testing.assert_allclose(Z[men].std(axis=0) / Z[~men].std(axis=0), 1, atol=0.12)


def test_every_row_is_transformed_alone():
    table = people(200)
    X = features(table)
    method = Residualize().fit(X, demographics=table)
    whole = method.transform(X, demographics=table)
    np.testing.assert_array_equal(whole[:5], method.transform(X[:5], demographics=table[:5]))


def test_to_oneself_nothing_changes_and_back_again_neither():
    table, to = people(200), people(200, seed=3)
    X = features(table)
    method = Residualize().fit(X, demographics=table)
    there = method.counterfactual(X, demographics=table, to=to)
    np.testing.assert_allclose(method.counterfactual(X, demographics=table, to=table), X, atol=1e-4)
    np.testing.assert_allclose(
        method.counterfactual(there, demographics=to, to=table), X, atol=1e-4
    )


def test_state_comes_back():
    table = people(200)
    X = features(table)
    method = Residualize().fit(X, demographics=table)
    again = Residualize().restore(method.state())
    np.testing.assert_array_equal(
        again.transform(X, demographics=table), method.transform(X, demographics=table)
    )
    with pytest.raises(DataError, match=r"array\(s\) coef missing"):
        Residualize().restore({k: v for k, v in method.state().items() if k != "coef"})


def test_wrong_features_and_settings():
    table = people(200)
    X = features(table)
    with pytest.raises(DataError, match="1 of 6 are the same for all"):
        Residualize().fit(np.where(np.arange(6) == 2, 1.0, X), demographics=table)
    with pytest.raises(DataError, match="199 rows for 200 rows of features"):
        Residualize().fit(X, demographics=table[:199])
    with pytest.raises(ConfigError, match="knots"):
        Residualize(knots=2).fit(X, demographics=table)
