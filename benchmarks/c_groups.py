"""Is decoding worse for some people? Cohorts of 60 whose responses are decoded one by one.

Each person's decoder is fitted on their own single-trial responses; scores of their test stimuli
are regressed on age, sex and site, clustered by person. In unfair cohorts the responses of men
carry less signal; in fair ones people differ as much, but not by who they are. The peer takes
items for people.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from fast_world import N_TEST, N_TRAIN, world
from numpy.typing import NDArray
from scipy.stats import binom
from table import Table, run

from neurodecode.evaluate.groups import Unfairness, regress
from neurodecode.evaluate.tables import correlations, wins

SOURCES = (
    "benchmarks/c_groups.py", "benchmarks/fast_world.py", "neurodecode/embed/ridge.py",
    "neurodecode/evaluate/groups.py", "neurodecode/evaluate/tables.py",
)  # fmt: skip
N_PEOPLE = 60
SNRS = (0.1, 0.085, 0.05)
"""Signal over noise of a trial, median person: women and fair cohorts; men, two degrees."""


def decoded_people(snr: float, first: int, n: int) -> NDArray[np.float64]:
    """Two-way score of each test stimulus of some people, (n, N_TEST); their noise differs."""
    scores = np.empty((n, N_TEST))
    for k in range(n):
        own = snr * float(np.exp(0.3 * np.random.default_rng([first + k, 3]).normal()))
        w = world(first + k, own)
        scores[k] = np.diag(wins(correlations(w.features[N_TRAIN:], w.decoded())))
    return scores


def draw_who(rng: np.random.Generator) -> pd.DataFrame:
    """Draw who is in a cohort: age, sex and site, 30 people a level."""
    half = N_PEOPLE // 2
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 80, N_PEOPLE),
            "sex": rng.permutation(np.repeat(["F", "M"], half)),
            "site": rng.permutation(np.repeat(["one", "two"], half)),
        },
        index=[f"{k:02d}" for k in range(N_PEOPLE)],
    )


def compare(
    women: NDArray[np.float64], men: NDArray[np.float64], seed: int
) -> tuple[Unfairness, float]:
    """Draw a cohort from two banks of people, disjoint where they are one; ours, the peer's p."""
    rng = np.random.default_rng([seed, 5])
    who = draw_who(rng)
    is_man = (who["sex"] == "M").to_numpy()
    order = rng.permutation(len(women))
    values = np.where(is_man[:, None], men[order[:N_PEOPLE]], women[order[:N_PEOPLE]])
    scores = pd.DataFrame({"participant_id": np.repeat(who.index, N_TEST), "value": values.ravel()})
    X = np.c_[np.ones(N_PEOPLE), who["age"], is_man, who["site"] == "two"].astype(float)
    by_items = sm.OLS(values.ravel(), np.repeat(X, N_TEST, axis=0)).fit()
    return regress(scores, who), float(by_items.f_pvalue)


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` decodes 150 people of each kind and draws 200 cohorts."""
    bank, n = (150, 200) if quick else (600, 1000)
    fair, mild, strong = (decoded_people(snr, k * 10_000, bank) for k, snr in enumerate(SNRS))
    found, by_items = zip(*(compare(fair, fair, seed) for seed in range(n)), strict=True)
    claimed = sum(f.found for f in found)
    low, high = binom.interval(0.95, n, 0.05)
    naive = np.mean(np.array(by_items) < 0.05)
    table.add(f"differences claimed in {n} fair cohorts of {N_PEOPLE}", f"{claimed / n:.3f}",
              f"items taken for people {naive:.3f}", f"inside {low / n:.3f} to {high / n:.3f}",
              bool(low <= claimed <= high))  # fmt: skip
    names = [e.name for e in found[0].effects]
    single = np.mean([[e.p < 0.05 for e in f.effects] for f in found], axis=0).max()
    table.add("one effect named, the most often of three", f"{single:.3f}", "",
              f"at most {high / n:.3f}", bool(single <= high / n))  # fmt: skip
    sex = next(k for k, name in enumerate(names) if name.startswith("sex"))
    for name, men in (("mild", mild), ("strong", strong)):
        unfair = [compare(fair, men, seed)[0] for seed in range(n)]
        gap = np.mean([f.effects[sex].value for f in unfair])
        right = np.mean([f.found and f.effects[sex].ci_high < 0 for f in unfair])
        wrong = np.mean([
            any(e.p < 0.05 for k, e in enumerate(f.effects) if k != sex) for f in unfair
        ])  # fmt: skip
        table.add(f"{name} unfairness, true gap {men.mean() - fair.mean():.3f}: found, of men",
                  f"{right:.3f}", f"mean estimate {gap:.3f}",
                  *((">= .99", bool(right >= 0.99)) if men is strong else ()))  # fmt: skip
        table.add(f"{name} unfairness: age or site named", f"{wrong:.3f}", "",
                  f"at most {high / n:.3f}", bool(wrong <= high / n))  # fmt: skip


if __name__ == "__main__":
    run("c_groups", SOURCES, measure, __doc__ or "")
