"""The audit: known answers on data whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.deconfound.audit import AUDIT_COLUMNS, Sets, audit, confounded, split
from neurodecode.deconfound.choose import Validated, choose, pick
from neurodecode.deconfound.probes import Prober
from neurodecode.deconfound.residualize import Residualize
from neurodecode.deconfound.shrunken import ShrunkenResidualize
from neurodecode.errors import DataError


def cohort(n=400, n_features=300, seed=0, *, shift=0.6, spread=0.0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"age": rng.uniform(20, 60, n), "sex": rng.choice(["F", "M"], n)})
    male = (table["sex"] == "M").to_numpy(float)[:, None]
    label = pd.Series(rng.choice(["case", "control"], n), name="diagnosis")
    own = 0.4 * (label == "case").to_numpy(float)[:, None] * rng.normal(size=n_features)
    noise = rng.normal(size=(n, n_features)) * np.exp(spread * male)
    age = ((table["age"] - 40) / 20).to_numpy()[:, None] * rng.choice([-1, 1], n_features)
    return table, noise + own + shift * male + shift * age, label


SETS = Sets(np.arange(160), np.arange(160, 280), np.arange(280, 400))


def value(table, **where):
    for column, wanted in where.items():
        table = table[table[column] == wanted]
    (found,) = table["value"]
    return found


@pytest.mark.parametrize(("probe", "sees"), [("linear", "mean"), ("spread", "spread")])
def test_probes_see_what_they_are_for(probe, sees):
    for effect in ("mean", "spread"):
        options = {"shift": 0.6} if effect == "mean" else {"shift": 0.0, "spread": 0.5}
        table, X, _ = cohort(**options)
        sex = table["sex"].to_numpy(str)
        found = Prober(X[:280], X[280:]).probe(probe, sex[:280], sex[280:])
        assert (found.score > 0.8) == (effect == sees)
        assert (found.p < 0.01) == (effect == sees)


def test_a_number_is_scored_by_r2_and_noise_by_zero():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 50)), rng.normal(size=400)
    prober = Prober(X[:300], X[300:], seed=2**63)  # as large as those of the pipeline
    for probe in ("linear", "spread", "radial", "forest"):
        found = prober.probe(probe, y[:300], y[300:])
        assert found.chance == 0
        assert -0.2 < found.score < 0.1
    found = prober.probe("linear", X[:300, 0].copy(), X[300:, 0].copy())
    assert found.score > 0.95
    assert found.p == pytest.approx(1 / 201)


def test_below_chance_is_seen():
    """Deconfounded on all people, also those of the test, sex is read off backwards."""
    table, X, _ = cohort(200, 800)
    whole = Residualize(0, variance=False).fit_transform(X, demographics=table)
    sex = table["sex"].to_numpy(str)
    found = Prober(whole[:100], whole[100:]).probe("linear", sex[:100], sex[100:])
    assert found.score < 0.3
    assert found.p_low < 0.01


def test_the_table_of_methods():
    table, X, label = cohort()
    methods = {
        "as given": None,
        "regression": Residualize(0, variance=False),
        "shrunken": ShrunkenResidualize(40, n_factors=5),
    }
    found = audit(methods, X, table, SETS, label=label, probes=("linear", "spread"))
    assert tuple(found.columns) == AUDIT_COLUMNS
    sex = {"figure": "left", "what": "sex", "probe": "linear"}
    raw, regressed = (value(found, method=m, **sex) for m in ("as given", "regression"))
    assert raw > 0.9 > regressed > 0.55
    # The error of the estimates is not seen by a probe that is trained where they were fitted.
    row = found[(found["method"] == "regression") & (found["figure"] == "left")]
    assert row["flattering"].iloc[2] < regressed - 0.05
    # Features without any effect: what is found was put in by the method itself.
    put_in = {"figure": "put in (shuffled)", "what": "sex", "probe": "linear"}
    assert value(found, method="regression", **put_in) > 0.6
    assert value(found, method="shrunken", **put_in) < 0.6
    assert value(found, method="as given", figure="kept", what="features (R2)") == 1
    assert value(found, method="shrunken", figure="kept", what="diagnosis") > 0.7
    assert value(found, method="shrunken", **sex) < regressed
    synthetic = found[(found["method"] == "shrunken") & (found["figure"] == "synthetic")]
    assert set(synthetic["what"]) >= {"told from real"}
    near = synthetic[synthetic["what"].str.startswith("distance")]["value"].item()
    assert near > 0.8  # no copies of training people
    assert not set(found[found["method"] == "regression"]["figure"]) & {"synthetic"}


def test_chosen_on_validation_people():
    table, X, label = cohort(n_features=150)
    candidates = {
        "as it was": Residualize(0, variance=False),
        "shrunken": ShrunkenResidualize(0, n_factors=5),
    }
    chosen = choose(candidates, X, table, fit=SETS.fit, validation=np.arange(160, 400), label=label)
    assert chosen.name == "shrunken"
    assert chosen.found["shrunken"].left[0] < chosen.found["as it was"].left[0]
    assert chosen.given.left[0] > chosen.found["as it was"].left[0]
    with pytest.raises(DataError, match="no candidate"):
        choose({}, X, table, fit=SETS.fit, validation=SETS.test, label=label)


def test_a_standard_error_decides_what_leaves_as_little_and_keeps_as_much():
    swing = np.tile([-0.01, 0.01], 50)  # a standard error of .01 of each difference

    def judged(left, kept):
        return Validated(np.r_[left, left + swing], np.r_[kept, kept + swing])

    given = Validated(np.full(101, 0.5), np.full(101, 0.80))
    gentle, middle = judged(0.30, 0.80), judged(0.105, 0.775)  # of .025, .02 and .01 are let pass
    least = Validated(np.full(101, 0.10), middle.kept)
    lossy = judged(0.0, 0.76)
    assert pick({"gentle": gentle, "least": least, "middle": middle}, given, 0.02) == "middle"
    assert pick({"gentle": gentle, "middle": middle, "least": least}, given, 0.02) == "least"
    assert pick({"gentle": gentle, "least": least, "lossy": lossy}, given, 0.02) == "least"
    assert pick({"lossy": lossy, "lossier": judged(0.0, 0.70)}, given, 0.02) == "lossy"


def test_a_label_that_goes_with_a_demographic_is_told():
    table, _, label = cohort()
    rng = np.random.default_rng(0)
    by_sex = pd.Series(
        np.where(rng.random(400) < 0.85, table["sex"] == "M", table["sex"] == "F").astype(str),
        name="diagnosis",
    )
    found = confounded(table, by_sex, SETS).set_index("what")
    assert found.loc["sex", "value"] > 0.75
    assert found.loc["sex", "p"] < 0.01 < found.loc["age", "p"]
    assert (confounded(table, label, SETS)["p"] > 0.01).all()


def test_three_sets_of_people_are_disjoint_and_keep_persons_whole():
    people = np.repeat(np.arange(60), 3)
    sets = split(people, seed=1)
    parts = [set(people[rows]) for rows in (sets.fit, sets.probe, sets.test)]
    assert [len(p) for p in parts] == [30, 15, 15]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    with pytest.raises(DataError, match="20 people are too few"):
        split(np.arange(20), seed=1)
