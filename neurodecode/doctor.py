"""``neurodecode doctor``: what this machine and this run have, and how to get what is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurodecode import __version__
from neurodecode.config import StudyConfig, load_run, load_study
from neurodecode.errors import NeurodecodeError
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, wildcards_of
from neurodecode.registry import make

__all__ = ["Finding", "examine"]

PACKAGES = (
    "torch", "mne", "nibabel", "nilearn", "diffusers", "open-clip-torch", "snakemake",
    "scikit-learn", "numpy", "pandas",
)  # fmt: skip
# One package of each extra, and what needs the extra.
EXTRAS = {
    "online": ("mne-lsl", "calibrate, replay, stream, simulate"),
    "deconfound": ("combatlearn", "harmonize, similarity"),
    "icalabel": ("mne-icalabel", "epochs with ica: iclabel"),
}


@dataclass(frozen=True)
class Finding:
    """One line of the examination; ``mend`` says how to get what is missing."""

    subject: str
    found: str
    well: bool = True
    mend: str = ""


def examine(config: Path) -> int:
    """Print every finding; returns 0 where nothing is missing, else 2."""
    findings = [*_versions(), *_machine(), *_run(config)]
    table = Table("", "what", "found", "to do", title=f"neurodecode {__version__}")
    for finding in findings:
        mark = "[green]ok[/]" if finding.well else "[red]missing[/]"
        # Else rich would take what stands in brackets for its own.
        table.add_row(mark, *map(escape, (finding.subject, finding.found, finding.mend)))
    Console().print(table)
    return 0 if all(finding.well for finding in findings) else 2


def _versions() -> Iterator[Finding]:
    for package in PACKAGES:
        try:
            yield Finding(package, version(package))
        except PackageNotFoundError:
            yield Finding(package, "not installed", False, "pip install -e .")
    for extra, (package, needed_by) in EXTRAS.items():
        try:
            yield Finding(f"extra {extra}", f"{package} {version(package)}")
        except PackageNotFoundError:
            mend = f"pip install -e '.[{extra}]' for {needed_by}"
            yield Finding(f"extra {extra}", "not installed, not needed else", mend=mend)


def _machine() -> Iterator[Finding]:
    import torch

    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    yield Finding("cores", str(os.cpu_count()))
    yield Finding("GPU", ", ".join(devices) or "none: the embedded networks need none")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding("free disk", f"{free:.0f} GB", free > 2, "" if free > 2 else "free 2 GB")


def _run(config: Path) -> Iterator[Finding]:
    try:
        run = load_run(config)
    except NeurodecodeError as error:
        yield Finding(str(config), "not usable", False, str(error))
        return
    for name in run.studies:
        try:
            study = load_study(name, config)
            yield from _study(study, Paths(Path(run.results), study.name))
        except NeurodecodeError as error:
            yield Finding(f"study {name}", "not usable", False, str(error))


def _study(study: StudyConfig, paths: Paths) -> Iterator[Finding]:
    adapter = Job("design", study, paths, 0).adapter
    subjects = adapter.subjects()
    files = [file for subject in subjects for file in adapter.sources(subject)]
    absent = [file for file in files if not file.exists()]
    found = f"{len(files) - len(absent)} of {len(files)} files" if files else "reads no files"
    found = f"{len(subjects)} subject(s), {found}"
    yield Finding(f"study {study.name}", found, not absent, ", ".join(map(str, absent)))
    for wildcards in wildcards_of("targets", study, subjects):
        target = study.targets[wildcards["target"]]
        weights = getattr(target, "weights", None)
        if weights is not None:
            make("extractor", target).check()
            yield Finding(f"weights of {study.name}: {wildcards['target']}", weights)
