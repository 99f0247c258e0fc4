"""Cost of one decoding step, 192 channels to 6 states, hot and at 50 Hz, beside filter libraries.

Peers are taken where they can be imported; $NEURODECODE_PEERS names a site-packages folder that
holds them (filterpy, pykalman, dynamax). Run it on a quiet machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from table import Table, run

SOURCES = (
    "benchmarks/h_step_cost.py", "benchmarks/h_step_worker.py", "neurodecode/online/decoded.py",
    "neurodecode/online/kernels.py", "neurodecode/online/kalman.py", "neurodecode/online/dkf.py",
    "neurodecode/online/history.py", "neurodecode/online/regressors.py",
)  # fmt: skip
PEERS = ("filterpy", "pykalman", "dynamax")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def timed(threads: int | None, n_hot: int, n_paced: int) -> dict[str, Any]:
    """What the worker prints in a process of its own with so many BLAS threads."""
    environment = {k: v for k, v in os.environ.items() if k not in THREADS}
    if threads:
        environment |= dict.fromkeys(THREADS, str(threads))
    done = subprocess.run(
        [sys.executable, "h_step_worker.py", str(n_hot), str(n_paced)],
        cwd=Path(__file__).parent, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` steps less, with one thread, and asks for ten times as little."""
    n_hot, n_paced, slack = (2000, 10, 10.0) if quick else (20_000, 150, 1.0)
    alone = timed(1, n_hot, n_paced)
    runs = {"1 thread": alone}
    if not quick:
        runs["default threads"] = timed(None, n_hot, n_paced)
    for threads, found in runs.items():
        for name in (*found["times"], *(p for p in PEERS if p not in found["times"])):
            add_times(table, name, threads, found["times"].get(name))
    times = alone["times"]
    for name, bar in (("kalman", 5.0), ("dkf_mlp", 25.0)):
        median = times[name]["hot"][0]
        table.add(f"{name}: median step, hot, 1 thread (us)", f"{median:.1f}", "",
                  f"<= {bar * slack:g}", median <= bar * slack)  # fmt: skip
    if "filterpy" in times:
        ratio = times["filterpy"]["hot"][0] / times["kalman"]["hot"][0]
        table.add("filterpy / kalman, hot, 1 thread", f"{ratio:.0f}", "", f">= {50 / slack:g}",
                  ratio >= 50 / slack)  # fmt: skip
    for name, error in alone["agreement"].items():
        table.add(f"{name}: first state - ours", f"{error:.1e}", "", "<= 1e-6", error <= 1e-6)
    rate = alone["batch"]
    table.add("kalman: batch steps a second, 1 thread", f"{rate:,.0f}", "",
              f">= {200_000 / slack:,.0f}", rate >= 200_000 / slack)  # fmt: skip


def add_times(
    table: Table, name: str, threads: str, times: dict[str, tuple[float, float]] | None
) -> None:
    """One row: median / 99th percentile, hot and paced."""
    shown = "not installed"
    if times:
        shown = "; ".join(f"{how} {t[0]:.1f} / {t[1]:.1f}" for how, t in times.items())
    ours, peer = ("", shown) if name in PEERS else (shown, "")
    table.add(f"{name}, {threads}: median / p99 (us)", ours, peer)


if __name__ == "__main__":
    run("h_step_cost", SOURCES, measure, (__doc__ or "").splitlines()[0])
