"""Which scores clips get, beside those of their key frames.

The classifier and the extractors see frames one by one: no network that was trained on clips ships.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from neurodecode.contracts import Float, Pixels
from neurodecode.evaluate.field_metrics import of_classes
from neurodecode.evaluate.measures import Features, Measure
from neurodecode.evaluate.tables import Table, correlations, wins
from neurodecode.evaluate.video_metrics import (
    cosines,
    epe_table,
    frame_psnr_table,
    frame_ssim_table,
    reversed_table,
)
from neurodecode.stimuli.flow import FLOW, flow

__all__ = ["flows", "of_clips", "of_decoded_motion", "of_frames", "of_motion"]

CELLS = 8
"""Along a side, in which flows are compared."""


def flows(clips: Pixels) -> Float:
    """Return the flow (n, n_frames - 1, 8, 8, 2) of clips, in hundredths of the picture's width."""
    return np.stack([100 * flow(clip, CELLS) for clip in clips])


def of_frames(features: Mapping[str, Features]) -> Iterator[Measure]:
    """Yield identification and classification by what extractors see of frames.

    ``_frames``: frame by frame, the mean over frames. ``_clip``: by the mean of features, or class
    scores, over a clip's frames.

    Parameters
    ----------
    features : mapping of name to Features
        Rows are (n, n_frames, d) here; ``classes`` are class scores.
    """
    for name, part in features.items():
        n_frames = part.real.shape[1]
        each = [
            Features(part.extractor, part.real[:, k], part.drawn[:, k]) for k in range(n_frames)
        ]
        whole = Features(part.extractor, part.real.mean(axis=1), part.drawn.mean(axis=1))
        if name != "classes":
            table = _mean([wins(correlations(f.real, f.drawn)) for f in each])
            yield Measure(f"two_way_frames_{name}", part.extractor, table, 0.5)
            table = wins(correlations(whole.real, whole.drawn))
            yield Measure(f"two_way_clip_{name}", part.extractor, table, 0.5)
            continue
        for same in zip(*map(of_classes, each), strict=True):
            table = _mean([measure.table for measure in same])
            yield _renamed(same[0], "frames", table)
        for measure in of_classes(whole):
            yield _renamed(measure, "clip", measure.table)


def of_clips(real: Pixels, drawn: Pixels) -> Iterator[Measure]:
    """Yield structural similarity and PSNR of frames, (n, n_frames, h, w, 3)."""
    for metric, compared in (("frame_ssim", frame_ssim_table), ("frame_psnr", frame_psnr_table)):
        table = _mean([compared(real[:, k], drawn[:, k]) for k in range(real.shape[1])])
        yield Measure(metric, "pixels", table, float(table.mean()))


def of_motion(real: Float, drawn: Float) -> Iterator[Measure]:
    """Yield the measures of motion, from :func:`flows` of scored and drawn clips."""
    table = epe_table(real, drawn)
    yield Measure("motion_epe", FLOW, table, float(table.mean()))
    yield from _identified("two_way_motion", "two_way_reversed", FLOW, _mean_flow(real, drawn))


def of_decoded_motion(decoded: Float, real: Float, extractor: str) -> Iterator[Measure]:
    """Yield identification by the decoded motion target (n_items, d), no clip drawn."""
    names = "retrieval_two_way_motion", "retrieval_reversed"
    yield from _identified(*names, extractor, (real, decoded))


def _identified(
    among: str, against_reverse: str, extractor: str, rows: tuple[Float, Float]
) -> Iterator[Measure]:
    table = cosines(*rows)
    yield Measure(among, extractor, wins(table), 0.5)
    forward = reversed_table(table)
    yield Measure(against_reverse, extractor, forward, float(forward.mean()))


def _mean_flow(real: Float, drawn: Float) -> tuple[Float, Float]:
    first, second = (part.mean(axis=1).reshape(len(part), -1) for part in (real, drawn))
    return first, second


def _renamed(measure: Measure, level: str, table: Table) -> Measure:
    metric = measure.metric.replace("way", f"way_{level}")
    return Measure(metric, measure.extractor, table, measure.chance)


def _mean(tables: list[Table]) -> Table:
    mean: Table = np.mean(tables, axis=0)
    return mean
