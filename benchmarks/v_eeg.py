"""The virtual EEG: does it look like EEG, is its truth found again, how near do decoders come?

Everything is measured on what was recorded, by the usual means; what the simulation knows is only
used where a row says `true` or `oracle`. World-B has another feature bank, other seeds and less
shared tuning; it is run unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.signal import welch
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_predict
from table import WEIGHTS, Table, run

from neurodecode.contracts import Stimuli
from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.simulate.eeg import (
    EegBrain,
    EegSession,
    drive,
    eeg_brain,
    eeg_session,
    set_up,
)
from neurodecode.simulate.eeg_features import eeg_features
from neurodecode.simulate.eeg_oracle import (
    Analysis,
    epoch_covariance,
    epochs,
    identified,
    log_likelihood,
    pooled,
    single_trial_snr,
    source_basis,
)
from neurodecode.simulate.eeg_world import EegWorld, named_world
from neurodecode.simulate.people import draw_people
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.targets.semantic import OpenClipTarget

SOURCES = (
    "benchmarks/v_eeg.py", "neurodecode/simulate/eeg.py", "neurodecode/simulate/eeg_noise.py",
    "neurodecode/simulate/eeg_world.py", "neurodecode/simulate/people.py",
    "neurodecode/simulate/eeg_features.py",
    "neurodecode/simulate/eeg_oracle.py", "neurodecode/simulate/scalp.py",
    "neurodecode/simulate/features.py", "neurodecode/simulate/world.py",
    "neurodecode/embed/ridge.py", "neurodecode/targets/semantic.py",
    "neurodecode/stimuli/data/objects64.png", *WEIGHTS[:1],
)  # fmt: skip
OCCIPITAL = ("O1", "Oz", "O2", "PO3", "PO4")
TEMPORAL = ("P7", "P8")
ORACLE = Analysis()
# From before the onset, for the course of decoding; the filter that smears least.
COURSE = Analysis(low=0.1, high=30.0, start=-0.1, stop=0.6, step=5)
FINE = Analysis(low=0.1, high=30.0, start=-0.1, stop=0.5, step=1)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """One person's recordings and what is true of them."""

    world: EegWorld
    brain: EegBrain
    peaks: Array
    sessions: tuple[EegSession, ...]


@dataclass(frozen=True)
class Cohort:
    """People who saw the same pictures, and what decoders aim at."""

    stimuli: Stimuli
    people: tuple[Person, ...]
    targets: dict[str, NDArray[np.float32]]

    @property
    def test(self) -> NDArray[np.int64]:
        """Rows of the held-out pictures."""
        return np.flatnonzero((self.stimuli.table["set"] == "test").to_numpy())


def shown(n_train: int, n_test: int) -> Stimuli:
    """Pictures drawn at random: of `decoder`, then `generator`, to train; of `test` to test."""
    everything = load_objects64()
    origin = everything.table["set"].to_numpy(dtype=str)
    rng = np.random.default_rng(1)
    pools = [
        rng.permutation(np.flatnonzero(origin == name)) for name in ("decoder", "generator", "test")
    ]
    keep = np.zeros(len(origin), dtype=bool)
    keep[np.r_[np.concatenate(pools[:2])[:n_train], pools[2][:n_test]]] = True
    sides = np.where(origin == "test", "test", "train")
    return Stimuli(everything.table.assign(set=sides), everything.pixels).where(keep)


def aims(stimuli: Stimuli) -> dict[str, NDArray[np.float32]]:
    """What is decoded: the semantic embedding, and the picture in 16 x 16 grey pixels."""
    grey = stimuli.pixels.mean(axis=3).reshape(len(stimuli), 16, 4, 16, 4).mean(axis=(2, 4))
    return {
        "semantic": OpenClipTarget("embedded").extract(stimuli).values,
        "grey": grey.reshape(len(stimuli), -1).astype(np.float32),
    }


def cohort(name: str, stimuli: Stimuli, targets: dict, n_people: int) -> Cohort:
    """Record people of a world."""
    world = named_world(name)
    features = eeg_features(stimuli, world.bank, world.seed)
    people = []
    for _, who in draw_people(world, n_people).iterrows():
        brain = eeg_brain(world, who, features)
        sessions = tuple(
            eeg_session(world, brain, stimuli, features, k + 1)
            for k in range(world.schedule.n_sessions)
        )
        people.append(Person(world, brain, drive(brain, features), sessions))
    return Cohort(stimuli, tuple(people), targets)


