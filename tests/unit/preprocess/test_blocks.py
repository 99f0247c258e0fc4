"""Block responses against sums done by hand, and every recording that cannot give one."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from neurodecode.contracts import Recording, Responses
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.as_given import AsGiven
from neurodecode.preprocess.block_position import BlockPosition
from neurodecode.preprocess.blocks import Blocks
from neurodecode.preprocess.settings import BlocksSettings, EstimatorSettings
from neurodecode.preprocess.trials import trial_table

TR, N_VOLUMES = 2.0, 30
ONSETS, DURATION = (8.0, 24.0, 40.0), 8.0  # volumes 4-7, 12-15, 20-23


def recording(n_runs=2, n_units=5, seed=0):
    draw = np.random.default_rng(seed)
    events = pd.DataFrame(
        {
            "onset": ONSETS * n_runs,
            "duration": DURATION,
            "run": np.repeat(np.arange(n_runs), 3),
            "stimulus": "",
            "category": ["cat", "shoe", "face"] * n_runs,
        }
    )
    return Recording(
        data=(100 + draw.standard_normal((n_runs * N_VOLUMES, n_units))).astype(np.float32),
        times=np.tile(np.arange(N_VOLUMES) * TR, n_runs),
        runs=np.repeat(np.arange(n_runs), N_VOLUMES),
        events=events,
        units=pd.DataFrame({"unit": [f"u{k}" for k in range(n_units)], "roi": "all"}),
        participant_id="01",
        sfreq=1 / TR,
    )


def changed(source, **what):
    return Recording(**{**vars(source), **what})


def test_percent_change_from_the_rest_just_before():
    source = recording()
    values = Blocks("preceding_rest", 0.0, None).estimate(source).data
    run = source.data[source.runs == 1].astype(float)
    for row, (rest, block) in enumerate(
        [((0, 4), (4, 8)), ((8, 12), (12, 16)), ((16, 20), (20, 24))]
    ):
        base = run[slice(*rest)].mean(axis=0)
        expected = 100 * (run[slice(*block)].mean(axis=0) / base - 1)
        np.testing.assert_allclose(values[3 + row], expected, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 50))
def test_percent_change_knows_no_gain(gain):
    source = recording()
    plain = Blocks("preceding_rest", 0.0, None).estimate(source).data
    scaled = changed(source, data=(source.data * np.float32(gain)))
    np.testing.assert_allclose(
        Blocks("preceding_rest", 0.0, None).estimate(scaled).data, plain, atol=1e-3
    )


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 50), st.floats(-500, 500), st.floats(-3, 3))
def test_the_run_baseline_knows_no_gain_offset_or_linear_drift(gain, offset, slope):
    source = recording()
    plain = Blocks("run", 0.0, None).estimate(source).data
    drift = slope * source.times[:, None]
    moved = changed(source, data=(gain * source.data + offset + gain * drift).astype(np.float32))
    np.testing.assert_allclose(Blocks("run", 0.0, None).estimate(moved).data, plain, atol=2e-2)


def test_runs_are_cleaned_apart():
    source = recording()
    other = source.data.copy()
    other[source.runs == 1] *= 7
    other[source.runs == 1] += 30
    before = Blocks("run", 0.0, None).estimate(source).data[:3]
    after = Blocks("run", 0.0, None).estimate(changed(source, data=other)).data[:3]
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(("lag", "first"), [(0.0, 4), (1.0, 4), (1.9, 5), (2.0, 5), (6.0, 7)])
def test_a_lag_moves_the_block_and_keeps_its_length(lag, first):
    source = recording(n_runs=1)
    ramp = changed(source, data=np.repeat(np.arange(N_VOLUMES)[:, None], 5, 1).astype(np.float32))
    estimator = Blocks("run", lag, None)
    volumes = estimator._volumes(ramp, ramp.events.iloc[0])
    np.testing.assert_array_equal(volumes, np.arange(first, first + 4))


def test_a_lag_that_pushes_part_of_a_block_out_of_its_run():
    with pytest.raises(DataError, match=r"run 0: 3 volume.* 4 expected.*smaller lag"):
        Blocks("run", 14.0, None).estimate(recording())


def test_a_block_without_rest_before_it():
    source = recording(n_runs=1)
    events = source.events.assign(onset=[0.0, 24.0, 40.0])
    with pytest.raises(DataError, match="no rest volume"):
        Blocks("preceding_rest", 0.0, None).estimate(changed(source, events=events))


def test_no_event_at_all():
    source = recording()
    with pytest.raises(DataError, match="no event"):
        Blocks("run", 0.0, None).estimate(changed(source, events=source.events[:0]))


def test_a_high_pass_that_the_sampling_cannot_tell():
    with pytest.raises(ConfigError, match=r"high_pass.*0\.25 Hz.*got 0\.3"):
        Blocks("run", 0.0, 0.3).estimate(recording())


def test_a_high_pass_removes_a_slow_wave():
    source = recording(n_runs=1)
    wave = 20 * np.sin(2 * np.pi * source.times / 60)[:, None]
    waved = changed(source, data=(source.data + wave).astype(np.float32))
    plain = Blocks("run", 0.0, None).estimate(waved).data
    passed = Blocks("run", 0.0, 0.05).estimate(waved).data
    assert np.abs(passed).mean() < 0.5 * np.abs(plain).mean()


def test_units_that_never_change_or_are_zero_at_rest_are_dropped_and_counted():
    source = recording()
    data = source.data.copy()
    data[:, 1] = 100
    data[source.times < 8, 3] = 0
    with pytest.warns(DataWarning, match="1 units .* not finite and 1 constant ones of 5"):
        responses = Blocks("preceding_rest", 0.0, None).estimate(changed(source, data=data))
    assert responses.units["unit"].tolist() == ["u0", "u2", "u4"]
    assert responses.data.shape == (6, 3)
    assert np.isfinite(responses.data).all()


def test_a_unit_constant_in_one_run_only_is_kept():
    source = recording()
    data = source.data.copy()
    data[source.runs == 0, 2] = 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        responses = Blocks("run", 0.0, None).estimate(changed(source, data=data))
    assert responses.data.shape == (6, 5)
    np.testing.assert_allclose(responses.data[:3, 2], 0, atol=1e-3)


def test_no_unit_left():
    source = recording()
    with pytest.raises(DataError, match="none of 5 units"):
        Blocks("preceding_rest", 0.0, None).estimate(
            changed(source, data=np.full_like(source.data, 7))
        )


def test_only_the_run_baseline_is_transductive():
    assert Blocks("run", 0.0, None).estimate(recording()).transductive
    assert not Blocks("preceding_rest", 0.0, None).estimate(recording()).transductive
    assert not BlockPosition().estimate(recording()).transductive


def test_trial_table():
    table = trial_table(recording())
    assert table["trial"].tolist()[:4] == [
        "run-00_block-00", "run-00_block-01", "run-00_block-02", "run-01_block-00"
    ]  # fmt: skip
    assert table["trial"].is_unique
    assert (table["participant_id"] == "01").all()
    assert table["repeat"].tolist() == [0, 0, 0, 1, 1, 1]


def test_position_is_one_hot_where_runs_hold_different_numbers_of_blocks():
    source = recording()
    short = changed(source, events=source.events[:5])
    values = BlockPosition().estimate(short).data
    np.testing.assert_array_equal(values, np.eye(3)[[0, 1, 2, 0, 1]])


def test_a_study_of_responses_takes_as_given_alone():
    responses = Blocks("run", 0.0, None).estimate(recording())
    assert AsGiven().estimate(responses) is responses
    for estimator in (Blocks("run", 0.0, None), BlockPosition()):
        with pytest.raises(ConfigError, match="use kind: as_given"):
            estimator.estimate(responses)
    with pytest.raises(ConfigError, match="kind: blocks"):
        AsGiven().estimate(recording())
    assert isinstance(responses, Responses)


def test_a_high_pass_beside_another_baseline_is_refused():
    with pytest.raises(ValidationError, match="high_pass needs baseline: run"):
        BlocksSettings(kind="blocks", baseline="preceding_rest", high_pass=0.01)
    read = TypeAdapter(EstimatorSettings).validate_python({"kind": "blocks", "high_pass": 0.01})
    assert read.baseline == "run"
