"""How a clip moves: optical flow in cells of the picture.

Lucas and Kanade (1981, IJCAI 81, 674): the displacement ``d`` of each cell solves
``(sum g g' + r I) d = - sum g c``, with ``g`` the spatial gradient of the mean of two frames and
``c`` their difference; sums run over a Gaussian window, and a small ridge ``r`` makes cells without
edges stand still. Grey frames are first reduced to 32 pixels and blurred, so that jumps of some
pixels are small against what moves; larger ones are underestimated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from neurodecode.contracts import Float, Pixels
from neurodecode.errors import DataError

__all__ = ["FLOW", "flow"]

FLOW = "lucas-kanade-32"
SIDE = 32
BLUR = 1.5
WINDOW = 2.5
RIDGE = 2e-4


def flow(frames: Pixels, cells: int) -> Float:
    """Return displacements (n_frames - 1, cells, cells, 2) from frame to frame.

    To the right and down, in shares of the picture's width and height.

    Parameters
    ----------
    frames : uint8 (n_frames, h, w, 3)
    cells : int
        Along a side; must divide 32.

    Raises
    ------
    DataError
        Where there is one frame only.
    """
    if len(frames) < 2:
        raise DataError(f"flow: needs two frames or more, got {len(frames)}")
    grey = [Image.fromarray(frame.mean(axis=2, dtype=np.float32)) for frame in frames]
    small = [np.asarray(g.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64) for g in grey]
    light = _blurred(np.stack(small), BLUR) / 255
    between, change = (light[1:] + light[:-1]) / 2, light[1:] - light[:-1]
    down, right = (np.asarray(g, np.float64) for g in np.gradient(between, axis=(1, 2)))
    xx, xy, yy, xt, yt = (
        _pooled(_blurred(a * b, WINDOW), cells)
        for a, b in ((right, right), (right, down), (down, down), (right, change), (down, change))
    )
    xx, yy = xx + RIDGE, yy + RIDGE
    determinant = xx * yy - xy**2
    x, y = (xy * yt - yy * xt) / determinant, (xy * xt - xx * yt) / determinant
    moved: Float = (np.stack([x, y], axis=-1) / SIDE).astype(np.float32)
    return moved


def _blurred(maps: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
    rows = gaussian_filter1d(maps, sd, axis=1, mode="nearest")
    blurred: NDArray[np.float64] = gaussian_filter1d(rows, sd, axis=2, mode="nearest")
    return blurred


def _pooled(maps: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    step = SIDE // cells
    pooled: NDArray[np.float64] = maps.reshape(len(maps), cells, step, cells, step).mean((2, 4))
    return pooled
