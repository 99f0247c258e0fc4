"""The page's part on online decoders: how well a movement was followed, and what it looked like."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodecode.artifacts import Sidecar, load_arrays
from neurodecode.config import StudyConfig
from neurodecode.evaluate.holdout import standing
from neurodecode.evaluate.ledger import query_of, require_query
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, wildcards_of
from neurodecode.report.load import Score, read_scores, sidecar_of
from neurodecode.report.looks import ledger_rows, worn
from neurodecode.report.verdict import ALPHA, fixed, p_words

__all__ = ["Line", "OnlinePart", "Panel", "Row", "SubjectPart", "decoder_words", "online_part"]

SHOWN = 30.0
"""Seconds of the tested segment that the figure shows: its first, whatever was decoded there."""

WIDTH, HEIGHT, MARGIN = 1000.0, 150.0, 8.0
_KINDS = {
    "kalman": "Kalman filter",
    "kalman_steady": "Kalman filter of constant gain",
    "ekf": "extended Kalman filter",
    "ukf": "unscented Kalman filter",
    "dkf": "discriminative Kalman filter",
    "regression": "regression without dynamics",
    "lstm": "recurrent network (LSTM)",
}
_REGRESSORS = {
    "linear_ridge": "linear ridge",
    "nadaraya_watson": "Nadaraya-Watson",
    "kernel_ridge": "kernel ridge",
    "perceptron": "neural network",
}


@dataclass(frozen=True)
class Row:
    """One decoder in the table; texts of value and interval by metric, ``n/a`` where not scored."""

    words: str
    role: str
    main: bool
    cells: Mapping[str, str]
    p: str
    chosen: str


@dataclass(frozen=True)
class Line:
    """A trajectory of the figure: ``points`` of an SVG polyline, and what draws it."""

    kind: str
    points: str


@dataclass(frozen=True)
class Panel:
    """One dimension of the figure; ``zero`` is the height at which nothing moves."""

    name: str
    zero: float
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class SubjectPart:
    """One subject's table and figure; ``ticks`` are places (%) and seconds.

    ``looks``: how often the tested bins were scored, in words; ``ledger``: line by line. While
    they are locked nothing but answers of the reusable holdout is shown.
    """

    subject: str
    rows: tuple[Row, ...]
    panels: tuple[Panel, ...]
    ticks: tuple[tuple[float, str], ...]
    seconds: float
    split: str
    n: int
    planar: bool
    later: bool
    locked: bool
    looks: str
    ledger: list[tuple[str, int, str, str, str]]


@dataclass(frozen=True)
class OnlinePart:
    """All that the template prints of one study of kinematics.

    Attributes
    ----------
    status, headline, lead : str
        The verdict: ``yes``, ``partly`` or ``no``, and words.
    main, reference : str
        The decoder that the page is about, and the one that gains are told over, in words.
    tables : list of Path
        Score tables.
    hashes : list of (str, str, int, str)
        Sidecar, settings hash, seed and version of each artefact.
    """

    study: StudyConfig
    simulated: bool
    about: Mapping[str, str]
    status: str
    headline: str
    lead: str
    main: str
    reference: str
    subjects: tuple[SubjectPart, ...]
    tables: list[Path]
    hashes: list[tuple[str, str, int, str]]
    height: float = HEIGHT
    width: float = WIDTH


def decoder_words(study: StudyConfig, name: str) -> str:
    """A decoder of the section ``online`` in words."""
    section = study.online.decoders[name] if study.online else None
    words = [_KINDS.get(getattr(section, "kind", ""), name)]
    regressor = getattr(section, "regressor", None)
    if regressor is not None:
        words.append(_REGRESSORS[regressor.kind])
    if getattr(section, "robust", False):
        words.append("robust")
    lags = getattr(section, "lags", 0)
    return ", ".join([*words, *([f"{lags} earlier bins"] if lags else [])])


def online_part(study: StudyConfig, results: Path, seed: int) -> OnlinePart:
    """Read what stage ``online`` left, and put it into words.

    Raises
    ------
    DataError
        Where an artefact is missing; names the stage to run.
    """
    paths = Paths(results, study.name)
    adapter = Job("online", study, paths, seed).adapter
    main, reference = _main(study)
    subjects, hashes, tables, claims = [], [], [], []
    for wildcards in wildcards_of("online", study, adapter.subjects()):
        job = Job("online", study, paths, seed, wildcards)
        sidecar = sidecar_of(job)
        scores = read_scores(job.sidecar.with_suffix(".tsv"))
        # While the test set is locked no decoded movement is written.
        file = job.sidecar.with_suffix(".safetensors")
        arrays = load_arrays(file) if file.name in sidecar.files else {}
        query = query_of(sidecar.settings, sidecar.seed, sidecar.inputs)
        found = standing(study, require_query(paths.ledger(wildcards["subject"]), query))
        looks = worn(study, [found], simulated=adapter.simulated)
        ledger = ledger_rows({wildcards["subject"]: found})
        subjects.append(
            _subject(study, wildcards["subject"], sidecar, scores, arrays, looks, ledger)
        )
        name = job.sidecar.relative_to(paths.root).as_posix()
        hashes.append((name, sidecar.settings, sidecar.seed, sidecar.version))
        tables.append(job.sidecar)
        claims.append({(s.system, s.metric): s for s in scores})
    if any(subject.locked for subject in subjects):
        status, headline, lead = _locked_verdict(study, main, claims)
    else:
        status, headline, lead = _verdict(study, main, reference, claims)
    return OnlinePart(
        study, adapter.simulated, dict(adapter.about()), status, headline, lead,
        decoder_words(study, main), decoder_words(study, reference), tuple(subjects), tables,
        hashes,
    )  # fmt: skip


def _main(study: StudyConfig) -> tuple[str, str]:
    roles = {name: d.role for name, d in study.online.decoders.items()} if study.online else {}
    first = {role: name for name, role in reversed(roles.items())}
    return first["system"], first["baseline"]


def _verdict(
    study: StudyConfig, main: str, reference: str, claims: Sequence[Mapping[tuple[str, str], Score]]
) -> tuple[str, str, str]:
    moves = [c[main, "nrmse"].ci_high < 1 and c[main, "nrmse"].p < ALPHA for c in claims]
    gains = [c[main, "nrmse_gain"].ci_low > 0 for c in claims]
    words, other = decoder_words(study, main), decoder_words(study, reference)
    errors = ", ".join(_value(c[main, "nrmse"]) for c in claims)
    others = ", ".join(_value(c[reference, "nrmse"]) for c in claims)
    if all(moves) and all(gains):
        status, said = "yes", f"The movement was followed, and better than by: {other}"
    elif all(moves):
        status, said = (
            "partly",
            f"The movement was followed, but not clearly better than by: {other}",
        )
    else:
        status, said = "no", "The movement was not followed"
    lead = (
        f"The error is {errors} of the movement's size, by {words}; 0 is perfect, 1 is what "
        f"decoding no movement reaches. The baseline ({other}) reaches {others}. In brackets 95 % "
        "intervals by blocks of time. The decoder that counts is the first of role system in the "
        "study's file, whatever it scores; gains are told over the first baseline."
    )
    return status, f"{said}.", lead


def _locked_verdict(
    study: StudyConfig, main: str, claims: Sequence[Mapping[tuple[str, str], Score]]
) -> tuple[str, str, str]:
    told = ", ".join(_value(c[main, "nrmse"]) for c in claims)
    lead = (
        f"By {decoder_words(study, main)} the error is about {told} of the movement's size; 0 is "
        "perfect, 1 is what decoding no movement reaches. Answers of a reusable holdout: the "
        "error by rolling origin inside the training data, or near that of the test, without "
        "interval or p."
    )
    return "open", "The test set is locked: no success is claimed.", lead


def _value(score: Score) -> str:
    if not math.isfinite(score.value):
        return "refused"
    if not score.has_interval:
        return fixed(score.value)
    return f"{fixed(score.value)} ({fixed(score.ci_low)} to {fixed(score.ci_high)})"


def _subject(
    study: StudyConfig,
    subject: str,
    sidecar: Sidecar,
    scores: Sequence[Score],
    arrays: Mapping[str, NDArray[np.float64]],
    looks: str,
    ledger: list[tuple[str, int, str, str, str]],
) -> SubjectPart:
    main, reference = _main(study)
    metrics = {score.metric for score in scores}
    width = float(sidecar.facts["bin_width"])
    n = min(round(SHOWN / width), int(sidecar.facts["n_test"]))
    names = {"true": "truth", "main": main, "reference": reference}
    shown = {kind: arrays[name] for kind, name in names.items() if arrays}
    seconds = n * width
    at = np.linspace(0, 1, 7)
    return SubjectPart(
        subject=subject,
        rows=tuple(_rows(study, scores)),
        panels=tuple(_panels({kind: v[:n] for kind, v in shown.items()})) if shown else (),
        ticks=tuple((100 * float(a), f"{seconds * a:g} s") for a in at),
        seconds=seconds,
        split=str(sidecar.facts["split"]),
        n=int(sidecar.facts["n_test"]),
        planar="angular_error" in metrics,
        later="nrmse_later" in metrics,
        locked=not shown,
        looks=looks,
        ledger=ledger,
    )


def _rows(study: StudyConfig, scores: Sequence[Score]) -> Iterator[Row]:
    for name, section in (study.online.decoders if study.online else {}).items():
        own = {score.metric: score for score in scores if score.system == name}
        first = own["nrmse"]
        yield Row(
            words=decoder_words(study, name),
            role=section.role,
            main=name == _main(study)[0],
            cells={metric: _value(score) for metric, score in own.items()},
            p=p_words(first.p),
            chosen=first.selection,
        )


def _panels(shown: Mapping[str, NDArray[np.float64]]) -> Iterator[Panel]:
    """One panel a dimension, all lines of it on one scale."""
    n, d = shown["true"].shape
    x = np.linspace(0, WIDTH, n)
    names = ("x", "y") if d == 2 else tuple(f"dimension {k + 1}" for k in range(d))
    for k, name in enumerate(names):
        every = np.concatenate([values[:, k] for values in shown.values()])
        low, high = min(float(every.min()), 0.0), max(float(every.max()), 0.0)
        scale = (HEIGHT - 2 * MARGIN) / (high - low)
        lines = []
        for kind, values in shown.items():
            y = HEIGHT - MARGIN - (values[:, k] - low) * scale
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
            lines.append(Line(kind, points))
        yield Panel(name, round(HEIGHT - MARGIN + low * scale, 1), tuple(lines))
