"""``replay`` and ``stream``: a decoder folder on a source, with a log and a dashboard."""

import numpy as np
import pandas as pd
import pytest
from small_world import world

from neurodecode.cli import main
from neurodecode.online import sessions
from neurodecode.online.calibration import calibrate, load_ready, read_training, save_ready
from neurodecode.online.clock import VirtualClock
from neurodecode.online.closed_loop import observe
from neurodecode.online.dashboard.messages import Order, encode
from neurodecode.online.dashboard.sink import DashboardSink
from neurodecode.online.loop import LiveLoop
from neurodecode.online.replay import Replay
from neurodecode.online.safety import Safety
from neurodecode.online.settings import FeatureSettings, SafetySettings

FEATURES = FeatureSettings.model_validate({"bins": {"kind": "spike_counts"}, "bin_width": 0.1})


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    block = observe(world(), 30)
    path = tmp_path_factory.mktemp("recording") / "calibration.npz"
    np.savez(path, data=block.counts, sfreq=20.0, kinematics=block.velocities)
    return path


@pytest.fixture(scope="module")
def folders(recording, tmp_path_factory):
    """Two decoders of the same features, and one of others."""
    root = tmp_path_factory.mktemp("decoders")
    training = read_training(str(recording))
    wide = FEATURES.model_copy(update={"bin_width": 0.2})
    for name, kind, features in (
        ("kalman", "kalman", FEATURES), ("dkf", "dkf", FEATURES), ("wide", "kalman", wide),
    ):  # fmt: skip
        save_ready(root / name, calibrate(training, features, kind))
    return root


def decoded(log):
    column = pd.read_csv(log, sep="\t", na_values=["n/a"])["decoded"]
    return np.array([[float(v) for v in str(row).replace(",", " ").split()] for row in column])


def test_a_replay_decodes_every_bin_as_the_batch_does(recording, folders, tmp_path, capsys):
    log = tmp_path / "out.tsv"
    arguments = ["replay", str(recording), "--decoder", str(folders / "kalman")]
    assert main([*arguments, "--log", str(log)]) == 0
    shown = capsys.readouterr().out
    assert "300 bins" in shown
    assert "600 used, 0 left over, 0 dropped" in shown
    X = read_training(str(recording)).recorded.data.reshape(300, 2, 60).sum(axis=1)
    expected = load_ready(folders / "kalman").decoder.predict(X).mean
    np.testing.assert_allclose(decoded(log), expected, atol=1e-6)
    assert log.with_name("out_events.tsv").is_file()


def test_a_stream_ends_after_the_seconds_asked_for(recording, folders, monkeypatch, capsys):
    monkeypatch.setattr(sessions, "RealClock", VirtualClock)
    arguments = ["stream", "--source", f"replay:{recording}", "--decoder", str(folders / "dkf")]
    assert main([*arguments, "--seconds", "5"]) == 0
    assert "50 bins in 5.0 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "more", "message"),
    [
        (None, [], "needs --source, or --settings"),
        ("serial:x", [], "source must be one of lsl:NAME"),
        ("simulate", [], "run `neurodecode simulate`"),
        ("replay:none.npz", [], "none.npz: no such file"),
        ("replay:flint2012", [], "10 channels at 10 Hz; the decoder was calibrated on 60 channels"),
        ("replay:{recording}", ["--seconds", "-3"], "--seconds must be above 0"),
        ("replay:{recording}", ["--settings", "no.yaml"], "no.yaml: no such file"),
    ],
)
def test_a_mistake_is_one_message(source, more, message, recording, folders, tmp_path, capsys):
    log = tmp_path / "out.tsv"
    given = [] if source is None else ["--source", source.format(recording=recording)]
    where = ["--decoder", str(folders / "kalman"), "--log", str(log)]
    assert main(["stream", *given, *where, *more]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert not list(tmp_path.iterdir())


def test_decoders_of_other_features_are_refused(recording, folders, capsys):
    both = [str(folders / "kalman"), str(folders / "wide")]
    assert main(["replay", str(recording), "--decoder", *both]) == 2
    assert "was calibrated on other features" in capsys.readouterr().err
    assert main(["replay", str(recording), "--decoder", str(recording.parent)]) == 2
    assert "neurodecode calibrate" in capsys.readouterr().err


class Script:
    """A page that gives an order after some bins."""

    def __init__(self, orders):
        self.orders_at, self.shown = orders, []

    def show(self, message):
        encode(message)
        self.shown.append(message)
        return True

    def orders(self):
        return self.orders_at.pop(len(self.bins()), [])

    def bins(self):
        return [message["bin"] for message in self.shown if "bin" in message]


def run(recording, folders, orders, data=None, **safety):
    clock = VirtualClock()
    ready = {name: load_ready(folders / name) for name in ("kalman", "dkf")}
    recorded = read_training(str(recording)).recorded
    if data is not None:
        recorded = type(recorded)(data, recorded.times, recorded.sfreq, recorded.channels)
    loop = LiveLoop(
        Replay(recorded, clock), ready["kalman"].chain, ready["kalman"].decoder,
        Safety(SafetySettings(**safety)), clock,
    )  # fmt: skip
    script = Script(orders)
    decoders = {name: each.decoder for name, each in ready.items()}
    loop.sinks.append(DashboardSink(script, "test", loop, decoders))
    return script, loop.run()


def test_the_dashboard_sees_every_output_and_its_orders_are_done(recording, folders):
    orders = {
        50: [Order("pause")], 80: [Order("resume")], 100: [Order("swap", name="dkf")],
        120: [Order("swap", name="unknown"), Order("recalibrate")], 200: [Order("stop")],
    }  # fmt: skip
    script, report = run(recording, folders, orders)
    shown = script.bins()
    assert report.counters.swaps == 1
    assert len(shown) == report.counters.outputs == 200
    assert [b["phase"] for b in shown[50:80]] == ["paused"] * 30
    assert {tuple(b["cursor"]) for b in shown[50:80]} == {tuple(shown[50]["cursor"])}
    assert shown[90]["phase"] == "streaming"
    assert (shown[99]["decoder"], shown[150]["decoder"]) == ("kalman", "dkf")
    about = script.shown[0]["about"]
    assert about["decoders"] == ["kalman", "dkf"]
    assert about["orders"] == ["pause", "swap", "stop"]
    assert shown[-1]["figures"]["samples"] == "400"
    assert script.shown[-1] == {"event": "The session has ended."}


def test_bad_channels_are_named(recording, folders):
    data = read_training(str(recording)).recorded.data.copy()
    data[100:, 7] = np.nan
    script, report = run(recording, folders, {}, data)
    assert script.bins()[-1]["bad"] == ["ch007"]
    assert report.counters.nan == 500


def test_with_a_dead_man_key_nothing_moves_until_it_is_held(recording, folders):
    held = {at: [Order("alive")] for at in range(100, 150)}
    script, _ = run(recording, folders, held, dead_man=0.5)
    speeds = np.array([np.hypot(*b["mean"]) for b in script.bins()])
    assert script.shown[0]["about"]["orders"][-1] == "alive"
    assert speeds[:100].max() == 0
    assert speeds[101:150].min() > 0
    assert speeds[-50:].max() < 0.01
