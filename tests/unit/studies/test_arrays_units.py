"""Positions and regions of units in a person's own files."""

import numpy as np
import pytest

from neurodecode.errors import DataError
from neurodecode.studies.arrays_units import unit_table

GOOD = np.array([True, False, True])
MM = np.arange(9).reshape(3, 3)


def test_units_that_are_masked_out_take_their_places_with_them():
    table = unit_table(GOOD, (MM, "p"), (np.array(["V1", "V2", ""]), "r"))
    assert table["unit"].tolist() == ["unit-00000", "unit-00002"]
    assert table["roi"].tolist() == ["V1", ""]
    np.testing.assert_array_equal(table[["x", "y", "z"]], MM[GOOD])


def test_nothing_is_made_up():
    table = unit_table(GOOD, None, None)
    assert list(table) == ["unit", "roi"]
    assert (table["roi"] == "").all()


@pytest.mark.parametrize(
    ("positions", "rois", "message"),
    [
        (MM[:2], None, "p: 2 rows for 3 units"),
        (MM[:, :2], None, r"p: positions must be numbers \(n_units, 3\)"),
        (np.where(MM == 6, np.nan, MM), None, "p: 1 are not finite"),
        (None, np.array(["V1"]), "r: 1 rows for 3 units"),
    ],
)
def test_what_does_not_fit_is_refused(positions, rois, message):
    with pytest.raises(DataError, match=message):
        unit_table(
            GOOD,
            None if positions is None else (positions, "p"),
            None if rois is None else (rois, "r"),
        )
