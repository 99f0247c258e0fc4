"""Clips decoded from simulated brains: is their motion right, and only where brains know motion?

The nearest training clip by decoded meaning and motion stands beside the same picture held still,
the mean training clip and a random one. Held-out pictures move, grow, shrink, turn, change or
stand behind a moving bar. The same people are simulated again without tuning to motion: then no
score of motion may differ from chance. An oracle that knows how the brains were made is asked about
the same trials: which of two clips, and whether it ran forwards. The mean clip is the most similar
frame by frame, a still the nearest in flow: neither knows what moved where, which only the scores
of motion tell.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from table import WEIGHTS, Table, run

from neurodecode.contracts import (
    Conditions,
    Float,
    Pixels,
    Responses,
    Stimuli,
    Targets,
    key_frames,
)
from neurodecode.embed.ridge import RidgeDecoder
from neurodecode.evaluate.clip_measures import flows, of_clips, of_decoded_motion, of_motion
from neurodecode.evaluate.extractors import spaced
from neurodecode.evaluate.measures import Features as Seen
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.tables import correlations, wins
from neurodecode.models.independent import load_independent
from neurodecode.reconstruct.clips import LinearClip, MeanClip, NearestClip, RandomClip
from neurodecode.registry import Gallery
from neurodecode.simulate.features import Features, clip_features, picture_features
from neurodecode.simulate.oracle import build_oracle, pooled, share_of_oracle
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import trial_responses
from neurodecode.simulate.trials import runs, trial_table
from neurodecode.simulate.tuning import Brain, draw_brain
from neurodecode.simulate.world import World
from neurodecode.studies.virtual_clips import VirtualClips
from neurodecode.targets.clips import ClipTarget, MotionTarget
from neurodecode.targets.semantic import OpenClipTarget

SOURCES = (
    "benchmarks/c_clips.py", "neurodecode/studies/virtual_clips.py",
    "neurodecode/stimuli/clips.py", "neurodecode/stimuli/flow.py", "neurodecode/stimuli/data",
    "neurodecode/targets/clips.py", "neurodecode/reconstruct/clips.py",
    "neurodecode/evaluate/clip_measures.py", "neurodecode/evaluate/video_metrics.py",
    "neurodecode/evaluate/tables.py", "neurodecode/embed/ridge.py",
    *(f"neurodecode/simulate/{name}.py" for name in (
        "features", "fields", "noise", "oracle", "responses", "tuning", "world",
    )), *WEIGHTS,
)  # fmt: skip
DECODED = "nearest clip"
SHOWN = ("frame_ssim", "frame_psnr", "motion_epe")


@dataclass(frozen=True)
class Shown:
    """What a world's people see, and what is measured of it once; ``ways`` are the features of the
    test clips and of the same run backwards."""

    world: World
    stimuli: Stimuli
    features: Features
    reference: Features
    targets: dict[str, Targets]
    ways: tuple[Features, Features]


def show(preset: str, n_train: int, n_test: int, n_voxels: int | None) -> Shown:
    """Draw a world's clips and measure them."""
    study = VirtualClips(
        6, True, preset=preset, effects="default", n_subjects=1, n_train=n_train, n_test=n_test,
        train_repeats=2, test_repeats=4, n_voxels=n_voxels,
    )  # fmt: skip
    world, stimuli, pictures = study.world, study.stimuli(), study.still.stimuli()
    train = pictures.where(pictures.table["set"] == "train")
    extractors = {"semantic": OpenClipTarget("embedded"), "motion": MotionTarget(4),
                  "frames": ClipTarget(16, 4)}  # fmt: skip
    seen = clip_features(list(stimuli.frames), stimuli.table, world.bank, world.seed)
    test = np.flatnonzero((stimuli.table["set"] == "test").to_numpy())
    turned = list(stimuli.frames[test][:, ::-1])
    backwards = clip_features(turned, stimuli.table.iloc[test], world.bank, world.seed)
    return Shown(
        world,
        stimuli,
        seen,
        picture_features(train, world.bank, world.seed),
        {name: extractor.extract(stimuli) for name, extractor in extractors.items()},
        (seen.rows(test), backwards),
    )


@dataclass(frozen=True)
class Recorded:
    """One person's brain and responses."""

    world: World
    brain: Brain
    responses: Responses
    onsets: NDArray[np.float64]


