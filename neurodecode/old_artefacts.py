"""Artefacts that an earlier run made with other settings, code or inputs.

Snakemake knows times, and the parameters of what it made itself. What ``neurodecode reconstruct``
or ``neurodecode stage`` made, another version's artefacts, and what stands on something that was
deleted, only the sidecars tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from neurodecode import __version__
from neurodecode.artifacts import hash_file, read_sidecar
from neurodecode.config import StudyConfig
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job, wildcards_of

__all__ = ["find_old"]


def find_old(studies: Sequence[StudyConfig], results: Path, seed: int) -> list[Path]:
    """Return the sidecars that commit what their job would make otherwise.

    Files of the recordings are not read: Snakemake sees by their times that they changed.
    """
    old: list[Path] = []
    digest = cache(hash_file)
    for study in studies:
        paths = Paths(results, study.name)
        subjects = Job("design", study, paths, seed).adapter.subjects()
        for stage in STAGES:  # in order, so that what stands on something old is old too
            for wildcards in wildcards_of(stage, study, subjects):
                job = Job(stage, study, paths, seed, wildcards)
                if job.sidecar.exists() and _is_old(job, old, digest):
                    old.append(job.sidecar)
    return old


def _is_old(job: Job, old: Sequence[Path], digest: Callable[[Path], str]) -> bool:
    record, inputs = read_sidecar(job.sidecar), job.named_inputs
    if (record.version, record.settings, record.seed) != (__version__, job.settings_hash, job.seed):
        return True
    if record.inputs.keys() != inputs.keys():
        return True
    made = {n: path for n, path in inputs.items() if path.is_relative_to(job.paths.root)}
    return any(
        path in old or not path.exists() or record.inputs[name] != digest(path)
        for name, path in made.items()
    )
