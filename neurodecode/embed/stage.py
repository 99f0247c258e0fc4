"""Stage ``embed``: fit one decoder a fold and subject, decode the held-out trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.artifacts import (
    hash_file,
    load_arrays,
    load_responses,
    load_targets,
    read_sidecar,
    save_arrays,
    save_conditions,
)
from neurodecode.contracts import (
    CONDITION_COLUMNS,
    Conditions,
    Float,
    Responses,
    Stimuli,
    Targets,
)
from neurodecode.embed.across_people import AcrossPeople, demographics_of
from neurodecode.embed.channel_steps import ChannelSteps
from neurodecode.embed.design import fold_names, load_design
from neurodecode.embed.reliable_units import ReliableUnits
from neurodecode.errors import DataError
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.registry import Decoder, make
from neurodecode.seeds import derive

__all__ = ["decode_fold", "run", "trial_labels", "trial_targets"]


def trial_targets(targets: Targets, trials: pd.DataFrame, stimuli: Stimuli) -> Float:
    """Return the target of each trial, float32 (n_trials, d).

    A trial whose picture is known gets that picture's features; one of which only the category
    is known gets the mean over the category's ``train`` pictures, so scored pictures take no
    part in training.

    Raises
    ------
    DataError
        Where a trial's picture or category is not among the stimuli.
    """
    row_of = {name: row for row, name in enumerate(targets.ids)}
    train = stimuli.table[stimuli.table["set"] == "train"]
    prototypes = {
        category: targets.values[[row_of[name] for name in part["id"]]].mean(axis=0)
        for category, part in train.groupby("category")
    }
    rows = []
    for name, category in zip(trials["stimulus"], trials["category"], strict=True):
        if name in row_of:
            rows.append(targets.values[row_of[name]])
        elif not name and category in prototypes:
            rows.append(prototypes[category])
        else:
            raise DataError(
                f"trials: {'picture' if name else 'category'} {name or category!r} is not among "
                f"the study's {len(stimuli)} stimuli"
            )
    return np.stack(rows).astype(np.float32)


def run(job: Job) -> Output:
    """Fit and decode all subjects of a chain; folds are kept one by one."""
    chain = job.wildcards["chain"]
    system = job.study.chain(chain)
    across = _across_people(job)
    names = job.study.decoders[system.decoder].targets
    targets = {name: load_targets(job.paths.targets(name)) for name in names}
    design, stimuli = load_design(job.paths), job.adapter.stimuli()
    folds, subjects = fold_names(design), job.adapter.subjects()
    decoded: dict[str, Conditions] = {}
    with track(f"embed {chain}", total=len(folds) * len(subjects)) as advance:
        for subject in subjects:
            responses = load_responses(job.paths.responses(system.responses, subject))
            wanted = {n: trial_targets(t, responses.trials, stimuli) for n, t in targets.items()}
            parts = []
            for fold in folds:
                rows = design[(design["fold"] == fold) & (design["participant_id"] == subject)]
                if (rows["role"] == "test").any():  # a subject may lack a run that others have
                    parts.append(decode_fold(job, fold, subject, responses, wanted, rows))
                advance()
            decoded[subject] = _joined(subject, parts)
    files = []
    if across is not None:
        decoded, learned = across.apply(decoded)
        for name, arrays in learned.items():
            files.append(job.sidecar.with_name(f"{chain}_people-{name}.safetensors"))
            save_arrays(files[-1], arrays)
    hashes = {subject: hash_file(_save(job, subject, c)) for subject, c in decoded.items()}
    return Output(files, {"conditions": hashes})


def _across_people(job: Job) -> AcrossPeople | None:
    """Return the step that takes demographics out, checked, where the chain has one."""
    settings = job.study.decoders[job.study.chain(job.wildcards["chain"]).decoder].deconfound
    if settings is None:
        return None
    people = demographics_of(job.adapter, settings.demographics)
    step = AcrossPeople(settings, people, derive(job.seed, "across people", job.study.name))
    step.check()
    return step


def decode_fold(
    job: Job,
    fold: str,
    subject: str,
    responses: Responses,
    targets: Mapping[str, Float],
    rows: pd.DataFrame,
) -> Conditions:
    """Fit on the fold's training trials and decode its test trials, or read what was kept."""
    sidecar = job.paths.fold(job.wildcards["chain"], fold, subject)
    role = responses.trials["trial"].map(dict(zip(rows["trial"], rows["role"], strict=True)))
    table = responses.trials[(role == "test").to_numpy()].assign(fold=fold)
    table = table[list(CONDITION_COLUMNS)].reset_index(drop=True)
    # Apart: what was fitted must not depend on a test trial, and a test compares it byte by byte.
    fitted = sidecar.with_suffix(".safetensors")
    answers = fitted.with_stem(f"{fitted.stem}_decoded")
    if job.holds(sidecar):
        classes = tuple(read_sidecar(sidecar).facts["classes"])
        return Conditions(table, load_arrays(answers), classes)
    train, test = (role == "train").to_numpy(), (role == "test").to_numpy()
    group_of = dict(zip(rows["trial"], rows["group"], strict=True))
    settings = job.study.decoders[job.study.chain(job.wildcards["chain"]).decoder]
    decoder: Decoder = make("decoder", settings)
    choice = ReliableUnits(settings.min_reliability).fit(responses, train)
    responses = choice.select(responses)
    whitening = ChannelSteps(settings).fit(responses, train)
    decoder.fit(
        whitening.transform(responses, train),
        {name: values[train] for name, values in targets.items()},
        labels=trial_labels(responses.trials[train]),
        groups=responses.trials["trial"][train].map(group_of).to_numpy(dtype=str),
    )
    decoded = decoder.predict(whitening.transform(responses, test))
    save_arrays(fitted, {**decoder.state(), **whitening.state(), **choice.state()})
    save_arrays(answers, decoded)
    job.commit(sidecar, Output([fitted, answers], {"classes": decoder.classes}))
    return Conditions(table, decoded, decoder.classes)


def trial_labels(trials: pd.DataFrame) -> np.ndarray:
    """Return the categories that are decoded (n_trials,); empty where a trial has none.

    Of trials of which no more is known, and where the study says; otherwise a picture's category
    is no label.
    """
    known = trials["stimulus"] == ""
    if "labelled" in trials:
        known |= trials["labelled"].astype(bool)
    return np.where(known, trials["category"], "").astype(str)


def _joined(subject: str, parts: list[Conditions]) -> Conditions:
    """Join the folds' conditions, each test trial once."""
    classes = {part.classes for part in parts}
    if len(classes) > 1:
        raise DataError(
            f"subject {subject}: training trials of different folds hold different categories; "
            "every category must be trained in every fold"
        )
    return Conditions(
        table=pd.concat([part.table for part in parts], ignore_index=True),
        arrays={n: np.concatenate([p.arrays[n] for p in parts]) for n in parts[0].arrays},
        classes=parts[0].classes,
    )


def _save(job: Job, subject: str, whole: Conditions) -> Path:
    """Write one subject's conditions; returns the sidecar."""
    sidecar = job.paths.conditions(job.wildcards["chain"], subject)
    files, facts = save_conditions(sidecar, whole)
    job.commit(sidecar, Output(files, facts))
    return sidecar
