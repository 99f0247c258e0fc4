"""Sprite sheets: many small pictures in one PNG, with a table beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from neurodecode.artifacts import TEXT, read_table
from neurodecode.errors import DataError

__all__ = ["COLUMNS", "DATA", "SIDE", "read_sheet"]

DATA = Path(__file__).parent / "data"
SIDE = 64
COLUMNS = 32


def read_sheet(name: str) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Read ``data/{name}.tsv`` and the pictures of ``data/{name}.png``, row by row.

    Raises
    ------
    DataError
        Where the sheet cannot hold as many pictures as the table has rows.
    """
    table = read_table(DATA / f"{name}.tsv", text=(*TEXT, "id", "code"))
    try:
        sheet = np.asarray(Image.open(DATA / f"{name}.png").convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{DATA / name}.png: not a readable picture ({error})") from error
    n_rows = sheet.shape[0] // SIDE
    if sheet.shape[1] != COLUMNS * SIDE or n_rows * COLUMNS < len(table):
        raise DataError(f"{name}.png: must hold {len(table)} pictures, is {sheet.shape[:2]}")
    tiles = sheet.reshape(n_rows, SIDE, COLUMNS, SIDE, 3).swapaxes(1, 2)
    pictures = tiles.reshape(-1, SIDE, SIDE, 3)[: len(table)]
    return table, np.ascontiguousarray(pictures)
