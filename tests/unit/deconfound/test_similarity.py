"""Deconfounded similarity: closed forms, slow references, and what it must find."""

import os
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rsatoolbox.rdm import RDMs, compare
from scipy.io import loadmat
from scipy.stats import spearmanr

from neurodecode.deconfound.similarity import (
    cka,
    dcka,
    demographic_kernels,
    drsa,
    kernels_of,
    linear_kernel,
    match_kernel,
    rbf_kernel,
    rdms_of,
    residual_kernel,
    residual_rdms,
)
from neurodecode.errors import DataError

BRAINS = Path(
    os.environ.get("NEURODECODE_RECORDINGS", "recordings"), "kriegeskorte92", "92_brainRDMs.mat"
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def features(rng, n=12, d=5):
    return rng.normal(size=(n, d))


def test_plain_cka_is_the_formula_in_features(rng):
    x, y = features(rng), features(rng, d=7)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    expected = np.sum((y.T @ x) ** 2) / np.sqrt(np.sum((x.T @ x) ** 2) * np.sum((y.T @ y) ** 2))
    assert cka(linear_kernel(x), linear_kernel(y), debiased=False) == pytest.approx(expected)


def u_statistic(k, l):  # noqa: E741
    """The unbiased estimate by its definition: all ordered choices of four different items."""
    total = [
        k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in permutations(range(len(k)), 4)
    ]
    return np.mean(total)


def test_debiased_cka_is_the_u_statistic(rng):
    k, l = linear_kernel(features(rng, 7)), linear_kernel(features(rng, 7))  # noqa: E741
    expected = u_statistic(k, l) / np.sqrt(u_statistic(k, k) * u_statistic(l, l))
    assert cka(k, l) == pytest.approx(expected)


def test_plain_cka_of_unrelated_features_is_high_and_the_debiased_is_zero(rng):
    pairs = [(linear_kernel(features(rng, 20, 200)), linear_kernel(features(rng, 20, 200)))
             for _ in range(40)]  # fmt: skip
    assert np.mean([cka(*pair, debiased=False) for pair in pairs]) > 0.8
    assert abs(np.mean([cka(*pair) for pair in pairs])) < 0.05


def test_debiased_cka_does_not_see_the_diagonal(rng):
    k, l = linear_kernel(features(rng)), linear_kernel(features(rng))  # noqa: E741
    assert cka(k + np.diag(rng.random(12)), l) == pytest.approx(cka(k, l))


@given(st.integers(0, 1000), st.booleans(), st.floats(0.1, 10))
def test_cka_is_symmetric_one_with_itself_and_free_of_scale_and_rotation(seed, debiased, scale):
    rng = np.random.default_rng(seed)
    x, k = features(rng), linear_kernel(features(rng))
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    moved = linear_kernel(scale * x @ turn + 3)
    value = cka(linear_kernel(x), k, debiased=debiased)
    assert cka(k, linear_kernel(x), debiased=debiased) == pytest.approx(value)
    assert cka(moved, k, debiased=debiased) == pytest.approx(value)
    assert cka(moved, moved, debiased=debiased) == pytest.approx(1)


def test_regression_sees_the_entries_off_the_diagonal_alone(rng):
    known = linear_kernel(features(rng))
    kernel = 2 + 3 * known + np.diag(rng.random(12)) + 0.1 * linear_kernel(features(rng))
    left = residual_kernel(kernel, known[None])
    off = ~np.eye(12, dtype=bool)
    slope, offset = np.polyfit(known[off], kernel[off], 1)
    assert np.allclose(left, kernel - offset - slope * known)
    assert left[off].mean() == pytest.approx(0, abs=1e-12)
    assert np.corrcoef(left[off], known[off])[0, 1] == pytest.approx(0, abs=1e-10)


def test_two_representations_that_share_the_confounder_alone_are_not_alike(rng):
    found = []
    for _ in range(30):
        shared = linear_kernel(features(rng, 40))
        a, b = (shared + 0.5 * linear_kernel(features(rng, 40)) for _ in range(2))
        found.append([cka(a, b), dcka(a, b, shared[None]), dcka(a, b, shared[None], clip=True)])
    plain, without, clipped = np.mean(found, axis=0)
    assert plain > 0.6
    assert abs(without) < 0.03
    assert abs(clipped) < 0.03


def test_what_two_representations_share_besides_is_kept(rng):
    shared, common = features(rng, 40), linear_kernel(features(rng, 40))
    a, b = (linear_kernel(shared) + common + 0.2 * linear_kernel(features(rng, 40))
            for _ in range(2))  # fmt: skip
    assert dcka(a, b, linear_kernel(shared)[None]) > 0.8


def test_clipping_gives_a_kernel(rng):
    known, kernel = linear_kernel(features(rng)), linear_kernel(features(rng))
    assert np.linalg.eigvalsh(residual_kernel(kernel, known[None])).min() < -1e-6
    assert np.linalg.eigvalsh(residual_kernel(kernel, known[None], clip=True)).min() > -1e-9


def test_kernel_and_distances_tell_the_same(rng):
    kernel = linear_kernel(features(rng))
    rdms = rdms_of(kernel[None], ["a"])
    x = features(rng)
    distances = ((x[:, None] - x) ** 2).sum(axis=2)
    assert np.allclose(kernels_of(rdms)[0], kernel)
    assert np.allclose(kernels_of(RDMs(distances[None]))[0], linear_kernel(x))


def test_drsa_is_spearman_of_residuals_and_rsatoolbox_agrees_without_confounding(rng):
    a, b, c = (rdms_of(linear_kernel(features(rng, 20))[None], ["x"]) for _ in range(3))
    design = np.column_stack([np.ones(190), c.get_vectors()[0]])

    def residual(rdm):
        y = rdm.get_vectors()[0]
        return y - design @ np.linalg.solve(design.T @ design, design.T @ y)

    assert drsa(a, b, c)[0, 0] == pytest.approx(spearmanr(residual(a), residual(b)).statistic)
    nothing = RDMs(np.zeros((1, 190)))
    assert drsa(a, b, nothing)[0, 0] == pytest.approx(compare(a, b, method="spearman")[0, 0])
    assert residual_rdms(a, c).rdm_descriptors["name"] == ["x"]


def test_demographic_confounders():
    people = pd.DataFrame({"age": [20.0, 30.0, 50.0], "sex": ["F", "M", "F"]})
    age, sex = demographic_kernels(people)
    spread = np.std([20, 30, 50])
    assert age[0, 1] == pytest.approx(np.exp(-(10**2) / (2 * spread**2)))
    assert np.array_equal(sex, [[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    assert np.array_equal(match_kernel([1, 2, 1]), match_kernel(["a", "b", "a"]))
    with pytest.raises(DataError, match="age is missing for 1 of 3"):
        demographic_kernels(people.assign(age=[20, np.nan, 50]))


def test_people_of_one_site_look_alike_until_the_site_is_removed(rng):
    site = rng.integers(2, size=60)
    shift = 2 * rng.normal(size=(2, 2, 30))
    a, b = (linear_kernel(shift[k][site] + rng.normal(size=(60, 30))) for k in range(2))
    known = demographic_kernels(pd.DataFrame({"site": site.astype(str)}))
    assert cka(a, b) > 0.5
    assert abs(dcka(a, b, known)) < 0.1


def test_mistakes_are_explained(rng):
    k, small = linear_kernel(features(rng)), linear_kernel(features(rng, 3))
    with pytest.raises(DataError, match="of the same items"):
        dcka(k, k, small[None])
    with pytest.raises(DataError, match="nothing is left"):
        residual_kernel(2 * k + 1, k[None])
    with pytest.raises(DataError, match="missing or infinite"):
        residual_kernel(np.where(k > 0, k, np.nan), k[None])
    with pytest.raises(DataError, match="same items"):
        cka(k, small)
    with pytest.raises(DataError, match="four or more"):
        cka(small, small)
    with pytest.raises(DataError, match="the same for all pairs"):
        cka(np.ones((5, 5)), np.ones((5, 5)), debiased=False)
    with pytest.raises(DataError, match="differ between items"):
        rbf_kernel([30, 30, 30])


@pytest.mark.skipif(not BRAINS.exists(), reason=f"no {BRAINS}: set NEURODECODE_RECORDINGS")
def test_real_brains_stay_alike_without_early_vision():
    models = loadmat(BRAINS.with_name("92_modelRDMs.mat"), simplify_cells=True)["Models"]
    known = RDMs(np.stack([m["RDM"] for m in models if m["name"] in ("V1", "Silhouette")]))
    brains = loadmat(BRAINS, simplify_cells=True)["RDMs"]
    people = RDMs(np.stack([np.mean([s.RDM for s in person], axis=0) for person in brains]))
    between = np.triu_indices(4, 1)
    assert drsa(people, people, known)[between].min() > 0.15
