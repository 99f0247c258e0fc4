"""Stage ``targets``: the features of every stimulus."""

from __future__ import annotations

from neurodecode.artifacts import save_targets
from neurodecode.errors import ConfigError
from neurodecode.pipeline import Job, Output
from neurodecode.registry import Extractor, make

__all__ = ["run"]


def run(job: Job) -> Output:
    """Extract one target from the study's pictures.

    Raises
    ------
    ConfigError
        Where the study holds no pictures.
    """
    name = job.wildcards["target"]
    settings, stimuli = job.study.targets[name], job.adapter.stimuli()
    if settings.kind != "given" and not stimuli.pictured:
        raise ConfigError(
            f"targets.{name}: kind {settings.kind} is made from pictures, and the study holds "
            "none; name them in the data section, or decode features of kind given, or labels"
        )
    extractor: Extractor = make("extractor", settings)
    files, facts = save_targets(job.sidecar, extractor.extract(stimuli))
    return Output(files, facts)
