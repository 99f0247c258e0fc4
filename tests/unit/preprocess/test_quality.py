"""What is said of a recording: known spreads and means, and back from disk as it was."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurodecode.artifacts import commit
from neurodecode.contracts import Recording, Responses
from neurodecode.preprocess.quality import load_quality, measure_quality, save_quality

N, CHANNELS, TIMES = 400, ("Cz", "Oz", "Pz"), np.array([-0.1, 0.0, 0.1, 0.2])
SPREAD = np.array([1.0, 5.0, 2.0])


def epochs():
    """Oz answers with 3 at .1 s; trials spread about that by 1, 5 and 2."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(N, 3, 4)) * SPREAD[:, None]
    data[:, 1, 2] += 3
    trials = pd.DataFrame({"participant_id": "01", "trial": [f"t{k}" for k in range(N)],
                           "stimulus": "", "category": "x", "session": "1", "run": 0,
                           "repeat": range(N)})  # fmt: skip
    channels = np.repeat(CHANNELS, 4)
    units = pd.DataFrame({"unit": [f"u{k}" for k in range(12)], "roi": "eeg", "channel": channels,
                          "time": np.tile(TIMES, 3), "x": 0.0, "y": np.repeat([0, -80, -40], 4),
                          "z": 90.0})  # fmt: skip
    repaired = pd.DataFrame({"channel": ["Pz"], "status": ["interpolated"]})
    flat = data.reshape(N, -1).astype(np.float32)
    return Responses(flat, trials, units, quality={"repaired": repaired})


def test_mean_and_spread_are_those_that_were_put_in():
    tables = measure_quality(epochs(), epochs())
    erp = tables["erp"].set_index(["channel", "time"])
    peak = erp.loc[("Oz", 0.1)]
    assert peak["mean"] == pytest.approx(3, abs=4 * 5 / np.sqrt(N))
    assert peak["high"] - peak["low"] == pytest.approx(2 * 1.96 * 5 / np.sqrt(N), rel=0.1)
    covered = ((erp["low"] < 0) & (erp["high"] > 0)).drop(("Oz", 0.1))
    assert covered.mean() > 0.7
    channels = tables["channels"].set_index("channel")
    np.testing.assert_allclose(channels.loc[list(CHANNELS), "noise"], SPREAD, rtol=0.05)
    assert channels["status"].to_dict() == {"Cz": "good", "Oz": "good", "Pz": "interpolated"}


def test_means_of_categories_are_at_the_channel_that_answers_one_of_them():
    found = epochs()
    found.data[::4, 6] += 20  # Oz at .1 s, in every fourth trial
    kind = np.where(np.arange(N) % 4 == 0, "cat", "dog")
    named = replace(found, trials=found.trials.assign(category=kind))
    means = measure_quality(named, named)["means"]
    assert set(means["channel"]) == {"Oz"}
    at = means[np.isclose(means["time"], 0.1)].set_index("category")
    assert at["n"].to_dict() == {"cat": N // 4, "dog": 3 * N // 4}
    assert at.loc["cat", "mean"] == pytest.approx(23, abs=4 * 5 / np.sqrt(N // 4))
    assert at.loc["dog", "mean"] == pytest.approx(3, abs=4 * 5 / np.sqrt(N))
    assert (at["high"] - at["low"]).to_dict() == pytest.approx(
        {"cat": 2 * 1.96 * 5 / 10, "dog": 2 * 1.96 * 5 / np.sqrt(300)}, rel=0.3
    )
    for kinds in (["x"], list("abcde")):  # one, or too many to draw
        other = replace(found, trials=found.trials.assign(category=np.resize(kinds, N)))
        assert "means" not in measure_quality(other, other)


def test_a_recording_is_described_and_other_responses_need_no_channels():
    events = pd.DataFrame({"onset": [1.0, 2.0], "duration": 0.1, "run": 0, "stimulus": "",
                           "category": "x"})  # fmt: skip
    units = pd.DataFrame({"unit": ["a", "b"], "roi": "v1"})
    recording = Recording(np.zeros((120, 2), np.float32), np.arange(120) / 2.0,
                          np.repeat([0, 1], 60), events, units, "01", 2.0)  # fmt: skip
    trials = epochs().trials[:2]
    tables = measure_quality(recording, Responses(np.zeros((2, 2), np.float32), trials, units))
    assert list(tables) == ["facts", "volumes", "voxels"]
    other = Responses(np.zeros((2, 1), np.float32), trials, pd.DataFrame({"unit": ["position_0"]}))
    assert list(measure_quality(recording, other)) == ["facts"]
    facts = dict(tables["facts"].to_numpy())
    assert facts["Sampling"] == "2 samples a second"
    assert facts["Length"] == "2 runs, 1.0 minutes in all"
    assert (facts["Trials recorded"], facts["Trials used"]) == ("2", "2")


def test_tables_come_back_from_disk(tmp_path):
    tables = measure_quality(epochs(), epochs())
    sidecar = tmp_path / "sub-01.json"
    files = save_quality(sidecar, tables)
    assert all(file.name.startswith("sub-01_quality-") for file in files)
    commit(sidecar, "preprocess", settings="s", seed=1, inputs={}, files=files)
    found = load_quality(sidecar)
    assert set(found) == set(tables) == {"facts", "repaired", "erp", "channels"}
    for name, table in tables.items():
        pd.testing.assert_frame_equal(found[name], table, check_dtype=False)
