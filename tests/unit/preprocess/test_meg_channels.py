"""Bad MEG channels: interpolated where sensors and head are known, else dropped and named."""

import json
from dataclasses import replace

import mne
import numpy as np
import pandas as pd
import pytest
from mne.channels.montage import read_meg_canonical_info
from pydantic import TypeAdapter
from scipy.spatial.transform import Rotation

from neurodecode.errors import DataWarning
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.registry import make
from neurodecode.studies.settings import DataSettings

RATE, SECONDS = 100.0, 12
TURN, SHIFT = Rotation.from_euler("xyz", [0.1, -0.2, 0.3]).as_matrix(), np.array([0, 0.01, 0.05])
BAD = ["MEG 1511", "MEG 1933", "MEG 0922"]  # a magnetometer, two gradiometers
BASE = 0.0168
"""Between the loops of a planar gradiometer, m."""


def field(place, dipole, moment):
    """Sarvas 1987, equation 25: a current dipole's field outside a conducting sphere at 0 (T)."""
    a = place - dipole
    size, r = np.linalg.norm(a, axis=1), np.linalg.norm(place, axis=1)
    f = size * (r * size + r**2 - place @ dipole)
    along = (a * place).sum(axis=1)
    gradient = (size**2 / r + along / size + 2 * size + 2 * r)[:, None] * place
    gradient -= (size + 2 * r + along / size)[:, None] * dipole
    cross = np.cross(moment, dipole)
    return 1e-7 / f[:, None] ** 2 * (f[:, None] * cross - (place @ cross)[:, None] * gradient)


def seen(info):
    """What three dipoles in the head give each sensor: (n_channels, n_times), T and T/m."""
    loc = np.array([channel["loc"] for channel in info["chs"]])
    place = loc[:, :3] @ TURN.T + SHIFT - [0, 0, 0.04]
    along, normal = loc[:, 3:6] @ TURN.T, loc[:, 9:] @ TURN.T
    grad = np.array(info.get_channel_types()) == "grad"
    t = np.arange(int(RATE * SECONDS)) / RATE
    found = np.zeros((len(loc), len(t)))
    at = [[0.05, 0.02, 0.04], [-0.04, -0.05, 0.03], [0.0, 0.03, 0.065]]
    for k, (dipole, moment) in enumerate(zip(np.array(at), np.eye(3) * 2e-8, strict=True)):

        def flux(p, dipole=dipole, moment=moment):
            return (field(p, dipole, moment) * normal).sum(axis=1)

        slope = (flux(place + along * BASE / 2) - flux(place - along * BASE / 2)) / BASE
        found += np.where(grad, slope, flux(place))[:, None] * np.sin((9 + 4 * k) * t + k)
    return found


def write(root, *, there=True):
    """A recording with three bad channels; returns what they would have measured."""
    canonical = read_meg_canonical_info("neuromag")
    kinds = ["mag" if c["coil_type"] == 3024 else "grad" for c in canonical["chs"]]
    info = mne.create_info(canonical["ch_names"], RATE, kinds)
    for own, known in zip(info["chs"], canonical["chs"], strict=True):
        own["loc"][:], own["coil_type"] = known["loc"], known["coil_type"]
    data = seen(info)
    spoilt = data.copy()
    rng, rows = np.random.default_rng(0), [info["ch_names"].index(name) for name in BAD]
    spoilt[rows] = 1e-10 * rng.normal(size=(len(BAD), data.shape[1]))
    if there:
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = TURN, SHIFT
        with info._unlock():
            info["dev_head_t"] = mne.Transform("meg", "head", matrix)
    folder, stem = root / "sub-01" / "meg", "sub-01_task-see"
    folder.mkdir(parents=True)
    raw = mne.io.RawArray(spoilt, info, verbose="ERROR")
    raw.save(folder / f"{stem}_meg.fif", verbose="ERROR")
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    (folder / f"{stem}_meg.json").write_text(json.dumps({"PowerLineFrequency": 50}))
    types = {"mag": "MEGMAG", "grad": "MEGGRADPLANAR"}
    table = pd.DataFrame({"name": info["ch_names"], "type": [types[k] for k in kinds]})
    table["status"] = np.where(table["name"].isin(BAD), "bad", "good")
    table.to_csv(folder / f"{stem}_channels.tsv", sep="\t", index=False)
    events = pd.DataFrame({"onset": np.arange(1.0, 11.0), "duration": 0.1,
                           "trial_type": ["a", "b"] * 5})  # fmt: skip
    events.to_csv(folder / f"{stem}_events.tsv", sep="\t", index=False)
    scale = np.where(np.array(kinds) == "mag", 1e15, 1e13)
    return data * scale[:, None]


def load(root):
    raw = {"kind": "bids", "root": str(root), "task": "see", "datatype": "meg",
           "stimulus_column": None, "stimuli": None}  # fmt: skip
    with pytest.warns(DataWarning, match="3 of 306 channels are marked as bad"):
        return make("study", TypeAdapter(DataSettings).validate_python(raw)).load("01")


def estimate(recording):
    raw = {"kind": "epochs", "start": 0, "stop": 0.4, "band": [0, 40], "rate": None,
           "baseline": None}  # fmt: skip
    return make("estimator", TypeAdapter(EstimatorSettings).validate_python(raw)).estimate(
        recording
    )


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    root = tmp_path_factory.mktemp("meg")
    truth = write(root)
    return load(root), truth


def test_bad_sensors_are_interpolated_and_the_others_left_alone(spoilt):
    recording, truth = spoilt
    found = estimate(recording)
    whole = estimate(replace(recording, data=truth.T.astype(np.float32),
                             units=recording.units.assign(bad=False)))  # fmt: skip
    channel = found.units["channel"].to_numpy()
    for name in BAD:
        ours, true = found.data[:, channel == name], whole.data[:, channel == name]
        assert np.corrcoef(ours.ravel(), true.ravel())[0, 1] > 0.98
        assert np.abs(ours - true).max() < 0.3 * np.abs(true).max()
    others = ~np.isin(channel, BAD)
    np.testing.assert_allclose(found.data[:, others], whole.data[:, others], rtol=1e-3, atol=1e-2)
    assert sorted(found.quality["repaired"]["channel"]) == sorted(BAD)
    assert list(found.units) == ["unit", "channel", "roi", "x", "y", "z", "time"]


def test_places_are_the_heads_and_not_the_devices(spoilt):
    recording, _ = spoilt
    device = np.array([c["loc"][:3] for c in read_meg_canonical_info("neuromag")["chs"]])
    places = recording.units[["x", "y", "z"]].to_numpy() / 1000
    np.testing.assert_allclose(places, device @ TURN.T + SHIFT, atol=1e-6)


def test_where_the_head_lay_is_not_known_they_are_dropped_and_named(tmp_path):
    write(tmp_path, there=False)
    recording = load(tmp_path)
    with pytest.warns(DataWarning, match=r"3 of 306 .* interpolated: MEG 0922, .*how the head lay"):
        found = estimate(recording)
    assert found.units["channel"].nunique() == 303
    assert found.quality["repaired"].empty


def test_one_sensor_of_an_unknown_place_is_enough_to_drop(spoilt):
    recording, _ = spoilt
    units = recording.units.copy()
    units.loc[units["unit"] == "MEG 2641", "coil_type"] = 0
    with pytest.warns(DataWarning, match="3 of 306"):
        assert estimate(replace(recording, units=units)).units["channel"].nunique() == 303
