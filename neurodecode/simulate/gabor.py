"""Early visual features: contrast-normalised Gabor energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from neurodecode.contracts import Float

__all__ = ["MAP_SIDE", "N_CHANNELS", "gabor_maps", "receptive_fields"]

WAVELENGTHS = (4.0, 8.0, 16.0)
N_ORIENTATIONS = 4
MAP_SIDE = 16
N_CHANNELS = len(WAVELENGTHS) * N_ORIENTATIONS


def _gabor_pair(wavelength: float, angle: float) -> tuple[NDArray[np.float64], ...]:
    """Even and odd filters of one octave's bandwidth, zero mean, unit energy."""
    sigma = 0.56 * wavelength
    half = int(np.ceil(2.5 * sigma))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    envelope = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    phase = 2 * np.pi / wavelength * (x * np.cos(angle) + y * np.sin(angle))
    pair = []
    for wave in (np.cos(phase), np.sin(phase)):
        kernel = envelope * wave
        kernel -= envelope * kernel.sum() / envelope.sum()
        pair.append(kernel / np.linalg.norm(kernel))
    return tuple(pair)


def gabor_maps(pictures: NDArray[np.uint8]) -> Float:
    """Return feature maps (n, N_CHANNELS, 16, 16) of pictures (n, 64, 64, 3).

    Energy ``e = sqrt(even^2 + odd^2)`` of quadrature pairs (Adelson and Bergen 1985), three
    wavelengths by four orientations, divided by the energy of all channels nearby,
    ``e / (0.1 + sum e)`` (Heeger 1992), averaged to 16 x 16. Energy tells where edges are, not
    which side is bright or what colour it has.
    """
    grey = pictures.mean(axis=3, dtype=np.float64) / 255 - 128 / 255
    energy = []
    for wavelength in WAVELENGTHS:
        for k in range(N_ORIENTATIONS):
            even, odd = _gabor_pair(wavelength, np.pi * k / N_ORIENTATIONS)
            parts = [fftconvolve(grey, f[None], mode="same", axes=(1, 2)) for f in (even, odd)]
            energy.append(np.hypot(*parts))
    stack = np.stack(energy, axis=1)
    stack /= 0.1 + stack.sum(axis=1, keepdims=True)
    n, c, h, w = stack.shape
    small = stack.reshape(n, c, MAP_SIDE, h // MAP_SIDE, MAP_SIDE, w // MAP_SIDE).mean(axis=(3, 5))
    averaged: Float = small.astype(np.float32)
    return averaged


def receptive_fields(centres: Float, sizes: Float) -> Float:
    """Return Gaussian receptive fields (n_voxels, 16, 16) of unit sum.

    Parameters
    ----------
    centres : (n_voxels, 2)
        x and y, 0 to 1 across the picture.
    sizes : (n_voxels,)
        Standard deviation in the same unit.
    """
    place = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    across = np.exp(-((place - centres[:, :1]) ** 2) / (2 * sizes[:, None] ** 2))
    down = np.exp(-((place - centres[:, 1:]) ** 2) / (2 * sizes[:, None] ** 2))
    fields = down[:, :, None] * across[:, None, :]
    fields /= fields.sum(axis=(1, 2), keepdims=True)
    unit: Float = fields.astype(np.float32)
    return unit
