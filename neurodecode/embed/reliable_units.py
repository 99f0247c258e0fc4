"""Units that answer alike to the same stimulus: chosen by split halves of the training repeats.

Reliability-based voxel selection (Tarhan and Konkle 2020, NeuroImage 207, 116350), as a step of a
decoder: fitted a fold, from training trials alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Responses
from neurodecode.errors import DataError
from neurodecode.preprocess.noise_ceiling import repeated, split_half

__all__ = ["ReliableUnits"]

BLOCK = 1024
"""Units whose trials are arranged at a time: bounds the memory."""


class ReliableUnits:
    """Choice of units by their reliability.

    Parameters
    ----------
    minimum : float or None
        Least reliability of a stimulus' mean over its training repeats: r between half-means, by
        Spearman and Brown's formula; None keeps all units.

    Attributes
    ----------
    reliability_ : float64 (n_units,)
    kept_ : bool (n_units,)
    """

    def __init__(self, minimum: float | None) -> None:
        self.minimum = minimum

    def fit(self, responses: Responses, train: NDArray[np.bool_]) -> Self:
        """Choose by the training trials ``train`` (n_trials,).

        Raises
        ------
        DataError
            Where too few stimuli are repeated among them, or no unit is reliable enough.
        """
        if self.minimum is None:
            return self
        n_units = responses.data.shape[1]
        trials = responses.trials[train]
        shown = trials["stimulus"].where(trials["stimulus"] != "", trials["category"])
        names = shown.to_numpy(dtype=str)
        data = responses.data[train]
        self.reliability_ = np.full(n_units, np.nan)
        for start in range(0, n_units, BLOCK):
            some = slice(start, start + BLOCK)
            arranged = repeated(data[:, some], names)
            if len(arranged) < 3:
                raise DataError(
                    f"min_reliability: {len(arranged)} stimuli are repeated among the training "
                    "trials; split halves need 3 or more. Leave it out"
                )
            # The same halves in every block of units.
            self.reliability_[some] = split_half(arranged, np.random.default_rng(0)).values
        self.kept_ = self.reliability_ >= self.minimum
        if not self.kept_.any():
            raise DataError(
                f"min_reliability: none of {n_units} units reaches {self.minimum:g}; the best has "
                f"{np.nanmax(self.reliability_):.2f}"
            )
        return self

    def select(self, responses: Responses) -> Responses:
        """Return the responses of the units that are kept."""
        if self.minimum is None:
            return responses
        units = responses.units.iloc[np.flatnonzero(self.kept_)].reset_index(drop=True)
        return replace(responses, data=responses.data[:, self.kept_], units=units)

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        return {} if self.minimum is None else {"kept_units": self.kept_}
