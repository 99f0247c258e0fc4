"""Adjusted p-values: by system, as statsmodels has them."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from neurodecode.evaluate.discovery import with_q


def table(system, p):
    return pd.DataFrame({"subject": "01", "system": system, "source": "decoded", "p": p})


def test_q_equals_statsmodels_within_each_system():
    rng = np.random.default_rng(0)
    one, two = rng.uniform(size=8) ** 3, rng.uniform(size=5)
    q = with_q(pd.concat([table("a", one), table("b", two)], ignore_index=True))["q"]
    assert q[:8].to_numpy() == pytest.approx(multipletests(one, method="fdr_bh")[1])
    assert q[8:].to_numpy() == pytest.approx(multipletests(two, method="fdr_bh")[1])


def test_a_missing_p_has_no_q_and_takes_no_part():
    q = with_q(table("a", [0.01, np.nan, 0.04]))["q"]
    assert q.tolist() == [0.02, pytest.approx(np.nan, nan_ok=True), 0.04]


def test_false_discoveries_among_nulls_stay_at_the_level():
    """Under the global null, any discovery is false: 5 % of families hold one."""
    rng = np.random.default_rng(1)
    hits = [(with_q(table("a", rng.uniform(size=10)))["q"] < 0.05).any() for _ in range(400)]
    assert 0.025 < np.mean(hits) < 0.08
