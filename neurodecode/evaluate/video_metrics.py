"""Tables of clips: row = clip that could have been seen, column = clip that was drawn.

Each names its variant. As in :mod:`neurodecode.evaluate.tables`, a score is the mean over items at
the true candidates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Pixels
from neurodecode.evaluate.tables import Table

__all__ = ["clip_pcc", "cosines", "epe_table", "frame_psnr_table", "frame_ssim_table",
           "reversed_table"]  # fmt: skip

WINDOW = 7
LEAST_RMSE = 0.5
"""Grey levels; frames that are nearer count as near as this, else equal ones had no finite PSNR."""


def clip_pcc(embeddings: Float) -> NDArray[np.float64]:
    """Return the mean cosine of adjacent frames' embeddings, (n_clips,).

    The variant is the cosine, not Pearson's r that its name says: public code computes it so. It
    tells how smooth a clip is, not whether it is right: a clip that stands still has 1.

    Parameters
    ----------
    embeddings : (n_clips, n_frames, d)
    """
    rows = embeddings.astype(np.float64)
    norms = np.linalg.norm(rows, axis=2, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1)
    pcc: NDArray[np.float64] = (unit[:, 1:] * unit[:, :-1]).sum(axis=2).mean(axis=1)
    return pcc


def frame_ssim_table(real: Pixels, drawn: Pixels) -> Table:
    """Structural similarity of every real with every drawn frame, on RGB, colours apart, (n, m).

    The video systems' variant: a flat window of 7 pixels, sample covariance (Wang et al. 2004, as
    scikit-image has it with ``channel_axis=-1``). What concerns one frame alone is computed once.

    Parameters
    ----------
    real, drawn : uint8 (n, h, w, 3), (m, h, w, 3)
    """
    a, b = (np.moveaxis(p, 3, 1).astype(np.int64) for p in (real, drawn))
    sum_a, sum_b = _window_sums(a), _window_sums(b)
    n = WINDOW**2
    var_a, var_b = ((_window_sums(p * p) - s**2 / n) / (n - 1) for p, s in ((a, sum_a), (b, sum_b)))
    mean_a, mean_b = sum_a / n, sum_b / n
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    table = np.empty((len(a), len(b)))
    for j in range(len(b)):
        joint = (_window_sums(a * b[j]) - sum_a * (sum_b[j] / n)) / (n - 1)
        light = (2 * mean_a * mean_b[j] + c1) / (mean_a**2 + mean_b[j] ** 2 + c1)
        shape = (2 * joint + c2) / (var_a + var_b[j] + c2)
        table[:, j] = (light * shape).mean(axis=(1, 2, 3))
    return table


def _window_sums(planes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Exact sums over windows of 7 x 7 that lie inside, (..., h - 6, w - 6)."""
    for axis in (-2, -1):
        rest = [(0, 0)] * planes.ndim
        rest[axis] = (1, 0)
        summed = np.moveaxis(np.cumsum(np.pad(planes, rest), axis=axis), axis, 0)
        planes = np.moveaxis(summed[WINDOW:] - summed[:-WINDOW], 0, axis)
    return planes


def frame_psnr_table(real: Pixels, drawn: Pixels) -> Table:
    """20 log10(255 / RMSE) of every real with every drawn RGB frame in dB, (n, m).

    At most 54: an RMSE below half a grey level counts as that.

    Parameters
    ----------
    real, drawn : uint8 (n, h, w, 3), (m, h, w, 3)
    """
    a, b = (p.reshape(len(p), -1).astype(np.float64) for p in (real, drawn))
    error = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    rmse = np.sqrt(error / a.shape[1]).clip(LEAST_RMSE)
    table: Table = 20 * np.log10(255 / rmse)
    return table


def epe_table(real: Float, drawn: Float) -> Table:
    """Mean end-point error: length of the difference of two flows, over frames and cells, (n, m).

    Parameters
    ----------
    real, drawn : (n, n_frames - 1, cells, cells, 2), (m, ...)
    """
    table = np.empty((len(real), len(drawn)))
    for j, moved in enumerate(drawn):
        table[:, j] = np.linalg.norm(real - moved, axis=-1).mean(axis=(1, 2, 3))
    return table


def cosines(real: Float, drawn: Float) -> Table:
    """Cosine of every real (n, d) with every drawn (m, d) row; undefined (no motion) is NaN."""
    units = []
    for rows in (real.astype(np.float64), drawn.astype(np.float64)):
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        units.append(np.where(norms > 0, rows / np.where(norms > 0, norms, 1), np.nan))
    table: Table = units[0] @ units[1].T
    return table


def reversed_table(cosine: Table) -> Table:
    """1 where a flow is more like a clip's than like that of the clip run backwards, (n, m).

    The flow of a clip that runs backwards is the negative one, and its frames are the same: motion
    alone tells the two. What does not move, or is like neither, counts half.

    Parameters
    ----------
    cosine : (n, m)
        From :func:`cosines` of flows.
    """
    known = np.nan_to_num(cosine)
    table: Table = np.where(known == 0, 0.5, known > 0)
    return table
