"""Clips without a generative network: retrieval and the baselines of clips.

What draws pictures serves studies of clips too: its picture is held still.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurodecode.contracts import Conditions, Pixels
from neurodecode.errors import ConfigError
from neurodecode.reconstruct.baselines import likeness
from neurodecode.registry import Gallery

__all__ = ["LinearClip", "MeanClip", "NearestClip", "RandomClip"]

Seeds = NDArray[np.int64]


class NearestClip:
    """The training clip that is most like what was decoded.

    Likeness is the mean, over some targets, of the cosine of what was decoded with the target of
    a training clip, both centred on the training clips.

    Parameters
    ----------
    by : tuple of str
        Targets that are compared.
    """

    def __init__(self, by: tuple[str, ...]) -> None:
        self.by = by
        self.uses = by

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pixels:
        """Return one clip an item, (n, 1, n_frames, h, w, 3)."""
        alike = np.sum(
            [likeness(conditions.arrays[name], gallery.targets[name].values) for name in self.by],
            axis=0,
        )
        best: NDArray[np.int64] = alike.argmax(axis=1)
        return training_clips(gallery)[best][:, None]


class LinearClip:
    """The linearly decoded frames themselves, clipped, enlarged, and blended in time.

    Parameters
    ----------
    target : str
        Target of kind ``clip``.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.uses = (target,)

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pixels:
        """Return one clip an item, (n, 1, n_frames, h, w, 3).

        Raises
        ------
        ConfigError
            Where the target is not of kind ``clip``.
        """
        n_frames, height, width = training_clips(gallery).shape[1:4]
        shape = gallery.targets[self.target].shape
        if len(shape) != 4:
            raise ConfigError(
                f"generators of kind linear_clip draw a target of kind clip; {self.target} is of "
                f"shape {shape}"
            )
        decoded = conditions.arrays[self.target].reshape(-1, *shape).clip(0, 1)
        # A decoded frame stands for the middle of the frames that its target was averaged over.
        place = (np.arange(n_frames) + 0.5) / n_frames * shape[0] - 0.5
        place = place.clip(0, shape[0] - 1)
        first = np.minimum(place.astype(int), shape[0] - 2)
        share = (place - first)[:, None, None, None]
        clips = []
        for small in decoded:
            blended = (1 - share) * small[first] + share * small[first + 1]
            frames = (blended * 255).round().astype(np.uint8)
            clips.append([_enlarged(frame, height, width) for frame in frames])
        return np.array(clips, np.uint8)[:, None]


class MeanClip:
    """The mean of the training clips, frame by frame, whatever was decoded."""

    uses: tuple[str, ...] = ()

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pixels:
        """Return one clip an item, (n, 1, n_frames, h, w, 3)."""
        clips = training_clips(gallery)
        mean = np.stack([clips[:, k].mean(axis=0) for k in range(clips.shape[1])])
        return np.repeat(mean.round().astype(np.uint8)[None, None], len(conditions), axis=0)


class RandomClip:
    """A random training clip, whatever was decoded."""

    uses: tuple[str, ...] = ()

    def generate(self, conditions: Conditions, gallery: Gallery, *, seeds: Seeds) -> Pixels:
        """Return one clip an item, (n, 1, n_frames, h, w, 3)."""
        clips = training_clips(gallery)
        draw = [np.random.default_rng(seed).integers(len(clips)) for seed in seeds[:, 0]]
        drawn: Pixels = clips[np.array(draw)][:, None]
        return drawn


def training_clips(gallery: Gallery) -> Pixels:
    """Return the training clips.

    Raises
    ------
    ConfigError
        Where the study shows pictures.
    """
    if gallery.stimuli.frames is None:
        raise ConfigError(
            "generators of kinds nearest_clip, linear_clip, mean_clip and random_clip draw clips, "
            "and the study shows pictures: use retrieval, linear_pixels, mean_picture or "
            "random_picture"
        )
    return gallery.stimuli.frames


def _enlarged(frame: Pixels, height: int, width: int) -> Pixels:
    image = Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, np.uint8)
