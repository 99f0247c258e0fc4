"""Decoders of a study: built as the YAML says, chosen inside training data, scored apart."""

import mne
import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from neurodecode.artifacts import load_arrays, read_sidecar, read_table
from neurodecode.cli import main
from neurodecode.config import load_study
from neurodecode.errors import ConfigError, DataError
from neurodecode.online.calibration import read_training
from neurodecode.online.kalman import KalmanFilter
from neurodecode.online.offline import build, candidates, choose, in_words
from neurodecode.online.settings import OnlineDecoderSettings

N, RATE = 1200, 20.0


def section(**raw):
    return TypeAdapter(OnlineDecoderSettings).validate_python(raw)


def moving(seed=0, n=N):
    """Features (n, 8) and the velocity (n, 2) that they follow, with noise."""
    rng = np.random.default_rng(seed)
    Z = np.zeros((n, 2))
    for t in range(1, n):
        Z[t] = 0.95 * Z[t - 1] + 0.3 * rng.normal(size=2)
    X = Z @ rng.normal(size=(2, 8)) + rng.normal(size=(n, 8))
    return X, Z


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    X, Z = moving()
    path = tmp_path_factory.mktemp("recording") / "arm.npz"
    np.savez(path, data=X, sfreq=RATE, kinematics=Z)
    return path


def config(folder, recording, **online):
    study = {
        "name": "arm", "title": "An arm",
        "data": {"kind": "kinematics", "recordings": {"01": str(recording)}, "simulated": True},
        "online": {
            "features": {"bins": {"kind": "spike_counts"}, "bin_width": 0.1, "bad_channels": False},
            "train_end": 40, "test_end": 50, "block": 0.5, "n_bootstrap": 200,
            "decoders": {
                "history": {"kind": "regression", "lags": 3,
                            "regressor": {"kind": "linear_ridge", "penalty": [1e-3, 1e3]}},
                "kalman": {"kind": "kalman", "role": "baseline"},
            }, **online,
        },
    }  # fmt: skip
    (folder / "studies").mkdir(parents=True, exist_ok=True)
    (folder / "studies" / "arm.yaml").write_text(yaml.safe_dump(study))
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"studies": ["arm"], "results": str(folder / "results")}))
    return path


def stage(path):
    return main(["stage", "online", "--study", "arm", "--subject", "01", "--config", str(path)])


def test_every_combination_is_tried_and_the_better_one_taken():
    X, Z = moving()
    settings = section(
        kind="dkf", regressor={"kind": "linear_ridge", "penalty": [1e4, 1e-3]}, decay=[1, 0.5]
    )
    assert len(candidates(settings)) == 4
    found = choose(settings, X, Z, seed=1)
    assert found["penalty"] == 1e-3
    assert "the best of 4 by rolling origin inside the training data" in in_words(settings, found)
    decoder = build(settings, found, seed=1)
    assert decoder.regressor.penalty == 1e-3
    assert decoder.decay == found["decay"]


def test_a_section_without_lists_is_built_as_it_stands():
    settings = section(kind="kalman", centre=False)
    assert choose(settings, *moving(), seed=1) == {}
    assert isinstance(build(settings, {}, 1), KalmanFilter)
    assert not build(settings, {}, 1).centre
    assert build(section(kind="lstm", hidden=4), {}, 7).seed == 7


