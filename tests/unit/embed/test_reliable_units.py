"""Units are chosen by what repeats, and by training trials alone."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Responses
from neurodecode.embed.reliable_units import ReliableUnits
from neurodecode.errors import DataError


def responses(n_stimuli=80, k=2, category=False):
    """Units 0 to 9 answer to what is shown; 10 to 29 are noise."""
    rng = np.random.default_rng(0)
    signal = np.repeat(rng.normal(size=(n_stimuli, 10)), k, axis=0)
    data = rng.normal(size=(n_stimuli * k, 30))
    data[:, :10] = 2 * signal + data[:, :10]
    names = np.repeat([f"s{i:03d}" for i in range(n_stimuli)], k)
    trials = pd.DataFrame({"participant_id": "01", "trial": np.arange(len(names)).astype(str),
                           "stimulus": "" if category else names, "category": names,
                           "session": "1", "run": 0, "repeat": 0})  # fmt: skip
    units = pd.DataFrame({"unit": [f"v{i}" for i in range(30)], "roi": "x"})
    return Responses(data.astype(np.float32), trials, units)


@pytest.mark.parametrize("category", [False, True])
def test_units_that_repeat_are_kept(category):
    found = responses(category=category)
    choice = ReliableUnits(0.6).fit(found, np.ones(160, bool))
    assert choice.kept_.tolist() == [True] * 10 + [False] * 20
    # Spearman and Brown: of two trials with 4 parts of signal in 5.
    assert choice.reliability_[:10].mean() == pytest.approx(2 * 0.8 / 1.8, abs=0.04)
    selected = choice.select(found)
    assert selected.units["unit"].tolist() == [f"v{i}" for i in range(10)]
    np.testing.assert_array_equal(selected.data, found.data[:, :10])
    assert choice.state()["kept_units"].sum() == 10


def test_test_trials_play_no_part(monkeypatch):
    found, train = responses(), np.arange(160) < 100
    before = ReliableUnits(0.5).fit(found, train).reliability_
    found.data[~train] = 1000 * np.random.default_rng(1).normal(size=(60, 30))
    np.testing.assert_array_equal(ReliableUnits(0.5).fit(found, train).reliability_, before)
    # In blocks of units, the same halves and so the same figures.
    monkeypatch.setattr("neurodecode.embed.reliable_units.BLOCK", 7)
    np.testing.assert_allclose(ReliableUnits(0.5).fit(found, train).reliability_, before)


def test_without_a_minimum_all_pass():
    found = responses()
    choice = ReliableUnits(None).fit(found, np.zeros(160, bool))
    assert choice.select(found) is found
    assert choice.state() == {}


def test_what_cannot_be_chosen_is_said():
    once = responses(k=1)
    with pytest.raises(DataError, match="0 stimuli are repeated"):
        ReliableUnits(0.5).fit(once, np.ones(80, bool))
    with pytest.raises(DataError, match=r"none of 30 units reaches 0.999; the best has 0\.9"):
        ReliableUnits(0.999).fit(responses(), np.ones(160, bool))
