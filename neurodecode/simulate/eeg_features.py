"""What the sources of an EEG answer to: low-level features, attributes and hidden ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli
from neurodecode.errors import ConfigError
from neurodecode.seeds import generator
from neurodecode.simulate.attributes import attribute_table
from neurodecode.simulate.gabor import gabor_maps

__all__ = ["BANKS", "N_HIDDEN", "EegFeatures", "eeg_features"]

BANKS = ("gabor", "colour")
N_EDGES = 24
N_HIDDEN = 12
# Luminance, red against green, blue against yellow.
OPPONENT = np.array([[1, 1, 1], [1, -1, 0], [-0.5, -0.5, 1]], np.float32)


@dataclass(frozen=True)
class EegFeatures:
    """Features of pictures.

    Attributes
    ----------
    ids : tuple of str
    edges : float32 (n, 24)
        Principal components of low-level maps; together of unit variance.
    attributes : float32 (n, d)
        Together of unit variance.
    hidden : float32 (n, 12)
        Drawn by the picture's id: no function of its pixels, name or group.
    """

    ids: tuple[str, ...]
    edges: Float
    attributes: Float
    hidden: Float

    def __len__(self) -> int:
        return len(self.ids)


def eeg_features(stimuli: Stimuli, bank: str, seed: int) -> EegFeatures:
    """Measure pictures of 64 x 64.

    Parameters
    ----------
    stimuli : Stimuli
        All pictures of the world; features are centred over those of ``set`` ``train``.
    bank : str
        ``gabor``: contrast-normalised Gabor energy in 4 x 4 parts of the picture, and the table of
        attributes. ``colour``: luminance and opponent colours in 8 x 8 parts, and the attributes'
        magnitudes.
    seed : int
        Of the world.

    Raises
    ------
    ConfigError
        Where there is no such bank.
    """
    if bank not in BANKS:
        raise ConfigError(f"bank: must be one of {', '.join(BANKS)}; got {bank!r}")
    train = (stimuli.table["set"] == "train").to_numpy()
    attributes = attribute_table(stimuli).to_numpy(np.float32)
    if bank == "gabor":
        maps = gabor_maps(stimuli.pixels)
        low = maps.reshape(len(maps), -1, 4, 4, 4, 4).mean(axis=(3, 5)).reshape(len(maps), -1)
    else:
        light = stimuli.pixels.astype(np.float32) / 255 - 128 / 255
        parts = light.reshape(len(light), 8, 8, 8, 8, 3).mean(axis=(2, 4))
        low = (parts @ OPPONENT.T).reshape(len(light), -1)
        attributes = np.abs(attributes)
    ids = tuple(map(str, stimuli.table["id"]))
    hidden = [generator(seed, "hidden", name).normal(size=N_HIDDEN) for name in ids]
    return EegFeatures(
        ids,
        _unit_variance(_components(low, train), train),
        _unit_variance(attributes, train),
        _unit_variance(np.array(hidden, np.float32), train),
    )


def _components(values: Float, train: NDArray[np.bool_]) -> Float:
    """Project on the first principal components of the training pictures."""
    mean = values[train].mean(axis=0)
    _, _, axes = np.linalg.svd(values[train] - mean, full_matrices=False)
    projected: Float = ((values - mean) @ axes[:N_EDGES].T).astype(np.float32)
    return projected


def _unit_variance(values: Float, train: NDArray[np.bool_]) -> Float:
    centred = values - values[train].mean(axis=0)
    return np.asarray(centred / np.sqrt((centred[train] ** 2).sum(axis=1).mean()), np.float32)
