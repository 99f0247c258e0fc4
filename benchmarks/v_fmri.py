"""The virtual cohort's fMRI: is it as noisy and as different as people are, and is its truth found?

Also how far the plain ridge pipeline is from the oracle, in two worlds. The full run draws
`docs/virtual-cohort.png`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from table import ROOT, WEIGHTS, Table, run

from neurodecode.contracts import Responses, Stimuli
from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.evaluate.tables import correlations, top1, wins
from neurodecode.simulate.bold import bold_runs
from neurodecode.simulate.features import Features
from neurodecode.simulate.figures import draw_page
from neurodecode.simulate.fitting import fit_ar, fit_centres, fit_delay
from neurodecode.simulate.noise import drift_basis
from neurodecode.simulate.oracle import build_oracle, pooled, share_of_oracle
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import reference_features, trial_responses
from neurodecode.simulate.trials import runs, shown_pictures, trial_table
from neurodecode.simulate.tuning import Brain, draw_brain
from neurodecode.simulate.world import World, named
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.targets.semantic import OpenClipTarget

SOURCES = (
    "benchmarks/v_fmri.py",
    *(f"neurodecode/simulate/{name}.py" for name in (
        "bold", "features", "fields", "figures", "fitting", "glm", "hrf", "noise", "oracle",
        "people", "responses", "trials", "tuning", "world",
    )),
    "neurodecode/embed/ridge.py", "neurodecode/stimuli/data", *WEIGHTS,
)  # fmt: skip
N_PEOPLE = 6
SHARE = 0.35


@dataclass(frozen=True)
class Person:
    """One person's trials, scaled session by session with training statistics."""

    brain: Brain
    trials: pd.DataFrame
    raw: Responses
    scaled: NDArray[np.float32]

    @property
    def train(self) -> NDArray[np.bool_]:
        """Which trials train."""
        return (self.trials["set"] == "train").to_numpy()


def smaller(world: World) -> World:
    """A world that is drawn in seconds."""
    schedule = replace(world.schedule, n_train=300, n_test=40, n_runs=4)
    cortex = replace(world.cortex, n_voxels=(900, 1000))
    return replace(world, cortex=cortex, schedule=schedule)


def draw(world: World, stimuli: Stimuli, n: int) -> tuple[Features, list[Person]]:
    """Draw people and their single-trial responses."""
    features, reference = reference_features(world, stimuli)
    people = []
    for _, row in draw_people(world, n).iterrows():
        brain = draw_brain(world, row, reference)
        trials = trial_table(stimuli.table, world.schedule, world.seed, brain.participant_id)
        raw = trial_responses(world, brain, features, trials)
        scaled, train = raw.data.copy(), (trials["set"] == "train").to_numpy()
        for session in trials["session"].unique():
            rows = (trials["session"] == session).to_numpy()
            known = raw.data[rows & train]
            scaled[rows] = (raw.data[rows] - known.mean(axis=0)) / known.std(axis=0)
        people.append(Person(brain, trials, raw, scaled))
    return features, people


def repeat_rows(person: Person) -> NDArray[np.int64]:
    """Rows (n_pictures, 2) of the two repeats of the training pictures."""
    trials = person.trials.assign(row=np.arange(len(person.trials)))
    shown = trials[person.train].pivot_table(index="stimulus", columns="repeat", values="row")
    return shown.to_numpy(np.int64)


def explainable(person: Person) -> float:
    """Correlation of two repeats, median over voxels."""
    one, two = (person.scaled[rows] for rows in repeat_rows(person).T)
    one, two = ((x - x.mean(axis=0)) / x.std(axis=0) for x in (one, two))
    return float(np.median((one * two).mean(axis=0)))


@dataclass(frozen=True)
class Score:
    """Two-way identification and top-1 from one trial and from all repeats."""

    single: float
    averaged: float
    top1: float


def truth(person: Person, ids: tuple[str, ...]) -> NDArray[np.int64]:
    """Which candidate each test trial shows."""
    return np.array([ids.index(name) for name in person.trials["stimulus"][~person.train]])


