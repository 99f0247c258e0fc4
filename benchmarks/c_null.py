"""Responses that are pure noise, 1,000 worlds: how often a test rejects, and a page claims success.

The picture shown is the training stimulus whose features are nearest to the decoded ones; controls
are drawn as the pipeline draws them. A page claims success by the report's own three conditions.
Where inner folds choose the largest penalty, all is decoded alike, every permutation ties at .5 and
p is 1: such tests reject less often than they may. With one small penalty nothing ties.
"""

from __future__ import annotations

import math

import numpy as np
from fast_world import N_TEST, N_TRAIN, World, world
from numpy.typing import NDArray
from scipy.stats import binom
from table import Table, run

from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.evaluate.inference import Estimate, estimate, relabellings
from neurodecode.evaluate.refit import Problem, linear_fold, refit_p
from neurodecode.evaluate.tables import correlations, wins
from neurodecode.report.load import Score
from neurodecode.report.verdict import Claim

SOURCES = (
    "benchmarks/c_null.py", "benchmarks/fast_world.py", "neurodecode/embed/ridge.py",
    "neurodecode/evaluate/inference.py", "neurodecode/evaluate/refit.py",
    "neurodecode/evaluate/tables.py", "neurodecode/report/verdict.py",
)  # fmt: skip
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
NAMES = np.array([f"s{k:02d}" for k in range(N_TEST)])


def scored(real: NDArray[np.float32], drawn: NDArray[np.float32], rng: np.random.Generator
           ) -> Estimate:  # fmt: skip
    """Two-way identification with its interval and p."""
    order = relabellings(NAMES, rng, 199)
    table = wins(correlations(real, drawn))
    return estimate(table, np.arange(N_TEST), NAMES, order, rng, 200)


def refitted(w: World, rng: np.random.Generator) -> float:
    """p by refitting the decoder, identification by decoded features."""
    train, first = ~w.test, N_TRAIN
    at = w.stimulus[w.test]
    items = (np.arange(first, first + N_TEST)[:, None] == at) / 2
    fold = linear_fold(
        w.X[train], w.X[w.test], train=w.stimulus[train], items=items,
        groups=w.stimulus[train].astype(str), n_labels=len(w.features), alphas=ALPHAS,
        inner_folds=5,
    )  # fmt: skip
    real = w.features[first:].astype(float)
    real -= real.mean(axis=1, keepdims=True)
    rows = np.arange(N_TEST)
    candidate = np.r_[np.full(first, -1), rows]
    problem = Problem(
        folds=[fold], targets=w.features.astype(float),
        real=real / np.linalg.norm(real, axis=1, keepdims=True), candidate=candidate,
        label=first + rows, exchangeable=np.where(candidate < 0, "trained", "scored"),
        blocks=[(rows, rows)], two_way=True,
    )  # fmt: skip
    return refit_p(problem, rng, 99)


def as_score(found: Estimate, source: str) -> Score:
    """The row that the report would read."""
    return Score(
        subject="01", system="noise", role="system", source=source, metric="two_way_independent",
        extractor="features", value=found.value, ci_low=found.ci_low, ci_high=found.ci_high,
        chance=0.5, n=N_TEST, p=found.p, q=math.nan, p_refit=math.nan, split="", selection="",
        transductive=False,
    )  # fmt: skip


def with_small_penalty(w: World) -> NDArray[np.float32]:
    """Decode the first repeat of each test stimulus with one small penalty, (N_TEST, d)."""
    train = ~w.test
    decoder = RidgeDecoder(("t",), (10.0,)).fit(
        w.X[train],
        {"t": w.features[w.stimulus[train]]},
        labels=np.full(train.sum(), ""),
        groups=w.stimulus[train].astype(str),
    )
    return decoder.predict(w.X[w.test][:N_TEST])["t"]


def one(seed: int) -> tuple[float, float, float, float, bool]:
    """p of decoded features (small, chosen penalty), pictures, refitting; a success claimed."""
    w, rng = world(seed, 0.0), np.random.default_rng([seed, 1])
    decoded, real, gallery = w.decoded(), w.features[N_TRAIN:], w.features[:N_TRAIN]
    by_features = scored(real, decoded, rng).p
    nearest = gallery[correlations(gallery, decoded).argmax(axis=0)]
    main = scored(real, nearest, rng)
    controls = {
        "permuted": nearest[rng.permutation(N_TEST)],
        "random": gallery[rng.integers(N_TRAIN, size=N_TEST)],
        "mean": np.repeat(gallery.mean(axis=0)[None], N_TEST, axis=0),
    }
    best = max((as_score(scored(real, d, rng), n) for n, d in controls.items()),
               key=lambda s: s.value)  # fmt: skip
    claimed = Claim(as_score(main, "decoded"), best).holds
    small = scored(real, with_small_penalty(w), rng).p
    return small, by_features, main.p, refitted(w, rng), claimed


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` draws 100 worlds."""
    n = 100 if quick else 1000
    small, features, pictures, refits, claims = map(np.array, zip(*map(one, range(n)), strict=True))
    low, high = binom.interval(0.95, n, 0.05)
    bounds = f"{low / n:.3f} to {high / n:.3f}"
    tests = {
        "decoded features, one small penalty": small,
        "decoded features, chosen penalty": features,
        "pictures, chosen penalty": pictures,
    }
    for name, p in tests.items():
        hits = int((p <= 0.05).sum())
        table.add(f"p <= .05, {name}, {n} worlds of noise", f"{hits / n:.3f}", "nominal .050",
                  f"inside {bounds}", low <= hits <= high)  # fmt: skip
    hits = int((refits <= 0.05).sum())
    table.add("p <= .05, decoder refitted", f"{hits / n:.3f}", "nominal .050",
              f"at most {high / n:.3f} (ties at .5 count against)", hits <= high)  # fmt: skip
    table.add("pages that claim success", f"{int(claims.sum())} of {n}", "p alone: 5 %", "0",
              not claims.any())  # fmt: skip


if __name__ == "__main__":
    run("c_null", SOURCES, measure, __doc__ or "")
