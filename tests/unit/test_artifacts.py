"""Artefacts: whole or absent, and recognised when they are current."""

import errno
import json

import numpy as np
import pandas as pd
import pytest

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


def commit(path, files, facts=None, inputs=()):
    artifacts.commit(path, "s", settings="h", seed=1, inputs=inputs, files=files, facts=facts)


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

    monkeypatch.setattr(artifacts.os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        artifacts.save_arrays(tmp_path / "a.safetensors", {"a": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_a_truncated_or_missing_file_is_named(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(DataError, match="no such file"):
        artifacts.load_arrays(path)
    artifacts.save_arrays(path, {"a": np.zeros(300)})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"a\.safetensors"):
        artifacts.load_arrays(path)


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
        return artifacts.is_current(sidecar, settings=settings, seed=seed, inputs=[source])

    assert not current()
    commit(sidecar, [file], inputs=[source])
    assert current()
    assert not current(settings="other")
    assert not current(seed=2)
    source.write_text("changed")
    assert not current()
    source.write_text("a")
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
