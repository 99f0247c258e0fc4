"""Folds: every trial tested once, nothing on both sides."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from neurodecode.artifacts import commit, save_targets
from neurodecode.config import StudyConfig
from neurodecode.contracts import Stimuli, Targets
from neurodecode.embed.design import (
    check_generators,
    describe,
    fold_names,
    make_design,
    semantic_clusters,
)
from neurodecode.embed.stage import trial_targets
from neurodecode.errors import ConfigError, DataError, LeakageError
from neurodecode.paths import Paths
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


def settings(kind, group="run", **split):
    return DesignSettings.model_validate({"split": {"kind": kind, **split}, "group": group})


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


def test_marked_trials_are_tested_in_one_fold(stimuli):
    table = trials(list("abcd"), [0] * 4)
    with pytest.raises(ConfigError, match=r"keys\.test_trials"):
        make_design(table, stimuli, settings("trial_set", "stimulus"))
    marked = table.assign(set=["train", "train", "train", "test"])
    design = make_design(marked, stimuli, settings("trial_set", "stimulus"))
    assert design["role"].tolist() == ["train"] * 3 + ["test"]
    assert describe(settings("trial_set", "stimulus"), design).startswith("fixed trials")


def by_fold(n):
    table = pd.DataFrame({"id": [f"s{k:03d}" for k in range(n)], "caption": "", "category": "",
                          "set": "fold"})  # fmt: skip
    pixels = np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    return Stimuli(table, pixels)


@limits(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(0, 40), st.integers(0, 1000))
def test_folds_over_stimuli_keep_repeats_together_and_test_each_once(n_folds, more, seed):
    n = n_folds + more
    rng = np.random.default_rng(seed)
    shown = [f"s{k:03d}" for k in [*range(n), *rng.integers(0, n, 20)]]
    chosen = DesignSettings.model_validate(
        {"split": {"kind": "stimulus_folds", "n_folds": n_folds, "seed": seed}, "group": "stimulus"}
    )
    table = trials(shown, [0] * len(shown))
    design = make_design(table, by_fold(n), chosen)
    tested = design[design["role"] == "test"]
    assert sorted(tested["trial"]) == sorted(table["trial"])
    assert (tested.groupby("group")["fold"].nunique() == 1).all()
    counts = tested.groupby("fold")["group"].nunique()
    assert counts.max() - counts.min() <= 1
    assert design.equals(make_design(table, by_fold(n), chosen))


def test_labels_cannot_be_split_within_a_run(stimuli):
    table = trials([""] * 6, [0, 0, 0, 1, 1, 1])
    with pytest.raises(ConfigError, match="trials of one run would stand on both sides"):
        make_design(table, stimuli, settings("stimulus_folds"))
    within = table.assign(set=["train", "train", "test"] * 2)
    with pytest.raises(LeakageError, match=r"2 of the same runs: subject 01 session 1 run 0"):
        make_design(within, stimuli, settings("trial_set"))
    between = table.assign(set=["train"] * 3 + ["test"] * 3)
    assert fold_names(make_design(between, stimuli, settings("trial_set"))) == ["test"]
    # run 1 of two sessions is two runs
    sessions = table.assign(run=1, session=["a"] * 3 + ["b"] * 3, set=between["set"])
    assert len(make_design(sessions, stimuli, settings("trial_set"))) == 6


def test_overlap_is_refused_unless_it_is_allowed():
    table = trials(["s000", "s001", "s000", "s001"], [0, 0, 1, 1])
    with pytest.raises(LeakageError, match="s000, s001"):
        make_design(table, by_fold(2), settings("leave_one_out"))
    design = make_design(table, by_fold(2), settings("leave_one_out"), allow_overlap=True)
    assert fold_names(design) == ["0", "1"]


def test_a_picture_kept_for_training_is_not_tested(stimuli):
    with pytest.raises(ConfigError, match=r"tests 2 pictures .* mark as train.*trial_set"):
        make_design(trials(list("abcd"), [0, 0, 0, 1]).assign(stimulus=list("bcda")), stimuli,
                    settings("leave_one_out"))  # fmt: skip


def test_stimuli_without_pictures_overlap_by_name_alone(stimuli):
    bare = Stimuli(stimuli.table.assign(set="fold"), np.zeros((4, 0, 0, 3), np.uint8))
    assert (
        len(make_design(trials(list("abcd"), [0, 0, 1, 1]), bare, settings("leave_one_out"))) == 8
    )


def test_a_subject_may_lack_a_run_but_not_every_test(stimuli):
    one = trials([""] * 4, [0, 0, 1, 1])
    two = trials([""] * 4, [1, 1, 2, 2]).assign(participant_id="02")
    design = make_design(pd.concat([one, two]), stimuli, settings("leave_one_out"))
    assert fold_names(design) == ["0", "1", "2"]
    with pytest.raises(DataError, match=r"no train trial of subject 02"):
        make_design(pd.concat([one, two.assign(run=2)]), stimuli, settings("leave_one_out"))
    marked = pd.concat(
        [one.assign(set=["train", "train", "test", "test"]), two.assign(set="train")]
    )
    with pytest.raises(DataError, match="no fold has a test trial of subject 02"):
        make_design(marked, stimuli, settings("trial_set"))


def test_runs_may_have_names(stimuli):
    design = make_design(trials([""] * 4, ["b", "b", "a", "a"]), stimuli, settings("leave_one_out"))
    assert fold_names(design) == ["a", "b"]


def arrays_study(generator, targets=("pixels",)):
    used = {"generators": {"g": generator}} if generator else {}
    return StudyConfig.model_validate(
        {
            "name": "s", "title": "", "responses": {"r": {"kind": "as_given"}},
            "data": {"kind": "arrays", "subjects": {"1": "a.npz"},
                     "keys": {"responses": "x", "labels": "y"}},
            "targets": {"pixels": {"kind": "pixels"}},
            "decoders": {"d": {"kind": "ridge", "targets": list(targets)}}, **used,
            "design": {"split": {"kind": "stimulus_folds"}, "group": "stimulus"},
            "reconstruct": {"unit": "trial", "choose_by": "pixels"}, "evaluate": {},
            "systems": [{"responses": "r", "decoder": "d", "generator": "g" if generator else ""}],
        }
    )  # fmt: skip


def test_generators_that_cannot_draw_are_refused_before_any_work(stimuli):
    bare = Stimuli(stimuli.table, np.zeros((4, 0, 0, 3), np.uint8))
    with pytest.raises(ConfigError, match="no pictures, so nothing can be drawn"):
        check_generators(arrays_study({"kind": "mean_picture"}), bare)
    check_generators(arrays_study(None), bare)
    check_generators(arrays_study({"kind": "retrieval"}), by_fold(4))


def test_leaving_a_category_out_trains_on_none_of_its_kind():
    names = [f"p{k}" for k in range(8)]
    table = pd.DataFrame(
        {"id": names, "caption": "", "category": ["x", "y"] * 4,
         "set": ["train"] * 4 + ["test"] * 4}
    )  # fmt: skip
    rng = np.random.default_rng(0)
    known = Stimuli(table, rng.integers(0, 255, (8, 4, 4, 3), np.uint8))
    shown = trials(names * 2, 0).assign(category=["x", "y"] * 8)
    design = make_design(shown, known, settings("leave_one_cluster_out", "stimulus"))
    assert fold_names(design) == ["x", "y"]
    for fold, part in design.groupby("fold"):
        role = part.set_index("trial")["role"]
        kinds = shown.set_index("trial").groupby(role)["category"].agg(set)
        sets = shown.set_index("trial")["stimulus"].map(table.set_index("id")["set"])
        assert kinds["test"] == {fold}
        assert kinds["train"] == {"x", "y"} - {fold}
        assert set(sets[role == "test"]) == {"test"}
        assert set(sets[role == "train"]) == {"train"}
        assert role.value_counts().to_dict() == {"test": 4, "train": 4, "unused": 8}
    assert describe(settings("leave_one_cluster_out"), design) == (
        "leave one category of stimuli out (2 folds)"
    )
    free = Stimuli(table.assign(set="fold"), known.pixels)
    whole = make_design(shown, free, settings("leave_one_cluster_out", "stimulus"))
    assert set(whole["role"]) == {"test", "train"}
    assert (whole["role"] == "test").sum() == len(shown)


def test_clusters_by_k_means_of_the_semantic_target_are_left_out(tmp_path):
    names = [f"s{k:02d}" for k in range(24)]
    rng = np.random.default_rng(0)
    group = rng.permutation(np.repeat([0, 1, 2], 8))
    values = (10 * np.eye(5)[group] + rng.normal(size=(24, 5))).astype(np.float32)
    study = SimpleNamespace(
        design=settings("leave_one_cluster_out", "stimulus", n_clusters=3),
        reconstruct=SimpleNamespace(choose_by="mine"),
    )
    job = SimpleNamespace(study=study, paths=Paths(tmp_path, "s"))
    sidecar = job.paths.targets("mine")
    files, facts = save_targets(sidecar, Targets(tuple(names), values, (5,), "given"))
    commit(sidecar, "targets", settings="", seed=1, inputs={}, files=files, facts=facts)
    shown = trials(names * 2, 0).assign(category="thing")
    clusters = semantic_clusters(job, shown)
    table = pd.DataFrame({"id": names, "caption": "", "category": "thing", "set": "fold"})
    known = Stimuli(table, rng.integers(0, 255, (24, 4, 4, 3), np.uint8))
    design = make_design(shown, known, study.design, clusters=clusters)
    assert fold_names(design) == ["k00", "k01", "k02"]
    seen = shown.set_index("trial")["stimulus"]
    for _, part in design.groupby("fold"):
        tested = {group[int(seen[t][1:])] for t in part["trial"][part["role"] == "test"]}
        trained = {group[int(seen[t][1:])] for t in part["trial"][part["role"] == "train"]}
        assert len(tested) == 1
        assert trained == {0, 1, 2} - tested
    assert describe(study.design, design) == "leave one semantic cluster of stimuli out (3 folds)"
    few = settings("leave_one_cluster_out", "stimulus", n_clusters=13)
    job.study.design = few
    with pytest.raises(ConfigError, match="13 clusters of 24 stimuli"):
        semantic_clusters(job, shown)


def test_one_category_cannot_be_left_out(stimuli):
    with pytest.raises(ConfigError, match="two categories or more; found 1: 'x'"):
        make_design(trials(list("abcd"), 0), stimuli, settings("leave_one_cluster_out"))
