"""Who and what is tested in which fold: the only place that splits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from neurodecode.artifacts import TEXT, load_targets, load_trials, read_table, write_table
from neurodecode.config import StudyConfig
from neurodecode.contracts import Stimuli
from neurodecode.errors import ConfigError, DataError, LeakageError
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, Output
from neurodecode.studies.settings import DesignSettings

__all__ = [
    "check_generators",
    "fold_names",
    "load_design",
    "make_design",
    "run",
    "semantic_clusters",
]


def make_design(
    trials: pd.DataFrame,
    stimuli: Stimuli,
    settings: DesignSettings,
    *,
    allow_overlap: bool = False,
    clusters: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Split all trials into folds.

    Parameters
    ----------
    trials : DataFrame (n_trials, ...)
        Trial tables of all participants, one below the other.
    stimuli : Stimuli
        The study's pictures; ``set`` decides where the split is by stimulus.
    settings : DesignSettings
        The study's ``design`` section.
    allow_overlap : bool
        Whether the study says that pictures may be both trained on and tested.
    clusters : mapping of str to str, optional
        Cluster of each stimulus, for ``leave_one_cluster_out``; without it the categories.

    Returns
    -------
    DataFrame
        ``fold, participant_id, trial, role, group``, one row a trial and fold; ``role`` is
        ``train``, ``test`` or, of trials that take no part in the fold, ``unused``.

    Raises
    ------
    ConfigError
        Where the data do not allow the split that is asked for.
    LeakageError
        Where a picture is both trained on and tested, or, of trials without one, a run.
    """
    kinds = trials["category"] if clusters is None else trials["stimulus"].map(clusters)
    kind = kinds.fillna("").to_numpy(dtype=str)
    tested = _tested(trials, stimuli, settings, kind)
    trained = {
        name: _trained(trials, stimuli, settings, mask, kind) for name, mask in tested.items()
    }
    folds = [
        _fold(name, trials, mask, trained[name], settings.group) for name, mask in tested.items()
    ]
    _refuse_one_sided(trials["participant_id"].to_numpy(dtype=str), tested, trained)
    prints = {} if allow_overlap else _fingerprints(stimuli)
    for name, mask in tested.items():
        if not allow_overlap:
            _refuse_overlap(trials[trained[name]], trials[mask], prints, name)
        _refuse_split_runs(trials[trained[name]], trials[mask], name)
        _refuse_unscored(trials[mask], stimuli, settings.split.kind)
    return pd.concat(folds, ignore_index=True)


def _tested(
    trials: pd.DataFrame, stimuli: Stimuli, settings: DesignSettings, kind: NDArray[np.str_]
) -> dict[str, NDArray[np.bool_]]:
    """Return which trials each fold tests, (n_trials,), by name of the fold."""
    split = settings.split
    if split.kind == "leave_one_out":
        column = trials[split.column]
        column = column if is_numeric_dtype(column) else column.astype(str)
        levels = sorted(column.unique())
        if len(levels) < 2:
            raise ConfigError(
                f"design.split: leaving one {split.column} out needs two levels, found "
                f"{len(levels)}; trials of one {split.column} share its noise and are not split, "
                "so a second must be recorded (a long one with pauses may be saved in parts)"
            )
        return {str(level): (column == level).to_numpy() for level in levels}
    if split.kind == "stimulus_set":
        test_ids = set(stimuli.table["id"][stimuli.table["set"] == "test"])
        return {"test": trials["stimulus"].isin(test_ids).to_numpy()}
    if split.kind == "trial_set":
        if "set" not in trials:
            raise ConfigError(
                "design.split: kind trial_set needs trials that the data mark as test (kind "
                "arrays: keys.test_trials or keys.split)"
            )
        return {"test": (trials["set"] == "test").to_numpy()}
    if split.kind == "leave_one_cluster_out":
        return _clusters(trials, stimuli, kind)
    names = sorted(set(trials["stimulus"]))
    if "" in names:
        raise ConfigError(
            "design.split: kind stimulus_folds needs trials of which it is known what was shown; "
            "of labels alone, trials of one run would stand on both sides and share its noise: "
            "use kind leave_one_out with column run or session"
        )
    if len(names) < split.n_folds:
        raise ConfigError(f"design.split: {split.n_folds} folds of {len(names)} stimuli")
    order = np.random.default_rng(split.seed).permutation(len(names))
    parts = np.array_split(order, split.n_folds)
    return {
        str(k): trials["stimulus"].isin([names[row] for row in part]).to_numpy()
        for k, part in enumerate(parts)
    }


