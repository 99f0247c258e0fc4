"""The simulated cohort: as varied as real people, and its truth is found by textbook statistics."""

from __future__ import annotations

import time
import tracemalloc
from functools import cache

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.stats import levene
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from table import Table, run

from neurodecode.simulate.cohort import COHORT_WORLDS, Cohort, age_terms
from neurodecode.simulate.connectome import learn_group, real_people
from neurodecode.simulate.correlation_space import (
    correlation_to_log,
    fisher_z,
    log_to_correlation,
)

SOURCES = (
    "benchmarks/v_cohort.py", "neurodecode/simulate/cohort.py",
    "neurodecode/simulate/connectome.py", "neurodecode/simulate/correlation_space.py",
)  # fmt: skip
Array = NDArray[np.float64]
SEED = 11


@cache
def people_of(world: str, n_people: int, space: str) -> tuple[Cohort, pd.DataFrame, Array]:
    """Simulate one world."""
    cohort = Cohort(learn_group(real_people()), COHORT_WORLDS[world], seed=SEED, space=space)
    people, features = cohort.simulate(n_people)
    return cohort, people, features.astype(float)


def similarities(features: Array) -> Array:
    """Correlation of each pair of people."""
    return np.corrcoef(features)[np.triu_indices(len(features), 1)]


def variance_shares(gamma: Array) -> Array:
    """Shares of the variance of seven people along their six principal directions."""
    values = np.linalg.svd(gamma - gamma.mean(axis=0), compute_uv=False)[:6] ** 2
    return values / values.sum()


def realism(table: Table, quick: bool) -> None:
    """Distribution of connectivity beside that of the seven real people."""
    real = fisher_z(real_people())
    fc = people_of("default", 400 if quick else 1000, "fisher")[2]
    simulated = {
        "mean connectivity of a person (Fisher z)": (fc.mean(axis=1), real.mean(axis=1)),
        "SD over edges of a person": (fc.std(axis=1), real.std(axis=1)),
        "similarity of two people (r of their edges)": (similarities(fc), similarities(real)),
    }
    for name, (ours, theirs) in simulated.items():
        low, middle, high = np.percentile(ours, [5, 50, 95])
        table.add(
            f"{name}: median (5 to 95 %)",
            f"{middle:.3f} ({low:.3f} to {high:.3f})",
            f"real: {np.median(theirs):.3f} ({theirs.min():.3f} to {theirs.max():.3f})",
            "median inside real range",
            bool(theirs.min() <= middle <= theirs.max()),
        )
    ours, theirs = fc.std(axis=0, ddof=1).mean(), real.std(axis=0, ddof=1).mean()
    table.add("SD between people of an edge, mean", f"{ours:.3f}", f"real: {theirs:.3f}",
              "within 20 %", abs(ours / theirs - 1) <= 0.2)  # fmt: skip
    group = learn_group(real_people())
    drawn = np.stack([group.deviation(np.random.default_rng(k)) for k in range(140)])
    share = np.mean([variance_shares(seven) for seven in drawn.reshape(20, 7, -1)], axis=0)[0]
    true = variance_shares(correlation_to_log(real_people()))[0]
    table.add("share of the first direction of seven people's variance", f"{share:.3f}",
              f"real: {true:.3f}", "within .05", abs(share - true) <= 0.05)  # fmt: skip
    if not quick:
        held_out(table)


def held_out(table: Table) -> None:
    """Whether a real person looks like people simulated from the six others."""
    real = real_people()
    inside = 0
    for k in range(len(real)):
        group = learn_group(np.delete(real, k, axis=0))
        rng = np.random.default_rng(k)
        drawn = np.stack([group.mean + group.deviation(rng) for _ in range(100)])
        fc = fisher_z(log_to_correlation(drawn, start=group.diagonal))
        to_others = (np.corrcoef(fc).sum(axis=1) - 1) / (len(fc) - 1)
        own = np.corrcoef(fisher_z(real[k : k + 1])[0], fc)[0, 1:].mean()
        low, high = np.percentile(to_others, [1, 99])
        inside += bool(low <= own <= high)
    table.add("real people, each as similar to people simulated from the six others as these are "
              "to each other (1 to 99 %)", f"{inside} of 7", "", ">= 6", inside >= 6)  # fmt: skip


