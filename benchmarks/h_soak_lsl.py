"""The part of the soak that runs over LSL; see ``h_soak.py``.

``h_soak_lsl.py SECONDS`` reads, decodes and watches, and starts and kills the source, which is
``h_soak_lsl.py send NAME``. Channel 0 carries each sample's number within the source's life.
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
from neurodecode.online.lsl import LslPlayer, LslStream
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


def start(name: str) -> subprocess.Popen[bytes]:
    """A source that is sending."""
    source = subprocess.Popen([sys.executable, __file__, "send", name], stdout=subprocess.PIPE)
    if source.stdout is not None:
        source.stdout.readline()
    return source


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
    source, kills = start(name), 0
    loop = LiveLoop(
        LslStream(name, clock), chain, decoder, Safety(SafetySettings()), clock,
        sinks=[watch], reconnect=0.2,
    )  # fmt: skip
    loop.open()
    begin = clock.now()
    early, next_kill, restart = None, begin + 40, None
    while clock.now() < begin + seconds:
        now = clock.now()
        loop.turn()
        if early is None and now > begin + seconds / 5:
            early = psutil.Process().memory_info().rss
        if restart is None and now > next_kill and now < begin + seconds - 30:
            source.kill()
            source.wait()
            kills, restart = kills + 1, now + 2
        if restart is not None and now > restart:
            source = subprocess.Popen(
                [sys.executable, __file__, "send", name], stdout=subprocess.DEVNULL
            )
            restart, next_kill = None, now + 40
        clock.wait_until(now + 0.001)
    loop.close()
    source.kill()
    source.wait()
    late = psutil.Process().memory_info().rss
    c = loop.counters
    print(json.dumps({
        "kills": kills, "reconnections": c.reconnections, "samples": c.samples,
        "unaccounted": c.samples - c.used - c.dropped - c.forgotten - c.pending,
        "holes": numbers.holes, "counted": c.missing, "growth": (late - (early or late)) / 1e6,
        "fastest": watch.fastest, "farthest": watch.farthest,
        "bounded": watch.finite and watch.fastest <= 2 + 1e-9 and watch.farthest <= 1,
        "age_p99": loop.age.quantile(0.99), "seconds": time.monotonic() - begin,
    }))  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2])
    else:
        read(float(sys.argv[1]))
