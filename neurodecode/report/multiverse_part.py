"""The page's part on the multiverse: curves that belong to this page, and why others do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neurodecode import __version__
from neurodecode.artifacts import hash_file, read_sidecar
from neurodecode.config import StudyConfig
from neurodecode.paths import Paths
from neurodecode.pipeline import Job
from neurodecode.report.curve import Curve, read_curve

__all__ = ["MultiversePart", "multiverse_part", "outdated"]

COMMAND = "snakemake multiverse"


@dataclass(frozen=True)
class MultiversePart:
    """What the page shows of a study's declared choices.

    Attributes
    ----------
    curves : tuple of Curve
        Of subjects whose specifications were scored with the present settings and inputs.
    said : str
        Why curves are missing, and which command draws them; empty where all are there.
    """

    curves: tuple[Curve, ...]
    said: str


def multiverse_part(study: StudyConfig, results: Path, seed: int) -> MultiversePart:
    """Read the curves that are there and were made as this page's scores were."""
    if study.multiverse is None:
        return MultiversePart(
            (), "Not known: the study declares no other choices (section multiverse of its YAML)."
        )
    paths = Paths(results, study.name)
    subjects = Job("design", study, paths, seed).adapter.subjects()
    curves, missing, old = [], [], []
    for subject in subjects:
        sidecar = paths.specifications(subject)
        if not sidecar.exists():
            missing.append(subject)
        elif found := outdated(study, paths, seed, subject):
            old.append((subject, found))
        else:
            curves.append(read_curve(sidecar))
    n = len(study.multiverse.specifications)
    said = []
    if missing:
        whose = "" if len(missing) == len(subjects) else f" of subject {', '.join(missing)}"
        said.append(
            f"{n} combinations of choices are declared; those{whose} have not been scored. "
            f"`{COMMAND}` scores them all and draws their curve here."
        )
    for subject, found in old:
        said.append(
            f"Subject {subject}: a curve was scored, but not with the present settings and inputs "
            f"(changed since: {', '.join(found)}), so it is not shown. `{COMMAND}` scores it again."
        )
    return MultiversePart(tuple(curves), " ".join(said))


def outdated(study: StudyConfig, paths: Paths, seed: int, subject: str) -> list[str]:
    """Return which artefacts a subject's specifications stand on are not what they would be.

    Settings, seed and version of each are held against the present ones, and what was read against
    what lies there. Recordings are not read again, which can take long: all stages must have read
    the same ones as those that this page is made of.
    """
    found, sources = [], dict[str, str]()
    for job in _jobs(study, paths, seed, subject):
        name = job.sidecar.relative_to(paths.root).as_posix()
        if not job.sidecar.exists():
            found.append(name)
            continue
        record = read_sidecar(job.sidecar)
        same = (record.version, record.settings, record.seed) == (
            __version__, job.settings_hash, job.seed
        )  # fmt: skip
        own = job.named_inputs
        for key, digest in record.inputs.items():
            path = own.get(key)
            made_here = path is not None and path.is_relative_to(paths.root)
            if path is None or (made_here and not (path.exists() and hash_file(path) == digest)):
                same = False
            elif not made_here:
                same &= sources.setdefault(key, digest) == digest
        if not same or set(record.inputs) != set(own):
            found.append(name)
    return found


def _jobs(study: StudyConfig, paths: Paths, seed: int, subject: str) -> Iterator[Job]:
    """Yield what the specifications stand on, the page's own responses first, and they."""
    scored = study.specified

    def job(stage: str, **wildcards: str) -> Job:
        return Job(stage, study, paths, seed, wildcards)

    responses = [*study.used_responses, *(system.responses for system in scored)]
    for name in dict.fromkeys(responses):
        yield job("preprocess", responses=name, subject=subject)
    targets = [t for system in (*study.systems, *scored) for t in study.used_targets(system)]
    for name in dict.fromkeys(targets):
        yield job("targets", target=name)
    yield job("design")
    for chain in dict.fromkeys(system.chain for system in scored):
        yield job("embed", chain=chain)
    for system in scored:
        if system.generator:
            yield job("reconstruct", system=system.name, source="decoded", subject=subject)
    yield job("specify", subject=subject)