def ask_oracle(world: World, person: Person, candidates: Features, hidden: bool) -> Score:
    """Score of the one who knows the world."""
    onsets = runs(person.trials)[0][1]["onset"].to_numpy(float)
    oracle = build_oracle(world, person.brain, candidates, onsets, hidden)
    test = person.trials[~person.train]
    score = oracle.log_likelihood(person.raw.data[~person.train], test)
    right, every = truth(person, oracle.ids), np.arange(len(test))
    together = pooled(score, test["stimulus"].to_numpy(str), oracle.ids)
    return Score(wins(score)[right, every].mean(), wins(together).diagonal().mean(),
                 top1(score)[right, every].mean())  # fmt: skip


def fit_ridge(
    person: Person, embedding: dict[str, NDArray[np.float32]], n_voxels: int
) -> RidgeDecoder:
    """The plain ridge pipeline's decoder, from the first voxels."""
    shown = person.trials[person.train]
    target = np.stack([embedding[name] for name in shown["stimulus"]])
    return RidgeDecoder().fit(
        person.scaled[person.train, :n_voxels], {"semantic": target},
        labels=shown["category"].to_numpy(str), groups=shown["stimulus"].to_numpy(str),
    )  # fmt: skip


def ask_ridge(
    decoder: RidgeDecoder,
    person: Person,
    embedding: dict[str, NDArray[np.float32]],
    ids: tuple[str, ...],
) -> Score:
    """Identification by the decoded embedding, test pictures as candidates."""
    test = person.scaled[~person.train, : len(decoder.mean_)]
    common = decoder.intercept_["semantic"]
    real, right = np.stack([embedding[name] for name in ids]) - common, truth(person, ids)
    single = correlations(real, decoder.predict(test)["semantic"] - common)
    mean = np.stack([test[right == k].mean(axis=0) for k in range(len(ids))])
    averaged = correlations(real, decoder.predict(mean)["semantic"] - common)
    every = np.arange(len(right))
    return Score(wins(single)[right, every].mean(), wins(averaged).diagonal().mean(),
                 top1(single)[right, every].mean())  # fmt: skip


def decoding(table: Table, name: str, quick: bool) -> tuple[World, Features, list[Person]]:
    """Explainable variance, oracle, ridge and naive transfer in one world."""
    world = smaller(named(name)) if quick else named(name)
    stimuli = shown_pictures(load_objects64(), world.schedule, world.seed)
    features, people = draw(world, stimuli, 2 if quick else N_PEOPLE)
    found = [explainable(person) for person in people]
    table.add(f"{name}: explainable variance of one repeat, median", f"{np.median(found):.3f}",
              f"people {min(found):.3f} to {max(found):.3f}", ".05 to .15",
              bool(0.05 <= np.median(found) <= 0.15))  # fmt: skip

    embedded = OpenClipTarget("embedded").extract(stimuli)
    embedding = dict(zip(embedded.ids, embedded.values, strict=True))
    test = np.flatnonzero(stimuli.table["set"] == "test")
    candidates = features.rows(test)
    decoders = [fit_ridge(person, embedding, person.scaled.shape[1]) for person in people]
    ridge = [ask_ridge(d, p, embedding, candidates.ids)
             for d, p in zip(decoders, people, strict=True)]  # fmt: skip
    knows = [ask_oracle(world, person, candidates, hidden=True) for person in people]
    blind = [ask_oracle(world, person, candidates, hidden=False) for person in people]
    for kind in ("single", "averaged"):
        ours, all_, most = (np.array([getattr(s, kind) for s in scores])
                            for scores in (ridge, knows, blind))  # fmt: skip
        share = share_of_oracle(ours.mean(), most.mean(), 0.5)
        goal, holds = f">= {SHARE}", bool(share >= SHARE)
        if quick:
            goal, holds = "between chance and oracle", bool(0.5 < ours.mean() < most.mean())
        table.add(
            f"{name}: ridge's share of the oracle, two-way, {kind}", f"{share:.2f}",
            f"ridge {ours.mean():.3f} ({ours.min():.3f} to {ours.max():.3f}), oracle without "
            f"hidden features {most.mean():.4f}, with {all_.mean():.4f}", goal, holds,
        )  # fmt: skip
    top = [np.mean([s.top1 for s in scores]) for scores in (ridge, blind, knows)]
    table.add(f"{name}: top-1 of {len(test)}, single trial", f"{top[0]:.3f}",
              f"oracle {top[1]:.3f}, with hidden features {top[2]:.3f}")  # fmt: skip

    naive = []
    for k, person in enumerate(people):
        other = people[(k + 1) % len(people)]
        n = min(person.scaled.shape[1], other.scaled.shape[1])
        cut = fit_ridge(person, embedding, n)
        naive.append(ask_ridge(cut, other, embedding, candidates.ids).averaged)
    within = np.mean([s.averaged for s in ridge])
    table.add(f"{name}: naive transfer by voxel number, two-way, averaged",
              f"{np.mean(naive):.3f} ({min(naive):.3f} to {max(naive):.3f})",
              f"within the person {within:.3f}", "<= .55, within >= .60",
              bool(np.mean(naive) <= 0.55 and within >= 0.6))  # fmt: skip
    return world, features, people


