"""Stage ``targets``: the features of every stimulus."""

from __future__ import annotations

from neurodecode.artifacts import save_targets
from neurodecode.pipeline import Job, Output
from neurodecode.registry import Extractor, make

__all__ = ["run"]


def run(job: Job) -> Output:
    """Extract one target from the study's pictures."""
    extractor: Extractor = make("extractor", job.study.targets[job.wildcards["target"]])
    files, facts = save_targets(job.sidecar, extractor.extract(job.adapter.stimuli()))
    return Output(files, facts)
