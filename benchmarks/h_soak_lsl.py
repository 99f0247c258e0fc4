"""The part of the soak that runs over LSL; see ``h_soak.py``.

``h_soak_lsl.py read SECONDS`` reads, decodes and watches, and starts and kills the source, which
is ``h_soak_lsl.py send NAME``; ``h_soak_lsl.py bare SECONDS`` is the peer: the library alone reads
the same source through the same kills. Channel 0 carries each sample's number within the source's
life.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import psutil

from neurodecode.online.bins import SpikeCounts
from neurodecode.online.clock import RealClock
from neurodecode.online.faults import FaultRates, Faulty
from neurodecode.online.features import Chain
from neurodecode.online.loop import LiveLoop
from neurodecode.online.lsl import LslPlayer, LslStream, confine
from neurodecode.online.safety import Safety
from neurodecode.online.settings import SafetySettings
from neurodecode.online.simulated import Simulated
from neurodecode.online.stream import Chunk
from neurodecode.seeds import generator

N_CHANNELS, SFREQ = 192, 1000.0


def send(name: str) -> None:
    """Stream until killed, with NaN bursts and gaps."""
    clock, rng = RealClock(), generator(3, "soak", "lsl")
    table = (rng.random((4096, N_CHANNELS)) < 0.02).astype(float)

    def draw(t: float) -> np.ndarray:
        sample = table[int(t * SFREQ) % len(table)].copy()
        sample[0] = round(t * SFREQ)
        return sample

    channels = tuple(f"unit{i:03d}" for i in range(N_CHANNELS))
    rates = FaultRates(nan=6, gap=6, jump=0, kill=0, longest=1)
    source = Faulty(Simulated(draw, channels, SFREQ, clock), clock, rates, seed=os.getpid())
    player = LslPlayer(source, name, clock)
    player.open()
    print("sending", flush=True)
    player.run(0.005)


class Source:
    """A source in a process of its own that is killed every 40 s and back 2 s later."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        if self.process.stdout is not None:
            self.process.stdout.readline()
        self.begin = time.monotonic()
        self.last = self.begin + seconds - 30
        self.kills, self.next, self.restart = 0, self.begin + 40, float("inf")
        self.early: int | None = None
        self.memory_from = self.begin + seconds / 5

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, __file__, "send", self.name]

    def tend(self) -> None:
        """Kill it, or start it again, where it is time; note the memory after the first part."""
        now = time.monotonic()
        if self.early is None and now > self.memory_from:
            self.early = psutil.Process().memory_info().rss
        if self.next < now < self.last:
            self.process.kill()
            self.process.wait()
            self.kills, self.next, self.restart = self.kills + 1, float("inf"), now + 2
        if now > self.restart:
            self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
            self.next, self.restart = now + 40, float("inf")

    def end(self) -> float:
        """Kill it for good; MB by which this process grew since the first part."""
        self.process.kill()
        self.process.wait()
        late = psutil.Process().memory_info().rss
        return (late - (self.early or late)) / 1e6


class Numbers:
    """A sink that follows the samples' own numbers, where they are not NaN."""

    def __init__(self) -> None:
        self.before, self.now, self.anchor, self.last = 0, 0, 0, -1

    @property
    def holes(self) -> int:
        """Samples missing between the first and the last of each life of the source."""
        return self.before + self.now

    def samples(self, chunk: Chunk) -> None:
        """Compare how far the numbers and the rows went."""
        for number in chunk.data[:, 0]:
            self.anchor += 1
            if not np.isfinite(number):
                continue
            if number <= self.last or self.last < 0:
                self.before, self.now, self.anchor = self.holes, 0, int(number)
            self.now, self.last = int(number) - self.anchor, int(number)


def read(seconds: float) -> None:
    """Decode for so long, kill the source every 40 s, print what was seen."""
    from h_soak import BadChannels, Watch, fitted

    name = f"soak-{os.getpid()}"
    clock, watch, numbers = RealClock(), Watch(), Numbers()
    watch.samples = numbers.samples  # type: ignore[method-assign]
    decoder, _ = fitted()
    chain = Chain(SpikeCounts(), 50, steps=[BadChannels()])
    rng = generator(4, "soak", "calibration")
    chain.fit((rng.random((20000, N_CHANNELS)) < 0.02).astype(float))
    source = Source(name, seconds)
    loop = LiveLoop(
        LslStream(name, clock), chain, decoder, Safety(SafetySettings()), clock,
        sinks=[watch], reconnect=0.2,
    )  # fmt: skip
    loop.open()
    begin = clock.now()
    while clock.now() < begin + seconds:
        now = clock.now()
        loop.turn()
        source.tend()
        clock.wait_until(now + 0.001)
    loop.close()
    growth = source.end()
    c = loop.counters
    print(json.dumps({
        "kills": source.kills, "reconnections": c.reconnections, "samples": c.samples,
        "unaccounted": c.samples - c.used - c.dropped - c.forgotten - c.pending,
        "holes": numbers.holes, "counted": c.missing, "growth": growth,
        "fastest": watch.fastest, "farthest": watch.farthest,
        "bounded": watch.finite and watch.fastest <= 2 + 1e-9 and watch.farthest <= 1,
        "age_p99": loop.age.quantile(0.99), "seconds": time.monotonic() - begin,
    }))  # fmt: skip


def bare(seconds: float) -> None:
    """Read for so long with mne-lsl alone, searching again after each loss."""
    confine()
    from mne_lsl.lsl import StreamInlet, resolve_streams
    from mne_lsl.lsl._utils import LostError

    name = f"bare-{os.getpid()}"
    source, inlet, losses = Source(name, seconds), None, 0
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        source.tend()
        try:
            if inlet is None:
                found = resolve_streams(1.0, name=name)
                if found:
                    inlet = StreamInlet(found[0], max_buffered=10, recover=False)
                    inlet.open_stream(5.0)
                    inlet.time_correction(5.0)
            else:
                inlet.pull_chunk(timeout=0.0, max_samples=4096)
        except (LostError, TimeoutError, RuntimeError):
            inlet, losses = None, losses + 1
        time.sleep(0.001)
    print(json.dumps({"growth": source.end(), "kills": source.kills, "losses": losses}))


if __name__ == "__main__":
    part = {"send": send, "read": lambda given: read(float(given)),
            "bare": lambda given: bare(float(given))}[sys.argv[1]]  # fmt: skip
    part(sys.argv[2])
