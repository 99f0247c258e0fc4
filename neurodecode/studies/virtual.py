"""Study ``virtual``: simulated people of a preset world, as responses to single trials.

The worlds, their equations and the law of the responses are in ``neurodecode.simulate`` (`world`,
`tuning`, `noise`, `responses`); this adapter chooses one, shortens what is shown where asked to,
and names people as the pipeline does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import pandas as pd

from neurodecode.contracts import Responses, Stimuli
from neurodecode.simulate.features import Features
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import reference_features, trial_responses
from neurodecode.simulate.trials import shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import World, named
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.studies.simulated import PICTURES, Simulated

__all__ = ["Virtual"]


class Virtual(Simulated):
    """People of a virtual world who see pictures of ``objects64``.

    Parameters
    ----------
    preset : str
        ``realistic``, ``easy``, ``hard``, ``world-B`` or ``minimal``.
    effects : str
        What age, sex, site and label change: ``default``, ``no confound``, ``variance only`` or
        ``label with site``.
    n_subjects : int
        The first ones of a larger study are those of a smaller one.
    n_train, n_test : int
        Pictures.
    train_repeats, test_repeats : int
        How often each is shown.
    n_voxels : int or None
        Voxels of a person, give or take a twentieth; the preset's numbers where None.
    seed : int or None
        Draws other brains, pictures and noise from the preset; the preset's own where None.
    """

    def __init__(
        self,
        preset: str,
        effects: str,
        n_subjects: int,
        n_train: int,
        n_test: int,
        train_repeats: int,
        test_repeats: int,
        n_voxels: int | None,
        seed: int | None = None,
    ) -> None:
        self.preset = preset
        self.effects = effects
        super().__init__(n_subjects)
        self.n_train = n_train
        self.n_test = n_test
        self.train_repeats = train_repeats
        self.test_repeats = test_repeats
        self.n_voxels = n_voxels
        self.seed = seed

    @cached_property
    def world(self) -> World:
        """The preset, with this study's pictures and voxels."""
        world = named(self.preset, self.effects)
        schedule = replace(
            world.schedule,
            n_train=self.n_train,
            n_test=self.n_test,
            train_repeats=self.train_repeats,
            test_repeats=self.test_repeats,
        )
        cortex = world.cortex
        if self.n_voxels is not None:
            cortex = replace(cortex, n_voxels=(self.n_voxels * 19 // 20, self.n_voxels))
        seed = world.seed if self.seed is None else self.seed
        return replace(world, seed=seed, schedule=schedule, cortex=cortex)

    def demographics(self) -> pd.DataFrame:
        """Return ``age``, ``sex`` and ``site`` of each subject."""
        people = draw_people(self.world, self.n_subjects)
        return people[["age", "sex", "site"]].set_axis(list(self.subjects()))

    def stimuli(self) -> Stimuli:
        """Return the shown pictures; ``set`` is ``train`` or ``test``."""
        return self._stimuli

    @cached_property
    def _stimuli(self) -> Stimuli:
        return shown_pictures(load_objects64(), self.world.schedule, self.world.seed)

    @cached_property
    def _features(self) -> tuple[Features, Features]:
        return reference_features(self.world, self._stimuli)

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        world = self.world
        hidden = self._stimuli.table["origin"].eq("generator").sum()
        also = (
            f" {hidden} of the training pictures were also used to train the embedded generator; "
            "no test picture was."
            if hidden
            else ""
        )
        least, most = sorted((world.early.hidden, world.ventral.hidden))
        unseen = f"{least:.0%}" + (f" to {most:.0%}" if most > least else "")
        return {
            "recorded": f"Nothing: these brains are simulated (world {world.name}, demographic "
            f"effects: {self.effects}). Early voxels respond to edges in a part of the picture and "
            "to its texture, ventral ones to attributes such as group, colours and place. A median "
            f"of {world.explainable:.0%} of a single trial's variance is explained by the picture, "
            f"less where haemodynamics differ or attention lapses; {unseen} of that follows "
            "features that no decoder is told of. Noise is correlated over trials and voxels, "
            "partly along the signal's own directions; people differ in where and how voxels are "
            "tuned.",
            "seen": f"{self.n_train} training pictures {_times(self.train_repeats)} and "
            f"{self.n_test} held-out pictures {_times(self.test_repeats)}.{also}",
            "limits": "A simulated brain is simpler than a real one: what works here need not "
            "work on a recording. Responses are drawn with the law of a linear model's estimates; "
            "their preprocessing is not run.",
            "licence": PICTURES,
        }

    def load(self, subject: str) -> Responses:
        """Simulate one subject.

        Raises
        ------
        ConfigError
            Where the subject is unknown.
        """
        self.refuse_unknown("virtual", subject)
        features, reference = self._features
        person = draw_people(self.world, self.n_subjects).iloc[int(subject) - 1]
        brain = draw_brain(self.world, person, reference)
        trials = trial_table(
            self._stimuli.table, self.world.schedule, self.world.seed, brain.participant_id
        )
        drawn = trial_responses(self.world, brain, features, trials)
        return replace(drawn, trials=drawn.trials.assign(participant_id=subject))


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times") + " each"
