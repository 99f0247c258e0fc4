"""The table of stages: what each reads, writes and depends on.

The Snakemake rules, ``neurodecode stage`` and ``neurodecode reconstruct`` all walk this one table.
A stage's function takes a :class:`Job`, writes the artefact's files and returns an
:class:`Output`; the sidecar that commits them is written here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from neurodecode import dependencies as reads
from neurodecode.artifacts import begin, commit, hash_file, hash_settings, is_current, name_inputs
from neurodecode.code_hash import code_of
from neurodecode.config import StudyConfig
from neurodecode.errors import ConfigError
from neurodecode.paths import Paths
from neurodecode.registry import Study, make

__all__ = [
    "STAGES",
    "Job",
    "Output",
    "Stage",
    "jobs_for_subject",
    "run",
    "wildcards_of",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One run of one stage.

    Attributes
    ----------
    stage : str
        Name in :data:`STAGES`.
    study : StudyConfig
        The study's YAML.
    paths : Paths
        Where its artefacts lie.
    seed : int
        Seed of the run.
    wildcards : mapping of str to str
        Values of the stage's wildcards (``subject``, ``chain``, ...).
    """

    stage: str
    study: StudyConfig
    paths: Paths
    seed: int
    wildcards: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def adapter(self) -> Study:
        """The study's data set."""
        adapter: Study = make("study", self.study.data)
        return adapter

    @property
    def spec(self) -> Stage:
        """This job's row of the table."""
        return STAGES[self.stage]

    @property
    def sidecar(self) -> Path:
        """The sidecar that commits this job's artefact."""
        return self.spec.output(self.paths, **self.wildcards)

    @cached_property
    def inputs(self) -> list[Path]:
        """Files that this job reads."""
        return self.spec.inputs(self, **self.wildcards)

    @cached_property
    def named_inputs(self) -> dict[str, Path]:
        """The inputs by the names that sidecars give them."""
        return name_inputs(self.inputs, self.paths.root)

    @cached_property
    def input_hashes(self) -> dict[str, str]:
        """Hashes of the inputs; taken once, as a job may keep many artefacts."""
        return {name: hash_file(path) for name, path in self.named_inputs.items()}

    @property
    def settings_hash(self) -> str:
        """Hash of the settings, code and weights that this job's result depends on."""
        settings = self.spec.settings(self.study, **self.wildcards)
        code = code_of(self.spec.room)
        return hash_settings({"stage": self.stage, "settings": settings, "code": code})

    def holds(self, sidecar: Path) -> bool:
        """Whether an artefact of this job is there and is what it would make again."""
        if not sidecar.exists() or not all(path.exists() for path in self.inputs):
            return False
        settings, inputs = self.settings_hash, self.input_hashes
        return is_current(sidecar, settings=settings, seed=self.seed, inputs=inputs)

    def commit(self, sidecar: Path, output: Output) -> None:
        """Write the sidecar that makes an artefact of this job count."""
        commit(
            sidecar,
            self.stage,
            settings=self.settings_hash,
            seed=self.seed,
            inputs=self.input_hashes,
            files=output.files,
            facts=output.facts,
        )


