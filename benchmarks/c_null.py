"""Responses that are pure noise, 1,000 worlds: how often a test rejects, and a page claims success.

The picture shown is the training stimulus whose features are nearest to the decoded ones; controls
are drawn as the pipeline draws them. A page claims success by the report's own three conditions.

A permutation test rejects at .05 as often as the permuted scores allow. Where inner folds choose
the largest penalty, all is decoded (nearly) alike: the score is the same for (nearly) every
permutation, and a tie counts against a rejection, as it must. So beside each rate stands what the
ties allow: the share of the permutations of a world, the data's own order among them, whose own p
would be .05 or less, mean over worlds. The rate must agree with it, and not exceed .05. With one
small penalty nothing ties, and the rate must be .05.
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
           ) -> tuple[Estimate, float]:  # fmt: skip
    """Two-way identification with its interval and p; and how often its permutations reject."""
    order = relabellings(NAMES, rng, 199)
    table = wins(correlations(real, drawn))
    items = np.arange(N_TEST)
    whole = np.vstack([items, order])  # the data's own order is one of the permutations
    return estimate(table, items, NAMES, order, rng, 200), attainable(
        table[whole, items].mean(axis=1)
    )


def attainable(scores: NDArray[np.float64]) -> float:
    """Share of permutations with p <= .05, each taken for the data; ties count against."""
    p = (scores[None] >= scores[:, None] - 1e-12).mean(axis=1)
    return float((p <= 0.05).mean())


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


def one(seed: int) -> tuple[list[float], list[float], float, bool]:
    """p of features (small, chosen penalty) and pictures, what ties allow; refitted p; a claim."""
    w, rng = world(seed, 0.0), np.random.default_rng([seed, 1])
    decoded, real, gallery = w.decoded(), w.features[N_TRAIN:], w.features[:N_TRAIN]
    by_features = scored(real, decoded, rng)
    nearest = gallery[correlations(gallery, decoded).argmax(axis=0)]
    main = scored(real, nearest, rng)
    controls = {
        "permuted": nearest[rng.permutation(N_TEST)],
        "random": gallery[rng.integers(N_TRAIN, size=N_TEST)],
        "mean": np.repeat(gallery.mean(axis=0)[None], N_TEST, axis=0),
    }
    best = max((as_score(scored(real, d, rng)[0], n) for n, d in controls.items()),
               key=lambda s: s.value)  # fmt: skip
    claimed = Claim(as_score(main[0], "decoded"), best).holds
    found = (scored(real, with_small_penalty(w), rng), by_features, main)
    return [f.p for f, _ in found], [a for _, a in found], refitted(w, rng), claimed


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` draws 100 worlds."""
    n = 100 if quick else 1000
    p, allowed, refits, claims = map(np.array, zip(*map(one, range(n)), strict=True))
    low, high = binom.interval(0.95, n, 0.05)
    bounds = f"{low / n:.3f} to {high / n:.3f}"
    hits = (p <= 0.05).sum(axis=0)
    table.add(f"p <= .05, decoded features, one small penalty, {n} worlds of noise",
              f"{hits[0] / n:.3f}", f"ties allow {allowed[:, 0].mean():.3f}",
              f"inside {bounds}", low <= hits[0] <= high)  # fmt: skip
    for k, name in ((1, "decoded features"), (2, "pictures")):
        mean = allowed[:, k].mean()
        half = 1.96 * np.sqrt((allowed[:, k] * (1 - allowed[:, k])).sum()) / n
        table.add(f"p <= .05, {name}, chosen penalty", f"{hits[k] / n:.3f}",
                  f"ties allow {mean:.3f}",
                  f"{max(mean - half, 0):.3f} to {mean + half:.3f}, at most {high / n:.3f}",
                  bool(abs(hits[k] / n - mean) <= half and hits[k] <= high))  # fmt: skip
        table.add(f"worlds in which no permutation can reject, {name}",
                  f"{(allowed[:, k] == 0).mean():.3f}",
                  f"one small penalty {(allowed[:, 0] == 0).mean():.3f}")  # fmt: skip
    hits = int((refits <= 0.05).sum())
    table.add("p <= .05, decoder refitted", f"{hits / n:.3f}", "nominal .050",
              f"at most {high / n:.3f} (ties at .5 count against)", hits <= high)  # fmt: skip
    table.add("pages that claim success", f"{int(claims.sum())} of {n}", "p alone: 5 %", "0",
              not claims.any())  # fmt: skip


if __name__ == "__main__":
    run("c_null", SOURCES, measure, __doc__ or "")
