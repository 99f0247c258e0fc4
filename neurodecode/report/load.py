"""What the report reads: scores, pictures, stimuli and where they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neurodecode.artifacts import (
    Sidecar,
    load_reconstruction,
    read_sidecar,
    read_table,
)
from neurodecode.config import StudyConfig
from neurodecode.contracts import Reconstruction, Stimuli
from neurodecode.errors import DataError
from neurodecode.evaluate.dictionary import COLUMNS, TEXT
from neurodecode.evaluate.holdout import Standing, standing
from neurodecode.evaluate.ledger import query_of, require_query
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job, wildcards_of
from neurodecode.preprocess.quality import load_quality
from neurodecode.registry import KnowsPeople
from neurodecode.report.maps import UnitMap

__all__ = [
    "ITEM_COLUMNS",
    "SCORE_COLUMNS",
    "Material",
    "Score",
    "load_material",
    "read_scores",
    "sidecar_of",
]

SCORE_COLUMNS = COLUMNS
TIMED = ("over_time", "generalisation")
LEVELS = ("features", "category", "stimulus")
ITEM_COLUMNS = ("system", "item", "source", "metric", "value")


@dataclass(frozen=True)
class Score:
    """One row of the score table; numbers that were not computed are NaN."""

    subject: str
    system: str
    role: str
    source: str
    metric: str
    extractor: str
    value: float
    ci_low: float
    ci_high: float
    chance: float
    n: int
    p: float
    q: float
    p_refit: float
    split: str
    selection: str
    transductive: bool
    resolution: str = ""
    oracle_share: float = math.nan

    @property
    def has_interval(self) -> bool:
        """Whether both ends of the interval are numbers."""
        return math.isfinite(self.ci_low) and math.isfinite(self.ci_high)


@dataclass(frozen=True)
class Material:
    """Everything that the report says about one study.

    Attributes
    ----------
    study : StudyConfig
        The study's YAML.
    level : str
        As in :class:`neurodecode.registry.Study`.
    simulated : bool
        Whether no person was recorded.
    about : mapping of str to str
        The adapter's own words.
    subjects : tuple of str
        Participants, without ``sub-``.
    stimuli : Stimuli
        All pictures of the study.
    scores : tuple of Score
        All rows of all score files.
    items : DataFrame
        ``subject, system, item, source, metric, value``: scores of single pictures.
    pictures : mapping of (system, source, subject) to Reconstruction
        What was drawn.
    split : str
        How the trials were split.
    sidecars : mapping of str to Sidecar
        Commit records by path below the study's folder.
    noise_ceilings : DataFrame
        ``subject, responses, method, n_stimuli, n_repeats, n_units, median, low, high``.
    standings : mapping of str to Standing
        How each subject's test set stands: looked at, locked, asked.
    demographics : DataFrame or None
        As :class:`neurodecode.registry.KnowsPeople`, where the adapter knows its people.
    not_refitted : mapping of str to mapping of str to str
        By subject: chains whose p-values are not found by refitting, and why.
    quality : mapping of (responses, subject) to mapping of str to DataFrame
        What each recording is like; see :mod:`neurodecode.preprocess.quality`.
    over_time, generalisation : mapping of str to DataFrame
        By subject, where responses are channels at times; see
        :func:`neurodecode.evaluate.over_time.over_time_tables`.
    maps : tuple of UnitMap
        What encoding models and searchlights say of each unit.
    """

    study: StudyConfig
    level: str
    simulated: bool
    about: Mapping[str, str]
    subjects: tuple[str, ...]
    stimuli: Stimuli
    scores: tuple[Score, ...]
    items: pd.DataFrame
    pictures: Mapping[tuple[str, str, str], Reconstruction]
    split: str
    sidecars: Mapping[str, Sidecar]
    noise_ceilings: pd.DataFrame
    standings: Mapping[str, Standing]
    demographics: pd.DataFrame | None
    not_refitted: Mapping[str, Mapping[str, str]]
    quality: Mapping[tuple[str, str], Mapping[str, pd.DataFrame]]
    over_time: Mapping[str, pd.DataFrame]
    generalisation: Mapping[str, pd.DataFrame]
    maps: tuple[UnitMap, ...]

    @property
    def main(self) -> str:
        """The system that the page is about: of role ``system``, the first that draws, or any."""
        systems = self.study.drawing or self.study.systems
        names = [s.name for s in systems if s.role == "system"]
        return names[0] if names else systems[0].name

    @property
    def locked(self) -> bool:
        """Whether some subject's test set is locked."""
        return any(found.locked for found in self.standings.values())

    @property
    def allows_overlap(self) -> bool:
        """Whether the YAML lets pictures be both trained on and tested."""
        sections = (self.study.data, self.study.design, self.study.design.split)
        return any(bool(getattr(s, "allow_stimulus_overlap", False)) for s in sections)


