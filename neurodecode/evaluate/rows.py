"""From a table of one metric to its rows: value, interval, p, and what a reader must know of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neurodecode.artifacts import read_sidecar
from neurodecode.config import SystemSettings
from neurodecode.contracts import Reconstruction
from neurodecode.evaluate.dictionary import define
from neurodecode.evaluate.extractors import Extractors
from neurodecode.evaluate.inference import Estimate, estimate, permutations, relabellings
from neurodecode.evaluate.measures import Measure
from neurodecode.evaluate.spuriousness import Clusters
from neurodecode.evaluate.truth import Truth
from neurodecode.pipeline import Job
from neurodecode.seeds import generator

__all__ = ["estimated", "item_rows", "score_row"]

ROLES = {"true": "ceiling", "permuted": "baseline", "mean": "baseline", "oracle": "oracle"}


def estimated(
    job: Job,
    system: SystemSettings,
    source: str,
    measure: Measure,
    truth: Truth,
    clusters: Clusters | None,
) -> Estimate:
    """Score all items at the truth, with interval and p.

    Identification within clusters is permuted within them, since its null hypothesis is that the
    cluster is all that was decoded.
    """
    settings = job.study.evaluate
    names = (system.name, job.wildcards["subject"], source, measure.metric, measure.extractor)
    rng = generator(job.seed, "evaluate", job.study.name, *names)
    n = settings.n_permutations
    if truth.by_category:
        order = permutations(truth.groups, rng, n)
    elif clusters is not None and measure.metric.endswith(clusters.suffixes[0]):
        within = np.char.add(truth.block_of + "/", clusters.names[truth.index])
        order = relabellings(truth.groups, rng, n, within)
    else:
        order = relabellings(truth.groups, rng, n, truth.block_of)
    rest = truth.index, truth.groups, order, rng, settings.n_bootstrap
    if define([measure.metric])[measure.metric].better == "higher":
        return estimate(measure.table, *rest)
    turned = estimate(-measure.table, *rest)  # p counts permutations that are at least as good
    return Estimate(-turned.items, -turned.value, -turned.ci_high, -turned.ci_low, turned.p)


def score_row(
    job: Job,
    system: SystemSettings,
    source: str,
    measure: Measure,
    result: Estimate,
    drawn: Reconstruction | None,
    extractors: Extractors | None,
    *,
    averaging: str,
    p_refit: float,
) -> dict[str, object]:
    """Return one row of the table, but for ``q``, which needs all rows."""
    subject = job.wildcards["subject"]
    n_samples = 1 if drawn is None else drawn.samples.shape[1]
    chooser = f"the {source} target {job.study.reconstruct.choose_by}"
    selection = (
        f"best of {n_samples} by agreement with {chooser}"
        if n_samples > 1
        else f"none ({'no' if drawn is None else 'one'} picture an item)"
    )
    responses = read_sidecar(job.paths.responses(system.responses, subject))
    return {
        "study": job.study.name,
        "subject": subject,
        "system": system.name,
        "role": ROLES.get(source, system.role),
        "source": source,
        "metric": measure.metric,
        "extractor": measure.extractor,
        "value": result.value,
        "ci_low": result.ci_low,
        "ci_high": result.ci_high,
        "chance": measure.chance,
        "n": len(result.items),
        "p": result.p,
        "p_refit": p_refit,
        "split": read_sidecar(job.paths.design()).facts["split"],
        "selection": selection,
        "resolution": _resolution(measure, extractors),
        "averaging": averaging,
        "transductive": bool(responses.facts["transductive"])
        or job.study.decoders[system.decoder].alignment,
        "seed": job.seed,
    }


def _resolution(measure: Measure, extractors: Extractors | None) -> str:
    """Pixels at which pixels are compared; other extractors have sizes of their own."""
    if extractors is None or measure.extractor != "pixels":
        return "its own" if measure.extractor != "none" else "none"
    height, width = extractors.size
    return f"{height}x{width}"


def item_rows(
    system: SystemSettings,
    source: str,
    measure: Measure,
    result: Estimate,
    truth: Truth,
) -> pd.DataFrame:
    metric = measure.metric
    if metric.startswith("category"):
        metric = f"{metric}:{measure.extractor.partition('@')[0]}"
    return pd.DataFrame(
        {
            "system": system.name,
            "item": truth.items,
            "source": source,
            "metric": metric,
            "value": result.items,
        }
    )
