"""Responses that carry the category alone: two-way is high, within is chance, the page says so."""

from __future__ import annotations

import math

import numpy as np
from fast_world import N_TEST, N_TRAIN, D, world
from table import Table, run

from neurodecode.evaluate.inference import Estimate, estimate, relabellings
from neurodecode.evaluate.measures import Features
from neurodecode.evaluate.spuriousness import Clusters, of_clusters
from neurodecode.evaluate.tables import correlations, wins
from neurodecode.report.belief import meaning
from neurodecode.report.load import Score

SOURCES = (
    "benchmarks/c_cluster_only.py", "benchmarks/fast_world.py", "neurodecode/embed/ridge.py",
    "neurodecode/evaluate/spuriousness.py", "neurodecode/evaluate/tables.py",
    "neurodecode/report/belief.py",
)  # fmt: skip
N_CLUSTERS = 5
NAMES = np.array([f"s{k:02d}" for k in range(N_TEST)])


def as_score(metric: str, found: Estimate) -> Score:
    """The row that the report would read."""
    return Score(
        subject="01", system="world", role="system", source="decoded", metric=metric,
        extractor="features", value=found.value, ci_low=found.ci_low, ci_high=found.ci_high,
        chance=0.5, n=N_TEST, p=found.p, q=math.nan, p_refit=math.nan, split="", selection="",
        transductive=False,
    )  # fmt: skip


def one(seed: int, category_only: bool) -> tuple[float, float, float, str]:
    """Two-way over all, across and within clusters, and what the page says."""
    rng = np.random.default_rng([seed, 2])
    kind = np.arange(N_TRAIN + N_TEST) % N_CLUSTERS
    centres = rng.normal(size=(N_CLUSTERS, D)).astype(np.float32)[kind]
    features = (centres + rng.normal(size=centres.shape)).astype(np.float32)
    w = world(seed, 0.5, features, centres if category_only else features)
    real, decoded = features[N_TRAIN:], w.decoded()
    clusters = Clusters(kind[N_TRAIN:].astype(str), "category")
    rows = np.arange(N_TEST)
    whole = float(np.diag(wins(correlations(real, decoded))).mean())
    measures = of_clusters("m", Features("features", real, decoded), clusters, rows)
    found = []
    for measure in measures:
        inside = clusters.names if measure.metric.endswith("within_category") else None
        order = relabellings(NAMES, rng, 199, inside)
        found.append(
            as_score(measure.metric, estimate(measure.table, rows, NAMES, order, rng, 200))
        )
    within, across = found
    return whole, across.value, within.value, meaning(within, across, "category")


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` draws 40 worlds of each kind."""
    n = 40 if quick else 400
    for category_only in (True, False):
        *scores, said = zip(*(one(s, category_only) for s in range(n)), strict=True)
        whole, across, within = (np.array(x) for x in scores)
        name = "category alone" if category_only else "all features"
        error = 1.96 * within.std(ddof=1) / np.sqrt(n)
        table.add(f"two-way over all / across, {name}", f"{whole.mean():.3f} / {across.mean():.3f}",
                  "chance .5", "> .6 / > .6", whole.mean() > 0.6 < across.mean())  # fmt: skip
        shown = f"{within.mean():.3f} +- {error:.3f}"
        warned = np.mean([text.startswith("No evidence of more than") for text in said])
        if category_only:
            table.add(f"two-way within the category, {name}", shown, "chance .5",
                      "chance inside 99 %", abs(within.mean() - 0.5) <= 1.32 * error)  # fmt: skip
            table.add("worlds whose page warns", f"{warned:.3f}", "nominal .95", ">= .93",
                      warned >= 0.93)  # fmt: skip
        else:
            table.add(f"two-way within the category, {name}", shown, "chance .5", "> .6",
                      within.mean() > 0.6)  # fmt: skip
            table.add("worlds whose page warns, wrongly", f"{warned:.3f}", "", "<= .05",
                      warned <= 0.05)  # fmt: skip


if __name__ == "__main__":
    run("c_cluster_only", SOURCES, measure, __doc__ or "")
