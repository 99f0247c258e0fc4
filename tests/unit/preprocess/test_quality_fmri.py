"""Quality of an fMRI recording against signals of known noise and motion."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Recording, Responses
from neurodecode.preprocess.quality_fmri import (
    MOTION,
    framewise_displacement,
    tsnr,
    volume_table,
    voxel_table,
)


def recording(data, runs=None, confounds=None, kept=None, tr=2.0):
    n, n_units = data.shape
    runs = np.zeros(n, np.int64) if runs is None else runs
    units = pd.DataFrame({"unit": [f"v{k}" for k in range(n_units)], "roi": "brain",
                          "x": np.arange(n_units), "y": 0.0, "z": 0.0})  # fmt: skip
    events = pd.DataFrame(
        {"onset": [0.0], "duration": 1.0, "run": 0, "stimulus": "", "category": "x"}
    )
    times = np.concatenate([tr * np.arange((runs == r).sum()) for r in np.unique(runs)])
    return Recording(data.astype(np.float32), times, runs, events, units, "01", 1 / tr, confounds,
                     kept)  # fmt: skip


def test_temporal_snr_is_mean_over_sd_and_a_drift_is_no_noise():
    rng = np.random.default_rng(0)
    runs = np.repeat([0, 1], 400)
    drift = np.tile(np.linspace(-30, 30, 400), 2)[:, None]
    data = 1000 + drift + rng.normal(size=(800, 3)) * [5, 10, 20]
    data[runs == 1] += 100
    mean, ratio = tsnr(recording(data, runs))
    assert mean == pytest.approx([1050] * 3, rel=0.01)
    assert ratio == pytest.approx([1050 / 5, 1050 / 10, 1050 / 20], rel=0.06)


def test_scrubbed_volumes_do_not_count():
    rng = np.random.default_rng(1)
    data = 100 + rng.normal(size=(300, 2))
    data[50] += 500
    kept = np.arange(300) != 50
    assert tsnr(recording(data, kept=kept))[1] == pytest.approx([100, 100], rel=0.1)
    assert (tsnr(recording(data))[1] < 5).all()


def test_centred_and_constant_signals_have_none():
    data = np.random.default_rng(2).normal(size=(50, 3))
    data[:, 1], data[:, 2] = 7, -3
    data[:, 0] -= data[:, 0].mean() + 0.1
    assert np.isnan(tsnr(recording(data))[1]).all()


def test_displacement_by_hand():
    motion = np.zeros((4, 6))
    motion[1:, 0] = 0.3  # a step of .3 mm
    motion[2:, 1] = -0.1
    motion[3:, 5] = 0.01  # rad: .5 mm on a sphere of 50 mm
    found = framewise_displacement(motion)
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx([0.3, 0.1, 0.5])


def test_a_jump_of_one_volume_is_in_the_table_and_no_run_touches_the_next():
    data = np.full((20, 4), 100.0)
    data[5] += 2
    runs = np.repeat([0, 1], 10)
    data[runs == 1] += 50
    confounds = pd.DataFrame(np.zeros((20, 6)), columns=list(MOTION))
    confounds.loc[10:, "trans_x"] = 9.0
    table = volume_table(recording(data, runs, confounds, np.arange(20) != 5))
    assert table["dvars"].isna().to_numpy().nonzero()[0].tolist() == [0, 10]
    assert table["dvars"][5] == pytest.approx(100 * 2 / 100.2, rel=1e-4)
    assert table["dvars"][7] == 0
    assert table["fd"].fillna(0).max() == 0
    assert table["kept"].to_numpy().nonzero()[0].tolist() == [k for k in range(20) if k != 5]
    assert volume_table(recording(data))["fd"].isna().all()


def test_the_ceiling_is_of_the_estimators_own_units():
    rng = np.random.default_rng(3)
    data = 100 + rng.normal(size=(50, 3))
    signal = np.repeat(rng.normal(size=(300, 1)), 2, axis=0)
    values = np.concatenate([signal + rng.normal(size=(600, 1)), rng.normal(size=(600, 1))], axis=1)
    names = np.repeat([f"s{k}" for k in range(300)], 2)
    trials = pd.DataFrame({"participant_id": "01", "trial": np.arange(600).astype(str),
                           "stimulus": names, "category": "", "session": "1", "run": 0,
                           "repeat": 0})  # fmt: skip
    units = pd.DataFrame({"unit": ["v0", "v2"], "roi": "brain"})
    table = voxel_table(recording(data), Responses(values.astype(np.float32), trials, units))
    assert table["ceiling"][0] == pytest.approx(2 / 3, abs=0.08)
    assert np.isnan(table["ceiling"][1])
    assert table["ceiling"][2] == pytest.approx(0, abs=0.15)
    once = Responses(values[::2].astype(np.float32), trials[::2].reset_index(drop=True), units)
    assert voxel_table(recording(data), once)["ceiling"].isna().all()
