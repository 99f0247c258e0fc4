"""LSL on this machine, between processes: what is sent arrives, a killed source comes back."""

import json
import os
import subprocess
import sys

import pytest

SENDER = """
import sys
import numpy as np
from neurodecode.online.clock import RealClock
from neurodecode.online.lsl import LslPlayer
from neurodecode.online.recorded import Recorded
from neurodecode.online.replay import Replay
from neurodecode.online.stream import Marker

times = np.arange(30000) / 500
data = np.column_stack([np.arange(30000.0), np.full(30000, np.nan), np.sin(times)])
markers = tuple(Marker(0.25 * k, f"m{k}") for k in range(200))
player = LslPlayer(Replay(Recorded(data, times, 500.0, ("n", "nan", "s"), markers), RealClock()),
                   sys.argv[1])
player.open()
print("sending", flush=True)
player.run(0.01)
"""
READER = """
import json, signal, subprocess, sys, time
import numpy as np
from neurodecode.online.clock import RealClock
from neurodecode.online.lsl import LslStream, confine
from neurodecode.online.stream import StreamLost

name, sender = sys.argv[1], sys.argv[2]

def start():
    process = subprocess.Popen([sys.executable, "-c", sender, name], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process

def collect(stream, seconds):
    chunks, ages, until = [], [], time.monotonic() + seconds
    while time.monotonic() < until:
        chunk = stream.acquire()
        chunks.append(chunk)  # one without samples may hold a marker
        if len(chunk):
            ages.append(time.monotonic() - chunk.times[-1])
        time.sleep(0.002)
    return chunks, ages

confine()
from mne_lsl.lsl import StreamInfo, StreamOutlet, resolve_streams
probe = StreamOutlet(StreamInfo(name + "-probe", "EEG", 1, 10, "float32", name + "-probe"))
if not resolve_streams(5.0, name=name + "-probe"):
    print(json.dumps({"runs": False}))
    sys.exit()
del probe

result = {"runs": True}
stream = LslStream(name + "-absent")
try:
    stream.connect()
except StreamLost as error:
    result["absent"] = str(error)

process = start()
try:
    stream = LslStream(name, RealClock(), markers=name + "-markers")
    stream.connect()
    chunks, ages = collect(stream, 1.5)
    first = np.vstack([c.data for c in chunks])
    stamps = np.concatenate([c.times for c in chunks])
    result |= {
        "channels": stream.channels, "sfreq": stream.sfreq,
        "consecutive": bool((np.diff(first[:, 0]) == 1).all()), "n": len(first),
        "between": [first[0, 0], first[-1, 0]],
        "nan": bool(np.isnan(first[:, 1]).all()),
        "even": float(np.abs(np.diff(stamps) - 0.002).max()),
        "age": [float(min(ages)), float(np.median(ages))],
        "markers": [m.label for c in chunks for m in c.markers],
    }
    def late(timeout):
        raise TimeoutError
    stream._inlet.inlet.time_correction = late
    result["late_clock"] = sum(len(c) for c in collect(stream, 1.2)[0])
    process.send_signal(signal.SIGKILL)
    process.wait()
    began, lost = time.monotonic(), None
    try:
        collect(stream, 10.0)
    except StreamLost as error:
        lost = str(error)
    result["lost"], result["lost_after"] = lost, time.monotonic() - began
    began = time.monotonic()
    try:
        stream.connect()
    except StreamLost as error:
        result["looking"] = str(error)
    result["connect_took"] = time.monotonic() - began
    process = start()
    until, back = time.monotonic() + 20, False
    while not back and time.monotonic() < until:
        try:
            stream.connect()
            back = True
        except StreamLost:
            time.sleep(0.05)
    result["back"] = back
    result["again"] = sum(len(c) for c in collect(stream, 0.5)[0]) if back else 0
    stream.disconnect()
finally:
    process.kill()
    process.wait()
print(json.dumps(result))
"""


# One worker: what the reader saw takes it 20 s.
pytestmark = pytest.mark.xdist_group("lsl")


@pytest.fixture(scope="module")
def told():
    """What a reader in a process of its own saw: LSL may abort the process that it runs in."""
    name = f"neurodecode-test-{os.getpid()}"
    done = subprocess.run(
        [sys.executable, "-c", READER, name, SENDER], capture_output=True, text=True, timeout=110
    )
    if not done.stdout.strip():
        pytest.fail(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def seen(told):
    if not told["runs"]:
        pytest.skip("LSL does not run here")
    return told


def test_what_is_sent_arrives_in_order_and_on_our_clock(seen):
    assert (seen["channels"], seen["sfreq"]) == (["n", "nan", "s"], 500.0)
    assert seen["n"] > 300
    assert seen["consecutive"]
    assert seen["nan"]
    assert seen["even"] < 1e-4
    assert seen["age"][0] > -1e-4
    assert seen["age"][1] < 0.5


def test_markers_come_along(seen):
    numbers = [int(label[1:]) for label in seen["markers"]]
    first, last = (n / 500 for n in seen["between"])
    wanted = [k for k in range(200) if first < 0.25 * k < last - 0.2]
    assert len(wanted) >= 2
    assert [n for n in numbers if n in wanted] == wanted
    assert numbers == sorted(set(numbers))


def test_the_clock_of_a_busy_machine_loses_nothing(seen):
    assert seen["late_clock"] > 0


def test_a_missing_stream_is_said(seen):
    assert "no stream of numbers with this name" in seen["absent"]


def test_a_killed_source_is_lost_at_once_and_found_again(seen):
    assert seen["lost"] is not None
    assert seen["lost_after"] < 5
    assert seen["connect_took"] < 1
    assert "being looked for" in seen["looking"]
    assert seen["back"]
    assert seen["again"] > 0
