"""Pictures that stand for the eight categories of Haxby et al. (2001)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Stimuli
from neurodecode.seeds import generator
from neurodecode.stimuli.sheets import read_sheet

__all__ = ["load_haxby_pictures", "phase_scramble"]

N_SCRAMBLED = 4


def phase_scramble(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Keep a picture's amplitude spectrum and colour, and make its phases random.

    The same random phases are added in all channels, so colours keep their relation.

    Parameters
    ----------
    picture : uint8 (h, w, 3)
    rng : numpy Generator
    """
    spectrum = np.fft.fft2(picture.astype(float), axes=(0, 1))
    noise = np.angle(np.fft.fft2(rng.normal(size=picture.shape[:2])))
    noise[0, 0] = 0
    scrambled = np.fft.ifft2(spectrum * np.exp(1j * noise)[..., None], axes=(0, 1)).real
    return scrambled.clip(0, 255).round().astype(np.uint8)


def load_haxby_pictures() -> Stimuli:
    """Read the pictures; ``set`` is ``train`` or ``test``, ``category`` one of the eight.

    ``scrambledpix`` are phase-scrambled pictures of the other categories, made from training
    pictures for training and from test pictures for test.
    """
    table, pictures = read_sheet("haxby_pictures")
    rows, scrambled = [], []
    for side in ("train", "test"):
        of_side = np.flatnonzero((table["set"] == side).to_numpy())
        for k in of_side[:: len(of_side) // N_SCRAMBLED][:N_SCRAMBLED]:
            name = f"scrambledpix_{table['id'][k]}"
            scrambled.append(phase_scramble(pictures[k], generator(64, name)))
            rows.append(
                {"id": name, "caption": "phase-scrambled picture", "category": "scrambledpix",
                 "set": side, "style": "made", "code": ""}
            )  # fmt: skip
    whole = pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
    return Stimuli(whole, np.concatenate([pictures, np.stack(scrambled)]))
