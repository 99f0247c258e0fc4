"""EEG epochs: what filters, repairs and cuts do to signals that are known, and a real recording."""

import os
from dataclasses import replace
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

from neurodecode.contracts import Recording
from neurodecode.embed.channel_steps import ChannelSteps
from neurodecode.embed.lda import ShrinkageLdaDecoder
from neurodecode.embed.settings import ShrinkageLdaSettings
from neurodecode.embed.time_resolved import Split, decode_over_time
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.registry import make

RATE, SECONDS = 250.0, 40
REAL = Path(
    os.environ.get("NEURODECODE_RECORDINGS", "recordings"), "eeglab_visual", "eeglab_data.set"
)
NAMES = ["Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "Fz", "Cz", "Pz", "Oz"]


def estimator(**changes):
    raw = {"kind": "epochs", "reference": "none", **changes}
    return make("estimator", TypeAdapter(EstimatorSettings).validate_python(raw))


def recording(signal=None, n_runs=2):
    """White noise of 1 microvolt, and what ``signal`` (n_times,) adds to all channels."""
    rng = np.random.default_rng(0)
    n = int(RATE * SECONDS)
    montage = mne.channels.make_standard_montage("biosemi64").get_positions()["ch_pos"]
    places = np.array([montage[name] for name in NAMES]) * 1000
    data = rng.normal(size=(n_runs * n, len(NAMES)))
    if signal is not None:
        data += np.tile(signal, n_runs)[:, None]
    events = pd.DataFrame({"onset": np.tile(np.arange(2, 36, 2.0), n_runs), "duration": 0.1,
                           "run": np.repeat(np.arange(n_runs), 17), "stimulus": "",
                           "category": "x"})  # fmt: skip
    units = pd.DataFrame(places, columns=["x", "y", "z"])
    units.insert(0, "roi", "eeg")
    units.insert(0, "unit", NAMES)
    return Recording(
        data=data.astype(np.float32),
        times=np.tile(np.arange(n) / RATE, n_runs),
        runs=np.repeat(np.arange(n_runs), n),
        events=events,
        units=units.assign(bad=False),
        participant_id="01",
        sfreq=RATE,
    )


def clock():
    return np.arange(int(RATE * SECONDS)) / RATE


def shaped(found):
    return found.data.reshape(len(found.data), found.units["channel"].nunique(), -1)


def test_units_are_channels_at_times():
    found = estimator(rate=100, baseline=None).estimate(recording())
    assert found.data.shape == (34, len(NAMES) * 100)
    assert found.units["unit"][:2].tolist() == ["Fp1_-0.200s", "Fp1_-0.190s"]
    assert found.units["channel"].tolist()[::100] == NAMES
    assert found.units["time"][:3].tolist() == pytest.approx([-0.2, -0.19, -0.18])
    assert found.transductive
    assert "bad" not in found.units


def test_a_wave_in_the_band_is_kept_and_others_are_not():
    for frequency, share in ((10, 1.0), (0.05, 0.0), (90, 0.0), (50, 0.0)):
        wave = 100 * np.sin(2 * np.pi * frequency * clock())
        found = estimator(band=(1, 55), notch=(50,), rate=None, baseline=None).estimate(
            recording(wave)
        )
        size = np.sqrt((shaped(found)[3:-3] ** 2).mean()) * np.sqrt(2) / 100
        assert size == pytest.approx(share, abs=0.06)


def test_an_epoch_starts_where_it_says():
    bump = np.exp(-0.5 * ((clock() % 2 - 0.3) / 0.02) ** 2) * 200
    found = estimator(rate=None, band=(0, 60), baseline=(-0.2, 0)).estimate(recording(bump))
    mean = shaped(found).mean(axis=(0, 1))
    times = found.units["time"].unique()
    assert times[mean.argmax()] == pytest.approx(0.3, abs=1 / RATE)
    assert mean.max() == pytest.approx(200, rel=0.02)
    assert abs(mean[times < 0].mean()) < 0.5


def test_a_late_start_of_the_clock_is_taken_into_account():
    source = recording()
    later = replace(source, times=source.times + 5,
                    events=source.events.assign(onset=source.events["onset"] + 5))  # fmt: skip
    np.testing.assert_array_equal(
        estimator().estimate(source).data, estimator().estimate(later).data
    )


def test_average_reference_and_baseline():
    found = estimator(reference="average").estimate(recording(50 * np.sin(20 * clock())))
    assert np.abs(shaped(found).mean(axis=1)).max() < 1e-3
    flat = estimator(rate=None).estimate(recording(30 + 0 * clock()))
    times = flat.units["time"].unique()
    before = shaped(flat)[:, :, times <= 0].mean(axis=2)
    assert np.abs(before).max() < 0.05


def smooth():
    """A field over the head that varies slowly with place."""
    source = recording()
    wave = 40 * np.tile(np.sin(2 * np.pi * 8 * clock()), 2)
    field = 1 + source.units["x"].to_numpy() / 100
    return replace(source, data=(0.1 * source.data + wave[:, None] * field).astype(np.float32))


def test_bad_channels_are_interpolated_from_their_neighbours():
    source = smooth()
    broken = source.data.copy()
    broken[:, 11] = 1e4 * np.random.default_rng(1).normal(size=len(broken))
    marked = replace(source, data=broken, units=source.units.assign(bad=source.units.unit == "Cz"))
    whole, repaired = (shaped(estimator().estimate(r)) for r in (source, marked))
    assert np.corrcoef(whole[:, 11].ravel(), repaired[:, 11].ravel())[0, 1] > 0.95
    np.testing.assert_allclose(repaired[:, :11], whole[:, :11], atol=1e-3)


def test_bad_channels_without_places_are_dropped_and_counted():
    source = recording()
    bad = source.units["unit"] == "Cz"
    units = source.units.drop(columns=["x", "y", "z"]).assign(bad=bad)
    with pytest.warns(DataWarning, match="1 of 14 channels were dropped"):
        found = estimator().estimate(replace(source, units=units))
    assert found.units["channel"].nunique() == 13
    with pytest.raises(DataError, match="all 14 channels are marked as bad"):
        estimator().estimate(replace(source, units=source.units.assign(bad=True)))


def test_trials_that_leave_the_run_or_are_loud_are_dropped_and_counted():
    source = recording()
    onsets = source.events["onset"].to_numpy().copy()
    onsets[[0, 33]] = 0.1, 39.5
    loud = source.data.copy()
    at = int((source.events["onset"][5] + 0.3) * RATE)
    loud[at : at + 10, 4] += 500
    changed = replace(source, data=loud, events=source.events.assign(onset=onsets))
    with pytest.warns(DataWarning, match="of 34 trials 3 .*: 2 as they leave their run, 1 as the"):
        found = estimator(reject=100).estimate(changed)
    names = set(found.trials["trial"])
    assert len(names) == 31
    assert not {"run-00_block-00", "run-00_block-05", "run-01_block-16"} & names


def test_the_order_of_trials_is_that_of_the_events():
    source = recording()
    shuffled = source.events.sample(frac=1, random_state=0).reset_index(drop=True)
    shuffled["category"] = [f"c{k:02d}" for k in range(34)]
    found = estimator().estimate(replace(source, events=shuffled))
    assert found.trials["category"].tolist() == shuffled["category"].tolist()


def test_no_trial_left():
    source = recording()
    with pytest.raises(DataError, match="no trial is left of 34: 34 as the range of a channel"):
        estimator(reject=0.01).estimate(source)
    late = source.events.assign(onset=39.9)
    with pytest.raises(DataError, match="no trial is left of 34: 34 as they leave their run"):
        estimator().estimate(replace(source, events=late))
    with pytest.raises(DataError, match="no event"):
        estimator().estimate(replace(source, events=source.events[:0]))


def test_what_the_recording_cannot_give():
    source = recording()
    with pytest.raises(ConfigError, match=r"below half the sampling rate \(125 Hz\), got 200"):
        estimator(notch=(200,)).estimate(source)
    twice = source.units.assign(unit=["Fp1", *NAMES[:-1]])
    with pytest.raises(DataError, match="channels named twice: Fp1"):
        estimator().estimate(replace(source, units=twice))
    with pytest.raises(ConfigError, match="as_given"):
        estimator().estimate(estimator().estimate(source))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 1.0, "baseline": None}, "start, stop: must rise"),
        ({"baseline": (-0.5, 0)}, "between start and stop"),
        ({"band": (40, 1)}, "band: must rise"),
        ({"rate": 50}, "half of rate"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(ValidationError, match=message):
        estimator(**changes)


@pytest.mark.skipif(not REAL.exists(), reason=f"no recording at {REAL}: set NEURODECODE_RECORDINGS")
def test_a_real_recording_tells_seeing_from_pressing():
    """Squares against button presses: told apart, from what is there and not before the square."""
    raw = mne.io.read_raw_eeglab(REAL, preload=True, verbose="ERROR")
    marks = raw.annotations
    n = len(raw.times)
    units = pd.DataFrame({"unit": raw.ch_names, "roi": "eeg"})
    units[["x", "y", "z"]] = np.array([c["loc"][:3] for c in raw.info["chs"]]) * 1000
    events = pd.DataFrame({"onset": marks.onset, "duration": 0.0, "run": 0, "stimulus": "",
                           "category": marks.description})  # fmt: skip
    source = Recording(
        (raw.get_data().T * 1e6).astype(np.float32), raw.times.astype(float),
        np.zeros(n, np.int64), events, units, "01", float(raw.info["sfreq"]),
    )  # fmt: skip
    found = estimator(
        start=-0.2, stop=0.6, band=(0.5, 20), notch=(60,), reference="average", rate=40
    ).estimate(source)
    labels = found.trials["category"].to_numpy(dtype=str)
    assert len(labels) >= 150
    block = np.arange(len(labels)) * 5 // len(labels)  # folds of neighbours in time
    times, hits = found.units["time"].unique(), []
    plain = ChannelSteps(ShrinkageLdaSettings(kind="shrinkage_lda", targets=()))
    for k in range(5):
        fold = Split(block != k, block == k, labels, {}, block.astype(str))
        decoders = decode_over_time(found, fold, lambda: ShrinkageLdaDecoder(()), plain)
        said = [
            np.array(one.classes)[decoded["label"][:, t].argmax(axis=1)]
            for t, (one, decoded) in enumerate(decoders)
        ]
        hits.append((np.array(said) == labels[fold.test]).mean(axis=1))
    accuracy = np.mean(hits, axis=0)
    assert accuracy[(times > 0.1) & (times < 0.4)].max() > 0.7
    # The visual response: occipital channels, more after the square than before.
    shown = shaped(found)[labels == "square"].mean(axis=0)
    channel = found.units["channel"].unique().tolist()
    back = shown[[channel.index(name) for name in ("O1", "Oz", "O2", "PO7", "PO8")]]
    after, before = back[:, (times > 0.1) & (times < 0.3)], back[:, times < 0]
    assert np.abs(after).max() > 3 * np.abs(before).max()
