"""Betas: response library, noise regressors and ridge beside LSA and LSS, three levels of noise.

People of the worlds easy, realistic and hard are scanned; the truth is the amplitude that was put
in at each trial. Every estimator gets the same runs, motion parameters and volumes.

Reliability is the correlation over pictures of the mean of odd with that of even repeats, each run
centred first, as is usual before sessions are joined: the halves of a picture lie in different
runs, whose mean responses differ in truth. Closeness is the correlation over trials with the truth,
and the root mean square error in per cent of the signal; both with the runs' means. Of each, the
mean over voxels, and the difference from each peer in the same people with its t interval; the bars
were set before these people were looked at.

Reliability is shown without centring too. There the differences between runs count as noise, and an
estimator that shrinks trials, but knows the runs' means, looks worse than one whose errors hide
them: the last rows say how much runs differ and who knows it best. The bar is the mean alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
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
    "neurodecode/simulate/world.py", "neurodecode/stimuli/data",
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


def run_means(data: Float, runs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean response of each run (n_runs, n_units)."""
    return pd.DataFrame(data.astype(float)).groupby(runs).mean().to_numpy()


def figures(responses: Responses, truth: Float) -> tuple[float, ...]:
    """Return reliability centred and not, r with the truth, error, and the r of runs' means."""
    runs_of = responses.trials["run"].to_numpy()
    means, true = (run_means(data, runs_of) for data in (responses.data, truth))
    return (
        reliability(responses, centred=True),
        reliability(responses, centred=False),
        float(correlation(responses.data.astype(float), truth.astype(float)).mean()),
        float(np.sqrt(np.mean((responses.data - truth) ** 2))),
        float(correlation(means, true).mean()),
    )


def differing(truth: Float, runs_of: NDArray[np.int64]) -> float:
    """Return the true SD of runs' means, in SDs of trials within runs; mean over voxels."""
    means = run_means(truth, runs_of)
    within = truth - means[np.unique(runs_of, return_inverse=True)[1]]
    return float((means.std(axis=0) / within.std(axis=0)).mean())


def compared(ours: NDArray[np.float64], peer: NDArray[np.float64]) -> tuple[str, float, float]:
    """Return the paired difference in words, its mean and the low end of its 95 % t interval."""
    paired = ours - peer
    n, mean = len(paired), float(paired.mean())
    if n < 2:
        return f"{mean:+.3f}", mean, mean
    half = float(student.ppf(0.975, n - 1) * paired.std(ddof=1) / np.sqrt(n))
    said = f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f}; below in {(paired < 0).sum()})"
    return said, mean, mean - half


def add_world(table: Table, what: str, values: dict[str, NDArray[np.float64]], quick: bool) -> None:
    """Add the rows of one world; ``values`` (n_people, n_figures) by estimator."""
    for k, (figure, sign) in enumerate(FIGURES):
        parts = {peer: compared(sign * values["library"][:, k], sign * values[peer][:, k])
                 for peer in ("LSA", "LSS")}  # fmt: skip
        mean_alone = "not centred" in figure
        holds = min(mean if mean_alone else low for _, mean, low in parts.values()) >= 0
        goal = f"{'mean' if mean_alone else 'interval'} of the gain not below 0, either"
        # With the few runs of a quick world their own means decide.
        barred = not (quick and mean_alone)
        table.add(f"{figure}, {what}", f"{values['library'][:, k].mean():.3f}; gain "
                  + ", ".join(f"on {peer} {said}" for peer, (said, _, _) in parts.items()),
                  ", ".join(f"{name} {values[name][:, k].mean():.3f}"
                            for name in ("LSA", "LSS", "truth")),
                  goal if barred else "", holds if barred else None)  # fmt: skip
    means = {name: f"{rows[:, len(FIGURES)].mean():.3f}" for name, rows in values.items()}
    table.add(f"r of runs' means with the truth, {what}", means["library"],
              ", ".join(f"{name} {means[name]}" for name in ("LSA", "LSS")))  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` scans one small person a world."""
    people, n_voxels, n_train = (1, 300, 120) if quick else (8, 1000, 300)
    for world in ("easy", "realistic", "hard"):
        found: dict[str, list[tuple[float, ...]]] = {}
        differ = []
        for person in range(people):
            recording, truth = scanned(world, person, n_voxels, n_train)
            for name, estimator in ESTIMATORS.items():
                betas = estimator.estimate(recording)
                found.setdefault(name, []).append(figures(betas, truth))
            found.setdefault("truth", []).append(figures(replace(betas, data=truth), truth))
            differ.append(differing(truth, betas.trials["run"].to_numpy()))
        what = f"world {world}, {people} people"
        add_world(table, what, {name: np.array(rows) for name, rows in found.items()}, quick)
        table.add(
            f"true SD of runs' means, in SDs within runs, {what}",
            f"{np.mean(differ):.2f} ({min(differ):.2f} to {max(differ):.2f})",
        )


if __name__ == "__main__":
    run("b_betas", SOURCES, measure, __doc__ or "")
