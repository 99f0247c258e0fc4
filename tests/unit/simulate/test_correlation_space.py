"""Any vector is a correlation matrix and back: the laws of the parametrisation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neurodecode.errors import DataError
from neurodecode.simulate.correlation_space import (
    correlation_to_log,
    fisher_z,
    log_to_correlation,
    n_regions_of,
)

VECTORS = arrays(np.float64, (2, 10), elements=st.floats(-1.5, 1.5, width=32))


@settings(max_examples=40, deadline=None)
@given(VECTORS)
def test_every_vector_is_a_correlation_matrix_and_comes_back(gamma):
    matrices = log_to_correlation(gamma, tolerance=1e-10)
    assert np.linalg.eigvalsh(matrices).min() > 0
    np.testing.assert_allclose(matrices, matrices.transpose(0, 2, 1), atol=1e-14)
    np.testing.assert_allclose(np.einsum("nii->ni", matrices), 1, atol=1e-12)
    np.testing.assert_allclose(correlation_to_log(matrices), gamma, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.999, 0.999))
def test_for_two_regions_it_is_fishers_z(r):
    matrix = np.array([[[1, r], [r, 1]]])
    np.testing.assert_allclose(correlation_to_log(matrix), [[np.arctanh(r)]], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fisher_z(matrix), [[np.arctanh(r)]])


def test_no_relation_is_the_origin_and_order_does_not_matter():
    np.testing.assert_allclose(log_to_correlation(np.zeros((1, 6))), np.eye(4)[None])
    rng = np.random.default_rng(0)
    gamma = rng.normal(scale=0.5, size=(1, 10))
    matrix = log_to_correlation(gamma, tolerance=1e-12)
    order = rng.permutation(5)
    upper = np.triu_indices(5, 1)
    square = np.zeros((5, 5))
    square[upper] = gamma[0]
    square += square.T
    permuted = log_to_correlation(square[order][:, order][upper][None], tolerance=1e-12)
    np.testing.assert_allclose(permuted[0], matrix[0][order][:, order], atol=1e-9)


def test_a_guess_of_the_diagonal_changes_nothing_but_the_number_of_steps():
    gamma = np.random.default_rng(1).normal(scale=0.4, size=(3, 45))
    plain = log_to_correlation(gamma, tolerance=1e-10)
    guessed = log_to_correlation(gamma, start=np.full(10, -0.7), tolerance=1e-10)
    np.testing.assert_allclose(plain, guessed, atol=1e-9)


def test_mistakes():
    assert n_regions_of(3) == 3
    for n_edges in (0, 2, 4):
        with pytest.raises(DataError, match="upper triangle"):
            n_regions_of(n_edges)
    with pytest.raises(DataError, match="positive definite"):
        correlation_to_log(np.ones((1, 3, 3)))
    with pytest.raises(DataError, match="lower the strengths"):
        log_to_correlation(np.full((1, 10), 300.0))
