"""Scores over time of one subject: every chain whose responses are channels at times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import load_responses, load_targets
from neurodecode.contracts import Float, Responses
from neurodecode.embed.channel_steps import ChannelSteps
from neurodecode.embed.design import fold_names, load_design
from neurodecode.embed.settings import DecoderSettings, RidgeSettings
from neurodecode.embed.stage import trial_labels, trial_targets
from neurodecode.embed.time_resolved import Split, decode_over_time, in_windows
from neurodecode.evaluate.cluster_permutation import cluster_test
from neurodecode.evaluate.inference import permutations, relabellings
from neurodecode.evaluate.timed_scores import (
    Accuracy,
    TimedScore,
    TwoWay,
    bootstrap,
    two_way_table,
)
from neurodecode.pipeline import Job
from neurodecode.progress import track
from neurodecode.registry import Decoder, make
from neurodecode.seeds import generator

__all__ = ["over_time_tables", "timed_chains"]

ALONG = ["chain", "metric", "time", "value", "ci_low", "ci_high", "chance", "n", "p", "p_cluster"]
ACROSS = ["chain", "metric", "time_train", "time_test", "value", "chance", "p", "p_cluster"]
SMALL = 200
"""Trials that an inner fold leaves out; more inner folds, each with fewer, cost less."""


@dataclass(frozen=True)
class _Decoded:
    """What a fold's decoders said of its test trials.

    ``label`` is int16 (n_times, n_times, n_test), the position of the decoded class; ``two_way`` as
    in :func:`two_way_table`, by time of training. ``stimuli`` are those of the items of the latter.
    """

    rows: NDArray[np.int64]
    label: NDArray[np.int16] | None
    two_way: Float | None
    stimuli: NDArray[np.str_]


def timed_chains(job: Job) -> list[str]:
    """Return the chains whose responses are channels at times."""
    study = job.study
    return [c for c in study.chains if study.responses[study.chain(c).responses].kind == "epochs"]


def over_time_tables(job: Job) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return scores at each time, and at each pair of times of training and test.

    Returns
    -------
    over_time : DataFrame
        ``chain, metric, time, value, ci_low, ci_high, chance, n, p, p_cluster``.
    generalisation : DataFrame
        ``chain, metric, time_train, time_test, value, chance, p, p_cluster``.
    """
    along, across = [], []
    for chain in timed_chains(job):
        times, scores = _scores(job, chain)
        for score, groups in scores:
            one, two = _tables(job, chain, times, score, groups)
            along.append(one)
            across.append(two)
    return _joined(along, ALONG), _joined(across, ACROSS)


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _scores(
    job: Job, chain: str
) -> tuple[NDArray[np.float64], list[tuple[TimedScore, NDArray[np.str_]]]]:
    """Decode; return the times, and each measure with the groups that permutations respect."""
    subject, system = job.wildcards["subject"], job.study.chain(chain)
    responses = load_responses(job.paths.responses(system.responses, subject))
    responses, times = in_windows(responses, job.study.evaluate.over_time.step)
    folds = list(_folds(job, chain, responses))
    trials = responses.trials
    found: list[tuple[TimedScore, NDArray[np.str_]]] = []
    labels = [fold.label for fold in folds if fold.label is not None]
    if labels and len(labels) == len(folds):
        rows = np.concatenate([fold.rows for fold in folds])
        category = trials["category"].to_numpy(dtype=str)
        _, truth = np.unique(category, return_inverse=True)
        runs = trials["run"].astype(str).to_numpy(dtype=str)[rows]
        found.append((Accuracy(np.concatenate(labels, axis=2), truth[rows]), runs))
    tables = [fold.two_way for fold in folds if fold.two_way is not None]
    if tables:
        kept = [fold for fold in folds if fold.two_way is not None]
        fold_of = np.repeat([str(k) for k in range(len(kept))], [len(f.stimuli) for f in kept])
        found.append((TwoWay(tables), fold_of))
    return times, found


def _folds(job: Job, chain: str, responses: Responses) -> Iterator[_Decoded]:
    design, subject = load_design(job.paths), job.wildcards["subject"]
    settings, by = _settings(job, chain), job.study.reconstruct.choose_by
    targets = {}
    if by in settings.targets:
        known = load_targets(job.paths.targets(by))
        targets = {by: trial_targets(known, responses.trials, job.adapter.stimuli())}
    labels = trial_labels(responses.trials)
    if not targets and (labels == "").any():
        return  # this chain decodes something that is not scored
    own = design[design["participant_id"] == subject]
    folds = [name for name in fold_names(design) if _is_tested(own, name)]
    with track(f"over time {chain}", total=len(folds)) as advance:
        for name in folds:
            rows = own[own["fold"] == name].set_index("trial")
            role = responses.trials["trial"].map(rows["role"]).to_numpy(dtype=str)
            group = responses.trials["trial"].map(rows["group"]).to_numpy(dtype=str)
            split = Split(role == "train", role == "test", labels, targets, group)
            yield _decode(job, settings, responses, split)
            advance()


