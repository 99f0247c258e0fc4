"""Along a ladder of signal-to-noise ratios, identification rises from chance to the oracle's."""

from __future__ import annotations

import numpy as np
from fast_world import N_TEST, N_TRAIN, world
from numpy.typing import NDArray
from table import Table, run

from neurodecode.evaluate.tables import correlations, top1, wins

SOURCES = (
    "benchmarks/c_ladder.py", "benchmarks/fast_world.py", "neurodecode/embed/ridge.py",
    "neurodecode/evaluate/tables.py",
)  # fmt: skip
LADDER = (0.0, 0.05, 0.15, 0.5)


def scores(snr: float, n: int) -> NDArray[np.float64]:
    """Two-way identification and top-1 retrieval of each world, (n, 2)."""
    found = []
    for seed in range(n):
        w = world(seed, snr)
        similarity = correlations(w.features[N_TRAIN:], w.decoded())
        found.append([np.diag(f(similarity)).mean() for f in (wins, top1)])
    return np.array(found)


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` draws 30 worlds a rung."""
    n = 30 if quick else 300
    before = np.zeros(2)
    for snr in LADDER:
        found = scores(snr, n)
        mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(n)
        shown = " / ".join(f"{m:.3f} +- {1.96 * e:.3f}" for m, e in zip(mean, error, strict=True))
        chance = f"chance .5 / {1 / N_TEST:.3f}"
        if snr == 0:
            at_chance = np.abs(mean - [0.5, 1 / N_TEST]) <= 2.58 * error
            table.add(f"two-way / top 1, SNR {snr}", shown, chance, "chance inside 99 %",
                      bool(at_chance.all()))  # fmt: skip
        else:
            table.add(f"two-way / top 1, SNR {snr}", shown, chance, "above the rung before",
                      bool((mean - 1.96 * error > before).all()))  # fmt: skip
        before = mean
    features = world(0, 0.0).features[N_TRAIN:]
    oracle = [np.diag(f(correlations(features, features))).mean() for f in (wins, top1)]
    holds = oracle == [1, 1] and bool((before < 1).all())
    table.add("two-way / top 1, true features (oracle)", f"{oracle[0]:.3f} / {oracle[1]:.3f}", "",
              "1 / 1, above the last rung", holds)  # fmt: skip


if __name__ == "__main__":
    run("c_ladder", SOURCES, measure, __doc__ or "")