@dataclass(frozen=True)
class Output:
    """What a stage's function wrote: files, and facts for the sidecar."""

    files: list[Path]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One row of the table.

    Attributes
    ----------
    wildcards : tuple of str
        What tells its jobs apart, beside the study.
    function : str
        ``module:function`` that does the work.
    output : callable (paths, **wildcards) -> Path
        The sidecar that commits the artefact.
    inputs : callable (job, **wildcards) -> list of Path
        What is read.
    settings : callable (study, **wildcards) -> object
        What of the YAML the result depends on.
    """

    wildcards: tuple[str, ...]
    function: str
    output: Callable[..., Path]
    inputs: Callable[..., list[Path]]
    settings: Callable[..., object]

    @property
    def room(self) -> str:
        """Folder of the function."""
        return self.function.split(".")[1]


STAGES: dict[str, Stage] = {
    "targets": Stage(
        ("target",),
        "neurodecode.targets.stage:run",
        lambda paths, target: paths.targets(target),
        lambda job, target: list(job.adapter.stimulus_sources()),
        reads.targets_settings,
    ),
    "preprocess": Stage(
        ("responses", "subject"),
        "neurodecode.preprocess.stage:run",
        lambda paths, responses, subject: paths.responses(responses, subject),
        lambda job, responses, subject: list(job.adapter.sources(subject)),
        reads.preprocess_settings,
    ),
    "design": Stage(
        (),
        "neurodecode.embed.design:run",
        lambda paths: paths.design(),
        reads.design_inputs,
        lambda study: [study.data.model_dump(), study.design.model_dump()],
    ),
    "deconfound": Stage(
        ("deconfounder",),
        "neurodecode.deconfound.stage:run",
        lambda paths, deconfounder: paths.deconfounded(deconfounder),
        reads.deconfound_inputs,
        reads.deconfound_settings,
    ),
    "embed": Stage(
        ("chain",),
        "neurodecode.embed.stage:run",
        lambda paths, chain: paths.decoders(chain),
        reads.embed_inputs,
        reads.embed_settings,
    ),
    "encode": Stage(
        ("encoder", "subject"),
        "neurodecode.embed.encode_stage:run",
        lambda paths, encoder, subject: paths.encoding(encoder, subject),
        reads.encode_inputs,
        lambda study, encoder, subject: [study.encoders[encoder].model_dump(), subject],
    ),
    "searchlight": Stage(
        ("searchlight", "subject"),
        "neurodecode.embed.searchlight:run",
        lambda paths, searchlight, subject: paths.searchlight(searchlight, subject),
        reads.searchlight_inputs,
        reads.searchlight_settings,
    ),
    "reconstruct": Stage(
        ("system", "source", "subject"),
        "neurodecode.reconstruct.stage:run",
        lambda paths, system, source, subject: paths.pictures(system, source, subject),
        reads.reconstruct_inputs,
        reads.reconstruct_settings,
    ),
    "evaluate": Stage(
        ("subject",),
        "neurodecode.evaluate.stage:run",
        lambda paths, subject: paths.scores(subject),
        reads.evaluate_inputs,
        reads.evaluate_settings,
    ),
    "online": Stage(
        ("subject",),
        "neurodecode.online.stage:run",
        lambda paths, subject: paths.online(subject),
        lambda job, subject: list(job.adapter.sources(subject)),
        reads.online_settings,
    ),
    "specify": Stage(
        ("subject",),
        "neurodecode.evaluate.multiverse:run",
        lambda paths, subject: paths.specifications(subject),
        reads.specify_inputs,
        reads.specify_settings,
    ),
}


def wildcards_of(
    job_stage: str, study: StudyConfig, subjects: tuple[str, ...]
) -> Iterator[dict[str, str]]:
    """Yield the wildcards of every job of a stage that a study needs."""
    if job_stage == "targets":
        names = [name for s in study.systems for name in study.used_targets(s)]
        names += [band for encoder in study.encoders.values() for band in encoder.bands]
        yield from ({"target": name} for name in dict.fromkeys(names))
    elif job_stage == "preprocess":
        for responses in study.used_responses:
            yield from ({"responses": responses, "subject": subject} for subject in subjects)
    elif job_stage == "design":
        yield from [{}] if study.systems else []
    elif job_stage == "deconfound":
        if study.deconfound:
            yield from ({"deconfounder": name} for name in study.deconfound.names)
    elif job_stage == "embed":
        yield from ({"chain": chain} for chain in study.chains)
    elif job_stage == "encode":
        for encoder in study.encoders:
            yield from ({"encoder": encoder, "subject": subject} for subject in subjects)
    elif job_stage == "searchlight":
        for searchlight in study.searchlights:
            yield from ({"searchlight": searchlight, "subject": subject} for subject in subjects)
    elif job_stage == "reconstruct":
        for system in study.drawing:
            for source in system.sources:
                for subject in subjects:
                    yield {"system": system.name, "source": source, "subject": subject}
    elif getattr(study, {"evaluate": "systems", "specify": "multiverse"}.get(job_stage, job_stage)):
        yield from ({"subject": subject} for subject in subjects)


def run(job: Job, *, reuse: bool = False) -> bool:
    """Run one job and commit its artefact.

    Parameters
    ----------
    job : Job
        What to run.
    reuse : bool
        Skip the work where the sidecar says that the artefact is what this job would make.

    Returns
    -------
    bool
        Whether work was done.
    """
    if reuse and job.holds(job.sidecar):
        return False
    begin(job.sidecar)
    module, _, function = job.spec.function.partition(":")
    output: Output = getattr(import_module(module), function)(job)
    job.commit(job.sidecar, output)
    log.info("%s %s: done", job.stage, " ".join(job.wildcards.values()))
    return True


def jobs_for_subject(study: StudyConfig, paths: Paths, seed: int, subject: str) -> Iterator[Job]:
    """Yield, in order, every job that one subject's pictures and scores stand on.

    Without the multiverse, which is asked for by its own rule.

    Raises
    ------
    ConfigError
        Where the study has no such subject.
    """
    subjects = Job("design", study, paths, seed).adapter.subjects()
    if subject not in subjects:
        raise ConfigError(
            f"study {study.name}: subject must be one of {', '.join(subjects)}, got {subject!r}"
        )
    for stage in STAGES:
        if stage == "specify":
            continue
        for wildcards in wildcards_of(stage, study, subjects):
            # The design reads everybody's responses; whatever comes later is a person's own.
            if stage != "preprocess" and wildcards.get("subject", subject) != subject:
                continue
            yield Job(stage, study, paths, seed, wildcards)
