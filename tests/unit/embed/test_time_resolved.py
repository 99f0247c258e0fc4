"""Decoding over time: found where it is, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Responses
from neurodecode.embed.channel_steps import ChannelSteps
from neurodecode.embed.lda import ShrinkageLdaDecoder
from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.embed.settings import ShrinkageLdaSettings
from neurodecode.embed.time_resolved import Split, decode_over_time, in_windows
from neurodecode.errors import DataError

N, CHANNELS, TIMES = 160, 8, 12
LABELS = np.tile(["cat", "dog"], N // 2)
RUN = np.arange(N) // 40


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
         "category": LABELS, "session": "1", "run": RUN, "repeat": 0}
    )  # fmt: skip
    units = pd.DataFrame(
        {"unit": [f"u{k}" for k in range(CHANNELS * TIMES)], "roi": "eeg",
         "channel": np.repeat([f"c{c}" for c in range(CHANNELS)], TIMES),
         "time": np.tile(np.arange(TIMES) / 100, CHANNELS)}
    )  # fmt: skip
    return Responses(data.reshape(N, -1).astype(np.float32), trials, units)


def steps(whiten=False):
    return ChannelSteps(
        ShrinkageLdaSettings(kind="shrinkage_lda", targets=(), noise_normalisation=whiten)
    )


def split(run=0, labels=LABELS, targets=None):
    return Split(run != RUN, run == RUN, labels, targets or {}, RUN.astype(str))


def accuracy(source, labels=LABELS, whiten=False):
    """Share of right trials over all four folds, by time of training and of test."""
    folds = []
    for run in range(4):
        fold = split(run, labels)
        decoded = [
            np.array(decoder.classes)[found["label"].argmax(axis=2)] == labels[fold.test][:, None]
            for decoder, found in decode_over_time(
                source, fold, lambda: ShrinkageLdaDecoder(()), steps(whiten)
            )
        ]
        folds.append(np.mean(decoded, axis=1))
    return np.mean(folds, axis=0)


@pytest.mark.parametrize("whiten", [False, True])
def test_it_is_decoded_when_it_is_there(whiten):
    own = np.diag(accuracy(responses(), whiten=whiten))
    assert (own[4:10] > 0.8).all()
    assert (np.abs(np.delete(own, np.arange(4, 10)) - 0.5) < 0.15).all()


def test_generalisation_shows_two_patterns():
    found = accuracy(responses())
    assert found.shape == (TIMES, TIMES)
    assert (found[4:8, 4:8] > 0.8).all()
    assert (found[8:10, 8:10] > 0.8).all()
    assert np.abs(found[4:8, 8:10] - 0.5).max() < 0.25


def test_shuffled_labels_are_not_decoded():
    shuffled = np.random.default_rng(4).permutation(LABELS)
    assert np.abs(np.diag(accuracy(responses(), shuffled)).mean() - 0.5) < 0.06


def test_a_decoder_of_features_is_that_of_the_channels_of_one_time():
    source, fold = responses(), split(targets={"f": np.float32(LABELS == "cat")[:, None]})
    at = source.data.reshape(N, CHANNELS, TIMES)
    rest = {"targets": {"f": fold.targets["f"][fold.train]}, "labels": LABELS[fold.train]}
    plain = RidgeDecoder(("f",), (10.0,)).fit(
        at[fold.train][:, :, 5], **rest, groups=fold.groups[fold.train]
    )
    _, found = list(decode_over_time(source, fold, lambda: RidgeDecoder(("f",), (10.0,)), steps()))[
        5
    ]
    for t in (0, 5, 9):
        expected = plain.predict(at[fold.test][:, :, t])["f"]
        np.testing.assert_allclose(found["f"][:, t], expected, atol=1e-5)


def test_test_trials_do_not_change_what_is_said_of_others():
    source, fold = responses(), split()
    half = fold.test.copy()
    half[np.flatnonzero(fold.test)[20:]] = False
    poisoned = source.data.copy()
    poisoned[fold.test & ~half] = 50
    some = Split(fold.train, half, LABELS, {}, fold.groups)
    said = [
        [found["label"] for _, found in decode_over_time(
            r, some, lambda: ShrinkageLdaDecoder(()), steps(whiten=True))]
        for r in (source, Responses(poisoned, source.trials, source.units))
    ]  # fmt: skip
    np.testing.assert_array_equal(*said)


def test_windows_are_means_of_their_samples():
    source = responses()
    found, centres = in_windows(source, 0.05)
    data = source.data.reshape(N, CHANNELS, TIMES)
    np.testing.assert_allclose(centres, [0.02, 0.07])
    assert found.data.shape == (N, CHANNELS * 2)
    assert found.units["channel"].tolist() == [f"c{c}" for c in range(CHANNELS) for _ in range(2)]
    expected = np.stack([data[:, :, :5].mean(axis=2), data[:, :, 5:10].mean(axis=2)], axis=2)
    np.testing.assert_allclose(found.data.reshape(N, CHANNELS, 2), expected, atol=1e-5)
    same, times = in_windows(source, 0.01)
    np.testing.assert_array_equal(same.data, source.data)
    np.testing.assert_allclose(times, np.arange(TIMES) / 100)


def test_what_cannot_be_decoded():
    source = responses()
    with pytest.raises(DataError, match="40 trials are trained on and tested"):
        Split(np.full(N, True), RUN == 0, LABELS, {}, RUN.astype(str))
    flat = Responses(source.data, source.trials, source.units.drop(columns="time"))
    with pytest.raises(DataError, match="channels at times"):
        in_windows(flat, 0.01)
    with pytest.raises(DataError, match=r"needs two windows of 0\.1 s, found 1 in 12 times"):
        in_windows(source, 0.1)