def _clusters(
    trials: pd.DataFrame, stimuli: Stimuli, kind: NDArray[np.str_]
) -> dict[str, NDArray[np.bool_]]:
    """Return which trials of each cluster are tested: of held-out pictures, where there are."""
    names = sorted(set(kind.tolist()))
    if "" in names or len(names) < 2 or (trials["stimulus"] == "").any():
        raise ConfigError(
            "design.split: kind leave_one_cluster_out needs trials of known stimuli of two "
            f"categories or more; found {len(names)}: {', '.join(map(repr, names[:5]))}"
        )
    held_out = _held_out(trials, stimuli)
    may_be_tested = held_out if held_out.any() else np.ones(len(trials), dtype=bool)
    masks = {name: (kind == name) & may_be_tested for name in names}
    return {name: mask for name, mask in masks.items() if mask.any()}


def _held_out(trials: pd.DataFrame, stimuli: Stimuli) -> NDArray[np.bool_]:
    ids = set(stimuli.table["id"][stimuli.table["set"] == "test"])
    held_out: NDArray[np.bool_] = trials["stimulus"].isin(ids).to_numpy()
    return held_out


def _trained(
    trials: pd.DataFrame,
    stimuli: Stimuli,
    settings: DesignSettings,
    tested: NDArray[np.bool_],
    kind: NDArray[np.str_],
) -> NDArray[np.bool_]:
    """Return which trials train the fold that tests some: all others, but of the cluster none."""
    if settings.split.kind != "leave_one_cluster_out":
        return ~tested
    others: NDArray[np.bool_] = kind != kind[tested][0]
    return others & ~_held_out(trials, stimuli)


def _fold(
    name: str,
    trials: pd.DataFrame,
    tested: NDArray[np.bool_],
    trained: NDArray[np.bool_],
    group: str,
) -> pd.DataFrame:
    if not tested.any() or not trained.any():
        raise DataError(f"design: fold {name!r} has no {'train' if tested.any() else 'test'} trial")
    return pd.DataFrame(
        {
            "fold": name,
            "participant_id": trials["participant_id"].to_numpy(),
            "trial": trials["trial"].to_numpy(),
            "role": np.select([tested, trained], ["test", "train"], "unused"),
            "group": trials[group].astype(str).to_numpy(),
        }
    )


def _refuse_one_sided(
    who: NDArray[np.str_],
    tested: Mapping[str, NDArray[np.bool_]],
    trained: Mapping[str, NDArray[np.bool_]],
) -> None:
    """Raise where a subject is never tested, or trains no trial of a fold that tests it."""
    for name in np.unique(who):
        own = who == name
        if not any(mask[own].any() for mask in tested.values()):
            raise DataError(f"design: no fold has a test trial of subject {name}")
        for fold, mask in trained.items():
            if not mask[own].any():
                raise DataError(f"design: fold {fold!r} has no train trial of subject {name}")


def _fingerprints(stimuli: Stimuli) -> dict[str, str]:
    """Return a hash of each picture's pixels by its id; nothing where a study has no pictures."""
    if not stimuli.pictured:
        return {}
    return {
        str(name): hashlib.sha256(picture.tobytes()).hexdigest()
        for name, picture in zip(stimuli.table["id"], stimuli.pixels, strict=True)
    }


def _refuse_overlap(
    train: pd.DataFrame, test: pd.DataFrame, prints: Mapping[str, str], fold: str
) -> None:
    """Raise where a tested picture is also trained on, by id or pixel for pixel.

    Trials whose picture is not known (category-level studies) cannot overlap by picture.

    Parameters
    ----------
    train, test : DataFrame
        Trials of the two sides.
    prints : mapping of str to str
        See :func:`_fingerprints`.
    fold : str
        Its name, for the message.

    Raises
    ------
    LeakageError
        Lists the pictures.
    """
    trained = {prints.get(s, s) for s in train["stimulus"].unique() if s}
    both = sorted(s for s in test["stimulus"].unique() if s and prints.get(s, s) in trained)
    if both:
        more = f" and {len(both) - 50} more" if len(both) > 50 else ""
        raise LeakageError(
            f"design: fold {fold!r} trains and tests on {len(both)} of the same pictures: "
            f"{', '.join(both[:50])}{more}. Split by stimulus (kind stimulus_folds, or test trials "
            "of other pictures). Where the same pictures are meant to stand on both sides: kind "
            "arrays has allow_stimulus_overlap, which the report then prints in red."
        )


