"""Betas: response library, noise regressors and ridge beside LSA and LSS, three levels of noise.

People of the worlds easy, realistic and hard are scanned; the truth is the amplitude that was put
in at each trial. Every estimator gets the same runs, motion parameters and volumes.

Reliability is the correlation over pictures of the mean of odd with that of even repeats, each run
centred first, as is usual before sessions are joined: their mean responses differ, and the halves
of a picture lie in different runs. What it is without is shown beside, for the truth too. Closeness
is the correlation over trials with the truth, and the root mean square error in per cent of the
signal. Means over voxels; a bar holds where it does for each person.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from table import Table, run

from neurodecode.contracts import Float, Recording, Responses
from neurodecode.preprocess.glm import Glm
from neurodecode.preprocess.glm_library import GlmLibrary
from neurodecode.registry import Estimator
from neurodecode.simulate.bold import bold_runs, trial_drive
from neurodecode.simulate.features import picture_features
from neurodecode.simulate.noise import MOTION
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import runs, shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import named
from neurodecode.stimuli.objects64 import load_objects64

SOURCES = (
    "benchmarks/b_betas.py", "neurodecode/preprocess/hrf.py", "neurodecode/preprocess/runs.py",
    "neurodecode/preprocess/glm.py", "neurodecode/preprocess/glm_library.py",
    "neurodecode/preprocess/noise_regressors.py",
    "neurodecode/simulate/bold.py", "neurodecode/simulate/hrf.py", "neurodecode/simulate/noise.py",
    "neurodecode/simulate/trials.py", "neurodecode/simulate/tuning.py",
    "neurodecode/simulate/world.py",
)  # fmt: skip
HIGH_PASS = 1 / 128
FIGURES = (("split-half r, runs centred", 1), ("split-half r, not centred", 1),
           ("r with the truth", 1), ("RMS error (%)", -1))  # fmt: skip
ESTIMATORS: dict[str, Estimator] = {
    "LSA": Glm("lsa", "glover", HIGH_PASS, percent=True),
    "LSS": Glm("lss", "glover", HIGH_PASS, percent=True),
    "library": GlmLibrary(HIGH_PASS, percent=True, max_noise_regressors=10),
}


def scanned(name: str, person: int, n_voxels: int, n_train: int) -> tuple[Recording, Float]:
    """Return a person's recording and the true response of each trial, in per cent."""
    world = named(name)
    schedule = replace(world.schedule, n_train=n_train, n_test=20, n_runs=max(n_train // 60, 2))
    world = replace(
        world,
        schedule=schedule,
        cortex=replace(world.cortex, n_voxels=(n_voxels, n_voxels + 20)),
    )
    stimuli = shown_pictures(load_objects64(), schedule, world.seed)
    features = picture_features(stimuli, world.bank, world.seed)
    reference = features.rows(np.flatnonzero(stimuli.table["set"] == "train"))
    brain = draw_brain(world, draw_people(world, person + 1).iloc[person], reference)
    trials = trial_table(stimuli.table, schedule, world.seed, brain.participant_id)
    drives = trial_drive(world, brain, features, trials)
    truth = np.concatenate([drives(part) for _, part in runs(trials)])
    made = list(bold_runs(world, brain, features, trials))
    events = pd.concat(
        [part.assign(stimulus=part["stimulus"].astype(str)) for _, part in runs(trials)]
    )
    recording = Recording(
        data=np.concatenate([one.data for one in made]),
        times=np.concatenate([np.arange(len(one.data)) * schedule.tr for one in made]),
        runs=np.repeat([one.run for one in made], [len(one.data) for one in made]),
        events=events.reset_index(drop=True),
        units=brain.units,
        participant_id=brain.participant_id,
        sfreq=1 / schedule.tr,
        confounds=pd.concat([one.confounds[list(MOTION)] for one in made], ignore_index=True),
    )
    return recording, (100 * truth / brain.baseline).astype(np.float32)


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlate columns."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    r: NDArray[np.float64] = (a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return r


def reliability(responses: Responses, *, centred: bool) -> float:
    """Return the mean correlation of odd and even repeats over pictures."""
    frame = pd.DataFrame(responses.data.astype(float))
    if centred:
        frame = frame - frame.groupby(responses.trials["run"].to_numpy()).transform("mean")
    even = responses.trials["repeat"].to_numpy() % 2 == 0
    halves = [
        frame[rows].groupby(responses.trials["stimulus"].to_numpy()[rows]).mean()
        for rows in (even, ~even)
    ]
    return float(correlation(*(half.to_numpy() for half in halves)).mean())


def figures(responses: Responses, truth: Float) -> tuple[float, float, float, float]:
    """Return reliability centred and not, correlation with the truth, error."""
    return (
        reliability(responses, centred=True),
        reliability(responses, centred=False),
        float(correlation(responses.data.astype(float), truth.astype(float)).mean()),
        float(np.sqrt(np.mean((responses.data - truth) ** 2))),
    )


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` scans one small person a world."""
    people, n_voxels, n_train = (1, 300, 120) if quick else (3, 1500, 300)
    for world in ("easy", "realistic", "hard"):
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for person in range(people):
            recording, truth = scanned(world, person, n_voxels, n_train)
            for name, estimator in ESTIMATORS.items():
                betas = estimator.estimate(recording)
                found.setdefault(name, []).append(figures(betas, truth))
            best = replace(betas, data=truth)
            found.setdefault("truth", []).append(figures(best, truth))
        values = {name: np.array(rows) for name, rows in found.items()}
        for k, (figure, sign) in enumerate(FIGURES):
            ours, *peers = (sign * values[name][:, k] for name in ("library", "LSA", "LSS"))
            holds = bool((ours >= np.maximum(*peers)).all())
            peer = ", ".join(f"{name} {values[name][:, k].mean():.3f}" for name in
                             ("LSA", "LSS", "truth"))  # fmt: skip
            # With the few runs of a quick world their own means decide.
            barred = not quick or "not centred" not in figure
            table.add(f"{figure}, world {world}, {people} people",
                      f"{values['library'][:, k].mean():.3f}", peer,
                      "no worse than either, in each person" if barred else "",
                      holds if barred else None)  # fmt: skip


if __name__ == "__main__":
    run("b_betas", SOURCES, measure, __doc__ or "")
