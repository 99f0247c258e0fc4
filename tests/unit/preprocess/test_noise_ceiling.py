"""Noise ceilings against worlds whose ceiling is known."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Responses
from neurodecode.preprocess.noise_ceiling import (
    ceiling_rows,
    repeated,
    split_half,
    variance_components,
)


def trials(share, k, n_stimuli=4000, seed=0):
    """A single trial's variance is signal to ``share``; one unit a share."""
    rng = np.random.default_rng(seed)
    share = np.asarray(share)
    signal = rng.normal(size=(n_stimuli, 1, len(share))) * np.sqrt(share)
    return signal + rng.normal(size=(n_stimuli, k, len(share))) * np.sqrt(1 - share)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_both_forms_find_the_known_ceiling(k):
    share = np.array([0.0, 0.2, 0.5, 0.9])
    expected = share / (share + (1 - share) / k)
    found = trials(share, k)
    assert variance_components(found).values == pytest.approx(expected, abs=0.04)
    ceiling = split_half(found, np.random.default_rng(1))
    assert ceiling.values == pytest.approx(expected, abs=0.05)


def test_variance_components_by_hand():
    one = np.array([[[1.0], [3.0]], [[6.0], [8.0]]])
    # Within: variance 2; means 2 and 7 have variance 12.5, of which 2 / 2 is noise.
    assert variance_components(one).values == pytest.approx([11.5 / 12.5])


def test_a_unit_that_never_varies_has_no_ceiling():
    flat = np.ones((10, 2, 1))
    assert np.isnan(variance_components(flat).values).all()
    assert np.isnan(split_half(flat, np.random.default_rng(0)).values).all()


def test_trials_are_arranged_by_stimulus_and_single_ones_left_out():
    data = np.arange(7, dtype=np.float32)[:, None]
    names = np.array(["b", "a", "b", "c", "a", "a", ""])
    assert repeated(data, names)[:, :, 0].tolist() == [[1, 4], [0, 2]]
    assert repeated(data[:2], np.array(["a", "b"])).shape == (0, 0, 1)


def test_only_test_trials_count_and_the_summary_is_over_units():
    found = trials([0.5] * 40, 2, n_stimuli=60)
    rng = np.random.default_rng(2)
    noise = rng.normal(size=found.shape)
    data = np.concatenate([found, noise]).reshape(-1, 40).astype(np.float32)
    names = np.repeat([f"s{k}" for k in range(120)], 2)
    table = pd.DataFrame(
        {"participant_id": "01", "trial": np.arange(240).astype(str), "stimulus": names,
         "category": "", "session": "1", "run": 0, "repeat": 0}
    )  # fmt: skip
    units = pd.DataFrame({"unit": np.arange(40).astype(str), "roi": ""})
    responses = Responses(data, table, units)
    rows = ceiling_rows("given", responses, np.arange(240) < 120, rng)
    assert list(rows["method"]) == ["split_half", "variance_components"]
    assert rows["median"].to_numpy() == pytest.approx([2 / 3] * 2, abs=0.1)
    assert (rows["low"] < rows["median"]).all()
    assert (rows["median"] < rows["high"]).all()
    assert rows[["n_stimuli", "n_repeats", "n_units"]].to_numpy().tolist() == [[60, 2, 40]] * 2
    once = ceiling_rows("given", responses, np.arange(240) % 2 == 0, rng)
    assert once.empty
    assert list(once.columns) == list(rows.columns)
