"""Identification tables by hand, with the traps of published code."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from neurodecode.contracts import Stimuli
from neurodecode.evaluate.measures import Features, of_conditions, of_labels, of_pictures
from neurodecode.evaluate.tables import (
    correlations,
    group_rows,
    ssim_table,
    top1,
    wins,
    wins_within,
)


def two_way(real, drawn):
    table = wins(correlations(real, drawn))
    return np.diag(table)


def test_perfect_is_exactly_one():
    real = np.random.default_rng(0).normal(size=(7, 20))
    assert (two_way(real, real) == 1).all()


def test_two_way_by_hand():
    similarity = np.array([[0.9, 0.5, 0.2], [0.1, 0.4, 0.3], [0.0, 0.6, 0.3]])
    # item 0: its own .9 beats .1 and 0; item 1: .4 loses to both; item 2: .3 beats .2, ties .3
    np.testing.assert_array_equal(np.diag(wins(similarity)), [1, 0, 0.75])


def test_distractors_are_real_pictures_not_drawn_ones():
    rng = np.random.default_rng(3)
    real = rng.normal(size=(6, 9))
    drawn = np.repeat(real[:1], 6, axis=0) + 0.01 * rng.normal(size=(6, 9))
    forward = np.diag(wins(correlations(real, drawn)))
    swapped = np.diag(wins(correlations(drawn, real)))
    assert forward[0] == 1  # the one picture that was always drawn is identified
    assert not np.allclose(forward, swapped)


def test_a_blank_picture_counts_half():
    real = np.random.default_rng(0).normal(size=(5, 12))
    drawn = real.copy()
    drawn[2] = 7
    np.testing.assert_array_equal(two_way(real, drawn), [1, 1, 0.5, 1, 1])


@given(st.integers(2, 12), st.integers(0, 9999))
def test_wins_average_to_one_half_over_all_candidates(n, seed):
    similarity = np.round(np.random.default_rng(seed).normal(size=(n, 4)), 1)
    np.testing.assert_allclose(wins(similarity).mean(axis=0), 0.5)


def test_top1_shares_ties_and_what_is_undefined():
    similarity = np.array([[1.0, 0.5, np.nan], [0.0, 0.5, np.nan]])
    np.testing.assert_array_equal(top1(similarity), [[1, 0.5, 0.5], [0, 0.5, 0.5]])


def test_correlations_equal_numpy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 30)), rng.normal(size=(3, 30))
    np.testing.assert_allclose(correlations(a, b), np.corrcoef(a, b)[:4, 4:], atol=1e-12)


def test_ssim_is_the_stated_variant():
    rng = np.random.default_rng(0)
    real, drawn = (rng.integers(0, 256, (2, 16, 16, 3), np.uint8) for _ in range(2))
    grey = [(p / 255) @ [0.2125, 0.7154, 0.0721] for p in (*real, *drawn)]
    expected = structural_similarity(
        grey[0], grey[3], gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=1.0,
    )  # fmt: skip
    assert ssim_table(real, drawn)[0, 1] == pytest.approx(expected)
    np.testing.assert_allclose(np.diag(ssim_table(real, real)), 1)


def test_a_category_is_the_mean_over_its_pictures():
    similarity = np.array([[1.0], [0.0], [0.4]])
    grouped = group_rows(similarity, np.array(["a", "a", "b"]), ["a", "b"])
    np.testing.assert_array_equal(grouped, [[0.5], [0.4]])


def scored():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"id": list("abcd"), "caption": "", "category": ["x", "x", "y", "y"], "set": "test"}
    )
    return Stimuli(table, rng.integers(0, 255, (4, 12, 12, 3), np.uint8))


def test_measures_of_perfect_pictures():
    stimuli = scored()
    rows = stimuli.pixels.reshape(4, -1).astype(np.float32)
    features = {"pixcorr": Features("pixels", rows, rows)}
    values = {m.metric: np.diag(m.table) for m in of_pictures(features, stimuli, stimuli.pixels)}
    assert set(values) == {"two_way_pixcorr", "pixcorr", "ssim"}
    for items in values.values():
        np.testing.assert_allclose(items, 1)
    labels = {m.metric: m for m in of_labels(features, stimuli, ["x", "y"])}
    np.testing.assert_array_equal(
        labels["category_identification"].table, [[1, 1, 0, 0], [0, 0, 1, 1]]
    )
    assert labels["category_top1"].chance == 0.5


def test_retrieval_goes_from_brain_to_picture():
    real = np.array([[1, 0], [0.9, 0.4], [0, 1]], np.float32)
    decoded = np.array([[1, 0.02], [1, 0.02], [0, 1]], np.float32)
    pictures, brains = of_conditions(decoded, real, "t")
    # item 1 decodes to candidate 0, so it fails; the other direction ties items 0 and 1
    np.testing.assert_array_equal(np.diag(pictures.table), [1, 0, 1])
    np.testing.assert_array_equal(np.diag(brains.table), [0.5, 0.5, 1])
    assert pictures.chance == pytest.approx(1 / 3)


def test_within_a_group_the_group_alone_does_not_help():
    groups = np.array(["cat", "cat", "dog", "dog", "fish"])
    rng = np.random.default_rng(0)
    kinds = (groups[:, None] == groups) + 1e-3 * rng.normal(size=(5, 5))
    assert np.diag(wins(kinds)).mean() > 0.7
    np.fill_diagonal(kinds, 0.9)  # within its group every picture is the less similar one
    np.testing.assert_array_equal(np.diag(wins_within(kinds, groups)), [0, 0, 0, 0, 0.5])
    np.fill_diagonal(kinds, 2)
    np.testing.assert_array_equal(np.diag(wins_within(kinds, groups)), [1, 1, 1, 1, 0.5])
