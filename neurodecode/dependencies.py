"""What each stage reads, and which settings its results depend on.

Both are functions of a job's study and wildcards: the columns ``inputs`` and ``settings`` of the
table in :mod:`neurodecode.pipeline`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from neurodecode.config import StudyConfig
from neurodecode.deconfound.settings import CHOSEN

if TYPE_CHECKING:
    from neurodecode.pipeline import Job
    from neurodecode.studies.cohort import CohortStudy

__all__ = [
    "deconfound_inputs",
    "deconfound_settings",
    "design_inputs",
    "embed_inputs",
    "embed_settings",
    "encode_inputs",
    "evaluate_inputs",
    "evaluate_settings",
    "online_settings",
    "preprocess_settings",
    "reconstruct_inputs",
    "reconstruct_settings",
    "searchlight_inputs",
    "searchlight_settings",
    "specify_inputs",
    "specify_settings",
    "targets_settings",
]


def targets_settings(study: StudyConfig, target: str) -> object:
    """What of the YAML a target depends on."""
    return [study.data.model_dump(), study.targets[target].model_dump()]


def preprocess_settings(study: StudyConfig, responses: str, subject: str) -> object:
    """What of the YAML one person's responses depend on."""
    return [study.data.model_dump(), study.responses[responses].model_dump(), subject]


def design_inputs(job: Job) -> list[Path]:
    """Files that the folds are made from."""
    by = job.study.reconstruct.choose_by
    responses = [
        job.paths.responses(responses, subject)
        for responses in job.study.used_responses
        for subject in job.adapter.subjects()
    ]
    return [*responses, job.paths.targets(by)] if job.study.clustered else responses


def embed_inputs(job: Job, chain: str) -> list[Path]:
    """Files that a decoder is made from."""
    system, paths = job.study.chain(chain), job.paths
    return [
        paths.design(),
        *(paths.responses(system.responses, subject) for subject in job.adapter.subjects()),
        *(paths.targets(target) for target in job.study.decoders[system.decoder].targets),
    ]


def embed_settings(study: StudyConfig, chain: str) -> object:
    """What of the YAML a decoder depends on."""
    system = study.chain(chain)
    return [system.responses, study.decoders[system.decoder].model_dump()]


def deconfound_inputs(job: Job, deconfounder: str) -> list[Path]:
    """Files that an audit is made from: people's own, or what was made of their recordings."""
    if not job.study.cohort:
        return []
    adapter = cast("CohortStudy", job.adapter)
    subjects = job.adapter.subjects() if job.study.used_responses else ()
    made = [job.paths.responses(n, s) for n in job.study.used_responses for s in subjects]
    return [*made, *adapter.people_sources()]


def deconfound_settings(study: StudyConfig, deconfounder: str) -> object:
    """What of the YAML an audit depends on."""
    section = study.deconfound
    if section is None:
        return [study.data.model_dump(), None, None]
    method = section.choice if deconfounder == CHOSEN else section.methods.get(deconfounder)
    # Whether one part of the people chooses matters to all methods, among what only to the chosen.
    return [
        study.data.model_dump(),
        section.model_dump(exclude={"methods", "choice"}) | {"choosing": bool(section.choice)},
        method and method.model_dump(),
    ]


def encode_inputs(job: Job, encoder: str, subject: str) -> list[Path]:
    """Files that an encoding model is made from."""
    settings, paths = job.study.encoders[encoder], job.paths
    return [
        paths.design(),
        paths.responses(settings.responses, subject),
        *(paths.targets(band) for band in settings.bands),
    ]


def searchlight_inputs(job: Job, searchlight: str, subject: str) -> list[Path]:
    """Files that a map is made from."""
    settings, paths = job.study.searchlights[searchlight], job.paths
    return [paths.design(), paths.responses(settings.responses, subject)]


def searchlight_settings(study: StudyConfig, searchlight: str, subject: str) -> object:
    """What of the YAML a map depends on."""
    settings = study.searchlights[searchlight]
    return [settings.model_dump(), study.decoders[settings.decoder].model_dump(), subject]


def reconstruct_inputs(job: Job, system: str, source: str, subject: str) -> list[Path]:
    """Files that one person's pictures are made from."""
    chain = job.study.system(system).chain
    return [
        job.paths.design(),
        job.paths.decoders(chain),
        *(job.paths.targets(target) for target in job.study.used_targets(job.study.system(system))),
    ]


def reconstruct_settings(study: StudyConfig, system: str, source: str, subject: str) -> object:
    """What of the YAML one person's pictures depend on."""
    generator = study.generators[study.system(system).generator]
    return [study.reconstruct.model_dump(), generator.model_dump(), source, subject]


def evaluate_inputs(job: Job, subject: str) -> list[Path]:
    """Files that one person's scores are made from."""
    study, paths = job.study, job.paths
    return [
        paths.design(),
        *(paths.responses(name, subject) for name in study.used_responses),
        *(paths.decoders(chain) for chain in study.chains),
        *([paths.targets(study.reconstruct.choose_by)] if study.targets else []),
        *(paths.pictures(s.name, source, subject) for s in study.drawing for source in s.sources),
    ]


def evaluate_settings(study: StudyConfig, subject: str) -> object:
    """What of the YAML one person's scores depend on."""
    return [study.evaluate.model_dump(), [system.model_dump() for system in study.systems]]


def online_settings(study: StudyConfig, subject: str) -> object:
    """What of the YAML one person's online decoders depend on."""
    online, holdout = study.online, study.evaluate.holdout
    return [study.data.model_dump(), online and online.model_dump(), holdout.model_dump(), subject]


def specify_inputs(job: Job, subject: str) -> list[Path]:
    """Files that one person's specification curve is made from."""
    study, paths = job.study, job.paths
    scored = study.specified
    return [
        paths.design(),
        *dict.fromkeys(paths.responses(s.responses, subject) for s in scored),
        *dict.fromkeys(paths.decoders(s.chain) for s in scored),
        *([paths.targets(study.reconstruct.choose_by)] if study.targets else []),
        *(paths.pictures(s.name, "decoded", subject) for s in scored if s.generator),
    ]


def specify_settings(study: StudyConfig, subject: str) -> object:
    """What of the YAML one person's specification curve depends on."""
    declared = study.multiverse.model_dump() if study.multiverse else None
    return [study.evaluate.model_dump(), declared]
