"""Who and what is tested in which fold: the only place that splits."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from neurodecode.artifacts import TEXT, load_responses, read_table, write_table
from neurodecode.contracts import Stimuli
from neurodecode.errors import ConfigError, DataError, LeakageError
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, Output, used_responses
from neurodecode.studies.settings import DesignSettings

__all__ = ["fold_names", "load_design", "make_design", "run"]


def make_design(trials: pd.DataFrame, stimuli: Stimuli, settings: DesignSettings) -> pd.DataFrame:
    """Split all trials into folds.

    Parameters
    ----------
    trials : DataFrame (n_trials, ...)
        Trial tables of all participants, one below the other.
    stimuli : Stimuli
        The study's pictures; ``set`` decides where the split is by stimulus.
    settings : DesignSettings
        The study's ``design`` section.

    Returns
    -------
    DataFrame
        ``fold, participant_id, trial, role, group``, one row a trial and fold; ``role`` is
        ``train`` or ``test``.

    Raises
    ------
    ConfigError
        Where the column to leave out has fewer than two levels.
    LeakageError
        Where a picture is both trained on and tested.
    """
    split = settings.split
    if split.kind == "leave_one_out":
        levels = sorted(trials[split.column].unique())
        if len(levels) < 2:
            raise ConfigError(
                f"design.split: leaving one {split.column} out needs two levels, "
                f"found {len(levels)}"
            )
        tested = {str(level): (trials[split.column] == level).to_numpy() for level in levels}
    else:
        test_ids = set(stimuli.table["id"][stimuli.table["set"] == "test"])
        tested = {"test": trials["stimulus"].isin(test_ids).to_numpy()}
    folds = [_fold(name, trials, mask, settings.group) for name, mask in tested.items()]
    for name, mask in tested.items():
        refuse_overlap(trials[~mask], trials[mask], stimuli, name)
    return pd.concat(folds, ignore_index=True)


def _fold(name: str, trials: pd.DataFrame, tested: np.ndarray, group: str) -> pd.DataFrame:
    if not tested.any() or tested.all():
        raise DataError(f"design: fold {name!r} has no {'train' if tested.all() else 'test'} trial")
    return pd.DataFrame(
        {
            "fold": name,
            "participant_id": trials["participant_id"].to_numpy(),
            "trial": trials["trial"].to_numpy(),
            "role": np.where(tested, "test", "train"),
            "group": trials[group].astype(str).to_numpy(),
        }
    )


def refuse_overlap(train: pd.DataFrame, test: pd.DataFrame, stimuli: Stimuli, fold: str) -> None:
    """Raise where a tested picture is also trained on, by id or pixel for pixel.

    Trials whose picture is not known (category-level studies) cannot overlap by picture.

    Raises
    ------
    LeakageError
        Lists the pictures.
    """
    prints = {
        str(name): hashlib.sha256(picture.tobytes()).hexdigest()
        for name, picture in zip(stimuli.table["id"], stimuli.pixels, strict=True)
    }
    trained = {prints.get(s, s) for s in train["stimulus"].unique() if s}
    both = sorted(s for s in test["stimulus"].unique() if s and prints.get(s, s) in trained)
    if both:
        raise LeakageError(
            f"design: fold {fold!r} trains and tests on {len(both)} of the same pictures: "
            f"{', '.join(both[:20])}{' ...' if len(both) > 20 else ''}. Split by stimulus."
        )


def describe(settings: DesignSettings, design: pd.DataFrame) -> str:
    """Say in a few words how the trials were split."""
    n_folds = design["fold"].nunique()
    if settings.split.kind == "leave_one_out":
        return f"leave one {settings.split.column} out ({n_folds} folds)"
    counts = design["role"].value_counts()
    return f"fixed held-out pictures ({counts['train']} train, {counts['test']} test trials)"


def run(job: Job) -> Output:
    """Stage ``design``: write ``design.tsv``."""
    subjects = job.adapter.subjects()
    names = used_responses(job.study)
    tables = {
        name: pd.concat(
            [load_responses(job.paths.responses(name, subject)).trials for subject in subjects],
            ignore_index=True,
        )
        for name in names
    }
    first = tables[names[0]]
    for name, table in tables.items():
        if not table[["participant_id", "trial"]].equals(first[["participant_id", "trial"]]):
            raise DataError(
                f"design: responses {name!r} and {names[0]!r} must hold the same trials in the "
                f"same order, got {len(table)} and {len(first)}"
            )
    design = make_design(first, job.adapter.stimuli(), job.study.design)
    file = job.sidecar.with_suffix(".tsv")
    write_table(file, design)
    return Output([file], {"split": describe(job.study.design, design)})


def load_design(paths: Paths) -> pd.DataFrame:
    """Read a study's ``design.tsv``."""
    return read_table(paths.design().with_suffix(".tsv"), text=(*TEXT, "fold", "group"))


def fold_names(design: pd.DataFrame) -> list[str]:
    """Names of the folds, in order."""
    return list(design["fold"].unique())
