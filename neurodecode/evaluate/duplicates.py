"""Near-duplicates between what was trained on and what is scored: an error, not a warning.

Equal ids and equal pixels are refused when the trials are split. Here come pictures that are the
same to an eye: another compression, size or shade, by small pictures and by the semantic embedding.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli
from neurodecode.errors import LeakageError
from neurodecode.evaluate.measures import unit_rows
from neurodecode.evaluate.tables import correlations, pixel_rows, resized

__all__ = ["near_duplicates", "refuse_near_duplicates"]

SIDE = 16
COLUMNS = ("scored", "trained", "by", "likeness")


def near_duplicates(
    stimuli: Stimuli,
    parts: NDArray[np.str_],
    embeddings: Float | None,
    threshold: float,
) -> pd.DataFrame:
    """Find pairs of a scored and a trained picture that are nearly the same.

    Parameters
    ----------
    stimuli : Stimuli
        All pictures.
    parts : (n,)
        ``trained`` for those that only train; of scored ones the name of their fold, in which the
        other parts train.
    embeddings : (n, d), optional
        Semantic embeddings.
    threshold : float
        Least Pearson correlation of 16 x 16 pixels, or cosine of embeddings.

    Returns
    -------
    DataFrame
        ``scored, trained, by, likeness``, the most alike first.
    """
    found = []
    ids = stimuli.table["id"].to_numpy(dtype=str)
    scored = np.flatnonzero(parts != "trained")
    alike = {}
    if stimuli.pictured:
        rows = pixel_rows(resized(stimuli.pixels, SIDE, SIDE))
        alike["pixels"] = correlations(rows[scored], rows)
    if embeddings is not None:
        unit = unit_rows(embeddings)
        alike["embedding"] = unit[scored] @ unit.T
    for by, table in alike.items():
        across = parts[scored][:, None] != parts[None]
        for a, b in zip(*np.nonzero(across & (table >= threshold)), strict=True):
            found.append((ids[scored[a]], ids[b], by, float(table[a, b])))
    pairs = pd.DataFrame(found, columns=list(COLUMNS))
    return pairs.sort_values("likeness", ascending=False, kind="stable", ignore_index=True)


def refuse_near_duplicates(
    stimuli: Stimuli,
    parts: NDArray[np.str_],
    embeddings: Float | None,
    threshold: float,
) -> None:
    """Raise where a scored picture is nearly one that was trained on; see `near_duplicates`.

    Raises
    ------
    LeakageError
        Lists the pairs.
    """
    pairs = near_duplicates(stimuli, parts, embeddings, threshold)
    if len(pairs):
        said = "; ".join(
            f"{row.scored} and {row.trained} ({row.by} {row.likeness:.3f})"
            for row in pairs.head(10).itertuples()
        )
        raise LeakageError(
            f"evaluate: {pairs['scored'].nunique()} scored pictures are nearly the same as one "
            f"that was trained on: {said}{' ...' if len(pairs) > 10 else ''}. Take one of each "
            "pair out, or keep both on one side of the split. Where they do differ, raise "
            f"evaluate.near_duplicate (now {threshold:g}); the report prints it"
        )
