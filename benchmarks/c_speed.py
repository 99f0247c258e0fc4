"""How long the field's scores take: 1,000 pictures against 1,000, four sets of features.

CPU seconds of one thread, best of three, features already extracted. The peer compares one picture
at a time, as public code does, with the same result.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from table import Table, run
from threadpoolctl import threadpool_limits

from neurodecode.evaluate.field_metrics import n_way, of_distances
from neurodecode.evaluate.measures import Features, of_conditions
from neurodecode.evaluate.tables import correlations, wins

SOURCES = (
    "benchmarks/c_speed.py", "neurodecode/evaluate/tables.py",
    "neurodecode/evaluate/measures.py", "neurodecode/evaluate/field_metrics.py",
)  # fmt: skip
# Widths of Inception's and EfficientNet's pooled features, CLIP's and SwAV's.
WIDTHS = {"inception": 2048, "clip": 768, "efficientnet": 1280, "swav": 2048}
SECONDS = 5.0


def cpu_seconds(work: Callable[[], object], n: int = 3) -> float:
    """Return the least CPU time of some calls."""
    taken = []
    for _ in range(n):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def two_way_by_loop(real: NDArray[np.float32], drawn: NDArray[np.float32]) -> float:
    """Two-way identification, one picture at a time."""
    n, shares = len(real), []
    for j in range(n):
        r = np.array([np.corrcoef(real[i], drawn[j])[0, 1] for i in range(n)])
        shares.append((r < r[j]).sum() / (n - 1))
    return float(np.mean(shares))


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` times the peer on fewer pictures."""
    rng, n = np.random.default_rng(0), 1000
    features = {}
    for name, width in WIDTHS.items():
        real = rng.normal(size=(n, width)).astype(np.float32)
        drawn = (real + 20 * rng.normal(size=real.shape)).astype(np.float32)
        features[name] = Features(name, real, drawn)
    clip = features["clip"]
    similarity = correlations(clip.real, clip.drawn).T
    candidates = np.arange(n)[:, None]
    work: dict[str, Callable[[], object]] = {
        "two-way identification, 4 sets": lambda: [
            wins(correlations(f.real, f.drawn)) for f in features.values()
        ],
        "distances, 4 sets": lambda: list(of_distances(features)),
        "retrieval both ways, top 1 of 300, 30 draws": lambda: list(
            of_conditions(clip.drawn, clip.real, "clip")
        ),
        "200-way top 1 and top 5": lambda: [n_way(similarity, candidates, 200, k) for k in (1, 5)],
    }
    with threadpool_limits(1):
        taken = {name: cpu_seconds(job) for name, job in work.items()}
    few = 100 if quick else n
    start = time.process_time()
    looped = two_way_by_loop(clip.real[:few], clip.drawn[:few])
    loop = (time.process_time() - start) * (n / few) ** 2
    ours = wins(correlations(clip.real[:few], clip.drawn[:few]))
    for name, seconds in taken.items():
        peer = f"one at a time, 1 set: {loop:.0f} s" if name.startswith("two-way") else ""
        table.add(f"{name}, {n} x {n}", f"{seconds:.2f} s", peer)
    total = sum(taken.values())
    table.add("all of these", f"{total:.2f} s", "", f"< {SECONDS:.0f} s", total < SECONDS)
    off = abs(float(np.diag(ours).mean()) - looped)
    table.add(f"two-way score of {few}, difference to one at a time", f"{off:.1e}",
              f"score {looped:.3f}", "< 1e-9", off < 1e-9)  # fmt: skip


if __name__ == "__main__":
    run("c_speed", SOURCES, measure, __doc__ or "")
