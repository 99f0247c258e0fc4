"""``calibrate`` and ``simulate`` on the command line."""

import json

import numpy as np
import pytest
from small_world import world

from neurodecode.cli import main
from neurodecode.online.calibration import (
    angular_error,
    calibrate,
    load_ready,
    nrmse,
    read_training,
    save_ready,
)
from neurodecode.online.closed_loop import observe
from neurodecode.online.settings import FeatureSettings

COUNTS = FeatureSettings.model_validate({"bins": {"kind": "spike_counts"}, "bin_width": 0.1})


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A minute of simulated calibration as a file, 20 samples a second."""
    block = observe(world(), 60)
    path = tmp_path_factory.mktemp("recording") / "calibration.npz"
    np.savez(path, data=block.counts, sfreq=20.0, kinematics=block.velocities)
    return path


@pytest.fixture(scope="module")
def flint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flint") / "decoder"
    assert main(["calibrate", "flint2012", "--out", str(folder)]) == 0
    return folder


def test_scores_by_hand():
    truth = np.array([[1.0, 0], [0, 2]])
    decoded = np.array([[0.0, 1], [0, 1]])
    assert nrmse(decoded, truth) == pytest.approx(np.sqrt(3 / 5))
    assert angular_error(decoded, truth) == pytest.approx(np.pi / 4)
    assert nrmse(truth, truth) == angular_error(truth, truth) == 0


def test_a_real_recording_is_calibrated_and_scored_on_what_was_held_out(flint, capsys):
    ready = load_ready(flint)
    assert ready.sfreq == 10
    assert 0.7 < ready.scores["nrmse"] < 0.85  # the published filter: .765 on another part
    assert 0.8 < ready.scores["angle"] < 1.0
    training = read_training("flint2012")
    X = training.recorded.data
    half = ready.decoder.predict(X).mean
    assert nrmse(half, training.kinematics) < 0.85


def test_a_file_is_calibrated_bins_are_whole_and_the_folder_comes_back_alike(recording, tmp_path):
    training = read_training(str(recording))
    ready = calibrate(training, COUNTS, "kalman")
    assert ready.scores["nrmse"] < 0.8
    save_ready(tmp_path / "d", ready)
    again = load_ready(tmp_path / "d")
    assert (again.features, again.channels, again.scores) == (
        ready.features, ready.channels, ready.scores,
    )  # fmt: skip
    X = training.recorded.data.reshape(-1, 2, 60).sum(axis=1)
    np.testing.assert_array_equal(ready.decoder.predict(X).mean, again.decoder.predict(X).mean)


def test_the_score_does_not_see_the_held_out_part(recording):
    """Kinematics of the last fifth that mean nothing cannot be decoded."""
    training = read_training(str(recording))
    kinematics = training.kinematics.copy()
    n = round(0.8 * len(kinematics))
    kinematics[n:] = np.random.default_rng(0).permutation(kinematics[n:])
    honest = calibrate(type(training)(training.recorded, kinematics), COUNTS, "kalman").scores
    assert honest["nrmse"] > 0.95


@pytest.mark.parametrize("name", ["features.safetensors", "decoder.safetensors", "decoder.json"])
def test_a_damaged_folder_is_one_message(recording, tmp_path, name):
    from neurodecode.errors import DataError

    save_ready(tmp_path / "d", calibrate(read_training(str(recording)), COUNTS, "kalman"))
    (tmp_path / "d" / name).write_bytes(b"{}")
    with pytest.raises(DataError):
        load_ready(tmp_path / "d")


def test_a_decoder_of_another_origin_says_what_to_run(recording, tmp_path):
    from neurodecode.errors import DataError
    from neurodecode.online.files import save_decoder

    ready = calibrate(read_training(str(recording)), COUNTS, "kalman")
    save_decoder(tmp_path / "d", ready.decoder, {})
    with pytest.raises(DataError, match="neurodecode calibrate"):
        load_ready(tmp_path / "d")


def wrong_files(tmp_path, recording):
    data = dict(np.load(recording))
    np.savez(tmp_path / "none.npz", data=data["data"], sfreq=20.0)
    np.savez(tmp_path / "short.npz", **{**data, "kinematics": data["kinematics"][:5]})
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["calibrate", "missing.npz"], "no such file"),
        (["calibrate", "x.fif"], "needs an .npz file with data, sfreq and kinematics"),
        (["calibrate", "none.npz"], "array kinematics (n_samples, d) missing; found data, sfreq"),
        (["calibrate", "short.npz"], "kinematics must be (1200, d)"),
        (["calibrate", "flint2012", "--decoder", "x"], "decoder must be one of kalman, "),
        (["calibrate", "flint2012", "--bin-width", ".25"], "whole number of samples at 10 Hz"),
        (["calibrate", "flint2012", "--settings", "no.yaml"], "no.yaml: no such file"),
    ],
)
def test_a_mistake_is_one_message_and_leaves_nothing(
    arguments, message, recording, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(wrong_files(tmp_path, recording))
    assert main([*arguments, "--out", "decoder"]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert not (tmp_path / "decoder").exists()


def test_settings_come_from_a_file(recording, tmp_path, capsys):
    yaml = tmp_path / "online.yaml"
    yaml.write_text(
        "source: {source: replay:x.npz}\n"
        "features: {bins: {kind: spike_counts}, bin_width: 0.2, bad_channels: false}\n"
    )
    out = tmp_path / "d"
    assert main(["calibrate", str(recording), "--settings", str(yaml), "--out", str(out)]) == 0
    assert load_ready(out).features.bin_width == 0.2
    assert json.loads((out / "decoder.json").read_text())["facts"]["sfreq"] == 20
    yaml.write_text("features: {bins: {kind: spike_counts}, binwidth: 0.2}\n")
    assert main(["calibrate", str(recording), "--settings", str(yaml), "--out", str(out)]) == 2
    assert "binwidth: unknown key" in capsys.readouterr().err


def simulate(capsys, *options):
    assert main(["simulate", "--calibration", "30", "--seconds", "20", *options]) == 0
    return capsys.readouterr().out


def test_simulate_prints_figures_and_the_same_ones_again(capsys):
    shown = simulate(capsys)
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines() if "share" not in line)
    assert int(lines["trials"]) >= 5
    assert "bit/s" in shown
    assert simulate(capsys) == shown
    assert simulate(capsys, "--seed", "2") != shown


def test_tasks_and_decoders_can_be_chosen(capsys):
    assert "random, decoder dkf" in simulate(capsys, "--task", "random", "--decoder", "dkf")
    assert "achieved bit rate         n/a" in simulate(capsys, "--task", "random")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--decoder", "dkf-nw"],
            "decoder must be one of kalman, kalman-steady, dkf, got 'dkf-nw'",
        ),
        (["--seconds", "-1"], "--seconds must be above 0"),
        (["--calibration", "1"], "--calibration must be at least 10 s"),
    ],
)
def test_a_mistake_in_simulate_is_one_message(arguments, message, capsys):
    assert main(["simulate", *arguments]) == 2
    assert message in capsys.readouterr().err
