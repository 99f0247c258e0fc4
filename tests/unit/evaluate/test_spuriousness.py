"""Identification within and across clusters, and where the clusters come from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodecode.contracts import Stimuli
from neurodecode.evaluate.measures import Features
from neurodecode.evaluate.spuriousness import Clusters, find_clusters, of_clusters, wins_across
from neurodecode.evaluate.tables import correlations, wins, wins_within


def stimuli(categories):
    n = len(categories)
    table = pd.DataFrame(
        {"id": [f"p{k}" for k in range(n)], "caption": "", "category": categories, "set": "test"}
    )
    return Stimuli(table, np.zeros((n, 4, 4, 3), np.uint8))


@given(st.integers(0, 1000), st.integers(2, 5))
def test_across_counts_the_candidates_of_other_clusters(seed, k):
    rng = np.random.default_rng(seed)
    similarity = rng.normal(size=(12, 5)).round(1)
    similarity[:, 4] = np.nan
    groups = rng.integers(k, size=12)
    table = wins_across(similarity, groups.astype(str))
    for i in range(12):
        others = groups != groups[i]
        for j in range(5):
            a, b = similarity[i, j], similarity[others, j]
            expected = np.mean((b < a) + (b == a) / 2) if others.any() and j < 4 else 0.5
            assert table[i, j] == pytest.approx(expected)


def test_within_and_across_make_up_the_whole():
    rng = np.random.default_rng(0)
    similarity, groups = rng.normal(size=(20, 6)), np.repeat(["a", "b"], 10)
    parts = 9 * wins_within(similarity, groups) + 10 * wins_across(similarity, groups)
    assert parts / 19 == pytest.approx(wins(similarity))


def test_where_the_cluster_alone_is_decoded_within_is_chance_and_across_is_high():
    rng = np.random.default_rng(1)
    names = np.repeat([f"c{k}" for k in range(5)], 20)
    centres = np.repeat(rng.normal(size=(5, 30)), 20, axis=0)
    real = centres + rng.normal(size=(100, 30))
    drawn = centres + rng.normal(size=(100, 30))  # of the cluster, not of the stimulus
    features = Features("x", real.astype(np.float32), drawn.astype(np.float32))
    within, across = of_clusters("m", features, Clusters(names, "cluster"), np.arange(100))
    assert (within.metric, across.metric) == ("m_within_cluster", "m_across_clusters")
    assert np.diag(within.table).mean() == pytest.approx(0.5, abs=0.06)
    assert np.diag(across.table).mean() > 0.85
    assert np.diag(wins(correlations(real, drawn))).mean() > 0.75


def test_the_categories_of_the_study_come_first():
    found = find_clusters(stimuli(["a", "b", "a", "c"]), None, None, 0)
    assert found.kind == "category"
    assert list(found.names) == ["a", "b", "a", "c"]
    assert found.suffixes == ("within_category", "across_categories")


def test_without_categories_features_are_clustered_alike_each_time():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(3), 8)
    features = (10 * rng.normal(size=(3, 5))[groups] + rng.normal(size=(24, 5))).astype("f4")
    found = find_clusters(stimuli([""] * 24), features, 3, 7)
    assert found.kind == "cluster"
    assert len(set(zip(groups, found.names, strict=True))) == 3
    again = find_clusters(stimuli([""] * 24), features, 3, 7)
    assert list(again.names) == list(found.names)
    many = find_clusters(stimuli([""] * 24), features, None, 7)
    assert len(set(many.names)) == 6  # 40 clusters of 24 stimuli would hold one each


def test_one_group_tells_nothing_apart():
    assert find_clusters(stimuli(["a"] * 6), None, None, 0) is None
    assert find_clusters(stimuli([""] * 6), np.zeros((6, 2), np.float32), None, 0) is None