def series(
    table: Table, world: World, features: Features, people: list[Person], quick: bool
) -> None:
    """What literature and truth say of the series."""
    first = people[0]
    scanned = list(bold_runs(world, first.brain, features, first.trials))
    ratios = []
    for one in scanned:
        basis = drift_basis(world.schedule, len(one.data)) / np.sqrt(len(one.data))
        left = one.data - one.data.mean(axis=0)
        left = left - basis @ (basis.T @ left)
        ratios.append(one.data.mean(axis=0) / left.std(axis=0))
    tsnr = float(np.median(ratios))
    table.add("tSNR, median, 3 mm voxels", f"{tsnr:.0f}",
              "about 50 in 10 mm^3 at 3 T (Murphy et al. 2007, NeuroImage 34, 565)",
              "50 to 135 (times the volumes)", bool(50 <= tsnr <= 135))  # fmt: skip
    delays = np.array([person.brain.units["delay"].mean() for person in people])
    table.add("HRF, delay of the peak, mean over people (s)",
              f"{delays.mean():.1f} ({delays.min():.1f} to {delays.max():.1f})",
              "5 in visual cortex (Huettel and McCarthy 2000, NeuroImage 11, 547)", "4 to 6",
              bool(4 <= delays.mean() <= 6))  # fmt: skip
    synchrony(table, world, features, people, quick)

    units = first.brain.units
    error = fit_ar(world, scanned) - units["ar"].to_numpy()
    table.add("AR(1) recovered from a person's series, median error", f"{np.median(error):+.3f}",
              f"median absolute {np.median(np.abs(error)):.3f}", "within .03",
              bool(abs(np.median(error)) <= 0.03))  # fmt: skip
    found, real = fit_delay(world, scanned), units["delay"].to_numpy()
    r = np.corrcoef(found, real)[0, 1]
    table.add("HRF delay recovered, r over voxels, median error (s)",
              f"{r:.2f}, {np.median(found - real):+.2f}", "",
              "r >= .5, error within .25",
              bool(r >= 0.5 and abs(np.median(found - real)) <= 0.25))  # fmt: skip
    names = sorted(set(first.trials["stimulus"][first.train]))
    rows = np.array([features.ids.index(name) for name in names])
    mean = first.scaled[repeat_rows(first)].mean(axis=1)
    early = first.brain.anatomy.early
    found = fit_centres(features.rows(rows), mean[:, early])
    real = units[["prf_x", "prf_y"]].to_numpy()[early]
    away = np.median(np.linalg.norm(found - real, axis=1))
    chance = np.median(np.linalg.norm(found - np.roll(real, len(real) // 2, axis=0), axis=1))
    table.add("pRF centres recovered from two repeats, median error (widths of the picture)",
              f"{away:.3f}", f"another voxel's centre {chance:.3f}", "<= half of another's",
              bool(away <= chance / 2) if not quick else bool(away < chance))  # fmt: skip


def parcels(brain: Brain) -> Iterator[NDArray[np.bool_]]:
    """Sixteen matched parts of the sheet: region, hemisphere, quarter of the height."""
    anatomy = brain.anatomy
    for early in (True, False):
        for right in (True, False):
            part = (anatomy.early == early) & (anatomy.right == right)
            height = anatomy.position[:, 2]
            edges = np.quantile(height[part], (0, 0.25, 0.5, 0.75, 1))
            for low, high in pairwise(edges):
                yield part & (height >= low) & (height <= high)


def parcel_courses(
    world: World, features: Features, people: list[Person]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Courses (n_people, n_parcels, n_times) of two runs in the same order of pictures.

    As they are, and less what the mean course of all voxels explains. Without drift.
    """
    order = people[0].trials
    order = order[order["run"] < 2]
    plain, specific = [], []
    for person in people:
        trials = order.assign(participant_id=person.brain.participant_id)
        mine: tuple[list[NDArray[np.float64]], ...] = ([], [])
        for one in bold_runs(world, person.brain, features, trials):
            drift = drift_basis(world.schedule, len(one.data)) / np.sqrt(len(one.data))
            means = np.stack([one.data[:, p].mean(axis=1) for p in parcels(person.brain)])
            means = np.concatenate([means, one.data.mean(axis=1)[None]]).astype(float)
            means -= means.mean(axis=1, keepdims=True)
            means -= means @ drift @ drift.T
            shared = means[-1] / np.linalg.norm(means[-1])
            for courses, part in zip(
                (means[:-1], means[:-1] - np.outer(means[:-1] @ shared, shared)), mine, strict=True
            ):
                part.append(courses / courses.std(axis=1, keepdims=True))
        plain.append(np.concatenate(mine[0], axis=1))
        specific.append(np.concatenate(mine[1], axis=1))
    return np.stack(plain), np.stack(specific)


def of_pairs(courses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of a parcel in two people, mean over pairs, (n_parcels,)."""
    r = np.stack([np.corrcoef(courses[:, k]) for k in range(courses.shape[1])])
    return r[:, *np.triu_indices(len(courses), 1)].mean(axis=1)


def with_others(courses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of a parcel with the mean of the other people, mean over people."""
    found = []
    for k, own in enumerate(courses):
        rest = np.delete(courses, k, axis=0).mean(axis=0)
        found.append([np.corrcoef(a, b)[0, 1] for a, b in zip(own, rest, strict=True)])
    return np.mean(found, axis=0)


def synchrony(
    table: Table, world: World, features: Features, people: list[Person], quick: bool
) -> None:
    """Correlation between people who see the same pictures in the same order."""
    plain, specific = parcel_courses(world, features, people)
    pairs, others, left = of_pairs(plain), with_others(plain), with_others(specific)
    table.add("inter-subject correlation of parcels, pairs of people, mean",
              f"{pairs.mean():.2f} ({pairs.min():.2f} to {pairs.max():.2f})",
              "V1 about .3 in films (Schmaelzle et al. 2017, bioRxiv 158188)", ".2 to .6",
              None if quick else bool(0.2 <= pairs.mean() <= 0.6))  # fmt: skip
    table.add("the same, one person with the mean of the others",
              f"{others.mean():.2f} ({others.min():.2f} to {others.max():.2f})",
              f"{len(people) - 1} others; grows with their number")  # fmt: skip
    table.add(
        "the same, less the mean course of the voxels",
        f"{left.mean():.2f} ({left.min():.2f} to {left.max():.2f})",
        "fusiform .33 and .50 in a film (Wagner et al. 2016, J. Neurosci. 36, 6917)",
    )


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` is one small world of two people."""
    torch.set_num_threads(1)
    drawn = decoding(table, "realistic", quick)
    series(table, *drawn, quick)
    if not quick:
        decoding(table, "world-B", quick)
        draw_page(drawn[0], load_objects64(), ROOT / "docs" / "virtual-cohort.png")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run("v_fmri", SOURCES, measure, __doc__ or "")
