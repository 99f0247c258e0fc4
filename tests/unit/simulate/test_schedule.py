"""What is shown when: every picture as often as asked, never twice in a run."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodecode.errors import ConfigError
from neurodecode.simulate.trials import (
    full_run,
    n_volumes,
    runs,
    shown_pictures,
    slots,
    trial_table,
)
from neurodecode.simulate.world import Schedule
from neurodecode.stimuli.objects64 import load_objects64


@pytest.fixture(scope="module")
def shown():
    return shown_pictures(load_objects64(), Schedule(), 1)


def test_the_default_is_as_large_as_promised(shown):
    sets = shown.table["set"].value_counts()
    assert sets["train"] >= 600
    assert sets["test"] >= 100
    trials = trial_table(shown.table, Schedule(), 1, "sub-01")
    counts = trials.groupby(["set", "stimulus"]).size()
    assert (counts["train"] == 2).all()
    assert (counts["test"] == 4).all()
    assert not trials.duplicated(["run", "stimulus"]).any()
    assert trials.groupby("run").size().nunique() == 1
    assert set(trials["session"]) == {"1", "2"}


def test_repeats_come_in_order_and_sets_stand_in_every_run(shown):
    trials = trial_table(shown.table, Schedule(), 1, "sub-01")
    assert trials.groupby("stimulus")["run"].apply(lambda r: r.is_monotonic_increasing).all()
    first = trials[trials["repeat"] == 0].set_index("stimulus")["run"]
    second = trials[trials["repeat"] == 1].set_index("stimulus")["run"]
    assert (second > first[second.index]).all()
    assert (trials.groupby("run")["set"].nunique() == 2).all()


def test_a_run_has_room_for_all_that_it_shows(shown):
    schedule = Schedule()
    trials = trial_table(shown.table, schedule, 1, "sub-01")
    end = n_volumes(schedule) * schedule.tr
    for run, part in runs(trials):
        gaps = np.diff(part["onset"])
        assert (gaps >= schedule.trial).all(), run
        assert (part["onset"] >= schedule.lead).all()
        assert part["onset"].max() + schedule.trial + schedule.tail <= end + schedule.tr
    assert len(full_run(schedule, np.random.default_rng(0))) >= trials.groupby("run").size().max()


@settings(max_examples=60, deadline=None)
@given(n_slots=st.integers(2, 200), data=st.data())
def test_blanks_are_spread_over_the_run(n_slots, data):
    n_trials = data.draw(st.integers(n_slots // 2 + 1, n_slots))
    filled = slots(n_slots, n_trials, np.random.default_rng(data.draw(st.integers(0, 99))))
    assert len(filled) == len(set(filled)) == n_trials
    if n_slots > n_trials:
        blanks = np.setdiff1d(np.arange(n_slots), filled)
        assert np.diff(blanks, prepend=-1, append=n_slots).max() <= 2 * n_slots / len(blanks) + 2


@pytest.mark.parametrize("sizes", [(2, 1), (1, 1), (2, 3)])
def test_few_runs_still_show_everything(shown, sizes):
    sessions, each = sizes
    schedule = replace(Schedule(), n_train=20, n_test=6, n_sessions=sessions, n_runs=each)
    some = shown.table.groupby("set").head(20)
    some = some[(some["set"] == "train") | (some.groupby("set").cumcount() < 6)]
    trials = trial_table(some, schedule, 1, "sub-01")
    assert len(trials) == 2 * 20 + 4 * 6
    for _, part in runs(trials):
        assert (np.diff(part["onset"]) >= schedule.trial).all()
        assert part["onset"].max() + schedule.trial <= n_volumes(schedule) * schedule.tr


def test_training_pictures_are_the_decoders_first_then_the_generators(shown):
    origin = shown.table.groupby("set")["origin"].value_counts()
    assert origin["train"].to_dict() == {"decoder": 440, "generator": 160}
    assert origin["test"].to_dict() == {"test": 100}
    few = shown_pictures(load_objects64(), replace(Schedule(), n_train=50), 1)
    assert set(few.table["origin"][few.table["set"] == "train"]) == {"decoder"}
    family = shown.table.groupby("set")["family"].agg(set)
    assert not family["train"] & family["test"]


def test_people_see_different_orders_and_one_seed_one_order(shown):
    one, two = (trial_table(shown.table, Schedule(), 1, f"sub-0{k}") for k in (1, 2))
    assert list(one["stimulus"]) != list(two["stimulus"])
    assert one.equals(trial_table(shown.table, Schedule(), 1, "sub-01"))


def test_too_few_pictures():
    with pytest.raises(ConfigError, match="n_test: 128 pictures asked for, there are 127"):
        shown_pictures(load_objects64(), replace(Schedule(), n_test=128), 1)
