"""Stage ``preprocess``: one subject's responses by one estimator."""

from __future__ import annotations

from neurodecode.artifacts import save_responses
from neurodecode.pipeline import Job, Output
from neurodecode.registry import Estimator, make

__all__ = ["run"]


def run(job: Job) -> Output:
    """Read a recording and estimate one response a trial."""
    estimator: Estimator = make("estimator", job.study.responses[job.wildcards["responses"]])
    responses = estimator.estimate(job.adapter.load(job.wildcards["subject"]))
    n_trials, n_units = responses.data.shape
    facts = {
        "transductive": responses.transductive, "n_trials": n_trials, "n_units": n_units
    }  # fmt: skip
    return Output(save_responses(job.sidecar, responses), facts)