def design(cohort: Cohort, people: pd.DataFrame) -> tuple[Array, list[str]]:
    """Return the columns of the regression and their names; sites are sum-coded."""
    age = age_terms(people["age"].to_numpy(), cohort.world.ages)
    site = pd.get_dummies(people["site"]).to_numpy(float)
    columns = [age, (people["sex"] == "M").to_numpy() - 0.5, people["phenotype"],
               people["diagnosis"] - 0.5, site[:, 1:] - site[:, :1]]  # fmt: skip
    names = ["age", "age_spline", "sex", "phenotype", "diagnosis", "site2", "site3"]
    return np.column_stack(columns), names


def recovery(table: Table, quick: bool) -> None:
    """Ordinary regression finds the effects that were put in, in the space of the equation."""
    cohort, people, gamma = people_of("default", 500 if quick else 2000, "log")
    columns, names = design(cohort, people)
    truth = cohort.truth
    true = dict(zip(names, [*(getattr(truth, n) for n in names[:5]), *truth.site[1:]], strict=True))
    edges = np.random.default_rng(0).permutation(gamma.shape[1])[:300]
    covered = []
    fitted = np.linalg.lstsq(sm.add_constant(columns), gamma, rcond=None)[0][1:]
    for edge in edges:
        fit = sm.OLS(gamma[:, edge], sm.add_constant(columns)).fit(cov_type="HC3")
        interval = fit.conf_int()[1:]
        covered.append([low <= true[n][edge] <= high for n, (low, high) in
                        zip(names, interval, strict=True)])  # fmt: skip
    coverage = np.mean(covered, axis=0)
    for k, name in enumerate(names):
        slope = fitted[k] @ true[name] / (true[name] @ true[name])
        r = np.corrcoef(fitted[k], true[name])[0, 1]
        table.add(f"effect of {name}: slope of estimate on truth (r over edges; coverage of "
                  "statsmodels' 95 % intervals)", f"{slope:.2f} ({r:.2f}; {coverage[k]:.3f})",
                  "", "slope 1 +- .15, coverage >= .9",
                  abs(slope - 1) <= 0.15 and coverage[k] >= 0.9)  # fmt: skip


def variances(table: Table, quick: bool) -> None:
    """Levene's test finds the edges whose variance differs, and no others."""
    for world, expected in (("variance_only", True), ("no_confound", False)):
        cohort, people, gamma = people_of(world, 500 if quick else 1000, "log")
        men = (people["sex"] == "M").to_numpy()
        edges = np.random.default_rng(1).permutation(gamma.shape[1])[: 300 if quick else 2000]
        p = np.array([levene(gamma[men, e], gamma[~men, e]).pvalue for e in edges])
        hit = cohort.truth.sex_variance[edges] != 0
        if expected:
            found = (p[hit] < 0.05).mean()
            table.add("Levene, sex, edges with a variance effect: share with p < .05",
                      f"{found:.3f}", "", ">= .9", found >= 0.9)  # fmt: skip
        wrong = (p[~hit] < 0.05).mean()
        table.add(f"Levene, sex, edges without one, {world}: share with p < .05", f"{wrong:.3f}",
                  "", ".05 +- .03", abs(wrong - 0.05) <= 0.03)  # fmt: skip


def linear_probe() -> Pipeline:
    """A classifier that sees means."""
    return make_pipeline(StandardScaler(), PCA(100, random_state=0), StandardScaler(),
                         LogisticRegression(C=0.01, max_iter=1000))  # fmt: skip


def square_probe() -> Pipeline:
    """The same on squares: it sees variances."""
    return make_pipeline(StandardScaler(), FunctionTransformer(np.square), linear_probe())


def rbf_probe() -> Pipeline:
    """A support vector machine with a radial kernel."""
    return make_pipeline(StandardScaler(), SVC())


