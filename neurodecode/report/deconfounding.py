"""The page's part on demographics: what was removed, what is left, what was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from neurodecode.artifacts import Sidecar, read_table
from neurodecode.config import StudyConfig
from neurodecode.deconfound.settings import (
    AS_GIVEN,
    CHOSEN,
    DeconfounderSettings,
    DeconfoundSettings,
)
from neurodecode.errors import ConfigError
from neurodecode.paths import Paths
from neurodecode.pipeline import Job
from neurodecode.report.differences import differences_of
from neurodecode.report.figures import Panel
from neurodecode.report.load import sidecar_of
from neurodecode.studies.cohort import CohortStudy

__all__ = ["CohortPart", "Demographic", "Line", "cohort_part"]

ALPHA = 0.01
CLEAR = 0.05
"""Above chance by less than this, or an R2 below it, counts as removed."""
_KINDS = {
    "residualize": "regression",
    "shrunken": "regression with empirical-Bayes effects",
    "harmonize": "ComBat of {batch} (the other demographics are kept)",
    "demovae": "DemoVAE",
    "subspace": "subspace projection",
}


@dataclass(frozen=True)
class Line:
    """One method in a table: cells by column."""

    words: str
    main: bool
    cells: tuple[str, ...]
    flattering: str
    put_in: str


@dataclass(frozen=True)
class Candidate:
    """What validation people made of one candidate; means over folds."""

    words: str
    left: str
    kept: str
    chosen: str


@dataclass(frozen=True)
class Demographic:
    """What is left of one demographic: a line a method."""

    name: str
    measure: str
    chance: str
    probes: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class CohortPart:
    """All that the template prints of one study of people."""

    study: StudyConfig
    simulated: bool
    about: Mapping[str, str]
    status: str
    headline: str
    lead: str
    warning: str
    candidates: tuple[Candidate, ...]
    label_told: bool
    demographics: tuple[Demographic, ...]
    lost: tuple[tuple[str, bool, tuple[str, ...]], ...]
    lost_columns: tuple[str, ...]
    groups: tuple[tuple[str, str, str], ...]
    synthetic: tuple[tuple[str, str], ...]
    differences: tuple[Panel, ...]
    changed: tuple[tuple[str, tuple[str, ...]], ...]
    counts: Mapping[str, int]
    tables: list[Path]
    hashes: list[tuple[str, str, int, str]]


def cohort_part(study: StudyConfig, results: Path, seed: int) -> CohortPart:
    """Read what stage ``deconfound`` left, and put it into words.

    Raises
    ------
    DataError
        Where an artefact is missing; names the stage to run.
    """
    section = study.deconfound
    if section is None:
        raise ConfigError(f"study {study.name}: has no section deconfound")
    paths = Paths(results, study.name)
    tables, hashes, found = [], [], []
    sidecars: dict[str, Sidecar] = {}
    for name in section.names:
        job = Job("deconfound", study, paths, seed, {"deconfounder": name})
        sidecars[name] = sidecar = sidecar_of(job)
        tables.append(job.sidecar)
        found.append(read_table(job.sidecar.with_suffix(".tsv")))
        name_of = job.sidecar.relative_to(paths.root).as_posix()
        hashes.append((name_of, sidecar.settings, sidecar.seed, sidecar.version))
    adapter = cast(CohortStudy, Job("deconfound", study, paths, seed).adapter)
    audit, facts = pd.concat(found, ignore_index=True), sidecars[AS_GIVEN].facts
    main = section.names[0]
    demographics = tuple(_demographic(audit, section, name) for name in section.demographics)
    status, headline, lead = _verdict(audit, section, main)
    return CohortPart(
        study=study,
        simulated=adapter.simulated,
        about=adapter.about(),
        status=status,
        headline=headline,
        lead=lead,
        warning=_warning(facts.get("with_label", []), section),
        candidates=_candidates(audit, section),
        label_told=any(getattr(m, "keep_label", False) for m in section.every.values()),
        demographics=demographics,
        lost=_lost(audit, section),
        lost_columns=tuple(
            _LOST.get(figure, what[:1].upper() + what[1:])
            for figure, what in _lost_figures(section)
        ),
        groups=_groups(audit, main),
        synthetic=_synthetic(audit, main),
        differences=differences_of(
            paths,
            section,
            facts["contrasts"],
            adapter.triangle,
            {name: method_words(section, name) for name in section.names},
        ),
        changed=_changed(audit, section),
        counts={n: facts[n] for n in ("n_people", "n_features", "n_fit", "n_validation")},
        tables=tables,
        hashes=hashes,
    )


def method_words(section: DeconfoundSettings, name: str) -> str:
    """A method in words."""
    if name == AS_GIVEN:
        return "features as they are"
    if name == CHOSEN:
        return "the method that validation people chose"
    return _words(section.methods[name], name)


def _words(settings: DeconfounderSettings, name: str) -> str:
    words = _KINDS.get(settings.kind, name).format(**settings.model_dump())
    if settings.kind == "shrunken":
        n = settings.n_components
        words += f", in {n} components" if n else ", in all features"
        words += " and the direction of the label" if settings.keep_label else ""
    if settings.kind == "residualize":
        words += f", {'spline' if settings.knots else 'straight lines'}"
        words += ", means and spreads" if settings.variance else ", means alone"
    return words


def _candidates(audit: pd.DataFrame, section: DeconfoundSettings) -> tuple[Candidate, ...]:
    """What was chosen from, the features as they are first; nothing where there was no choice."""
    if section.choice is None:
        return ()
    told = audit[audit["figure"] == "candidate"]
    n_folds, label = told["fold"].nunique(), str(section.label)

    def figure(name: str, probe: str) -> str:
        part = told[told["what"].fillna("") == name]
        value, error = (_mean(part, probe=p) for p in (probe, f"{probe}, standard error"))
        return f"{value:.3f}" + ("" if np.isnan(error) else f" +- {error:.3f}")

    rows = [Candidate(method_words(section, AS_GIVEN), figure("", "left"), figure("", label), "")]
    for name, settings in section.choice.candidates.items():
        folds = told[(told["what"] == name) & (told["probe"] == "chosen")]["value"].sum()
        rows.append(Candidate(_words(settings, name), figure(name, "left"), figure(name, label),
                              f"{folds:.0f} of {n_folds}"))  # fmt: skip
    return tuple(rows)


def _mean(audit: pd.DataFrame, column: str = "value", **where: str) -> float:
    """Mean over folds."""
    for name, wanted in where.items():
        audit = audit[audit[name] == wanted]
    return float(audit[column].mean()) if len(audit) else float("nan")


def _number(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.2f}".replace("-0.00", "0.00")


def _demographic(audit: pd.DataFrame, section: DeconfoundSettings, name: str) -> Demographic:
    left = audit[(audit["figure"] == "left") & (audit["what"] == name)]
    probes = tuple(dict.fromkeys(left["probe"]))
    chance = float(left["chance"].iloc[0])
    lines = []
    for method in section.names:
        part = left[left["method"] == method]
        put_in = _mean(audit, method=method, figure="put in (shuffled)", what=name, probe="linear")
        lines.append(
            Line(
                method_words(section, method),
                method == section.names[0],
                tuple(_number(_mean(part, probe=probe)) for probe in probes),
                _number(_mean(part, "flattering", probe="linear")),
                _number(put_in) if method != AS_GIVEN else "",
            )
        )
    measure = "accuracy" if chance else "R2"
    return Demographic(name, measure, _number(chance), probes, tuple(lines))


def _verdict(audit: pd.DataFrame, section: DeconfoundSettings, main: str) -> tuple[str, str, str]:
    """Status, headline and lead; by the probe that finds most of each demographic."""
    left = audit[audit["figure"] == "left"]
    worst: dict[str, tuple[float, float, float]] = {}
    for name in section.demographics:
        parts = left[left["what"] == name]
        means = parts.groupby(["method", "probe"])["value"].mean()
        worst[name] = (
            float(means[main].max()), float(means[AS_GIVEN].max()), float(parts["chance"].iloc[0])
        )  # fmt: skip
    gone = [n for n, (value, _, chance) in worst.items() if value - chance <= CLEAR]
    status = "yes" if len(gone) == len(worst) else "partly" if gone else "no"
    still = [name for name in worst if name not in gone]
    headline = f"{' and '.join(worst).capitalize()} are hardly found any more."
    if still:
        headline = f"{' and '.join(still).capitalize()} can still be told."
        headline += f" {' and '.join(gone).capitalize()}: hardly." if gone else ""
    told = "; ".join(
        f"{name}: {_number(value)}, before {_number(before)}, chance {_number(chance)}"
        for name, (value, before, chance) in worst.items()
    )
    return status, headline, (
        f"By {method_words(section, main)}, and the probe that finds most, on people whom neither "
        f"had seen (accuracy for names, R2 for numbers): {told}."
    )  # fmt: skip


def _warning(with_label: list[Mapping[str, float]], section: DeconfoundSettings) -> str:
    """Say where label and demographic go together."""
    told = [row for row in with_label if row["p"] <= ALPHA]
    if not told or section.label is None:
        return ""
    names = " and ".join(
        f"{row['what']} ({row['value']:.2f} where guessing gives {_number(row['chance'])})"
        for row in told
    )
    return (
        f"{section.label} can be told from {names} alone, without any brain. Where label and "
        "demographic go together like this, no method can say which of them a decoder found: "
        "removing the one removes the other. Compare people within one group, or collect people "
        "in whom the two are apart."
    )


_LOST = {
    "kept, fitting people's label known": "Also trained on fitting people",
}


def _lost_figures(section: DeconfoundSettings) -> tuple[tuple[str, str], ...]:
    """Figures of what is kept, and of what."""
    features = ("kept", "features (R2)")
    if section.label is None:
        return (features,)
    return (features, ("kept", section.label), (next(iter(_LOST)), section.label))


def _lost(
    audit: pd.DataFrame, section: DeconfoundSettings
) -> tuple[tuple[str, bool, tuple[str, ...]], ...]:
    return tuple(
        (
            method_words(section, method),
            method == section.names[0],
            tuple(
                _number(_mean(audit, method=method, figure=figure, what=what))
                for figure, what in _lost_figures(section)
            ),
        )
        for method in section.names
    )


def _groups(audit: pd.DataFrame, main: str) -> tuple[tuple[str, str, str], ...]:
    """Score of the label in each group, before and after."""
    part = audit[audit["figure"] == "kept by group"]
    return tuple(
        (
            str(what),
            _number(_mean(part, method=AS_GIVEN, what=what)),
            _number(_mean(part, method=main, what=what)),
        )
        for what in dict.fromkeys(part["what"])
    )


CHECKS = ("composition", "effectiveness", "before", "reversibility", "moved", "kept")


def _changed(
    audit: pd.DataFrame, section: DeconfoundSettings
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The four checks: method, then demographic and one cell a check."""
    part = audit[audit["figure"] == "counterfactual"]
    return tuple(
        (
            method_words(section, str(method)),
            (str(what), *(_number(_mean(rows, probe=check)) for check in CHECKS)),
        )
        for (method, what), rows in part.groupby(["method", "what"], sort=False)
    )


def _synthetic(audit: pd.DataFrame, main: str) -> tuple[tuple[str, str], ...]:
    part = audit[(audit["method"] == main) & (audit["figure"] == "synthetic")]
    return tuple(
        (f"{what}, {probe} probe" if isinstance(probe, str) else str(what),
         _number(float(rows["value"].mean())))
        for (what, probe), rows in part.groupby(["what", "probe"], sort=False, dropna=False)
    )  # fmt: skip
