"""The truth, blurred more and more, beside the nearest training picture: SSIM rewards blur.

An illustration, not a bar that was set beforehand: the first strength tried, SD 6 of 64 pixels,
lost neither semantic score (it still names its object to the extractor); of the three strengths
that were swept afterwards only the strongest wins both low-level scores and loses both semantic
ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from table import WEIGHTS, Table, run

from neurodecode.contracts import Stimuli
from neurodecode.evaluate.field_metrics import of_classes
from neurodecode.evaluate.measures import Features, of_pictures
from neurodecode.evaluate.tables import pixel_rows
from neurodecode.models.clip import load_openclip
from neurodecode.models.independent import Independent, load_independent
from neurodecode.stimuli.objects64 import load_objects64

SOURCES = (
    "benchmarks/c_blur.py", "neurodecode/evaluate/tables.py", "neurodecode/evaluate/measures.py",
    "neurodecode/evaluate/field_metrics.py", "neurodecode/stimuli/data", *WEIGHTS,
)  # fmt: skip
SIGMAS = (6.0, 12.0, 24.0)
"""Blur, SD in pixels of 64."""


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` has one blur."""
    everything = load_objects64(("decoder", "test"))
    tested = (everything.table["set"] == "test").to_numpy()
    scored, trained = everything.where(tested), everything.where(~tested)
    clip, independent = load_openclip("embedded"), load_independent()
    nearest = trained.pixels[
        (clip.embed_images(trained.pixels) @ clip.embed_images(scored.pixels).T).argmax(axis=0)
    ]
    near = _scores(independent, scored, nearest)
    metrics = ("pixcorr", "ssim", "two_way_independent", "classified_50way")
    low_level, semantic = metrics[:2], metrics[2:]
    table.add(f"{' | '.join(metrics)}, N = {len(scored)}", "blurred truth", _shown(near, metrics))
    deceived = []
    sigmas = SIGMAS[1:2] if quick else SIGMAS
    for sigma in sigmas:
        blurred = np.stack([gaussian_filter(p, (sigma, sigma, 0)) for p in scored.pixels])
        blur = _scores(independent, scored, blurred)
        table.add(f"blur SD {sigma:g} of 64 pixels", _shown(blur, metrics))
        wins = all(blur[m] > near[m] for m in low_level)
        deceived.append(wins and all(blur[m] < near[m] for m in semantic))
    table.add("blurs that win both low-level and lose both semantic scores",
              f"{sum(deceived)} of {len(sigmas)}", "nearest training picture", ">= 1",
              any(deceived))  # fmt: skip


def _scores(
    independent: Independent, scored: Stimuli, drawn: NDArray[np.uint8]
) -> dict[str, float]:
    """Score pictures that stand in the order of the scored ones."""
    real = scored.pixels
    features = {
        "independent": Features(
            independent.name, independent.features(real), independent.features(drawn)
        ),
        "pixcorr": Features("pixels", pixel_rows(real), pixel_rows(drawn)),
    }
    classes = Features(
        independent.name, independent.name_logits(real), independent.name_logits(drawn)
    )
    measures = [*of_pictures(features, scored, drawn), *of_classes(classes)]
    return {m.metric: float(np.diag(m.table).mean()) for m in measures}


def _shown(scores: dict[str, float], metrics: tuple[str, ...]) -> str:
    return " | ".join(f"{scores[m]:.3f}" for m in metrics)


if __name__ == "__main__":
    run("c_blur", SOURCES, measure, __doc__ or "")
