"""EEG and MEG in each file format, written by its own library or byte by byte, are read alike."""

import json
import os
import shutil
import warnings
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pybv
import pytest
from pydantic import TypeAdapter
from scipy.io import savemat

from neurodecode.errors import DataError, DataWarning
from neurodecode.preprocess.quality import measure_quality
from neurodecode.preprocess.settings import EstimatorSettings
from neurodecode.registry import make
from neurodecode.studies.settings import DataSettings

RATE, N, NAMES = 100, 1200, ["Fz", "Cz", "Pz", "Oz"]
MARKS = [2.0, 4.5, 7.0]


def signal(seed=0):
    """Whole microvolts, so that every format holds them to a step of .1."""
    return np.random.default_rng(seed).integers(-90, 90, size=(len(NAMES), N)).astype(float)


def write_brainvision(folder, stem, data):
    pybv.write_brainvision(data=data * 1e-6, sfreq=RATE, ch_names=NAMES, fname_base=stem,
                           folder_out=str(folder), resolution=0.1, unit="µV",
                           fmt="binary_int16")  # fmt: skip


def write_edf(folder, stem, data, names=NAMES, slow=()):
    """European Data Format (Kemp et al. 1992): a header of fixed fields, then records of 1 s."""

    def fields(values, width):
        return "".join(f"{value:<{width}}" for value in values)

    n = len(names)
    head = fields(["0"], 8) + fields(["X X X X", "Startdate X X X X"], 80)
    head += "01.01.20" + "00.00.00" + fields([256 * (n + 1)], 8) + " " * 44
    head += fields([N // RATE, 1], 8) + fields([n], 4)
    head += fields(names, 16) + fields(["AgAgCl"] * n, 80) + fields(["uV"] * n, 8)
    head += fields([-3276.8] * n, 8) + fields([3276.7] * n, 8)
    head += fields([-32768] * n, 8) + fields([32767] * n, 8)
    steps = [2 if name in slow else 1 for name in names]
    head += " " * 80 * n + fields([RATE // step for step in steps], 8) + " " * 32 * n
    values = np.rint(data * 10).astype("<i2").reshape(n, N // RATE, RATE)
    records = b"".join(
        values[k, second, ::step].tobytes()
        for second in range(N // RATE)
        for k, step in enumerate(steps)
    )
    (folder / f"{stem}.edf").write_bytes(head.encode("ascii") + records)


def write_eeglab(folder, stem, data):
    places = mne.channels.make_standard_montage("biosemi64").get_positions()["ch_pos"]
    rows = [(name, *(1000 * places[name])) for name in NAMES]
    chanlocs = np.array(rows, dtype=[("labels", "O"), ("X", "O"), ("Y", "O"), ("Z", "O")])
    eeg = {"data": data, "nbchan": len(NAMES), "pnts": N, "trials": 1, "srate": float(RATE),
           "xmin": 0.0, "xmax": (N - 1) / RATE, "chanlocs": chanlocs, "event": [], "epoch": [],
           "setname": "x", "icawinv": [], "icasphere": [], "icaweights": [],
           "icachansind": []}  # fmt: skip
    savemat(folder / f"{stem}.set", {"EEG": eeg})


def tables(folder, stem, kind, types, units):
    (folder / f"{stem}_{kind}.json").write_text(json.dumps(
        {"TaskName": "see", "SamplingFrequency": RATE, "PowerLineFrequency": 50}))  # fmt: skip
    channels = pd.DataFrame({"name": NAMES, "type": types, "units": units, "status": "good"})
    channels.to_csv(folder / f"{stem}_channels.tsv", sep="\t", index=False)
    events = pd.DataFrame({"onset": MARKS, "duration": 0.1, "trial_type": ["a", "b", "a"]})
    events.to_csv(folder / f"{stem}_events.tsv", sep="\t", index=False)


WRITERS = {"brainvision": write_brainvision, "edf": write_edf, "eeglab": write_eeglab}


def write(root, write_signal, kind="eeg", subject="01", run=None):
    folder = root / f"sub-{subject}" / kind
    folder.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(
        json.dumps({"Name": "x", "BIDSVersion": "1.8.0", "DatasetType": "raw"}))  # fmt: skip
    stem = f"sub-{subject}_task-see" + (f"_run-{run}" if run else "")
    write_signal(folder, f"{stem}_{kind}")
    if kind == "eeg":
        tables(folder, stem, kind, "EEG", "µV")
    else:
        tables(folder, stem, kind, ["MEGMAG", "MEGMAG", "MEGGRADPLANAR", "MEGGRADPLANAR"],
               ["T", "T", "T/m", "T/m"])  # fmt: skip
    return folder


def study(root, datatype="eeg"):
    raw = {"kind": "bids", "root": str(root), "task": "see", "datatype": datatype,
           "stimulus_column": None, "stimuli": None}  # fmt: skip
    return make("study", TypeAdapter(DataSettings).validate_python(raw))


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_microvolts(tmp_path, name):
    write(tmp_path, lambda folder, stem: WRITERS[name](folder, stem, signal()))
    recording = study(tmp_path).load("01")
    assert recording.units["unit"].tolist() == NAMES
    assert set(recording.units["roi"]) == {"eeg"}
    assert recording.sfreq == RATE
    np.testing.assert_allclose(recording.data, signal().T, atol=0.11)
    assert recording.events["category"].tolist() == ["a", "b", "a"]
    assert recording.events["onset"].tolist() == MARKS


def test_channels_of_eyes_and_heart_that_pass_for_eeg_are_told(tmp_path):
    names = ["HEOG", "Cz", "ecg1", "Oz"]
    folder = write(tmp_path, lambda f, stem: write_edf(f, stem, signal(), names))
    (folder / "sub-01_task-see_channels.tsv").unlink()
    with pytest.warns(DataWarning, match=r"HEOG, ecg1: decoded as eeg, .* channels\.tsv"):
        found = study(tmp_path).load("01")
    assert found.units["unit"].tolist() == names
    table = pd.DataFrame({"name": names, "type": ["EOG", "EEG", "ECG", "EEG"], "units": "µV"})
    table.to_csv(folder / "sub-01_task-see_channels.tsv", sep="\t", index=False)
    assert study(tmp_path).load("01").units["unit"].tolist() == ["Cz", "Oz"]


def write_fif(folder, stem):
    info = mne.create_info(NAMES, RATE, ["mag", "mag", "grad", "grad"], verbose="ERROR")
    scale = np.array([1e-15, 1e-15, 1e-13, 1e-13])[:, None]
    raw = mne.io.RawArray(signal() * scale, info, verbose="ERROR")
    raw.save(folder / f"{stem}.fif", verbose="ERROR")


def test_meg_has_its_types_and_units(tmp_path):
    write(tmp_path, write_fif, "meg")
    adapter = study(tmp_path, "meg")
    recording = adapter.load("01")
    assert recording.units["roi"].tolist() == ["mag", "mag", "grad", "grad"]
    np.testing.assert_allclose(recording.data, signal().T, rtol=1e-4, atol=1e-3)
    assert "MEG, as recorded" in adapter.about()["recorded"]
    names = {path.name for path in adapter.sources("01")}
    assert "sub-01_task-see_meg.fif" in names


REAL = Path(os.environ.get("NEURODECODE_RECORDINGS", "recordings"), "eeglab_visual")


@pytest.mark.skipif(not REAL.exists(), reason=f"no recording at {REAL}: set NEURODECODE_RECORDINGS")
def test_a_real_recording_from_its_eeglab_file_to_repaired_epochs(tmp_path):
    """238 s of 32 channels: places are known, autoreject counts, the visual response is there."""
    folder = tmp_path / "sub-01" / "eeg"
    folder.mkdir(parents=True)
    shutil.copy(REAL / "eeglab_data.set", folder / "sub-01_task-see_eeg.set")
    shutil.copy(REAL / "eeglab_data.fdt", folder)
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    (folder / "sub-01_task-see_eeg.json").write_text('{"PowerLineFrequency": 60}')
    marks = mne.io.read_raw_eeglab(REAL / "eeglab_data.set", verbose="ERROR").annotations
    events = pd.DataFrame({"onset": marks.onset, "duration": 0.0, "trial_type": marks.description})
    events.to_csv(folder / "sub-01_task-see_events.tsv", sep="\t", index=False)
    with pytest.warns(DataWarning, match="EOG1, EOG2: decoded as eeg"):
        recording = study(tmp_path).load("01")
    assert recording.data.shape == (30504, 32)
    raw = {"kind": "epochs", "start": -0.2, "stop": 0.6, "band": [0.5, 20], "rate": 40,
           "bad_channels": 5, "autoreject": True}  # fmt: skip
    epochs = make("estimator", TypeAdapter(EstimatorSettings).validate_python(raw))
    with pytest.warns(DataWarning, match="of 154 trials .* autoreject"):
        found = epochs.estimate(recording)
    tables = measure_quality(recording, found)
    dropped = dict(tables["dropped"].to_numpy())
    assert 154 - sum(dropped.values()) == len(found.trials) > 100
    assert tables["channels"][["x", "y", "z"]].notna().all().all()
    shown = found.data[(found.trials["category"] == "square").to_numpy()].mean(axis=0)
    back = found.units["channel"].isin(["O1", "Oz", "O2"]).to_numpy()
    time = found.units["time"].to_numpy()
    before = np.abs(shown[back & (time < 0)]).max()
    assert np.abs(shown[back & (time > 0.1) & (time < 0.3)]).max() > 3 * before


def test_samples_that_are_not_finite_make_a_channel_bad_and_are_told(tmp_path):
    data = signal()
    data[1, 100:150] = np.nan
    write(tmp_path, lambda f, stem: write_eeglab(f, stem, data))
    with (
        pytest.warns(DataWarning, match=r"_eeg\.set: 50 of 1200 samples are not finite in Cz"),
        pytest.warns(DataWarning, match="1 of 4 channels are marked as bad in some run: Cz"),
    ):
        found = study(tmp_path).load("01")
    assert found.units["bad"].tolist() == [False, True, False, False]
    epochs = {"kind": "epochs", "band": [0.5, 20], "rate": 50}
    estimator = make("estimator", TypeAdapter(EstimatorSettings).validate_python(epochs))
    assert np.isfinite(estimator.estimate(found).data).all()
    data[:, 300] = np.inf
    write(tmp_path, lambda f, stem: write_eeglab(f, stem, data))
    with pytest.raises(DataError, match="51 of 1200 samples of every channel are not finite"):
        study(tmp_path).load("01")


def test_a_recording_in_several_files_is_read_with_its_first(tmp_path):
    def split(folder, stem):
        write_fif(folder, stem)
        (path,) = folder.glob("*.fif")
        short = mne.io.read_raw_fif(path, preload=True, verbose="ERROR")
        path.unlink()
        long = mne.concatenate_raws([short.copy() for _ in range(80)], verbose="ERROR")
        long.save(path, split_size="2MB", split_naming="bids", verbose="ERROR")

    folder = write(tmp_path, split, "meg")
    assert len(list(folder.glob("*_split-*_meg.fif"))) == 2
    assert study(tmp_path, "meg").load("01").data.shape == (80 * N, len(NAMES))


def test_a_channel_that_the_file_itself_names_twice(tmp_path):
    twice = ["Fz", "Cz", "Cz", "Oz"]
    write(tmp_path, lambda folder, stem: write_edf(folder, stem, signal(), twice))
    with pytest.raises(DataError, match=r"_eeg\.edf: channels named twice \(.*Cz"):
        study(tmp_path).load("01")


def test_a_recording_without_the_channels_that_are_asked_for(tmp_path):
    def misc(folder, stem):
        info = mne.create_info(NAMES, RATE, "misc", verbose="ERROR")
        mne.io.RawArray(signal(), info, verbose="ERROR").save(folder / f"{stem}.fif")

    folder = write(tmp_path, misc, "meg")
    (folder / "sub-01_task-see_channels.tsv").unlink()
    with pytest.raises(DataError, match="holds no MEG channel"):
        study(tmp_path, "meg").load("01")


def test_a_table_of_other_channels_is_told(tmp_path):
    folder = write(tmp_path, lambda f, stem: write_brainvision(f, stem, signal()))
    path = folder / "sub-01_task-see_channels.tsv"
    table = pd.read_csv(path, sep="\t")
    more = pd.concat([table, table[:1].assign(name="Q9")])
    for rows, message in (
        (table[:-1], r"1 channels are not in channels\.tsv.*: Oz"),
        (more, r"1 channels of channels\.tsv are not in the file: Q9"),
    ):
        rows.to_csv(path, sep="\t", index=False)
        with pytest.warns(DataWarning, match=message):
            assert study(tmp_path).load("01").units["unit"].tolist() == NAMES


def test_files_that_are_missing(tmp_path):
    folder = write(tmp_path, lambda f, stem: write_edf(f, stem, signal()))
    (folder / "sub-01_task-see_channels.tsv").unlink()
    assert study(tmp_path).load("01").units["unit"].tolist() == NAMES
    events = folder / "sub-01_task-see_events.tsv"
    kept = events.read_text()
    events.unlink()
    with pytest.raises(DataError, match=r"no events\.tsv for sub-01_task-see_eeg\.edf"):
        study(tmp_path).load("01")
    events.write_text(kept)
    (folder / "sub-01_task-see_eeg.json").unlink()
    with pytest.raises(DataError, match="no JSON sidecar"):
        study(tmp_path).load("01")


def test_channels_of_different_rates_in_one_file(tmp_path):
    folder = write(tmp_path, lambda f, stem: write_edf(f, stem, signal(), slow=("Pz",)))
    with pytest.raises(DataError, match="its channels are sampled at 50, 100 Hz"):
        study(tmp_path).load("01")
    table = pd.DataFrame({"name": NAMES, "type": ["EEG", "EEG", "TEMP", "EEG"], "units": "µV"})
    table.to_csv(folder / "sub-01_task-see_channels.tsv", sep="\t", index=False)
    found = study(tmp_path).load("01")
    assert found.units["unit"].tolist() == ["Fz", "Cz", "Oz"]
    np.testing.assert_allclose(found.data, signal().T[:, [0, 1, 3]], atol=0.11)


FILES = [("brainvision", ".vhdr"), ("brainvision", ".eeg"), ("edf", ".edf"), ("eeglab", ".set"),
         ("fif", ".fif")]  # fmt: skip


@pytest.mark.parametrize("share", [0, 0.1, 0.55])
@pytest.mark.parametrize(("name", "ending"), FILES)
def test_a_file_that_was_cut_is_refused_by_name(tmp_path, name, ending, share):
    kind = "meg" if name == "fif" else "eeg"
    folder = write(
        tmp_path, write_fif if name == "fif" else lambda f, s: WRITERS[name](f, s, signal()), kind
    )
    (path,) = folder.glob(f"*{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        with pytest.raises(DataError, match=r"sub-01_task-see_(eeg|meg|events)"):
            study(tmp_path, kind).load("01")


@pytest.mark.parametrize(("name", "ending"), [("edf", ".edf"), ("brainvision", ".eeg")])
def test_a_file_that_ends_early_behind_its_last_event_is_told(tmp_path, name, ending):
    folder = write(tmp_path, lambda f, stem: WRITERS[name](f, stem, signal()))
    (path,) = folder.glob(f"*{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(0.8 * len(whole))])
    sidecar = folder / "sub-01_task-see_eeg.json"
    said = {**json.loads(sidecar.read_text()), "RecordingDuration": N / RATE}
    sidecar.write_text(json.dumps(said))
    with pytest.warns(DataWarning, match=r"lasts 9[.\d]* s, its header or sidecar says 12 s"):
        assert len(study(tmp_path).load("01").events) == 3


def test_runs_of_different_rates_are_refused(tmp_path):
    def slower(folder, stem):
        pybv.write_brainvision(data=signal() * 1e-6, sfreq=RATE // 2, ch_names=NAMES,
                               fname_base=stem, folder_out=str(folder))  # fmt: skip

    write(tmp_path, lambda f, stem: write_edf(f, stem, signal()), run=1)
    folder = write(tmp_path, slower, run=2)
    with pytest.raises(DataError, match="sampled at 50 Hz, its sidecar says 100 Hz"):
        study(tmp_path).load("01")
    (folder / "sub-01_task-see_run-2_eeg.json").write_text(
        json.dumps({"SamplingFrequency": RATE // 2})
    )
    with pytest.raises(DataError, match="sampled at 50 Hz, the run before at 100 Hz"):
        study(tmp_path).load("01")