def record(shown: Shown, person: pd.Series, *, tuned: bool) -> Recorded:
    """Simulate one person."""
    world = shown.world
    if not tuned:
        world = replace(world, early=replace(world.early, motion=0.0),
                        ventral=replace(world.ventral, motion=0.0))  # fmt: skip
    brain = draw_brain(world, person, shown.reference)
    trials = trial_table(shown.stimuli.table, world.schedule, world.seed, brain.participant_id)
    responses = trial_responses(world, brain, shown.features, trials)
    return Recorded(world, brain, responses, runs(trials)[0][1]["onset"].to_numpy(float))


def ask_oracle(shown: Shown, recorded: Recorded) -> dict[str, NDArray[np.float64]]:
    """Score each test clip by the truth, hidden features unknown: which one, and which way."""
    trials = recorded.responses.trials
    test = (trials["set"] == "test").to_numpy()
    names = trials["stimulus"][test].to_numpy(str)

    def said(seen: Features) -> NDArray[np.float64]:
        oracle = build_oracle(recorded.world, recorded.brain, seen, recorded.onsets, hidden=False)
        each = oracle.log_likelihood(recorded.responses.data[test], trials[test])
        return pooled(each, names, oracle.ids)

    forward, turned = map(said, shown.ways)
    lead = np.diag(forward - turned)  # what is less than the rounding of single precision is none
    way = np.where(np.abs(lead) < 1e-3, 0.5, lead > 0)
    return {"which": np.diag(wins(forward)), "way": way}


def decode(shown: Shown, recorded: Recorded) -> tuple[Conditions, Gallery]:
    """Decode one person; repeats' decoded features are averaged."""
    table, responses = shown.stimuli.table, recorded.responses
    trials = responses.trials
    row = pd.Series(np.arange(len(table)), index=table["id"])[trials["stimulus"]].to_numpy()
    train = (trials["set"] == "train").to_numpy()
    decoder = RidgeDecoder(tuple(shown.targets)).fit(
        responses.data[train],
        {name: target.values[row[train]] for name, target in shown.targets.items()},
        labels=np.full(int(train.sum()), ""),
        groups=table["picture"].to_numpy(str)[row[train]],
    )
    decoded = decoder.predict(responses.data[~train])
    tested = np.flatnonzero((table["set"] == "test").to_numpy())
    of = [np.flatnonzero(row[~train] == k) for k in tested]
    arrays = {
        name: np.stack([values[rows].mean(axis=0) for rows in of])
        for name, values in decoded.items()
    }
    items = trials[~train].iloc[[rows[0] for rows in of]].assign(fold="0")
    keep = (table["set"] == "train").to_numpy()
    targets = {
        name: replace(t, ids=tuple(np.array(t.ids)[keep]), values=t.values[keep])
        for name, t in shown.targets.items()
    }
    return Conditions(items, arrays), Gallery(shown.stimuli.where(keep), targets)


def draw(decoded: Conditions, gallery: Gallery, seed: int) -> Iterator[tuple[str, Pixels]]:
    """Yield what each way draws, (n_items, n_frames, h, w, 3)."""
    seeds = np.random.default_rng(seed).integers(2**31, size=(len(decoded), 1))
    ways = {
        DECODED: NearestClip(("semantic", "motion")), "linear frames": LinearClip("frames"),
        "mean clip": MeanClip(), "random clip": RandomClip(),
    }  # fmt: skip
    for name, way in ways.items():
        clips = way.generate(decoded, gallery, seeds=seeds)[:, 0]
        yield name, clips
        if name == DECODED:
            yield "held still", np.repeat(key_frames(clips)[:, None], clips.shape[1], axis=1)


class Judge:
    """Scores clips of the test pictures of one world."""

    def __init__(self, shown: Shown) -> None:
        self.independent = load_independent()
        self.scored = shown.stimuli.scored
        self.flows = flows(self.scored.frames)
        self.seen = self.embed(self.scored.frames)
        self.motion = shown.targets["motion"].values[
            (shown.stimuli.table["set"] == "test").to_numpy()
        ]

    def embed(self, clips: Pixels) -> Float:
        """Mean features of four frames (n, d), by the extractor that had no part in decoding."""
        each = [self.independent.features(frames) for frames in np.moveaxis(spaced(clips), 1, 0)]
        mean: Float = np.mean(each, axis=0)
        return mean

    def of_drawn(self, clips: Pixels) -> dict[str, NDArray[np.float64]]:
        """Return each clip's score by metric."""
        seen = Seen(self.independent.name, self.seen, self.embed(clips))
        what = wins(correlations(seen.real, seen.drawn))
        return _at_truth(
            [
                Measure("two_way_clip_independent", seen.extractor, what, 0.5),
                *of_clips(spaced(self.scored.frames), spaced(clips)),
                *of_motion(self.flows, flows(clips)),
            ]
        )

    def of_decoded(self, decoded: Conditions) -> dict[str, NDArray[np.float64]]:
        """Return each item's score by decoded motion."""
        return _at_truth(list(of_decoded_motion(decoded.arrays["motion"], self.motion, "flow")))


