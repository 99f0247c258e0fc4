"""Scores of clips, frame by frame; each names its variant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float

__all__ = ["clip_pcc", "frame_psnr", "frame_ssim"]


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


def frame_ssim(real: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return structural similarity on RGB frames (n, h, w, 3), colours apart, (n,).

    The video systems' variant: ``channel_axis=-1``, a window of 7 pixels. Without that axis,
    colours would be taken for neighbouring pixels.
    """
    from skimage.metrics import structural_similarity

    pairs = zip(real, drawn, strict=True)
    return np.array([structural_similarity(a, b, channel_axis=-1) for a, b in pairs])


def frame_psnr(real: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return 20 log10(255 / RMSE) of RGB frames (n, h, w, 3) in dB, (n,); infinite where equal."""
    error = real.astype(np.float64) - drawn
    rmse = np.sqrt(np.square(error).mean(axis=(1, 2, 3)))
    with np.errstate(divide="ignore"):
        psnr: NDArray[np.float64] = 20 * np.log10(255 / rmse)
    return psnr
