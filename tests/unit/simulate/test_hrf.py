"""Haemodynamic responses have the delay, width and undershoot that they are made from."""

import numpy as np
import pytest

from neurodecode.seeds import generator
from neurodecode.simulate.hrf import (
    STEP,
    curves,
    design,
    double_gamma,
    draw_shapes,
    expand,
)
from neurodecode.simulate.world import WORLDS

HRF = WORLDS["realistic"].hrf


def one(delay=5.0, width=2.3, undershoot=0.17):
    return tuple(np.array([value]) for value in (delay, width, undershoot))


@pytest.mark.parametrize("delay", [3.5, 5.0, 7.5])
@pytest.mark.parametrize("width", [1.6, 2.3, 3.0])
def test_the_peak_is_at_the_delay_and_as_wide_as_asked(delay, width):
    times = np.arange(0, 60, 0.01)
    h = double_gamma(times, *one(delay, width, 0.0))[0]
    assert times[h.argmax()] == pytest.approx(delay, abs=0.02)
    assert h.max() == pytest.approx(1, abs=1e-4)
    mean = (times * h).sum() / h.sum()
    sd = np.sqrt(((times - mean) ** 2 * h).sum() / h.sum())
    assert sd == pytest.approx(width, abs=0.02)


def test_the_undershoot_has_the_depth_asked_for():
    times = np.arange(0, 60, 0.01)
    h = double_gamma(times, *one(5.0, 1.5, 0.3))[0]
    assert h.min() == pytest.approx(-0.3, abs=0.01)
    assert times[h.argmin()] == pytest.approx(15, abs=0.3)


def test_a_shown_picture_is_a_sum_of_instants():
    response = curves(*one(), duration=2.0)[0]
    times = np.arange(len(response)) * STEP
    instants = sum(double_gamma(np.maximum(times - s, 0), *one())[0] for s in np.arange(20) * STEP)
    np.testing.assert_allclose(response, instants / instants.max(), atol=1e-9)
    assert response.max() == 1


def test_a_few_curves_hold_all_responses():
    rng = np.random.default_rng(0)
    shapes = rng.uniform(4, 6.5, 400), rng.uniform(1.8, 2.8, 400), rng.uniform(0, 0.3, 400)
    exact = curves(*shapes, 2.0)
    made = expand(exact)
    assert len(made.basis) < 25
    np.testing.assert_allclose(made.mixture.T @ made.basis, exact, atol=5e-3)


def test_a_course_is_the_curve_from_the_onset_on():
    basis = np.stack([np.arange(100.0), np.ones(100)])
    course = design(basis, np.array([4.0, 7.0]), 8, 2.0)
    assert course.shape == (2, 8, 2)
    np.testing.assert_allclose(course[1, :, 0], [0, 0, 1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(course[0, :, 1], [0, 0, 0, 0, 10, 30, 50, 70])


def test_people_differ_more_than_voxels_and_a_shift_is_a_shift():
    position = generator(0).normal(size=(500, 3))
    position /= np.linalg.norm(position, axis=1, keepdims=True)
    people = [draw_shapes(HRF, position, 1, f"sub-{k}", 0.0)[0] for k in range(60)]
    means = [p.mean() for p in people]
    assert np.mean(means) == pytest.approx(HRF.delay[0], abs=0.2)
    assert np.std(means) == pytest.approx(HRF.delay[1], rel=0.3)
    assert np.mean([p.std() for p in people]) == pytest.approx(HRF.delay[2], rel=0.3)
    later = draw_shapes(HRF, position, 1, "sub-0", 0.5)[0]
    np.testing.assert_allclose(later - people[0], 0.5, atol=1e-9)
