"""Stage ``encode``: one subject's encoding models, a fold each, and how well they predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import load_responses, load_targets, write_table
from neurodecode.contracts import Float, Responses
from neurodecode.embed.design import fold_names, load_design
from neurodecode.embed.encode import (
    EncodingModel,
    fit_encoding_model,
    load_encoding_model,
    save_encoding_model,
)
from neurodecode.embed.prediction_accuracy import Predicted, prediction_accuracy
from neurodecode.embed.stage import trial_targets
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.seeds import generator

__all__ = ["items_of", "run"]


def items_of(trials: pd.DataFrame) -> NDArray[np.str_]:
    """Return what each trial showed: its picture, or its category where no more is known."""
    known = trials["stimulus"] != ""
    return np.where(known, trials["stimulus"], trials["category"]).astype(str)


def run(job: Job) -> Output:
    """Fit a model a fold, predict its test trials, score each unit over all folds."""
    settings = job.study.encoders[job.wildcards["encoder"]]
    subject = job.wildcards["subject"]
    responses = load_responses(job.paths.responses(settings.responses, subject))
    design, stimuli = load_design(job.paths), job.adapter.stimuli()
    features = {
        band: trial_targets(load_targets(job.paths.targets(band)), responses.trials, stimuli)
        for band in settings.bands
    }
    tested: list[Predicted] = []
    folds = fold_names(design)
    with track(f"encode {job.wildcards['encoder']} {subject}", total=len(folds)) as advance:
        for fold in folds:
            rows = design[(design["fold"] == fold) & (design["participant_id"] == subject)]
            if (rows["role"] == "test").any():  # a subject may lack a run that others have
                tested.append(_fold(job, fold, responses, features, rows))
            advance()
    rng = generator(job.seed, "encode", job.study.name, subject)
    scores = prediction_accuracy(tested, settings.bands, settings.n_permutations, rng)
    file = job.sidecar.with_name(f"{job.sidecar.stem}_units.tsv")
    write_table(file, pd.concat([responses.units.reset_index(drop=True), scores], axis=1))
    n_items = sum(fold.parts.shape[1] for fold in tested)
    facts = {
        "bands": settings.bands, "n_items": n_items, "n_folds": len(tested),
        "transductive": responses.transductive,
    }  # fmt: skip
    return Output([file], facts)


def _fold(
    job: Job,
    fold: str,
    responses: Responses,
    features: Mapping[str, Float],
    rows: pd.DataFrame,
) -> Predicted:
    """Fit on the fold's training trials, or read what was kept; predict what it tests."""
    trials = responses.trials
    role = trials["trial"].map(dict(zip(rows["trial"], rows["role"], strict=True)))
    train, test = (role == "train").to_numpy(), (role == "test").to_numpy()
    groups = trials["trial"].map(dict(zip(rows["trial"], rows["group"], strict=True)))
    items = items_of(trials)
    model = _model(job, fold, responses.data[train],
                   {band: values[train] for band, values in features.items()},
                   items[train], groups[train].to_numpy(dtype=str))  # fmt: skip
    _, first = np.unique(items[test], return_index=True)
    of_items = {band: values[test][first] for band, values in features.items()}
    return Predicted(items[test], responses.data[test], model.predict_bands(of_items))


def _model(
    job: Job,
    fold: str,
    data: Float,
    features: Mapping[str, Float],
    items: NDArray[np.str_],
    groups: NDArray[Any],
) -> EncodingModel:
    encoder, subject = job.wildcards["encoder"], job.wildcards["subject"]
    sidecar = job.paths.encoding_model(encoder, fold, subject)
    if job.holds(sidecar):
        return load_encoding_model(sidecar)
    settings = job.study.encoders[encoder]
    model = fit_encoding_model(
        data,
        features,
        items=items,
        groups=groups,
        alphas=settings.alphas,
        n_mixtures=settings.n_mixtures,
        inner_folds=settings.inner_folds,
        seed=job.seed,
    )
    files, facts = save_encoding_model(sidecar, model)
    job.commit(sidecar, Output(files, facts))
    return model