def _refuse_split_runs(train: pd.DataFrame, test: pd.DataFrame, fold: str) -> None:
    """Raise where trials of labels alone are trained on and tested within one run."""
    columns = ["participant_id", "session", "run"]
    known, tested = (
        set(part[part["stimulus"] == ""][columns].astype(str).itertuples(index=False, name=None))
        for part in (train, test)
    )
    both = sorted(known & tested)
    if both:
        said = ", ".join(f"subject {who} session {s} run {run}" for who, s, run in both[:10])
        raise LeakageError(
            f"design: fold {fold!r} trains and tests within {len(both)} of the same runs: {said}. "
            "Trials of a run share its noise, so labels must be split by run or session: kind "
            "leave_one_out, and say which run each trial is of (kind arrays: keys.runs)"
        )


def _refuse_unscored(test: pd.DataFrame, stimuli: Stimuli, kind: str) -> None:
    """Raise where the split tests a picture that the study keeps for training."""
    kept = set(stimuli.table["id"][stimuli.table["set"] == "train"])
    wrong = sorted(set(test["stimulus"]) & kept)
    if wrong:
        raise ConfigError(
            f"design.split: kind {kind} tests {len(wrong)} pictures that the data mark as train, "
            f"first {wrong[0]}; where the data mark test trials use kind trial_set"
        )


def describe(settings: DesignSettings, design: pd.DataFrame) -> str:
    """Say in a few words how the trials were split."""
    n_folds = design["fold"].nunique()
    split = settings.split
    if split.kind == "leave_one_out":
        return f"leave one {split.column} out ({n_folds} folds)"
    if split.kind == "leave_one_cluster_out":
        what = "category" if split.n_clusters is None else "semantic cluster"
        return f"leave one {what} of stimuli out ({n_folds} folds)"
    if split.kind == "stimulus_folds":
        return f"{n_folds} folds over stimuli, drawn at random (seed {split.seed})"
    counts = design["role"].value_counts()
    what = "trials that the data mark" if split.kind == "trial_set" else "held-out pictures"
    return f"fixed {what} ({counts['train']} train, {counts['test']} test trials)"


def run(job: Job) -> Output:
    """Stage ``design``: write ``design.tsv``."""
    subjects = job.adapter.subjects()
    names = job.study.used_responses
    tables = {
        name: pd.concat(
            [load_trials(job.paths.responses(name, subject)) for subject in subjects],
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
    stimuli = job.adapter.stimuli()
    check_generators(job.study, stimuli)
    allowed = bool(getattr(job.study.data, "allow_stimulus_overlap", False))
    design = make_design(
        first,
        stimuli,
        job.study.design,
        allow_overlap=allowed,
        clusters=semantic_clusters(job, first),
    )
    file = job.sidecar.with_suffix(".tsv")
    write_table(file, design)
    return Output([file], {"split": describe(job.study.design, design)})


def semantic_clusters(job: Job, trials: pd.DataFrame) -> dict[str, str] | None:
    """Cluster the stimuli that were shown by their semantic target; None where not asked for.

    No response is looked at, so nothing of the brain's goes into the split.
    """
    split = job.study.design.split
    if split.kind != "leave_one_cluster_out" or split.n_clusters is None:
        return None
    from sklearn.cluster import KMeans

    targets = load_targets(job.paths.targets(job.study.reconstruct.choose_by))
    at = {name: k for k, name in enumerate(targets.ids)}
    shown = sorted(name for name in set(trials["stimulus"]) if name in at)
    if len(shown) < 2 * split.n_clusters:
        raise ConfigError(
            f"design.split.n_clusters: {split.n_clusters} clusters of {len(shown)} stimuli; a "
            "cluster needs two or more on average"
        )
    values = targets.values[[at[name] for name in shown]]
    found = KMeans(split.n_clusters, n_init=4, random_state=split.seed).fit_predict(values)
    return {name: f"k{cluster:02d}" for name, cluster in zip(shown, found, strict=True)}


def check_generators(study: StudyConfig, stimuli: Stimuli) -> None:
    """Raise before any work where systems cannot draw what they should.

    Raises
    ------
    ConfigError
        Where the study holds no pictures.
    """
    if study.drawing and study.design.split.kind == "leave_one_cluster_out":
        raise ConfigError(
            "systems: with design.split of kind leave_one_cluster_out nothing is drawn, since "
            "generators know pictures of the category that is left out: leave generator out of the "
            "systems, which scores what was decoded"
        )
    used = {system.generator for system in study.drawing}
    if used and not stimuli.pictured:
        raise ConfigError(
            "systems: the study holds no pictures, so nothing can be drawn: leave generator out "
            "of its systems, which scores what was decoded"
        )


def load_design(paths: Paths) -> pd.DataFrame:
    """Read a study's ``design.tsv``."""
    return read_table(paths.design().with_suffix(".tsv"), text=(*TEXT, "fold", "group"))


def fold_names(design: pd.DataFrame) -> list[str]:
    """Names of the folds, in order."""
    return list(design["fold"].unique())
