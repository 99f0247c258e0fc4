"""What a person's own files say of the units: where they lie, and in which region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.errors import DataError
from neurodecode.studies.arrays_values import as_text

__all__ = ["Described", "unit_table"]

Described = tuple[NDArray[Any], str]


def unit_table(
    good: NDArray[np.bool_], positions: Described | None, rois: Described | None
) -> pd.DataFrame:
    """Return the table of the units that are kept.

    Parameters
    ----------
    good : bool (n_units,)
        False for units that are masked out.
    positions : (array (n_units, 3), where it was found), optional
        mm.
    rois : (array (n_units,), where it was found), optional
        Names; an empty one is a unit of no region.

    Raises
    ------
    DataError
        Where there are not as many rows as units, or a position is not three finite numbers.
    """
    names = [f"unit-{k:05d}" for k in np.flatnonzero(good)]
    table = pd.DataFrame({"unit": names, "roi": ""})
    if rois is not None:
        values, where = rois
        table["roi"] = _as_many(as_text(values, where, empty=True), len(good), where)[good]
    if positions is not None:
        values, where = positions
        if values.ndim != 2 or values.shape[1] != 3 or values.dtype.kind not in "iuf":
            raise DataError(
                f"{where}: positions must be numbers (n_units, 3) in mm, got {values.dtype} "
                f"{values.shape}"
            )
        mm = _as_many(values.astype(np.float64), len(good), where)[good]
        if not np.isfinite(mm).all():
            raise DataError(f"{where}: {int((~np.isfinite(mm)).any(axis=1).sum())} are not finite")
        table[["x", "y", "z"]] = mm
    return table


def _as_many(values: NDArray[Any], n_units: int, where: str) -> NDArray[Any]:
    if len(values) != n_units:
        raise DataError(f"{where}: {len(values)} rows for {n_units} units; must be as many")
    return values