def load_material(study: StudyConfig, results: Path, seed: int) -> Material:
    """Read all that the report needs of one study.

    Raises
    ------
    DataError
        Where an artefact is missing (names the stage to run), a table lacks a column, or the
        adapter's level is unknown.
    """
    paths = Paths(results, study.name)
    job = Job("design", study, paths, seed)
    adapter, subjects = job.adapter, job.adapter.subjects()
    if adapter.level not in LEVELS:
        raise DataError(
            f"study {study.name}: its adapter's level must be one of {', '.join(LEVELS)}, got "
            f"{adapter.level!r}"
        )
    sidecars = {"design.json": sidecar_of(Job("design", study, paths, seed))}
    scores: list[Score] = []
    pictures, items = {}, []
    quality, timed = {}, {}
    ceilings, standings, not_refitted = [], {}, {}
    for wildcards in wildcards_of("preprocess", study, subjects):
        job = Job("preprocess", study, paths, seed, wildcards)
        sidecars[_name(job)] = sidecar_of(job)
        quality[wildcards["responses"], wildcards["subject"]] = load_quality(job.sidecar)
    maps = []
    for stage in ("encode", "searchlight"):
        for wildcards in wildcards_of(stage, study, subjects):
            job = Job(stage, study, paths, seed, wildcards)
            sidecars[_name(job)] = sidecar_of(job)
            maps.append(_unit_map(job, sidecars[_name(job)], quality))
    for wildcards in wildcards_of("reconstruct", study, subjects):
        job = Job("reconstruct", study, paths, seed, wildcards)
        sidecars[_name(job)] = sidecar_of(job)
        key = (wildcards["system"], wildcards["source"], wildcards["subject"])
        pictures[key] = load_reconstruction(job.sidecar)
    for wildcards in wildcards_of("evaluate", study, subjects):
        job = Job("evaluate", study, paths, seed, wildcards)
        sidecars[_name(job)] = sidecar_of(job)
        scores += read_scores(job.sidecar.with_suffix(".tsv"))
        part = _read_items(job.sidecar.with_name(f"{job.sidecar.stem}_items.tsv"))
        subject, sidecar = wildcards["subject"], sidecars[_name(job)]
        items.append(part.assign(subject=subject))
        ceiling = read_table(
            job.sidecar.with_name(f"{job.sidecar.stem}_noise_ceiling.tsv"), text=("responses",)
        )
        ceilings.append(ceiling.assign(subject=subject))
        timed[subject] = [_timed(job.sidecar, sidecar, name) for name in TIMED]
        query = query_of(sidecar.settings, sidecar.seed, sidecar.inputs)
        standings[subject] = standing(study, require_query(paths.ledger(subject), query))
        not_refitted[subject] = dict(sidecar.facts.get("not_refitted", {}))
    return Material(
        study=study,
        level=adapter.level,
        simulated=adapter.simulated,
        about=dict(adapter.about()),
        subjects=tuple(subjects),
        stimuli=adapter.stimuli(),
        scores=tuple(scores),
        items=pd.concat(items, ignore_index=True),
        pictures=pictures,
        split=str(sidecars["design.json"].facts.get("split", "")),
        sidecars=sidecars,
        noise_ceilings=pd.concat(ceilings, ignore_index=True),
        standings=standings,
        demographics=adapter.demographics() if isinstance(adapter, KnowsPeople) else None,
        not_refitted=not_refitted,
        quality=quality,
        over_time={who: along for who, (along, _) in timed.items() if len(along)},
        generalisation={who: across for who, (_, across) in timed.items() if len(across)},
        maps=tuple(maps),
    )


