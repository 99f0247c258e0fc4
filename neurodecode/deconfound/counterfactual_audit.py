"""The four checks of counterfactuals in the audit: tested people, one demographic at a time.

Predictors are linear probes of real people on whom the method was not fitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from neurodecode.contracts import Float
from neurodecode.deconfound.audit import Sets, labels_of
from neurodecode.deconfound.counterfactuals import (
    Predictor,
    check_counterfactuals,
    other_values,
)
from neurodecode.deconfound.demographics import Array
from neurodecode.deconfound.probes import Labels, Prober

__all__ = ["counterfactual_rows"]


def counterfactual_rows(
    name: str,
    fitted: Any,
    X: Float,
    demographics: pd.DataFrame,
    sets: Sets,
    *,
    label: pd.Series | None,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Yield rows of the audit, ``probe`` names the check.

    Parameters
    ----------
    name : str
        Of the method.
    fitted : Counterfactual
        Deconfounder that was fitted on ``sets.fit``.
    X : (n_people, n_features)
    demographics : DataFrame
    sets : Sets
    label : Series, optional
        What is to stay.
    seed : int
    """
    real = np.asarray(X[sets.probe], dtype=float)
    tested, own = X[sets.test], demographics.iloc[sets.test]

    def predictor(labels: Labels) -> Predictor:
        def said(rows: Float) -> Array:
            prober = Prober(real, np.asarray(rows, dtype=float), seed=seed)
            return prober.predict("linear", labels)

        return said

    unrelated = predictor(_as_numbers(label.iloc[sets.probe])) if label is not None else None
    for column in fitted.encoding_.names:
        number = pd.api.types.is_numeric_dtype(own[column]) and own[column].dtype != bool
        known = demographics[column].iloc[sets.probe].astype(float if number else str)
        checks = check_counterfactuals(
            fitted, tested, demographics=own, to=other_values(fitted.encoding_, own, column),
            column=column, predictor=predictor(labels_of(known)), unrelated=unrelated,
        )  # fmt: skip
        for check, value in vars(checks).items():
            yield {"method": name, "figure": "counterfactual", "what": column, "probe": check,
                   "value": value, "n": len(tested)}  # fmt: skip


def _as_numbers(label: pd.Series) -> Array:
    """Return a label as numbers; of names, whether it is the first of them."""
    labels = labels_of(label)
    if np.issubdtype(labels.dtype, np.floating):
        return np.asarray(labels, dtype=float)
    return np.asarray(labels == np.unique(labels)[0], dtype=float)
