"""Stage ``reconstruct``: draw pictures from conditions and choose the one that is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.artifacts import load_conditions, load_targets, save_reconstruction
from neurodecode.contracts import Conditions, Float, Reconstruction
from neurodecode.errors import ConfigError
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.reconstruct.sources import from_source, itemise, of_fold, training_gallery
from neurodecode.registry import Backend, Gallery, make
from neurodecode.seeds import derive, generator

__all__ = ["agreement", "run"]


def agreement(
    samples: NDArray[np.uint8],
    decoded: Float,
    embed: Callable[[NDArray[np.uint8]], Float],
    mean: Float,
) -> Float:
    """Cosine of each sample's embedding with the decoded one, (n_items, n_samples).

    Both are centred on the training pictures' mean. The truth plays no part.

    Parameters
    ----------
    samples : uint8 (n_items, n_samples, h, w, 3)
    decoded : (n_items, d)
    embed : callable
        Pictures to (n, d).
    mean : (d,)
        Mean embedding of the training pictures.
    """
    n_items, n_samples = samples.shape[:2]
    flat = samples.reshape(-1, *samples.shape[2:])
    drawn = embed(flat).reshape(n_items, n_samples, -1) - mean
    wanted = (decoded - mean)[:, None]
    norms = np.linalg.norm(drawn, axis=2) * np.linalg.norm(wanted, axis=2)
    dots = (drawn * wanted).sum(axis=2)
    cosine: Float = (dots / np.where(norms > 0, norms, 1)).astype(np.float32)
    return cosine


def run(job: Job) -> Output:
    """Draw one subject's pictures by one system from one source of conditions."""
    study, subject = job.study, job.wildcards["subject"]
    system = study.system(job.wildcards["system"])
    targets = {name: load_targets(job.paths.targets(name)) for name in study.used_targets(system)}
    conditions = load_conditions(job.paths.conditions(system.chain, subject))
    backend: Backend = make("backend", study.generators[system.generator])
    missing = [name for name in backend.uses if name not in conditions.arrays]
    if missing:
        raise ConfigError(
            f"generators.{system.generator} needs {', '.join(missing)}, which "
            f"decoders.{system.decoder} does not decode; it decodes "
            f"{', '.join(conditions.arrays)}"
        )
    items = itemise(conditions, study.reconstruct.unit)
    stimuli = job.adapter.stimuli()
    gallery = training_gallery(stimuli, targets)
    parts = []
    with track(f"reconstruct {system.name} {job.wildcards['source']}", total=len(items)) as tick:
        for fold in items.table["fold"].unique():
            part = _rows(items, (items.table["fold"] == fold).to_numpy())
            rng = generator(job.seed, "permuted", study.name, subject, fold)
            wanted = from_source(part, job.wildcards["source"], stimuli, targets, rng)
            parts.append(_draw(job, backend, wanted, of_fold(gallery, wanted)))
            tick(len(part))
    drawn = _join(parts)
    facts = {"n_items": len(drawn.table), "n_samples": int(drawn.samples.shape[1])}
    return Output(save_reconstruction(job.sidecar, drawn), facts)


def _draw(job: Job, backend: Backend, wanted: Conditions, gallery: Gallery) -> Reconstruction:
    """Draw the items of one fold and choose one sample of each."""
    settings = job.study.reconstruct
    seeds = np.array(
        [
            [
                derive(job.seed, job.study.name, job.wildcards["subject"], item, sample)
                for sample in range(settings.n_samples)
            ]
            for item in wanted.table["item"]
        ]
    )
    samples, fps = backend.generate(wanted, gallery, seeds=seeds), gallery.stimuli.fps
    if fps is not None and samples.ndim == 5:
        samples = samples[:, :, None]
    drawn = Reconstruction(wanted.table, samples, np.zeros(len(samples), np.int64), fps=fps)
    if samples.shape[1] > 1 and settings.choose_by in wanted.arrays:
        extractor = make("extractor", job.study.targets[settings.choose_by])
        mean = gallery.targets[settings.choose_by].values.mean(axis=0)
        decoded = wanted.arrays[settings.choose_by]
        scores = agreement(drawn.pictures, decoded, extractor.embed, mean)
        gates = {"agreement": scores.max(axis=1)}
        drawn = replace(drawn, chosen=scores.argmax(axis=1), gates=gates)
    return drawn


def _rows(conditions: Conditions, keep: NDArray[np.bool_]) -> Conditions:
    return Conditions(
        conditions.table[keep].reset_index(drop=True),
        {name: values[keep] for name, values in conditions.arrays.items()},
        conditions.classes,
    )


def _join(parts: list[Reconstruction]) -> Reconstruction:
    return Reconstruction(
        table=pd.concat([part.table for part in parts], ignore_index=True),
        samples=np.concatenate([part.samples for part in parts]),
        chosen=np.concatenate([part.chosen for part in parts]),
        gates={n: np.concatenate([p.gates[n] for p in parts]) for n in parts[0].gates},
        fps=parts[0].fps,
    )
