"""Simulated noise has the spectra and the covariance that its closed form gives."""

import numpy as np
import pytest
from scipy.signal import welch

from neurodecode.simulate.eeg_noise import (
    Blinks,
    EegNoise,
    Line,
    Muscle,
    NoiseTraits,
    Stationary,
    covariance,
    draw_noise,
    noise_causes,
    noise_sources,
)
from neurodecode.simulate.eeg_oracle import Analysis, filtered
from neurodecode.simulate.scalp import standard_scalp

SFREQ = 250.0
ONE = np.ones((1, 1))
CAUSES = {
    "power": Stationary("power", ONE, lambda f: 1 / (0.2**1.3 + f**1.3)),
    "peak": Stationary("peak", ONE, lambda f: np.exp(-((f - 10) ** 2) / 2)),
    "blinks": Blinks("blinks", ONE, 0.5),
    "muscle": Muscle("muscle", ONE, 0.3, 0.5, 2.0),
}


def causes():
    noise = EegNoise()
    traits = NoiseTraits(1.2, 10.0, 6.0, 1.0, 50.0)
    rng = np.random.default_rng(3)
    return noise_causes(noise, traits, noise_sources(rng), standard_scalp(), rng)


@pytest.mark.parametrize("name", CAUSES)
def test_the_spectrum_is_the_one_of_the_closed_form(name):
    drawn = CAUSES[name].draw(400_000, SFREQ, np.random.default_rng(1))
    f, measured = welch(drawn[0], SFREQ, nperseg=1000)
    band = (f >= 1) & (f <= 20) if name != "muscle" else (f >= 30) & (f <= 90)
    expected = CAUSES[name].density(f[band])
    strong = expected > 0.05 * expected.max()
    np.testing.assert_allclose(measured[band][strong] / expected[strong], 1, atol=0.25)
    assert (measured[band] / expected)[strong].mean() == pytest.approx(1, abs=0.06)


def test_a_stationary_source_has_unit_variance():
    drawn = CAUSES["peak"].draw(200_000, SFREQ, np.random.default_rng(2))
    assert drawn.var() == pytest.approx(1, abs=0.03)


def test_the_covariance_over_channels_and_lags_is_the_one_of_the_closed_form():
    made, analysis = causes(), Analysis(1.0, 20.0)
    recorded = filtered(draw_noise(made, 300_000, SFREQ, np.random.default_rng(4)), SFREQ, analysis)
    lags = np.array([0, 5, 20])
    expected = covariance(made, lags / SFREQ, analysis.passes)
    n = len(recorded) - lags.max()
    for lag, wanted in zip(lags, expected, strict=True):
        measured = recorded[:n].T @ recorded[lag : lag + n] / n
        error = np.linalg.norm(measured - wanted) / np.linalg.norm(expected[0])
        assert error < 0.08


def test_the_mains_hum_at_their_frequency():
    drawn = Line("line", np.ones((1, 2)), 60.0).draw(25_000, SFREQ, np.random.default_rng(5))
    f, power = welch(drawn[0], SFREQ, nperseg=2500)
    assert f[power.argmax()] == pytest.approx(60, abs=0.2)
    assert drawn.var() == pytest.approx(1, abs=0.01)


def test_blinks_are_strongest_at_the_forehead_and_muscle_at_the_temples():
    scalp = standard_scalp()
    by_name = {cause.name: cause for cause in causes()}
    blink, muscle = by_name["blinks"].mixing, np.abs(by_name["muscle"].mixing)
    assert scalp.names[blink[:, 0].argmax()] in ("Fp1", "Fp2")
    assert {scalp.names[k] for k in muscle.argmax(axis=0)} <= {"T7", "T8", "F7", "F8"}
    assert blink.max() == pytest.approx(120, rel=0.5)
