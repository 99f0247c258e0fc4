"""Stage ``deconfound``: fit one method fold by fold and audit it on people it has not seen.

People are cut into ``n_folds`` parts at random, the same for all methods. In fold k, part k tests
the probes, part k + 1 trains them, and the method is fitted on all others. Where there is a choice
of candidates, part k + 2 chooses one of them, anew in each fold, and no method is fitted on it.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import load_responses, read_table, save_arrays, write_table
from neurodecode.contracts import Float
from neurodecode.deconfound.audit import AUDIT_COLUMNS, Sets, audit_fitted, confounded
from neurodecode.deconfound.choose import Choice, choice_rows, choose
from neurodecode.deconfound.connectivity import Connectivity, n_edges
from neurodecode.deconfound.contrasts import (
    contrasts,
    drawn_differences,
    real_differences,
)
from neurodecode.deconfound.counterfactual_audit import counterfactual_rows
from neurodecode.deconfound.demographics import Encoding
from neurodecode.deconfound.probes import PROBES
from neurodecode.deconfound.settings import (
    AS_GIVEN,
    CHOSEN,
    DeconfounderSettings,
    DeconfoundSettings,
)
from neurodecode.errors import ConfigError, DataError, DataWarning, NotIdentifiable
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.registry import Deconfounder, make
from neurodecode.seeds import derive, generator
from neurodecode.studies.bids_cohort import BidsCohort
from neurodecode.studies.cohort import CohortStudy

__all__ = ["NO_OP", "differences_file", "folds", "run"]

NO_OP = (
    "every decoder of this study is fitted within one subject, whose age, sex and site are the "
    "same in all trials: there is nothing to remove, and deconfounding changes nothing"
)


def folds(n_people: int, n_folds: int, seed: int, *, choosing: bool = False) -> list[Sets]:
    """Cut people into parts and return the sets of each fold, four of them where one chooses."""
    parts = np.array_split(generator(seed, "folds of people").permutation(n_people), n_folds)
    sets = []
    for fold in range(n_folds):
        test, probe, judge, *rest = (np.sort(parts[(fold + k) % n_folds]) for k in range(n_folds))
        if choosing:
            sets.append(Sets(np.sort(np.concatenate(rest)), probe, test, judge))
        else:
            sets.append(Sets(np.sort(np.concatenate([judge, *rest])), probe, test))
    return sets


def run(job: Job) -> Output:
    """Audit one method over all folds; folds are kept one by one."""
    section = job.study.deconfound
    if section is None:
        raise ConfigError(f"study {job.study.name}: has no section deconfound")
    table = job.sidecar.with_suffix(".tsv")
    if not job.study.cohort:
        warnings.warn(f"study {job.study.name}: {NO_OP}", DataWarning, stacklevel=1)
        write_table(table, pd.DataFrame(columns=["fold", *AUDIT_COLUMNS]))
        return Output([table], {"no_op": NO_OP})
    people, features = _people(job)
    demographics, label = _columns(people, section)
    seed = derive(job.seed, "deconfound", job.study.name)
    choosing = section.choice is not None
    sets = folds(len(people), section.n_folds, seed, choosing=choosing)
    name, rows = job.wildcards["deconfounder"], []
    with track(f"deconfound {name}", total=len(sets)) as advance:
        for fold, parts in enumerate(sets):
            rows.append(_fold(job, section, fold, features, demographics, label, parts, seed))
            advance()
    write_table(table, pd.concat(rows, ignore_index=True))
    files = [table]
    if name == AS_GIVEN and features.ndim == 3:
        files += _keep_connectivity(job, people, features, sets)
    n_features = features.shape[1]
    if features.ndim == 3:
        n_features = n_edges(features.shape[2], cast(CohortStudy, job.adapter).connectivity)
    facts: dict[str, object] = {
        "n_people": len(people), "n_features": n_features, "n_fit": len(sets[0].fit),
        "n_validation": len(sets[0].validation),
        "contrasts": [{"column": c.column, "first": c.first, "second": c.second}
                      for c in contrasts(demographics)],
    }  # fmt: skip
    if label is not None:
        facts["with_label"] = confounded(demographics, label, sets[0]).to_dict("records")
    return Output(files, facts)


def _keep_connectivity(
    job: Job, people: pd.DataFrame, courses: Float, sets: list[Sets]
) -> list[Path]:
    """Write everybody's connectivity, in the order of a table of who they are.

    ``tangent`` is of the training people of a fold: an array a fold.
    """
    kind = cast(CohortStudy, job.adapter).connectivity
    fitted_on = {"connectivity": np.arange(len(people))}
    if kind == "tangent":
        fitted_on = {f"fold-{fold}": parts.fit for fold, parts in enumerate(sets)}
    arrays = {
        name: Connectivity(kind).fit(courses[rows]).transform(courses)  # type: ignore[arg-type]
        for name, rows in fitted_on.items()
    }
    stem = job.sidecar.stem
    files = [
        job.sidecar.with_name(f"{stem}_connectivity.safetensors"),
        job.sidecar.with_name(f"{stem}_people.tsv"),
    ]
    save_arrays(files[0], arrays)
    write_table(files[1], people[["participant_id"]])
    return files


def _people(job: Job) -> tuple[pd.DataFrame, Float]:
    """Who people are and their features, or the time courses that features are made from."""
    if not job.study.used_responses:
        return cast(CohortStudy, job.adapter).people()
    (name,) = job.study.used_responses
    subjects = job.adapter.subjects()
    courses = {s: load_responses(job.paths.responses(name, s)).data for s in subjects}
    return cast(BidsCohort, job.adapter).join(courses)


def _columns(
    people: pd.DataFrame, section: DeconfoundSettings
) -> tuple[pd.DataFrame, pd.Series | None]:
    """Demographics and label, checked before any work."""
    wanted = [*section.demographics, *([section.label] if section.label else [])]
    missing = [name for name in wanted if name not in people]
    if missing:
        raise DataError(
            f"participants: column(s) {', '.join(missing)} missing; found "
            f"{', '.join(map(str, people.columns))}"
        )
    demographics = people[list(section.demographics)]
    Encoding.learn(demographics, minimum=max(m.minimum for m in section.every.values()))
    if section.label is None:
        return demographics, None
    label = people[section.label]
    if label.isna().any():
        raise DataError(
            f"participants: {section.label} is missing for {int(label.isna().sum())} of "
            f"{len(people)} people; leave them out"
        )
    if label.nunique() < 2:
        raise NotIdentifiable(f"participants: {section.label} is the same for all people")
    return demographics, label


def _fold(
    job: Job,
    section: DeconfoundSettings,
    fold: int,
    features: Float,
    demographics: pd.DataFrame,
    label: pd.Series | None,
    sets: Sets,
    seed: int,
) -> pd.DataFrame:
    """Fit and audit one fold, or read what was kept."""
    name = job.wildcards["deconfounder"]
    sidecar = job.paths.deconfounder(name, fold)
    table = sidecar.with_suffix(".tsv")
    if job.holds(sidecar):
        return read_table(table)
    files: list[Path] = [table]
    learned: dict[str, NDArray[Any]] = {}
    connectivity = cast(CohortStudy, job.adapter).connectivity
    if connectivity:
        measure = Connectivity(connectivity).fit(features[sets.fit])  # type: ignore[arg-type]
        features = measure.transform(features)
        learned = {f"connectivity.{n}": array for n, array in measure.state().items()}
    facts: dict[str, object] = {"people": _counts(sets)}
    rows: list[dict[str, Any]] = []
    fitted: Deconfounder | None = None
    work = sidecar.with_name(f"{sidecar.stem}_checkpoints")
    if name != AS_GIVEN:
        method, chosen = _method(section, name, features, demographics, label, sets, seed, work)
        if chosen is not None:
            facts["chosen"] = chosen.name
            rows += choice_rows(chosen, name, str(section.label), len(sets.validation))
        own = None if label is None else label.iloc[sets.fit]
        fitted = method.fit(features[sets.fit], own, demographics=demographics.iloc[sets.fit])
        files.append(sidecar.with_suffix(".safetensors"))
        save_arrays(files[-1], {**fitted.state(), **learned})
    probes = PROBES if section.forest else PROBES[:-1]
    rows += audit_fitted(
        name, fitted, features, demographics, sets, label=label, seed=seed, probes=probes
    )
    if hasattr(fitted, "counterfactual"):
        rows += counterfactual_rows(
            name, fitted, features, demographics, sets, label=label, seed=seed
        )
    differences = _differences(fitted, features, demographics, sets)
    if differences:
        files.append(differences_file(sidecar))
        save_arrays(files[-1], differences)
    found = pd.DataFrame(rows, columns=list(AUDIT_COLUMNS)).assign(fold=fold)
    write_table(table, found[["fold", *AUDIT_COLUMNS]])
    job.commit(sidecar, Output(files, facts))
    shutil.rmtree(work, ignore_errors=True)
    return read_table(table)


def _counts(sets: Sets) -> dict[str, int]:
    counts = {part: len(rows) for part, rows in sets.parts.items()}
    return counts | ({"validation": len(sets.validation)} if len(sets.validation) else {})


def _method(
    section: DeconfoundSettings,
    name: str,
    features: Float,
    demographics: pd.DataFrame,
    label: pd.Series | None,
    sets: Sets,
    seed: int,
    work: Path,
) -> tuple[Deconfounder, Choice | None]:
    """Return the method that is audited under a name, and how it was chosen, if it was."""
    if name != CHOSEN or section.choice is None or label is None:
        return _made(section.methods[name], work), None
    candidates = {n: _made(m, work / n) for n, m in section.choice.candidates.items()}
    chosen = choose(
        candidates, features, demographics, fit=sets.fit, validation=sets.validation, label=label,
        allowed=section.choice.allowed, seed=seed,
    )  # fmt: skip
    return candidates[chosen.name], chosen


def _made(settings: DeconfounderSettings, work: Path) -> Deconfounder:
    """Make a method; one that trains for long keeps what a killed run goes on from."""
    method: Any = make("deconfounder", settings)
    if "checkpoints" in method.get_params():
        method.set_params(checkpoints=work)
    return cast(Deconfounder, method)


def differences_file(sidecar: Path) -> Path:
    """Return where the group differences of one fold are kept."""
    return sidecar.with_name(f"{sidecar.stem}_differences.safetensors")


def _differences(
    fitted: Deconfounder | None, features: Float, demographics: pd.DataFrame, sets: Sets
) -> dict[str, NDArray[Any]]:
    """Group differences: of real people without a method, of drawn ones where it can draw."""
    asked = contrasts(demographics)
    if fitted is None:
        return real_differences(features, demographics, sets, asked)
    if hasattr(fitted, "sample"):
        return drawn_differences(fitted, demographics, sets, asked)
    return {}
