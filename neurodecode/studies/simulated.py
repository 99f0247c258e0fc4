"""What studies of simulated people share: nobody's file is read, pictures ship with the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurodecode.contracts import Responses, Stimuli
from neurodecode.errors import ConfigError
from neurodecode.simulate.features import Features, clip_features, picture_features
from neurodecode.simulate.oracle import build_oracle
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import runs, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import World

__all__ = ["PICTURES", "Simulated"]

PICTURES = "Pictures: Fluent Emoji (MIT, Microsoft Corporation)."


class Simulated(ABC):
    """Numbered people who see pictures of ``objects64``.

    Parameters
    ----------
    n_subjects : int
    """

    level = "stimulus"
    simulated = True

    def __init__(self, n_subjects: int) -> None:
        self.n_subjects = n_subjects

    @property
    @abstractmethod
    def world(self) -> World:
        """The world that the people live in."""

    @abstractmethod
    def stimuli(self) -> Stimuli:
        """Return what is shown."""

    @property
    @abstractmethod
    def _features(self) -> tuple[Features, Features]:
        """Features of all that is shown, and of what brains are scaled over."""

    @property
    def _reference(self) -> Features:
        """Features of what brains are scaled over alone."""
        return self._features[1]

    def subjects(self) -> tuple[str, ...]:
        """Return ``01``, ``02``, ..."""
        return tuple(f"{k + 1:02d}" for k in range(self.n_subjects))

    def sources(self, subject: str) -> list[Path]:
        """Return nothing: no file is read."""
        return []

    def stimulus_sources(self) -> list[Path]:
        """Return nothing: the pictures ship with the package."""
        return []

    def log_likelihood(
        self, subject: str, responses: Responses, candidates: Stimuli
    ) -> NDArray[np.float64]:
        """Return how likely each candidate makes each response, by the world's own law.

        What a candidate has that is no function of its pixels and group (the hidden features) is
        not looked at: a decoder cannot learn it either.

        Parameters
        ----------
        subject : str
        responses : Responses
            Trials of :meth:`load`, as they are.
        candidates : Stimuli
            Pictures or clips; they need not be among those that are shown.

        Returns
        -------
        float64 (n_candidates, n_trials)
            Up to a constant a trial; see :mod:`neurodecode.simulate.oracle`.
        """
        self.refuse_unknown("log_likelihood", subject)
        world = self.world
        person = draw_people(world, self.n_subjects).iloc[int(subject) - 1]
        brain = draw_brain(world, person, self._reference)
        shown = trial_table(self.stimuli().table, world.schedule, world.seed, brain.participant_id)
        onsets = runs(shown)[0][1]["onset"].to_numpy(float)
        seen = _described(candidates, world)
        oracle = build_oracle(world, brain, seen, onsets, hidden=False)
        return oracle.log_likelihood(responses.data, responses.trials)

    def refuse_unknown(self, kind: str, subject: str) -> None:
        """Raise a ConfigError where there is no such subject."""
        if subject not in self.subjects():
            raise ConfigError(
                f"{kind}: subject must be one of {', '.join(self.subjects())}, got {subject!r}"
            )


def _described(stimuli: Stimuli, world: World) -> Features:
    if stimuli.frames is None:
        return picture_features(stimuli, world.bank, world.seed)
    return clip_features(list(stimuli.frames), stimuli.table, world.bank, world.seed)
