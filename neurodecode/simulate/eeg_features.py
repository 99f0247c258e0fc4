"""What the sources of an EEG answer to: the edges, attributes and hidden numbers of `features`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli
from neurodecode.errors import ConfigError
from neurodecode.simulate.features import MAP_SIDE, picture_features
from neurodecode.simulate.world import WORLDS, Bank

__all__ = ["BANKS", "EegFeatures", "eeg_features"]

# The same brains: the banks with which the worlds of fMRI see.
BANKS: Mapping[str, Bank] = {"gabor": WORLDS["realistic"].bank, "colour": WORLDS["world-B"].bank}
N_EDGES = 24
PARTS = 4


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
    hidden : float32 (n, n_hidden)
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
        ``gabor``: energy of edges in 4 x 4 parts of the picture, and attributes. ``colour``: the
        same of the other bank, which sees two opponent colours too, and the attributes'
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
    seen = picture_features(stimuli, BANKS[bank], seed)
    side = MAP_SIDE // PARTS
    maps = seen.edges.reshape(len(seen), -1, PARTS, side, PARTS, side).mean(axis=(3, 5))
    attributes = _standard(seen.attributes, train)
    if bank == "colour":
        attributes = np.abs(attributes)
    return EegFeatures(
        seen.ids,
        _unit_variance(_components(maps.reshape(len(seen), -1), train), train),
        _unit_variance(attributes, train),
        _unit_variance(seen.hidden, train),
    )


def _components(values: Float, train: NDArray[np.bool_]) -> Float:
    """Project on the first principal components of the training pictures."""
    mean = values[train].mean(axis=0)
    _, _, axes = np.linalg.svd(values[train] - mean, full_matrices=False)
    projected: Float = ((values - mean) @ axes[:N_EDGES].T).astype(np.float32)
    return projected


def _standard(values: Float, train: NDArray[np.bool_]) -> Float:
    """Columns of mean 0 and SD 1 over the training pictures; what does not vary there stays 0."""
    spread = values[train].std(axis=0)
    scaled: Float = (values - values[train].mean(axis=0)) / np.where(spread > 1e-6, spread, np.inf)
    return scaled


def _unit_variance(values: Float, train: NDArray[np.bool_]) -> Float:
    centred = values - values[train].mean(axis=0)
    return np.asarray(centred / np.sqrt((centred[train] ** 2).sum(axis=1).mean()), np.float32)
