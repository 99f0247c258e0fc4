"""Clips through the simulated scanner: is the direction of motion in the series, and only there?

Pictures move in eight directions for 2 s at 8 frames a second; a still shows a clip's middle frame
for as long. A clip and its reverse hold the same frames, so that only tuning to motion can tell
them: the direction is decoded against its opposite, on pictures left out. The oracle knows how the
brains were made and says which of the two makes a trial likelier.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from table import Table, run

from neurodecode.simulate.bold import bold_runs
from neurodecode.simulate.features import Features, clip_features, picture_features
from neurodecode.simulate.glm import readout
from neurodecode.simulate.oracle import build_oracle, share_of_oracle
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import runs, shown_pictures, trial_table
from neurodecode.simulate.tuning import Brain, draw_brain
from neurodecode.simulate.world import World, named
from neurodecode.stimuli.clips import MOTIONS, draw_clips
from neurodecode.stimuli.objects64 import load_objects64

SOURCES = (
    "benchmarks/v_clips.py", "neurodecode/stimuli/clips.py", "neurodecode/stimuli/data",
    *(f"neurodecode/simulate/{name}.py" for name in (
        "bold", "features", "fields", "glm", "hrf", "noise", "oracle", "people", "trials", "tuning",
        "world",
    )),
)  # fmt: skip
N_FOLDS = 5
ALPHAS = tuple(10.0**k for k in range(1, 7))


@dataclass(frozen=True)
class Shown:
    """What is shown: pictures that move, and the same pictures standing.

    Attributes
    ----------
    world : World
        With a schedule for these stimuli.
    table : DataFrame
        ``id, category, set, picture, way`` (0 to 7), ``moves``.
    features, reference : Features
        Of the stimuli; of the pictures over which brains are standardised.
    ways : (Features, Features)
        Of the moving clips, and of the same run backwards.
    """

    world: World
    table: pd.DataFrame
    features: Features
    reference: Features
    ways: tuple[Features, Features]


def show(name: str, n_pictures: int) -> Shown:
    """Make moving clips and their stills."""
    world = named(name)
    schedule = replace(world.schedule, n_train=n_pictures, n_test=0, test_repeats=0)
    pictures = shown_pictures(load_objects64(), schedule, world.seed)
    clips = draw_clips(pictures, len(MOTIONS), world.seed)
    moving = np.flatnonzero(clips.table["motion"] == "moving")
    frames = clips.frames[moving]
    still = np.repeat(frames[:, 8:9], frames.shape[1], axis=1)
    table = clips.table.iloc[moving][["id", "category", "set", "picture", "direction"]]
    table = table.assign(way=(table["direction"] / 45).astype(int), moves=True)
    standing = table.assign(id=table["id"] + "-still", moves=False)
    both = pd.concat([table, standing], ignore_index=True)
    features = clip_features(np.concatenate([frames, still]), both, world.bank, world.seed)
    backwards = clip_features(frames[:, ::-1], table, world.bank, world.seed)
    ways = features.rows(np.arange(len(table))), backwards
    world = replace(world, schedule=replace(schedule, n_train=len(both)))
    return Shown(world, both, features, picture_features(pictures, world.bank, world.seed), ways)


def blinded(world: World) -> World:
    """The same world, no voxel tuned to motion."""
    early, ventral = (replace(part, motion=0.0) for part in (world.early, world.ventral))
    return replace(world, early=early, ventral=ventral)


def scan(shown: Shown, person: pd.Series, *, tuned: bool) -> tuple[Brain, pd.DataFrame, NDArray]:
    """Return a brain, its trials and a response each (n_trials, n_voxels), from the series."""
    world = shown.world if tuned else blinded(shown.world)
    brain = draw_brain(world, person, shown.reference)
    trials = trial_table(shown.table, world.schedule, world.seed, brain.participant_id)
    parts = []
    for one in bold_runs(world, brain, shown.features, trials):
        onsets = one.events["onset"].to_numpy(float)
        motion = one.confounds.iloc[:, :6].to_numpy()
        rows = readout(onsets, len(one.data), world.hrf, world.schedule, motion)
        parts.append(rows.astype(np.float32) @ one.data)
    trials = trials.merge(
        shown.table[["id", "picture", "way", "moves"]], left_on="stimulus", right_on="id"
    )
    return brain, trials, np.concatenate(parts)


def against_opposite(trials: pd.DataFrame, responses: NDArray, moves: bool) -> pd.Series:
    """Share of each picture's trials decoded nearer to their direction than to its opposite.

    Pictures are left out.
    Without an intercept: a mean of the training directions would lean away from what a fold holds.
    """
    rows = np.flatnonzero(trials["moves"] == moves)
    x, angle = responses[rows], np.pi / 4 * trials["way"].to_numpy()[rows]
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    groups = trials["picture"].to_numpy(str)[rows]
    right = np.zeros(len(rows), bool)
    for train, test in GroupKFold(N_FOLDS).split(x, groups=groups):
        scaled = [(x[k] - x[train].mean(axis=0)) / x[train].std(axis=0) for k in (train, test)]
        ridge = RidgeCV(alphas=ALPHAS, fit_intercept=False).fit(scaled[0], direction[train])
        right[test] = (ridge.predict(scaled[1]) * direction[test]).sum(axis=1) > 0
    return pd.Series(right).groupby(groups).mean()


def ask_oracle(shown: Shown, brain: Brain, trials: pd.DataFrame, responses: NDArray) -> pd.Series:
    """Share of each picture's trials that are likelier under their clip than under its reverse."""
    onsets = runs(trials)[0][1]["onset"].to_numpy(float)
    moving = trials["moves"].to_numpy()
    asked, x = trials[moving], responses[moving]
    said = []
    for features in shown.ways:
        oracle = build_oracle(shown.world, brain, features, onsets, hidden=False)
        own = [oracle.ids.index(name) for name in asked["stimulus"]]
        said.append(oracle.log_likelihood(x, asked)[own, np.arange(len(own))])
    lead = said[0] - said[1]  # what is less than the rounding of single precision is none
    right = pd.Series(np.where(np.abs(lead) < 1e-3, 0.5, lead > 0))
    return right.groupby(asked["picture"].to_numpy(str)).mean()


