"""What flows between the stages: frozen dataclasses that check their own shapes.

Arrays carry the numbers and pandas tables the meaning of their rows; row ``i`` of a table always
describes entry ``i`` of the array beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.errors import DataError

__all__ = [
    "Conditions",
    "Float",
    "Pixels",
    "Reconstruction",
    "Recording",
    "Responses",
    "Signal",
    "Stimuli",
    "Targets",
    "key_frames",
]

Float = NDArray[np.float32]
Pixels = NDArray[np.uint8]

TRIAL_COLUMNS = ("participant_id", "trial", "stimulus", "category", "session", "run", "repeat")
STIMULUS_COLUMNS = ("id", "caption", "category", "set")
CONDITION_COLUMNS = ("participant_id", "trial", "stimulus", "category", "run", "fold")


class Signal(Protocol):
    """Samples (n_times, n_units), float32: an array, or rows on disk that are read where indexed.

    What goes through a recording takes one run at a time, ``signal[runs == run]``.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples and units."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Return the rows that a mask or indices pick, as an array."""


@dataclass(frozen=True)
class Recording:
    """A continuous recording of one participant.

    Attributes
    ----------
    data : Signal, float32 (n_times, n_units)
        Unit of the source.
    times : float64 (n_times,)
        Seconds since the start of the run that the sample belongs to.
    runs : int64 (n_times,)
        Run of each sample, from 0.
    events : DataFrame
        One row a trial: ``onset`` and ``duration`` (s, within the run), ``run``, ``stimulus``,
        ``category``; where known ``session``, ``set`` and ``labelled``
        (whether the category is to be decoded).
    units : DataFrame
        One row a unit: ``unit``, ``roi`` and, where known, ``x``, ``y``, ``z``.
    participant_id : str
        Whose recording it is.
    sfreq : float
        Samples a second (1 / TR for fMRI).
    confounds : DataFrame (n_times, ...), optional
        Regressors of no interest; one that a run lacks is zero there.
    kept : bool (n_times,), optional
        False for samples that are not to be used, such as volumes of high motion; none means all.
    kinematics : float32 (n_times, d), optional
        What the body did at each sample, say the velocity of a hand.
    """

    data: Signal
    times: NDArray[np.float64]
    runs: NDArray[np.int64]
    events: pd.DataFrame
    units: pd.DataFrame
    participant_id: str
    sfreq: float
    confounds: pd.DataFrame | None = None
    kept: NDArray[np.bool_] | None = None
    kinematics: Float | None = None

    def __post_init__(self) -> None:
        n_times, n_units = self.data.shape
        if self.kinematics is not None:
            _matrix("kinematics", self.kinematics, 2)
            _same("rows of kinematics", len(self.kinematics), "samples", n_times)
        if self.confounds is not None:
            _same("confound rows", len(self.confounds), "samples", n_times)
        if self.kept is not None:
            _same("marks of kept samples", len(self.kept), "samples", n_times)
        _same("times", len(self.times), "samples", n_times)
        _same("run labels", len(self.runs), "samples", n_times)
        _same("unit table rows", len(self.units), "units", n_units)
        _columns("events", self.events, ("onset", "duration", "run", "stimulus", "category"))


@dataclass(frozen=True)
class Responses:
    """One response vector a trial, of one participant.

    Attributes
    ----------
    data : float32 (n_trials, n_units)
        Response amplitudes (betas, block means, epochs flattened).
    trials : DataFrame
        ``participant_id, trial, stimulus, category, session, run, repeat`` (+ any other column).
        ``stimulus`` is a picture's id, or empty where only its category is known.
    units : DataFrame
        ``unit``, ``roi``, and a position or channel and time.
    transductive : bool
        Whether label-free cleaning used all samples of the run, test trials included.
    quality : mapping of str to DataFrame
        What the estimator counted (trials dropped, channels repaired), for the quality report;
        see :mod:`neurodecode.preprocess.quality`.
    """

    data: Float
    trials: pd.DataFrame
    units: pd.DataFrame
    transductive: bool = False
    quality: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _matrix("responses", self.data, 2)
        _same("trial table rows", len(self.trials), "response rows", len(self.data))
        _same("unit table rows", len(self.units), "response columns", self.data.shape[1])
        _columns("trials", self.trials, TRIAL_COLUMNS)


