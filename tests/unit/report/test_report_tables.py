"""The score table: groups, positions on the axis, names."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report_verdict import SCORE

from neurodecode.evaluate.dictionary import define
from neurodecode.report.glossary import describe
from neurodecode.report.load import Material
from neurodecode.report.names import decoder_words, generator_words, label
from neurodecode.report.tables import axis_of, score_blocks, transductive_pairs
from neurodecode.report.verdict import fixed, trimmed


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_the_axis_holds_every_value(values: list[float]) -> None:
    scores = [replace(SCORE, value=v, ci_low=v - 0.1, ci_high=v + 0.1) for v in values]
    low, high = axis_of(scores)
    assert low <= min(values) - 0.1 + 1e-6
    assert high >= max(values) + 0.1 - 1e-6
    assert low <= 0
    assert high >= 1


def test_missing_numbers_do_not_move_the_axis() -> None:
    nothing = replace(SCORE, value=math.nan, ci_low=math.nan, ci_high=math.nan)
    assert axis_of([nothing]) == (0.0, 1.0)


def test_positions_are_per_cent_of_the_axis(world: Material) -> None:
    block = score_blocks(world)[0]
    assert block.metric == "two_way_independent"
    assert block.headline
    assert block.chance == 50
    row = block.groups[0][1][0]
    assert row.main
    assert (row.low, row.dot, row.high) == (84, 90, 96)
    assert [heading for heading, _ in block.groups] == [
        "Decoders",
        "Baselines and controls",
        "Ceilings",
    ]


def test_unknown_chance_draws_no_line(world: Material) -> None:
    block = next(b for b in score_blocks(world) if b.metric == "ssim")
    assert block.chance is None
    assert block.groups[0][1][0].chance == "n/a"


def test_accuracy_stands_once_a_decoder(categories: Material) -> None:
    block = score_blocks(categories)[0]
    words = [row.words for _, rows in block.groups for row in rows]
    assert len(words) == len(set(words))
    assert words[0] == "Ridge regression on block means z-scored over the run"


def test_every_score_of_pictures_is_printed(categories: Material) -> None:
    blocks = [b for b in score_blocks(categories) if b.metric != "accuracy_8way"]
    printed = sum(len(rows) for b in blocks for _, rows in b.groups)
    assert printed == sum(s.metric != "accuracy_8way" for s in categories.scores)


def test_blocks_that_the_verdict_names_stand_first(world: Material) -> None:
    blocks = score_blocks(world)
    assert [b.metric for b in blocks] == [
        "two_way_independent",
        "two_way_pixcorr",
        "two_way_semantic",
        "ssim",
    ]
    assert [b.shown for b in blocks] == [True, True, False, False]
    assert [b.headline for b in blocks] == [True, False, False, False]


def test_extractors_never_share_a_block(world: Material) -> None:
    mixed = tuple(replace(s, extractor="other") if s.subject == "02" else s for s in world.scores)
    blocks = score_blocks(replace(world, scores=mixed))
    for block in blocks:
        found = {row.score.extractor for _, rows in block.groups for row in rows}
        assert len(found) == 1


def test_transductive_scores_stand_beside_the_training_variant(categories: Material) -> None:
    pairs = transductive_pairs(categories)
    assert {s.metric for s, _ in pairs} == {
        "accuracy_8way",
        "category_identification",
        "two_way_pixcorr",
    }
    for left, right in pairs:
        assert left.transductive
        assert not right.transductive
        assert right.system == "blocks_causal-ridge-diffusion"


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("accuracy_8way", "8-way accuracy"),
        ("two_way_semantic", "Two-way identification (semantic)"),
        ("two_way_pixcorr", "Two-way identification (pixels)"),
        ("two_way_independent_within_category", "within the category"),
        ("category_identification", "Category identification"),
        ("category_identification:independent", "Category identification (independent extractor)"),
        ("category_top1", "Category, top 1"),
        ("retrieval_top1", "Retrieval, top 1"),
        ("pixcorr", "Pixel correlation"),
        ("something_else", "something else"),
    ],
)
def test_metrics_have_names_and_definitions(metric: str, words: str) -> None:
    entry = describe(metric)
    assert words in entry.name
    assert entry.definition


def test_tooltips_hold_the_exact_definition() -> None:
    assert (
        describe("two_way_pixcorr").exact == define(["ssim", "two_way_x"])["two_way_x"].definition
    )
    assert describe("category_identification:independent").exact.startswith("share of the other")
    assert describe("something_else").exact == describe("something_else").definition


def test_systems_have_plain_names(categories: Material) -> None:
    study = categories.study
    assert generator_words(study, "blocks-ridge-nearest") == "Nearest training picture"
    assert "no brain data" in decoder_words(study, "position-ridge-nearest")
    name = label(study, "blocks-ridge-diffusion", "true")
    assert name == "Diffusion generator, given the true features"


def test_only_what_has_the_same_words_is_told_apart_by_its_section(categories: Material) -> None:
    name = "blocks-ridge-diffusion"
    made = categories.study.generators["diffusion"]

    def words(**changes: object) -> str:
        other = made.model_copy(update=changes)
        generators = {**categories.study.generators, "other": other}
        return generator_words(categories.study.model_copy(update={"generators": generators}), name)

    assert words() == words(null_embedding=True) == "Diffusion generator"
    assert words(steps=50) == "Diffusion generator [diffusion]"


def test_numbers_are_written_alike() -> None:
    assert (fixed(0.876), fixed(-0.001), fixed(math.nan)) == ("0.88", "0.00", "n/a")
    assert (trimmed(0.125), trimmed(0.5), trimmed(math.nan)) == ("0.125", "0.5", "n/a")


def test_scores_of_different_extractors_never_share_a_block(world: Material) -> None:
    other = replace(world.scores[0], extractor="openclip-of-other-weights")
    blocks = score_blocks(replace(world, scores=(*world.scores, other)))
    keys = [(b.metric, b.extractor) for b in blocks]
    assert len(keys) == len(set(keys))
    assert (other.metric, other.extractor) in keys
    for block in blocks:
        rows = [row.score for _, rows in block.groups for row in rows]
        assert len({score.extractor for score in rows}) == 1
