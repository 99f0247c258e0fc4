"""Study ``virtual-min``: a few simulated subjects who see pictures of ``objects64``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from neurodecode.contracts import Responses, Stimuli
from neurodecode.errors import ConfigError
from neurodecode.simulate.fmri import Features, World, picture_features, simulate_subject
from neurodecode.stimuli.objects64 import load_objects64
from neurodecode.studies.simulated import PICTURES, Simulated

__all__ = ["VirtualMin"]

N_RUNS = 10


class VirtualMin(Simulated):
    """Simulated single-trial responses of visual cortex.

    Parameters
    ----------
    n_subjects, n_voxels : int
    n_train, n_test : int
        Pictures of the ``decoder`` and ``test`` sets that are shown, the first ones of a fixed
        random order.
    n_repeats : int
        How often each is shown.
    noise_ceiling : float
        Median share of a single trial's variance that is signal.
    seed : int
        Of the simulated world.
    """

    def __init__(
        self,
        n_subjects: int,
        n_voxels: int,
        n_train: int,
        n_test: int,
        n_repeats: int,
        noise_ceiling: float,
        seed: int,
    ) -> None:
        super().__init__(n_subjects)
        self.n_train = n_train
        self.n_test = n_test
        self.n_repeats = n_repeats
        self.world = World(n_voxels, noise_ceiling)
        self.seed = seed

    def stimuli(self) -> Stimuli:
        """Return the shown pictures; ``set`` is ``train`` or ``test``."""
        return self._stimuli

    @cached_property
    def _stimuli(self) -> Stimuli:
        everything = load_objects64(("decoder", "test"))
        rng = np.random.default_rng(self.seed)
        keep = np.zeros(len(everything), dtype=bool)
        for name, wanted in (("decoder", self.n_train), ("test", self.n_test)):
            rows = np.flatnonzero((everything.table["set"] == name).to_numpy())
            if wanted > len(rows):
                raise ConfigError(
                    f"data: objects64 has {len(rows)} {name} pictures, {wanted} were asked for"
                )
            keep[rng.permutation(rows)[:wanted]] = True
        shown = everything.where(keep)
        table = shown.table.assign(set=shown.table["set"].replace("decoder", "train"))
        return Stimuli(table, shown.pixels)

    @cached_property
    def _features(self) -> Features:
        return picture_features(self._stimuli)

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        return {
            "recorded": "Nothing: these brains are simulated. Half of the voxels respond to "
            "edges in a small part of the picture, half to attributes such as size, shape, "
            "colours and group. "
            f"A median of {self.world.noise_ceiling:.0%} of a single trial's variance is signal; "
            "the noise is partly shared between voxels and partly looks like signal.",
            "seen": f"{self.n_train} training and {self.n_test} held-out pictures of objects, "
            f"each {self.n_repeats} times.",
            "limits": "A simulated brain is simpler than a real one: what works here need not "
            "work on a recording. It shows that the whole path from responses to pictures runs, "
            "and how much is lost at which step.",
            "licence": PICTURES,
        }

    def load(self, subject: str) -> Responses:
        """Simulate one subject.

        Raises
        ------
        ConfigError
            Where the subject is unknown.
        """
        self.refuse_unknown("virtual-min", subject)
        n = len(self._stimuli)
        rng = np.random.default_rng([self.seed, int(subject)])
        shown = np.concatenate([rng.permutation(n) for _ in range(self.n_repeats)])
        train = (self._stimuli.table["set"] == "train").to_numpy()
        data, units = simulate_subject(self._features, train, shown, self.world, self.seed, subject)
        table = self._stimuli.table.iloc[shown].reset_index(drop=True)
        trials = pd.DataFrame(
            {
                "participant_id": subject,
                "trial": [f"trial-{k:04d}" for k in range(len(shown))],
                "stimulus": table["id"],
                "category": table["category"],
                "session": "1",
                "run": np.arange(len(shown)) * N_RUNS // len(shown),
                "repeat": np.repeat(np.arange(self.n_repeats), n),
            }
        )
        return Responses(data, trials, units)
