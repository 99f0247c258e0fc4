"""Adaptation: what was meant, a moving batch, and exchanges between two bins."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_kalman import recording

from neurodecode.errors import ConfigError
from neurodecode.online.adapt import HotSwap, intended_velocity, refit, smooth_batch
from neurodecode.online.kalman import KalmanFilter, SteadyKalmanFilter

Y, Z = recording()
NUMBERS = arrays(float, (5, 2), elements=st.floats(-10, 10))


@given(velocity=NUMBERS, position=NUMBERS, target=NUMBERS)
def test_intended_velocities_keep_the_speed_and_point_at_the_target(velocity, position, target):
    holding = np.array([True, False, False, False, False])
    meant = intended_velocity(velocity, position, target, holding)
    toward = target - position
    distance = np.linalg.norm(toward, axis=1)
    speed = np.linalg.norm(velocity, axis=1)
    assert (meant[0] == 0).all()
    away = distance > 1e-6
    rows = away & ~holding
    np.testing.assert_allclose(np.linalg.norm(meant, axis=1)[rows], speed[rows], atol=1e-9)
    along = (meant * toward).sum(axis=1)
    np.testing.assert_allclose(along[rows], (speed * distance)[rows], atol=1e-6)
    assert np.isfinite(meant).all()


def test_a_refit_leaves_the_old_decoder_alone():
    old = KalmanFilter(noise="diagonal").fit(Y, Z)
    before = old.predict(Y).mean
    new = refit(old, Y, -Z)
    assert new.noise == "diagonal"
    np.testing.assert_array_equal(old.predict(Y).mean, before)
    np.testing.assert_allclose(new.predict(Y).mean, -before, atol=1e-10)


def test_smooth_batch_moves_from_the_old_to_the_batch():
    old = KalmanFilter().fit(Y, Z)
    batch = KalmanFilter().fit(1.5 * Y + 2.0, Z + 0.7)
    same = smooth_batch(old, 1.5 * Y + 2.0, Z + 0.7, 1.0)
    np.testing.assert_allclose(same.predict(Y).mean, old.predict(Y).mean, atol=1e-9)
    moved = smooth_batch(old, 1.5 * Y + 2.0, Z + 0.7, 0.25)
    np.testing.assert_allclose(moved.C_, 0.25 * old.C_ + 0.75 * batch.C_)
    R = 0.25 * np.linalg.inv(old.precision_) + 0.75 * np.linalg.inv(batch.precision_)
    np.testing.assert_allclose(np.linalg.inv(moved.precision_), R)
    np.testing.assert_array_equal(moved.A_, old.A_)
    with pytest.raises(ConfigError, match=r"rho must be from 0 to 1, got 1\.5"):
        smooth_batch(old, Y, Z, 1.5)


def test_a_batch_with_another_mean_velocity_predicts_the_same_channels():
    old = KalmanFilter().fit(Y, Z)
    new = smooth_batch(old, Y[:200], Z[:200], 0.0)
    batch = KalmanFilter().fit(Y[:200], Z[:200])
    for z in Z[:5]:
        mine = new.y_mean_ + new.C_ @ (z - new.z_mean_)
        np.testing.assert_allclose(mine, batch.y_mean_ + batch.C_ @ (z - batch.z_mean_))


def test_a_swap_goes_on_with_the_live_state():
    first, second = KalmanFilter().fit(Y, Z), KalmanFilter(noise="diagonal").fit(Y, Z)
    expected = KalmanFilter(noise="diagonal").fit(Y, Z)
    expected._live = (first.predict(Y[:10]).mean[-1] - first.z_mean_, first.predict(Y[:10]).cov[-1])
    swapping = HotSwap(first)
    for y in Y[:10]:
        swapping.step(y, 0.0)
    swapping.swap(second)
    assert swapping.decoder is first
    found = swapping.step(Y[10], 0.0)
    assert swapping.decoder is second
    assert swapping.n_swaps == 1
    np.testing.assert_allclose(found.mean, expected.step(Y[10], 0.0).mean, atol=1e-12)


def test_counts_of_missing_channels_survive_a_swap():
    swapping = HotSwap(KalmanFilter().fit(Y, Z))
    holes = Y[:4].copy()
    holes[:, 1] = np.nan
    swapping.advance(holes)
    swapping.swap(SteadyKalmanFilter().fit(Y, Z))
    swapping.advance(holes)
    assert swapping.missing.tolist() == [0, 8, 0, 0, 0, 0, 0]
    swapping.reset()
    assert not swapping.missing.any()


def test_a_refit_runs_off_the_decode_thread_and_steps_go_on():
    swapping, may_end = HotSwap(KalmanFilter().fit(Y, Z)), threading.Event()
    where = []

    def make():
        where.append(threading.get_ident())
        assert may_end.wait(10)
        return KalmanFilter(noise="diagonal").fit(Y, Z)

    old = swapping.decoder
    under_way = swapping.refit(make)
    expected = old.predict(Y[:5]).mean
    found = [swapping.step(y, 0.0).mean for y in Y[:5]]
    np.testing.assert_array_equal(found, expected)
    may_end.set()
    under_way.result(10)
    swapping.step(Y[5], 0.0)
    assert swapping.decoder is not old
    assert where != [threading.get_ident()]
    swapping.close()


def test_a_refit_that_fails_keeps_the_decoder_and_says_why():
    swapping = HotSwap(KalmanFilter().fit(Y, Z))
    old = swapping.decoder
    with pytest.raises(ConfigError, match=r"7 channels to 3 states.*got 6 to 3"):
        swapping.refit(lambda: KalmanFilter().fit(Y[:, 1:], Z)).result(10)
    swapping.step(Y[0], 0.0)
    assert swapping.decoder is old
    swapping.close()