def test_the_stage_scores_what_the_decoders_decode(recording, tmp_path):
    path = config(tmp_path, recording)
    assert stage(path) == 0
    stem = tmp_path / "results/arm/scores/sub-01_online"
    table = read_table(stem.with_suffix(".tsv"), text=("subject",))
    X, Z = (v.reshape(600, 2, -1) for v in moving())
    X, Z = X.astype(np.float32).sum(axis=1, dtype=float), Z.astype(np.float32).mean(axis=1)
    expected = KalmanFilter().fit(X[:400], Z[:400]).predict(X[400:]).mean
    arrays = load_arrays(stem.with_suffix(".safetensors"))
    np.testing.assert_allclose(arrays["kalman"], expected, atol=1e-5)
    np.testing.assert_allclose(arrays["truth"], Z[400:], atol=1e-6)
    scores = table.set_index(["system", "metric"])["value"]
    wrong = np.sqrt(np.mean((expected - Z[400:])[:100] ** 2) / np.mean(Z[400:500] ** 2))
    assert scores["kalman", "nrmse"] == pytest.approx(wrong, abs=1e-4)
    assert scores["history", "nrmse_gain"] == pytest.approx(
        1 - scores["history", "nrmse"] / scores["kalman", "nrmse"]
    )
    assert {"nrmse_later", "angular_error_later", "nrmse_gain_later"} <= set(table["metric"])
    assert "0.001" in table["selection"][0]
    assert read_sidecar(stem.with_suffix(".json")).facts["n_test"] == 100


def test_nothing_that_is_fitted_or_chosen_sees_a_tested_bin(recording, tmp_path):
    X, Z = moving()
    other = tmp_path / "other.npz"
    rng = np.random.default_rng(9)
    np.savez(other, data=X, sfreq=RATE, kinematics=np.where(
        np.arange(N)[:, None] < 800, Z, rng.normal(size=(N, 2))))  # fmt: skip
    found = []
    for name, source in (("a", recording), ("b", other)):
        assert stage(config(tmp_path / name, source)) == 0
        stem = tmp_path / name / "results/arm/scores/sub-01_online"
        arrays = load_arrays(stem.with_suffix(".safetensors"))
        found.append((arrays, read_table(stem.with_suffix(".tsv"))["selection"].tolist()))
    for name in ("history", "kalman"):
        np.testing.assert_array_equal(found[0][0][name], found[1][0][name])
    assert found[0][1] == found[1][1]
    assert not np.array_equal(found[0][0]["truth"], found[1][0]["truth"])


def test_kinematics_may_be_channels_of_any_recording(tmp_path):
    X, Z = moving(n=300)
    info = mne.create_info([f"c{k}" for k in range(8)] + ["vx", "vy"], RATE, "misc")
    path = tmp_path / "arm_raw.fif"
    mne.io.RawArray(np.hstack([X, Z]).T, info, verbose="error").save(path, verbose="error")
    training = read_training(str(path), ("vx", "vy"))
    np.testing.assert_allclose(training.kinematics, Z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(training.recorded.data, X, rtol=1e-5, atol=1e-6)
    assert training.recorded.channels == tuple(f"c{k}" for k in range(8))
    with pytest.raises(DataError, match="channels vz are not among its channels: c0"):
        read_training(str(path), ("vx", "vz"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoders": {"k": {"kind": "kalman"}}}, "one role: baseline"),
        ({"decoders": {"k": {"kind": "dkf"}}}, "regressor: missing key"),
        ({"test_end": 30}, "test_end: must lie behind train_end"),
        ({"train_end": 70, "test_end": 80}, "must lie before the recording's end"),
        ({"train_end": 59, "test_end": None}, "less than 5 blocks"),
    ],
)
def test_a_mistake_is_one_message(change, message, recording, tmp_path, capsys):
    assert stage(config(tmp_path, recording, **change)) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("sub-01_online*"))


def test_kinematics_and_pictures_are_two_kinds_of_study(recording, tmp_path, capsys):
    path = config(tmp_path, recording)
    file = tmp_path / "studies" / "arm.yaml"
    raw = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({k: v for k, v in raw.items() if k != "online"}))
    with pytest.raises(ConfigError, match="systems: missing key"):
        load_study("arm", path)
    file.write_text(yaml.safe_dump({**raw, "data": {"kind": "haxby2001"}}))
    with pytest.raises(ConfigError, match="online: needs data of kind kinematics"):
        load_study("arm", path)
    config(tmp_path, recording)
    assert main(["reconstruct", "--study", "arm", "--subject", "01", "--config", str(path)]) == 2
    assert "stage online --study arm" in capsys.readouterr().err
