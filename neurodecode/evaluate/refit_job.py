"""From one chain's artefacts to the permutation problem of :mod:`neurodecode.evaluate.refit`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import load_responses, load_targets
from neurodecode.config import SystemSettings
from neurodecode.contracts import Conditions, Responses
from neurodecode.embed.channel_steps import ChannelSteps
from neurodecode.embed.design import fold_names, load_design
from neurodecode.embed.reliable_units import ReliableUnits
from neurodecode.embed.settings import RidgeSettings
from neurodecode.evaluate.refit import LinearFold, Problem, linear_fold
from neurodecode.evaluate.truth import common_part
from neurodecode.pipeline import Job

__all__ = ["MOST_TRIALS", "as_problem", "why_not"]

MOST_TRIALS = 3000
"""Training trials of a fold beyond which the maps between trials take too much memory."""

Blocks = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]


def why_not(job: Job, system: SystemSettings, items: Conditions, by_category: bool) -> str:
    """Say why a chain is not refitted; empty where it is."""
    decoder = job.study.decoders[system.decoder]
    if not isinstance(decoder, RidgeSettings):
        return f"only ridge is refitted, not {decoder.kind}"
    if decoder.deconfound is not None:
        return "demographics are taken out of what is decoded, with the help of other people"
    if ("label" if by_category else job.study.reconstruct.choose_by) not in items.arrays:
        return "what is scored is not decoded"
    if by_category and decoder.min_reliability is not None:
        return "its units are chosen by repeats of a category, which shuffling would choose anew"
    design = _design(job)
    most = int((design["role"] == "train").groupby(design["fold"]).sum().max())
    return f"a fold trains on more than {MOST_TRIALS} trials" if most > MOST_TRIALS else ""


def _design(job: Job) -> pd.DataFrame:
    design = load_design(job.paths)
    return design[design["participant_id"] == job.wildcards["subject"]]


def as_problem(
    job: Job,
    system: SystemSettings,
    items: Conditions,
    candidates: Sequence[str],
    blocks: Blocks,
    by_category: bool,
) -> Problem:
    """Build one chain's problem.

    Parameters
    ----------
    job : Job
        Of stage evaluate.
    system : SystemSettings
        One that stands on the chain.
    items : Conditions
        What was decoded, one row an item, in the order of the blocks' columns.
    candidates : sequence of str
        Stimuli or categories that are scored.
    blocks
        Candidates and items that are scored against each other.
    by_category : bool
        Whether categories are known and not pictures: then labels are trials, else stimuli.
    """
    responses = load_responses(job.paths.responses(system.responses, job.wildcards["subject"]))
    key = "trial" if job.study.reconstruct.unit == "trial" else "stimulus"
    names = list(items.table["item"].astype(str))
    trials = responses.trials.assign(
        label=np.arange(len(responses.trials))
        if by_category
        else pd.factorize(responses.trials["stimulus"])[0],
        item=responses.trials[key].astype(str).map({name: k for k, name in enumerate(names)}),
    )
    labels = trials.drop_duplicates("label").sort_values("label")
    weights = 1 / items.table["n_trials"].to_numpy(np.float64)
    design = _design(job)
    folds = [
        _fold(job, system, responses, trials, design[design["fold"] == fold], weights)
        for fold in fold_names(design)
    ]
    seen = labels["category" if by_category else "stimulus"].astype(str)
    known = {name: k for k, name in enumerate(candidates)}
    candidate = np.array([known.get(name, -1) for name in seen], np.int64)
    if by_category:  # all categories are compared with all items; blocks are of pictures
        blocks = [(np.arange(len(candidates)), np.arange(len(names)))]
    targets, real = (_codes if by_category else _features)(job, items, list(seen), list(candidates))
    return Problem(
        folds=folds,
        targets=targets,
        real=real,
        candidate=candidate,
        label=trials.dropna(subset="item").groupby("item")["label"].first().to_numpy(np.int64),
        exchangeable=(labels["session"].astype(str) + "/" + labels["run"].astype(str)).to_numpy(str)
        if by_category
        else _blocks_of(candidate, blocks),
        blocks=blocks,
        two_way=not by_category,
    )


def _fold(
    job: Job,
    system: SystemSettings,
    responses: Responses,
    trials: pd.DataFrame,
    design: pd.DataFrame,
    weights: NDArray[np.float64],
) -> LinearFold:
    """Turn one fold of the subject's chain into linear maps."""
    decoder = job.study.decoders[system.decoder]
    assert isinstance(decoder, RidgeSettings)
    known = design.set_index("trial")
    role = trials["trial"].map(known["role"])
    train, test = (role == "train").to_numpy(), (role == "test").to_numpy()
    item = trials["item"][test].to_numpy(np.int64)
    average = np.zeros((len(weights), len(item)))
    average[item, np.arange(len(item))] = weights[item]
    # Whole stimuli are shuffled, which leaves repeats, and so the choice of units, as they are.
    responses = ReliableUnits(decoder.min_reliability).fit(responses, train).select(responses)
    whitening = ChannelSteps(decoder).fit(responses, train)
    return linear_fold(
        whitening.transform(responses, train),
        whitening.transform(responses, test),
        train=trials["label"][train].to_numpy(np.int64),
        items=average,
        groups=trials["trial"][train].map(known["group"]).to_numpy(dtype=str),
        n_labels=int(trials["label"].max()) + 1,
        alphas=decoder.alphas,
        inner_folds=decoder.inner_folds,
    )


def _codes(
    job: Job, items: Conditions, seen: list[str], candidates: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one-hot codes of labels and candidates."""
    classes = np.array(items.classes)
    return (
        (np.array(seen)[:, None] == classes).astype(np.float64),
        (np.array(candidates)[:, None] == classes).astype(np.float64),
    )


def _features(
    job: Job, items: Conditions, seen: list[str], candidates: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return features of labels, and of candidates standardised as for Pearson's r.

    Without what all pictures share: ridge with an intercept decodes ``Y - m`` as it does ``Y``.
    """
    found = load_targets(job.paths.targets(job.study.reconstruct.choose_by))
    row = {name: k for k, name in enumerate(found.ids)}
    values = found.values.astype(np.float64) - common_part(found, candidates)
    targets = values[[row[name] for name in seen]]
    real = values[[row[name] for name in candidates]]
    real -= real.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(real, axis=1, keepdims=True)
    return targets, real / np.where(norms > 0, norms, 1)


def _blocks_of(candidate: NDArray[np.int64], blocks: Blocks) -> NDArray[np.str_]:
    """Name the block of each stimulus; those that are never scored swap among themselves."""
    names = np.full(len(candidate), "trained", dtype=object)
    for k, (rows, _) in enumerate(blocks):
        names[np.isin(candidate, rows)] = str(k)
    return names.astype(str)
