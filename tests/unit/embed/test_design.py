"""Folds: every trial tested once, nothing on both sides."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Stimuli, Targets
from neurodecode.embed.design import describe, fold_names, make_design
from neurodecode.embed.stage import trial_targets
from neurodecode.errors import ConfigError, DataError, LeakageError
from neurodecode.studies.settings import DesignSettings


def trials(stimulus, run):
    n = len(stimulus)
    return pd.DataFrame(
        {
            "participant_id": "01", "trial": [f"t{k}" for k in range(n)], "stimulus": stimulus,
            "category": "x", "session": "1", "run": run, "repeat": 0,
        }
    )  # fmt: skip


@pytest.fixture
def stimuli():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"id": list("abcd"), "caption": "", "category": ["x", "x", "y", "y"],
         "set": ["train", "train", "train", "test"]}
    )  # fmt: skip
    return Stimuli(table, rng.integers(0, 255, (4, 4, 4, 3), np.uint8))


def settings(kind, group="run"):
    return DesignSettings.model_validate({"split": {"kind": kind}, "group": group})


def test_leaving_runs_out_tests_each_trial_once(stimuli):
    table = trials([""] * 6, [0, 0, 1, 1, 2, 2])
    design = make_design(table, stimuli, settings("leave_one_out"))
    assert fold_names(design) == ["0", "1", "2"]
    tested = design[design["role"] == "test"]
    assert sorted(tested["trial"]) == sorted(table["trial"])
    for _, fold in design.groupby("fold"):
        assert set(fold["trial"]) == set(table["trial"])
        sides = fold.groupby("role")["group"].agg(set)
        assert not sides["train"] & sides["test"]
    assert describe(settings("leave_one_out"), design) == "leave one run out (3 folds)"


def test_one_run_cannot_be_left_out(stimuli):
    with pytest.raises(ConfigError, match="two levels"):
        make_design(trials(["", ""], [0, 0]), stimuli, settings("leave_one_out"))


def test_the_stimulus_set_is_one_fold(stimuli):
    table = trials(list("abcdd"), [0] * 5)
    design = make_design(table, stimuli, settings("stimulus_set", "stimulus"))
    assert design["role"].tolist() == ["train"] * 3 + ["test"] * 2
    assert design["group"].tolist() == list("abcdd")
    with pytest.raises(DataError, match="no test trial"):
        make_design(table[:3], stimuli, settings("stimulus_set", "stimulus"))


def test_a_picture_on_both_sides_is_leakage(stimuli):
    table = trials(["a", "b", "a", "c"], [0, 0, 1, 1])
    with pytest.raises(LeakageError, match="1 of the same pictures: a"):
        make_design(table, stimuli, settings("leave_one_out"))


def test_a_copy_of_a_picture_under_another_name_is_leakage(stimuli):
    pixels = stimuli.pixels.copy()
    pixels[3] = pixels[0]
    copied = Stimuli(stimuli.table, pixels)
    with pytest.raises(LeakageError, match="d"):
        make_design(trials(list("abcd"), [0] * 4), copied, settings("stimulus_set", "stimulus"))


def test_targets_of_trials(stimuli):
    targets = Targets(tuple("abcd"), np.eye(4, dtype=np.float32), (4,), "t")
    table = trials(["d", "", ""], [0, 0, 0]).assign(category=["y", "x", "y"])
    rows = trial_targets(targets, table, stimuli)
    # a category's target is the mean of its training pictures: the test picture d takes no part
    np.testing.assert_array_equal(rows, [[0, 0, 0, 1], [0.5, 0.5, 0, 0], [0, 0, 1, 0]])
    with pytest.raises(DataError, match="category 'z'"):
        trial_targets(targets, table.assign(category="z"), stimuli)
    with pytest.raises(DataError, match="picture 'q'"):
        trial_targets(targets, table.assign(stimulus="q"), stimuli)
