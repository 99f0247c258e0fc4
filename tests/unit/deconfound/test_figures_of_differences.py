"""The picture of group differences: what it says, and mistakes."""

import numpy as np
import pytest
from PIL import Image

from neurodecode.deconfound.figures import draw_differences, error_of
from neurodecode.errors import DataError


def test_error_and_correlation():
    true = np.array([1.0, -1.0, 2.0, 0.0])
    assert error_of(true, true) == pytest.approx((0, 1))
    assert error_of(0 * true + [0, 0, 0, 1e-9], true)[0] == pytest.approx(1)
    assert error_of(2 * true, true) == pytest.approx((1, 1))


def test_the_same_difference_is_drawn_alike(tmp_path):
    true = np.random.default_rng(0).normal(size=45)
    draw_differences(true, {"same": true, "none": 0 * true + 1e-6 * true}, tmp_path / "d.png",
                     title="M - F", order=np.arange(10)[::-1])  # fmt: skip
    pixels = np.asarray(Image.open(tmp_path / "d.png").convert("RGB"), dtype=int)
    # Strong colours stand in the first two panels and not in the third.
    strong = (np.ptp(pixels, axis=2) > 100).sum(axis=0)
    thirds = [part.sum() for part in np.array_split(strong[: int(len(strong) * 0.86)], 3)]
    assert thirds[0] == pytest.approx(thirds[1], rel=0.2)
    assert thirds[2] < 0.1 * thirds[0]


def test_edges_of_other_matrices_are_refused(tmp_path):
    with pytest.raises(DataError, match="half are of other edges"):
        draw_differences(np.ones(10), {"half": np.ones(6)}, tmp_path / "d.png", title="")
    with pytest.raises(DataError, match="upper triangle"):
        draw_differences(np.ones(11), {}, tmp_path / "d.png", title="")
    assert not (tmp_path / "d.png").exists()
