"""ComBat: one categorical demographic (the site) is removed, all others are protected.

The model is combatlearn's (Johnson, Li and Rabinovic 2007; Fortin et al. 2018). Once fitted, ComBat
is one affine map a site, x' = a_s + c P_s + b_s x with c the protected demographics; the maps are
read off what the fitted model does to chosen points, kept, and applied here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.deconfound.base import DeconfounderBase
from neurodecode.deconfound.demographics import MINIMUM, Array, Encoding
from neurodecode.deconfound.design import Design
from neurodecode.errors import ConfigError, DataError

__all__ = ["Harmonize"]


class Harmonize(DeconfounderBase):
    """Remove the means and variances of sites by ComBat; keep what other demographics explain.

    Parameters
    ----------
    batch : str
        Column of ``demographics`` that is removed.
    unseen : {"raise", "reference", "pooled"}
        People of a site without training people: an error; as if they came from ``reference``;
        or the average correction of all training sites.
    reference : str
        Site that is left as it is and to which all others are moved; empty: to their average.
    knots : {0, 3, 4, 5}
        Of the splines of protected numbers.
    minimum : int
        Fewest training people a level.

    Attributes
    ----------
    offset_, scale_ : float64 (n_sites, n_features)
    slope_ : float64 (n_sites, n_columns, n_features)
    """

    learned: ClassVar[tuple[str, ...]] = ("offset", "scale", "slope")

    def __init__(
        self,
        batch: str = "site",
        unseen: Literal["raise", "reference", "pooled"] = "raise",
        reference: str = "",
        knots: int = 4,
        minimum: int = MINIMUM,
    ) -> None:
        super().__init__(minimum)
        self.batch = batch
        self.unseen = unseen
        self.reference = reference
        self.knots = knots

    @property
    def _sites(self) -> tuple[str, ...]:
        (column,) = (c for c in self.encoding_.categorical if c.name == self.batch)
        return column.levels

    def _check_settings(self) -> None:
        names = [column.name for column in self.encoding_.categorical]
        if self.batch not in names:
            raise ConfigError(
                f"harmonize: batch must be a categorical column of demographics "
                f"({', '.join(names) or 'there is none'}), got {self.batch!r}"
            )
        if self.unseen not in ("raise", "reference", "pooled"):
            raise ConfigError(
                f"harmonize: unseen must be one of raise, reference, pooled, got {self.unseen!r}"
            )
        known = self._sites if self.unseen == "reference" else ("", *self._sites)
        if self.reference not in known:
            raise ConfigError(
                f"harmonize: reference must be one of {', '.join(self._sites)}, got "
                f"{self.reference!r}"
            )

    def _fit(self, X: Array, table: pd.DataFrame) -> None:
        from combatlearn.core import ComBatModel

        self._check_settings()
        kept = tuple(c for c in self.encoding_.columns if c.name != self.batch)
        self.design_ = Design.learn(Encoding(kept), table, self.knots) if kept else None
        protected = self._protected(table)
        model = ComBatModel(method="fortin", reference_batch=self.reference or None)

        def move(values: Array, sites: NDArray[np.str_], kept: Array) -> Array:
            index = pd.RangeIndex(len(values))
            moved = model.transform(
                pd.DataFrame(values), batch=pd.Series(sites, index), **_covariates(kept)
            )
            return np.asarray(moved, dtype=float)

        sites = table[self.batch].astype(str).to_numpy(str)
        model.fit(pd.DataFrame(X), batch=pd.Series(sites), **_covariates(protected))
        levels, n = np.array(self._sites), protected.shape[1]
        zero, one = np.zeros((len(levels), X.shape[1])), np.zeros((len(levels), n))
        self.offset_ = move(zero, levels, one)
        self.scale_ = move(zero + 1, levels, one) - self.offset_
        slopes = [move(zero, levels, one + unit) - self.offset_ for unit in np.eye(n)]
        self.slope_ = np.array(slopes).reshape(n, *zero.shape).transpose(1, 0, 2)

    def _protected(self, table: pd.DataFrame) -> Array:
        return self.design_.matrix(table) if self.design_ else np.zeros((len(table), 0))

    def _check_demographics(self, table: pd.DataFrame) -> None:
        if self.batch not in table.columns or self.unseen == "raise":
            super()._check_demographics(table)
            return
        seen = table[self.batch].astype(str).isin(self._sites)
        super()._check_demographics(table.assign(**{self.batch: table[self.batch].where(
            seen | table[self.batch].isna(), self._sites[0])}))  # fmt: skip

    def _transform(self, X: Array, table: pd.DataFrame) -> Array:
        sites, protected = table[self.batch].astype(str).to_numpy(str), self._protected(table)
        moved = np.empty_like(X)
        for site in np.unique(sites):
            rows = sites == site
            offset, slope, scale = self._map(str(site))
            moved[rows] = offset + protected[rows] @ slope + scale * X[rows]
        return moved

    def _map(self, site: str) -> tuple[Array, Array, Array]:
        """Return offset, slope and scale for people of a site."""
        if site not in self._sites and self.unseen == "pooled":
            parts = self.offset_, self.slope_, self.scale_
            return tuple(part.mean(axis=0) for part in parts)
        at = self._sites.index(site if site in self._sites else self.reference)
        return self.offset_[at], self.slope_[at], self.scale_[at]

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors."""
        return {**super().state(), **(self.design_.state() if self.design_ else {})}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what :meth:`state` gave; settings are those of this object."""
        super().restore(arrays)
        kept = tuple(c for c in self.encoding_.columns if c.name != self.batch)
        if len(kept) == len(self.encoding_.columns):
            raise DataError(f"harmonize: what was saved has no column {self.batch!r}")
        self.design_ = Design.restore(Encoding(kept), arrays) if kept else None
        return self


def _covariates(protected: Array) -> dict[str, pd.DataFrame]:
    """Protected demographics as the library takes them; none where there are none."""
    if not protected.shape[1]:
        return {}
    names = [f"c{k}" for k in range(protected.shape[1])]
    return {"continuous_covariates": pd.DataFrame(protected, columns=names)}