@dataclass(frozen=True)
class Stimuli:
    """What was shown and what is known of it.

    Attributes
    ----------
    table : DataFrame
        ``id, caption, category, set``. ``set`` is ``train`` (never scored), ``test`` (never
        trained on), ``fold`` (scored in one fold, trained on in the others) or ``both`` (scored
        although trained on: the study allows overlap).
    pixels : uint8 (n, h, w, 3)
        RGB, 0 to 255; (n, 0, 0, 3) where no picture is known. Of a clip its key frame.
    features : float32 (n, d), optional
        The study's own target features.
    frames : uint8 (n, n_frames, h, w, 3), optional
        What was shown where stimuli are clips.
    fps : float, optional
        Frames a second of clips.
    """

    table: pd.DataFrame
    pixels: Pixels
    features: Float | None = None
    frames: Pixels | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        _columns("stimuli", self.table, STIMULUS_COLUMNS)
        _same("stimulus table rows", len(self.table), "pictures", len(self.pixels))
        if self.pixels.ndim != 4 or self.pixels.shape[3] != 3 or self.pixels.dtype != np.uint8:
            raise DataError(
                f"stimuli: pictures must be uint8 (n, height, width, 3), got "
                f"{self.pixels.dtype} {self.pixels.shape}"
            )
        if self.features is not None:
            _matrix("stimuli: features", self.features, 2)
            _same("stimulus table rows", len(self.table), "feature rows", len(self.features))
        if self.frames is not None:
            _clips("stimuli: frames", self.frames)
            _same("stimulus table rows", len(self.table), "clips", len(self.frames))
        if (self.frames is None) != (self.fps is None):
            raise DataError("stimuli: clips need frames and fps, pictures neither")
        twice = self.table["id"][self.table["id"].duplicated()].unique()
        if len(twice):
            raise DataError(f"stimuli: these ids stand twice: {', '.join(map(str, twice[:10]))}")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def pictured(self) -> bool:
        """Whether pictures are known."""
        return bool(self.pixels.size)

    @property
    def scored(self) -> Stimuli:
        """Those that are scored in some fold: every set but ``train``."""
        return self.where(self.table["set"] != "train")

    def where(self, mask: NDArray[np.bool_] | pd.Series) -> Stimuli:
        """Return the pictures where ``mask`` (n,) is true."""
        keep = np.asarray(mask, dtype=bool)
        features = None if self.features is None else self.features[keep]
        frames = None if self.frames is None else self.frames[keep]
        table = self.table[keep].reset_index(drop=True)
        return Stimuli(table, self.pixels[keep], features, frames, self.fps)


@dataclass(frozen=True)
class Targets:
    """What a decoder aims at: one row of features a stimulus.

    Attributes
    ----------
    ids : tuple of str
        Stimulus of each row.
    values : float32 (n_stimuli, d)
        Feature vectors, flattened; ``shape`` is that of one row before flattening.
    shape : tuple of int
        ``(256,)`` for an embedding, ``(4, 16, 16)`` for a latent, ``(64, 64, 3)`` for pixels.
    extractor : str
        Name and weights' hash of what made them.
    """

    ids: tuple[str, ...]
    values: Float
    shape: tuple[int, ...]
    extractor: str

    def __post_init__(self) -> None:
        _matrix("targets", self.values, 2)
        _same("target ids", len(self.ids), "target rows", len(self.values))
        _same("values in a row", self.values.shape[1], f"shape {self.shape}", _size(self.shape))


