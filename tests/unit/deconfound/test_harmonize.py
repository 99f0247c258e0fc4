"""ComBat through combatlearn: the same numbers as the library, and people of unseen sites."""

import numpy as np
import pandas as pd
import pytest
from combatlearn import ComBat

from neurodecode.deconfound.harmonize import Harmonize
from neurodecode.errors import ConfigError, DataError


def cohort(n=180, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.uniform(20, 60, n),
            "sex": rng.choice(["F", "M"], n),
            "site": rng.choice(list("abc"), n),
        }
    )
    site = table["site"].map({"a": 0, "b": 1, "c": 2}).to_numpy(float)[:, None]
    noise = rng.normal(size=(n, 8)) * (1 + site)
    return table, noise + 2 * site + 0.05 * table["age"].to_numpy()[:, None]


def test_the_numbers_are_those_of_the_library():
    (table, X), (new, Z) = cohort(), cohort(seed=1)
    both = pd.concat([table, new], ignore_index=True)
    kept = pd.DataFrame({"age": both["age"], "male": (both["sex"] == "M").astype(float)})
    peer = ComBat(both["site"], continuous_covariates=kept, method="fortin")
    peer.fit(pd.DataFrame(X))
    expected = peer.transform(pd.DataFrame(Z, index=range(len(X), len(both))))
    ours = Harmonize(knots=0).fit(X, demographics=table).transform(Z, demographics=new)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_sites_become_alike_and_age_stays():
    (table, X), (new, Z) = cohort(2000), cohort(2000, seed=1)
    moved = Harmonize().fit(X, demographics=table).transform(Z, demographics=new)
    groups = [moved[(new["site"] == site).to_numpy()] for site in "abc"]
    assert (
        np.ptp([g.mean() for g in groups])
        < 0.2
        < np.ptp([Z[new["site"] == s].mean() for s in "abc"])
    )
    assert max(g.std() for g in groups) / min(g.std() for g in groups) < 1.1
    assert np.corrcoef(moved[:, 0], new["age"])[0, 1] > 0.1


def test_people_of_an_unseen_site():
    (table, X), (new, Z) = cohort(), cohort(seed=1)
    elsewhere = new.assign(site="d")
    with pytest.raises(DataError, match=r"site must be one of a, b, c .*, got d"):
        Harmonize().fit(X, demographics=table).transform(Z, demographics=elsewhere)
    reference = Harmonize(unseen="reference", reference="b").fit(X, demographics=table)
    np.testing.assert_allclose(reference.transform(Z, demographics=elsewhere), Z, atol=1e-5)
    pooled = Harmonize(unseen="pooled").fit(X, demographics=table)
    each = [pooled.transform(Z, demographics=new.assign(site=s)) for s in "abc"]
    np.testing.assert_allclose(
        pooled.transform(Z, demographics=elsewhere), np.mean(each, axis=0), atol=1e-4
    )
    with pytest.raises(DataError, match="site is missing for 180 of 180"):
        pooled.transform(Z, demographics=new.assign(site=None))
    with pytest.raises(DataError, match="sex must be one of F, M"):
        pooled.transform(Z, demographics=elsewhere.assign(sex="X"))


def test_sites_alone_and_state():
    table, X = cohort()
    method = Harmonize().fit(X, demographics=table[["site"]])
    again = Harmonize().restore(method.state())
    np.testing.assert_array_equal(
        again.transform(X, demographics=table), method.transform(X, demographics=table)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": "age"}, "batch must be a categorical column"),
        ({"unseen": "guess"}, "unseen must be one of"),
        ({"unseen": "reference"}, "reference must be one of a, b, c, got ''"),
    ],
)
def test_wrong_settings(options, message):
    table, X = cohort()
    with pytest.raises(ConfigError, match=message):
        Harmonize(**options).fit(X, demographics=table)