def over_pictures(people: list[pd.Series]) -> tuple[float, float]:
    """Mean and its standard error over pictures: people see the same clips, their errors agree."""
    each = pd.concat(people, axis=1).mean(axis=1)
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def profile(trials: pd.DataFrame, responses: NDArray, moves: bool) -> NDArray[np.float64]:
    """Agreement of two halves of the pictures on each voxel's preference between opposites.

    Correlation over voxels and four axes of the mean response to a direction less that to its
    opposite.
    """
    half = pd.factorize(trials["picture"])[0] % 2
    means = []
    for k in (0, 1):
        of = [
            responses[((trials["moves"] == moves) & (trials["way"] == w) & (half == k)).to_numpy()]
            for w in range(8)
        ]
        mean = np.stack([part.mean(axis=0) for part in of])
        means.append((mean[:4] - mean[4:]).ravel())
    return np.corrcoef(means)[0, 1]


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` is one person of an easy world."""
    for name in ("easy",) if quick else ("realistic", "world-B"):
        shown = show(name, 80 if quick else 160)
        n_people = 1 if quick else 3
        told, stood, blind, seen, still = [], [], [], [], []
        knows: dict[bool, list[pd.Series]] = {True: [], False: []}
        for _, person in draw_people(shown.world, n_people).iterrows():
            brain, trials, responses = scan(shown, person, tuned=True)
            told.append(against_opposite(trials, responses, True))
            stood.append(against_opposite(trials, responses, False))
            seen.append(profile(trials, responses, True))
            still.append(profile(trials, responses, False))
            knows[True].append(ask_oracle(shown, brain, trials, responses))
            other, trials, responses = scan(shown, person, tuned=False)
            blind.append(against_opposite(trials, responses, True))
            knows[False].append(ask_oracle(shown, other, trials, responses))
        n = int(shown.table["moves"].sum())
        mean, error = over_pictures(told)
        table.add(f"{name}: direction told from its opposite, {n} moving clips, ridge",
                  f"{mean:.3f} +- {error:.3f}",
                  "chance .5, oracle {:.3f} +- {:.3f}".format(*over_pictures(knows[True]))
                  + f"; share {share_of_oracle(mean, over_pictures(knows[True])[0], 0.5):.2f}",
                  "3 SE above chance", mean > 0.5 + 3 * error)  # fmt: skip
        oracle = ", oracle {:.3f} +- {:.3f}".format(*over_pictures(knows[False]))
        for words, found, beside in (
            ("from their stills", stood, ""),
            ("from clips, brains without tuning to motion", blind, oracle),
        ):
            mean, error = over_pictures(found)
            table.add(f"{name}: the same {words}", f"{mean:.3f} +- {error:.3f}",
                      f"chance .5{beside}", "within 3 SE of chance",
                      abs(mean - 0.5) <= 3 * error)  # fmt: skip
        table.add(f"{name}: voxels' preference of direction, r of two halves of the pictures",
                  f"{np.mean(seen):.3f}", f"stills {np.mean(still):.3f}",
                  "clips above stills in each person",
                  bool(np.all(np.array(seen) > np.array(still))))  # fmt: skip
        early, parts = brain.anatomy.early, brain.tuning.parts(shown.features)
        moves = shown.table["moves"].to_numpy()
        motion = np.var(parts["motion"][moves], axis=0)
        whole = np.var(sum(parts.values())[moves], axis=0)
        share = [float(np.median((motion / whole)[region])) for region in (early, ~early)]
        table.add(f"{name}: share of motion in the variance over moving clips, early, ventral",
                  f"{share[0]:.2f}, {share[1]:.2f}",
                  f"in stills at most {np.abs(parts['motion'][~moves]).max():.1g} SD",
                  "early above ventral", share[0] > share[1])  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run("v_clips", SOURCES, measure, __doc__ or "")
