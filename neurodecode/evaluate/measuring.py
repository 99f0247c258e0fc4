"""What is measured: all tables of one system's pictures, and of what it decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurodecode.artifacts import load_targets
from neurodecode.contracts import Conditions, Float, Pixels, Reconstruction
from neurodecode.errors import DataError
from neurodecode.evaluate.clip_measures import (
    flows,
    of_clips,
    of_decoded_motion,
    of_frames,
    of_motion,
)
from neurodecode.evaluate.extractors import Extractors, spaced
from neurodecode.evaluate.field_metrics import DISTANCES, of_classes, of_distances, of_top5
from neurodecode.evaluate.measures import (
    Features,
    Measure,
    of_conditions,
    of_features,
    of_labels,
    of_pictures,
)
from neurodecode.evaluate.spuriousness import Clusters, of_clusters
from neurodecode.evaluate.tables import resized, top1
from neurodecode.evaluate.truth import Truth, common_part, in_blocks
from neurodecode.pipeline import Job
from neurodecode.seeds import derive

__all__ = ["of_decoding", "of_drawn"]

FEWEST_OF_TOP5 = 10
"""Candidates below which the five best say little."""


def of_drawn(
    drawn: Reconstruction, truth: Truth, extractors: Extractors, clusters: Clusters | None
) -> Iterator[Measure]:
    """Yield the measures of what was drawn."""
    features = extractors.of(drawn.shown)
    classes = features.pop("classes")
    distances = {name: features.pop(name) for name in DISTANCES if name in features}
    if truth.by_category:
        yield from of_labels(features, truth.scored, truth.candidates)
        return
    pixels = resized(truth.scored.pixels, *extractors.size)
    scored = replace(truth.scored, pixels=pixels)
    shown = resized(drawn.shown, *extractors.size)

    def measured(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Measure]:
        def part(f: Features) -> Features:
            return Features(f.extractor, f.real[rows], f.drawn[columns])

        inside = scored.where(np.isin(np.arange(len(scored)), rows))
        parts = {name: part(f) for name, f in features.items()}
        yield from of_pictures(parts, inside, shown[columns])
        yield from of_distances({name: part(f) for name, f in distances.items()})
        yield from of_classes(part(classes))
        if clusters is not None:
            for name in ("semantic", "independent"):
                if name in parts:
                    yield from of_clusters(f"two_way_{name}", parts[name], clusters, rows)

    yield from in_blocks(truth, measured)
    if truth.scored.frames is not None:
        yield from _of_drawn_clips(drawn, truth, extractors, truth.scored.frames)


def _of_drawn_clips(
    drawn: Reconstruction, truth: Truth, extractors: Extractors, real: Pixels
) -> Iterator[Measure]:
    """Yield the measures of clips, beside those of their key frames."""
    clips = drawn.clips(real.shape[1])
    moved = [flows(part) for part in (real, clips)]
    shown = extractors.of_frames(spaced(drawn.clips()))
    features = {
        name: Features(extractors.labels[name], rows, _repeated(shown[name], rows.shape[1]))
        for name, rows in extractors.real_frames.items()
    }
    real, clips = (_resized_clips(spaced(part), extractors.size) for part in (real, clips))

    def measured(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Measure]:
        parts = {
            name: Features(f.extractor, f.real[rows], f.drawn[columns])
            for name, f in features.items()
        }
        yield from of_frames(parts)
        yield from of_clips(real[rows], clips[columns])
        yield from of_motion(moved[0][rows], moved[1][columns])

    yield from in_blocks(truth, measured)


def _repeated(features: Float, n_frames: int) -> Float:
    """Repeat the features of clips that stand still, (n, 1, d), for each frame."""
    n, _, d = features.shape
    return np.broadcast_to(features, (n, n_frames, d))


def _resized_clips(clips: Pixels, size: tuple[int, int]) -> Pixels:
    flat = resized(clips.reshape(-1, *clips.shape[2:]), *size)
    return flat.reshape(*clips.shape[:2], *flat.shape[1:])


def of_decoding(
    job: Job, items: Conditions, truth: Truth, clusters: Clusters | None
) -> Iterator[Measure]:
    """Yield what was decoded before any picture was drawn.

    Parameters
    ----------
    job : Job
        Of stage evaluate.
    items : Conditions
        Decoded, in the order of the truth's items.
    truth : Truth
    clusters : Clusters or None
    """
    by = job.study.reconstruct.choose_by
    if "label" in items.arrays:
        yield _accuracy(items, truth)
    if by in items.arrays and not truth.by_category:
        targets = load_targets(job.paths.targets(by))
        at = {name: k for k, name in enumerate(targets.ids)}
        real = targets.values[[at[name] for name in truth.candidates]]
        decoded = items.arrays[by]
        mean = common_part(targets, truth.candidates)
        seed = derive(job.seed, "retrieval", job.study.name)
        fewest = min(len(rows) for rows, _ in truth.blocks)

        def measured(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Measure]:
            part = Features(targets.extractor, real[rows], decoded[columns])
            yield from of_conditions(part.drawn, part.real, part.extractor, seed)
            if fewest >= FEWEST_OF_TOP5:
                yield from of_top5(part.drawn, part.real, part.extractor)
            part = Features(part.extractor, part.real - mean, part.drawn - mean)
            yield from of_features(part.drawn, part.real, part.extractor)
            if clusters is not None:
                yield from of_clusters("retrieval_two_way", part, clusters, rows)

        yield from in_blocks(truth, measured)
    for name in _motion_targets(job, items):
        yield from _decoded_motion(job, items, truth, name)


def _motion_targets(job: Job, items: Conditions) -> list[str]:
    """Names of the decoded targets that say how a clip moves."""
    return [
        n for n in items.arrays if n in job.study.targets and job.study.targets[n].kind == "motion"
    ]


def _decoded_motion(job: Job, items: Conditions, truth: Truth, name: str) -> Iterator[Measure]:
    targets = load_targets(job.paths.targets(name))
    at = {stimulus: k for k, stimulus in enumerate(targets.ids)}
    real = targets.values[[at[stimulus] for stimulus in truth.candidates]]

    def measured(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Measure]:
        yield from of_decoded_motion(items.arrays[name][columns], real[rows], targets.extractor)

    yield from in_blocks(truth, measured)


def _accuracy(items: Conditions, truth: Truth) -> Measure:
    """Share of items whose highest class, of all that were trained, is the true one."""
    category = truth.candidates if truth.by_category else list(truth.scored.table["category"])
    untrained = sorted({name for name in category if name not in items.classes})
    if untrained:
        raise DataError(
            f"evaluate: no decoder was trained on {', '.join(untrained)}; the classes are "
            f"{', '.join(items.classes)}"
        )
    n = len(items.classes)
    table = top1(items.arrays["label"].T.astype(np.float64))
    rows = [items.classes.index(name) for name in category]
    return Measure(f"accuracy_{n}way", "none", table[rows], 1 / n)
