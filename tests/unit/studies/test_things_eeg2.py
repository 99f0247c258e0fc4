"""THINGS-EEG2: miniatures of its published trees, and every way in which they lie."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))
import things_miniature as miniature

from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.preprocess.settings import EpochsSettings
from neurodecode.registry import make
from neurodecode.studies import things_eeg2
from neurodecode.studies.public_settings import ThingsEeg2Settings
from neurodecode.studies.things_raw import read_pickled

PUBLISHED = things_eeg2.COUNTS


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("things")
    miniature.write_images(root)
    miniature.write_preprocessed(root)
    return root, miniature.write_raw(root)


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    monkeypatch.setattr(things_eeg2, "COUNTS", miniature.COUNTS)


@pytest.fixture
def root(written, tmp_path):
    return Path(shutil.copytree(written[0], tmp_path / "set"))


def study(root, **more):
    settings = ThingsEeg2Settings.model_validate(
        {"kind": "things_eeg2", "root": str(root), "picture_size": 20, **more}
    )
    return make("study", settings)


def test_the_published_counts():
    assert PUBLISHED == {"training": (16_540, 4), "test": (200, 80)}


def test_epochs_are_rows_of_channel_and_time(written):
    made = study(written[0])
    responses = made.load("01")
    n_train = 12 * 4
    assert responses.data.shape == (n_train + 5 * 8, 17 * 100)
    train, test = (miniature.draw_epochs(part) for part in miniature.COUNTS)
    np.testing.assert_allclose(responses.data[4 * 7 + 2], train[7, 2].reshape(-1), rtol=1e-6)
    np.testing.assert_allclose(
        responses.data[n_train + 8 * 3 + 5], test[3, 5].reshape(-1), rtol=1e-6
    )
    units = responses.units
    assert units["channel"].iloc[::100].tolist() == miniature.POSTERIOR
    np.testing.assert_allclose(units["time"].iloc[:100], miniature.TIMES)
    assert units["unit"].iloc[101] == f"{miniature.POSTERIOR[1]}_-0.190s"
    assert np.isfinite(units[["x", "y", "z"]].to_numpy()).all()
    trial = responses.trials.iloc[n_train + 8 * 3 + 5]
    assert trial["stimulus"] == "ice_cream3_09s"
    assert trial["trial"] == "test-00004_06"
    # Its authors whitened it with test trials.
    assert responses.transductive
    assert "test trials" in made.about()["limits"]


def test_a_mark_that_is_held_is_one_trial(written, tmp_path):
    value = written[1][1, "test"]
    data = value["raw_eeg_data"].copy()
    for shift in range(1, 10):
        data[-1, shift:] += np.where(data[-1, shift:] == 0, value["raw_eeg_data"][-1, :-shift], 0)
    np.save(tmp_path / "held.npy", {**value, "raw_eeg_data": data})
    np.save(tmp_path / "short.npy", value)
    _, _, samples, numbers = read_pickled(tmp_path / "short.npy")
    held = read_pickled(tmp_path / "held.npy")
    assert np.count_nonzero(data[-1]) >= 10 * len(numbers) > 0
    np.testing.assert_array_equal(held[2], samples)
    np.testing.assert_array_equal(held[3], numbers)


def test_pictures_are_split_as_published(written):
    made = study(written[0])
    stimuli = made.stimuli()
    assert stimuli.table["set"].value_counts().to_dict() == {"train": 12, "test": 5}
    assert set(made.load("01").trials["stimulus"]) == set(stimuli.table["id"])
    row = stimuli.table.set_index("id").loc["ice_cream2_09s"]
    assert (row["category"], row["caption"]) == ("ice_cream2", "ice cream2")
    assert stimuli.pixels.shape == (17, 20, 20, 3)
    assert len(made.stimulus_sources()) == 18


@pytest.mark.parametrize("channels", ["posterior", "all"])
def test_raw_sessions_become_one_recording(written, channels):
    root, made = written
    recording = study(root, form="raw", channels=channels).load("01")
    names = miniature.POSTERIOR if channels == "posterior" else miniature.CHANNELS
    assert len(miniature.POSTERIOR) == 17
    assert recording.units["unit"].tolist() == list(names)
    assert np.isfinite(recording.units[["x", "y", "z"]].to_numpy()).all()
    rows = [miniature.CHANNELS.index(name) for name in names]
    for run, (session, part) in enumerate(made):
        value = made[session, part]
        own = recording.data[recording.runs == run]
        np.testing.assert_allclose(own, value["raw_eeg_data"][rows].T * 1e6, rtol=1e-5)
        events = recording.events[recording.events["run"] == run]
        numbers = miniature.shown(part, session)
        numbers = numbers[numbers != 99_999]
        names_of = [Path(file).stem for _, file in miniature.pictures()[part]]
        assert events["stimulus"].tolist() == [names_of[k - 1] for k in numbers]
        stim = value["raw_eeg_data"][-1]
        assert (stim[np.rint(events["onset"] * 1000).astype(int)] == numbers).all()
        assert set(events["session"]) == {str(session)}
    counts = recording.events["stimulus"].value_counts()
    assert sorted(set(counts)) == [4, 8]


def test_brainvision_recordings_read_as_the_pickled_ones(written, tmp_path):
    root, made = written
    source = tmp_path / "source"
    miniature.write_source(source, made)
    shutil.copytree(root / "image_set", source / "image_set")
    study_of = study(source, form="source")
    assert study_of.subjects() == ("01",)
    assert len(study_of.sources("01")) == 1 + 4 * 4 * 6
    found, wanted = study_of.load("01"), study(root, form="raw").load("01")
    assert found.events["session"].tolist() == wanted.events["session"].tolist()
    assert found.events["stimulus"].tolist() == wanted.events["stimulus"].tolist()
    for own in (found, wanted):  # parts are runs of their own; what was recorded is the same
        assert own.units["unit"].tolist() == miniature.POSTERIOR
    np.testing.assert_allclose(found.data[:], wanted.data[:], atol=0.06)
    at = [
        np.flatnonzero(own.runs == run)[0] + round(onset * 1000)
        for own in (found, wanted)
        for run, onset in zip(own.events["run"], own.events["onset"], strict=True)
    ]
    assert at[: len(at) // 2] == at[len(at) // 2 :]


def test_brainvision_recordings_that_were_cut_are_refused(written, tmp_path):
    root, made = written
    miniature.write_source(tmp_path, made)
    shutil.copytree(root / "image_set", tmp_path / "image_set")
    folder = tmp_path / "eeg_dataset/source_data/sub-01/ses-02"
    beh = folder / "beh/sub-01_ses-02_task-test_beh.mat"
    kept = beh.read_bytes()
    miniature.write_behaviour(beh, np.ones(99, int))
    with pytest.raises(DataError, match="marks for 99 pictures of sub-01_ses-02_task-test_beh"):
        study(tmp_path, form="source").load("01")
    beh.write_bytes(kept[:200])
    with pytest.raises(DataError, match="not the published MATLAB file"):
        study(tmp_path, form="source").load("01")
    beh.unlink()
    with pytest.raises(DataError, match=r"1 of 99 files(.|\n)*task-test_beh\.mat"):
        study(tmp_path, form="source").subjects()


def test_raw_recordings_are_cut_by_the_common_estimator(written):
    settings = EpochsSettings(kind="epochs", start=-0.1, stop=0.4, rate=100, baseline=(-0.1, 0))
    estimator = make("estimator", settings)
    responses = estimator.estimate(study(written[0], form="raw").load("01"))
    assert len(responses.trials) == 12 * 4 + 5 * 8
    assert responses.data.shape[1] == 17 * responses.units["time"].nunique()
    assert set(responses.trials["session"]) == {"1", "2", "3", "4"}


def rewrite(path, **changes):
    value = np.load(path, allow_pickle=True).item()
    np.save(path, {**value, **changes})


def test_what_is_missing_is_said_with_size_and_terms(root, tmp_path):
    assert study(root).subjects() == ("01",)
    assert study(root, form="raw").subjects() == ("01",)
    with pytest.raises(DataError) as caught:
        study(tmp_path / "nowhere", subjects=["02", "10"], form="raw").subjects()
    said = str(caught.value)
    for words in ("20 of 20", "sub-02/ses-01/raw_eeg_training.npy", "osf.io/3jk45", "Terms:",
                  "Gifford et al. (2022)"):  # fmt: skip
        assert words in said
    with pytest.raises(ConfigError, match="must be one of 01, got '03'"):
        study(root).load("03")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preprocessed_eeg_data": np.zeros((12, 3, 17, 100))}, r"\(12, 4, 17 or 63 channels"),
        ({"preprocessed_eeg_data": np.zeros((12, 4, 17, 99))}, "100 times"),
        ({"ch_names": ["O1"]}, "with 1 channels"),
        ({"times": "soon"}, "must be a dictionary of preprocessed_eeg_data"),
        ({"times": miniature.TIMES + 1}, "other channels or times"),
    ],
)
def test_epochs_that_are_not_as_published_are_refused(root, changes, message):
    folder = root / "eeg_dataset/preprocessed_data/sub-01"
    rewrite(folder / "preprocessed_eeg_training.npy", **changes)
    with pytest.raises(DataError, match=message):
        study(root).load("01")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sfreq": 500}, "at 500 Hz"),
        ({"ch_types": ["eeg"] * 64}, "64 EEG and 0 stimulus channels"),
        ({"ch_names": ["a"]}, "of 1 channels"),
        ({"raw_eeg_data": np.ones((64, 900))}, "have a trial; a session is missing"),
        ({"raw_eeg_data": np.full((64, 900), 13)}, "must be numbers 1 to 12, found 13"),
        ({"raw_eeg_data": np.zeros((64, 900))}, "found none"),
    ],
)
def test_recordings_that_are_not_as_published_are_refused(root, changes, message):
    for session in (1, 2, 3, 4):
        folder = root / f"eeg_dataset/raw_data/sub-01/ses-{session:02d}"
        rewrite(folder / "raw_eeg_training.npy", **changes)
    with pytest.raises(DataError, match=message):
        study(root, form="raw").load("01")


def test_other_numbers_of_repeats_are_counted(root):
    path = root / "eeg_dataset/raw_data/sub-01/ses-01/raw_eeg_test.npy"
    value = np.load(path, allow_pickle=True).item()
    data = value["raw_eeg_data"].copy()
    data[-1, np.flatnonzero(data[-1])[0]] = 0
    rewrite(path, raw_eeg_data=data)
    with pytest.warns(DataWarning, match="1 of 5 test pictures have more or fewer than 8 trials"):
        recording = study(root, form="raw").load("01")
    assert len(recording.events) == 12 * 4 + 5 * 8 - 1


def test_names_of_other_pictures_are_refused(root):
    rewrite(root / "image_set/image_metadata.npy", test_img_files=["a.jpg"])
    with pytest.raises(DataError, match="1 test pictures and 5 concepts"):
        study(root).stimuli()
    np.save(root / "image_set/image_metadata.npy", {"train_img_files": []})
    with pytest.raises(DataError, match="lacks train_img_files"):
        study(root).stimuli()
