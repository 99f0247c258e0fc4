"""The latent target: what a decoded img2img start is made of."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli, Targets
from neurodecode.errors import ConfigError
from neurodecode.models.pictures import to_unit
from neurodecode.models.vae import encode, load_diffusers

__all__ = ["LatentTarget"]


class LatentTarget:
    """Mean latents of an autoencoder, scaled, flattened.

    Parameters
    ----------
    weights : str
        ``embedded`` or a folder that ``save_pretrained`` wrote.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights

    @cached_property
    def model(self) -> AutoencoderKL:
        """The network, loaded at first use."""
        return load_diffusers(AutoencoderKL, self.weights, "vae")

    def check(self) -> None:
        """Raise ``MissingWeights`` where the network is not there."""
        self.model  # noqa: B018

    def embed(self, pictures: NDArray[np.uint8]) -> Float:
        """Return (n, c * h * w) of uint8 (n, 64, 64, 3) pictures."""
        latents: Float = encode(self.model, to_unit(pictures)).flatten(1).numpy()
        return latents

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return the latent of each picture.

        Raises
        ------
        ConfigError
            Where pictures are not 64 x 64, the size that the generator draws.
        """
        if stimuli.pixels.shape[1:3] != (64, 64):
            raise ConfigError(
                "targets of kind latent need pictures of 64 x 64, which the generator starts "
                f"from; these are {stimuli.pixels.shape[1]} x {stimuli.pixels.shape[2]}. Leave "
                "the target and `start` out, or save the pictures in that size"
            )
        side = stimuli.pixels.shape[1] // 4
        ids = tuple(map(str, stimuli.table["id"]))
        channels = int(self.model.config.latent_channels)
        return Targets(ids, self.embed(stimuli.pixels), (channels, side, side), "latent")
