"""Logs: everything that went out is in them, XDF as other programs read it."""

import numpy as np
import pandas as pd
import pytest
import pyxdf

from neurodecode.errors import OutputError
from neurodecode.online.bins import SpikeCounts
from neurodecode.online.clock import VirtualClock
from neurodecode.online.features import Chain
from neurodecode.online.log import TsvLog, XdfLog
from neurodecode.online.loop import LiveLoop
from neurodecode.online.recorded import Recorded, read_recorded
from neurodecode.online.replay import Replay
from neurodecode.online.safety import Safety
from neurodecode.online.settings import SafetySettings
from neurodecode.online.stream import Marker

SFREQ, NAMES = 100.0, ("a", "b", "<c>")
DATA = np.random.default_rng(0).normal(size=(200, 3))
TIMES = np.delete(np.arange(203) / SFREQ, [50, 51, 52])
RECORDED = Recorded(DATA, TIMES, SFREQ, NAMES, (Marker(0.5, "go\tnow"), Marker(1.0, "stop")))


class Steady:
    """Always the same velocity."""

    mean, cov = np.array([0.1, -0.2]), np.eye(2)

    def step(self, y, t):
        return self

    def reset(self):
        pass


def run(*sinks, decoder=None):
    clock = VirtualClock(1000.0)
    loop = LiveLoop(
        Replay(RECORDED, clock), Chain(SpikeCounts(), 5), decoder or Steady(),
        Safety(SafetySettings()), clock, sinks=sinks,
    )  # fmt: skip
    return loop.run()


def test_every_output_is_a_row_that_names_its_samples(tmp_path):
    report = run(TsvLog(tmp_path / "log.tsv"))
    table = pd.read_csv(tmp_path / "log.tsv", sep="\t", na_values="n/a")
    assert len(table) == report.counters.outputs == 40
    np.testing.assert_array_equal(table["number"], np.arange(40))
    np.testing.assert_allclose(table["velocity_1"], -0.2)
    np.testing.assert_allclose(table["end"] - 1000, table["source_end"], atol=1e-5)
    np.testing.assert_allclose(table["source_end"][:10], np.arange(1, 11) * 0.05 - 0.01)
    assert table["n_missing"].sum() == 3
    assert (table["faults"] == "gap").sum() == 1
    assert table["decoded"][0] == "0.1 -0.2"
    events = pd.read_csv(tmp_path / "log_events.tsv", sep="\t")
    assert list(events["event"]) == ["marker", "gap", "marker", "end"]
    assert list(events["detail"][events["event"] == "marker"]) == ["go now", "stop"]


def test_xdf_holds_samples_commands_and_both_clocks(tmp_path):
    path = tmp_path / "log.xdf"
    run(XdfLog(path))
    raw, _ = pyxdf.load_xdf(str(path), synchronize_clocks=False, dejitter_timestamps=False)
    streams = {stream["info"]["name"][0]: stream for stream in raw}
    samples = streams["samples"]
    np.testing.assert_array_equal(samples["time_series"], DATA)
    np.testing.assert_allclose(samples["time_stamps"], TIMES)
    assert samples["footer"]["info"]["sample_count"] == ["200"]
    synced, _ = pyxdf.load_xdf(str(path), dejitter_timestamps=False)
    corrected = next(s for s in synced if s["info"]["name"][0] == "samples")
    np.testing.assert_allclose(corrected["time_stamps"], 1000 + TIMES, atol=1e-5)
    commands = streams["commands"]
    assert commands["time_series"].shape == (40, 6)
    np.testing.assert_allclose(commands["time_series"][:, 0], 0.1)
    texts = [row[0] for row in streams["events"]["time_series"]]
    assert sorted(texts)[1:] == ["gap 3 samples missing", "go\tnow", "stop"]
    assert "missing 3" in sorted(texts)[0]


def test_a_logged_session_can_be_replayed(tmp_path):
    run(XdfLog(tmp_path / "log.xdf"))
    found = read_recorded(tmp_path / "log.xdf")
    assert (found.channels, found.sfreq) == (NAMES, SFREQ)
    np.testing.assert_array_equal(found.data, DATA)
    assert {"stop", "go\tnow"} < {m.label for m in found.markers}
    stop = next(m.time for m in found.markers if m.label == "stop")
    np.testing.assert_allclose(stop, 1.0, atol=0.02)


def test_a_log_is_whole_after_an_error_and_absent_before(tmp_path):
    class Breaks(Steady):
        n = 0

        def step(self, y, t):
            self.n += 1
            assert not (tmp_path / "log.tsv").exists()
            if self.n == 7:
                raise ZeroDivisionError
            return self

    with pytest.raises(ZeroDivisionError):
        run(TsvLog(tmp_path / "log.tsv"), XdfLog(tmp_path / "log.xdf"), decoder=Breaks())
    assert len(pd.read_csv(tmp_path / "log.tsv", sep="\t")) == 6
    raw, _ = pyxdf.load_xdf(str(tmp_path / "log.xdf"))
    assert sum(len(s["time_series"]) for s in raw if s["info"]["name"][0] == "commands") == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.tsv", "log.xdf", "log_events.tsv"]


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file where a folder is needed"):
        run(TsvLog(tmp_path / "file" / "log.tsv"))
