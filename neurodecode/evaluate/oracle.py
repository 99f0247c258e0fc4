"""The Bayes oracle beside a study's scores: what could be told from the same trials at most.

It is there where the adapter knows how the brains were made (:class:`~.registry.KnowsTruth`) and
responses are as given. With y the trials of an item and i, j scored stimuli, it takes i for
likelier than j where sum log p(y | i) > sum log p(y | j). Of two stimuli that are equally likely
no rule that sees y alone is right more often (Neyman and Pearson 1933), be it by decoded features
or by a picture that is drawn and compared: so its identification stands beside both, and scores are
shares of its lead over chance. Two things make it a close bound and not an exact one: what
:mod:`neurodecode.simulate.oracle` leaves out, and that hidden features, which the repeats of a
picture share, count as noise of each trial.

Measures of likeness (pixel correlation, distances, classes) ask for a picture: there stands the
scored one that it finds likeliest. It is told which pictures those are and a decoder is not, so
they are no bar and no share is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from neurodecode.artifacts import load_conditions, load_responses
from neurodecode.config import StudyConfig, SystemSettings
from neurodecode.contracts import Conditions, Pixels, Reconstruction, Stimuli
from neurodecode.evaluate.dictionary import is_identification
from neurodecode.evaluate.field_metrics import n_way
from neurodecode.evaluate.measures import N_CANDIDATES, Measure
from neurodecode.evaluate.measuring import of_drawn
from neurodecode.evaluate.rows import estimated, item_rows, score_row
from neurodecode.evaluate.scoring import Scoring, averaging
from neurodecode.evaluate.spuriousness import wins_across
from neurodecode.evaluate.tables import Table, among_random, top1, wins, wins_within
from neurodecode.evaluate.truth import Truth, in_blocks, in_order
from neurodecode.pipeline import Job
from neurodecode.registry import KnowsTruth
from neurodecode.seeds import derive

__all__ = ["SOURCE", "oracle_rows", "with_share"]

SOURCE = "oracle"
POOLED = "log-likelihoods of {} trials added"
ROUNDING = 1e-3
"""Difference of log-likelihoods, told in single precision, below which two are equal."""
Row = dict[str, object]
Asked = Mapping[tuple[str, str], float]
"""Metric and extractor -> chance."""


@dataclass(frozen=True)
class Answers:
    """What the oracle says of one subject's items, in the order of the truth's.

    Attributes
    ----------
    forward : float64 (n_candidates, n_items)
        Log-likelihood of each item's trials, up to a constant an item.
    backward : float64 (n_candidates, n_items), optional
        The same, had each clip been shown backwards.
    """

    forward: Table
    backward: Table | None


def oracle_rows(scoring: Scoring, scored: Sequence[Row]) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Yield the oracle's rows of both tables, one for each measure that a decoder was scored by.

    A row names the first system that decodes the same responses.

    Parameters
    ----------
    scoring : Scoring
    scored : sequence of dict
        Rows of the study's systems.
    """
    job = scoring.job
    if not isinstance(job.adapter, KnowsTruth) or scoring.truth.by_category:
        return
    for name in job.study.used_responses:
        systems = [s for s in job.study.systems if s.responses == name]
        if job.study.responses[name].kind != "as_given" or not systems:
            continue
        names = {s.name for s in systems}
        asked = {
            (str(row["metric"]), str(row["extractor"])): float(str(row["chance"]))
            for row in scored
            if row["system"] in names and row["source"] == "decoded"
        }
        yield from _rows(scoring, systems[0], job.adapter, asked)


def with_share(scores: pd.DataFrame, study: StudyConfig) -> pd.DataFrame:
    """Add ``oracle_share``: (score - chance) / (oracle - chance) of what was identified.

    NaN where there is no oracle, for controls and ceilings, and for measures of likeness.
    """
    responses = scores["system"].map({s.name: s.responses for s in study.systems})
    key = pd.MultiIndex.from_arrays([responses, scores["metric"], scores["extractor"]])
    values = pd.Series(scores["value"].to_numpy(float), index=key)
    best = values[(scores["source"] == SOURCE).to_numpy()]
    lead = best.reindex(key).to_numpy() - scores["chance"].to_numpy(float)
    counts = (
        (scores["source"] == "decoded") & scores["metric"].map(is_identification) & (lead > 0)
    ).to_numpy()
    over_chance = (scores["value"] - scores["chance"]).to_numpy(float)
    share = np.divide(over_chance, lead, out=np.full(len(scores), np.nan), where=counts)
    return scores.assign(oracle_share=share)


