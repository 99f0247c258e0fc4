"""Many metrics, one question: the false discovery rate over the scores of one system."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

__all__ = ["with_q"]

FAMILY = ["subject", "system", "source"]


def with_q(scores: pd.DataFrame) -> pd.DataFrame:
    """Add ``q``: p adjusted over all metrics of one subject, system and source.

    Benjamini and Hochberg (1995): among the metrics with q < .05, 5 % at most are false
    discoveries on average (where their p-values are independent or positively dependent). A
    missing p has no q and takes no part.
    """
    q = pd.Series(np.nan, index=scores.index)
    for _, part in scores.groupby(FAMILY):
        p = part["p"].dropna()
        if len(p):
            q[p.index] = false_discovery_control(p, method="bh")
    return scores.assign(q=q)
