"""Groups: the regression against statsmodels, its level, and when nothing is said."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from neurodecode.errors import DataError
from neurodecode.evaluate.groups import regress, why_not_groups


def cohort(seed, n=60, unfair=0.0, n_items=20, spread=0.03):
    """People whose mean score is .8, less by ``unfair`` where sex is M."""
    rng = np.random.default_rng(seed)
    who = [f"{k:02d}" for k in range(n)]
    people = pd.DataFrame(
        {"age": rng.uniform(20, 70, n), "sex": np.tile(["F", "M"], n // 2),
         "site": rng.permutation(np.repeat(["x", "y"], n // 2))}, index=who,
    )  # fmt: skip
    mean = 0.8 - unfair * (people["sex"] == "M") + spread * rng.normal(size=n)
    value = mean.to_numpy()[:, None] + 0.2 * rng.normal(size=(n, n_items))
    scores = pd.DataFrame({"participant_id": np.repeat(who, n_items), "value": value.ravel()})
    return scores, people


def test_coefficients_and_errors_are_those_of_a_clustered_regression():
    scores, people = cohort(0, n=200, unfair=0.05)
    scores = scores.drop(index=range(7))  # unequal numbers of items
    found = regress(scores, people)
    rows = people.loc[scores["participant_id"]]
    X = np.c_[np.ones(len(rows)), (rows["age"] - people["age"].mean()) / 10,
              rows["sex"] == "M", rows["site"] == "y"].astype(float)  # fmt: skip
    peer = sm.OLS(scores["value"].to_numpy(), X).fit(
        cov_type="cluster", cov_kwds={"groups": scores["participant_id"]}
    )
    assert [e.value for e in found.effects] == pytest.approx(list(peer.params[1:]))
    error = [(e.ci_high - e.ci_low) / 2 / 1.972 for e in found.effects]
    assert error == pytest.approx(list(peer.bse[1:]), rel=0.04)
    assert [e.name for e in found.effects] == [
        "age, per 10 years", "sex M against F", "site y against x"
    ]  # fmt: skip
    assert (found.n_people, found.n_items) == (200, 3993)


def test_planted_unfairness_is_found_where_it_is():
    found = regress(*cohort(1, unfair=0.1))
    assert found.found
    age, sex, site = found.effects
    assert sex.ci_high < 0
    assert sex.p < 0.01
    assert min(age.p, site.p) > 0.05


def test_where_there_is_none_it_is_seldom_claimed():
    claimed = [regress(*cohort(seed)).found for seed in range(120)]
    assert np.mean(claimed) < 0.11  # nominal .05, SD .02


def test_items_of_a_person_are_not_people():
    # A spread between people that items alone would take for an effect of groups.
    p = [regress(*cohort(seed, spread=0.1, n_items=50)).p for seed in range(60)]
    assert np.mean(np.array(p) < 0.05) < 0.14  # nominal .05, SD .028


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: None, "knows no demographics"),
        (lambda p: p[:30], "30 people: groups are compared from 20"),
        (lambda p: p.assign(sex=["F"] * 45 + ["M"] * 15), "sex: 2 levels, the smallest of 15"),
        (lambda p: p.assign(site="x"), "site: 1 levels"),
        (lambda p: p.assign(age=[np.nan, *p["age"][1:]]), "missing; nothing is guessed"),
        (lambda p: p.assign(age=30.0), "age is the same for all people"),
    ],
)
def test_it_says_why_groups_are_not_compared(change, said):
    assert said in why_not_groups(change(cohort(0)[1]))


def test_demographics_that_determine_each_other_are_refused():
    scores, people = cohort(0)
    people["site"] = people["sex"].map({"F": "x", "M": "y"})
    with pytest.raises(DataError, match="determine each other"):
        regress(scores, people)
    with pytest.raises(DataError, match="no demographics of 1 people"):
        regress(scores, people.iloc[1:])
