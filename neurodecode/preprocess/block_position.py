"""A control without brain data: the position of a block in its run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neurodecode.contracts import Recording, Responses
from neurodecode.preprocess.trials import need_recording, trial_table

__all__ = ["BlockPosition"]


class BlockPosition:
    """One-hot position of each block in its run.

    Where it decodes above chance, the order of the blocks tells the category, and a slow drift
    of the signal could too.
    """

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return (n_trials, longest run's number of blocks), zeros and ones."""
        trials = trial_table(need_recording(data, "block_position"))
        position = trials.groupby("run").cumcount().to_numpy()
        one_hot = np.eye(position.max() + 1, dtype=np.float32)[position]
        units = pd.DataFrame({"unit": [f"position_{k}" for k in range(one_hot.shape[1])]})
        return Responses(one_hot, trials, units.assign(roi="none"))
