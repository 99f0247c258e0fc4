"""Round trip over LSL: a sample leaves, is decoded in another process, and the command is back.

192 channels at 1 kHz go through LSL to a session (spike counts, velocity Kalman filter, safety),
and its commands through LSL back to the sender. A round trip runs from the moment that the last
sample of a bin is due to the moment that its command is in the sender's hands. The bar is for a
quiet machine; ``--quick`` only asks that commands come back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import numpy as np
from numpy.typing import NDArray
from table import Table, run

from neurodecode.online.bins import SpikeCounts
from neurodecode.online.clock import RealClock
from neurodecode.online.features import Chain
from neurodecode.online.kalman import KalmanFilter
from neurodecode.online.loop import LiveLoop
from neurodecode.online.lsl import LslOutlet, LslStream, confine
from neurodecode.online.safety import Safety
from neurodecode.online.settings import LoopSettings, SafetySettings
from neurodecode.seeds import generator

SOURCES = ("benchmarks/h_lsl.py", "neurodecode/online/bins.py", "neurodecode/online/continuity.py",
           "neurodecode/online/features.py", "neurodecode/online/intake.py",
           "neurodecode/online/kalman.py",
           "neurodecode/online/kernels.py", "neurodecode/online/loop.py",
           "neurodecode/online/lsl.py", "neurodecode/online/safety.py",
           "neurodecode/online/sinks.py")  # fmt: skip
N_CHANNELS, SFREQ = 192, 1000
PATIENCE = 60.0
Array = NDArray[np.float64]


def decode(name: str, n_in_bin: int) -> None:
    """The session, in a process of its own: from stream ``name`` to ``name-out``, until killed."""
    rng, clock = generator(0, "h_lsl"), RealClock()
    Z = np.cumsum(rng.normal(size=(3000, 2)), axis=0) * 0.01
    Y = rng.poisson(np.clip(0.02 * n_in_bin * (1 + Z @ rng.normal(size=(2, N_CHANNELS))), 0, 50))
    decoder = KalmanFilter().fit(Y.astype(float) + 1e-3 * rng.normal(size=Y.shape), Z)
    loop = LiveLoop(
        LslStream(name, clock), Chain(SpikeCounts(), n_in_bin), decoder, Safety(SafetySettings()),
        clock, settings=LoopSettings(poll=2e-4), sinks=[LslOutlet(f"{name}-out", clock)],
    )  # fmt: skip
    report = loop.run()
    c = report.counters
    print(json.dumps({
        "age": [report.age.quantile(q) for q in (0.5, 0.99)],
        "block": [report.duration.quantile(q) for q in (0.5, 0.99)],
        "missing": c.missing, "dropped": c.dropped, "bins": c.bins,
    }))  # fmt: skip


class Reader(threading.Thread):
    """Takes commands as they come and notes how long each was on its way."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self.name_ = name
        self.trips: list[float] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Read until it is over."""
        from mne_lsl.lsl import StreamInlet, local_clock, resolve_streams

        found = resolve_streams(PATIENCE, name=self.name_)
        if not found:
            return
        inlet = StreamInlet(found[0], recover=False)
        inlet.open_stream(PATIENCE)
        end = [c.startswith("end") for c in inlet.get_sinfo().get_channel_names()].index(True)
        while not self.over.is_set():
            sample, stamp = inlet.pull_sample(timeout=0.2)
            if stamp is not None and np.isfinite(sample[end]):
                self.trips.append(local_clock() - float(sample[end]))


def round_trips(n_in_bin: int, seconds: float) -> tuple[Array, dict[str, object]]:
    """Send for so long; returns the round trips (s) and what the session said."""
    from mne_lsl.lsl import StreamInfo, StreamOutlet, local_clock

    name, clock = f"trip-{os.getpid()}-{n_in_bin}", RealClock()
    info = StreamInfo(name, "EEG", N_CHANNELS, SFREQ, "float32", name)
    outlet = StreamOutlet(info, max_buffered=2)
    spikes = (generator(1, "h_lsl").random((1000, N_CHANNELS)) < 0.02).astype(np.float32)
    session = subprocess.Popen(
        [sys.executable, __file__, "decode", name, str(n_in_bin)], stdout=subprocess.PIPE, text=True
    )
    reader = Reader(f"{name}-out")
    reader.start()
    offset = local_clock() - clock.now()
    start, sent, chunk = clock.now(), 0, n_in_bin
    until = None
    while until is None or clock.now() < until:
        due = start + (sent + chunk) / SFREQ
        clock.wait_until(due)
        rows = spikes[np.arange(sent, sent + chunk) % len(spikes)]
        if chunk == 1:
            outlet.push_sample(rows[0], due + offset)
        else:
            outlet.push_chunk(rows, due + offset)
        sent += chunk
        if until is None and (reader.trips or clock.now() > start + PATIENCE):
            until = clock.now() + seconds + 1
    reader.over.set()
    reader.join()
    session.terminate()
    told = session.communicate()[0].strip().splitlines()
    trips = np.array(reader.trips)
    warm = trips[min(len(trips), SFREQ // n_in_bin) :]  # the first second is not the machine's best
    return warm, json.loads(told[-1]) if told else {}


def runs_here() -> bool:
    """Whether LSL finds its own outlet on this machine."""
    from mne_lsl.lsl import StreamInfo, StreamOutlet, resolve_streams

    name = f"probe-{os.getpid()}"
    outlet = StreamOutlet(StreamInfo(name, "EEG", 1, 10, "float32", name))
    found = bool(resolve_streams(10.0, name=name))
    del outlet
    return found


def measure(table: Table, quick: bool) -> None:
    """Fill the table."""
    confine()
    if not runs_here():
        table.add("LSL round trip", "LSL does not run here")
        return
    for n_in_bin in (10,) if quick else (10, 1):
        trips, told = round_trips(n_in_bin, 3.0 if quick else 60.0)
        if not len(trips):
            table.add(f"bins of {n_in_bin} ms", "nothing came back", "", "", False)
            continue
        p50, p99, p999 = 1e3 * np.percentile(trips, [50, 99, 99.9])
        goal, holds = ("comes back", True) if quick else ("99 % <= 3 ms", p99 <= 3)
        table.add(f"192 channels at 1 kHz, bins and chunks of {n_in_bin} ms: round trip (ms), "
                  "median / 99 % / 99.9 %", f"{p50:.2f} / {p99:.2f} / {p999:.2f}",
                  f"{len(trips)} trips", goal, bool(holds))  # fmt: skip
        if told:
            block = 1e6 * np.array(told["block"])
            table.add("  of which from the look at the stream to the command (us), median / 99 %",
                      f"{block[0]:.0f} / {block[1]:.0f}",
                      f"{told['missing']} samples missing, {told['dropped']} dropped")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["decode"]:
        decode(sys.argv[2], int(sys.argv[3]))
    else:
        run("h_lsl", SOURCES, measure, __doc__ or "")
