"""Similarity of representations without what confounders explain: dRSA and dCKA.

A representation of n items (pictures, people) is a kernel K or a representational dissimilarity
matrix D, both (n, n); they tell the same,

    K = -H D H / 2,    D_ij = K_ii + K_jj - 2 K_ij,    H = I - 1 1' / n

where D is squared Euclidean, as ``1 - correlation`` is up to a factor (Gower 1966, Biometrika 53,
325). Confounders are similarities of the same items: low-level likeness of pictures, age, sex or
site of people. Each is regressed out of the entries off the diagonal, for i < j, together (Cui,
Kumar, Marttinen, Kaski 2022, Deconfounded Representation Similarity, NeurIPS):

    K_ij = b_0 + sum_c b_c C_c,ij + e_ij

The diagonal is not fitted: how like an item is to itself says nothing about confounding.

- dRSA: a correlation (Spearman's, by default) of the residuals of two dissimilarity matrices.
- dCKA: <K1', K2'> / sqrt(<K1', K1'> <K2', K2'>) of centred residual kernels K' = K - sum_c b_c C_c,
  the diagonal treated alike. The plain form is pushed up where items are few, even between
  unrelated representations; the debiased one replaces every inner product by its unbiased estimate
  (Song et al. 2012, JMLR 13, 1393, equation 4; Nguyen, Raghu, Kornblith 2021, ICLR) and never sees
  a diagonal.

K' can have negative eigenvalues: it is then no kernel. ``clip`` sets them to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from neurodecode.errors import DataError

if TYPE_CHECKING:
    from rsatoolbox.rdm import RDMs

__all__ = [
    "cka",
    "dcka",
    "demographic_kernels",
    "drsa",
    "kernels_of",
    "linear_kernel",
    "match_kernel",
    "rbf_kernel",
    "rdms_of",
    "residual_kernel",
    "residual_rdms",
]

Array = NDArray[np.float64]
SMALLEST = 1e-10
"""Share of variance below which nothing is left of a similarity but rounding."""


def linear_kernel(features: ArrayLike) -> Array:
    """Return the centred linear kernel, (n, n), of features (n, ...)."""
    rows = np.asarray(features, dtype=float)
    rows = rows.reshape(len(rows), -1)
    rows = rows - rows.mean(axis=0)
    return np.asarray(rows @ rows.T)


def rbf_kernel(values: ArrayLike, width: float | None = None) -> Array:
    """Return exp(-(a - b)^2 / (2 width^2)), (n, n), of numbers (n,) such as age.

    Parameters
    ----------
    values : (n,)
    width : float, optional
        In the units of the values; by default their standard deviation.

    Raises
    ------
    DataError
        Where a value is missing or all are the same.
    """
    numbers = np.asarray(values, dtype=float)
    spread = numbers.std() if width is None else width
    if not np.isfinite(numbers).all() or not spread > 0:
        raise DataError("confounder: must be finite numbers that differ between items")
    return np.asarray(np.exp(-((numbers[:, None] - numbers) ** 2) / (2 * spread**2)))


def match_kernel(levels: ArrayLike) -> Array:
    """Return 1 where two items have the same level (sex, site), 0 elsewhere, (n, n)."""
    names = np.asarray(levels).astype(str)
    return np.asarray(names[:, None] == names, dtype=float)


def demographic_kernels(demographics: pd.DataFrame) -> Array:
    """Return one confounding kernel a column, (n_columns, n_people, n_people).

    Numbers (age) give :func:`rbf_kernel`, all else :func:`match_kernel`.

    Raises
    ------
    DataError
        Where a value is missing.
    """
    from neurodecode.deconfound.demographics import check_table

    check_table(demographics)
    kernels = []
    for name in demographics.columns:
        column = demographics[name]
        numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        kernels.append(rbf_kernel(column) if numeric else match_kernel(column))
    return np.stack(kernels)


def kernels_of(rdms: RDMs) -> Array:
    """Return the centred kernels, (n_rdm, n, n), of squared Euclidean or correlation distances."""
    matrices = np.asarray(rdms.get_matrices(), dtype=float)
    centred: Array = matrices - matrices.mean(axis=1, keepdims=True)
    return np.asarray(-(centred - centred.mean(axis=2, keepdims=True)) / 2)


def rdms_of(kernels: ArrayLike, names: Sequence[str]) -> RDMs:
    """Return the squared Euclidean distances, an rsatoolbox object, of kernels (n_rdm, n, n)."""
    from rsatoolbox.rdm import RDMs

    values = np.asarray(kernels, dtype=float)
    diagonal = np.einsum("kii->ki", values)
    distances = diagonal[:, :, None] + diagonal[:, None, :] - 2 * values
    row, column = np.triu_indices(values.shape[1], 1)
    return RDMs(
        distances[:, row, column],
        dissimilarity_measure="squared euclidean",
        rdm_descriptors={"name": list(names)},
    )


def _regress(vectors: Array, confounders: Array) -> tuple[Array, Array]:
    """Return slopes (m, 1 + n_confounders) and residuals (m, n_pairs) of rows of similarities."""
    if vectors.shape[1] != confounders.shape[1]:
        raise DataError(
            f"confounders: {confounders.shape[1]} pairs of items for {vectors.shape[1]} pairs of "
            "the similarity: both must be of the same items"
        )
    if not (np.isfinite(vectors).all() and np.isfinite(confounders).all()):
        raise DataError("similarity: a value is missing or infinite")
    design = np.concatenate([np.ones((1, confounders.shape[1])), confounders])
    slopes: Array = np.linalg.lstsq(design.T, vectors.T, rcond=None)[0].T
    left: Array = vectors - slopes @ design
    before = ((vectors - vectors.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    if ((left**2).sum(axis=1) <= SMALLEST * before).any():
        raise DataError(
            "similarity: nothing is left after the confounders: they hold the representation "
            "itself, or it is the same for all pairs"
        )
    return slopes, left


def residual_rdms(rdms: RDMs, confounders: RDMs) -> RDMs:
    """Return the residuals of each RDM; they have mean zero, so that some are negative.

    Raises
    ------
    DataError
        Where items differ, a value is missing, or nothing is left but rounding.
    """
    from rsatoolbox.rdm import RDMs

    vectors, known = (np.asarray(r.get_vectors(), dtype=float) for r in (rdms, confounders))
    return RDMs(
        _regress(vectors, known)[1],
        dissimilarity_measure=f"residual of {rdms.dissimilarity_measure}",
        rdm_descriptors=dict(rdms.rdm_descriptors),
        pattern_descriptors=dict(rdms.pattern_descriptors),
    )


def drsa(first: RDMs, second: RDMs, confounders: RDMs, *, method: str = "spearman") -> Array:
    """Return the similarity of each pair of RDMs without the confounders, (n_first, n_second).

    Parameters
    ----------
    first, second, confounders : RDMs
        Of the same items in the same order.
    method : str
        Of ``rsatoolbox.rdm.compare``.
    """
    from rsatoolbox.rdm import compare

    known = [residual_rdms(rdms, confounders) for rdms in (first, second)]
    return np.asarray(compare(*known, method=method))


def residual_kernel(kernel: ArrayLike, confounders: ArrayLike, *, clip: bool = False) -> Array:
    """Return K' of the module's equation, (n, n).

    Parameters
    ----------
    kernel : (n, n)
    confounders : (n_confounders, n, n)
    clip : bool
        Set negative eigenvalues of the centred K' to zero.

    Raises
    ------
    DataError
        Where items differ, a value is missing, or nothing is left but rounding.
    """
    values, known = np.asarray(kernel, dtype=float), np.asarray(confounders, dtype=float)
    if known.shape[1:] != values.shape:
        raise DataError(
            f"confounders: must be of the same items, {values.shape}, got {known.shape[1:]}"
        )
    row, column = np.triu_indices(len(values), 1)
    slopes = _regress(values[None, row, column], known[:, row, column])[0][0]
    left: Array = values - slopes[0] - np.tensordot(slopes[1:], known, 1)
    return _clipped(left) if clip else left


def _clipped(kernel: Array) -> Array:
    eigenvalues, vectors = np.linalg.eigh(_centred(kernel))
    return np.asarray((vectors * np.clip(eigenvalues, 0, None)) @ vectors.T)


def _centred(kernel: Array) -> Array:
    """Return H K H."""
    rows: Array = kernel - kernel.mean(axis=0)
    return np.asarray(rows - rows.mean(axis=1, keepdims=True))


def _unbiased(kernel: Array) -> Array:
    """Return the U-centred kernel: its inner products are unbiased, its diagonal is zero.

    Székely and Rizzo 2014, Annals of Statistics 42, 2382, equation 2.6.
    """
    n = len(kernel)
    off = kernel - np.diag(np.diag(kernel))
    rows = off.sum(axis=0)
    centred: Array = off - (rows[:, None] + rows) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred


def cka(first: ArrayLike, second: ArrayLike, *, debiased: bool = True) -> float:
    """Return centred kernel alignment of two kernels (n, n) of the same items.

    Raises
    ------
    DataError
        Where shapes differ, there are fewer than four items, or a kernel is constant.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise DataError(f"kernels: must be square and of the same items, got {a.shape}, {b.shape}")
    if len(a) < 4:
        raise DataError(f"kernels: {len(a)} items; similarity needs four or more")
    centre = _unbiased if debiased else _centred
    x, y = centre(a), centre(b)
    size = np.sqrt((x**2).sum() * (y**2).sum())
    if not size > SMALLEST * np.sqrt((a**2).sum() * (b**2).sum()):
        raise DataError("kernels: one is the same for all pairs: it has no similarity to another")
    return float((x * y).sum() / size)


def dcka(
    first: ArrayLike,
    second: ArrayLike,
    confounders: ArrayLike,
    *,
    debiased: bool = True,
    clip: bool = False,
) -> float:
    """Return :func:`cka` of the residual kernels.

    Parameters
    ----------
    first, second : (n, n)
        Kernels of the same items; see :func:`linear_kernel`, :func:`kernels_of`.
    confounders : (n_confounders, n, n)
    debiased : bool
        Unbiased inner products, which leave the diagonal aside.
    clip : bool
        Set negative eigenvalues of residual kernels to zero.
    """
    a, b = (residual_kernel(kernel, confounders, clip=clip) for kernel in (first, second))
    return cka(a, b, debiased=debiased)
