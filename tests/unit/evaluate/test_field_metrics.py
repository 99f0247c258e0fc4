"""n-way scores against brute force, distances, and the traps that public code fell into."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodecode.errors import DataError
from neurodecode.evaluate.field_metrics import (
    n_way,
    n_way_chance,
    of_classes,
    of_distances,
    of_top5,
)
from neurodecode.evaluate.measures import Features
from neurodecode.evaluate.tables import correlations, pixel_rows, wins


def by_draws(scores, truth, n, k):
    """All draws of n - 1 other classes, counted one by one (no ties)."""
    others = [c for c in range(len(scores)) if c not in truth]
    best = max(scores[c] for c in truth)
    hits = [sum(scores[c] > best for c in drawn) < k for drawn in combinations(others, n - 1)]
    return np.mean(hits)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 3), st.integers(1, 3))
def test_the_closed_form_is_the_mean_over_all_draws(seed, n, k, n_true):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(3, 9))
    truths = np.array([rng.permutation(9)[:n_true] for _ in range(4)])
    table = n_way(scores, truths, n, k)
    for i in range(4):
        for j in range(3):
            assert table[i, j] == pytest.approx(by_draws(scores[j], set(truths[i]), n, k))


@pytest.mark.parametrize(("n", "k", "n_true"), [(2, 1, 1), (2, 1, 3), (50, 1, 3), (50, 5, 1)])
def test_chance_is_what_random_scores_reach(n, k, n_true):
    rng = np.random.default_rng(0)
    truths = np.stack([rng.permutation(60)[:n_true] for _ in range(20)])
    table = n_way(rng.normal(size=(1000, 60)), truths, n, k)
    assert table.mean() == pytest.approx(n_way_chance(n, k, n_true), abs=0.02)


def test_the_lenient_variant_has_chance_three_quarters_two_way():
    assert n_way_chance(2, 1, 3) == 0.75
    assert n_way_chance(50, 1, 3) == pytest.approx(3 / 52)
    assert n_way_chance(50) == pytest.approx(1 / 50)
    assert n_way_chance(200, 5) == pytest.approx(5 / 200)


def test_equal_scores_get_chance():
    flat = n_way(np.zeros((1, 10)), np.array([[4]]), 10, k=1)
    assert flat[0, 0] == pytest.approx(0.1)
    assert n_way(np.full((1, 10), np.nan), np.array([[4]]), 2)[0, 0] == pytest.approx(0.5)


def test_too_few_classes_are_refused():
    with pytest.raises(DataError, match="5-way: needs 5 classes beside each other, got 4"):
        n_way(np.zeros((1, 4)), np.array([[0]]), 5)


def test_strict_and_lenient_classification_are_named_apart():
    rng = np.random.default_rng(1)
    real = rng.normal(size=(8, 60)).astype(np.float32)
    strict, lenient = of_classes(Features("clf@1", real, real + 0.5 * rng.normal(size=(8, 60))))
    assert (strict.metric, lenient.metric) == ("classified_50way", "classified_50way_of_top3")
    assert strict.chance == pytest.approx(1 / 50)
    assert lenient.chance == pytest.approx(3 / 52)
    assert np.diag(lenient.table).mean() >= np.diag(strict.table).mean()
    (perfect, _) = of_classes(Features("clf@1", real, real))
    assert (np.diag(perfect.table) == 1).all()


def test_top5_holds_the_truth_among_the_five_nearest():
    rng = np.random.default_rng(2)
    real = rng.normal(size=(12, 6)).astype(np.float32)
    decoded = real + rng.normal(size=(12, 6)).astype(np.float32)
    (measure,) = of_top5(decoded, real, "x")
    cosine = (decoded / np.linalg.norm(decoded, axis=1, keepdims=True)) @ (
        real / np.linalg.norm(real, axis=1, keepdims=True)
    ).T
    inside = [j in np.argsort(-cosine[j])[:5] for j in range(12)]
    assert np.diag(measure.table).tolist() == [float(x) for x in inside]
    assert measure.chance == pytest.approx(5 / 12)


def test_distance_is_one_minus_r_and_a_blank_counts_one():
    rng = np.random.default_rng(3)
    real = rng.normal(size=(4, 30))
    drawn = np.concatenate([real[:3], np.zeros((1, 30))])
    (measure,) = of_distances({"swav": Features("swav@1", real, drawn)})
    assert measure.metric == "distance_swav"
    assert np.diag(measure.table) == pytest.approx([0, 0, 0, 1])
    assert measure.table[0, 1] == pytest.approx(1 - np.corrcoef(real[0], real[1])[0, 1])


def test_a_strict_comparison_less_one_would_not_give_a_perfect_score_one():
    """Public code subtracts 1 after a strict comparison: perfect scores then give 1 - 1 / (N - 1).

    Ours gives exactly 1, and the distractors are real pictures, in rows.
    """
    real = np.random.default_rng(4).normal(size=(201, 40))
    similarity = correlations(real, real)
    theirs = ((similarity < np.diag(similarity)).sum(axis=0) - 1) / 200
    assert theirs.mean() == pytest.approx(0.995)
    assert np.diag(wins(similarity)).min() == 1


def test_pixcorr_is_per_picture_and_not_over_all_pixels_at_once():
    """Brightness that differs between pictures would raise a correlation over all of them."""
    rng = np.random.default_rng(5)
    level = np.linspace(40, 200, 6)[:, None, None, None]
    real, drawn = (
        (level + rng.normal(0, 20, (6, 12, 12, 3))).clip(0, 255).astype(np.uint8) for _ in range(2)
    )
    pooled = np.corrcoef(real.ravel(), drawn.ravel())[0, 1]
    each = np.diag(correlations(pixel_rows(real), pixel_rows(drawn)))
    assert pooled > 0.8
    assert abs(each.mean()) < 0.1
