"""Cleaning of EEG: what was spoilt on purpose is found and mended, the rest is left alone."""

import sys
from dataclasses import replace

import fake_eeg as fake
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.eeg_cleaning import bad_channels
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.registry import make

AT = {name: k for k, name in enumerate(fake.NAMES)}


def estimate(source, **changes):
    raw = {"kind": "epochs", "start": -0.2, "stop": 0.4, "band": [1, 30], "rate": 100, **changes}
    return make("estimator", TypeAdapter(EstimatorSettings).validate_python(raw)).estimate(source)


def shaped(found):
    return found.data.reshape(len(found.data), len(fake.NAMES), -1)


def facts(found):
    return dict(found.quality["facts"].to_numpy())


def spoilt():
    """Cz is flat, C4 loud, P3 as loud as others but alone."""
    source, brain, _ = fake.eeg()
    data, rng = source.data.copy(), np.random.default_rng(7)
    data[:, AT["Cz"]] = 0
    data[:, AT["C4"]] += 400 * rng.normal(size=len(data))
    data[:, AT["P3"]] = 10 * rng.normal(size=len(data))
    return replace(source, data=data), brain


def test_bad_channels_are_found_and_no_other():
    source, _ = spoilt()
    found = bad_channels(source.data.T.astype(float), fake.RATE, 5.0)
    assert {name for name in fake.NAMES if found[AT[name]]} == {"Cz", "C4", "P3"}
    clean = fake.eeg()[0].data.T.astype(float)
    assert not bad_channels(clean, fake.RATE, 5.0).any()
    assert bad_channels(np.zeros((4, 400)), fake.RATE, 5.0).all()


def test_found_channels_are_interpolated_counted_and_told():
    source, brain = spoilt()
    with pytest.warns(DataWarning, match=r"3 of 22 \(C4, P3, Cz\) channels were found bad"):
        found = estimate(source, bad_channels=5)
    truth = shaped(estimate(replace(source, data=brain.astype(np.float32))))
    for name in ("Cz", "C4", "P3"):
        r = np.corrcoef(shaped(found)[:, AT[name]].ravel(), truth[:, AT[name]].ravel())[0, 1]
        assert r > 0.9
    assert sorted(found.quality["repaired"]["channel"]) == ["C4", "Cz", "P3"]
    assert facts(found)["Channels found bad"] == "3 of 22 (C4, P3, Cz)"


def test_components_like_frontal_channels_are_blinks():
    source, brain, eyes = fake.eeg(blinking=True)
    found = estimate(source, ica="frontal")
    plain, truth, blink = (
        shaped(estimate(replace(source, data=part.astype(np.float32))))
        for part in (source.data, brain, eyes)
    )
    front, back = AT["Fp1"], AT["Oz"]
    cleaned = shaped(found)
    assert np.var(cleaned[:, front] - truth[:, front]) < 0.05 * np.var(blink[:, front])
    assert np.corrcoef(cleaned[:, back].ravel(), truth[:, back].ravel())[0, 1] > 0.95
    assert np.var(plain[:, front] - truth[:, front]) > 0.9 * np.var(blink[:, front])
    assert "like frontal channels" in facts(found)["Independent components removed"]


def test_iclabel_names_blinks_and_says_so():
    source, brain, eyes = fake.eeg(blinking=True)
    found = estimate(source, ica="iclabel")
    assert "eye blink" in facts(found)["Independent components removed"]
    front = AT["Fp1"]
    truth, blink = (
        shaped(estimate(replace(source, data=part.astype(np.float32))))[:, front]
        for part in (brain, eyes)
    )
    assert np.var(shaped(found)[:, front] - truth) < 0.05 * np.var(blink)


def test_iclabel_without_its_package_and_frontal_without_its_channels(monkeypatch):
    source = fake.eeg()[0]
    monkeypatch.setitem(sys.modules, "mne_icalabel", None)
    with pytest.raises(ConfigError, match=r"pip install 'neurodecode\[icalabel\]'"):
        estimate(source, ica="iclabel")
    others = source.units.assign(unit=[f"E{k}" for k in range(22)])
    with pytest.raises(DataError, match="ica: frontal needs one of the channels Fp1"):
        estimate(replace(source, units=others), ica="frontal")
    with pytest.raises(ValidationError, match="ica needs reference: average"):
        estimate(source, ica="frontal", reference="none")


