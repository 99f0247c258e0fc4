"""The picture of group differences: what it says, and mistakes."""

import base64
import io

import numpy as np
import pytest
from nilearn.connectome import sym_matrix_to_vec
from PIL import Image

from neurodecode.deconfound.contrasts import error_of
from neurodecode.errors import DataError
from neurodecode.report.differences import _matrix, difference_panel, draw_differences


def test_error_and_correlation():
    true = np.array([1.0, -1.0, 2.0, 0.0])
    assert error_of(true, true) == pytest.approx((0, 1))
    assert error_of(0 * true + [0, 0, 0, 1e-9], true)[0] == pytest.approx(1)
    assert error_of(2 * true, true) == pytest.approx((1, 1))


def test_the_same_difference_is_drawn_alike():
    true = np.random.default_rng(0).normal(size=45)
    fold = (true, {"same": true, "none": 1e-6 * true})
    part = difference_panel("sex: M minus F", [fold], "upper")
    assert part.heading == "sex: M minus F"
    assert [row[2:] for row in part.rows[1:]] == [("0.00", "1.00"), ("1.00", "1.00")]
    png = base64.b64decode(part.picture)
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)
    # Strong colours stand in the first two panels and not in the third.
    strong = (np.ptp(pixels, axis=2) > 100).sum(axis=0)
    thirds = [part.sum() for part in np.array_split(strong[: int(len(strong) * 0.86)], 3)]
    assert thirds[0] == pytest.approx(thirds[1], rel=0.2)
    assert thirds[2] < 0.1 * thirds[0]


def test_both_halves_make_the_same_matrix():
    matrix = np.random.default_rng(0).normal(size=(6, 6))
    matrix = matrix + matrix.T
    np.fill_diagonal(matrix, 0)
    lower = sym_matrix_to_vec(matrix, discard_diagonal=True)  # the order of connectivity features
    np.testing.assert_allclose(_matrix(lower, 6, "lower"), matrix)
    np.testing.assert_allclose(_matrix(matrix[np.triu_indices(6, 1)], 6, "upper"), matrix)


def test_without_a_matrix_there_are_numbers_alone():
    true = np.arange(1.0, 8.0)
    part = difference_panel("age", [(true, {"x": true})], None)
    assert part.picture == ""
    assert part.rows[1:] == (("x", "0.000", "0.00", "1.00"),)


def test_edges_of_other_matrices_are_refused():
    with pytest.raises(DataError, match="half are of other edges"):
        draw_differences(np.ones(10), {"half": np.ones(6)}, title="")
    with pytest.raises(DataError, match="upper triangle"):
        draw_differences(np.ones(11), {}, title="")


def test_errors_are_averaged_and_not_differences():
    rng = np.random.default_rng(0)
    true, wrong = np.arange(1.0, 11.0), rng.normal(size=10)
    folds = [(true, {"x": true + wrong}), (true, {"x": true - wrong})]
    ((_, error, _, _),) = difference_panel("age", folds, None).rows[1:]
    assert error == f"{np.sqrt((wrong**2).mean()):.3f}"