@dataclass(frozen=True)
class Conditions:
    """What was decoded from each test trial, out of fold.

    Attributes
    ----------
    table : DataFrame
        ``participant_id, trial, stimulus, category, run, fold``, one row a test trial.
    arrays : mapping of str to float32 (n_trials, d)
        Decoded counterparts of the targets, by target name; ``label`` holds one score a class.
    classes : tuple of str
        Columns of ``arrays["label"]``; empty where no label is decoded.
    """

    table: pd.DataFrame
    arrays: Mapping[str, Float]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _columns("conditions", self.table, CONDITION_COLUMNS)
        for name, values in self.arrays.items():
            _matrix(f"conditions[{name}]", values, 2)
            _same(f"rows of {name}", len(values), "trials", len(self.table))
        if "label" in self.arrays:
            _same("classes", len(self.classes), "label columns", self.arrays["label"].shape[1])

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True)
class Reconstruction:
    """Pictures or clips drawn from conditions.

    Attributes
    ----------
    table : DataFrame
        ``item`` (unique name), ``participant_id, stimulus, category, run, fold, n_trials``.
    samples : uint8 (n_items, n_samples, h, w, 3) or (n_items, n_samples, n_frames, h, w, 3)
        All samples, in the order of their seeds: pictures or clips. A clip of one frame stands
        still.
    chosen : int64 (n_items,)
        The sample shown: the one that agrees best with the decoded conditions, never the truth.
    gates : mapping of str to float32 (n_items,)
        Scores of quality gates by name (``agreement``: cosine of the shown sample's embedding
        with the decoded one).
    fps : float, optional
        Frames a second of clips.
    """

    table: pd.DataFrame
    samples: Pixels
    chosen: NDArray[np.int64]
    gates: Mapping[str, Float] = field(default_factory=dict)
    fps: float | None = None

    def __post_init__(self) -> None:
        _columns("reconstruction", self.table, ("item", "participant_id", "stimulus", "category"))
        if self.samples.ndim != (5 if self.fps is None else 6) or self.samples.dtype != np.uint8:
            raise DataError(
                "reconstruction: samples must be uint8 (n_items, n_samples, height, width, 3), or "
                "with fps (n_items, n_samples, n_frames, height, width, 3), "
                f"got {self.samples.dtype} {self.samples.shape}"
            )
        _same("reconstruction table rows", len(self.table), "items", len(self.samples))
        _same("chosen samples", len(self.chosen), "items", len(self.samples))

    @property
    def pictures(self) -> Pixels:
        """All samples as pictures, of clips the key frames, uint8 (n_items, n_samples, h, w, 3)."""
        return self.samples if self.fps is None else key_frames(self.samples)

    @property
    def shown(self) -> Pixels:
        """The chosen picture, or key frame, of each item, uint8 (n_items, h, w, 3)."""
        shown: Pixels = self.pictures[np.arange(len(self.samples)), self.chosen]
        return shown

    def clips(self, n_frames: int | None = None) -> Pixels:
        """Return the chosen clip of each item, uint8 (n_items, n_frames, h, w, 3).

        Parameters
        ----------
        n_frames : int, optional
            To how many frames what stands still is repeated; without it clips are as drawn.

        Raises
        ------
        DataError
            Where pictures were drawn, or clips of another length.
        """
        drawn = self.samples[np.arange(len(self.samples)), self.chosen]
        n_frames = drawn.shape[1] if n_frames is None else n_frames
        if self.fps is None or drawn.shape[1] not in (1, n_frames):
            raise DataError(
                f"reconstruction: must be clips of {n_frames} frames, or of one that stands still, "
                f"got {drawn.shape[1:]}"
            )
        repeated: Pixels = np.broadcast_to(drawn, (len(drawn), n_frames, *drawn.shape[2:]))
        return repeated


def key_frames(clips: Pixels) -> Pixels:
    """Return the middle frame (..., h, w, 3) of clips (..., n_frames, h, w, 3)."""
    key: Pixels = clips[..., clips.shape[-4] // 2, :, :, :]
    return key


def _clips(name: str, frames: NDArray[np.uint8]) -> None:
    if frames.ndim != 5 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise DataError(
            f"{name}: must be uint8 (n, n_frames, height, width, 3), got "
            f"{frames.dtype} {frames.shape}"
        )


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def _matrix(name: str, values: NDArray[np.float32], ndim: int) -> None:
    if values.ndim != ndim or values.dtype != np.float32:
        raise DataError(
            f"{name}: must be float32 with {ndim} axes, got {values.dtype} {values.shape}"
        )


def _same(what: str, n: int, other: str, m: int) -> None:
    if n != m:
        raise DataError(f"{n} {what} for {m} {other}: the two must be of one length")


def _columns(name: str, table: pd.DataFrame, needed: tuple[str, ...]) -> None:
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise DataError(
            f"{name}: column(s) {', '.join(missing)} missing; found "
            f"{', '.join(map(str, table.columns))}"
        )
