"""Which picture is shown when: sessions, runs, onsets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Stimuli
from neurodecode.errors import ConfigError
from neurodecode.seeds import generator
from neurodecode.simulate.world import Schedule

__all__ = ["full_run", "n_volumes", "runs", "shown_pictures", "slots", "trial_table"]


def shown_pictures(everything: Stimuli, schedule: Schedule, seed: int) -> Stimuli:
    """Choose the pictures that the world's people see.

    Training pictures are those of the set ``decoder``, in a random order, and, once they are used
    up, those of the set ``generator``, on which the embedded generator was trained; the column
    ``origin`` says which. Test pictures are of the set ``test``, held out from both: a score on
    them is untouched, but a picture drawn for a training picture of the generator would flatter.

    Returns
    -------
    Stimuli
        ``set`` is ``train`` or ``test``.

    Raises
    ------
    ConfigError
        Where there are not enough pictures.
    """
    rng = generator(seed, "pictures")
    origin = everything.table["set"].to_numpy(dtype=str)
    ordered = {name: rng.permutation(np.flatnonzero(origin == name)) for name in
               ("decoder", "generator", "test")}  # fmt: skip
    pools = {
        "train": np.concatenate([ordered["decoder"], ordered["generator"]]),
        "test": ordered["test"],
    }
    chosen = np.full(len(origin), "", dtype="U5")
    for name, wanted in (("train", schedule.n_train), ("test", schedule.n_test)):
        if wanted > len(pools[name]):
            raise ConfigError(
                f"schedule.n_{name}: {wanted} pictures asked for, there are {len(pools[name])}"
            )
        chosen[pools[name][:wanted]] = name
    table = everything.table.assign(set=chosen, origin=origin)
    return Stimuli(table, everything.pixels).where(chosen != "")


def trial_table(table: pd.DataFrame, schedule: Schedule, seed: int, person: str) -> pd.DataFrame:
    """Return one row a trial, in the order of showing.

    Every run holds its share of each set. Repeat ``r`` of ``R`` falls in the ``r``-th part of the
    runs, so that no picture comes twice in a run where there are at least ``R`` runs.

    Parameters
    ----------
    table : DataFrame
        ``id, category, set`` of the pictures, ``set`` being ``train`` or ``test``.
    schedule : Schedule
    seed : int
    person : str

    Returns
    -------
    DataFrame
        ``participant_id, trial, stimulus, category, set, session, run, repeat, onset, duration``;
        ``run`` counts from 0 over all sessions, ``onset`` is in seconds within the run.
    """
    rng = generator(seed, "trials", person)
    n_runs = schedule.n_sessions * schedule.n_runs
    parts = []
    for name, repeats in (("train", schedule.train_repeats), ("test", schedule.test_repeats)):
        pictures = table[table["set"] == name]
        for repeat in range(repeats):
            first, last = repeat * n_runs // repeats, (repeat + 1) * n_runs // repeats
            shuffled = pictures.iloc[rng.permutation(len(pictures))]
            run = first + np.arange(len(shuffled)) % max(last - first, 1)
            parts.append(
                pd.DataFrame(
                    {"stimulus": shuffled["id"].to_numpy(), "category": shuffled["category"].array,
                     "set": name, "run": run, "repeat": repeat}
                )
            )  # fmt: skip
    trials = pd.concat(parts, ignore_index=True)
    trials = trials.iloc[rng.permutation(len(trials))]
    trials = trials.sort_values("run", kind="stable", ignore_index=True)
    filled = [slots(_n_slots(schedule), n, rng) for n in trials.groupby("run", sort=True).size()]
    trials["onset"] = schedule.lead + schedule.trial * np.concatenate(filled)
    trials["duration"] = schedule.duration
    trials["session"] = (trials["run"] // schedule.n_runs + 1).astype(str)
    trials.insert(0, "participant_id", person)
    number = trials.groupby("run").cumcount()
    trials.insert(
        1, "trial", [f"run-{r:02d}_{k:03d}" for r, k in zip(trials["run"], number, strict=True)]
    )
    return trials


def slots(n_slots: int, n_trials: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the onsets (n_trials,) that hold a picture; the blanks are spread over the run."""
    edges = np.linspace(0, n_slots, n_slots - n_trials + 1).astype(int)
    blanks = rng.integers(edges[:-1], edges[1:])
    return np.setdiff1d(np.arange(n_slots), blanks)


def full_run(schedule: Schedule, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the onsets (s) of a run as full as the schedule has."""
    n_slots = _n_slots(schedule)
    filled = slots(n_slots, int(n_slots * (1 - schedule.blanks)), rng)
    return schedule.lead + schedule.trial * filled.astype(np.float64)


def n_volumes(schedule: Schedule) -> int:
    """Return the volumes of a run; all runs are of one length."""
    seconds = schedule.lead + schedule.trial * _n_slots(schedule) + schedule.tail
    return int(np.ceil(seconds / schedule.tr))


def runs(trials: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """Return the trials run by run."""
    return [(int(run), trials[trials["run"] == run]) for run in np.unique(trials["run"])]


def _n_slots(schedule: Schedule) -> int:
    """Onsets of a run, blanks with them: enough for the fullest run."""
    n_runs = schedule.n_sessions * schedule.n_runs
    fullest = 0
    for n, repeats in (
        (schedule.n_train, schedule.train_repeats),
        (schedule.n_test, schedule.test_repeats),
    ):
        if repeats:
            fullest += int(np.ceil(n / max(n_runs // repeats, 1)) * np.ceil(repeats / n_runs))
    return int(np.ceil(fullest / (1 - schedule.blanks)))
