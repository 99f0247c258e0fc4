"""A person's own movement: locked by default, answered with care, unlocked once and for good."""

import re

import numpy as np
import pytest
import test_offline as small
import yaml

from neurodecode.artifacts import read_table
from neurodecode.cli import main
from neurodecode.config import load_study
from neurodecode.errors import ConfigError
from neurodecode.evaluate.ledger import read_ledger


@pytest.fixture
def config(tmp_path):
    X, Z = small.moving()
    np.savez(tmp_path / "arm.npz", data=X, sfreq=small.RATE, kinematics=Z)
    path = small.config(tmp_path / "config", tmp_path / "arm.npz")
    change(path, data={"simulated": False})
    return path


def change(config, **sections):
    file = config.parent / "studies" / "arm.yaml"
    study = yaml.safe_load(file.read_text())
    for name, values in sections.items():
        study[name] = {**study.get(name, {}), **values}
    file.write_text(yaml.safe_dump(study))


def score(config):
    assert small.stage(config) == 0
    return read_table(config.parent / "results/arm/scores/sub-01_online.tsv")


def page(config):
    assert main(["stage", "report", "--config", str(config)]) == 0
    text = (config.parent / "results/report/index.html").read_text()
    return text, re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", text))


def test_locked_then_unlocked(config, capsys):
    scores = config.parent / "results/arm/scores"
    ledger = scores / "sub-01_ledger.jsonl"
    locked = score(config)
    assert list(locked["metric"]) == ["nrmse", "nrmse"]
    assert locked["value"].between(0, 1.1).all()
    assert locked[["ci_low", "ci_high", "p", "q"]].isna().all(axis=None)
    assert locked["averaging"].str.contains("test set locked").all()
    assert not list(scores.glob("*.safetensors"))  # nothing decoded lies there to be looked at
    assert [entry.kind for entry in read_ledger(ledger)] == ["answer", "answer", "locked"]
    text, words = page(config)
    assert "The test set is locked: no success is claimed." in words
    assert "never been scored exactly" in words
    assert "what was decoded are withheld" in words
    assert "neurodecode unlock --study arm" in words
    assert "<polyline" not in text

    before = ledger.read_bytes()
    assert score(config).equals(locked)
    assert ledger.read_bytes() == before

    assert main(["unlock", "--study", "arm", "--config", str(config)]) == 0
    assert "cannot be taken back" in capsys.readouterr().out
    assert not (scores / "sub-01_online.json").exists()
    exact = score(config)
    assert {"nrmse", "nrmse_gain", "angular_error"} < set(exact["metric"])
    assert exact["ci_low"].notna().all()
    both = exact.merge(locked, on=["system", "metric"], suffixes=("", "_locked"))
    assert (both["value"] - both["value_locked"]).abs().max() < 0.15
    text, words = page(config)
    assert "scored once" in words
    assert "unlocked by hand" in words
    assert text.count("<polyline") == 6


def test_a_decoder_that_is_changed_is_one_new_question(config):
    score(config)
    ledger = config.parent / "results/arm/scores/sub-01_ledger.jsonl"
    change(config, online={"n_bootstrap": 300})
    score(config)
    assert [entry.kind for entry in read_ledger(ledger)].count("answer") == 2
    decoders = yaml.safe_load((config.parent / "studies/arm.yaml").read_text())["online"][
        "decoders"
    ]
    change(config, online={"decoders": {**decoders, "history": {**decoders["history"], "lags": 2}}})
    score(config)
    assert [entry.kind for entry in read_ledger(ledger)].count("answer") == 3


def test_a_decoder_worse_than_none_counts_as_none(config):
    X, Z = small.moving()
    half = len(X) * 2 // 3
    np.savez(config.parents[1] / "arm.npz", data=X, sfreq=small.RATE,
             kinematics=np.concatenate([Z[:half], -Z[half:]]))  # fmt: skip
    assert score(config)["value"].between(0.9, 1.1).all()


def test_who_is_locked_and_by_what(config):
    assert load_study("arm", config).locked
    change(config, evaluate={"holdout": {"locked": False}})
    assert not load_study("arm", config).locked
    change(config, evaluate={"holdout": {}}, data={"recordings": {"01": "flint2012"}})
    assert not load_study("arm", config).locked
    change(config, data={"recordings": {"01": "flint2012", "02": "arm.npz"}})
    assert load_study("arm", config).locked
    change(config, data={"simulated": True})
    assert not load_study("arm", config).locked
    change(config, evaluate={"n_bootstrap": 300})
    with pytest.raises(ConfigError, match="holds holdout alone"):
        load_study("arm", config)
