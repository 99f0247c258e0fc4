"""From arrays as people save them to what the stages read: texts, indices, features, responses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.errors import ConfigError, DataError, DataWarning

__all__ = ["as_features", "as_mask", "as_responses", "as_rows", "as_text", "vector"]


def vector(values: NDArray[Any], where: str) -> NDArray[Any]:
    """Return a vector as (n,); MATLAB's are (1, n) or (n, 1).

    Raises
    ------
    DataError
        Where it is no vector.
    """
    if values.ndim == 0 or values.size != max(values.shape):
        raise DataError(f"{where}: must be a vector, one value a row, got shape {values.shape}")
    return values.reshape(-1)


def as_text(values: NDArray[Any], where: str, *, empty: bool = False) -> NDArray[np.str_]:
    """Return names (n,) as text: 1, 1.0 and "1" are one name; spaces around are dropped.

    ``empty`` says whether a name may be missing.

    Raises
    ------
    DataError
        Where a name is empty, not finite or ``n/a`` (which tables keep for what is missing).
    """
    flat = vector(values, where)
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise DataError(f"{where}: {int((~np.isfinite(flat)).sum())} values are not finite")
    if flat.dtype.kind == "U":
        names = [str(name).strip() for name in flat]
    else:
        names = [str(int(x)) if float(x).is_integer() else f"{float(x):.9g}" for x in flat]
    bad = [k for k, name in enumerate(names) if name == "n/a" or not (name or empty)]
    if bad:
        raise DataError(
            f"{where}: {len(bad)} names are empty or 'n/a', the first at row {bad[0]} (from 0)"
        )
    return np.array(names, dtype=str)


def as_rows(
    values: NDArray[Any], n_rows: int, base: int | None, where: str, *, of: str
) -> NDArray[np.int64]:
    """Return indices (n,) that count from 0.

    Parameters
    ----------
    values : vector
    n_rows : int
        Rows that are pointed into.
    base : int or None
        0 or 1, as the YAML declares.
    where, of : str
        Words for errors.

    Raises
    ------
    ConfigError
        Where the base is not declared.
    DataError
        Where an index is no whole number or out of range.
    """
    if base is None:
        raise ConfigError(
            f"{where}: say in data.index_base whether it counts from 0 or from 1; it is never "
            "guessed"
        )
    flat = vector(values, where)
    if flat.dtype.kind not in "iuf" or not (np.isfinite(flat) & (flat == np.floor(flat))).all():
        raise DataError(f"{where}: indices must be whole numbers, got {flat.dtype}")
    rows = flat.astype(np.int64) - base
    out = np.flatnonzero((rows < 0) | (rows >= n_rows))
    if len(out):
        raise DataError(
            f"{where}: {len(out)} indices are out of range, first {rows[out[0]] + base} at row "
            f"{out[0]} (from 0); with index_base {base} and {n_rows} {of} they must be {base} to "
            f"{n_rows - 1 + base}"
        )
    return rows


def as_mask(values: NDArray[Any], n_trials: int, base: int | None, where: str) -> NDArray[np.bool_]:
    """Return which trials (n_trials,) an array of indices, or a mask, picks.

    A mask is of truth values, or 0 and 1 for every trial (MATLAB's logical arrays), which cannot
    be indices, since each trial may be named once.

    Raises
    ------
    DataError
        Where a mask has another length, or an index is out of range or named twice.
    """
    flat = vector(values, where)
    zeros_and_ones = flat.dtype.kind in "iuf" and len(flat) == n_trials > 2
    if flat.dtype.kind == "b" or (zeros_and_ones and set(np.unique(flat)) <= {0, 1}):
        if len(flat) != n_trials:
            raise DataError(f"{where}: a mask of {len(flat)} for {n_trials} trials")
        return flat.astype(bool)
    rows = as_rows(flat, n_trials, base, where, of="trials")
    if len(np.unique(rows)) < len(rows):
        raise DataError(f"{where}: {len(rows) - len(np.unique(rows))} trials are named twice")
    mask = np.zeros(n_trials, dtype=bool)
    mask[rows] = True
    return mask


def as_features(values: NDArray[Any], where: str) -> Float:
    """Return features float32 (n, d).

    Raises
    ------
    DataError
        Where they are no finite numbers in two axes.
    """
    if values.dtype.kind not in "biuf" or values.ndim != 2:
        raise DataError(f"{where}: must be numbers (n, d), got {values.dtype} {values.shape}")
    with np.errstate(over="ignore"):
        features = np.array(values, np.float32)
    if not np.isfinite(features).all():
        raise DataError(
            f"{where}: {int((~np.isfinite(features)).sum())} of {features.size} values are not "
            "finite"
        )
    return features


def as_responses(values: NDArray[Any], where: str) -> tuple[Float, NDArray[np.bool_]]:
    """Return responses float32 (n_trials, n_good) and which units (n_units,) were kept.

    Raises
    ------
    DataError
        Where they are no numbers in two axes, or no unit is of use.

    Warns
    -----
    DataWarning
        Where units are masked out: not finite in some trial, or constant.
    """
    if values.dtype.kind not in "iuf" or values.ndim != 2 or 0 in values.shape:
        raise DataError(
            f"{where}: must be numbers (n_trials, n_units), got {values.dtype} {values.shape}"
        )
    with np.errstate(over="ignore"):
        data = np.asarray(values, np.float32)
    finite = np.isfinite(data).all(axis=0)
    constant = finite & (data.max(axis=0) == data.min(axis=0))
    good = finite & ~constant
    counts = (
        f"{int((~finite).sum())} units with values that are not finite and {int(constant.sum())} "
        f"constant ones of {good.size}"
    )
    if not good.any():
        lost = np.flatnonzero(~np.isfinite(data).any(axis=1))
        hint = (
            f"; {len(lost)} trials hold no finite value, first row {lost[0]}" if len(lost) else ""
        )
        raise DataError(f"{where}: no unit has finite values that change ({counts}{hint})")
    if not good.all():
        warnings.warn(f"{where}: {counts} were masked out", DataWarning, stacklevel=2)
        data = data[:, good]
    return np.ascontiguousarray(data), good
