"""Decoding over time: found where it is, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Responses
from neurodecode.embed.time_resolved import temporal_generalisation, time_resolved
from neurodecode.errors import DataError

N, CHANNELS, TIMES = 160, 8, 12
LABELS = np.tile(["cat", "dog"], N // 2)


def responses(strength=1.5, seed=0):
    """A pattern at times 4 to 7, another at 8 to 9, nothing else."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(N, CHANNELS, TIMES))
    patterns = np.linalg.qr(rng.normal(size=(CHANNELS, 2)))[0].T
    sign = np.where(LABELS == "cat", 1.0, -1.0)[:, None, None]
    data[:, :, 4:8] += strength * sign * patterns[0][:, None]
    data[:, :, 8:10] += strength * sign * patterns[1][:, None]
    trials = pd.DataFrame(
        {"participant_id": "01", "trial": [f"t{k}" for k in range(N)], "stimulus": "",
         "category": LABELS, "session": "1", "run": np.arange(N) // 40, "repeat": 0}
    )  # fmt: skip
    units = pd.DataFrame(
        {"unit": [f"u{k}" for k in range(CHANNELS * TIMES)], "roi": "eeg",
         "channel": np.repeat([f"c{c}" for c in range(CHANNELS)], TIMES),
         "time": np.tile(np.arange(TIMES) / 100, CHANNELS)}
    )  # fmt: skip
    return Responses(data.reshape(N, -1).astype(np.float32), trials, units)


def folds():
    run = np.arange(N) // 40
    return [(run != k, run == k) for k in range(4)]


@pytest.mark.parametrize("whiten", [False, True])
def test_it_is_decoded_when_it_is_there(whiten):
    found = time_resolved(responses(), LABELS, folds(), noise_normalisation=whiten)
    assert found.accuracy.shape == (4, TIMES)
    assert found.chance == 0.5
    np.testing.assert_allclose(found.times, np.arange(TIMES) / 100)
    mean = found.accuracy.mean(axis=0)
    assert (mean[4:10] > 0.8).all()
    assert (np.abs(np.delete(mean, np.arange(4, 10)) - 0.5) < 0.15).all()


def test_generalisation_shows_two_patterns():
    found = temporal_generalisation(responses(), LABELS, folds())
    mean = found.accuracy.mean(axis=0)
    assert mean.shape == (TIMES, TIMES)
    assert (mean[4:8, 4:8] > 0.8).all()
    assert (mean[8:10, 8:10] > 0.8).all()
    assert np.abs(mean[4:8, 8:10] - 0.5).max() < 0.25
    plain = time_resolved(responses(), LABELS, folds()).accuracy
    np.testing.assert_array_equal(np.diagonal(found.accuracy, axis1=1, axis2=2), plain)


def test_shuffled_labels_are_not_decoded():
    shuffled = np.random.default_rng(4).permutation(LABELS)
    found = time_resolved(responses(), shuffled, folds())
    assert np.abs(found.accuracy.mean() - 0.5) < 0.06


def test_test_trials_do_not_change_what_is_said_of_others():
    source = responses()
    train, test = folds()[0]
    half = test.copy()
    half[np.flatnonzero(test)[20:]] = False
    poisoned = source.data.copy()
    poisoned[test & ~half] = 50
    other = Responses(poisoned, source.trials, source.units)
    accuracies = [
        time_resolved(r, LABELS, [(train, half)], noise_normalisation=True).accuracy
        for r in (source, other)
    ]
    np.testing.assert_array_equal(*accuracies)


def test_what_cannot_be_decoded():
    source, (train, test) = responses(), folds()[0]
    with pytest.raises(DataError, match="two classes, found 1"):
        time_resolved(source, np.full(N, "cat"), folds())
    with pytest.raises(DataError, match="fold 0: 40 trials are trained on and tested"):
        time_resolved(source, LABELS, [(train | test, test)])
    with pytest.raises(DataError, match="fold 0: no test trial of dog"):
        time_resolved(source, LABELS, [(train, test & (LABELS == "cat"))])
    flat = Responses(source.data, source.trials, source.units.drop(columns="time"))
    with pytest.raises(DataError, match="channels at times"):
        time_resolved(flat, LABELS, folds())
