"""Filters that run forward only: what they pass, and that nothing later matters."""

from dataclasses import replace

import fake_eeg
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.signal import sosfreqz

from neurodecode.preprocess.forward import forward_sections, run_forward
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.registry import make

RATE = fake_eeg.RATE


def settings(**changes):
    raw = {"kind": "epochs", "causal": True, "band": [0.5, 30], **changes}
    return TypeAdapter(EstimatorSettings).validate_python(raw)


def test_the_band_passes_half_its_power_at_its_corners_and_a_notch_nothing():
    sections = forward_sections((1, 30), (50,), RATE)
    _, gain = sosfreqz(sections, worN=np.array([0.1, 1, 6, 30, 50, 100]), fs=RATE)
    power = np.abs(gain) ** 2
    np.testing.assert_allclose(power[[1, 3]], 0.5, atol=0.02)
    assert power[2] > 0.99
    assert power[[0, 4, 5]].max() < 0.02
    low = sosfreqz(forward_sections((0, 30), (), RATE), worN=np.array([0.0]), fs=RATE)[1]
    assert abs(low[0]) == pytest.approx(1)


def test_an_offset_makes_no_transient():
    sections = forward_sections((0.5, 30), (), RATE)
    np.testing.assert_allclose(run_forward(sections, np.full((500, 2), 7.0)), 0, atol=1e-9)


def test_what_comes_later_changes_no_epoch_and_the_zero_phase_filter_is_changed():
    recording = fake_eeg.eeg()[0]
    onset = recording.events["onset"][2]
    data = recording.data.copy()
    data[int((onset + 0.8) * RATE) + 1 :] *= 3
    for causal in (True, False):
        estimator = make("estimator", settings(causal=causal))
        one, other = (
            estimator.estimate(replace(recording, data=d)) for d in (recording.data, data)
        )
        assert one.transductive == (not causal)
        assert np.array_equal(one.data[:3], other.data[:3]) == causal


@pytest.mark.parametrize("change", [{"ica": "frontal"}, {"autoreject": True}, {"bad_channels": 5}])
def test_what_learns_from_the_whole_run_is_refused(change):
    with pytest.raises(ValidationError, match="learn from the whole run"):
        settings(**change)
