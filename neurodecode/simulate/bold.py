"""The series that a scanner gives, run by run.

    y_sv(t) = b_sv + sum_i g_si [h_sv * a_sv(stim_i)](t) + drift + motion + noise

b is the value at rest, g the gain of the trial, h the voxel's haemodynamic response, a what its
tuning gives (see `tuning`). Only one run is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.errors import DataError
from neurodecode.seeds import generator
from neurodecode.simulate.features import Features
from neurodecode.simulate.fields import smooth_fields
from neurodecode.simulate.hrf import design
from neurodecode.simulate.noise import (
    MOTION,
    HeadMotion,
    ar_levels,
    ar_noise,
    draw_gains,
    drift_basis,
    head_motion,
)
from neurodecode.simulate.trials import n_volumes, runs
from neurodecode.simulate.tuning import Brain
from neurodecode.simulate.world import World

__all__ = ["BoldRun", "bold_runs", "evoked", "moved", "run_motion", "session_change", "trial_drive"]

Double = NDArray[np.float64]


@dataclass(frozen=True)
class BoldRun:
    """One run of one person.

    Attributes
    ----------
    session : str
    run : int
        From 0, over all sessions.
    data : float32 (n_times, n_voxels)
        Values of the scanner; volume k is taken at k TR. Voxels in the order of the mask's True
        entries (C order) and of ``Brain.units``.
    events : DataFrame
        ``onset, duration`` (s), ``trial_type`` (the stimulus' id), ``category, set, repeat,
        trial``.
    confounds : DataFrame
        By fMRIPrep's names: ``trans_x`` to ``rot_z`` (mm, rad), ``framewise_displacement`` (mm,
        NaN at the first volume), ``csf, white_matter, global_signal``.
    """

    session: str
    run: int
    data: Float
    events: pd.DataFrame
    confounds: pd.DataFrame


def bold_runs(
    world: World, brain: Brain, features: Features, trials: pd.DataFrame
) -> Iterator[BoldRun]:
    """Yield the runs of a person, each drawn from its own seed.

    Parameters
    ----------
    world : World
    brain : Brain
    features : Features
        Of all stimuli that are shown.
    trials : DataFrame
        See :func:`~neurodecode.simulate.trials.trial_table`.

    Raises
    ------
    DataError
        Where a stimulus that is shown has no features.
    """
    drives = trial_drive(world, brain, features, trials)
    for run, part in runs(trials):
        clean = evoked(world, brain, drives(part), part)
        yield _scanned(world, brain, run, part, clean)


def trial_drive(world: World, brain: Brain, features: Features, trials: pd.DataFrame) -> _Drive:
    """Return what gives the amplitudes (n_trials, n_voxels) of some of a person's trials."""
    place = {name: k for k, name in enumerate(features.ids)}
    unknown = sorted(set(trials["stimulus"]) - set(place))
    if unknown:
        raise DataError(
            f"{len(unknown)} stimuli are shown that have no features: {', '.join(unknown[:5])}"
        )
    gains = draw_gains(trials, world.noise, generator(world.seed, "gains", brain.participant_id))
    return _Drive(
        world, brain, brain.amplitudes(features), place, pd.Series(gains, index=trials.index)
    )


@dataclass(frozen=True)
class _Drive:
    world: World
    brain: Brain
    amplitudes: Float
    place: dict[str, int]
    gains: pd.Series

    def __call__(self, part: pd.DataFrame) -> Float:
        rows = part["stimulus"].map(self.place).to_numpy()
        gains = self.gains[part.index].to_numpy(np.float32)[:, None]
        shift, scale = session_change(self.world, self.brain, str(part["session"].iloc[0]))
        return gains * scale * (self.amplitudes[rows] + shift)


def evoked(world: World, brain: Brain, drive: Float, part: pd.DataFrame) -> Float:
    """Return the series (n_times, n_voxels) that the pictures of one run evoke, nothing else."""
    schedule, made = world.schedule, brain.curves
    courses = design(made.basis, part["onset"].to_numpy(float), n_volumes(schedule), schedule.tr)
    series = np.zeros((courses.shape[1], drive.shape[1]), np.float32)
    for course, mixture in zip(courses.astype(np.float32), made.mixture, strict=True):
        series += (course @ drive) * mixture
    return series


