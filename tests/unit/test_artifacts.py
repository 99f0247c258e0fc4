"""Artefacts: whole or absent, and recognised when they are current."""

import errno
import fcntl
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors import SafetensorError

from neurodecode import artifacts
from neurodecode.contracts import Conditions, Reconstruction, Responses, Targets
from neurodecode.errors import DataError, OutputError


def trials(n=3):
    return pd.DataFrame(
        {
            "participant_id": "01", "trial": [f"t{i}" for i in range(n)], "stimulus": "",
            "category": "cat", "session": "1", "run": range(n), "repeat": 0,
        }
    )  # fmt: skip


def hashes(inputs):
    return {source.name: artifacts.hash_file(source) for source in inputs}


def commit(path, files, facts=None, inputs=()):
    artifacts.commit(
        path, "s", settings="h", seed=1, inputs=hashes(inputs), files=files, facts=facts
    )


def test_responses_survive_and_names_stay_text(tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    units = pd.DataFrame({"unit": range(4), "roi": "VT"})
    sidecar = tmp_path / "sub-01.json"
    commit(
        sidecar,
        artifacts.save_responses(sidecar, Responses(data, trials(), units, True)),
        {"transductive": True},
    )
    back = artifacts.load_responses(sidecar)
    np.testing.assert_array_equal(back.data, data)
    assert back.trials["participant_id"].tolist() == ["01"] * 3
    assert back.trials["stimulus"].tolist() == [""] * 3
    assert back.transductive


PEAK = """
import sys
from pathlib import Path
from neurodecode.artifacts import load_responses

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

before = peak()
data = load_responses(Path(sys.argv[1])).data
print((peak() - before) / data.nbytes, data.flags.writeable)
"""


def test_responses_are_read_in_their_own_size(tmp_path):
    """Most memory of a process that reads 48 MB of them, less what it held before."""
    data = np.ones((3000, 4000), np.float32)
    units = pd.DataFrame({"unit": range(4000), "roi": "VT"})
    sidecar = tmp_path / "sub-01.json"
    files = artifacts.save_responses(sidecar, Responses(data, trials(3000), units))
    commit(sidecar, files, {"transductive": False})
    run = [sys.executable, "-c", PEAK, str(sidecar)]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    size, writeable = done.stdout.split()
    assert float(size) < 1.2
    assert writeable == "True"


def test_targets_conditions_and_reconstruction_survive(tmp_path):
    rng = np.random.default_rng(0)
    targets = Targets(("a", "b"), rng.normal(size=(2, 12)).astype(np.float32), (2, 2, 3), "x")
    files, facts = artifacts.save_targets(tmp_path / "t.json", targets)
    commit(tmp_path / "t.json", files, facts)
    back = artifacts.load_targets(tmp_path / "t.json")
    assert (back.ids, back.shape, back.extractor) == (targets.ids, targets.shape, "x")
    np.testing.assert_array_equal(back.values, targets.values)

    table = trials().assign(fold="0")
    conditions = Conditions(table, {"label": rng.random((3, 2)).astype(np.float32)}, ("a", "b"))
    files, facts = artifacts.save_conditions(tmp_path / "c.json", conditions)
    commit(tmp_path / "c.json", files, facts)
    assert artifacts.load_conditions(tmp_path / "c.json").classes == ("a", "b")

    drawn = Reconstruction(
        table.assign(item=["i0", "i1", "i2"]),
        rng.integers(0, 255, (3, 2, 5, 5, 3), np.uint8),
        np.array([0, 1, 1]),
        {"agreement": np.ones(3, np.float32)},
    )
    sidecar = tmp_path / "r.json"
    commit(sidecar, artifacts.save_reconstruction(sidecar, drawn))
    read = artifacts.load_reconstruction(sidecar)
    np.testing.assert_array_equal(read.shown, drawn.samples[[0, 1, 2], [0, 1, 1]])
    assert sorted(f.name for f in (tmp_path / "r").iterdir()) == ["i0.png", "i1.png", "i2.png"]


@pytest.mark.parametrize("name", ["../up", "/etc/x", "a/b", "", ".hidden"])
def test_a_name_from_the_data_never_leaves_the_folder(tmp_path, name):
    drawn = Reconstruction(
        trials(1).assign(fold="0", item=[name]), np.zeros((1, 1, 2, 2, 3), np.uint8), np.array([0])
    )
    with pytest.raises(DataError, match="name the pictures' files"):
        artifacts.save_reconstruction(tmp_path / "deep" / "r.json", drawn)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_nothing(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")

    def fail():
        with artifacts.writing(target) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["x.txt"]


def test_a_full_disk_is_an_error_for_the_user(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="the disk is full"):
        artifacts.save_arrays(tmp_path / "a.safetensors", {"a": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def fail_as_safetensors(message):
    def save(*_):
        raise SafetensorError(message)

    return save


def test_a_full_disk_is_recognised_in_the_words_of_safetensors(tmp_path, monkeypatch):
    words = "Error while serializing: I/O error: No space left on device (os error 28)"
    monkeypatch.setattr(artifacts, "save_file", fail_as_safetensors(words))
    with pytest.raises(OutputError, match=r"a\.safetensors: cannot be written: the disk is full"):
        artifacts.save_arrays(tmp_path / "a.safetensors", {"a": np.zeros(3)})


def test_a_defect_is_not_called_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "save_file", fail_as_safetensors("no such dtype"))
    with pytest.raises(SafetensorError):
        artifacts.save_arrays(tmp_path / "a.safetensors", {"a": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_stays(tmp_path):
    ours = os.getpid()  # numbers are used again, above all in containers
    for name in (".a.txt.1.part", f".a.txt.{ours}.part", ".a.txt.2.part", ".b.txt.1.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("half")
    living = os.open(tmp_path / ".a.txt.2.part", os.O_RDONLY)
    fcntl.flock(living, fcntl.LOCK_EX)
    artifacts.write_text(tmp_path / "a.txt", "whole")
    os.close(living)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"a.txt", ".a.txt.2.part", ".b.txt.1.part"}


def test_what_is_being_written_is_locked(tmp_path):
    with artifacts.writing(tmp_path / "a.txt") as part:
        part.write_text("of the first")
        second = os.open(part.parent, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(second)


def test_a_folder_replaces_a_folder(tmp_path):
    for name in ("old", "new"):
        with artifacts.writing(tmp_path / "x") as part:
            part.mkdir()
            (part / name).touch()
    assert [f.name for f in (tmp_path / "x").iterdir()] == ["new"]


def test_all_files_get_the_permissions_that_the_user_set(tmp_path):
    before = os.umask(0o027)
    artifacts.save_arrays(tmp_path / "a.safetensors", {"a": np.zeros(3)})
    artifacts.write_text(tmp_path / "a.txt", "x")
    os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o640}  # safetensors alone would write 0o600


def test_an_artefact_that_is_begun_again_is_no_artefact(tmp_path):
    sidecar = tmp_path / "deep" / "a.json"
    artifacts.begin(sidecar)
    assert not list(sidecar.parent.iterdir())
    commit(sidecar, [])
    artifacts.begin(sidecar)
    assert not list(sidecar.parent.iterdir())


def test_a_folder_in_which_nothing_can_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file is a file where a folder is needed"):
        artifacts.begin(tmp_path / "file" / "a.json")


def test_a_truncated_or_missing_file_is_named(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(DataError, match="no such file"):
        artifacts.load_arrays(path)
    artifacts.save_arrays(path, {"a": np.zeros(300)})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"a\.safetensors"):
        artifacts.load_arrays(path)


@pytest.mark.parametrize(
    "read",
    [artifacts.read_table, artifacts.read_sidecar, artifacts.load_arrays, artifacts.hash_file],
)
def test_what_is_no_file_is_named(read, tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(DataError, match=r"folder\.json"):
        read(tmp_path / "folder.json")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/a\.json"):
        read(tmp_path / "file" / "a.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "damaged"), ("{}", "no schema"), ("[]", "no schema"), ('{"schema": 1}', "complete"),
     ('{"schema": 99, "version": "9"}', "Update neurodecode")],
)  # fmt: skip
def test_a_wrong_sidecar_is_explained(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        artifacts.read_sidecar(path)


def test_current_means_same_settings_seed_inputs_and_files(tmp_path):
    source, file, sidecar = tmp_path / "in.tsv", tmp_path / "out.tsv", tmp_path / "out.json"
    source.write_text("a")
    file.write_text("b")

    def current(settings="h", seed=1):
        return artifacts.is_current(sidecar, settings=settings, seed=seed, inputs=hashes([source]))

    assert not current()
    commit(sidecar, [file], inputs=[source])
    assert current()
    assert not current(settings="other")
    assert not current(seed=2)
    source.write_text("changed")
    assert not current()
    source.write_text("a")
    assert current()
    file.write_text("of another run")
    assert not current()
    file.unlink()
    assert not current()


def test_a_sidecar_holds_no_time_and_no_path_of_a_machine(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        file = tmp_path / name / "f.tsv"
        file.write_text("x")
        commit(tmp_path / name / "f.json", [file])
    one, two = ((tmp_path / n / "f.json").read_text() for n in ("one", "two"))
    assert one == two
    assert str(tmp_path) not in one
    assert json.loads(one)["files"].keys() == {"f.tsv"}


def test_no_two_inputs_have_one_name_and_none_tells_of_the_machine(tmp_path):
    root = tmp_path / "results" / "study"
    inputs = [
        root / "pictures/a/decoded/sub-01.json", root / "pictures/b/decoded/sub-01.json",
        tmp_path / "one/data/x.npy", tmp_path / "two/data/x.npy", tmp_path / "one/data/x.npy",
    ]  # fmt: skip
    assert artifacts.name_inputs(inputs, root) == {
        "pictures/a/decoded/sub-01.json": inputs[0],
        "pictures/b/decoded/sub-01.json": inputs[1],
        "data/x.npy": inputs[2],
        "data/x.npy#2": inputs[3],
    }
