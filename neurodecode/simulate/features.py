"""What a virtual brain can see of a picture or a clip.

Edges: the energy of quadrature pairs of filters (Adelson and Bergen 1985, J. Opt. Soc. Am. A 2,
284), divided by the energy of all filters nearby (Heeger 1992, Visual Neuroscience 9, 181).
Statistics: moments of the figure and of the energies. Attributes: the picture's group, colours and
layout. Hidden: numbers that are drawn for each picture and stand for what it means to people
(familiarity, value, a memory); no function of the pixels holds them. Motion: the energy of
filters tuned to a direction in space and time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage.color import rgb2hsv

from neurodecode.contracts import Float, Stimuli
from neurodecode.errors import DataError
from neurodecode.seeds import generator
from neurodecode.simulate.world import Bank

__all__ = ["MAP_SIDE", "Features", "clip_features", "edge_maps", "motion_maps", "picture_features"]

MAP_SIDE = 16
GROUND = 128 / 255
GROUPS = ("activity", "face", "food", "nature", "object", "person", "place")
CHANNELS = {
    "luminance": (1 / 3, 1 / 3, 1 / 3),
    "red-green": (0.5, -0.5, 0.0),
    "blue-yellow": (-0.25, -0.25, 0.5),
}


@dataclass(frozen=True)
class Features:
    """Features of stimuli, before any tuning.

    Attributes
    ----------
    ids : tuple of str
    edges : float32 (n, n_channels, 16, 16)
    statistics : float32 (n, n_statistics)
    attributes : float32 (n, n_attributes)
    hidden : float32 (n, n_hidden)
    motion : float32 (n, n_motion, 16, 16)
        Zero for what does not move.
    """

    ids: tuple[str, ...]
    edges: Float
    statistics: Float
    attributes: Float
    hidden: Float
    motion: Float

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, index: NDArray[np.int64]) -> Features:
        """Return the stimuli ``index`` (m,)."""
        return Features(
            tuple(self.ids[k] for k in index),
            self.edges[index],
            self.statistics[index],
            self.attributes[index],
            self.hidden[index],
            self.motion[index],
        )


def picture_features(stimuli: Stimuli, bank: Bank, seed: int) -> Features:
    """Measure pictures of 64 x 64.

    Parameters
    ----------
    stimuli : Stimuli
    bank : Bank
    seed : int
        Of the world; draws the hidden features, by the picture's id.

    Raises
    ------
    DataError
        Where pictures have another size.
    """
    _check(stimuli.pixels)
    edges = edge_maps(stimuli.pixels, bank)
    ids = tuple(map(str, stimuli.table["id"]))
    return Features(
        ids,
        edges,
        _statistics(stimuli.pixels, edges),
        _attributes(stimuli.pixels, stimuli.table["category"]),
        _hidden(ids, bank, seed),
        np.zeros((len(ids), len(bank.speeds) * bank.n_directions, MAP_SIDE, MAP_SIDE), np.float32),
    )


def clip_features(
    clips: Sequence[NDArray[np.uint8]], table: pd.DataFrame, bank: Bank, seed: int
) -> Features:
    """Measure clips: the mean over frames of what a picture has, and motion energy.

    Parameters
    ----------
    clips : sequence of uint8 (n_frames, 64, 64, 3)
        Eight frames a second.
    table : DataFrame
        ``id, category``, one row a clip.
    bank, seed
        See :func:`picture_features`.
    """
    parts = []
    for name, category, frames in zip(table["id"], table["category"], clips, strict=True):
        _check(frames)
        edges = edge_maps(frames, bank)
        labels = pd.Series([category] * len(frames))
        still = (edges, _statistics(frames, edges), _attributes(frames, labels))
        means = [part.mean(axis=0, keepdims=True) for part in still]
        hidden = _hidden((str(name),), bank, seed)
        parts.append((*means, hidden, motion_maps(frames, bank)[None]))
    stacked = [np.concatenate(kind) for kind in zip(*parts, strict=True)]
    return Features(tuple(map(str, table["id"])), *stacked)


def edge_maps(pictures: NDArray[np.uint8], bank: Bank) -> Float:
    """Return contrast-normalised energy (n, n_channels, 16, 16) of pictures (n, 64, 64, 3)."""
    light = pictures.astype(np.float32) / 255 - GROUND
    transfers = _transfers(pictures.shape[1], bank)
    energy = np.empty(
        (len(pictures), len(bank.colours), len(transfers), *pictures.shape[1:3]), np.float32
    )
    for k, colour in enumerate(bank.colours):
        channel = light @ np.array(CHANNELS[colour], np.float32)
        spectrum = fft.fft2(channel)
        for m, transfer in enumerate(transfers):
            energy[:, k, m] = np.abs(fft.ifft2(spectrum * transfer))
    energy = energy.reshape(len(pictures), -1, *pictures.shape[1:3])
    energy /= bank.semisaturation + energy.sum(axis=1, keepdims=True)
    return _pool(energy)


def motion_maps(frames: NDArray[np.uint8], bank: Bank) -> Float:
    """Return opponent motion energy (n_speeds * n_directions, 16, 16) of a clip.

    Each filter passes one spatial frequency that drifts in one direction; the energy of the
    opposite direction is taken away (Adelson and Bergen 1985), so that what stands still or
    flickers gives nothing.
    """
    light = frames.mean(axis=3, dtype=np.float32) / 255 - GROUND
    change = light - light.mean(axis=0)
    spectrum = fft.fftn(change)
    n, side = light.shape[:2]
    energy = [
        np.square(np.abs(fft.ifftn(spectrum * drifting))).mean(0)
        for drifting in _drifting(n, side, bank)
    ]
    stack = np.stack(energy).reshape(len(bank.speeds), bank.n_directions, side, side)
    opponent = stack - np.roll(stack, bank.n_directions // 2, axis=1)
    opponent /= 1e-4 + stack.sum(axis=(0, 1))
    pooled: Float = _pool(opponent.reshape(1, -1, side, side).astype(np.float32))[0]
    return pooled


@lru_cache(maxsize=2)  # the same for each clip of a study
def _drifting(n: int, side: int, bank: Bank) -> tuple[NDArray[np.float64], ...]:
    """Filters (n, side, side) by speed and direction, in frequencies."""
    ft, fy, fx = np.meshgrid(*(np.fft.fftfreq(m) for m in (n, side, side)), indexing="ij")
    made = []
    for speed in bank.speeds:
        for k in range(bank.n_directions):
            angle = 2 * np.pi * k / bank.n_directions
            along = fx * np.cos(angle) + fy * np.sin(angle)
            across = fy * np.cos(angle) - fx * np.sin(angle)
            # A pattern that moves by `speed` pixels a frame has f_t = -speed * f_along.
            tuned = np.exp(
                -((along - 0.08) ** 2 + across**2) / (2 * 0.04**2)
                - (ft + speed * along) ** 2 / (2 * 0.06**2)
            )
            made.append(tuned * (along > 0))
    return tuple(made)


@lru_cache(maxsize=2)
def _transfers(side: int, bank: Bank) -> tuple[NDArray[np.float64], ...]:
    """One-sided band-pass filters: the modulus of what they pass is a quadrature pair's energy."""
    fy, fx = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    radius, direction = np.hypot(fx, fy), np.arctan2(fy, fx)
    made = []
    for wavelength in bank.wavelengths:
        centre = 1 / wavelength
        for k in range(bank.n_orientations):
            angle = np.pi * k / bank.n_orientations
            if bank.filters == "gabor":
                away = (fx - centre * np.cos(angle)) ** 2 + (fy - centre * np.sin(angle)) ** 2
                transfer = np.exp(-away / (2 * (0.28 * centre) ** 2))
            else:
                turn = np.angle(np.exp(1j * (direction - angle)))
                ratio = np.log(np.maximum(radius, 1e-9) / centre) / np.log(0.65)
                transfer = np.exp(-(ratio**2) / 2 - turn**2 / (2 * 0.35**2))
            transfer[0, 0] = 0
            made.append(2 * transfer)
    return tuple(made)


