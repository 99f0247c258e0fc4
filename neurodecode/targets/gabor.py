"""Gabor energy as a target: where edges of which size and direction are, for encoding models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from neurodecode.contracts import Float, Stimuli, Targets

__all__ = ["GaborTarget"]

SIDE = 64
WAVELENGTHS = (4.0, 8.0, 16.0)
N_ORIENTATIONS = 4


class GaborTarget:
    """Energy of quadrature pairs of Gabor filters, averaged in cells of the picture.

    Pictures are made grey and 64 pixels wide. ``log(1 + 100 e)`` of the energy ``e`` (Adelson and
    Bergen 1985, J. Opt. Soc. Am. A 2, 284; of three wavelengths and four directions) is averaged
    in each cell, as in encoding models of early visual cortex (Kay et al. 2008, Nature 452, 352).

    Parameters
    ----------
    cells : int
        Along a side; divides 64.
    """

    def __init__(self, cells: int) -> None:
        self.cells = cells

    def embed(self, pictures: NDArray[np.uint8]) -> Float:
        """Return (n, 12 * cells * cells) of uint8 (n, h, w, 3) pictures."""
        grey = np.stack(
            [np.asarray(Image.fromarray(p).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))
             for p in pictures]
        ).astype(np.float32) / 255  # fmt: skip
        grey -= np.median(grey, axis=(1, 2), keepdims=True)
        spectrum = fft.fft2(grey)
        step = SIDE // self.cells
        parts = []
        for transfer in _transfers():
            energy = np.log1p(100 * np.abs(fft.ifft2(spectrum * transfer)) ** 2)
            cells = energy.reshape(len(grey), self.cells, step, self.cells, step)
            parts.append(cells.mean(axis=(2, 4)).reshape(len(grey), -1))
        return np.concatenate(parts, axis=1).astype(np.float32)

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return the energies of each picture."""
        ids = tuple(map(str, stimuli.table["id"]))
        shape = (len(WAVELENGTHS) * N_ORIENTATIONS, self.cells, self.cells)
        return Targets(ids, self.embed(stimuli.pixels), shape, f"gabor-{self.cells}")


def _transfers() -> list[NDArray[np.float64]]:
    """Return filters that pass one half of the frequencies: what they pass is a pair's energy."""
    down, across = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    made = []
    for wavelength in WAVELENGTHS:
        centre, width = 1 / wavelength, 0.4 / wavelength
        for k in range(N_ORIENTATIONS):
            angle = np.pi * k / N_ORIENTATIONS
            away = (across - centre * np.cos(angle)) ** 2 + (down - centre * np.sin(angle)) ** 2
            transfer = 2 * np.exp(-away / (2 * width**2))
            transfer[0, 0] = 0
            made.append(transfer)
    return made
