"""What is done to channels before decoding, fold by fold: alignment, then noise normalisation."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Responses
from neurodecode.embed.alignment import SessionAlignment
from neurodecode.embed.noise_normalisation import NoiseNormalisation
from neurodecode.embed.settings import DecoderSettings

__all__ = ["ChannelSteps"]


class ChannelSteps:
    """The steps that a decoder's settings ask for.

    Parameters
    ----------
    settings : DecoderSettings

    Attributes
    ----------
    alignment_ : SessionAlignment
    noise_ : NoiseNormalisation
    """

    def __init__(self, settings: DecoderSettings) -> None:
        self.settings = settings

    def fit(self, responses: Responses, train: NDArray[np.bool_]) -> Self:
        """Learn from the training trials ``train`` (n_trials,)."""
        self.alignment_ = SessionAlignment(enabled=self.settings.alignment).fit(responses, train)
        aligned = self.alignment_.transform(responses, train)
        self.noise_ = NoiseNormalisation(enabled=self.settings.noise_normalisation)
        self.noise_.fit(aligned, train)
        return self

    def transform(self, responses: Responses, rows: NDArray[np.bool_]) -> Float:
        """Return the responses of some trials."""
        return self.noise_.transform(self.alignment_.transform(responses, rows), rows)

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        return {**self.alignment_.state(), **self.noise_.state()}