def _rows(
    scoring: Scoring, system: SystemSettings, adapter: KnowsTruth, asked: Asked
) -> Iterator[tuple[Row, pd.DataFrame]]:
    job, truth = scoring.job, scoring.truth
    decoded = in_order(job, system, truth)
    answers = _ask(job, system, truth, adapter)
    picked = _picked(answers, truth, decoded)
    measures = list(_identified(scoring, answers, asked))
    if scoring.extractors is not None:
        drawn = of_drawn(picked, truth, scoring.extractors, None)
        measures += [m for m in drawn if not is_identification(m.metric)]
    for measure in measures:
        if (measure.metric, measure.extractor) not in asked:
            continue
        result = estimated(job, system, SOURCE, measure, truth, scoring.clusters)
        row = score_row(
            job, system, SOURCE, measure, result,
            None if is_identification(measure.metric) else picked, scoring.extractors,
            averaging=averaging(decoded, POOLED), p_refit=float("nan"),
        )  # fmt: skip
        yield row, item_rows(system, SOURCE, measure, result, truth)


def _ask(job: Job, system: SystemSettings, truth: Truth, adapter: KnowsTruth) -> Answers:
    """Ask about the trials that were decoded, and add up those of each item."""
    subject = job.wildcards["subject"]
    responses = load_responses(job.paths.responses(system.responses, subject))
    tested = load_conditions(job.paths.conditions(system.chain, subject)).table
    rows = pd.Index(responses.trials["trial"]).get_indexer(pd.Index(tested["trial"]))
    key = tested["trial" if job.study.reconstruct.unit == "trial" else "stimulus"].astype(str)
    asked = replace(
        responses, data=responses.data[rows], trials=responses.trials.iloc[rows], quality={}
    )

    def added(candidates: Stimuli) -> Table:
        each = adapter.log_likelihood(subject, asked, candidates)
        columns = [np.flatnonzero(key == item) for item in truth.items]
        return np.stack([each[:, column].sum(axis=1) for column in columns], axis=1)

    frames = truth.scored.frames
    backward = None if frames is None else added(replace(truth.scored, frames=frames[:, ::-1]))
    return Answers(added(truth.scored), backward)


def _picked(answers: Answers, truth: Truth, decoded: Conditions) -> Reconstruction:
    """Return the likeliest of the scored stimuli for each item, as if it had been drawn."""
    likeliest = np.empty(len(truth.items), np.int64)
    for rows, columns in truth.blocks:
        likeliest[columns] = rows[answers.forward[np.ix_(rows, columns)].argmax(axis=0)]
    scored = truth.scored
    shown: Pixels = scored.pixels if scored.frames is None else scored.frames
    first = np.zeros(len(likeliest), np.int64)
    return Reconstruction(decoded.table, shown[likeliest][:, None], first, fps=scored.fps)


def _identified(scoring: Scoring, answers: Answers, asked: Asked) -> Iterator[Measure]:
    """Yield the oracle's own identification for each measure of identification."""
    truth, job = scoring.truth, scoring.job
    seed = derive(job.seed, "retrieval", job.study.name)
    clusters = None if scoring.clusters is None else scoring.clusters.names
    category = truth.scored.table["category"].to_numpy(dtype=str)
    wanted = [(*key, chance) for key, chance in asked.items() if is_identification(key[0])]

    def measured(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Measure]:
        forward = answers.forward[np.ix_(rows, columns)]
        for metric, extractor, chance in wanted:
            if metric.endswith("_reversed"):
                if answers.backward is not None:
                    turned = answers.backward[np.ix_(rows, columns)]
                    lead = forward - turned
                    table = np.where(np.abs(lead) < ROUNDING, 0.5, lead > 0)
                    yield Measure(metric, extractor, table, float(table.mean()))
            elif "_within_" in metric and clusters is not None:
                yield Measure(metric, extractor, wins_within(forward, clusters[rows]), chance)
            elif "_across_" in metric and clusters is not None:
                yield Measure(metric, extractor, wins_across(forward, clusters[rows]), chance)
            elif "two_way" in metric:
                yield Measure(metric, extractor, wins(forward), chance)
            elif metric.startswith("accuracy_"):
                yield Measure(metric, extractor, _of_classes(forward, category[rows]), chance)
            else:
                yield Measure(metric, extractor, _retrieved(metric, forward, seed), chance)

    yield from in_blocks(truth, measured)


def _of_classes(scores: Table, category: NDArray[np.str_]) -> Table:
    """1 where a candidate's class is the likeliest one, its pictures taken together."""
    classes, code = np.unique(category, return_inverse=True)
    each = np.stack([logsumexp(scores[code == k], axis=0) for k in range(len(classes))])
    return top1(each)[code]


def _retrieved(metric: str, scores: Table, seed: int) -> Table:
    """Retrieval among the candidates, or of an item among all items; as in `measures`."""
    n = min(len(scores), N_CANDIDATES)
    if metric == "retrieval_top5":
        return n_way(scores.T, np.arange(len(scores))[:, None], n, k=5)
    table = scores
    if metric == "retrieval_brain_top1":
        table = np.asarray(log_softmax(scores, axis=0)).T
        n = min(len(table), N_CANDIDATES)
    best = top1(table)
    if len(table) > n:
        best = among_random(table, np.random.default_rng(seed), n)
    return best.T if metric == "retrieval_brain_top1" else best