def _at_truth(measures: list[Measure]) -> dict[str, NDArray[np.float64]]:
    return {m.metric: np.diag(m.table) for m in measures}


def over_clips(people: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Mean and its standard error over clips: people see the same clips, their errors agree."""
    each = np.mean(people, axis=0)
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` is one person of an easy world, who saw too little to be taught
    what pictures mean."""
    for preset in ("easy",) if quick else ("realistic", "world-B"):
        shown = show(preset, *((20, 24, 1000) if quick else (60, 60, None)))
        judge, n_people = Judge(shown), 1 if quick else 3
        scores: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
        for k, person in draw_people(shown.world, n_people).iterrows():
            for tuned in (True, False):
                recorded = record(shown, person, tuned=tuned)
                decoded, gallery = decode(shown, recorded)
                found = {"decoding": judge.of_decoded(decoded),
                         "oracle": ask_oracle(shown, recorded)}  # fmt: skip
                for name, clips in draw(decoded, gallery, int(str(k))):
                    found[name] = judge.of_drawn(clips)
                for name, values in found.items():
                    for metric, items in values.items():
                        key = name if tuned else f"{name}, blind"
                        scores.setdefault(key, {}).setdefault(metric, []).append(items)
        _report(table, f"{preset}, N {n_people}, {len(judge.scored)} clips", scores, quick)


def _report(
    table: Table,
    where: str,
    scores: dict[str, dict[str, list[NDArray[np.float64]]]],
    quick: bool,
) -> None:
    def told(name: str, metric: str) -> str:
        mean, error = over_clips(scores[name][metric])
        return f"{mean:.3f} +- {error:.3f}"

    def oracle(metric: str, mean: float, blind: str = "") -> str:
        asked = "way" if metric.endswith("_reversed") else "which"
        words = f", oracle {told(f'oracle{blind}', asked)}"
        if blind:
            return words
        best = over_clips(scores["oracle"][asked])[0]
        return f"{words}; share {share_of_oracle(mean, best, 0.5):.2f}"

    others = ("held still", "linear frames", "mean clip", "random clip")
    for metric, drawn in (("retrieval_two_way_motion", False), ("retrieval_reversed", False),
                          ("two_way_motion", True), ("two_way_reversed", True)):  # fmt: skip
        name = DECODED if drawn else "decoding"
        mean, error = over_clips(scores[name][metric])
        peers = ", ".join(f"{o} {told(o, metric)}" for o in others) if drawn else "chance .5"
        table.add(f"{where}: {metric}, {name}", told(name, metric), peers + oracle(metric, mean),
                  "3 SE above chance", mean > 0.5 + 3 * error)  # fmt: skip
        mean, error = over_clips(scores[f"{name}, blind"][metric])
        table.add(f"{where}: the same, brains without tuning to motion",
                  told(f"{name}, blind", metric),
                  "chance .5" + oracle(metric, mean, ", blind"), "within 3 SE of chance",
                  abs(mean - 0.5) <= 3 * error)  # fmt: skip
    metric = "two_way_clip_independent"
    mean, error = over_clips(scores[DECODED][metric])
    table.add(f"{where}: {metric}, {DECODED}", told(DECODED, metric),
              ", ".join(f"{o} {told(o, metric)}" for o in others) + oracle(metric, mean),
              "3 SE above chance", None if quick else mean > 0.5 + 3 * error)  # fmt: skip
    for metric in SHOWN:
        mean, best = (over_clips(scores[o][metric])[0] for o in (DECODED, "mean clip"))
        deceived = best < mean if metric == "motion_epe" else best > mean
        table.add(f"{where}: {metric}, {DECODED}", told(DECODED, metric),
                  ", ".join(f"{o} {told(o, metric)}" for o in others),
                  "the mean clip, which knows nothing, does better", bool(deceived))  # fmt: skip
    still, moving = (over_clips(scores[o]["two_way_motion"])[0] for o in ("held still", DECODED))
    table.add(f"{where}: motion of what is held still", f"{still:.3f}", f"{DECODED} {moving:.3f}",
              "exactly .5", still == 0.5)  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run("c_clips", SOURCES, measure, __doc__ or "")
