"""Study ``virtual_clips``: simulated people of a preset world who see clips made of pictures.

As the study ``virtual``; voxels answer to what a clip's frames have in the mean, and to motion
energy of their preferred directions. Without that tuning no voxel tells a clip from its reverse:
the control of every claim on decoded motion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from neurodecode.contracts import Responses, Stimuli, key_frames
from neurodecode.simulate.features import Features, clip_features, picture_features
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import trial_responses
from neurodecode.simulate.trials import trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import World
from neurodecode.stimuli.clips import FPS, Clips, draw_clips
from neurodecode.studies.simulated import PICTURES, Simulated
from neurodecode.studies.virtual import Virtual

__all__ = ["VirtualClips"]


class VirtualClips(Simulated):
    """People of a virtual world who see clips of 2 s.

    Parameters
    ----------
    clips_per_picture : int
        Clips that each training picture leads in. A test picture leads in one: test clips have
        no picture in common, but for what the changing ones change into.
    motion_tuning : bool
        Whether voxels are tuned to motion.
    **shown
        As of :class:`~neurodecode.studies.virtual.Virtual`; ``n_train`` and ``n_test`` count
        pictures, repeats those of a clip.
    """

    def __init__(self, clips_per_picture: int, motion_tuning: bool, **shown: Any) -> None:
        self.clips_per_picture = clips_per_picture
        self.motion_tuning = motion_tuning
        self.still = Virtual(**shown)
        super().__init__(self.still.n_subjects)

    @cached_property
    def world(self) -> World:
        """The preset, with this study's clips and voxels."""
        world = self.still.world
        n_train = self.still.n_train * self.clips_per_picture
        schedule = replace(world.schedule, n_train=n_train)
        world = replace(world, schedule=schedule)
        if self.motion_tuning:
            return world
        early, ventral = (replace(part, motion=0.0) for part in (world.early, world.ventral))
        return replace(world, early=early, ventral=ventral)

    def demographics(self) -> pd.DataFrame:
        """Return ``age``, ``sex`` and ``site`` of each subject."""
        return self.still.demographics()

    def stimuli(self) -> Stimuli:
        """Return the shown clips; ``set`` is ``train`` or ``test``."""
        return self._stimuli

    @cached_property
    def _stimuli(self) -> Stimuli:
        clips = self._clips
        return Stimuli(clips.table, key_frames(clips.frames), frames=clips.frames, fps=FPS)

    @cached_property
    def _clips(self) -> Clips:
        pictures, seed = self.still.stimuli(), self.world.seed
        parts = [
            draw_clips(pictures.where(pictures.table["set"] == name), per_picture, seed)
            for name, per_picture in (("train", self.clips_per_picture), ("test", 1))
        ]
        table = pd.concat([part.table for part in parts], ignore_index=True)
        return Clips(table, np.concatenate([part.frames for part in parts]))

    @cached_property
    def _features(self) -> tuple[Features, Features]:
        """Features of the clips, and of the training pictures over which brains are scaled."""
        world, clips = self.world, self._clips
        seen = clip_features(list(clips.frames), clips.table, world.bank, world.seed)
        return seen, self._reference

    @cached_property
    def _reference(self) -> Features:
        pictures = self.still.stimuli()
        train = pictures.where(pictures.table["set"] == "train")
        return picture_features(train, self.world.bank, self.world.seed)

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        world, schedule = self.world, self.world.schedule
        tuning = "are tuned to directions of motion" if self.motion_tuning else "know no motion"
        return {
            "recorded": f"Nothing: these brains are simulated (world {world.name}). A median of "
            f"{world.explainable:.0%} of a single trial's variance is explained by a still "
            f"picture; voxels {tuning}. Noise is correlated over trials and voxels.",
            "seen": f"{schedule.n_train} training clips of two seconds, "
            f"{schedule.train_repeats} times each, and {schedule.n_test} held-out clips, "
            f"{schedule.test_repeats} times each: pictures that move, grow, shrink, turn, change "
            "into another or stand behind a moving bar. No picture is in both.",
            "limits": "A simulated brain is simpler than a real one: what works here need not "
            "work on a recording. Responses are drawn with the law of a linear model's estimates.",
            "licence": PICTURES,
        }

    def load(self, subject: str) -> Responses:
        """Simulate one subject.

        Raises
        ------
        ConfigError
            Where the subject is unknown.
        """
        self.refuse_unknown("virtual_clips", subject)
        features, reference = self._features
        person = draw_people(self.world, self.n_subjects).iloc[int(subject) - 1]
        brain = draw_brain(self.world, person, reference)
        trials = trial_table(
            self._stimuli.table, self.world.schedule, self.world.seed, brain.participant_id
        )
        drawn = trial_responses(self.world, brain, features, trials)
        return replace(drawn, trials=drawn.trials.assign(participant_id=subject))
