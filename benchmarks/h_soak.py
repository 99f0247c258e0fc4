"""Soak: half an hour of stream, 192 channels at 1 kHz, with faults at random moments.

Under the virtual clock NaN bursts, gaps, jumps of the clock and losses come every few seconds; the
decoder is a velocity Kalman filter on spike counts. Then five real minutes over LSL, whose source
is a process of its own that is killed and started again. ``--quick`` runs 40 s without LSL.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import psutil
from numpy.typing import NDArray
from table import Table, run

from neurodecode.online.bins import SpikeCounts
from neurodecode.online.clock import VirtualClock
from neurodecode.online.faults import FaultRates, Faulty
from neurodecode.online.features import Chain
from neurodecode.online.kalman import KalmanFilter
from neurodecode.online.loop import LiveLoop
from neurodecode.online.records import About, Event, Output
from neurodecode.online.safety import Safety
from neurodecode.online.settings import LoopSettings, SafetySettings
from neurodecode.online.simulated import Simulated
from neurodecode.online.stream import Chunk
from neurodecode.online.vectors import BadChannels
from neurodecode.seeds import generator

SOURCES = ("benchmarks/h_soak.py", "benchmarks/h_soak_lsl.py", "neurodecode/online/bins.py",
           "neurodecode/online/continuity.py", "neurodecode/online/faults.py",
           "neurodecode/online/features.py", "neurodecode/online/intake.py",
           "neurodecode/online/loop.py",
           "neurodecode/online/lsl.py", "neurodecode/online/safety.py",
           "neurodecode/online/sinks.py",
           "neurodecode/online/vectors.py")  # fmt: skip
N_CHANNELS, SFREQ, BIN = 192, 1000.0, 0.05
RATES = FaultRates(nan=4, gap=6, jump=1, kill=1, longest=2)
LIMITS = SafetySettings()
Array = NDArray[np.float64]


@dataclass
class Watch:
    """A sink that checks every output and keeps nothing but the worst."""

    fastest: float = 0.0
    farthest: float = 0.0
    finite: bool = True
    longest_silence: float = 0.0
    numbers: int = 0
    last: float | None = None
    actions: dict[str, int] = field(default_factory=dict)

    def open(self, about: About) -> None:
        """Nothing to get ready."""

    def samples(self, chunk: Chunk) -> None:
        """Samples are counted by the loop."""

    def output(self, output: Output) -> None:
        """Check one."""
        command = output.command
        self.fastest = max(self.fastest, float(np.linalg.norm(command.velocity)))
        self.farthest = max(self.farthest, float(np.abs(command.position).max()))
        both = np.concatenate([command.velocity, command.position])
        self.finite = self.finite and bool(np.isfinite(both).all())
        if self.last is not None:
            self.longest_silence = max(self.longest_silence, output.time - self.last)
        self.last = output.time
        self.numbers += output.number == self.numbers
        self.actions[command.action] = self.actions.get(command.action, 0) + 1

    def event(self, event: Event) -> None:
        """Events are counted by the loop."""

    def close(self) -> None:
        """Nothing to finish."""


def fitted(seed: int = 0) -> tuple[KalmanFilter, Array]:
    """A Kalman filter of counts in a bin, and the tuning of the units (n_channels, 2)."""
    rng = generator(seed, "soak")
    tuning = rng.normal(0, 0.01, size=(N_CHANNELS, 2))
    n = 2000
    phase = 0.05 * np.arange(n)
    Z = np.column_stack([np.cos(phase), np.sin(1.3 * phase)])
    rates = np.clip(0.02 + Z @ tuning.T, 0, 1)
    counts = rng.binomial(round(SFREQ * BIN), rates).astype(float)
    return KalmanFilter().fit(counts, Z), tuning


def session(seconds: float) -> tuple[LiveLoop, Faulty, Watch, VirtualClock]:
    """A loop on a stream that breaks, under the virtual clock."""
    decoder, tuning = fitted()
    rng, clock, watch = generator(1, "spikes"), VirtualClock(), Watch()

    period = 20 * round(SFREQ)  # drawn once, and over again
    phase = np.arange(period) * 2 * np.pi / period
    wishes = np.column_stack([np.cos(phase), np.sin(2 * phase)])
    spikes = (rng.random((period, N_CHANNELS)) < 0.02 + wishes @ tuning.T).astype(float)

    def draw(t: float) -> Array:
        sample: Array = spikes[round(t * SFREQ) % period]
        return sample

    channels = tuple(f"unit{i:03d}" for i in range(N_CHANNELS))
    stream = Faulty(Simulated(draw, channels, SFREQ, clock, seconds), clock, RATES, seed=2)
    chain = Chain(SpikeCounts(), round(SFREQ * BIN), steps=[BadChannels()])
    chain.fit(spikes)
    settings = LoopSettings(poll=0.01)
    loop = LiveLoop(stream, chain, decoder, Safety(LIMITS), clock, settings=settings, sinks=[watch])
    return loop, stream, watch, clock


def spend(loop: LiveLoop, clock: VirtualClock, seconds: float) -> None:
    """Let a part of the session pass."""
    end = clock.now() + seconds
    while clock.now() < end and not loop.stream.ended:
        loop.turn()
        clock.advance(0.01)


def soak(table: Table, seconds: float) -> None:
    """The virtual half hour."""
    loop, stream, watch, clock = session(seconds)
    loop.open()
    spend(loop, clock, seconds / 6)
    gc.collect()
    tracemalloc.start()
    spend(loop, clock, seconds / 30)
    gc.collect()
    python = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    before = psutil.Process().memory_info().rss
    spend(loop, clock, seconds * 0.7)
    after = psutil.Process().memory_info().rss
    spend(loop, clock, seconds)
    loop.close()
    c, broken = loop.counters, stream.broken
    faults = ", ".join(f"{n} {kind}" for kind, n in sorted(broken.faults.items()))
    table.add("virtual: stream time (s), faults", f"{clock.now():.0f}, {faults}")
    grown = (after - before) / 1e6
    table.add("virtual: growth of the process in its last 70 % (MB)", f"{grown:.1f}",
              f"live Python objects {python / 1e6:.2f} MB", "<= 2", grown <= 2)  # fmt: skip
    table.add("virtual: samples that arrived and are in no account",
              str(c.samples - c.used - c.dropped - c.forgotten - c.pending),
              f"{c.samples} arrived", "0", c.balanced)  # fmt: skip
    handed = round(seconds * SFREQ) - broken.samples
    table.add("virtual: samples handed on and not counted as arrived", str(handed - c.samples), "",
              "0", handed == c.samples)  # fmt: skip
    true = round(broken.last * SFREQ) - c.samples
    doubt = broken.faults.get("jump", 0) + broken.faults.get("kill", 0)
    table.add("virtual: samples taken away, by the time stamps", str(c.missing), f"{true} truly",
              f"within 2 s a jump ({doubt} jumps and losses)",
              abs(c.missing - true) <= 2 * SFREQ * broken.faults.get("jump", 0))  # fmt: skip
    outputs(table, "virtual", watch, c.outputs)
    share = c.bins / c.outputs
    table.add("virtual: outputs with a decoded bin behind them", f"{share:.3f}")


def outputs(table: Table, where: str, watch: Watch, n_outputs: int) -> None:
    """What went out."""
    bounded = (
        watch.finite
        and watch.fastest <= LIMITS.top_speed * (1 + 1e-9)
        and watch.farthest <= max(LIMITS.high)
    )
    goal = f"<= {LIMITS.top_speed:g}, {max(LIMITS.high):g}, all finite"
    table.add(f"{where}: fastest, farthest output", f"{watch.fastest:.3f}, {watch.farthest:.3f}",
              "", goal, bounded)  # fmt: skip
    table.add(f"{where}: outputs; longest time without one (s)",
              f"{n_outputs}; {watch.longest_silence:.3f}")  # fmt: skip


def lsl(table: Table) -> None:
    """Five real minutes over LSL, in a process of its own, then as long by the library alone."""
    start = time.monotonic()
    parts = []
    for part in ("read", "bare"):
        done = subprocess.run(
            [sys.executable, "h_soak_lsl.py", part, "300"], capture_output=True, text=True
        )
        if not done.stdout.strip():
            table.add(f"LSL, 5 real minutes, {part}", f"did not run: {done.stderr[-200:]}", "",
                      "runs", False)  # fmt: skip
            return
        parts.append(json.loads(done.stdout.strip().splitlines()[-1]))
    told, peer = parts
    table.add(
        "LSL: seconds (both), kills of the source",
        f"{time.monotonic() - start:.0f}, {told['kills']}",
    )
    table.add("LSL: times it was found again", str(told["reconnections"]), "",
              "every kill", told["reconnections"] >= told["kills"])  # fmt: skip
    table.add("LSL: samples that arrived and are in no account", str(told["unaccounted"]),
              f"{told['samples']} arrived", "0", told["unaccounted"] == 0)  # fmt: skip
    table.add("LSL: lost within a life of the source, by the samples' own numbers",
              str(told["holes"]), f"counted as missing: {told['counted']}", "all counted",
              told["holes"] <= told["counted"])  # fmt: skip
    table.add("LSL: growth of the process in its last 4 minutes (MB)", f"{told['growth']:.1f}",
              f"mne-lsl alone: {peer['growth']:.1f}", "<= 4", told["growth"] <= 4)  # fmt: skip
    table.add("LSL: fastest, farthest output", f"{told['fastest']:.3f}, {told['farthest']:.3f}", "",
              "<= 2, 1, all finite", told["bounded"])  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table."""
    soak(table, 40.0 if quick else 1800.0)
    if not quick:
        lsl(table)


if __name__ == "__main__":
    run("h_soak", SOURCES, measure, __doc__ or "")
