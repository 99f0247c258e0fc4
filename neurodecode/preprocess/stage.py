"""Stage ``preprocess``: one subject's responses by one estimator."""

from __future__ import annotations

from neurodecode.artifacts import save_responses
from neurodecode.pipeline import Job, Output
from neurodecode.preprocess.quality import measure_quality, save_quality
from neurodecode.registry import Estimator, make

__all__ = ["run"]


def run(job: Job) -> Output:
    """Read a recording, estimate one response a trial, and say what the recording is like."""
    estimator: Estimator = make("estimator", job.study.responses[job.wildcards["responses"]])
    data = job.adapter.load(job.wildcards["subject"])
    responses = estimator.estimate(data)
    n_trials, n_units = responses.data.shape
    facts = {
        "transductive": responses.transductive, "n_trials": n_trials, "n_units": n_units
    }  # fmt: skip
    files = save_responses(job.sidecar, responses)
    files += save_quality(job.sidecar, measure_quality(data, responses))
    return Output(files, facts)
