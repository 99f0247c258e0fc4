"""The panel on scores over time says when something is decoded, and when nothing is."""

import base64

import numpy as np
import pandas as pd
import pytest

from neurodecode.report.over_time import over_time_panels

TIMES = np.arange(-0.1, 0.31, 0.1)


def tables(value, p_cluster, metric="accuracy_4way", low=0.05):
    along = pd.DataFrame({"chain": "epochs-lda", "metric": metric, "time": TIMES, "value": value,
                          "ci_low": np.array(value) - low, "ci_high": np.array(value) + 0.05,
                          "chance": 0.25, "n": 80, "p": p_cluster,
                          "p_cluster": p_cluster})  # fmt: skip
    train, test = np.meshgrid(TIMES, TIMES, indexing="ij")
    across = pd.DataFrame({"chain": "epochs-lda", "metric": metric, "time_train": train.ravel(),
                           "time_test": test.ravel(), "value": np.outer(value, value).ravel(),
                           "chance": 0.25, "p": 1.0, "p_cluster": np.eye(5).ravel()})  # fmt: skip
    return {"01": along}, {"01": across}


def test_it_says_when_it_is_decoded():
    (panel,) = over_time_panels(*tables([0.25, 0.25, 0.5, 0.45, 0.4], [1, 1, 0.004, 0.004, 0.03]))
    assert panel.heading == "Subject 01, balanced accuracy of 4 classes over time (epochs-lda)"
    assert "Highest at 100 ms: 0.50 (0.45 to 0.55, chance 0.25)." in panel.alt
    assert "Above chance within 100 to 300 ms (smallest p of a cluster 0.004)" in panel.alt
    assert "80 test trials" in panel.words
    assert base64.b64decode(panel.picture).startswith(b"\x89PNG")


def test_it_says_when_classes_are_told_apart_before_anything_was_shown():
    p = [0.01, 1, 0.004, 0.004, 1]
    (panel,) = over_time_panels(*tables([0.4, 0.25, 0.5, 0.45, 0.25], p))
    assert "Above chance within -100 to -100 ms, 100 to 200 ms" in panel.alt
    assert "before the onset too (-100 to -100 ms)" in panel.alt
    later = over_time_panels(*tables([0.25, 0.4, 0.5, 0.45, 0.25], [1, 0.01, 0.004, 0.004, 1]))
    assert "before the onset" not in later[0].alt  # a window around the onset is not before it


@pytest.mark.parametrize(("p", "low"), [([0.4] * 5, 0.01), ([0.01] * 5, 0.4)])
def test_it_says_when_nothing_is(p, low):
    value = [0.25, 0.25, 0.3, 0.25, 0.25]
    (panel,) = over_time_panels(*tables(value, p, "two_way_identification", low))
    assert "At no moment above chance after correction" in panel.alt
    assert "two-way identification over time" in panel.heading
    assert "80 stimuli" in panel.words


def test_there_is_nothing_to_draw_without_tables():
    assert over_time_panels({}, {}) == []


def test_the_mean_of_subjects_comes_first():
    rng = np.random.default_rng(3)
    along, across = {}, {}
    for k in range(8):
        value = 0.25 + 0.02 * rng.normal(size=5) + np.array([0, 0, 0.2, 0.2, 0])
        one, two = tables(list(value), [1.0] * 5)
        along[f"{k:02d}"], across[f"{k:02d}"] = one["01"], two["01"]
    first, *rest = over_time_panels(along, across)
    assert first.heading.startswith("Mean of 8 subjects")
    assert "Above chance within 100 to 200 ms" in first.alt
    assert "the mean over 8 subjects" in first.words
    assert [panel.heading[:10] for panel in rest] == [f"Subject {k:02d}" for k in range(8)]
    few = {name: along[name] for name in ("00", "01", "02")}
    assert "At no moment" in over_time_panels(few, across)[0].alt  # 1 in 8 flips none
