"""Objects whose learned arrays can be written out and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from neurodecode.errors import DataError

__all__ = ["Saved"]


class Saved(BaseEstimator):  # type: ignore[misc]
    """Learned arrays by name.

    Attributes
    ----------
    learned : tuple of str
        Names of the learned arrays, without their ending ``_``.
    parts : tuple of str
        Names of the parameters that are such objects themselves; the fitted copy ends in ``_``.
    """

    learned: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[tuple[str, ...]] = ()

    def state(self) -> dict[str, NDArray[Any]]:
        """Learned arrays, for safetensors; those of a part are prefixed with its name."""
        arrays = {name: getattr(self, f"{name}_") for name in self.learned}
        for part in self.parts:
            inner = getattr(self, f"{part}_").state()
            arrays |= {f"{part}.{name}": array for name, array in inner.items()}
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take learned arrays as :meth:`state` gave them.

        Raises
        ------
        DataError
            Where one is missing.
        """
        lacking = [name for name in self.learned if name not in arrays]
        if lacking:
            raise DataError(f"{type(self).__name__}: array(s) {', '.join(lacking)} missing")
        for name in self.learned:
            setattr(self, f"{name}_", np.array(arrays[name]))
        for part in self.parts:
            inner = {
                name.removeprefix(f"{part}."): array
                for name, array in arrays.items()
                if name.startswith(f"{part}.")
            }
            setattr(self, f"{part}_", clone(getattr(self, part)).restore(inner))
        self._ready()
        return self

    def _ready(self) -> None:
        """Derive what follows from the learned arrays."""
