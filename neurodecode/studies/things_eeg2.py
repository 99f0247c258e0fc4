"""Study ``things_eeg2``: EEG of ten people who see pictures of objects in rapid series."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Recording, Responses, Stimuli
from neurodecode.errors import DataError, DataWarning
from neurodecode.studies.plain_pickle import load_plain
from neurodecode.studies.published import Published, open_picture
from neurodecode.studies.things_raw import RATE, behaviour, read_brainvision, read_pickled
from neurodecode.studies.volumes import RowsOnDisk

__all__ = ["ThingsEeg2"]

# Pictures and repeats of each part.
COUNTS = {"training": (16_540, 4), "test": (200, 80)}
N_CHANNELS = (17, 63)
SESSIONS = (1, 2, 3, 4)
FOLDERS = {"preprocessed": "preprocessed_data", "raw": "raw_data", "source": "source_data"}
SHOWN = 0.1  # s
POSTERIOR = re.compile(r"[OP]")
THINGS_EEG2 = Published(
    name="THINGS-EEG2 data set",
    get="from osf.io/3jk45 (10.17605/OSF.IO/3JK45): the preprocessed EEG of each subject "
    "(preprocessed_eeg_training.npy, preprocessed_eeg_test.npy) into "
    "eeg_dataset/preprocessed_data/sub-01, or the raw EEG (raw_eeg_training.npy, raw_eeg_test.npy) "
    "into eeg_dataset/raw_data/sub-01/ses-01 to ses-04, or the source recordings (eeg/*.vhdr, "
    "beh/*.mat) into eeg_dataset/source_data/sub-01/ses-01 to ses-04; training_images, test_images "
    "and image_metadata.npy into image_set",
    size="1.1 GB a subject preprocessed (17 channels, 100 Hz), some 10 GB raw; pictures some 2 GB",
    terms="EEG: those named on its OSF page; pictures: those of THINGS "
    "(things-initiative.org), for research",
    citation="Gifford et al. (2022), NeuroImage 264, 119754, doi:10.1016/j.neuroimage.2022.119754",
)


class ThingsEeg2:
    """Epochs as they are published, or the raw recordings.

    Parameters are the keys of :class:`~neurodecode.studies.public_settings.ThingsEeg2Settings`.
    """

    level = "stimulus"
    simulated = False

    def __init__(
        self,
        root: str,
        picture_size: int,
        subjects: tuple[str, ...],
        form: str,
        channels: str,
        recordings: str | None,
        images: str,
    ) -> None:
        self.root = Path(root)
        self.picture_size = picture_size
        self.names = subjects
        self.form = form
        self.all_channels = channels == "all"
        self.recordings = self.root / (recordings or f"eeg_dataset/{FOLDERS[form]}")
        self.images = self.root / images

    def subjects(self) -> tuple[str, ...]:
        """Return those of the YAML, once their files are there.

        Raises
        ------
        DataError
            Where files are missing: says what to download, how much and under which terms.
        """
        needed = [path for name in self.names for path in self.sources(name)]
        folders = [self.images / "training_images", self.images / "test_images"]
        THINGS_EEG2.require(self.root, [*needed, *folders])
        return self.names

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        files = [path for _, _, path in self._runs(subject)]
        if self.form == "source":
            ends = (".vhdr", ".vmrk", ".eeg")
            files = [
                file
                for path in files
                for file in (*(path.with_suffix(end) for end in ends), behaviour(path))
            ]
        return [self.images / "image_metadata.npy", *files]

    def _runs(self, subject: str) -> list[tuple[str, int, Path]]:
        """Part, session and file of each recording."""
        name = f"sub-{THINGS_EEG2.known(subject, self.names)}"
        folder = self.recordings / name
        if self.form == "preprocessed":
            return [(part, 1, folder / f"preprocessed_eeg_{part}.npy") for part in COUNTS]
        runs = []
        for session in SESSIONS:
            place = folder / f"ses-{session:02d}"
            for part in COUNTS:
                if self.form == "raw":
                    runs.append((part, session, place / f"raw_eeg_{part}.npy"))
                    continue
                pieces = [f"_part-{k:02d}" for k in range(1, 6)] if part == "training" else [""]
                task = "train" if part == "training" else part
                stem = f"{name}_{place.name}_task-{task}"
                runs += [(part, session, place / "eeg" / f"{stem}{p}_eeg.vhdr") for p in pieces]
        return runs

    def stimulus_sources(self) -> list[Path]:
        """Return the pictures and their names."""
        metadata = self.images / "image_metadata.npy"
        return [metadata, *(self._table["path"] if metadata.exists() else ())]

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        limits = (
            "Epochs are cut and whitened here."
            if self.form != "preprocessed"
            else "The published epochs were whitened by their authors with the noise of test and "
            "training trials together, so that test trials had a part in the preprocessing; "
            "the raw recordings avoid it. Sessions cannot be told apart in them."
        )
        return {
            "recorded": "EEG, 63 channels at 1,000 Hz, four sessions a person, "
            + ("as preprocessed by its authors." if self.form == "preprocessed" else "raw."),
            "seen": "Photographs of objects (THINGS), 100 ms each, five a second: 16,540 training "
            "pictures of 1,654 concepts four times, 200 test pictures of other concepts 80 times.",
            "limits": f"{limits} A picture's response overlaps with those of its neighbours.",
            "licence": "Gifford et al. (2022), NeuroImage 264, 119754; pictures: THINGS, for "
            "research.",
        }

    @cached_property
    def _table(self) -> pd.DataFrame:
        """Pictures of both parts in the order of their numbers.

        Returns
        -------
        DataFrame
            ``part``, ``id``, ``category``, ``path``.
        """
        path = self.images / "image_metadata.npy"
        known = load_plain(path)
        parts = []
        for part, short in (("training", "train"), ("test", "test")):
            try:
                files = [str(name) for name in known[f"{short}_img_files"]]
                concepts = [str(name) for name in known[f"{short}_img_concepts"]]
            except (KeyError, TypeError) as error:
                raise DataError(
                    f"{path}: lacks {short}_img_files or {short}_img_concepts"
                ) from error
            if len(files) != COUNTS[part][0] or len(concepts) != len(files):
                raise DataError(
                    f"{path}: {len(files)} {part} pictures and {len(concepts)} concepts; there "
                    f"must be {COUNTS[part][0]} of each"
                )
            folder = self.images / f"{part}_images"
            rows = zip(concepts, files, strict=True)
            parts += [
                (part, Path(file).stem, re.sub(r"^\d+_", "", concept), folder / concept / file)
                for concept, file in rows
            ]
        return pd.DataFrame(parts, columns=["part", "id", "category", "path"])

    def stimuli(self) -> Stimuli:
        """Return all pictures; concepts of test pictures are never trained on.

        Raises
        ------
        DataError
            Where a picture is missing, or their number is not the published one.
        """
        return self._stimuli

    @cached_property
    def _stimuli(self) -> Stimuli:
        table = self._table
        pixels = np.stack([open_picture(path, self.picture_size) for path in table["path"]])
        shown = pd.DataFrame(
            {
                "id": table["id"],
                "caption": table["category"].str.replace("_", " "),
                "category": table["category"],
                "set": np.where(table["part"] == "test", "test", "train"),
            }
        )
        return Stimuli(shown, pixels)

    def load(self, subject: str) -> Responses | Recording:
        """Read one subject: epochs as published, or the raw recordings.

        Raises
        ------
        ConfigError
            Where the subject is not one of the study's.
        DataError
            Where a file is missing or damaged, or its shape is not the published one.

        Warns
        -----
        DataWarning
            Raw: where a picture has more or fewer trials than published.
        """
        runs = self._runs(subject)
        if self.form == "preprocessed":
            return self._epochs(subject, [path for _, _, path in runs])
        return self._recording(subject, runs)

    def _epochs(self, subject: str, files: list[Path]) -> Responses:
        data: NDArray[np.float32] | None = None
        row, units, trials = 0, pd.DataFrame(), []
        n_trials = sum(n * repeats for n, repeats in COUNTS.values())
        for part, path in zip(COUNTS, files, strict=True):
            found = load_plain(path)
            epochs, channels, times = _read_epochs(found, path, COUNTS[part])
            own = _units(channels, times)
            if data is None:
                units, data = own, np.empty((n_trials, len(own)), np.float32)
            elif not own.equals(units):
                raise DataError(f"{path}: other channels or times than {files[0].name}")
            for picture, repeats in enumerate(epochs):
                start = row + picture * len(repeats)
                data[start : start + len(repeats)] = repeats.reshape(len(repeats), -1)
            row += epochs.shape[0] * epochs.shape[1]
            trials.append(self._trials(subject, part))
        assert data is not None  # there are two parts
        table = pd.concat(trials, ignore_index=True)
        return Responses(data, table, units, transductive=True)

    def _trials(self, subject: str, part: str) -> pd.DataFrame:
        """One row a picture and repeat of one part."""
        n, repeats = COUNTS[part]
        pictures = self._table[self._table["part"] == part]
        rows = np.repeat(np.arange(n), repeats)
        return pd.DataFrame(
            {
                "participant_id": subject,
                "trial": [
                    f"{part}-{k + 1:05d}_{r + 1:02d}" for k in range(n) for r in range(repeats)
                ],
                "stimulus": pictures["id"].to_numpy()[rows],
                "category": pictures["category"].to_numpy()[rows],
                "session": "1",
                "run": 1 if part == "training" else 2,
                "repeat": np.tile(np.arange(repeats), n),
                "labelled": False,
            }
        )

    def _recording(self, subject: str, runs: list[tuple[str, int, Path]]) -> Recording:
        """Put the recordings of all sessions behind each other; microvolts."""
        read = read_pickled if self.form == "raw" else read_brainvision
        data: RowsOnDisk | None = None
        first: list[str] = []
        lengths, events, chosen = [], [], []
        for run, (part, session, path) in enumerate(runs):
            signal, names, samples, numbers = read(path)
            if data is None:
                first = names
                chosen = [
                    k for k, name in enumerate(names) if self.all_channels or POSTERIOR.match(name)
                ]
                data = RowsOnDisk(len(chosen))
            elif names != first:
                raise DataError(f"{path}: other channels than {runs[0][2]}")
            for start in range(0, signal.shape[1], 100_000):
                block = signal[:, start : start + 100_000][chosen]
                data.append(block.T.astype(np.float32) * 1e6)
            lengths.append(signal.shape[1])
            own = self._events(samples, numbers, part, path)
            events.append(own.assign(run=run, session=str(session)))
        assert data is not None  # there are runs
        table = pd.concat(events, ignore_index=True)
        _count_repeats(table, subject)
        channels = [first[k] for k in chosen]
        return Recording(
            data=data,
            times=np.concatenate([np.arange(n) / RATE for n in lengths]),
            runs=np.repeat(np.arange(len(runs)), lengths),
            events=table.drop(columns="part"),
            units=pd.DataFrame({"unit": channels, "roi": "eeg"}).join(_places(channels)),
            participant_id=subject,
            sfreq=RATE,
        )

    def _events(
        self, samples: NDArray[np.int64], numbers: NDArray[np.int64], part: str, path: Path
    ) -> pd.DataFrame:
        """One row a picture."""
        if not len(numbers) or numbers.min() < 1 or numbers.max() > COUNTS[part][0]:
            raise DataError(
                f"{path}: pictures must be numbers 1 to {COUNTS[part][0]}, found "
                f"{numbers.min() if len(numbers) else 'none'} to "
                f"{numbers.max() if len(numbers) else 'none'}"
            )
        pictures = self._table[self._table["part"] == part].iloc[numbers - 1]
        return pd.DataFrame(
            {
                "onset": samples / RATE,
                "duration": SHOWN,
                "stimulus": pictures["id"].to_numpy(),
                "category": pictures["category"].to_numpy(),
                "labelled": False,
                "part": part,
            }
        )


def _read_epochs(
    found: Any, path: Path, count: tuple[int, int]
) -> tuple[NDArray[Any], list[str], NDArray[np.float64]]:
    """Return published epochs (n_pictures, n_repeats, n_channels, n_times), channels, seconds."""
    try:
        epochs, channels = found["preprocessed_eeg_data"], [str(c) for c in found["ch_names"]]
        times = np.asarray(found["times"], float)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: must be a dictionary of preprocessed_eeg_data, ch_names and times"
        ) from error
    shape = getattr(epochs, "shape", ())
    right = (*count, len(channels), len(times))
    if shape != right or len(channels) not in N_CHANNELS or epochs.dtype.kind != "f":
        raise DataError(
            f"{path}: epochs must be numbers ({count[0]}, {count[1]}, 17 or 63 channels, times), "
            f"found {shape} with {len(channels)} channels and {len(times)} times"
        )
    return epochs, channels, times


def _units(channels: list[str], times: NDArray[np.float64]) -> pd.DataFrame:
    """One row a channel and time, named as those of responses of kind epochs."""
    table = pd.DataFrame({"channel": channels}).join(_places(channels))
    table = table.iloc[np.repeat(np.arange(len(channels)), len(times))].reset_index(drop=True)
    table["time"] = np.tile(times, len(channels))
    names = [f"{c}_{t:.3f}s" for c, t in zip(table["channel"], table["time"], strict=True)]
    table.insert(0, "unit", names)
    table.insert(1, "roi", "eeg")
    return table


def _places(channels: list[str]) -> pd.DataFrame:
    """Positions in the cap that was worn, mm; missing for names that it lacks."""
    import mne

    known = mne.channels.make_standard_montage("easycap-M1").get_positions()["ch_pos"]
    rows = [known.get(name, np.full(3, np.nan)) * 1000 for name in channels]
    return pd.DataFrame(np.reshape(rows, (-1, 3)), columns=["x", "y", "z"])


def _count_repeats(events: pd.DataFrame, subject: str) -> None:
    """Raise where a picture has no trial; warn where their number is not the published one."""
    for part, (n, repeats) in COUNTS.items():
        counts = events["stimulus"][events["part"] == part].value_counts()
        if len(counts) != n:
            raise DataError(
                f"subject {subject}: {len(counts)} of {n} {part} pictures have a trial; a session "
                "is missing or cut"
            )
        other = int((counts != repeats).sum())
        if other:
            warnings.warn(
                f"subject {subject}: {other} of {n} {part} pictures have more or fewer than "
                f"{repeats} trials ({int(counts.min())} to {int(counts.max())})",
                DataWarning,
                stacklevel=3,
            )
