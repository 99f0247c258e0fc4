"""Demographics go out of decoded trials, and nothing of a person is in what changes them."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from neurodecode.contracts import Conditions
from neurodecode.embed.across_people import ONE_PERSON, AcrossPeople, demographics_of
from neurodecode.embed.settings import AcrossPeopleSettings
from neurodecode.errors import ConfigError, DataError, DataWarning, NotIdentifiable

N, TRIALS, D = 120, 12, 8


def settings(**changes):
    raw = {"demographics": ["age", "site"], "n_folds": 3,
           "method": {"kind": "residualize", "knots": 0, "variance": False}}  # fmt: skip
    return AcrossPeopleSettings.model_validate({**raw, **changes})


def people(n=N):
    rng = np.random.default_rng(0)
    names = [f"{k:03d}" for k in range(n)]
    table = pd.DataFrame({"age": rng.uniform(20, 80, n), "site": np.resize(["a", "b"], n)})
    return table.set_index(pd.Index(names, name="participant_id"))


def decoded(table, seed=0):
    """Everybody sees the same pictures; age and site move what is decoded."""
    rng = np.random.default_rng(seed)
    pictures, by_age, by_site = (rng.normal(size=(n, D)) for n in (TRIALS, 1, 1))
    found = {}
    for name, row in table.iterrows():
        moved = (row["age"] - 50) / 15 * by_age + 3 * (row["site"] == "b") * by_site
        noise = 0.5 * rng.normal(size=(TRIALS, D))
        values = (pictures + moved + noise).astype(np.float32)
        trials = pd.DataFrame({"trial": [f"t{k}" for k in range(TRIALS)], "participant_id": name,
                               "stimulus": "", "category": "", "run": 0, "fold": "0"})  # fmt: skip
        label = np.zeros((TRIALS, 2), np.float32)
        found[name] = Conditions(trials, {"semantic": values, "label": label}, ("x", "y"))
    return found, pictures


def step(table=None, **changes):
    return AcrossPeople(settings(**changes), people() if table is None else table, 1)


def stacked(conditions):
    return np.stack([c.arrays["semantic"] for c in conditions.values()])


def test_site_cannot_be_told_from_trials_and_pictures_can():
    table = people()
    before, pictures = decoded(table)
    after, _ = step(table).apply(before)
    assert list(after) == list(before)
    told = [(stacked(c).mean(axis=1), table["site"]) for c in (before, after)]
    half = np.arange(N) < N // 2
    scores = [LogisticRegression().fit(X[half], y[half]).score(X[~half], y[~half]) for X, y in told]
    assert scores[0] > 0.9
    assert scores[1] < 0.75
    ages = [np.corrcoef(X.T, table["age"])[-1, :-1] for X, _ in told]
    assert np.abs(ages[0]).max() > 0.7
    assert np.abs(ages[1]).max() < 0.3
    errors = [
        ((v - v.mean(axis=(0, 1)) - pictures + pictures.mean(axis=0)) ** 2).mean()
        for v in (stacked(before), stacked(after))
    ]
    assert errors[1] < 0.5 * errors[0]
    np.testing.assert_array_equal(after["003"].arrays["label"], before["003"].arrays["label"])


@pytest.mark.parametrize(
    "method",
    [
        {"kind": "residualize", "knots": 0, "variance": False},
        {"kind": "demovae", "steps": 2, "every": 1, "knots": 0, "hidden": 8},
    ],
)
def test_what_changes_a_person_knows_nothing_of_that_person(method):
    table = people()
    conditions, _ = decoded(table)
    across = step(table, method=method, n_folds=2)
    _, learned = across.apply(conditions)
    poisoned = dict(conditions)
    part = across.parts()[1]
    for name in part:
        values = 100 + np.random.default_rng(9).normal(size=(TRIALS, D)).astype(np.float32)
        poisoned[name] = Conditions(
            conditions[name].table, {**conditions[name].arrays, "semantic": values}, ("x", "y")
        )
    _, other = across.apply(poisoned)
    for name, array in learned["1.semantic"].items():
        np.testing.assert_array_equal(array, other["1.semantic"][name])
    same = [
        np.array_equal(array, other["0.semantic"][name])
        for name, array in learned["0.semantic"].items()
    ]
    assert not all(same)


def test_everybody_is_in_one_part():
    parts = step().parts()
    assert sorted(name for part in parts for name in part) == list(people().index)
    assert len(parts) == 3


def test_within_one_person_nothing_changes_and_it_is_said():
    table = people(1)
    conditions, _ = decoded(table)
    with pytest.warns(DataWarning, match=re.escape(ONE_PERSON)):
        step(table).check()
    after, learned = step(table).apply(conditions)
    assert learned == {}
    np.testing.assert_array_equal(stacked(after), stacked(conditions))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (people(8), "demographics: [56] people; their effects cannot be told"),
        (people(24).assign(site=["a"] * 23 + ["b"]), "demographics: 16 people"),
        (people().assign(site=["a"] * 110 + ["b"] * 10), r"site has 1 of 2 levels with fewer"),
        (people().assign(site="a"), "site is a for all people"),
    ],
)
def test_too_few_people_are_refused_before_any_work(table, message):
    with pytest.raises(NotIdentifiable, match=message):
        step(table).check()


def test_enough_people_pass_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step().check()


class Known:
    def __init__(self, table):
        self.table = table

    def demographics(self):
        return self.table


def test_who_people_are_must_be_known():
    table = demographics_of(Known(people().rename_axis(None)), ("site",))
    assert table.columns.tolist() == ["site"]
    assert table.index.name == "participant_id"
    with pytest.raises(DataError, match=r"column\(s\) sex missing; found age, site"):
        demographics_of(Known(people()), ("sex",))
    with pytest.raises(ConfigError, match="needs people whose age, sex or site are known"):
        demographics_of(Known(None), ("age",))
    with pytest.raises(ConfigError, match="needs people"):
        demographics_of(object(), ("age",))
    with pytest.raises(DataError, match="age is missing for 1 of 120 people"):
        step(people().assign(age=[np.nan, *range(N - 1)])).check()
