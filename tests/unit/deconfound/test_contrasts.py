"""Differences between groups, and the checks of counterfactuals, as rows of the audit."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.deconfound.audit import AUDIT_COLUMNS, Sets
from neurodecode.deconfound.contrasts import contrasts, drawn_differences, real_differences
from neurodecode.deconfound.counterfactual_audit import counterfactual_rows
from neurodecode.deconfound.counterfactuals import other_values
from neurodecode.deconfound.demographics import Encoding
from neurodecode.deconfound.residualize import Residualize
from neurodecode.deconfound.shrunken import ShrunkenResidualize

N = 300
SETS = Sets(np.arange(150), np.arange(150, 230), np.arange(230, N))


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.uniform(20, 80, N), "site": rng.choice(["a", "b", "c"], N)})
    table.loc[:4, "site"] = "c"
    label = pd.Series(np.where(rng.random(N) < 0.5, "case", "control"), name="diagnosis")
    X = rng.normal(size=(N, 20)).astype(np.float32)
    X[:, :5] += (2 * (table["site"] == "a")).to_numpy(np.float32)[:, None]
    X[:, 5:10] += ((table["age"] - 50) / 10).to_numpy(np.float32)[:, None]
    X[:, 10:15] += (2 * (label == "case")).to_numpy(np.float32)[:, None]
    return X, table, label


def test_groups_are_cut_at_the_median_and_the_two_largest_levels(people):
    _, table, _ = people
    age, site = contrasts(table)
    assert (age.first, age.second) == ("above median", "up to median")
    assert age.groups(table).value_counts().tolist() == [150, 150]
    counts = table["site"].value_counts()
    assert {site.first, site.second} == set(counts.index[:2])
    assert site.first > site.second


def test_a_difference_is_that_of_the_means(people):
    X, table, _ = people
    asked = contrasts(table)
    found = real_differences(X, table, SETS, asked)
    old = (table["age"] > table["age"].median()).to_numpy()
    part = np.isin(np.arange(N), SETS.test)
    wanted = X[old & part].mean(axis=0) - X[~old & part].mean(axis=0)
    np.testing.assert_allclose(found["age.tested"], wanted, atol=1e-5)
    assert set(found) == {"age.tested", "age.others", "site.tested", "site.others"}


def test_a_group_that_is_empty_in_a_fold_is_left_out(people):
    X, table, _ = people
    (site,) = contrasts(table[["site"]])
    rows = np.flatnonzero(table["site"] != site.first)
    assert set(real_differences(X, table, Sets(SETS.fit, SETS.probe, rows), (site,))) == {
        "site.others"
    }


def test_drawn_people_differ_as_real_ones_do(people):
    X, table, _ = people
    method = ShrunkenResidualize(n_factors=5)
    method.fit(X[SETS.fit], demographics=table.iloc[SETS.fit])
    asked = contrasts(table)
    found = drawn_differences(method, table, SETS, asked)
    true = real_differences(X, table, SETS, asked)
    assert np.corrcoef(found["age.drawn"], true["age.tested"])[0, 1] > 0.9


def test_other_values_are_the_next_level_and_the_mirrored_number(people):
    _, table, _ = people
    encoding = Encoding.learn(table)
    to = other_values(encoding, table, "site")
    assert (to["site"].map({"b": "a", "c": "b", "a": "c"}) == table["site"]).all()
    ages = other_values(encoding, table, "age")["age"]
    np.testing.assert_allclose(ages + table["age"], 100)  # from 20 to 80


def test_the_four_checks_are_rows_of_the_audit(people):
    X, table, label = people
    method = Residualize().fit(X[SETS.fit], demographics=table.iloc[SETS.fit])
    rows = list(counterfactual_rows("m", method, X, table, SETS, label=label, seed=0))
    assert set(rows[0]) <= set(AUDIT_COLUMNS)
    found = {(row["what"], row["probe"]): row["value"] for row in rows}
    for column in ("age", "site"):
        assert found[column, "composition"] < 1e-5
        assert found[column, "reversibility"] < 1e-4
        assert found[column, "moved"] > 0.3
        assert found[column, "kept"] > 0.95
    # Of a number the mean absolute error in years, of a name the share that is seen as the new one.
    assert found["age", "effectiveness"] < 2 * found["age", "before"] < 20
    assert found["site", "effectiveness"] > 0.8 * found["site", "before"]
    without = list(counterfactual_rows("m", method, X, table, SETS, label=None, seed=0))
    assert all(np.isnan(row["value"]) for row in without if row["probe"] == "kept")