def _unit_map(
    job: Job, sidecar: Sidecar, quality: Mapping[tuple[str, str], Mapping[str, pd.DataFrame]]
) -> UnitMap:
    """Read the table of one encoder or searchlight; its background is the recording's mean."""
    sections = job.study.encoders if job.stage == "encode" else job.study.searchlights
    name = job.wildcards["encoder" if job.stage == "encode" else "searchlight"]
    subject, responses = job.wildcards["subject"], sections[name].responses
    file = job.sidecar.with_name(f"{job.sidecar.stem}_units.tsv")
    units = read_table(file, text=("unit", "roi"))
    voxels = quality.get((responses, subject), {}).get("voxels")
    same = voxels is not None and voxels["unit"].tolist() == units["unit"].tolist()
    mean = voxels["mean"].to_numpy(float) if voxels is not None and same else None
    return UnitMap(
        job.stage, name, subject, units, sidecar.facts, mean, job.study.surface_of(subject)
    )


def _name(job: Job) -> str:
    return job.sidecar.relative_to(job.paths.root).as_posix()


def sidecar_of(job: Job) -> Sidecar:
    """Read the record of a job that the report needs.

    Raises
    ------
    DataError
        Where it is missing; names the stage to run.
    """
    if not job.sidecar.exists():
        options = "".join(f" --{name} {value}" for name, value in job.wildcards.items())
        raise DataError(
            f"{job.sidecar}: no such file; the report needs it. Run first: neurodecode stage "
            f"{job.stage} --study {job.study.name}{options} (or snakemake, which runs all "
            f"{len(STAGES)} stages in order)."
        )
    return read_sidecar(job.sidecar)


def _timed(path: Path, sidecar: Sidecar, name: str) -> pd.DataFrame:
    """Read a table of scores over time; empty where no responses are channels at times."""
    file = path.with_name(f"{path.stem}_{name}.tsv")
    if file.name not in sidecar.files:
        return pd.DataFrame()
    return read_table(file, text=("chain", "metric"))


def read_scores(path: Path) -> list[Score]:
    """Read a table of scores.

    Raises
    ------
    DataError
        Where it is missing, damaged, or lacks a column.
    """
    table = _with_columns(path, read_table(path, text=TEXT), SCORE_COLUMNS)
    return [_score(row) for row in table.to_dict("records")]


def _read_items(path: Path) -> pd.DataFrame:
    return _with_columns(path, read_table(path, text=ITEM_COLUMNS[:-1]), ITEM_COLUMNS)


def _with_columns(path: Path, table: pd.DataFrame, needed: tuple[str, ...]) -> pd.DataFrame:
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise DataError(
            f"{path}: column(s) {', '.join(missing)} missing; found "
            f"{', '.join(map(str, table.columns))}. Run neurodecode stage evaluate again."
        )
    return table


def _score(row: Mapping[object, object]) -> Score:
    def text(name: str) -> str:
        return str(row[name])

    def number(name: str) -> float:
        return float(str(row[name]))

    n = number("n")
    return Score(
        subject=text("subject"),
        system=text("system"),
        role=text("role"),
        source=text("source"),
        metric=text("metric"),
        extractor=text("extractor"),
        value=number("value"),
        ci_low=number("ci_low"),
        ci_high=number("ci_high"),
        chance=number("chance"),
        n=int(n) if math.isfinite(n) else 0,
        p=number("p"),
        q=number("q"),
        p_refit=number("p_refit"),
        split=text("split"),
        selection=text("selection"),
        transductive=text("transductive").lower() in ("true", "1", "1.0"),
        resolution=text("resolution"),
        oracle_share=number("oracle_share"),
    )
