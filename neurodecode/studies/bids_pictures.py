"""Pictures of a BIDS data set: a folder, and a table of what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.contracts import Stimuli
from neurodecode.errors import DataError
from neurodecode.studies.bids_layout import read_tsv
from neurodecode.studies.published import open_picture

__all__ = ["Shown", "read_pictures"]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SETS = ("train", "test", "fold", "both")


@dataclass(frozen=True)
class Shown:
    """Where pictures are.

    Attributes
    ----------
    folder : Path
        Searched with its folders; a picture's id is its name without the ending.
    table : Path or None
        ``id`` and any of ``caption``, ``category``, ``set``; wins over the events.
    size : int
        Side that pictures are brought to.
    """

    folder: Path
    table: Path | None
    size: int


def read_pictures(shown: Shown, events: pd.DataFrame) -> Stimuli:
    """Read the pictures that were shown, in the order of their ids.

    Parameters
    ----------
    shown : Shown
    events : DataFrame
        Trials of all subjects: ``stimulus, category`` and perhaps ``set``.

    Raises
    ------
    DataError
        Where a picture is missing or damaged, or is of several categories or sets.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(shown.folder.rglob("*")):
        if path.suffix.lower() in ENDINGS:
            found.setdefault(path.stem, []).append(path)
    ids = sorted(set(events["stimulus"]))
    missing = [name for name in ids if name not in found]
    if missing:
        raise DataError(
            f"{shown.folder}: {len(missing)} of {len(ids)} pictures that were shown are missing: "
            f"{', '.join(missing[:5])} (of {len(found)} pictures found)"
        )
    twice = [name for name in ids if len(found[name]) > 1]
    if twice:
        raise DataError(
            f"{shown.folder}: {len(twice)} names stand for several files, such as "
            f"{' and '.join(map(str, found[twice[0]][:2]))}"
        )
    table = pd.DataFrame({"id": ids})
    for column, otherwise in (("category", ""), ("set", "fold")):
        table[column] = _one_each(events, column, ids) if column in events else otherwise
    table["caption"] = table["id"].str.replace("_", " ")
    table = _with_table(table, shown.table) if shown.table else table
    wrong = sorted(set(table["set"]) - set(SETS))
    if wrong:
        raise DataError(
            f"set of a picture must be one of {', '.join(SETS)}; found {', '.join(wrong[:5])}"
        )
    pixels = np.stack([open_picture(found[name][0], shown.size) for name in ids])
    return Stimuli(table, pixels)


def _one_each(events: pd.DataFrame, column: str, ids: list[str]) -> list[str]:
    """Return the value of each picture; it must be the same in all its trials."""
    values = {str(name): sorted(set(part)) for name, part in events.groupby("stimulus")[column]}
    several = [name for name in ids if len(values[name]) > 1]
    if several:
        raise DataError(
            f"events: {len(several)} pictures have more than one {column}, such as "
            f"{several[0]}: {', '.join(values[several[0]])}"
        )
    return [values[name][0] for name in ids]


def _with_table(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the pictures with what their own table says."""
    known = read_tsv(path, ("id",))
    twice = known["id"][known["id"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: these ids stand twice: {', '.join(twice[:5])}")
    known = known.set_index("id")
    absent = sorted(set(table["id"]) - set(known.index))
    if absent:
        raise DataError(f"{path}: {len(absent)} pictures are not in it: {', '.join(absent[:5])}")
    columns = [name for name in ("caption", "category", "set") if name in known]
    return table.assign(
        **{name: known[name][table["id"]].fillna("").to_numpy() for name in columns}
    )
