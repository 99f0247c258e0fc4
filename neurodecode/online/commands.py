"""What ``neurodecode calibrate`` and ``neurodecode simulate`` do."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields

from neurodecode.errors import ConfigError
from neurodecode.online.calibration import DECODERS, calibrate, read_training, save_ready
from neurodecode.online.clock import RealClock, VirtualClock
from neurodecode.online.closed_loop import Block, ClosedLoop, VelocityDecoder
from neurodecode.online.live import LiveSession
from neurodecode.online.metrics import Scores
from neurodecode.online.settings import FeatureSettings, OnlineSettings
from neurodecode.online.tasks import TASKS
from neurodecode.online.terminal import dashboard_of, tell
from neurodecode.online.user import SimulatedUser, UserSettings
from neurodecode.settings import read_settings
from neurodecode.simulate.neurons import Drift, Neurons, NeuronSettings

__all__ = ["DRIFTS", "SIMULATED", "run_calibrate", "run_simulate"]

DRIFTS = {
    "none": Drift(),
    "slow": Drift(baseline=0.05, turn=0.1, loss=0.005),
    "fast": Drift(baseline=0.1, turn=0.3, loss=0.02),
}
BIN_WIDTH = 0.05
SIMULATED = ("kalman", "kalman-steady", "dkf")
"""Decoders for the counts of many units; those with kernels need few features."""


def run_calibrate(options: Namespace) -> int:
    """Fit a decoder on a recording with kinematics, score it, save it."""
    training = read_training(options.recording)
    ready = calibrate(training, _features(options, training.recorded.sfreq), options.decoder)
    save_ready(options.out, ready)
    seconds = len(training.recorded.data) / training.recorded.sfreq
    tell("recording", f"{seconds:.0f} s, {len(ready.channels)} channels, {ready.sfreq:g} Hz")
    tell("bins", f"{ready.features.bin_width:g} s")
    for name, value in ready.scores.items():
        unit = {"nrmse": "", "angle": " rad"}[name]
        tell(f"{name}, last fifth", f"{value:.3f}{unit}, by a decoder that did not see it")
    tell("saved", str(options.out))
    return 0


def _features(options: Namespace, sfreq: float) -> FeatureSettings:
    if options.settings is not None:
        return read_settings(OnlineSettings, options.settings).features
    width = options.bin_width or max(BIN_WIDTH, 1 / sfreq)
    return FeatureSettings.model_validate({"bins": {"kind": "spike_counts"}, "bin_width": width})


def run_simulate(options: Namespace) -> int:
    """Run a closed loop with simulated neurons, and print how well the cursor was controlled."""
    if options.seconds is not None and options.seconds <= 0:
        raise ConfigError(f"--seconds must be above 0, got {options.seconds:g}")
    if options.calibration < 10:
        raise ConfigError(f"--calibration must be at least 10 s, got {options.calibration:g}")
    if options.decoder not in SIMULATED:
        raise ConfigError(f"decoder must be one of {', '.join(SIMULATED)}, got {options.decoder!r}")
    neurons = Neurons(NeuronSettings(drift=DRIFTS[options.drift]), BIN_WIDTH, options.seed)
    user = SimulatedUser(UserSettings(), BIN_WIDTH, options.seed)
    loop = ClosedLoop(neurons, user, TASKS[options.task](), options.seed)
    fits = {name: _fit(name) for name in SIMULATED}
    with dashboard_of(options) as dashboard, ThreadPoolExecutor(1) as beside:
        live = dashboard is not None
        session = LiveSession(
            loop, fits, options.decoder, options.calibration,
            RealClock() if live else VirtualClock(), dashboard, beside if live else None,
        )  # fmt: skip
        with suppress(KeyboardInterrupt):  # what was reached until then is told
            session.run(options.seconds or (math.inf if live else 60.0))
    _tell_scores(options.task, session.chosen, session.scores)
    return 0


def _fit(name: str) -> Callable[[Block], VelocityDecoder]:
    def fit(block: Block) -> VelocityDecoder:
        return DECODERS[name]().fit(block.counts, block.velocities)

    return fit


def _tell_scores(task: str, decoder: str, scores: Scores) -> None:
    """Print the figures of a run of trials."""
    tell("simulated neurons", f"{task}, decoder {decoder}")
    words = {
        "n_trials": ("trials", "{:d}"),
        "n_hits": ("hits", "{:d}"),
        "n_wrong": ("wrong keys", "{:d}"),
        "n_timeouts": ("timed out", "{:d}"),
        "success": ("share that hit", "{:.2f}"),
        "bit_rate": ("achieved bit rate", "{:.2f} bit/s"),
        "throughput": ("Fitts throughput", "{:.2f} bit/s"),
        "path_efficiency": ("path efficiency", "{:.2f}"),
        "time_to_target": ("time to target", "{:.2f} s"),
    }
    for field in fields(scores):
        label, form = words[field.name]
        value = getattr(scores, field.name)
        tell(label, form.format(value) if value == value else "n/a")
