"""Study kind ``arrays``: a person's own responses and stimuli, named in the study's YAML."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float, Pixels, Responses, Stimuli
from neurodecode.errors import ConfigError, DataError
from neurodecode.studies.arrays_files import find, read_array, read_blocks, shapes
from neurodecode.studies.arrays_pictures import PictureLayout, picture_axis, take_pictures
from neurodecode.studies.arrays_units import Described, unit_table
from neurodecode.studies.arrays_values import (
    as_features,
    as_mask,
    as_responses,
    as_rows,
    as_text,
    vector,
)

__all__ = ["Arrays"]

SHOWN = ("pictures", "features", "captions")


@dataclass(frozen=True)
class _Shown:
    """What one set of files says was shown: rows of pictures, features and captions.

    ``prints`` is a hash of what each row shows: the picture, or its features where there is none.
    """

    where: str
    prefix: str
    prints: list[str]
    pixels: Pixels | None
    features: Float | None
    captions: NDArray[np.str_] | None

    def __len__(self) -> int:
        return len(self.prints)


class Arrays:
    """Responses with pictures, features or labels, in .npz, .npy, .mat or .h5 files.

    See :class:`neurodecode.studies.settings.ArraysSettings` for the parameters. What is shown
    twice, pixel for pixel, is one stimulus, whatever row it stands in.

    Attributes
    ----------
    level : str
        ``stimulus`` with pictures, ``features`` with features alone, ``category`` with labels
        alone.
    """

    def __init__(
        self,
        subjects: Mapping[str, str | Sequence[str]],
        shared: str | Sequence[str] | None,
        keys: Mapping[str, str | None],
        index_base: int | None,
        picture_axes: str | None,
        picture_shape: tuple[int, ...] | None,
        picture_size: int | None,
        allow_stimulus_overlap: bool,
        simulated: bool,
        about: Mapping[str, str],
    ) -> None:
        self.files = {name: [*_paths(own), *_paths(shared or ())] for name, own in subjects.items()}
        self.own = {name: _paths(own) for name, own in subjects.items()}
        self.keys = keys
        self.index_base = index_base
        self.layout = PictureLayout(picture_axes, picture_shape, picture_size)
        self.allow_stimulus_overlap = allow_stimulus_overlap
        self.simulated = simulated
        self.words = about
        shown = "stimulus" if keys["pictures"] else "features" if keys["features"] else None
        self.level = shown or "category"
        self._read: dict[tuple[Path, ...], _Shown] = {}

    def subjects(self) -> tuple[str, ...]:
        """Return the names in the YAML."""
        return tuple(self.files)

    def sources(self, subject: str) -> list[Path]:
        """Return the subject's files and the shared ones."""
        return self.files[self._known(subject)]

    def stimulus_sources(self) -> list[Path]:
        """Return all files: what was shown, and to whom, is in any of them."""
        return list(dict.fromkeys(path for paths in self.files.values() for path in paths))

    def about(self) -> Mapping[str, str]:
        """Return the YAML's words; plain ones where it has none."""
        seen = {
            "stimulus": "The pictures in the files of the study.",
            "features": "Stimuli of which the files hold features, not pictures.",
            "category": "Stimuli of which the files hold the category, not pictures.",
        }
        plain = {
            "recorded": "Responses as the files of the study hold them: how they were recorded "
            "and cleaned is not known here.",
            "seen": seen[self.level],
            "limits": "Whatever was done to the responses before they were saved. Cleaning that "
            "saw all trials at once, or their labels, makes scores too high and cannot be "
            "noticed here.",
        }
        return {**plain, **self.words}

    def stimuli(self) -> Stimuli:
        """Return what was shown, each thing once; of labels alone one row a category.

        Raises
        ------
        ConfigError
            Where a key is not in the files, or a needed declaration is missing.
        DataError
            Where the arrays do not fit each other.
        """
        return self._stimuli

    def load(self, subject: str) -> Responses:
        """Read one subject's responses.

        Raises
        ------
        ConfigError, DataError
            As :meth:`stimuli`, or where the subject is unknown.

        Warns
        -----
        DataWarning
            Where units are masked out.
        """
        trials = self._trials(self._known(subject))
        path = self._file(subject, "responses")
        values = read_array(path, str(self.keys["responses"]), single=True)
        data, good = as_responses(values, str(path))
        positions, rois = (self._described(subject, name) for name in ("positions", "rois"))
        return Responses(data, trials, unit_table(good, positions, rois))

    def _described(self, subject: str, name: str) -> Described | None:
        """One row a unit, and where it was found; None where the study names no such array."""
        if not self.keys[name]:
            return None
        return self._array(subject, name), self._where(subject, name)

    def _known(self, subject: str) -> str:
        if subject not in self.files:
            raise ConfigError(
                f"data.subjects: subject must be one of {', '.join(self.files)}, got {subject!r}"
            )
        return subject

    def _file(self, subject: str, name: str) -> Path:
        key = self.keys[name]
        assert key is not None  # callers ask for what is named
        return find(name, key, self.files[subject])

    def _array(self, subject: str, name: str) -> NDArray[Any]:
        return read_array(self._file(subject, name), str(self.keys[name]))

    def _where(self, subject: str, name: str) -> str:
        return f"{self._file(subject, name)}: {self.keys[name]}"

    def _n_trials(self, subject: str) -> int:
        path = self._file(subject, "responses")
        shape = shapes(path)[str(self.keys["responses"])]
        if len(shape) != 2:
            raise DataError(
                f"{path}: {self.keys['responses']} must be (n_trials, n_units), got {shape}"
            )
        return shape[0]

    def _column(
        self, subject: str, name: str, convert: Callable[[NDArray[Any], str], NDArray[Any]]
    ) -> NDArray[Any]:
        """One value a trial; raises where there are more or fewer."""
        where, n = self._where(subject, name), self._n_trials(subject)
        values = vector(self._array(subject, name), where)
        if len(values) != n:
            raise DataError(f"{where}: {len(values)} {name} for {n} trials; must be as many")
        return convert(values, where)

    def _trials(self, subject: str) -> pd.DataFrame:
        """Return the trial table, ``stimulus`` by its name among :meth:`stimuli`."""
        table = self._marked[subject].copy()
        if self.level != "category":
            table["stimulus"] = [self._names[p] for p in table.pop("print")]
        counted = "category" if self.level == "category" else "stimulus"
        return table.assign(repeat=table.groupby(counted).cumcount().to_numpy(np.int64))

    @cached_property
    def _marked(self) -> dict[str, pd.DataFrame]:
        """Trial table of each subject, what was shown by its hash (``print``)."""
        return {subject: self._table(subject) for subject in self.files}

    def _table(self, subject: str) -> pd.DataFrame:
        n, keys = self._n_trials(subject), self.keys
        labels = self._column(subject, "labels", as_text) if keys["labels"] else np.full(n, "")
        runs = self._column(subject, "runs", as_text) if keys["runs"] else np.full(n, "1")
        sessions = self._column(subject, "sessions", as_text) if keys["sessions"] else "1"
        table = pd.DataFrame(
            {
                "participant_id": subject,
                "trial": [f"trial-{k + (self.index_base or 0):05d}" for k in range(n)],
                "stimulus": "",
                "category": labels,
                "session": sessions,
                "run": pd.to_numeric(runs) if all(map(str.isdecimal, runs)) else runs,
            }
        )
        if self.level != "category":
            shown = self._shown(subject)
            prints = np.array(shown.prints)
            table["print"] = prints[self._rows(subject, shown, n)]
            table["labelled"] = bool(keys["labels"])
        if keys["test_trials"] or keys["split"]:
            table["set"] = np.where(self._tested(subject, n), "test", "train")
        return table

    def _rows(self, subject: str, shown: _Shown, n_trials: int) -> NDArray[np.int64]:
        """Row of what was shown in each trial."""
        if not self.keys["stimulus"]:
            if len(shown) != n_trials:
                raise DataError(
                    f"{shown.where}: {len(shown)} rows for {n_trials} trials of subject "
                    f"{subject}: give one a trial, or name in data.keys.stimulus the array that "
                    "says which row each trial showed. Pictures in another order of axes: declare "
                    "data.picture_axes."
                )
            return np.arange(n_trials)
        return self._column(
            subject,
            "stimulus",
            lambda v, where: as_rows(v, len(shown), self.index_base, where, of="stimuli"),
        )

    def _tested(self, subject: str, n_trials: int) -> NDArray[np.bool_]:
        """Which trials the files mark as test."""
        if self.keys["test_trials"]:
            where = self._where(subject, "test_trials")
            return as_mask(self._array(subject, "test_trials"), n_trials, self.index_base, where)
        names = np.char.lower(self._column(subject, "split", as_text))
        unknown = sorted(set(names) - {"train", "test"})
        if unknown:
            raise DataError(
                f"{self._where(subject, 'split')}: must say train or test, found "
                f"{', '.join(unknown[:5])}"
            )
        tested: NDArray[np.bool_] = names == "test"
        return tested

    def _shown(self, subject: str) -> _Shown:
        """Read pictures, features and captions; those in shared files once."""
        named = [name for name in SHOWN if self.keys[name]]
        files = tuple(self._file(subject, name) for name in named)
        if files not in self._read:
            where = {name: self._where(subject, name) for name in named}
            alone = len(self.files) > 1 and any(path in self.own[subject] for path in files)
            pixels = features = captions = None
            prints: list[str] = []
            if "features" in where:
                features = as_features(self._array(subject, "features"), where["features"])
                prints = [hashlib.sha256(row.tobytes()).hexdigest() for row in features]
            if "pictures" in where:
                pixels, prints = self._pictures(subject)
            if "captions" in where:
                captions = as_text(self._array(subject, "captions"), where["captions"], empty=True)
            lengths = {
                where[name]: len(rows)
                for name, rows in zip(SHOWN, (pixels, features, captions), strict=True)
                if rows is not None
            }
            if len(set(lengths.values())) > 1:
                said = ", ".join(f"{name} {n}" for name, n in lengths.items())
                raise DataError(f"data.keys: rows must be as many in each: {said}")
            prefix = f"sub{subject}-stimulus" if alone else "stimulus"
            first = where[named[0]]
            self._read[files] = _Shown(first, prefix, prints, pixels, features, captions)
        return self._read[files]

    def _pictures(self, subject: str) -> tuple[Pixels, list[str]]:
        path, key = self._file(subject, "pictures"), str(self.keys["pictures"])
        where, stored = self._where(subject, "pictures"), shapes(path)[key]
        blocks = read_blocks(path, key, picture_axis(self.layout, stored, where))
        return take_pictures(blocks, self.layout, stored, where)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Name of each thing shown, by its hash; the first row that shows it counts."""
        seen = {p for table in self._marked.values() for p in table["print"]}
        names: dict[str, str] = {}
        for shown in self._collections():
            for row, digest in enumerate(shown.prints):
                if digest in seen:
                    name = f"{shown.prefix}-{row + (self.index_base or 0):05d}"
                    names.setdefault(digest, name)
        return names

    def _collections(self) -> Iterator[_Shown]:
        """Yield what is shown in each set of files, once."""
        for subject in self.files:
            self._shown(subject)
        yield from self._read.values()

    @cached_property
    def _stimuli(self) -> Stimuli:
        trials = pd.concat([self._marked[s] for s in self.files], ignore_index=True)
        if self.keys["labels"] and trials["category"].nunique() < 2:
            raise DataError(
                f"data.keys.labels: all {len(trials)} trials have the label "
                f"{trials['category'].iloc[0]!r}; there must be two or more classes"
            )
        if self.level == "category":
            return _categories(sorted(trials["category"].unique()))
        trials["stimulus"] = [self._names[p] for p in trials["print"]]
        return self._pictured(trials)

    def _pictured(self, trials: pd.DataFrame) -> Stimuli:
        """Collect what the trials showed, in the order of the files."""
        category = _one_category(trials)
        sets = self._sets(trials)
        rows, pixels, features, taken = [], [], [], set()
        for shown in self._collections():
            for row, digest in enumerate(shown.prints):
                name = self._names.get(digest)
                if name is None or name in taken:
                    continue
                taken.add(name)
                caption = "" if shown.captions is None else str(shown.captions[row])
                rows.append((name, caption or category[name], category[name], sets[name]))
                if shown.pixels is not None:
                    pixels.append(shown.pixels[row])
                if shown.features is not None:
                    features.append(shown.features[row])
        sizes = {picture.shape for picture in pixels}
        if len(sizes) > 1 or len({len(row) for row in features}) > 1:
            raise DataError("data: pictures, or features, of the subjects differ in size")
        empty = np.zeros((len(rows), 0, 0, 3), np.uint8)
        return Stimuli(
            pd.DataFrame(rows, columns=["id", "caption", "category", "set"]),
            np.stack(pixels) if pixels else empty,
            np.stack(features) if features else None,
        )

    def _sets(self, trials: pd.DataFrame) -> dict[str, str]:
        """Say of each stimulus whether it trains, tests, or does both."""
        unmarked = "both" if self.allow_stimulus_overlap else "fold"
        if "set" not in trials:
            return dict.fromkeys(trials["stimulus"], unmarked)
        sides = trials.groupby("stimulus")["set"].agg(set)
        return {str(name): "both" if len(s) > 1 else next(iter(s)) for name, s in sides.items()}


def _paths(files: str | Sequence[str]) -> list[Path]:
    return [Path(files)] if isinstance(files, str) else [Path(file) for file in files]


def _categories(names: list[str]) -> Stimuli:
    """Return one row a category, of which no picture is known."""
    table = pd.DataFrame(
        {
            "id": [f"category-{k:03d}" for k in range(len(names))],
            "caption": names,
            "category": names,
            "set": "test",
        }
    )
    return Stimuli(table, np.zeros((len(names), 0, 0, 3), np.uint8))


def _one_category(trials: pd.DataFrame) -> dict[str, str]:
    """Return the category of each stimulus.

    Raises
    ------
    DataError
        Where trials that showed the same thing have other labels.
    """
    found = trials.groupby("stimulus")["category"].agg(set)
    several = {str(name): names for name, names in found.items() if len(names) > 1}
    if several:
        said = ", ".join(f"{n} ({', '.join(sorted(c))})" for n, c in list(several.items())[:5])
        raise DataError(
            f"data.keys.labels: {len(several)} stimuli have several labels: {said}; trials that "
            "show the same must have the same"
        )
    return {str(name): next(iter(names)) for name, names in found.items()}
