"""The specification curve: what is drawn where, and what it says."""

import math

import pandas as pd
import pytest

from neurodecode.report.curve import curve_of


def table(values, baseline=None):
    rows = []
    for k, value in enumerate(values):
        rows.append(("system", ("a", "b")[k % 2], ("x", "y", "z")[k // 2], value))
    if baseline is not None:
        rows.append(("baseline", "order", "x", baseline))
    frame = pd.DataFrame(rows, columns=["role", "responses", "decoder", "value"])
    clear = frame["value"] > 0.3
    return frame.assign(
        study="s", subject="01", system="-", generator="", metric="accuracy_8way",
        extractor="none", ci_low=frame["value"] - 0.05, ci_high=frame["value"] + 0.05,
        chance=0.125, n=96, p=clear.map({True: 0.001, False: 0.5}),
        q=clear.map({True: 0.002, False: 0.5}), transductive=False, seed=1,
    )  # fmt: skip


def test_specifications_stand_in_order_above_the_choices_they_were_made_with():
    curve = curve_of(table([0.9, 0.2, 0.5, 0.6, 0.7, 0.4], baseline=0.25), 0.001, "")
    assert [m.words.partition(":")[0] for m in curve.marks] == [
        "b, x", "b, z", "a, y", "b, y", "a, z", "a, x"
    ]  # fmt: skip
    heights = [m.y for m in curve.marks]
    assert heights == sorted(heights, reverse=True)
    assert [m.clear for m in curve.marks] == [False, True, True, True, True, True]
    for choice in curve.choices:
        assert len(choice.used) == (3 if choice.name in "ab" else 2)
        assert sorted(choice.used + choice.unused) == [m.x for m in curve.marks]
    medians = {choice.name: choice.median for choice in curve.choices}
    assert medians == {"a": "0.70", "b": "0.40", "x": "0.55", "y": "0.55", "z": "0.55"}
    assert [c.kind for c in curve.choices] == ["responses", "", "decoder", "", ""]


def test_lines_and_words_hold_chance_and_baseline():
    curve = curve_of(table([0.9, 0.2, 0.5, 0.6, 0.7, 0.4], baseline=0.25), 0.001, "")
    assert [(kind, text) for _, kind, text in curve.lines] == [
        ("chance", "chance 0.125"), ("baseline", "baseline 0.25")
    ]  # fmt: skip
    assert "0.20 to 0.90, median 0.55" in curve.said[0]
    assert curve.said[1].startswith("5 of 6 are clear of chance")
    assert curve.said[2].startswith("5 of 6 have an interval clear of that of the baseline")
    assert curve_of(table([0.5, 0.6]), 0.5, "").lines[-1][1] == "chance"


@pytest.mark.parametrize("n", [1, 6])
def test_all_is_drawn_inside(n):
    curve = curve_of(table([0.5] * n, baseline=0.5), math.nan, "")
    for mark in curve.marks:
        assert 0 <= mark.x <= curve.width
        assert 0 <= mark.high <= mark.y <= mark.low <= curve.height
    assert max(choice.y for choice in curve.choices) < curve.height
