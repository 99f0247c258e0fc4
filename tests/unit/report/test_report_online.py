"""The page on movements: what it says, and that it says no where there is nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from neurodecode.cli import main
from neurodecode.config import load_study
from neurodecode.report.online import online_part

sys.path.append(str(Path(__file__).parents[1] / "online"))
import test_offline as small

HISTORY = {"kind": "regression", "lags": 3, "regressor": {"kind": "linear_ridge"}}
KALMAN = {"kind": "kalman"}


def part(folder, X, Z, decoders):
    recording = folder / "arm.npz"
    np.savez(recording, data=X, sfreq=small.RATE, kinematics=Z)
    config = small.config(folder, recording, decoders=decoders)
    assert small.stage(config) == 0
    return online_part(load_study("arm", config), folder / "results", 1), config


def noise():
    _, Z = small.moving()
    return np.random.default_rng(5).normal(size=(small.N, 8)), Z


@pytest.mark.parametrize(
    ("data", "main_decoder", "status", "words"),
    [
        (small.moving, {**HISTORY, "lags": 0}, "partly", "not clearly better than by"),
        (noise, HISTORY, "no", "was not followed"),
    ],
)
def test_the_verdict_asks_for_all(data, main_decoder, status, words, tmp_path):
    decoders = {"main": main_decoder, "base": {**KALMAN, "role": "baseline"}}
    found, _ = part(tmp_path, *data(), decoders)
    assert found.status == status
    assert words in found.headline


def test_a_better_decoder_is_told_with_its_gain_and_looks_are_counted(tmp_path):
    decoders = {
        "main": KALMAN, "base": {**HISTORY, "lags": 0, "role": "baseline"},
    }  # fmt: skip
    rng = np.random.default_rng(1)
    X, Z = small.moving()
    found, config = part(tmp_path, X + 2 * rng.normal(size=X.shape), Z, decoders)
    assert found.status == "yes"
    assert "better than by: regression without dynamics, linear ridge" in found.headline
    (subject,) = found.subjects
    assert "scored once" in subject.looks
    assert {row.words: row.main for row in subject.rows} == {
        "Kalman filter": True, "regression without dynamics, linear ridge": False,
    }  # fmt: skip
    assert [len(panel.lines) for panel in subject.panels] == [3, 3]
    assert main(["stage", "report", "--config", str(config)]) == 0
    page = (tmp_path / "results" / "report" / "index.html").read_text()
    assert "scored once" in page
    small.config(tmp_path, tmp_path / "arm.npz", decoders={**decoders, "more": HISTORY})
    assert small.stage(config) == 0
    again = online_part(load_study("arm", config), tmp_path / "results", 1)
    assert "scored 2 times" in again.subjects[0].looks
