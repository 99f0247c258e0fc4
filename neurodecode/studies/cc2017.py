"""Study ``cc2017``: three people watch movies, fMRI; each two seconds of a movie are one clip."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.contracts import Float, Responses, Stimuli, key_frames
from neurodecode.errors import DataError, DataWarning
from neurodecode.studies.cc2017_runs import (
    N_CLIPS,
    TR,
    clean,
    read_cortex,
    read_volumes,
    repeats_agree,
)
from neurodecode.studies.movies import kept_frames
from neurodecode.studies.published import Published

__all__ = ["Cc2017"]

# Movies of each part, and how often each was shown.
MOVIES = {"seg": (18, 2), "test": (5, 10)}
CC2017 = Published(
    name="movie data set of Wen et al. (cc2017)",
    get="from purr.purdue.edu (publications 2808 and 2809 and those beside it): the fMRI of each "
    "subject (doi:10.4231/R7X63K3M, R7NS0S1F, R7J101BV) and the movies (doi:10.4231/R71Z42KK); "
    "unpack bundle.zip of each, so that subject1/fmri/seg1/cifti/seg1_1_Atlas.dtseries.nii and "
    "stimuli/seg1.mp4 lie below data.root",
    size="about 15 GB a subject packed, 25 GB unpacked; movies about 3 GB",
    terms="CC0 1.0",
    citation="Wen et al. (2018), Cerebral Cortex 28, 4136-4160, doi:10.1093/cercor/bhx268",
)


class Cc2017:
    """Responses to clips of two seconds, one volume each.

    Parameters are the keys of :class:`~neurodecode.studies.public_settings.Cc2017Settings`.
    """

    level = "stimulus"
    simulated = False

    def __init__(
        self,
        root: str,
        picture_size: int,
        subjects: tuple[str, ...],
        form: str,
        mask: str | None,
        lag: float,
        reliable: bool,
        fps: int,
        frames: str,
    ) -> None:
        self.root = Path(root)
        self.picture_size = picture_size
        self.names = subjects
        self.mask = self.root / mask if form == "nifti" and mask else None
        self.lag = lag
        self.reliable = reliable
        self.fps = fps
        self.frames = self.root / frames

    def subjects(self) -> tuple[str, ...]:
        """Return those of the YAML, once their files are there.

        Raises
        ------
        DataError
            Where files are missing: says what to download, how much and under which terms.
        """
        needed = [path for name in self.names for path in self.sources(name)]
        CC2017.require(self.root, [*needed, *self.stimulus_sources()])
        return self.names

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        CC2017.known(subject, self.names)
        mask = [self.mask] if self.mask else []
        return [*(path for _, _, path in self._runs(subject)), *mask]

    def stimulus_sources(self) -> list[Path]:
        """Return the movies."""
        return [self.root / "stimuli" / f"{movie}.mp4" for _, movie in _movies()]

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        units = "cortical vertices" if self.mask is None else "voxels of a mask"
        chosen = (
            " Units are those whose two training runs agree (Bonferroni P < .05)."
            if self.reliable
            else ""
        )
        return {
            "recorded": f"Functional MRI at 3 T, one volume every 2 s, {units}; detrended and "
            f"z-scored by run; the volume {self.lag:g} s after a clip's start.{chosen}",
            "seen": "Movies of natural scenes: 18 training segments of eight minutes twice, 5 test "
            f"segments ten times; clips of two seconds, {self.fps} frames a second.",
            "limits": "Neighbouring clips are of one scene and their responses overlap. Test runs "
            "are z-scored over their own volumes.",
            "licence": "Wen et al. (2018), Cerebral Cortex 28, 4136-4160; CC0 1.0.",
        }

    def _runs(self, subject: str) -> Iterator[tuple[str, int, Path]]:
        """Yield movie, repeat (from 0) and file of each run, training segments first."""
        folder = self.root / f"subject{int(subject)}" / "fmri"
        for part, movie in _movies():
            for repeat in range(MOVIES[part][1]):
                stem = f"{movie}_{repeat + 1}"
                if self.mask is None:
                    path = folder / movie / "cifti" / f"{stem}_Atlas.dtseries.nii"
                else:
                    path = folder / movie / "mni" / f"{stem}_mni.nii.gz"
                    # One published file is named otherwise.
                    other = path.with_name(f"{stem}.mni.nii.gz")
                    path = other if other.exists() and not path.exists() else path
                yield movie, repeat, path

    def load(self, subject: str) -> Responses:
        """Read one subject's runs, one in memory at a time.

        Raises
        ------
        ConfigError
            Where the subject is not one of the study's.
        DataError
            Where a file is missing or damaged, of another shape, or no unit is left.

        Warns
        -----
        DataWarning
            Where units do not change in some run, and are left out.
        """
        CC2017.known(subject, self.names)
        runs = list(self._runs(subject))
        units = self._read(runs[0][2])[1]
        chosen = np.ones(len(units), bool)
        if self.reliable:
            n_train = MOVIES["seg"][0]
            paths = [path for _, _, path in runs[: 2 * n_train]]
            pairs = list(zip(paths[::2], paths[1::2], strict=True))
            chosen = repeats_agree(pairs, self._cleaned)
            if not chosen.any():
                raise DataError(
                    f"subject {subject}: no unit of {chosen.size} repeats its response to the "
                    f"{n_train} training segments; set data.reliable: false to keep all"
                )
        data = np.empty((len(runs) * N_CLIPS, int(chosen.sum())), np.float32)
        changes = np.ones(data.shape[1], bool)
        for k, (_, _, path) in enumerate(runs):
            part = self._cleaned(path)
            if part.shape[1] != len(chosen):
                raise DataError(f"{path}: {part.shape[1]} units, the first run {len(chosen)}")
            part = part[:, chosen]
            changes &= part.any(axis=0)
            data[k * N_CLIPS : (k + 1) * N_CLIPS] = part
        units = units.iloc[np.flatnonzero(chosen)].reset_index(drop=True)
        if not changes.all():
            warnings.warn(
                f"subject {subject}: {int((~changes).sum())} of {changes.size} units do not change "
                "in some run and were left out",
                DataWarning,
                stacklevel=2,
            )
            data, units = data[:, changes], units[changes].reset_index(drop=True)
        return Responses(data, self._trials(subject), units, transductive=True)

    def _read(self, path: Path) -> tuple[np.ndarray, pd.DataFrame]:
        return read_cortex(path) if self.mask is None else read_volumes(path, self.mask)

    def _cleaned(self, path: Path) -> Float:
        return clean(self._read(path)[0], self.lag, path)

    def _trials(self, subject: str) -> pd.DataFrame:
        parts = [
            pd.DataFrame(
                {
                    "participant_id": subject,
                    "trial": [f"{movie}_{repeat + 1}_clip-{c + 1:03d}" for c in range(N_CLIPS)],
                    "stimulus": [_name(movie, c) for c in range(N_CLIPS)],
                    "category": "",
                    "session": "1",
                    "run": run,
                    "repeat": repeat,
                    "labelled": False,
                }
            )
            for run, (movie, repeat, _) in enumerate(self._runs(subject))
        ]
        return pd.concat(parts, ignore_index=True)

    def stimuli(self) -> Stimuli:
        """Return the clips; the movies' frames are kept once they are read.

        Raises
        ------
        DataError
            Where a movie is missing, damaged or too short.
        """
        return self._stimuli

    @cached_property
    def _stimuli(self) -> Stimuli:
        rows = [
            (_name(movie, clip), "", "", "test" if part == "test" else "train")
            for part, movie in _movies()
            for clip in range(N_CLIPS)
        ]
        n_frames, size = round(TR * self.fps), self.picture_size
        frames = np.empty((len(rows), n_frames, size, size, 3), np.uint8)
        for k, path in enumerate(self.stimulus_sources()):
            movie = kept_frames(
                path, self.frames, fps=self.fps, n_frames=N_CLIPS * n_frames, size=size
            )
            frames[k * N_CLIPS : (k + 1) * N_CLIPS] = movie.reshape(N_CLIPS, *frames.shape[1:])
        table = pd.DataFrame(rows, columns=["id", "caption", "category", "set"])
        return Stimuli(table, key_frames(frames), frames=frames, fps=self.fps)


def _movies() -> Iterator[tuple[str, str]]:
    """Yield part and name of each movie."""
    for part, (n, _) in MOVIES.items():
        for number in range(1, n + 1):
            yield part, f"{part}{number}"


def _name(movie: str, clip: int) -> str:
    """Name of a clip: its movie and second."""
    return f"{movie}_{round(clip * TR):03d}s"