ALONE = {20: "F3", 22: "Pz", 24: "C4", 26: "O1", 28: "FC2", 30: "T7"}


def bursting():
    """Trials 3 and 17 are loud everywhere, some others in one channel."""
    source, brain, _ = fake.eeg()
    data, rng = source.data.copy(), np.random.default_rng(5)
    spoilt = {3: fake.NAMES, 17: fake.NAMES, **{k: [name] for k, name in ALONE.items()}}
    for trial, names in spoilt.items():
        first = int(fake.ONSETS[trial] * fake.RATE)
        for name in names:
            wave = np.sin(np.arange(60) / 3) * rng.choice([-1, 1]) * rng.uniform(300, 500)
            data[first : first + 60, AT[name]] += wave
    return replace(source, data=data), brain


def test_autoreject_drops_and_repairs_and_is_the_same_every_time():
    source, brain = bursting()
    with pytest.warns(DataWarning, match="as autoreject finds too many bad channels"):
        found = estimate(source, autoreject=True)
    with pytest.warns(DataWarning):
        again = estimate(source, autoreject=True)
    np.testing.assert_array_equal(found.data, again.data)
    kept = found.trials["trial"].str[-2:].astype(int).tolist()
    assert not {3, 17} & set(kept)
    dropped = dict(found.quality["dropped"].to_numpy())
    assert dropped["as autoreject finds too many bad channels"] == len(fake.ONSETS) - len(kept)
    truth, repaired = (
        shaped(estimate(replace(source, data=brain.astype(np.float32)))),
        shaped(found),
    )
    mended = [trial for trial in ALONE if trial in kept]
    assert mended
    for trial in mended:
        wrong = (repaired[kept.index(trial)] - truth[trial])[AT[ALONE[trial]]]
        assert np.abs(wrong).max() < 30  # of 300 and more
    assert "times in" in facts(found)["Channels repaired by autoreject"]


def test_autoreject_needs_places_and_trials():
    source = fake.eeg()[0]
    with pytest.raises(DataError, match="autoreject needs 10 trials and 5 channels, found 4"):
        estimate(replace(source, events=source.events[:4]), autoreject=True)
    nowhere = replace(source, units=source.units.drop(columns=["x", "y", "z"]))
    with pytest.raises(DataError, match="places of some are not known"):
        estimate(nowhere, autoreject=True)


def meg():
    """The same waves, as if 11 magnetometers (fT) and 11 gradiometers (fT/cm) had seen them."""
    source = fake.eeg()[0]
    return replace(source, units=source.units.assign(roi=["mag"] * 11 + ["grad"] * 11))


def test_meg_keeps_its_units_and_has_its_own_limits():
    source = meg()
    found = estimate(source, baseline=None)
    plain = estimate(fake.eeg()[0], baseline=None, reference="none")
    np.testing.assert_allclose(found.data, plain.data, rtol=1e-3, atol=1e-3)
    assert found.units["roi"].tolist()[::60] == source.units["roi"].tolist()
    loud = source.data.copy()
    loud[int(5.1 * fake.RATE) : int(5.2 * fake.RATE), 15] += 500
    with pytest.warns(DataWarning, match=r"1 as the range of a channel \(grad\) is above 200"):
        kept = estimate(replace(source, data=loud), reject_grad=200, reject_mag=200, reject=1)
    assert len(kept.trials) == len(fake.ONSETS) - 1


def test_meg_is_not_interpolated_nor_taken_for_eeg():
    source = meg()
    bad = replace(source, units=source.units.assign(bad=source.units["unit"] == "Cz"))
    with pytest.warns(DataWarning, match="1 of 22 channels were dropped"):
        found = estimate(bad)
    assert found.units["channel"].nunique() == 21
    for change in ({"ica": "frontal"}, {"autoreject": True}):
        with pytest.raises(ConfigError, match="are for EEG, the recording holds grad, mag"):
            estimate(source, **change)
