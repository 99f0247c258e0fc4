"""Epochs cut live: those of the estimator, however samples come; gaps and late markers."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.epochs import LiveEpochs
from neurodecode.online.stream import Chunk, Marker
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.registry import make

sys.path.append(str(Path(__file__).parents[1] / "preprocess"))
import fake_eeg

RATE = fake_eeg.RATE


def estimator(**changes):
    raw = {"kind": "epochs", "causal": True, "band": [0.5, 30], "rate": 100, **changes}
    return make("estimator", TypeAdapter(EstimatorSettings).validate_python(raw))


def one_run():
    """A recording with one bad channel, and its markers."""
    recording, _, _ = fake_eeg.eeg()
    markers = [Marker(t, f"m{k}") for k, t in enumerate(recording.events["onset"])]
    units = recording.units.assign(bad=recording.units["unit"] == "C3")
    return replace(recording, units=units), markers


def play(live, recording, markers, size, late=0.0, drop=slice(0, 0)):
    """Hand the recording on in chunks; ``late``: by how much markers come after their sample."""
    found, n = [], len(recording.data)
    keep = np.ones(n, bool)
    keep[drop] = False
    left = list(markers)
    for start in range(0, n, size):
        rows = np.arange(start, min(start + size, n))
        now = recording.times[rows[-1]]
        due = [m for m in left if m.time + late <= now]
        left = left[len(due) :]
        rows = rows[keep[rows]]
        data, times = recording.data[rows].astype(float) * 1e-6, recording.times[rows]
        found += live.step(Chunk(data, times, times), tuple(due), now)
    return found


@pytest.mark.parametrize("size", [1, 17, 500])
def test_live_epochs_are_those_of_the_estimator(size):
    recording, markers = one_run()
    if size == 1:  # sample by sample is slow: two epochs are enough
        markers, n = markers[:2], int((markers[1].time + 2) * RATE)
        recording = replace(
            recording, data=recording.data[:n], times=recording.times[:n],
            runs=recording.runs[:n], events=recording.events[:2],
        )  # fmt: skip
    live = LiveEpochs(estimator(), recording.units, tuple(recording.units["unit"]), RATE)
    found = play(live, recording, markers, size)
    expected = estimator().estimate(recording).data
    assert [e.marker.label for e in found] == [m.label for m in markers]
    np.testing.assert_allclose([e.features for e in found], expected, atol=1e-5)
    assert live.counts.cut == live.counts.markers == len(markers)


def test_channels_are_found_by_name_and_a_late_marker_is_cut_all_the_same():
    recording, markers = one_run()
    expected = estimator().estimate(recording).data
    order = np.random.default_rng(0).permutation(len(recording.units))
    names = tuple(recording.units["unit"].iloc[order])
    live = LiveEpochs(estimator(), recording.units, names, RATE)
    turned = replace(
        recording, data=recording.data[:, order],
        units=recording.units.iloc[order].reset_index(drop=True),
    )  # fmt: skip
    found = play(live, turned, markers, 25, late=3.0)
    assert len(found) >= len(markers) - 2  # the last come after the end
    np.testing.assert_allclose([e.features for e in found], expected[: len(found)], atol=1e-5)


def test_an_epoch_that_spans_a_gap_is_counted_and_others_go_on():
    recording, markers = one_run()
    live = LiveEpochs(estimator(), recording.units, tuple(recording.units["unit"]), RATE)
    onset = round(markers[3].time * RATE)
    found = play(live, recording, markers, 20, drop=slice(onset + 30, onset + 60))
    assert [e.marker.label for e in found] == [m.label for m in markers if m.label != "m3"]
    assert live.counts.broken == 1
    assert live.counts.markers == live.counts.cut + live.counts.broken + live.counts.waiting


def test_a_nan_and_a_range_drop_an_epoch():
    recording, markers = one_run()
    data = recording.data.copy()
    data[round((markers[1].time + 0.1) * RATE), 2] = np.nan
    data[round((markers[2].time + 0.1) * RATE) :, 5] += 500
    live = LiveEpochs(estimator(reject=100), recording.units, tuple(recording.units["unit"]), RATE)
    play(live, replace(recording, data=data), markers[:3], 20)
    assert (live.counts.cut, live.counts.broken, live.counts.rejected) == (1, 1, 1)


def test_what_does_not_fit_is_said():
    recording, _ = one_run()
    names = tuple(recording.units["unit"])
    with pytest.raises(ConfigError, match="set causal: true and train again"):
        LiveEpochs(estimator(causal=False), recording.units, names, RATE)
    with pytest.raises(
        DataError, match="1 of 22 channels that the decoder was trained on are missing: CP2"
    ):
        LiveEpochs(estimator(), recording.units, names[:-1], RATE)
    with pytest.raises(ConfigError, match="below half the stream's rate"):
        LiveEpochs(estimator(), recording.units, names, 50.0)
