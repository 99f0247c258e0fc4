"""Targets of clips: how they move, and their frames in small."""

from __future__ import annotations

import numpy as np
from PIL import Image

from neurodecode.contracts import Float, Pixels, Stimuli, Targets
from neurodecode.errors import ConfigError
from neurodecode.stimuli.flow import FLOW, flow

__all__ = ["ClipTarget", "MotionTarget"]


class MotionTarget:
    """Mean optical flow of each cell of a clip; see :mod:`neurodecode.stimuli.flow`.

    Zero for what stands still, and of opposite sign for a clip that runs backwards, so that no
    frame alone tells it.

    Parameters
    ----------
    cells : int
        Along a side.
    """

    def __init__(self, cells: int) -> None:
        self.cells = cells

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return the mean flow of each clip, flattened (n, cells * cells * 2).

        Raises
        ------
        ConfigError
            Where stimuli are no clips.
        """
        values = [flow(clip, self.cells).mean(axis=0).ravel() for clip in _frames(stimuli)]
        ids = tuple(map(str, stimuli.table["id"]))
        shape = (self.cells, self.cells, 2)
        return Targets(ids, np.stack(values), shape, f"{FLOW}-{self.cells}")


class ClipTarget:
    """A clip's frames, averaged in time and by area, flattened, 0 to 1.

    Parameters
    ----------
    size : int
        Pixels a side.
    n_frames : int
        How many are left; must divide the clips' own number.
    """

    def __init__(self, size: int, n_frames: int) -> None:
        self.size = size
        self.n_frames = n_frames

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return (n, n_frames * size * size * 3).

        Raises
        ------
        ConfigError
            Where stimuli are no clips, or their frames cannot be shared out evenly.
        """
        frames = _frames(stimuli)
        if frames.shape[1] % self.n_frames:
            raise ConfigError(
                f"targets of kind clip: n_frames must divide the clips' {frames.shape[1]} frames, "
                f"got {self.n_frames}"
            )
        values = np.stack([self._small(clip) for clip in frames])
        ids = tuple(map(str, stimuli.table["id"]))
        shape = (self.n_frames, self.size, self.size, 3)
        return Targets(ids, values, shape, f"clip-{self.size}-{self.n_frames}")

    def _small(self, clip: Pixels) -> Float:
        side, how = (self.size, self.size), Image.Resampling.BOX
        small = np.stack([np.asarray(Image.fromarray(f).resize(side, how)) for f in clip])
        means = small.reshape(self.n_frames, -1, small[0].size).mean(axis=1, dtype=np.float64)
        flat: Float = (means.ravel() / 255).astype(np.float32)
        return flat


def _frames(stimuli: Stimuli) -> Pixels:
    if stimuli.frames is None:
        raise ConfigError(
            "targets of kinds motion and clip are made from clips, and the study shows pictures"
        )
    return stimuli.frames
