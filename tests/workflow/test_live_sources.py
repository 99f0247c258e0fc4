"""``neurodecode stream`` as a user runs it: on LSL and on BrainFlow's synthetic board."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import environment

from neurodecode.cli import main

pytestmark = pytest.mark.timeout(300)
SENDER = """
import sys
from pathlib import Path
from neurodecode.online.clock import RealClock
from neurodecode.online.lsl import LslPlayer
from neurodecode.online.replay import Replay

player = LslPlayer(Replay(Path(sys.argv[2]), RealClock()), sys.argv[1])
player.open()
print("sending", flush=True)
player.run(0.01)
"""
PROBE = """
import sys
from neurodecode.online.lsl import confine
confine()
from mne_lsl.lsl import StreamInfo, StreamOutlet, resolve_streams
outlet = StreamOutlet(StreamInfo(sys.argv[1], "EEG", 1, 10, "float32", sys.argv[1]))
print("runs" if resolve_streams(5.0, name=sys.argv[1]) else "does not")
"""


def calibrated(folder, n_channels, sfreq):
    """A decoder of so many channels, and the recording that it was fitted on."""
    rng = np.random.default_rng(0)
    n = int(60 * sfreq)
    turn = np.arange(n) / sfreq
    Z = np.column_stack([np.cos(turn), np.sin(1.3 * turn)])
    data = 2 + Z @ rng.normal(size=(2, n_channels)) + rng.normal(size=(n, n_channels))
    recording, decoder = folder / "recording.npz", folder / "decoder"
    np.savez(recording, data=data, sfreq=sfreq, kinematics=Z)
    assert main(["calibrate", str(recording), "--out", str(decoder), "--bin-width", "0.1"]) == 0
    return recording, decoder


def stream(source, decoder, log):
    """Decode for some seconds; what was printed, and the rows of the log."""
    done = subprocess.run(
        [sys.executable, "-m", "neurodecode.cli", "stream", "--source", source, "--decoder",
         str(decoder), "--log", str(log), "--seconds", "3"],
        capture_output=True, text=True, env=environment(), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, pd.read_csv(log, sep="\t", na_values=["n/a"])


def check(printed, rows):
    """Bins were decoded all along, and no sample is without account."""
    decoded = rows["decoded"].notna()
    assert decoded.sum() >= 15
    assert f"decoded                   {decoded.sum()} bins" in printed
    # Commands obey the default box and top speed, whatever the decoder wants.
    for name, most in (("position", 1.0), ("velocity", 2.0)):
        values = rows[[f"{name}_0", f"{name}_1"]].to_numpy()
        assert np.abs(values).max() <= most + 1e-6


def test_a_board_is_decoded(tmp_path):
    _, decoder = calibrated(tmp_path, 16, 250.0)
    check(*stream("board:synthetic", decoder, tmp_path / "log.tsv"))


def test_an_lsl_stream_is_decoded(tmp_path):
    name = f"neurodecode-cli-{os.getpid()}"
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, f"{name}-probe"], capture_output=True, text=True,
        env=environment(), timeout=60,
    )  # fmt: skip
    if "runs" not in probe.stdout:
        pytest.skip("LSL does not run here")
    recording, decoder = calibrated(tmp_path, 8, 200.0)
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER, name, str(recording)], stdout=subprocess.PIPE,
        env=environment(),
    )  # fmt: skip
    try:
        assert b"sending" in sender.stdout.readline()
        check(*stream(f"lsl:{name}", decoder, tmp_path / "log.tsv"))
    finally:
        sender.kill()
        sender.communicate()
