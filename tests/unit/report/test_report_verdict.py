"""A success is claimed only where interval, p-value and controls all allow it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fake_results import with_scores
from hypothesis import given
from hypothesis import strategies as st

from neurodecode.report.load import Material, Score
from neurodecode.report.names import is_brain_free
from neurodecode.report.verdict import (
    Claim,
    clearly_better,
    headline_scores,
    judge,
    peers_of,
    verdict,
)

SCORE = Score(
    subject="1", system="s", role="system", source="decoded", metric="two_way_semantic",
    extractor="e", value=0.8, ci_low=0.7, ci_high=0.9, chance=0.5, n=50, p=0.001,
    q=0.002, p_refit=math.nan, split="", selection="", transductive=False,
)  # fmt: skip
CONTROL = replace(SCORE, role="baseline", value=0.5, ci_low=0.4, ci_high=0.6, p=0.5)


def test_all_three_conditions_make_a_claim() -> None:
    assert Claim(SCORE, CONTROL).holds
    assert Claim(SCORE, CONTROL).failures() == []


@pytest.mark.parametrize(
    ("score", "control", "reason"),
    [
        (replace(SCORE, ci_low=0.5), CONTROL, "not clear of chance"),
        (replace(SCORE, p=0.05), CONTROL, "0.05"),
        (replace(SCORE, p=math.nan), CONTROL, "no p-value"),
        (replace(SCORE, ci_low=math.nan), CONTROL, "no interval"),
        (replace(SCORE, chance=math.nan), CONTROL, "no chance level"),
        (SCORE, None, "no control"),
        (SCORE, replace(CONTROL, ci_high=0.7), "not clear of a control"),
        (SCORE, replace(CONTROL, value=0.75, ci_low=math.nan), "not clear of a control"),
    ],
)
def test_each_condition_alone_is_fatal(score: Score, control: Score | None, reason: str) -> None:
    claim = Claim(score, control)
    assert not claim.holds
    assert reason in " ".join(claim.failures())


def test_where_lower_is_better_the_interval_must_lie_below() -> None:
    score = replace(SCORE, metric="distance_swav", value=0.3, ci_low=0.2, ci_high=0.4)
    control = replace(CONTROL, metric="distance_swav", value=0.5, ci_low=0.45, ci_high=0.55)
    assert Claim(score, control).holds
    assert not Claim(replace(score, value=0.8, ci_low=0.7, ci_high=0.9), control).holds


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.3), st.floats(0, 0.3))
def test_two_scores_are_never_each_better_than_the_other(
    a: float, b: float, wide: float, narrow: float
) -> None:
    one = replace(SCORE, value=a, ci_low=a - wide, ci_high=a + wide)
    two = replace(SCORE, value=b, ci_low=b - narrow, ci_high=b + narrow)
    assert not (clearly_better(one, two) and clearly_better(two, one))


def test_noise_is_hardly_ever_called_a_success() -> None:
    rng = np.random.default_rng(0)
    n, claims = 50, 0
    for _ in range(1000):
        mean = rng.normal(0.5, 0.29 / math.sqrt(n), size=4)
        half = 1.96 * 0.29 / math.sqrt(n)
        rows = [
            replace(SCORE, value=m, ci_low=m - half, ci_high=m + half, p=0.001 if m > 0.57 else 0.4)
            for m in mean
        ]
        claims += Claim(rows[0], max(rows[1:], key=lambda s: s.value)).holds
    assert claims <= 2  # .0005 expected: the difference must exceed 2.8 of its standard errors


def test_the_category_study_is_judged_by_accuracy(categories: Material) -> None:
    said = verdict(categories)
    assert said.metric == "accuracy_8way"
    assert said.status == "yes"
    assert said.headline == "Decoded above chance, in the one subject: which category was seen."
    assert "0.85 (95 % interval 0.79 to 0.91)" in said.lead
    assert "chance 0.125" in said.lead


def test_the_picture_study_is_judged_by_the_independent_extractor(world: Material) -> None:
    said = verdict(world)
    assert said.metric == "two_way_independent"
    assert "in both subjects" in said.headline
    assert "The brains are simulated" in said.lead
    assert "cannot be told from it: their intervals overlap" in said.lead


def test_no_success_in_words_at_chance(world: Material) -> None:
    low = with_scores(world, value=0.5, ci_low=0.42, ci_high=0.58, p=0.5)
    said = verdict(low)
    assert said.status == "no"
    assert said.headline == (
        "No evidence that pictures drawn are more like the one that was seen than like others."
    )
    assert "clear of chance and" not in " ".join([said.lead, *said.points])
    assert all("not a success" in p for p in said.points if "two-way" in p)


def test_one_of_two_subjects_is_told_as_mixed(world: Material) -> None:
    scores = tuple(
        replace(s, value=0.5, ci_low=0.4, ci_high=0.6, p=0.6)
        if s.subject == "02" and s.source == "decoded"
        else s
        for s in world.scores
    )
    said = verdict(replace(world, scores=scores))
    assert said.status == "partly"
    assert "1 of 2 subjects" in said.headline


def test_what_is_scored_before_drawing_needs_no_other_control() -> None:
    assert Claim(replace(SCORE, metric="accuracy_8way"), None).holds
    assert not Claim(replace(SCORE, metric="accuracy_8way"), replace(CONTROL, ci_high=0.8)).holds


def test_the_independent_extractor_judges_the_pictures(categories: Material) -> None:
    more = tuple(
        replace(s, extractor="aaa@1", value=0.99)
        for s in categories.scores
        if s.metric == "category_identification"
    )
    chosen = headline_scores(replace(categories, scores=(*more, *categories.scores)))
    assert chosen == [
        ("category", "accuracy_8way", "none"),
        ("pictures", "category_identification", "independent-1a2b"),
    ]


def test_without_scores_nothing_is_said(world: Material) -> None:
    assert verdict(replace(world, scores=())).status == "open"


def test_which_controls_hold_no_brain_data(categories: Material) -> None:
    study = categories.study
    assert is_brain_free(study, "position-ridge-nearest", "decoded")
    assert is_brain_free(study, "blocks-ridge-mean_picture", "decoded")
    assert is_brain_free(study, "blocks-ridge-diffusion", "permuted")
    assert not is_brain_free(study, "blocks-ridge-nearest", "decoded")
    # the label was decoded from the brain, whatever picture stands for it
    assert not is_brain_free(study, "blocks-ridge-mean_picture", "decoded", "accuracy_8way")


def test_controls_share_metric_extractor_and_subject(world: Material) -> None:
    for claim in judge(world, "two_way_semantic", "openclip-3c4d"):
        found = peers_of(world, claim.score, brain_free=True)
        assert {(s.metric, s.subject) for s in found} == {("two_way_semantic", claim.score.subject)}
        assert {s.source for s in found} == {"permuted", "mean", "decoded"}
        assert all(s.role != "ceiling" for s in found)


def test_where_nothing_is_drawn_what_was_decoded_is_judged(world: Material) -> None:
    features = [replace(s, metric="retrieval_two_way", extractor="openclip-3c4d")
                for s in world.scores if s.metric == "two_way_semantic"]  # fmt: skip
    said = verdict(replace(world, scores=tuple(features), pictures={}))
    assert said.metric == "retrieval_two_way"
    assert said.status == "yes"
    assert "decoded features are more like" in said.headline


def test_of_many_subjects_the_summary_gives_the_median_and_the_points_each(world: Material) -> None:
    names = tuple(f"{k:02d}" for k in range(1, 10))
    mine = [s for s in world.scores if s.subject == "01"]
    scores = [replace(s, subject=name) for name in names for s in mine]
    said = verdict(replace(world, subjects=names, scores=tuple(scores)))
    assert "median 0.90 over 9 subjects (0.90 to 0.90)" in said.lead
    assert "subject 04" not in said.lead
    assert any(point.startswith("Subject 04") for point in said.points)