def all_epochs(
    person: Person, analysis: Analysis, *, white: bool = True
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Epochs of all sessions and their trials.

    Each session's channels are whitened by the Ledoit-Wolf covariance of its training epochs about
    their mean (multivariate noise normalisation), or, where not ``white``, scaled by their SD.
    """
    parts = []
    for session in person.sessions:
        x = epochs(session, analysis)
        trained = x[(session.events["set"] == "train").to_numpy()]
        residual = (trained - trained.mean(axis=0)).transpose(0, 2, 1).reshape(-1, x.shape[1])
        if white:
            values, vectors = np.linalg.eigh(ledoit_wolf(residual[::4])[0])
            x = np.einsum("dc,nct->ndt", (vectors / np.sqrt(values)) @ vectors.T, x, optimize=True)
        else:
            x = x / residual.std(axis=0)[:, None]
        parts.append(x.astype(np.float32))
    return np.concatenate(parts), pd.concat([s.events for s in person.sessions])


def erp(person: Person, rows: slice = slice(None)) -> Array:
    """Mean over trials of both sessions, microvolts, (n_chans, n_times), less the baseline."""
    mean = np.mean([epochs(s, FINE)[rows].mean(axis=0) for s in person.sessions], axis=0)
    before = FINE.offsets(person.world.sfreq) < 0
    return mean - mean[:, before].mean(axis=1, keepdims=True)


def peak(person: Person, wave: Array, names: tuple, window: tuple, sign: int) -> tuple[Array, ...]:
    """Latency (s) and size (microvolts) of a peak at the best of some electrodes."""
    times = FINE.offsets(person.world.sfreq) / person.world.sfreq
    inside = (times >= window[0]) & (times <= window[1])
    part = sign * wave[person.sessions[0].scalp.near(*names)][:, inside]
    best = part[part.max(axis=1).argmax()]
    return times[inside][best.argmax()], sign * best.max()


def spectrum(person: Person) -> tuple[float, float, float]:
    """Frequency of the alpha peak (Hz), exponent of 1/f and RMS (microvolts) of the recording."""
    session = person.sessions[0]
    f, power = welch(session.data, session.sfreq, nperseg=1024, axis=0)
    posterior = power[:, session.scalp.near("Pz", "PO3", "PO4", "P3", "P4", "Oz")].mean(axis=1)
    line = (f >= 2) & (f <= 25) & ((f < 6) | (f > 14))
    slope, level = np.polyfit(np.log(f[line]), np.log(posterior[line]), 1)
    above = posterior - np.exp(level) * np.maximum(f, 0.1) ** slope
    band = (f >= 6) & (f <= 14)
    centre = f[band][above[band].argmax()]
    near = (f > centre - 1.5) & (f < centre + 1.5)
    centre = (f[near] * above[near]).sum() / above[near].sum()
    return float(centre), float(-slope), float(session.data.std())


def latencies(person: Person) -> dict[str, float]:
    """Shift of each stage (s) against the true one, by maximum likelihood; 0 is the truth.

    Fitted to the mean epochs of both sessions, given the person's sources and the noise; the
    amplitude of each stage is free (variable projection).
    """
    brain, world, names = person.brain, person.world, ("early", "middle", "late")
    # Jitter widens what the mean over trials shows.
    wide = replace(brain, widths=np.hypot(brain.widths, brain.jitter))
    setups = [set_up(world, brain, session.session) for session in person.sessions]
    roots = [np.linalg.cholesky(epoch_covariance(world, setup, ORACLE)) for setup in setups]
    means = [epochs(session, ORACLE).mean(axis=0).ravel() for session in person.sessions]
    wanted = np.concatenate(
        [solve_triangular(r, m, lower=True) for r, m in zip(roots, means, strict=True)]
    )

    def residual(shifts: Array) -> float:
        moved = wide.peaks + sum(
            s * (brain.stage == name) for s, name in zip(shifts, names, strict=True)
        )
        parts = []
        for setup, root in zip(setups, roots, strict=True):
            made = source_basis(world, replace(wide, peaks=moved), setup, ORACLE, 0.0) * brain.mean
            stages = np.stack([made[:, brain.stage == n].sum(axis=1) for n in names], axis=1)
            parts.append(solve_triangular(root, stages, lower=True))
        return float(np.linalg.lstsq(np.concatenate(parts), wanted)[1][0])

    simplex = np.vstack([np.zeros(3), 0.015 * np.eye(3)]) + 0.01
    options = {"initial_simplex": simplex, "xatol": 5e-4, "fatol": 1e-9, "maxfev": 120}
    found = minimize(residual, simplex[0], method="Nelder-Mead", options=options)
    return dict(zip(names, found.x, strict=True))


def agreement(decoded: dict, group: Cohort) -> Array:
    """Mean over targets of the correlation with each test picture, z-scored over pictures.

    Both sides are taken as deviations from the mean training picture.
    """
    total = 0.0
    train = (group.stimuli.table["set"] == "train").to_numpy()
    for name, predicted in decoded.items():
        mean = group.targets[name][train].mean(axis=0)
        a, b = predicted - mean, group.targets[name][group.test] - mean
        r = (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (
            b / np.linalg.norm(b, axis=1, keepdims=True)
        ).T
        total = total + (r - r.mean(axis=1, keepdims=True)) / r.std(axis=1, keepdims=True)
    return np.asarray(total)


def decode(X: Array, rows: Array, train: Array, targets: dict, X_test: Array) -> dict:
    """Predict both targets of test trials by the package's ridge."""
    fitted = RidgeDecoder(targets=tuple(targets)).fit(
        X[train],
        {name: values[rows[train]] for name, values in targets.items()},
        labels=np.full(train.sum(), ""),
        groups=rows[train],
    )
    found = fitted.predict(X_test)
    return {name: found[name] for name in targets}


def trials_of(group: Cohort, events: pd.DataFrame) -> tuple[Array, Array, Array]:
    """Row of each trial's picture, whether it trains, and the place among the test pictures."""
    row = {name: k for k, name in enumerate(group.stimuli.table["id"])}
    rows = events["stimulus"].map(row).to_numpy()
    train = (events["set"] == "train").to_numpy()
    place = np.searchsorted(group.test, rows[~train])
    return rows, train, place


def ridge_scores(group: Cohort, person: Person, *, white: bool) -> dict[str, pd.Series]:
    """Identification among the test pictures from the whole epoch: single trials and pooled."""
    x, events = all_epochs(person, ORACLE, white=white)
    rows, train, place = trials_of(group, events)
    X = x.reshape(len(x), -1)
    decoded = decode(X, rows, train, group.targets, X[~train])
    single = agreement(decoded, group)
    n = len(group.test)
    mean = {
        name: pooled(values, place, n) / np.bincount(place)[:, None]
        for name, values in decoded.items()
    }
    return {
        "single": identified(single, place),
        "pooled": identified(agreement(mean, group), np.arange(n)),
    }


def oracle_scores(group: Cohort, person: Person) -> dict[str, pd.Series]:
    """The same from the true model."""
    total, single = 0.0, []
    n = len(group.test)
    for session in person.sessions:
        _, train, place = trials_of(group, session.events)
        setup = set_up(person.world, person.brain, session.session)
        x = epochs(session, ORACLE)[~train]
        scores = log_likelihood(
            person.world, person.brain, setup, x, person.peaks[group.test], ORACLE
        )
        single.append(identified(scores, place))
        total = total + pooled(scores, place, n)
    return {"single": pd.concat(single, axis=1).mean(axis=1),
            "pooled": identified(total, np.arange(n))}  # fmt: skip


def across(group: Cohort) -> list[float]:
    """Ridge trained on all other people, without any alignment: pooled two-way identification."""
    parts = [all_epochs(person, ORACLE) for person in group.people]
    found = []
    for k, (x, events) in enumerate(parts):
        others = [part for j, part in enumerate(parts) if j != k]
        rows, train, _ = trials_of(group, pd.concat([e for _, e in others]))
        X = np.concatenate([v.reshape(len(v), -1) for v, _ in others])
        _, own_train, place = trials_of(group, events)
        decoded = decode(X, rows, train, group.targets, x.reshape(len(x), -1)[~own_train])
        n = len(group.test)
        mean = {name: pooled(v, place, n) / np.bincount(place)[:, None]
                for name, v in decoded.items()}  # fmt: skip
        scores = agreement(mean, group)
        found.append(float(identified(scores, np.arange(n))["two_way"]))
    return found


def reliability(group: Cohort, person: Person) -> float:
    """Correlation over pictures of two repeats, the best time, median over occipital channels."""
    x, events = all_epochs(person, COURSE)
    rows, train, _ = trials_of(group, events)
    repeat = events["repeat"].to_numpy()
    halves = [x[train & (repeat == r)][np.argsort(rows[train & (repeat == r)])] for r in (0, 1)]
    a, b = (h - h.mean(axis=0) for h in halves)
    r = (a * b).mean(axis=0) / np.sqrt((a**2).mean(axis=0) * (b**2).mean(axis=0))
    return float(np.median(r[person.sessions[0].scalp.near(*OCCIPITAL, *TEMPORAL)], axis=0).max())


@dataclass(frozen=True)
class Told:
    """What a linear discriminant tells of single trials of 72 pictures."""

    stimulus: float
    category: float
    times: Array
    over_time: Array


def exemplars(name: str, stimuli: Stimuli, n_people: int, n_repeats: int) -> list[Told]:
    """Shares of single trials whose picture, and whose category, is told.

    12 pictures of each of six categories are shown ``n_repeats`` times. Whole epochs: five folds.
    ``over_time`` (n_times, n_times): trained at one time in the first session, tested at another
    in the second.
    """
    world = named_world(name)
    schedule = replace(world.schedule, train_repeats=n_repeats, test_repeats=0)
    world = replace(world, schedule=schedule)
    features = eeg_features(stimuli, world.bank, world.seed)
    train = stimuli.table[stimuli.table["set"] == "train"]
    six = [c for c, part in train.groupby("category", sort=True) if len(part) >= 12][:6]
    chosen = train[train["category"].isin(six)].groupby("category").head(12)
    assert len(chosen) == 72
    few = stimuli.where(stimuli.table["id"].isin(chosen["id"]))
    found = []
    for _, who in draw_people(world, n_people).iterrows():
        brain = eeg_brain(world, who, features)
        sessions = tuple(eeg_session(world, brain, few, features, k + 1) for k in range(2))
        person = Person(world, brain, np.empty((0, 0)), sessions)
        x, events = all_epochs(person, ORACLE, white=False)
        X = x.reshape(len(x), -1)
        _, _, axes = np.linalg.svd(X[::4] - X[::4].mean(axis=0), full_matrices=False)
        X = X @ axes[:200].T
        shares = [
            (cross_val_predict(discriminant(), X, events[c], cv=5) == events[c].to_numpy()).mean()
            for c in ("stimulus", "category")
        ]
        found.append(Told(*map(float, shares), *over_time(person)))
    return found


def discriminant() -> LinearDiscriminantAnalysis:
    """Shrinkage LDA."""
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def over_time(person: Person) -> tuple[Array, Array]:
    """Share of pictures told, trained at one time of session 1, tested at another of session 2."""
    x, events = all_epochs(person, COURSE, white=False)
    times = COURSE.offsets(person.world.sfreq) / person.world.sfreq
    n_first = len(person.sessions[0].events)
    names = events["stimulus"].to_numpy(dtype=str)
    shares = np.zeros((len(times), len(times)))
    tested = x[n_first:].transpose(2, 0, 1).reshape(-1, x.shape[1])
    for k in range(len(times)):
        fitted = discriminant().fit(x[:n_first, :, k], names[:n_first])
        told = fitted.predict(tested).reshape(len(times), -1)
        shares[k] = (told == names[n_first:]).mean(axis=1)
    return times, shares


def spread(values: list[float], form: str = ".2f") -> str:
    """Mean over people, with the lowest and the highest."""
    mean, low, high = np.mean(values), np.min(values), np.max(values)
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def looks(table: Table, group: Cohort) -> None:
    """Rows on whether the recording looks like an EEG."""
    waves = [erp(person) for person in group.people]
    first = [
        peak(p, w, OCCIPITAL, (0.07, 0.15), 1) for p, w in zip(group.people, waves, strict=True)
    ]
    second = [peak(p, w, (*TEMPORAL, "PO3", "PO4", "O1", "O2"), (0.12, 0.22), -1)
              for p, w in zip(group.people, waves, strict=True)]  # fmt: skip
    latency, size = (list(v) for v in zip(*first, strict=True))
    table.add("P1 latency, ms", spread([1e3 * v for v in latency], ".0f"),
              "about 80 to 130 (Di Russo et al. 2002)", "mean in the range",
              0.08 <= np.mean(latency) <= 0.13)  # fmt: skip
    table.add("P1 amplitude, microvolts", spread(size, ".1f"),
              "a few microvolts (Luck 2014)", "mean 1 to 12", 1 <= np.mean(size) <= 12)  # fmt: skip
    latency, size = (list(v) for v in zip(*second, strict=True))
    table.add("N170 latency, ms", spread([1e3 * v for v in latency], ".0f"),
              "130 to 200 (Bentin et al. 1996)", "mean in the range",
              0.13 <= np.mean(latency) <= 0.2)  # fmt: skip
    table.add("N170 amplitude, microvolts", spread(size, ".1f"), "a few microvolts (Luck 2014)",
              "mean -12 to -1", -12 <= np.mean(size) <= -1)  # fmt: skip
    alpha, exponent, rms = (list(v) for v in zip(*map(spectrum, group.people), strict=True))
    table.add("alpha peak, Hz", spread(alpha, ".1f"), "8 to 13, slower with age (Klimesch 1999)",
              "mean 8 to 13 of a group",
              8 <= np.mean(alpha) <= 13 if len(alpha) >= 6 else None)  # fmt: skip
    true = [p.brain.traits.alpha_peak for p in group.people]
    error = np.abs(np.array(alpha) - true)
    table.add("alpha peak found again, |error| in Hz", spread(list(error)), "", "mean <= .5",
              error.mean() <= 0.5)  # fmt: skip
    table.add("exponent of 1/f", spread(exponent), "about .5 to 2 (Donoghue et al. 2020)",
              "mean in the range", 0.5 <= np.mean(exponent) <= 2)  # fmt: skip
    table.add("RMS of the recording, microvolts", spread(rms, ".0f"), "10 to 100 (Luck 2014)",
              "mean in the range", 10 <= np.mean(rms) <= 100)  # fmt: skip
    snr = []
    for p in group.people:
        setup = set_up(p.world, p.brain, 1)
        snr.append(single_trial_snr(p.world, p.brain, setup, p.peaks, ORACLE))
    evoked, specific = ([float(s[name]) for s in snr] for name in ("evoked", "specific"))
    table.add("single-trial SNR, true, dB", spread(evoked, ".1f"), "", "each <= -10",
              max(evoked) <= -10)  # fmt: skip
    table.add("the same, what differs between pictures", spread(specific, ".1f"))
    halves = [[erp(p, slice(k, None, 2)).ravel() for k in (0, 1)] for p in group.people]
    within = [np.corrcoef(one, two)[0, 1] for one, two in halves]
    between = [np.corrcoef(a[0], b[1])[0, 1] for a, b in combinations(halves, 2)]
    table.add("ERP of half of the trials, two people, correlation", spread(between),
              f"one person {spread(within)}",
              "between .2 and .9, below one person's", 0.2 <= np.mean(between) <= 0.9
              and np.mean(between) < np.mean(within))  # fmt: skip
    ceiling = [reliability(group, p) for p in group.people]
    table.add("noise ceiling of one trial (two repeats, best time)", spread(ceiling, ".3f"), "",
              "mean > 0", bool(np.mean(ceiling) > 0))  # fmt: skip
    shifts = [latencies(p) for p in group.people]
    for stage, bar in (("early", 3), ("middle", 5), ("late", 10)):
        off = [1e3 * abs(s[stage]) for s in shifts]
        table.add(f"latency of the {stage} stage found again, |error| in ms", spread(off, ".1f"),
                  "", f"mean <= {bar}", np.mean(off) <= bar)  # fmt: skip


def decoding(table: Table, group: Cohort) -> None:
    """Rows on what can be decoded."""
    name = group.people[0].world.name
    best = [oracle_scores(group, p) for p in group.people]
    n_test, n_people = len(group.test), len(group.people)
    chance = {"two_way": 0.5, "top1": 1 / n_test}
    # Of a guess: two-way is uniform over [0, 1] for each picture.
    guess = {"two_way": np.sqrt(1 / 12 / n_test / n_people),
             "top1": np.sqrt(chance["top1"] / n_test / n_people)}  # fmt: skip
    pooled_two_way = 0.0
    for method in ("ridge as recorded", "ridge, noise normalised"):
        ours = [ridge_scores(group, p, white=method.endswith("normalised")) for p in group.people]
        for kind, what in (("single", "single trial"), ("pooled", "four repeats")):
            for measure_, base in chance.items():
                a, b = ([float(s[kind][measure_]) for s in scores] for scores in (ours, best))
                share = (np.mean(a) - base) / (np.mean(b) - base)
                bar = {}
                if method.endswith("normalised") and measure_ == "two_way" and kind == "pooled":
                    pooled_two_way = float(np.mean(a))
                    bar = {"goal": "2 SE of guessing above chance",
                           "holds": bool(pooled_two_way - base > 2 * guess[measure_])}  # fmt: skip
                table.add(f"{name}: {measure_} of {n_test}, {what}, {method}", spread(a, ".3f"),
                          f"oracle {spread(b, '.3f')}, chance {base:.3g}; share {share:.2f}",
                          **bar)  # fmt: skip
    if len(group.people) > 2:
        other = across(group)
        table.add(f"{name}: two-way, four repeats, trained on other people as they are",
                  spread(other, ".3f"), f"within {pooled_two_way:.3f}", "below within",
                  np.mean(other) < pooled_two_way)  # fmt: skip


def single_trials(table: Table, name: str, told: list[Told], n_repeats: int) -> None:
    """Rows on what single trials of known pictures tell, and when."""
    for column, peer, low, high in (
        ("stimulus", ".145, chance .014", 0.05, 0.3),
        ("category", ".407, chance .167", 0.25, 0.55),
    ):
        shares = [getattr(each, column) for each in told]
        bar = {"goal": f"mean {low} to {high}", "holds": bool(low <= np.mean(shares) <= high)}
        table.add(f"{name}: {column} of one trial, 72 pictures x {n_repeats}, LDA",
                  spread(shares, ".3f"), f"{peer}, 72 x 72 (Kaneshiro et al. 2015)",
                  **(bar if name == "realistic" else {}))  # fmt: skip
    # Every picture is told equally often by a guess.
    times, mean = told[0].times, np.mean([each.over_time for each in told], axis=0) - 1 / 72
    course = np.diag(mean)
    n_trials = 36 * n_repeats * len(told)
    guess = np.sqrt(1 / 72 / n_trials / (times < 0).sum())
    before = course[times < 0].mean()
    table.add(f"{name}: picture told before the onset, less chance", f"{before:+.4f}", "",
              "within 3 SE of guessing", abs(before) <= 3 * guess)  # fmt: skip
    top = times[course.argmax()]
    table.add(f"{name}: time of the best decoding, ms",
              f"{1e3 * top:.0f} ({course.max() + 1 / 72:.3f}, chance .014)",
              "about 100 (Cichy et al. 2014)", "80 to 400", 0.08 <= top <= 0.4)  # fmt: skip
    kept = []
    for start in (0.1, 0.26):
        k = np.abs(times - start).argmin()
        later = np.abs(times - start - 0.06).argmin()
        kept.append(mean[k, later] / course[k])
    table.add(f"{name}: share of decoding kept 60 ms later, trained at 260 ms", f"{kept[1]:.2f}",
              f"trained at 100 ms {kept[0]:.2f}", "late more than early (King and Dehaene 2014)",
              kept[1] > kept[0])  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` takes fewer people and pictures, and decodes the world `easy`."""
    n_train, n_test, n_people, n_told, n_repeats = (
        (300, 60, 2, 1, 24) if quick else (600, 100, 6, 3, 72)
    )
    stimuli = shown(n_train, n_test)
    targets = aims(stimuli)
    if quick:
        looks(table, cohort("realistic", stimuli, targets, n_people))
    for name in ("easy",) if quick else ("realistic", "world-B"):
        told = exemplars(name, stimuli, n_told, n_repeats)
        group = cohort(name, stimuli, targets, n_people)
        if name == "realistic":
            looks(table, group)
        single_trials(table, name, told, n_repeats)
        decoding(table, group)


if __name__ == "__main__":
    run("v_eeg", SOURCES, measure, __doc__ or "")
