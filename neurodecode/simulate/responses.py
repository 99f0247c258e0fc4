"""Single-trial responses without the series: the law of what a least-squares GLM would give.

The GLM (see `glm`) is linear, so that a response is its rows applied to each part of the series:
what other trials and a voxel's own HRF leave in the evoked part, the residue of motion that its
regressors do not hold (drift they take away wholly), and noise with the covariance
``rows AR(1) rows'`` over the trials of a run. Only the noise is drawn anew; all else is as in
`bold`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float, Responses, Stimuli
from neurodecode.seeds import generator
from neurodecode.simulate.bold import moved, run_motion, trial_drive
from neurodecode.simulate.features import Features, picture_features
from neurodecode.simulate.glm import readout
from neurodecode.simulate.hrf import design
from neurodecode.simulate.noise import ar_covariance, ar_levels
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import n_volumes, runs, shown_pictures, trial_table
from neurodecode.simulate.tuning import Brain, draw_brain
from neurodecode.simulate.world import World

__all__ = ["cohort_responses", "reference_features", "trial_responses"]

COLUMNS = [
    "participant_id", "trial", "stimulus", "category", "set", "session", "run", "repeat"
]  # fmt: skip


def trial_responses(
    world: World, brain: Brain, features: Features, trials: pd.DataFrame
) -> Responses:
    """Draw one person's responses to single trials, in values of the scanner.

    Parameters
    ----------
    world, brain, features, trials
        See :func:`~neurodecode.simulate.bold.bold_runs`.
    """
    drives = trial_drive(world, brain, features, trials)
    parts = [_run(world, brain, run, part, drives(part)) for run, part in runs(trials)]
    table = trials[COLUMNS].reset_index(drop=True)
    return Responses(np.concatenate(parts), table, brain.units)


def cohort_responses(
    world: World, n_people: int, everything: Stimuli
) -> Iterator[tuple[pd.Series, Responses]]:
    """Yield people and their responses, one person in memory at a time.

    Parameters
    ----------
    world : World
        Its schedule may be shorter than that of the recordings.
    n_people : int
    everything : Stimuli
        Pictures to choose from, see :func:`~neurodecode.simulate.trials.shown_pictures`.
    """
    stimuli = shown_pictures(everything, world.schedule, world.seed)
    features, reference = reference_features(world, stimuli)
    for _, person in draw_people(world, n_people).iterrows():
        brain = draw_brain(world, person, reference)
        trials = trial_table(stimuli.table, world.schedule, world.seed, brain.participant_id)
        yield person, trial_responses(world, brain, features, trials)


def reference_features(world: World, stimuli: Stimuli) -> tuple[Features, Features]:
    """Return the features of all pictures and those of the training pictures."""
    features = picture_features(stimuli, world.bank, world.seed)
    train = np.flatnonzero((stimuli.table["set"] == "train").to_numpy())
    return features, features.rows(train)


def _run(world: World, brain: Brain, run: int, part: pd.DataFrame, drive: Float) -> Float:
    onsets, n_times = part["onset"].to_numpy(float), n_volumes(world.schedule)
    head = run_motion(world, brain, run)
    rows = readout(onsets, n_times, world.hrf, world.schedule, head.ways)
    courses = design(brain.curves.basis, onsets, n_times, world.schedule.tr)
    made = np.zeros_like(drive)
    for seen, mixture in zip(rows @ courses, brain.curves.mixture, strict=True):
        made += (seen.astype(np.float32) @ drive) * mixture

    levels = ar_levels(world.noise)
    roots = {
        level: _root(rows, world.noise.ar[0] if level is None else levels[level])
        for level in (None, *range(len(levels)))
    }
    rng = generator(world.seed, "trial noise", brain.participant_id, run)
    drawn = brain.noise.draw(len(part), lambda white, level: roots[level] @ white, brain.level, rng)
    motion, loadings = moved(world, brain, head)
    drawn += (rows.astype(np.float32) @ motion) @ loadings
    return made + brain.sigma * drawn


def _root(rows: NDArray[np.float64], coefficient: float) -> Float:
    """Return a root (n_trials, n_trials) of the covariance of AR(1) noise over trials."""
    covariance = rows @ ar_covariance(rows.shape[1], coefficient) @ rows.T
    root: Float = np.linalg.cholesky(covariance).astype(np.float32)
    return root