def decoded(probe: Pipeline, features: Array, labels: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Whether each person's label is decoded, five folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return np.asarray(cross_val_predict(probe, features, labels, cv=folds) == labels)


def probes(table: Table, quick: bool) -> None:
    """What classifiers find: in Fisher's z, as studies measure it, and where the equation holds.

    A change of variance moves means of Fisher's z to second order, so that a linear probe may see
    it there: that figure has no bar.
    """
    n = 400 if quick else 1000
    bound = 2.6 * np.sqrt(0.25 / n)  # 99 % of a coin

    def row(world: str, space: str, name: str, probe: Pipeline, low: float, high: float,
            *, bar: bool = True) -> None:  # fmt: skip
        _, people, features = people_of(world, n, space)
        score = decoded(probe, features, people["sex"].to_numpy(str)).mean()
        goal = f"{low:.2f} to {high:.2f}" if bar else ""
        table.add(f"{world}, {space}: sex by {name} (n = {n})", f"{score:.3f}", "chance .5", goal,
                  bool(low <= score <= high) if bar else None)  # fmt: skip

    low, high = 0.5 - bound, 0.5 + bound
    row("default", "fisher", "a linear probe", linear_probe(), 0.6, 1)
    row("variance_only", "log", "a linear probe", linear_probe(), low, high)
    row("variance_only", "log", "a probe of squares", square_probe(), high, 1)
    row("no_confound", "fisher", "a linear probe", linear_probe(), low, high)
    row("no_confound", "fisher", "a probe of squares", square_probe(), low, high)
    if quick:
        return
    row("variance_only", "log", "an RBF machine", rbf_probe(), high, 1)
    row("variance_only", "fisher", "a probe of squares", square_probe(), high, 1)
    row("variance_only", "fisher", "a linear probe", linear_probe(), low, high, bar=False)
    row("no_confound", "fisher", "an RBF machine", rbf_probe(), low, high)
    for name, probe in (("a linear probe", linear_probe()), ("a probe of squares", square_probe())):
        row("no_confound", "log", name, probe, low, high)
    labels(table, n, bound)


def labels(table: Table, n: int, bound: float) -> None:
    """Sites, the label that is confounded with them and the one that is not."""
    for world, goal, low, high in (
        ("default", ">= .6", 0.6, 1.0),
        ("no_confound", f".333 +- {bound:.3f}", 1 / 3 - bound, 1 / 3 + bound),
    ):
        _, people, features = people_of(world, n, "fisher")
        score = decoded(linear_probe(), features, people["site"].to_numpy(str)).mean()
        table.add(f"{world}: site by a linear probe", f"{score:.3f}", "chance .333", goal,
                  bool(low <= score <= high))  # fmt: skip
    _, people, features = people_of("label_confounded", n, "fisher")
    diagnosis, site = people["diagnosis"].to_numpy(), people["site"].to_numpy(str)
    majority = max(diagnosis.mean(), 1 - diagnosis.mean())
    hit = decoded(linear_probe(), features, diagnosis.astype(str))
    table.add("label_confounded: diagnosis without any effect, by a linear probe",
              f"{hit.mean():.3f}", f"majority {majority:.3f}", "> majority + .05",
              hit.mean() > majority + 0.05)  # fmt: skip
    middle = site == "site2"  # there half of the people have it
    score = decoded(linear_probe(), features[middle], diagnosis[middle].astype(str)).mean()
    half = 2.6 * np.sqrt(0.25 / middle.sum())
    table.add("label_confounded: the same within one site", f"{score:.3f}", "chance .5",
              f".5 +- {half:.3f}", abs(score - 0.5) <= half)  # fmt: skip
    for world in ("default", "no_confound"):  # what a deconfounder must keep
        _, people, features = people_of(world, n, "fisher")
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(1e2, 1e6, 9)))
        y = people["phenotype"].to_numpy()
        folds = np.random.default_rng(0).permutation(n) % 5
        found = np.empty(n)
        for k in range(5):
            found[folds == k] = ridge.fit(features[folds != k], y[folds != k]).predict(
                features[folds == k]
            )
        score = r2_score(y, found)
        table.add(f"{world}: phenotype by ridge, R2 out of fold", f"{score:.3f}", "0", ">= .1",
                  score >= 0.1)  # fmt: skip


def cost(table: Table, quick: bool) -> None:
    """Time a person and memory against the number of people."""
    cohort = Cohort(learn_group(real_people()), COHORT_WORLDS["default"], seed=SEED)
    peaks = []
    many = 4 if quick else 16
    for n in (32, 32 * many):
        tracemalloc.start()
        begin = time.process_time()
        for _people, _features in cohort.blocks(n, size=32):
            pass
        spent = (time.process_time() - begin) / n
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    table.add("CPU time a person, ms", f"{1e3 * spent:.0f}", "", "<= 30", spent <= 0.03)
    table.add(f"peak memory, {many} times the people", f"{peaks[1]:.0f} MB",
              f"{peaks[0]:.0f} MB", "<= 1.1 times", peaks[1] <= 1.1 * peaks[0])  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table."""
    cost(table, quick)
    realism(table, quick)
    recovery(table, quick)
    variances(table, quick)
    probes(table, quick)


if __name__ == "__main__":
    run("v_cohort", SOURCES, measure, __doc__ or "")