def _pool(maps: Float) -> Float:
    """Average maps (n, c, side, side) to (n, c, 16, 16)."""
    n, c, side = maps.shape[:3]
    step = side // MAP_SIDE
    small: Float = maps.reshape(n, c, MAP_SIDE, step, MAP_SIDE, step).mean(axis=(3, 5))
    return small


def _figure(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """What stands out from the grey ground; the middle pixel where nothing does."""
    figure: NDArray[np.bool_] = np.abs(picture.astype(np.int16) - 128).max(axis=2) > 12
    if not figure.any():
        figure[len(figure) // 2, len(figure) // 2] = True
    return figure


def _statistics(pictures: NDArray[np.uint8], edges: Float) -> Float:
    """Shape of the figure (area, second to fourth moments, parts, holes) and texture."""
    shapes = []
    for picture in pictures:
        figure = _figure(picture)
        y, x = (axis / len(figure) - 0.5 for axis in np.nonzero(figure))
        u, v = x - x.mean(), y - y.mean()
        moments = [(u**p * v**q).mean() for p, q in ((2, 0), (1, 1), (0, 2), (3, 0), (0, 3))]
        parts, holes = (ndimage.label(part)[1] for part in (figure, ~figure))
        rim = figure & ~ndimage.binary_erosion(figure)
        kurtosis = (u**4).mean() + (v**4).mean()
        shapes.append([figure.mean(), *moments, kurtosis, np.log(parts), np.log(max(holes, 1)),
                       rim.sum() / np.sqrt(figure.sum())])  # fmt: skip
    flat = edges.reshape(*edges.shape[:2], -1)
    spread = flat.std(axis=2)
    centred = flat - flat.mean(axis=2, keepdims=True)
    neighbours = (centred * np.roll(centred, 1, axis=1)).mean(axis=2)
    return np.concatenate([np.array(shapes), spread, neighbours], axis=1).astype(np.float32)


def _attributes(pictures: NDArray[np.uint8], categories: pd.Series) -> Float:
    """Group, place, symmetry, brightness and hues: a table that no words are behind."""
    rows = []
    for picture, category in zip(pictures, categories, strict=True):
        figure = _figure(picture)
        y, x = np.nonzero(figure)
        grey, inside = picture.mean(axis=2) / 255, rgb2hsv(picture[figure])
        angle = 2 * np.pi * inside[:, 0]
        hues = [
            (inside[:, 1] * wave(k * angle)).mean() for k in (1, 2) for wave in (np.cos, np.sin)
        ]
        rows.append(
            [x.mean() / 64, y.mean() / 64, np.abs(grey - grey[:, ::-1])[figure].mean(),
             np.abs(grey - grey[::-1])[figure].mean(), *inside[:, 1:].mean(axis=0),
             *inside[:, 1:].std(axis=0), *hues]
            + [float(category == group) for group in GROUPS]
        )  # fmt: skip
    return np.array(rows, np.float32)


def _hidden(ids: tuple[str, ...], bank: Bank, seed: int) -> Float:
    drawn = [generator(seed, "hidden", name).normal(size=bank.n_hidden) for name in ids]
    return np.array(drawn, np.float32).reshape(len(ids), bank.n_hidden)


def _check(pictures: NDArray[np.uint8]) -> None:
    if pictures.ndim != 4 or pictures.shape[1:] != (64, 64, 3) or pictures.dtype != np.uint8:
        raise DataError(
            "virtual brains see uint8 pictures of 64 x 64 x 3, got "
            f"{pictures.dtype} {pictures.shape}: resize them first"
        )
