"""A whole ridge fit at the size of a large recording: 10,000 trials of 15,000 units."""

from __future__ import annotations

import multiprocessing
import resource
import time

import numpy as np
from table import Table, run

from neurodecode.embed.ridge import RidgeDecoder

SOURCES = ("benchmarks/a_ridge_size.py", "neurodecode/embed/ridge.py")
GIGABYTES = 4.0
N_TEST, N_TARGETS, RANK = 200, 256, 50


def fit(n_trials: int, n_units: int, answer: multiprocessing.SimpleQueue[dict[str, float]]) -> None:
    """Fit in a process of its own, whose peak memory is the fit's; all alphas, five inner folds."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(n_trials + N_TEST, RANK)).astype(np.float32)
    X = latent @ rng.normal(size=(RANK, n_units)).astype(np.float32)
    X += 10 * rng.standard_normal(X.shape, dtype=np.float32)
    Y = latent @ rng.normal(size=(RANK, N_TARGETS)).astype(np.float32)
    groups = np.arange(n_trials)
    start = time.process_time()
    labels = np.full(n_trials, "", dtype=str)
    decoder = RidgeDecoder(targets=("given",))
    decoder.fit(X[:n_trials], {"given": Y[:n_trials]}, labels=labels, groups=groups)
    minutes = (time.process_time() - start) / 60
    decoded = decoder.predict(X[n_trials:])["given"]
    true = Y[n_trials:]
    r = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(decoded.T, true.T, strict=True)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    answer.put({"minutes": minutes, "r": float(r), "gigabytes": peak})


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` is a tenth of both sizes."""
    n_trials, n_units = (1000, 1500) if quick else (10_000, 15_000)
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    process = context.Process(target=fit, args=(n_trials, n_units, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"the fit ended with code {process.exitcode}")
    found = answer.get()
    name = f"{n_trials:,} x {n_units:,}"
    table.add(f"{name}: CPU minutes", f"{found['minutes']:.1f}")
    memory = found["gigabytes"]
    table.add(f"{name}: memory (GB)", f"{memory:.1f}", "", f"<= {GIGABYTES:g}", memory <= GIGABYTES)
    table.add(f"{name}: held-out r of a target", f"{found['r']:.2f}", "", "> .5", found["r"] > 0.5)


if __name__ == "__main__":
    run("a_ridge_size", SOURCES, measure, __doc__ or "")
