"""Group claims: peers, coverage, and the published example of prevalence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import ttest_1samp

from neurodecode.errors import DataError
from neurodecode.evaluate.group_inference import prevalence, random_effects


def test_random_effects_equal_scipy():
    values = np.random.default_rng(0).normal(0.6, 0.1, 9)
    ours, peer = random_effects(values, 0.5), ttest_1samp(values, 0.5, alternative="greater")
    low, high = ttest_1samp(values, 0.5).confidence_interval()
    assert (ours.p, ours.mean) == (pytest.approx(peer.pvalue), pytest.approx(values.mean()))
    assert (ours.ci_low, ours.ci_high) == (pytest.approx(low), pytest.approx(high))


def test_equal_scores_have_no_variance_between_people():
    assert random_effects([0.6] * 4, 0.5).p == 0
    assert random_effects([0.5] * 4, 0.5).p == 1


@given(st.integers(2, 30), st.data())
def test_prevalence_is_the_posterior_of_a_flat_prior(n, data):
    k = data.draw(st.integers(0, n))
    found = prevalence([0.01] * k + [0.9] * (n - k))

    def likelihood(gamma):
        theta = 0.05 + 0.95 * gamma
        return theta**k * (1 - theta) ** (n - k)

    peak = max(likelihood(g) for g in np.linspace(0, 1, 201))
    whole = quad(lambda g: likelihood(g) / peak, 0, 1, limit=200)[0]
    for bound, share in ((found.low, 0.025), (found.lower_bound, 0.05), (found.high, 0.975)):
        below = quad(lambda g: likelihood(g) / peak, 0, bound, limit=200)[0]
        assert below / whole == pytest.approx(share, abs=1e-4)
    assert found.low <= found.lower_bound <= found.high
    best = np.linspace(0, 1, 1001)[np.argmax([likelihood(g) for g in np.linspace(0, 1, 1001)])]
    assert found.most_probable == pytest.approx(best, abs=2e-3)


def test_nobody_and_everybody():
    nobody, everybody = prevalence([0.5] * 10), prevalence([0.001] * 10)
    assert (nobody.k, nobody.most_probable) == (0, 0)
    assert everybody.most_probable == 1
    assert everybody.lower_bound > 0.7
    assert nobody.high < 0.35


def test_too_few_subjects_say_nothing_of_people():
    with pytest.raises(DataError, match="three subjects or more, got 2"):
        random_effects([0.5, 0.6], 0.5)
    with pytest.raises(DataError, match="two subjects or more, got 1"):
        prevalence([0.01])
