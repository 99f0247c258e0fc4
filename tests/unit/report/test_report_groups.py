"""The page on people: told where there are enough of them, and why not where there are not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurodecode.report.groups import group_part


def crowd(material, n=44, unfair=0.0):
    """The simulated study as if n people had been scored on 15 items each."""
    rng = np.random.default_rng(0)
    who = [f"{k:02d}" for k in range(n)]
    people = pd.DataFrame(
        {"age": rng.uniform(20, 70, n).round(), "sex": np.tile(["F", "M"], n // 2)}, index=who
    )
    value = 0.8 - unfair * (people["sex"] == "M").to_numpy()[:, None]
    value = value + 0.1 * rng.normal(size=(n, 15))
    items = pd.DataFrame(
        {"subject": np.repeat(who, 15), "system": material.main, "source": "decoded",
         "metric": "two_way_independent", "item": "x", "value": value.ravel()}
    )  # fmt: skip
    return replace(material, demographics=people, items=items, subjects=tuple(who))


def test_two_people_are_no_groups(world):
    part = group_part(replace(world, demographics=crowd(world).demographics.iloc[:2]))
    assert part.said.startswith("Not compared. 2 people")
    assert part.plots == part.rows == ()
    assert "knows no demographics" in group_part(world).said


def test_unfair_decoding_is_said_and_drawn(world):
    part = group_part(crowd(world, unfair=0.1))
    assert "decoding differs between people" in part.said
    assert "sex M against F -0." in part.said
    assert [plot.name for plot in part.plots] == ["age", "sex"]
    age, sex = part.plots
    assert len(age.dots) == len(sex.dots) == 44
    assert [text for _, text in sex.levels] == ["F (22)", "M (22)"]
    assert sex.lines[0][1] < sex.lines[1][1]  # higher scores stand higher
    assert all(40 <= x <= 330 and 0 <= y <= 200 for plot in part.plots for x, y in plot.dots)
    assert [row[0] for row in part.rows] == ["age, per 10 years", "sex M against F"]


def test_where_people_do_not_differ_nothing_is_claimed(world):
    assert "no difference between groups is claimed" in group_part(crowd(world)).said


@pytest.mark.parametrize("n", [38, 44])
def test_a_small_level_is_not_compared(world, n):
    part = group_part(crowd(world, n))
    assert bool(part.plots) == (n == 44)
