"""Alignment undoes what electrodes do to a session, sees no label and no other trial."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from scipy.linalg import eigvalsh

from neurodecode.contracts import Responses
from neurodecode.embed.alignment import SessionAlignment
from neurodecode.errors import DataError

N, CHANNELS, TIMES = 120, 5, 40
SESSION = np.repeat(["1", "2", "3"], N // 3)


def responses(mixings=None, seed=0, reference=False):
    """Coloured noise, mixed by a matrix a session."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(N, CHANNELS, TIMES)) * np.arange(1, 1 + CHANNELS)[:, None]
    if mixings is not None:
        data = np.einsum("nij,njt->nit", np.repeat(mixings, N // 3, axis=0), data)
    if reference:
        data -= data.mean(axis=1, keepdims=True)
    trials = pd.DataFrame({"participant_id": "01", "trial": np.arange(N).astype(str),
                           "stimulus": "", "category": np.resize(["a", "b"], N),
                           "session": SESSION, "run": 0, "repeat": 0})  # fmt: skip
    units = pd.DataFrame({"unit": np.arange(CHANNELS * TIMES).astype(str), "roi": "eeg",
                          "channel": np.repeat([f"c{k}" for k in range(CHANNELS)], TIMES),
                          "time": np.tile(np.arange(TIMES) / 100, CHANNELS)})  # fmt: skip
    return Responses(data.reshape(N, -1).astype(np.float32), trials, units)


def shaped(found):
    return found.data.reshape(N, CHANNELS, TIMES).astype(float)


ALL = np.ones(N, bool)


def mean_covariance(data):
    return TangentSpace().fit(Covariances("scm").fit_transform(data)).reference_


def test_each_sessions_mean_covariance_becomes_that_of_the_training_sessions():
    source = responses(np.random.default_rng(1).normal(size=(3, CHANNELS, CHANNELS)))
    known = SESSION != "3"
    aligner = SessionAlignment().fit(source, known)
    for rows in (known, ~known):
        found = shaped(aligner.transform(source, rows))
        for name in np.unique(SESSION[rows]):
            mean = mean_covariance(found[name == SESSION])
            np.testing.assert_allclose(mean, aligner.reference_, rtol=0.15, atol=0.05 * mean.max())


def drifted(mixing):
    """One session twice, the second time through ``mixing``; aligned to the first."""
    one = shaped(responses())[SESSION == "1"]
    both = np.concatenate([one, np.einsum("ij,njt->nit", mixing, one)])
    source = responses()
    trials = source.trials.iloc[: 2 * len(one)]
    found = Responses(both.reshape(len(both), -1).astype(np.float32), trials, source.units)
    first = (trials["session"] == "1").to_numpy()
    aligner = SessionAlignment().fit(found, first)
    aligned = aligner.transform(aligner.transform(found, first), ~first)
    data = aligned.data.reshape(len(both), CHANNELS, TIMES).astype(float)
    return data[first], data[~first], aligner


MATRIX = st.lists(st.floats(-1, 1), min_size=CHANNELS**2, max_size=CHANNELS**2)
GAINS = st.lists(st.floats(0.2, 5), min_size=CHANNELS, max_size=CHANNELS)


@settings(max_examples=20, deadline=None)
@given(MATRIX, GAINS)
def test_gains_and_any_symmetric_mixing_are_undone_without_rest(values, gains):
    axes = np.linalg.qr(np.reshape(values, (CHANNELS, CHANNELS)) + 3 * np.eye(CHANNELS))[0]
    for mixing in (np.diag(gains), (axes * gains) @ axes.T):
        before, after, _ = drifted(mixing)
        np.testing.assert_allclose(after, before, atol=2e-3 * np.abs(before).max())


def distances(covariances):
    """Affine-invariant distance of each from each."""
    return np.array([[np.linalg.norm(np.log(eigvalsh(a, b))) for a in covariances]
                     for b in covariances])  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(MATRIX)
def test_distances_between_trials_do_not_depend_on_any_mixing(values):
    """Affine invariance: Riemannian distances within a session, whatever mixed its channels."""
    mixing = np.reshape(values, (CHANNELS, CHANNELS)) + 6 * np.eye(CHANNELS)
    before, after, aligner = drifted(mixing)
    tables = [distances(Covariances("scm").fit_transform(x[:6])) for x in (before, after)]
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-2, atol=1e-2)
    # The means are the same: aligning the aligned moves nothing.
    trials = responses().trials.iloc[: 2 * len(before)]
    both = np.concatenate([before, after]).reshape(len(trials), -1).astype(np.float32)
    again = SessionAlignment().fit(
        Responses(both, trials, responses().units), np.ones(len(trials), bool)
    )
    for matrix in again.aligners_.values():
        np.testing.assert_allclose(matrix, np.eye(CHANNELS), atol=5e-3)
    # What is left is a rotation of whitened channels, which no covariance shows.
    white = np.linalg.inv(np.linalg.cholesky(aligner.reference_))
    left = np.linalg.lstsq(*(x.transpose(0, 2, 1).reshape(-1, CHANNELS) @ white.T
                             for x in (before, after)), rcond=None)[0]  # fmt: skip
    np.testing.assert_allclose(left @ left.T, np.eye(CHANNELS), atol=1e-2)


def test_a_turned_cap_is_not_undone():
    turn = np.eye(CHANNELS)
    turn[:2, :2] = [[0, 1], [-1, 0]]
    before, after, _ = drifted(turn)
    assert np.abs((after - before)[:, :2]).mean() > 0.5 * np.abs(before[:, :2]).mean()
    np.testing.assert_allclose(after[:, 2:], before[:, 2:], atol=0.1 * np.abs(before).max())


def test_a_tested_session_is_aligned_by_its_own_trials_alone():
    source = responses(np.stack([np.eye(CHANNELS) * k for k in (1, 3, 10)]))
    train, test = np.isin(SESSION, ["1", "2"]), SESSION == "3"
    aligner = SessionAlignment().fit(source, train)
    assert set(aligner.aligners_) == {"1", "2"}
    found = shaped(aligner.transform(source, test))
    assert found[test].var() == pytest.approx(np.trace(aligner.reference_) / CHANNELS, rel=0.2)
    np.testing.assert_array_equal(found[train], shaped(source)[train])
    other = responses(np.stack([np.eye(CHANNELS) * k for k in (1, 3, 10)]))
    other.data[train] = 0  # what the other sessions hold does not matter
    np.testing.assert_array_equal(shaped(aligner.transform(other, test))[test], found[test])


def test_a_session_of_both_sides_is_aligned_by_its_training_trials():
    source, half = responses(), np.arange(N) % 2 == 0
    poisoned = responses()
    poisoned.data[~half] *= 100
    states = [SessionAlignment().fit(r, half).state() for r in (source, poisoned)]
    assert set(states[0]) == {"aligner.1", "aligner.2", "aligner.3"}
    for name in states[0]:
        np.testing.assert_array_equal(states[0][name], states[1][name])
    aligner = SessionAlignment().fit(source, half)
    one = np.arange(N) == 1
    np.testing.assert_allclose(
        aligner.transform(source, one).data[1], aligner.transform(source, ~half).data[1], rtol=1e-5
    )


def test_an_average_reference_and_what_cannot_be_aligned():
    source = responses(reference=True)
    found = shaped(SessionAlignment().fit(source, ALL).transform(source, ALL))
    assert np.abs(found.mean(axis=1)).max() < 1e-5
    assert np.isfinite(found).all()
    off = SessionAlignment(enabled=False).fit(source, ALL)
    assert off.transform(source, ALL) is source
    flat = Responses(source.data, source.trials, source.units.drop(columns="time"))
    with pytest.raises(DataError, match="channels at times"):
        SessionAlignment().fit(flat, ALL)
    silent = Responses(source.data * 0, source.trials, source.units)
    with pytest.raises(DataError, match="all zero"):
        SessionAlignment().fit(silent, ALL)
