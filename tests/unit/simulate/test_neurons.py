"""Simulated units have the tuning, the noise and the changes that they claim."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodecode.errors import ConfigError
from neurodecode.simulate.neurons import Drift, Neurons, NeuronSettings

REST = np.zeros(2)
STEADY = NeuronSettings(n_units=40, adaptation=0, place=0)


def counts(neurons, velocity, n_bins):
    return np.stack([neurons.step(velocity, REST) for _ in range(n_bins)])


def test_mean_and_variance_of_counts_are_the_ones_asked_for():
    neurons = Neurons(STEADY, 0.1, seed=3)
    expected = 0.1 * neurons.rates(REST, REST)
    drawn = counts(neurons, REST, 4000)
    np.testing.assert_allclose(drawn.mean(axis=0), expected, rtol=0.1)
    fano = drawn.var(axis=0) / drawn.mean(axis=0)
    assert fano.mean() == pytest.approx(1.5, abs=0.02)
    poisson = counts(Neurons(NeuronSettings(40, fano=1, adaptation=0), 0.1, 3), REST, 4000)
    assert (poisson.var(axis=0) / poisson.mean(axis=0)).mean() == pytest.approx(1, abs=0.02)


def test_rates_are_a_cosine_of_the_intended_direction():
    neurons = Neurons(STEADY, 0.1, seed=3)
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rates = np.stack([neurons.rates(d, REST) for d in directions])
    never_silenced = (rates > 0).all(axis=0)
    assert never_silenced.sum() > 20
    vector = 2 * np.mean(rates[:, :, None] * directions[:, None], axis=0)[never_silenced]
    np.testing.assert_allclose(np.hypot(*vector.T), neurons.depths[never_silenced])
    turned = np.arctan2(vector[:, 1], vector[:, 0]) - neurons.angles[never_silenced]
    np.testing.assert_allclose(np.cos(turned), 1)
    baselines = rates.mean(axis=0)[never_silenced]
    np.testing.assert_allclose(baselines, neurons.baselines[never_silenced])


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_rates_are_never_negative(vx, vy, x):
    rates = Neurons(NeuronSettings(), 0.05, 1).rates(np.array([vx, vy]), np.array([x, -x]))
    assert (rates >= 0).all()


def test_a_steady_drive_tires_a_unit_and_rest_does_not():
    neurons = Neurons(NeuronSettings(60, place=0, adaptation=0.5), 0.05, 5)
    push = np.array([1.0, 0.0])
    first = neurons.rates(push, REST) - neurons.baselines
    counts(neurons, push, 200)
    later = neurons.rates(push, REST) - neurons.baselines
    np.testing.assert_allclose(later, first / 1.5, rtol=1e-6, atol=1e-9)
    resting = Neurons(NeuronSettings(60, place=0, adaptation=0.5), 0.05, 5)
    counts(resting, REST, 50)
    np.testing.assert_allclose(resting.rates(REST, REST), resting.baselines)


def test_the_recording_changes_at_the_pace_asked_for():
    drift = Drift(baseline=0.2, turn=0.3, loss=0.1)
    neurons = Neurons(NeuronSettings(2000, drift=drift), 0.5, 7)
    baselines, angles = neurons.baselines.copy(), neurons.angles.copy()
    counts(neurons, REST, 240)  # two minutes
    assert np.log(neurons.baselines / baselines).std() == pytest.approx(0.2 * 2**0.5, rel=0.05)
    assert (neurons.angles - angles).std() == pytest.approx(0.3 * 2**0.5, rel=0.05)
    assert neurons.silent.mean() == pytest.approx(1 - 0.9**2, abs=0.02)
    silent = neurons.silent
    assert neurons.step(REST, REST)[silent].max() == 0


def test_the_same_seed_meets_the_same_units_whatever_is_intended():
    drift = Drift(baseline=0.2, turn=0.3, loss=0.1)
    one, two = (Neurons(NeuronSettings(drift=drift), 0.05, 9) for _ in range(2))
    other = Neurons(NeuronSettings(drift=drift), 0.05, 10)
    np.testing.assert_array_equal(counts(one, REST, 30), counts(two, REST, 30))
    assert not np.array_equal(one.baselines, other.baselines)
    counts(one, REST, 30)
    counts(two, np.ones(2), 30)
    np.testing.assert_array_equal(one.angles, two.angles)
    np.testing.assert_array_equal(one.baselines, two.baselines)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fano": 0.9}, "fano must be at least 1"),
        ({"n_units": 0}, "n_units must be at least 1"),
        ({"adaptation_time": 0}, "adaptation must not"),
    ],
)
def test_impossible_numbers_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        NeuronSettings(**wrong)
    with pytest.raises(ConfigError, match="drift must not be negative"):
        Drift(loss=1)
    with pytest.raises(ConfigError, match="bin_width"):
        Neurons(NeuronSettings(), 0, 1)