def _settings(job: Job, chain: str) -> DecoderSettings:
    """Return those of the chain's decoder, with no target but the one that is scored."""
    settings = job.study.decoders[job.study.chain(chain).decoder]
    kept = tuple(name for name in settings.targets if name == job.study.reconstruct.choose_by)
    return settings.model_copy(update={"targets": kept})


def _is_tested(design: pd.DataFrame, fold: str) -> bool:
    return bool((design["role"][design["fold"] == fold] == "test").any())


def _decode(job: Job, settings: DecoderSettings, responses: Responses, split: Split) -> _Decoded:
    """Decode one fold at all pairs of times and score it."""
    by, tested = job.study.reconstruct.choose_by, np.flatnonzero(split.test)
    shown = responses.trials["stimulus"].to_numpy(dtype=str)[tested]
    stimuli, first, item = np.unique(shown, return_index=True, return_inverse=True)
    identify = by in split.targets and "" not in stimuli and len(stimuli) > 1
    common = split.targets[by][split.train].mean(axis=0) if identify else 0
    averaging = (item == np.arange(len(stimuli))[:, None]) / np.bincount(item)[:, None]
    order = {name: k for k, name in enumerate(np.unique(responses.trials["category"].astype(str)))}
    labels, tables = [], []
    every = decode_over_time(
        responses, split, lambda: _decoder(settings, split), ChannelSteps(settings)
    )
    for decoder, decoded in every:
        if "label" in decoded:
            classes = np.array([order[name] for name in decoder.classes], np.int16)
            labels.append(classes[decoded["label"].argmax(axis=2)].T)
        if identify:
            mean = np.tensordot(averaging, decoded[by], axes=1)
            tables.append(two_way_table(mean - common, split.targets[by][tested[first]] - common))
    return _Decoded(
        tested,
        np.stack(labels) if labels else None,
        np.stack(tables) if tables else None,
        stimuli,
    )


def _decoder(settings: DecoderSettings, split: Split) -> Decoder:
    """Return the study's decoder; its penalty is chosen by as many inner folds as are cheap."""
    if isinstance(settings, RidgeSettings):
        more = max(settings.inner_folds, -(-int(split.train.sum()) // SMALL))
        settings = settings.model_copy(update={"inner_folds": more})
    decoder: Decoder = make("decoder", settings)
    return decoder


def _tables(
    job: Job,
    chain: str,
    times: NDArray[np.float64],
    score: TimedScore,
    groups: NDArray[np.str_],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of one measure: along time, and across pairs of times."""
    settings, subject = job.study.evaluate, job.wildcards["subject"]
    rng = generator(job.seed, "over time", job.study.name, subject, chain, score.name)
    order = _relabel(score, groups, rng, settings.over_time.n_permutations)
    value = score.at(score.truth)
    permuted = np.stack([score.at(score.truth[one]) for one in order])
    low, high = bootstrap(score, rng, settings.n_bootstrap)
    own = np.arange(len(times))
    along = cluster_test(value[own, own], permuted[:, own, own])
    across = cluster_test(value, permuted)
    named: Mapping[str, object] = {"chain": chain, "metric": score.name}
    one = {"time": times, "value": value[own, own], "ci_low": low, "ci_high": high,
           "chance": score.chance, "n": len(score.truth), "p": along.p,
           "p_cluster": along.p_cluster}  # fmt: skip
    train, test = np.meshgrid(times, times, indexing="ij")
    two = {"time_train": train.ravel(), "time_test": test.ravel(), "value": value.ravel(),
           "chance": score.chance, "p": across.p.ravel(),
           "p_cluster": across.p_cluster.ravel()}  # fmt: skip
    return pd.DataFrame({**named, **one}), pd.DataFrame({**named, **two})


def _relabel(
    score: TimedScore, groups: NDArray[np.str_], rng: np.random.Generator, n: int
) -> Sequence[NDArray[np.int64]]:
    """Return items whose truth each item takes: trials of a run, or stimuli of a fold, swap."""
    if isinstance(score, Accuracy):
        return list(permutations(groups, rng, n))
    items = np.array([str(k) for k in range(len(groups))])
    return list(relabellings(items, rng, n, groups))
