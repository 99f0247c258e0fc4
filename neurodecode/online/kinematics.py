"""Study ``kinematics``: recordings during which a body moved, for the stage ``online``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.contracts import STIMULUS_COLUMNS, TRIAL_COLUMNS, Recording, Stimuli
from neurodecode.errors import ConfigError
from neurodecode.online import demo
from neurodecode.online.calibration import DEMO, read_training

__all__ = ["Kinematics"]


class Kinematics:
    """Recordings with kinematics; nothing was seen that matters.

    Parameters
    ----------
    recordings : mapping of str to str
        Each subject's file, or ``flint2012`` (ships).
    channels : tuple of str
        Channels that hold the kinematics; empty: the array ``kinematics`` of an ``.npz``.
    simulated : bool
        Whether nobody was recorded.
    about : mapping of str to str
        Words for the report.
    """

    level = "kinematics"

    def __init__(
        self,
        recordings: Mapping[str, str],
        channels: tuple[str, ...],
        simulated: bool,
        about: Mapping[str, str],
    ) -> None:
        self.recordings = recordings
        self.channels = channels
        self.simulated = simulated
        self.words = about

    def subjects(self) -> tuple[str, ...]:
        """Return those of the YAML."""
        return tuple(self.recordings)

    def sources(self, subject: str) -> list[Path]:
        """Return the file that :meth:`load` reads."""
        name = self.recordings[subject]
        return [demo.FILE if name == DEMO else Path(name)]

    def stimuli(self) -> Stimuli:
        """Return no picture."""
        return Stimuli(pd.DataFrame(columns=STIMULUS_COLUMNS), np.zeros((0, 0, 0, 3), np.uint8))

    def stimulus_sources(self) -> list[Path]:
        """Return nothing."""
        return []

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        plain = {"limits": "Whatever was done to the recording before it was read here."}
        return {**plain, **self.words}

    def load(self, subject: str) -> Recording:
        """Read one subject's recording, without trials.

        Raises
        ------
        ConfigError
            Where the subject is unknown.
        DataError
            Where the file is missing, damaged, or lacks kinematics.
        """
        if subject not in self.recordings:
            raise ConfigError(
                f"kinematics: subject must be one of {', '.join(self.recordings)}, got {subject!r}"
            )
        training = read_training(self.recordings[subject], self.channels)
        recorded = training.recorded
        return Recording(
            data=recorded.data.astype(np.float32),
            times=recorded.times,
            runs=np.zeros(len(recorded.data), np.int64),
            events=pd.DataFrame(columns=["onset", "duration", *TRIAL_COLUMNS]),
            units=pd.DataFrame({"unit": recorded.channels, "roi": ""}),
            participant_id=subject,
            sfreq=recorded.sfreq,
            kinematics=training.kinematics.astype(np.float32),
        )
