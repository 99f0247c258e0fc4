"""What the Snakemake rules ask: inputs, outputs and commands, all from the table of stages."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from neurodecode.artifacts import begin, hash_settings
from neurodecode.code_hash import code_of
from neurodecode.config import RunConfig, StudyConfig, load_study
from neurodecode.errors import ConfigError, NeurodecodeError
from neurodecode.old_artefacts import find_old
from neurodecode.pages import multiverse_inputs, report_inputs
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job
from neurodecode.settings import validated

__all__ = ["Workflow", "count_every_job", "open_run"]

log = logging.getLogger(__name__)


def count_every_job() -> None:
    """Make Snakemake's scheduler count a job that is ready alone.

    Up to 9.15 such a job takes no core and no memory from what is free, but gives them back when
    it ends, so that a run of few jobs at a time ends up with more jobs at once than cores. Later
    versions are right, but cannot be installed beside nilearn (pyproject.toml).
    """
    from snakemake.scheduling.job_scheduler import JobScheduler

    select = JobScheduler.job_selector
    if getattr(select, "counts_every_job", False):
        return

    def selected(scheduler: Any, jobs: Any) -> Any:
        found = select(scheduler, jobs)
        if len(jobs) == 1:
            scheduler.update_available_resources(found)
        return found

    selected.counts_every_job = True  # type: ignore[attr-defined]
    JobScheduler.job_selector = selected


def open_run(config: Mapping[str, Any], files: Sequence[str | Path], *, main: bool) -> Workflow:
    """Read a run's files and take up what earlier runs left; a mistake ends it with code 2.

    Parameters
    ----------
    config, files
        See :class:`Workflow`.
    main : bool
        Whether this is Snakemake's main process, not a job that a cluster started.
    """
    try:
        flow = Workflow(config, files)
        flow.report_inputs()
        if main and flow.go_on():
            # Snakemake says only later, to its own parts, that it will not run anything.
            dry = re.compile("--dry-?run|-[a-zA-Z]*n[a-zA-Z]*")
            flow.take_back(look_only=any(map(dry.fullmatch, sys.argv)))
    except NeurodecodeError as error:
        sys.stderr.write(f"neurodecode: {error}\n")
        raise SystemExit(2) from error
    return flow


class Workflow:
    """The run, as Snakemake needs it.

    Parameters
    ----------
    config : mapping
        Snakemake's merged config (files and ``--config key=value``).
    files : sequence of path
        The config files; studies lie in ``studies/`` beside the last.
    """

    def __init__(self, config: Mapping[str, Any], files: Sequence[str | Path]) -> None:
        self.run = validated(RunConfig, dict(config), "config")
        self.file = Path(files[-1])
        self.results = Path(self.run.results)
        if self.results.exists() and not self.results.is_dir():
            raise ConfigError(
                f"results: must be a folder, {self.results} is a file; move it away or name another"
            )

    def go_on(self) -> bool:
        """Remove Snakemake's lock on this folder where the run that set it was killed.

        Every run holds a shared lock of the operating system, which ends with its process: who
        gets it alone knows that no other run is alive. Where the file system has no such locks,
        Snakemake's own question stands.

        Returns
        -------
        bool
            Whether it is known that no other run is alive.
        """
        alone = False
        folder = Path(".snakemake")
        try:
            folder.mkdir(exist_ok=True)
            # Never closed: the kernel ends the lock with this process, however it ends.
            alive = os.open(folder / "neurodecode.lock", os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder / "locks", ignore_errors=True)
                alone = True
            except BlockingIOError:
                log.info("%s: another run is alive", folder)
            fcntl.flock(alive, fcntl.LOCK_SH)
        except OSError as error:
            log.info("%s: cannot be locked (%s)", folder, error.strerror)
        return alone

    def take_back(self, *, look_only: bool) -> None:
        """Let Snakemake find neither what is old nor pages over what is missing.

        Parameters
        ----------
        look_only : bool
            Say what is old and leave it.
        """
        studies = list(self.studies.values())
        old = find_old(studies, self.results, self.run.seed)
        if old:
            sys.stderr.write(
                f"neurodecode: {len(old)} artefacts in {self.results} are of other settings, code "
                "or inputs; a run makes them again\n"
            )
        if look_only:
            return
        for sidecar in old:
            begin(sidecar)
        for page, inputs in ((self.report(), self.report_inputs()),
                             (self.multiverse(), self.multiverse_inputs())):  # fmt: skip
            if not all(map(os.path.exists, inputs)):
                begin(Path(page))

    @cached_property
    def studies(self) -> dict[str, StudyConfig]:
        """The run's studies, by name."""
        return {name: load_study(name, self.file) for name in self.run.studies}

    def _job(self, stage: str, wildcards: Mapping[str, str]) -> Job:
        study = self.studies[wildcards["study"]]
        values = {name: wildcards[name] for name in STAGES[stage].wildcards}
        return Job(stage, study, Paths(self.results, study.name), self.run.seed, values)

    def inputs(self, stage: str) -> Callable[[Any], list[str]]:
        """Return the rule's input function."""
        return lambda wildcards: [str(p) for p in self._job(stage, dict(wildcards.items())).inputs]

    def settings(self, stage: str) -> Callable[[Any], str]:
        """Return the rule's parameter: a job runs again where its settings or seed change."""

        def value(wildcards: Any) -> str:
            return f"{self._job(stage, dict(wildcards.items())).settings_hash}-{self.run.seed}"

        return value

    def output(self, stage: str) -> str:
        """Return the rule's output pattern."""
        names = {name: f"{{{name}}}" for name in STAGES[stage].wildcards}
        return str(STAGES[stage].output(Paths(self.results, "{study}"), **names))

    def command(self, stage: str) -> str:
        """Return the rule's shell command."""
        words = ["neurodecode stage", stage, "--study {wildcards.study}"]
        words += [f"--{name} {{wildcards.{name}}}" for name in STAGES[stage].wildcards]
        return " ".join([*words, self._common()])

    def page_settings(self) -> str:
        """Return the report's parameter: it prints settings, and curves that belong to them."""
        studies = [study.model_dump() for study in self.studies.values()]
        return f"{hash_settings([studies, code_of('report')])}-{self.run.seed}"

    def page_command(self, page: str) -> str:
        """Return the shell command of a page, ``report`` or ``multiverse``."""
        return f"neurodecode stage {page} --studies {' '.join(self.studies)} {self._common()}"

    def _common(self) -> str:
        return f"--config {self.file} --out {self.results} --seed {self.run.seed}"

    def report_inputs(self) -> list[str]:
        """Return everything that the report reads."""
        return [str(p) for p in report_inputs(list(self.studies.values()), self.results)]

    def multiverse_inputs(self) -> list[str]:
        """Return everything that the specification curves read."""
        return [str(p) for p in multiverse_inputs(list(self.studies.values()), self.results)]

    def multiverse(self) -> str:
        """Return the table of all specifications; whoever writes it draws their curves."""
        return str(self.results / "report" / "multiverse.tsv")

    def report(self) -> str:
        """Return the report's page."""
        return str(self.results / "report" / "index.html")
