"""The study's own features as a target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli, Targets
from neurodecode.errors import ConfigError

__all__ = ["GivenTarget"]


class GivenTarget:
    """Features as the study holds them, one row a stimulus."""

    def embed(self, pictures: NDArray[np.uint8]) -> Float:
        """Raise: features of other pictures than the study's are not known.

        Raises
        ------
        ConfigError
            Always.
        """
        raise ConfigError(
            "targets of kind given are known for the study's own pictures alone, so no drawn "
            "sample can be chosen by them: let reconstruct.choose_by name another target, or set "
            "n_samples: 1"
        )

    def extract(self, stimuli: Stimuli) -> Targets:
        """Return the features of each stimulus.

        Raises
        ------
        ConfigError
            Where the study has none.
        """
        if stimuli.features is None:
            raise ConfigError(
                "targets of kind given need the study's own features: kind arrays with "
                "keys.features"
            )
        ids = tuple(map(str, stimuli.table["id"]))
        return Targets(ids, stimuli.features, (stimuli.features.shape[1],), "given")