def session_change(world: World, brain: Brain, session: str) -> tuple[Float, float]:
    """Return a session's shift of the mean response (n_voxels,) and its scale."""
    rng = generator(world.seed, "session", brain.participant_id, session)
    scale = float(np.exp(world.noise.session_scale * rng.normal()))
    field = smooth_fields(brain.anatomy.position, 1, 0.3, rng)[:, 0]
    shift: Float = (world.noise.session * brain.contrast * field).astype(np.float32)
    return shift, scale


def run_motion(world: World, brain: Brain, run: int) -> HeadMotion:
    """Return the head motion of one run."""
    rng = generator(world.seed, "head", brain.participant_id, run)
    return head_motion(n_volumes(world.schedule), world.noise, rng)


def moved(world: World, brain: Brain, head: HeadMotion) -> tuple[Float, Float]:
    """Return what a head's motion does: courses (n_times, 13), loadings (13, n_voxels).

    Their product is in SDs of the noise. The squares stand for what the usual six regressors do
    not take away, the last course for the loss of signal in a jerk.
    """
    rng = generator(world.seed, "edges", brain.participant_id)
    loadings = smooth_fields(brain.anatomy.position, 13, 0.2, rng).T
    loadings[:12] *= world.noise.motion / 6**0.5
    loadings[12] = -world.noise.spike * np.abs(loadings[12])
    courses = [head.ways, np.square(head.ways) / 3, head.jerks[:, None]]
    return np.concatenate(courses, axis=1).astype(np.float32), loadings


def _scanned(world: World, brain: Brain, run: int, part: pd.DataFrame, clean: Float) -> BoldRun:
    """Add what is not signal to the evoked series of a run."""
    rng = generator(world.seed, "run", brain.participant_id, run)
    n_times, noise, levels = len(clean), world.noise, ar_levels(world.noise)

    def colour(white: Float, level: int | None) -> Float:
        return ar_noise(white, noise.ar[0] if level is None else float(levels[level]))

    drawn = brain.noise.draw(n_times, colour, brain.level, rng)
    basis = drift_basis(world.schedule, n_times)
    slow = smooth_fields(brain.anatomy.position, basis.shape[1], 0.5, rng).T
    # Slower is larger, as in scanners: amplitudes fall with the frequency.
    weight = 1 / np.arange(1, basis.shape[1] + 1)
    basis = basis * weight / np.linalg.norm(weight)
    drawn += noise.drift * basis.astype(np.float32) @ slow
    head = run_motion(world, brain, run)
    courses, loadings = moved(world, brain, head)
    drawn += courses @ loadings
    data = brain.baseline + clean + brain.sigma * drawn
    return BoldRun(
        str(part["session"].iloc[0]), run, data, _events(part), _confounds(head, data, drawn, rng)
    )


def _events(part: pd.DataFrame) -> pd.DataFrame:
    events = part.rename(columns={"stimulus": "trial_type"})
    wanted = ["onset", "duration", "trial_type", "category", "set", "repeat", "trial"]
    return events[wanted].reset_index(drop=True)


def _confounds(
    head: HeadMotion, data: Float, drawn: Float, rng: np.random.Generator
) -> pd.DataFrame:
    """Tables as fMRIPrep gives them; tissue signals hold a part of what voxels share."""
    table = pd.DataFrame(head.parameters, columns=list(MOTION))
    table["framewise_displacement"] = head.displacement
    table.loc[0, "framewise_displacement"] = np.nan
    shared = drawn.mean(axis=1)
    for name, part in (("csf", 0.5), ("white_matter", 0.8)):
        own = ar_noise(rng.standard_normal((len(data), 1), np.float32), 0.4)[:, 0]
        table[name] = data.mean() * (1 + 0.01 * (part * shared + 0.3 * own))
    table["global_signal"] = data.mean(axis=1)
    return table
