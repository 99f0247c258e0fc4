"""How well a cursor was controlled.

Fitts' index of difficulty log2(D / W + 1) (MacKenzie 1992, Human-Computer Interaction 7, 91) over
time, and the achieved bit rate log2(N - 1) max(S_c - S_i, 0) / t (Nuyujukian et al. 2015, IEEE
Transactions on Biomedical Engineering 62, 21). Trials that hit nothing add time and no bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurodecode.online.tasks import Trial

__all__ = ["Scores", "bit_rate", "difficulty", "path_efficiency", "score", "throughput"]


@dataclass(frozen=True)
class Scores:
    """Figures of a run of trials; NaN where it holds nothing to measure.

    Attributes
    ----------
    n_trials, n_hits, n_wrong, n_timeouts : int
        Trials and what came of them.
    success : float
        Share of the trials that hit.
    throughput, bit_rate : float
        Bits a second.
    path_efficiency : float
        Median over hits of straight distance over way.
    time_to_target : float
        Mean over all trials (s); one that did not hit counts with its time-out, or with all of
        its time where that is longer.
    """

    n_trials: int
    n_hits: int
    n_wrong: int
    n_timeouts: int
    success: float
    throughput: float
    bit_rate: float
    path_efficiency: float
    time_to_target: float


def difficulty(distance: float, width: float) -> float:
    """Fitts' index of difficulty in bits, of a target of some width at some distance."""
    return float(np.log2(distance / width + 1))


def throughput(trials: Sequence[Trial]) -> float:
    """Bits of difficulty that were hit, over the time to reach targets of all trials.

    Distance is from the cursor to the target's centre when it appears, width its diameter; the
    final hold is not counted as time.
    """
    time = sum(trial.reached - trial.start for trial in trials)
    bits = sum(
        difficulty(_distance(trial), 2 * trial.target.radius)
        for trial in trials
        if trial.outcome == "hit"
    )
    return bits / time if time > 0 else float("nan")


def bit_rate(n_keys: int, n_correct: int, n_incorrect: int, seconds: float) -> float:
    """Achieved bit rate: log2(N - 1) max(S_c - S_i, 0) / t.

    One of the N keys is thought of as the one that deletes, hence N - 1. NaN with fewer than two
    keys.
    """
    if n_keys < 2 or seconds <= 0:
        return float("nan")
    return float(np.log2(n_keys - 1)) * max(n_correct - n_incorrect, 0) / seconds


def path_efficiency(trial: Trial) -> float:
    """Straight distance over the way to the target's edge, at most 1.

    The straight way leads from where the cursor was to the nearest point of the target.
    """
    straight = max(_distance(trial) - trial.target.radius, 0.0)
    return min(straight / trial.path, 1.0) if trial.path > 0 else 1.0


def score(trials: Sequence[Trial], n_keys: int, timeout: float) -> Scores:
    """All figures of a run of trials.

    Parameters
    ----------
    trials : sequence of Trial
        In order of time.
    n_keys : int
        Keys that could be chosen; fewer than two: no bit rate.
    timeout : float
        The task's (s).
    """
    outcomes = [trial.outcome for trial in trials]
    hits = [trial for trial in trials if trial.outcome == "hit"]
    wrong = outcomes.count("wrong")
    times = [
        trial.reached - trial.start
        if trial.outcome == "hit"
        else max(timeout, trial.end - trial.start)
        for trial in trials
    ]
    seconds = trials[-1].end - trials[0].start if trials else 0.0
    nan = float("nan")
    return Scores(
        n_trials=len(trials),
        n_hits=len(hits),
        n_wrong=wrong,
        n_timeouts=outcomes.count("timeout"),
        success=len(hits) / len(trials) if trials else nan,
        throughput=throughput(trials),
        bit_rate=bit_rate(n_keys, len(hits), wrong, seconds),
        path_efficiency=float(np.median([path_efficiency(t) for t in hits])) if hits else nan,
        time_to_target=float(np.mean(times)) if trials else nan,
    )


def _distance(trial: Trial) -> float:
    return float(np.hypot(trial.target.x - trial.origin[0], trial.target.y - trial.origin[1]))
