"""A cursor under drift: an adaptive decoder against a fixed one, twenty simulated users.

Each user is calibrated for a minute and then controls a centre-out cursor for ten, while baselines
wander, preferred directions turn and units fall silent: some days' change in minutes. The same
users with the same drift meet each decoder. SmoothBatch with ReFIT's intended velocities is told
the target that was on show, as in a cued task; it never sees the drift, nor what was intended.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from table import Table, run

from neurodecode.online.adapt import intended_velocity, smooth_batch
from neurodecode.online.closed_loop import Block, ClosedLoop, Run, control, observe
from neurodecode.online.decoded import StreamDecoder
from neurodecode.online.dkf import DiscriminativeKalmanFilter
from neurodecode.online.kalman import KalmanFilter
from neurodecode.online.regressors import LinearRidge
from neurodecode.online.tasks import CentreOut
from neurodecode.online.user import SimulatedUser, UserSettings
from neurodecode.seeds import generator
from neurodecode.simulate.neurons import Drift, Neurons, NeuronSettings

SOURCES = (
    "benchmarks/h_closed_loop.py", "neurodecode/simulate/neurons.py",
    *(f"neurodecode/online/{name}.py" for name in (
        "adapt", "closed_loop", "decoded", "dkf", "dynamics", "history", "kalman", "kernels",
        "metrics", "regressors", "safety", "tasks", "user",
    )),
)  # fmt: skip
BIN_WIDTH = 0.05
DRIFT = Drift(baseline=0.1, turn=0.3, loss=0.02)
CALIBRATION, BATCH, HALF_LIFE = 60.0, 30.0, 60.0
FIRST_SEED = 1000

Adapt = Callable[[Block], StreamDecoder]


def session(make: Callable[[], StreamDecoder], seed: int, seconds: float, adaptive: bool) -> Run:
    """Calibrate one user and let them control the cursor."""
    neurons = Neurons(NeuronSettings(drift=DRIFT), BIN_WIDTH, seed)
    loop = ClosedLoop(neurons, SimulatedUser(UserSettings(), BIN_WIDTH, seed), CentreOut(), seed)
    block = observe(loop, CALIBRATION)
    decoder = make().fit(block.counts, block.velocities)
    adapt = adaptation(decoder) if adaptive else None
    return control(loop, decoder, seconds, adapt, every=BATCH)


def adaptation(decoder: StreamDecoder) -> Adapt:
    """SmoothBatch on ReFIT's intended velocities; each batch moves the last filter on."""
    latest = [decoder]

    def adapt(block: Block) -> StreamDecoder:
        meant = intended_velocity(block.velocities, block.cursors, block.targets, block.holding)
        rho = 0.5 ** (BATCH / HALF_LIFE)
        moved = smooth_batch(latest[0], block.counts, meant, rho)
        moved.take_over(latest[0])
        latest[0] = moved
        return moved

    return adapt


def interval(values: np.ndarray) -> str:
    """Mean with its 95 % bootstrap interval over users."""
    low, high = bounds(values)
    return f"{values.mean():.2f} ({low:.2f} to {high:.2f})"


def bounds(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of a mean over users."""
    random = generator(1, "h_closed_loop", "bootstrap")
    picks = random.integers(len(values), size=(10_000, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` has four users and five minutes, and asserts the direction."""
    n_users, seconds = (4, 300.0) if quick else (20, 600.0)
    systems = {
        "fixed KF": (KalmanFilter, False),
        "SmoothBatch KF": (KalmanFilter, True),
        **({} if quick else {"fixed DKF, linear": (lambda: DiscriminativeKalmanFilter(
            LinearRidge()), False)}),
    }  # fmt: skip
    figures = {"bit rate (bit/s)": "bit_rate", "time to target (s)": "time_to_target"}
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, (make, adaptive) in systems.items():
        runs = [session(make, FIRST_SEED + i, seconds, adaptive).scores for i in range(n_users)]
        found[name] = {f: np.array([getattr(r, f) for r in runs]) for f in figures.values()}
    for words, figure in figures.items():
        fixed = found["fixed KF"][figure]
        sign = 1 if figure == "bit_rate" else -1
        for name in list(systems)[1:]:
            ours = found[name][figure]
            gain = sign * (ours - fixed)
            low, high = bounds(gain)
            holds = bool(gain.mean() > 0 if quick else low > 0)
            table.add(f"{words}, {name}", interval(ours), f"fixed KF {interval(fixed)}")
            table.add(
                f"gain in {words}, {name}, {int((gain > 0).sum())} of {n_users} users",
                f"{gain.mean():.2f} ({low:.2f} to {high:.2f})",
                "",
                "> 0" if name == "SmoothBatch KF" else "",
                holds if name == "SmoothBatch KF" else None,
            )


if __name__ == "__main__":
    warnings.simplefilter("error")
    run("h_closed_loop", SOURCES, measure, __doc__ or "")
