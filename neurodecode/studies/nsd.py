"""Study ``nsd``: the Natural Scenes Dataset, single-trial betas of natural pictures at 7 T."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from neurodecode.contracts import Pixels, Responses, Stimuli
from neurodecode.errors import DataError, DataWarning
from neurodecode.studies.nsd_files import (
    N_PICTURES,
    N_VOXELS,
    NSD,
    PER_SESSION,
    Tree,
    read_shared,
    read_trials,
    session_betas,
    sessions_of,
)
from neurodecode.studies.published import to_square
from neurodecode.studies.volumes import drop_columns, open_image, read_image, voxel_names

__all__ = ["Nsd"]


class Nsd:
    """Betas of one region, z-scored by session with the mean and SD of its training trials.

    Parameters are the keys of :class:`~neurodecode.studies.public_settings.NsdSettings`.
    """

    level = "stimulus"
    simulated = False

    def __init__(
        self,
        root: str,
        picture_size: int,
        subjects: tuple[str, ...],
        split: str,
        sessions: int | None,
        betas: str,
        roi: str,
        annotations: str | None,
    ) -> None:
        self.tree = Tree(Path(root))
        self.picture_size = picture_size
        self.names = subjects
        self.split = split
        self.n_sessions = {name: sessions_of(name, split, sessions) for name in subjects}
        self.betas = betas
        self.roi = roi
        self.annotations = Path(annotations) if annotations else None

    def subjects(self) -> tuple[str, ...]:
        """Return those of the YAML, once their files are there.

        Raises
        ------
        DataError
            Where files are missing: says what to download, how much and under which terms.
        """
        needed = [path for name in self.names for path in self._own(name)]
        NSD.require(self.tree.root, [*self._shown(), *needed])
        return self.names

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        return [self.tree.stimulus_table, *self._own(NSD.known(subject, self.names))]

    def stimulus_sources(self) -> list[Path]:
        """Return the pictures, what is known of them, and who saw which."""
        return [*self._shown(), *(self.tree.behaviour(name) for name in self.names)]

    def _own(self, subject: str) -> list[Path]:
        sessions = range(1, self.n_sessions[subject] + 1)
        return [
            self.tree.behaviour(subject),
            self.tree.roi(subject, self.roi),
            *(self.tree.betas(subject, self.betas, session) for session in sessions),
        ]

    def _shown(self) -> list[Path]:
        return [self.tree.stimulus_table, self.tree.pictures, *self._captions()]

    def _captions(self) -> list[Path]:
        if self.annotations is None:
            return []
        return [self.annotations / f"captions_{part}2017.json" for part in ("train", "val")]

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        sessions = ", ".join(f"{name}: {n}" for name, n in self.n_sessions.items())
        return {
            "recorded": "Functional MRI at 7 T, 1.8 mm, single-trial betas of the data set "
            f"({self.betas}), region {self.roi}; sessions by subject {sessions}. Each voxel is "
            "z-scored by session with the training trials' mean and standard deviation.",
            "seen": "Photographs of COCO, up to three times each. Test: those of the 1,000 that "
            f"all subjects share; split {self.split}. Scores of the old and the new split are "
            "not comparable.",
            "limits": "The betas' own denoising and ridge (GLMsingle) were chosen by the authors "
            "with all trials of a session, test trials among them.",
            "licence": "NSD Terms and Conditions; Allen et al. (2022), Nature Neuroscience 25, "
            "116-126. Photographs: COCO, their owners' licences.",
        }

    @cached_property
    def _table(self) -> pd.DataFrame:
        return read_shared(self.tree)

    def _trials(self, subject: str) -> pd.DataFrame:
        return read_trials(self.tree, subject, self.n_sessions[subject], self._table["shared"])

    def load(self, subject: str) -> Responses:
        """Read one subject's betas, a session at a time.

        Raises
        ------
        ConfigError
            Where the subject is not one of the study's.
        DataError
            Where files are missing or damaged, or counts are not the published ones.

        Warns
        -----
        DataWarning
            Where voxels are masked out, as they are constant in some session's training trials.
        """
        trials = self._trials(NSD.known(subject, self.names))
        mask, units = self._region(subject)
        data = np.empty((len(trials), len(units)), np.float32)
        good = np.ones(len(units), bool)
        for session in range(1, self.n_sessions[subject] + 1):
            betas = session_betas(self.tree.betas(subject, self.betas, session), mask)
            rows = slice((session - 1) * PER_SESSION, session * PER_SESSION)
            train = ~trials["tested"].to_numpy()[rows]
            if train.sum() < 2:
                raise DataError(f"subject {subject}: session {session} has no training trials")
            spread = betas[train].std(axis=0)
            good &= spread > 0
            betas -= betas[train].mean(axis=0)
            betas /= np.where(spread > 0, spread, 1.0)
            data[rows] = betas
        if not good.any():
            raise DataError(f"subject {subject}: no voxel of {good.size} changes in every session")
        if not good.all():
            warnings.warn(
                f"subject {subject}: {int((~good).sum())} of {good.size} voxels were masked out, "
                "as they are constant in some session",
                DataWarning,
                stacklevel=2,
            )
            data = drop_columns(data, good)
            units = units.iloc[np.flatnonzero(good)].reset_index(drop=True)
        return Responses(data, self._trial_table(subject, trials), units)

    def _trial_table(self, subject: str, trials: pd.DataFrame) -> pd.DataFrame:
        pairs = zip(trials["session"], trials["number"], strict=True)
        return pd.DataFrame(
            {
                "participant_id": subject,
                "trial": [f"session-{session:02d}_trial-{number:03d}" for session, number in pairs],
                "stimulus": [_name(k) for k in trials["id"]],
                "category": "",
                "session": trials["session"].astype(str),
                "run": trials["run"],
                "repeat": trials.groupby("id").cumcount().to_numpy(np.int64),
                "labelled": False,
            }
        )

    def _region(self, subject: str) -> tuple[NDArray[np.bool_], pd.DataFrame]:
        """Return the mask and one row a voxel; labels of several areas name its ``roi``."""
        path = self.tree.roi(subject, self.roi)
        image = open_image(path, 3)
        labels = read_image(image, path)
        mask = labels > 0
        n, published = int(mask.sum()), N_VOXELS[subject]
        if not n or (self.roi == "nsdgeneral" and n != published):
            expected = published if self.roi == "nsdgeneral" else "some"
            raise DataError(f"{path}: {n} voxels above zero; there must be {expected}")
        units = pd.DataFrame(apply_affine(image.affine, np.argwhere(mask)), columns=["x", "y", "z"])
        numbers = labels[mask].astype(int)
        several = len(set(numbers.tolist())) > 1
        names = [f"{self.roi}-{k}" if several else self.roi for k in numbers]
        units.insert(0, "roi", names)
        units.insert(0, "unit", voxel_names(mask))
        return mask, units

    def stimuli(self) -> Stimuli:
        """Return the pictures that some subject of the study saw.

        Raises
        ------
        DataError
            Where a file is not as published.
        """
        return self._stimuli

    @cached_property
    def _stimuli(self) -> Stimuli:
        seen = np.unique(np.concatenate([self._trials(name)["id"] for name in self.names]))
        known = self._table.loc[seen]
        names = [_name(k) for k in seen]
        captions = self._read_captions(known)
        table = pd.DataFrame(
            {
                "id": names,
                "caption": [captions.get(k, "") for k in known["coco"]],
                "category": "",
                "set": np.where(known["shared"], "test", "train"),
            }
        )
        return Stimuli(table, self._pixels(seen))

    def _pixels(self, ids: NDArray[np.int64]) -> Pixels:
        """Read pictures one by one: the whole file is 39.6 GB."""
        import h5py

        path, size = self.tree.pictures, self.picture_size
        pixels = np.empty((len(ids), size, size, 3), np.uint8)
        try:
            with h5py.File(path, "r") as file:
                brick = file["imgBrick"]
                if brick.shape[0] != N_PICTURES or brick.shape[3] != 3 or brick.dtype != np.uint8:
                    raise DataError(
                        f"{path}: imgBrick must be uint8 ({N_PICTURES}, height, width, 3), found "
                        f"{brick.dtype} {brick.shape}"
                    )
                for row, number in enumerate(ids):
                    pixels[row] = to_square(brick[number - 1], size)
        except (OSError, KeyError) as error:
            raise DataError(f"{path}: not a whole file of pictures ({error})") from error
        return pixels

    def _read_captions(self, known: pd.DataFrame) -> dict[int, str]:
        """Return the first caption of each picture of COCO."""
        first: dict[int, tuple[int, str]] = {}
        wanted = set(known["coco"])
        for path in self._captions():
            try:
                notes = json.loads(path.read_text(encoding="utf-8"))["annotations"]
            except (OSError, ValueError, KeyError) as error:
                raise DataError(f"{path}: not COCO's file of captions ({error})") from error
            for note in notes:
                picture, said = note["image_id"], (note["id"], note["caption"].strip())
                if picture in wanted:
                    first[picture] = min(first.get(picture, said), said)
        return {picture: caption for picture, (_, caption) in first.items()}


def _name(number: int) -> str:
    """Name of a picture: its 73k id, from 1."""
    return f"nsd-{number:05d}"
