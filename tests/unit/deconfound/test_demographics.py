"""The table of demographics: what it becomes, and every way in which it can be wrong."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.deconfound.demographics import Encoding, persons
from neurodecode.errors import ConfigError, DataError, NotIdentifiable


def people(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 60, n),
            "sex": np.where(np.arange(n) % 2, "F", "M"),
            "site": np.array(["a", "b", "c"])[np.arange(n) % 3],
        }
    )


def test_numbers_are_standardised_and_names_one_hot():
    table = people()
    encoding = Encoding.learn(table)
    matrix = encoding.encode(table)
    assert matrix.shape == (60, 6)
    np.testing.assert_allclose([matrix[:, 0].mean(), matrix[:, 0].std()], [0, 1], atol=1e-12)
    np.testing.assert_array_equal(matrix[:, encoding.slices["sex"]].sum(axis=1), 1)
    np.testing.assert_array_equal(matrix[0], [matrix[0, 0], 0, 1, 1, 0, 0])


def test_moments_are_those_of_the_training_people():
    encoding = Encoding.learn(people())
    one = people()[:1].assign(age=encoding.columns[0].mean + 2 * encoding.columns[0].scale)
    assert encoding.encode(one)[0, 0] == pytest.approx(2)


def test_state_comes_back():
    encoding = Encoding.learn(people())
    assert Encoding.restore(encoding.state()) == encoding


def test_columns_that_were_not_fitted_are_left_aside():
    encoding = Encoding.learn(people())
    more = people().assign(handedness="left")[["site", "handedness", "sex", "age"]]
    np.testing.assert_array_equal(encoding.encode(more), encoding.encode(people()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": 95.0}, "age of 60 of 60 people lies outside what was fitted"),
        ({"sex": "X"}, "sex must be one of F, M .*, got X"),
        ({"age": np.nan}, "age is missing for 60 of 60"),
        ({"age": np.inf}, "age is missing for 60 of 60"),
        ({"site": None}, "site is missing for 60 of 60"),
        ({"site": " "}, "site is missing for 60 of 60"),
        ({"age": "old"}, "age must be numbers"),
    ],
)
def test_new_people_with_wrong_values(change, message):
    with pytest.raises(DataError, match=message):
        Encoding.learn(people()).encode(people().assign(**change))


def test_a_little_older_than_the_training_people_is_allowed():
    encoding = Encoding.learn(people())
    assert np.isfinite(encoding.encode(people().assign(age=63.0))).all()


def test_a_missing_column():
    with pytest.raises(DataError, match=r"column\(s\) age missing; fitted on age, sex, site"):
        Encoding.learn(people()).encode(people()[["sex", "site"]])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (people(59), r"site has 1 of 3 levels with fewer than 20 people: c \(19\)"),
        (people().assign(site=[*["a"] * 59, "alone"]), r"alone \(1\)"),
        (people(9), "9 people"),
        (people().assign(sex="F"), "sex is F for all people"),
        (people().assign(age=30.0), "age is the same for all 60 people"),
    ],
)
def test_what_no_method_can_tell_apart(table, message):
    with pytest.raises(NotIdentifiable, match=message):
        Encoding.learn(table)


def test_no_table():
    with pytest.raises(ConfigError, match="must be a table"):
        Encoding.learn(np.zeros((60, 2)))
    with pytest.raises(ConfigError, match="must have a column"):
        Encoding.learn(pd.DataFrame(index=range(60)))


def test_no_message_tells_the_age_of_a_person():
    with pytest.raises(DataError) as error:
        Encoding.learn(people()).encode(people().assign(age=[95.25, *[40.0] * 59]))
    assert "95" not in str(error.value)


def trials(n_people=30, n_trials=10):
    table = people(n_people)
    index = pd.Index([f"sub-{k}" for k in range(n_people)], name="participant_id")
    return table.set_index(index).iloc[np.repeat(np.arange(n_people), n_trials)]


def test_people_are_counted_and_not_their_trials():
    with pytest.raises(NotIdentifiable, match=r"site has 3 of 3 levels .* a \(10\)"):
        Encoding.learn(trials(30), minimum=15)
    with pytest.raises(NotIdentifiable, match="demographics: 15 people"):
        Encoding.learn(trials(15))
    encoding = Encoding.learn(trials(60))
    assert encoding.encode(trials(60)).shape == (600, 6)
    assert Encoding.learn(people()).columns[0].mean == pytest.approx(encoding.columns[0].mean)


def test_trials_of_one_person_agree():
    table = trials(60)
    table.iloc[3, 1] = "other"
    with pytest.raises(DataError, match="sex is not the same in all rows of a person"):
        Encoding.learn(table)


def test_without_a_named_index_each_row_is_a_person():
    table = people()
    table.index = np.zeros(60, int)
    np.testing.assert_array_equal(persons(table), np.arange(60))
    np.testing.assert_array_equal(persons(trials(3, 2)), [0, 0, 1, 1, 2, 2])
