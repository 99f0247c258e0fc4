"""Alignment undoes what electrodes do to a session, sees no label and no other trial."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace

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


def test_each_sessions_mean_covariance_becomes_the_identity():
    source = responses(np.random.default_rng(1).normal(size=(3, CHANNELS, CHANNELS)))
    found = shaped(SessionAlignment().fit(source, ALL).transform(source, ALL))
    for name in "123":
        covariances = Covariances("scm").fit_transform(found[name == SESSION])
        mean = TangentSpace().fit(covariances).reference_
        np.testing.assert_allclose(mean, np.eye(CHANNELS), atol=0.15)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(0.2, 5), min_size=CHANNELS, max_size=CHANNELS))
def test_what_is_told_apart_does_not_depend_on_the_gains(gains):
    """Distances between aligned trials are those before the gains changed (affine invariance)."""
    source, mixings = responses(), np.stack([np.eye(CHANNELS), np.diag(gains), np.eye(CHANNELS)])
    drifted = responses(mixings)
    plain, moved = (
        shaped(SessionAlignment().fit(r, ALL).transform(r, ALL))[SESSION == "2"]
        for r in (source, drifted)
    )
    products = [np.einsum("nct,mct->nm", x[:6], x[:6]) for x in (plain, moved)]
    np.testing.assert_allclose(products[1], products[0], atol=0.02 * np.abs(products[0]).max())


def test_a_tested_session_is_aligned_by_its_own_trials_alone():
    source = responses(np.stack([np.eye(CHANNELS) * k for k in (1, 3, 10)]))
    train, test = np.isin(SESSION, ["1", "2"]), SESSION == "3"
    aligner = SessionAlignment().fit(source, train)
    assert set(aligner.aligners_) == {"1", "2"}
    found = shaped(aligner.transform(source, test))
    assert found[test].var() == pytest.approx(1, rel=0.2)
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
