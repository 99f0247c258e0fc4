"""Retrieval in both directions, relabelled repeats, paired differences, other resolutions."""

import time
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import rgb2gray
from skimage.metrics import structural_similarity

from neurodecode.errors import DataError
from neurodecode.evaluate.inference import (
    difference,
    permutation_p,
    permutations,
    relabellings,
)
from neurodecode.evaluate.measures import of_conditions
from neurodecode.evaluate.tables import (
    among_random,
    correlations,
    resized,
    ssim_table,
    top1,
    wins,
)


def naive_two_way(real, drawn):
    """evaluation.md word for word, by loops."""
    n, scores = len(real), []
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.array([[np.corrcoef(a, b)[0, 1] for b in drawn] for a in real])
    for j in range(n):
        won = 0.0
        for i in range(n):
            if i != j:
                tie = np.isnan(r[i, j]) or np.isnan(r[j, j]) or r[i, j] == r[j, j]
                won += 0.5 if tie else float(r[i, j] < r[j, j])
        scores.append(won / (n - 1))
    return np.array(scores)


@given(st.integers(2, 9), st.integers(0, 9999), st.booleans())
def test_two_way_is_the_definition(n, seed, blank):
    rng = np.random.default_rng(seed)
    real, drawn = rng.normal(size=(2, n, 11))
    drawn[0] = 3 if blank else drawn[0]
    ours = np.diag(wins(correlations(real, drawn)))
    np.testing.assert_allclose(ours, naive_two_way(real, drawn), atol=1e-12)


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_the_unit_of_features_does_not_matter(factor):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4, 30))
    np.testing.assert_allclose(correlations(factor * a, b), correlations(a, b), atol=1e-12)
    assert np.isnan(correlations(np.full((1, 30), factor / 3), b)).all()


def test_pictures_that_occur_twice_tie_exactly():
    rng = np.random.default_rng(0)
    real = rng.random((33, 777)).astype(np.float32)
    real[[1, 16]] = real[32]
    table = wins(correlations(real, real))
    assert table[1, 1] == table[16, 1] == table[32, 1] == (30 + 1) / 32


def test_directions_of_retrieval_differ():
    # Both decoded rows lie nearest to picture 0; picture 1 lies nearest to decoded row 1.
    similarity = np.array([[0.9, 0.8], [0.1, 0.7]])
    brain_to_picture, picture_to_brain = top1(similarity), top1(similarity.T).T
    np.testing.assert_array_equal(np.diag(brain_to_picture), [1, 0])
    np.testing.assert_array_equal(np.diag(picture_to_brain), [1, 1])


def test_random_candidates_always_hold_the_true_one():
    rng = np.random.default_rng(0)
    perfect = np.eye(40)
    np.testing.assert_array_equal(np.diag(among_random(perfect, rng, 10, 5)), 1)
    np.testing.assert_array_equal(
        among_random(np.zeros((40, 3)), rng, 10, 5), np.full((40, 3), 0.1)
    )
    np.testing.assert_allclose(among_random(np.full((40, 2), np.nan), rng, 10, 3), 0.1)


def test_random_candidates_have_the_closed_form_mean():
    # With b better ones among n - 1, none is drawn with probability C(n-1-b, k-1) / C(n-1, k-1).
    n, k = 12, 4
    similarity = np.arange(n, dtype=float)[::-1, None]
    share = among_random(similarity, np.random.default_rng(0), k, 20_000)[:, 0]
    expected = [comb(n - 1 - b, k - 1) / comb(n - 1, k - 1) for b in range(n)]
    np.testing.assert_allclose(share, expected, atol=0.015)


def test_random_candidates_have_chance_one_in_n():
    rng = np.random.default_rng(0)
    table = among_random(rng.normal(size=(60, 50)), rng, 10, 30)
    assert table.mean() == pytest.approx(0.1, abs=0.01)


def test_many_scored_pictures_are_compared_among_300():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(320, 8)).astype(np.float32)
    for measure in of_conditions(real, real, "t"):
        assert measure.chance == 1 / 300
        np.testing.assert_array_equal(np.diag(measure.table), 1)


def test_repeats_of_a_stimulus_take_one_other_truth():
    stimuli = np.array(list("abcabc"))
    order = relabellings(stimuli, np.random.default_rng(0), 300)
    taken = stimuli[order]
    np.testing.assert_array_equal(taken[:, :3], taken[:, 3:])
    assert len(np.unique(taken, axis=0)) == 6
    alone = relabellings(np.array(list("abcd")), np.random.default_rng(0), 50)
    assert (np.sort(alone, axis=1) == np.arange(4)).all()


def test_p_stays_uniform_where_repeats_are_alike():
    rng = np.random.default_rng(0)
    stimuli = np.tile(np.arange(6), 4)
    order = relabellings(stimuli.astype(str), rng, 99)
    one_by_one = permutations(np.zeros(24, dtype=str), rng, 99)
    ours, naive = [], []
    for _ in range(500):
        table = np.tile(rng.normal(size=(6, 6)), (1, 4))  # no signal; four copies of each item
        ours.append(permutation_p(table, stimuli, order))
        naive.append(permutation_p(table, stimuli, one_by_one))
    assert np.mean(np.array(ours) <= 0.05) < 0.05 + 3 * np.sqrt(0.0475 / 500)
    assert np.mean(np.array(naive) <= 0.05) > 0.1


def test_ten_thousand_permutations_take_seconds():
    rng = np.random.default_rng(0)
    truth, groups = np.tile(np.arange(8), 12), np.repeat(np.arange(12), 8).astype(str)
    start = time.perf_counter()
    order = permutations(groups, rng, 10_000)
    p = permutation_p(np.eye(8)[:, truth], truth, order)
    assert p == 1 / 10_001
    assert time.perf_counter() - start < 5


def test_a_paired_difference_is_narrower_than_two_intervals():
    rng = np.random.default_rng(0)
    easy = rng.normal(size=80)  # items differ far more than the methods do
    groups = np.arange(80).astype(str)
    value, low, high = difference(easy + 0.1, easy + 0.01 * rng.normal(size=80), groups, rng, 1000)
    assert low < value < high
    assert value == pytest.approx(0.1, abs=0.01)
    assert high - low < 0.02


def test_ssim_table_equals_skimage_for_every_pair():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (3, 20, 24, 3), np.uint8)
    drawn = np.concatenate([real[:1] // 2, np.full((1, 20, 24, 3), 128, np.uint8)])
    expected = [
        [
            structural_similarity(
                rgb2gray(a), rgb2gray(b), gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False, data_range=1.0,
            )
            for b in drawn
        ]
        for a in real
    ]  # fmt: skip
    np.testing.assert_allclose(ssim_table(real, drawn), expected, atol=1e-12)
    with pytest.raises(DataError, match="11 pixels"):
        ssim_table(real[:, :8], drawn[:, :8])


def test_pictures_of_another_size_come_to_that_of_the_metric():
    pictures = np.full((2, 40, 20, 3), 90, np.uint8)
    assert resized(pictures, 40, 20) is pictures
    small = resized(pictures, 16, 12)
    assert small.shape == (2, 16, 12, 3)
    assert (small == 90).all()
