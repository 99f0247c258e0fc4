"""Features by which pictures are scored: of the scored pictures, computed once, and of drawn ones.

The extractor that ships had no part in decoding or drawing and always scores; edges, colours and
raw pixels stand beside it. The field's networks score too where the study names their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodecode.artifacts import load_targets
from neurodecode.contracts import Float, Stimuli
from neurodecode.evaluate.measures import Features
from neurodecode.evaluate.tables import pixel_rows, resized
from neurodecode.evaluate.video_metrics import clip_pcc
from neurodecode.pipeline import Job
from neurodecode.registry import make

__all__ = ["Extractors", "spaced"]

Pictures = NDArray[np.uint8]
Embed = Callable[[Pictures], dict[str, Float]]
SIDE = 64
"""Pixels a side at which edges and colours are compared, whatever the size of the pictures."""
OF_FRAMES = ("semantic", "independent", "classes", "clip")
"""Feature sets by which the frames of clips are scored; key frames are scored by all."""
N_SPACED = 4
"""Frames of a clip at which features and structural similarity are compared."""
IN_MEMORY = 256
"""Pictures that are embedded at a time: large ones need much memory as floats."""


class Extractors:
    """All extractors of one study, and what they see of its scored pictures.

    Parameters
    ----------
    job : Job
        Of stage evaluate.
    scored : Stimuli

    Attributes
    ----------
    size : (int, int)
        Height and width at which pixels are compared.
    labels : dict of str to str
        Name of each feature set -> extractor and weights' hash.
    real : dict of str to (n_scored, d)
        ``classes`` holds the class scores of the extractor that ships.
    independent : callable
        Features by the extractor that ships alone.

    Raises
    ------
    MissingWeights
        Where weights that the study names are not there.
    """

    def __init__(self, job: Job, scored: Stimuli) -> None:
        # Only here is torch needed: what makes pages of scores, and scores of labels, goes without.
        from neurodecode.models.independent import hog_colour, load_independent

        side = job.study.evaluate.resolution
        height, width = (side, side) if side else scored.pixels.shape[1:3]
        self.size = (int(height), int(width))
        self.labels: dict[str, str] = {}
        self._scored = scored
        self._of_frames: dict[str, Callable[[Pictures], Float]] = {}
        self._functions: list[Embed] = []
        self._add_semantic(job)
        independent = load_independent()
        self.independent: Callable[[Pictures], Float] = independent.features
        self._add("independent", independent.name, independent.features)
        self._add("hog_colour", "hog-colour", lambda p: hog_colour(resized(p, SIDE, SIDE)))
        self._add("pixcorr", "pixels", lambda p: pixel_rows(resized(p, *self.size)))
        self._add("classes", independent.name, independent.name_logits)
        self._add_networks(job)
        self.real = self._all(scored.pixels)

    def _add(self, name: str, label: str, embed: Callable[[Pictures], Float]) -> None:
        self.labels[name] = label
        if name in OF_FRAMES:
            self._of_frames[name] = embed
        self._functions.append(lambda pictures: {name: embed(pictures)})

    def _add_semantic(self, job: Job) -> None:
        """Add the embedding that samples are chosen by; pixels are scored anyway."""
        name = job.study.reconstruct.choose_by
        if job.study.targets and job.study.targets[name].kind not in ("pixels", "given"):
            label = load_targets(job.paths.targets(name)).extractor
            self._add("semantic", label, make("extractor", job.study.targets[name]).embed)

    def _add_networks(self, job: Job) -> None:
        for name, weights in job.study.evaluate.extractors.items():
            if name == "clip":
                from neurodecode.models.clip import load_openclip

                clip = load_openclip(weights)
                self._add("clip", clip.name, clip.embed_images)
            else:
                from neurodecode.models.extractors import load_network

                network = load_network(name, Path(weights))
                self.labels |= network.metrics
                self._functions.append(network.features)

    def _all(self, pictures: Pictures) -> dict[str, Float]:
        parts = [
            {k: v for embed in self._functions for k, v in embed(pictures[start:stop]).items()}
            for start in range(0, len(pictures), IN_MEMORY)
            for stop in [start + IN_MEMORY]
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.labels}

    def of(self, pictures: Pictures) -> dict[str, Features]:
        """Return the features of drawn pictures beside those of the scored ones, by name."""
        drawn = self._all(pictures)
        return {
            name: Features(label, self.real[name], drawn[name])
            for name, label in self.labels.items()
        }

    @cached_property
    def real_frames(self) -> dict[str, Float]:
        """Features (n_scored, 4, d) of the scored clips, at four frames evenly spaced."""
        frames = self._scored.frames
        return {} if frames is None else self.of_frames(spaced(frames))

    @cached_property
    def real_smoothness(self) -> float:
        """Mean over the scored clips of :meth:`smoothness`."""
        frames = self._scored.frames
        return float("nan") if frames is None else float(self.smoothness(frames).mean())

    def of_frames(self, clips: Pictures) -> dict[str, Float]:
        """Return the features (n, n_frames, d) of each frame of clips (n, n_frames, h, w, 3)."""
        return {name: _each(embed, clips) for name, embed in self._of_frames.items()}

    @property
    def smoothed_by(self) -> str:
        """Name of the features by which :meth:`smoothness` is told."""
        return "semantic" if "semantic" in self._of_frames else "independent"

    def smoothness(self, clips: Pictures) -> NDArray[np.float64]:
        """Return how alike neighbouring frames of clips are, (n,); 1 for what stands still."""
        if clips.shape[1] == 1:
            return np.ones(len(clips))
        return clip_pcc(_each(self._of_frames[self.smoothed_by], clips))


def spaced(clips: Pictures) -> Pictures:
    """Return four evenly spaced frames of clips (n, n_frames, h, w, 3); of fewer, all."""
    n = clips.shape[1]
    return clips[:, np.unique((np.arange(N_SPACED) * 2 + 1) * n // (2 * N_SPACED))]


def _each(embed: Callable[[Pictures], Float], clips: Pictures) -> Float:
    return np.stack([embed(clip) for clip in clips])
