"""A table of attributes of pictures, made from no network and no caption.

Measured: the size, place, shape, symmetry, colours and texture of what stands out from the grey
ground. Known: the picture's Unicode group (face, person, nature, food, place, activity, object).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2hsv

from neurodecode.contracts import Stimuli

__all__ = ["attribute_table"]

GROUND = 128
N_HUES = 8


def attribute_table(stimuli: Stimuli) -> pd.DataFrame:
    """Return one row of attributes a picture, each with mean 0 and SD 1 over the pictures.

    Groups weigh half as much again as what is measured; attributes that do not vary are left out.
    """
    rows = [_measure(picture) for picture in stimuli.pixels]
    table = pd.DataFrame(rows)
    groups = pd.get_dummies(stimuli.table["category"].to_numpy(), prefix="is", dtype=float)
    table = pd.concat([table, groups], axis=1)
    scale = table.std(ddof=0)
    varying = scale[scale > 1e-9].index
    weight = np.where(varying.str.startswith("is_"), 1.5, 1.0)
    return (table[varying] - table[varying].mean()) / scale[varying] * weight


def _measure(picture: NDArray[np.uint8]) -> dict[str, float]:
    side = picture.shape[0]
    figure = np.abs(picture.astype(int) - GROUND).max(axis=2) > 12
    if not figure.any():
        figure[side // 2, side // 2] = True
    y, x = np.nonzero(figure)
    spread = np.cov(np.stack([x, y]).astype(float)) if len(x) > 1 else np.eye(2)
    long, short = np.sqrt(np.maximum(np.linalg.eigvalsh(spread)[::-1], 0.01))
    box = (np.ptp(x) + 1) * (np.ptp(y) + 1)
    _, n_parts = ndimage.label(figure)
    _, n_holes = ndimage.label(~figure)
    grey = picture.mean(axis=2) / 255
    hsv = rgb2hsv(picture)
    inside = hsv[figure]
    hues = np.histogram(inside[:, 0], bins=N_HUES, range=(0, 1), weights=inside[:, 1])[0]
    mirrored = np.abs(grey - grey[:, ::-1])[figure].mean()
    rough = np.abs(grey - ndimage.uniform_filter(grey, 3))[figure].mean()
    row = {
        "area": figure.mean(),
        "x": x.mean() / side,
        "y": y.mean() / side,
        "elongation": np.log(long / short),
        "tilt": spread[0, 1] / (long * short),
        "upright": np.log(np.sqrt(spread[1, 1] + 0.01) / np.sqrt(spread[0, 0] + 0.01)),
        "extent": figure.sum() / box,
        "parts": np.log(n_parts),
        "holes": np.log(max(n_holes, 1)),
        "asymmetry": mirrored,
        "roughness": rough,
        "brightness": inside[:, 2].mean(),
        "contrast": inside[:, 2].std(),
        "saturation": inside[:, 1].mean(),
        "colourfulness": inside[:, 1].std(),
    }
    row |= {f"hue_{k}": h / max(len(inside), 1) for k, h in enumerate(hues)}
    return {name: float(value) for name, value in row.items()}
