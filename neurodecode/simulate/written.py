"""A virtual cohort on disk: people of a preset world, recorded and written as BIDS.

One job a person. Only one run (fMRI) or one session (EEG) of one person is in memory at a time, so
that memory does not grow with the number of people. Each person is drawn from seeds of their own:
the files are the same however many jobs write them, and the first people of a larger cohort are
those of a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

from neurodecode.artifacts import hash_settings
from neurodecode.contracts import Stimuli
from neurodecode.errors import ConfigError
from neurodecode.simulate.bids import BidsSet, write_dataset
from neurodecode.simulate.bids_eeg import write_eeg_subject
from neurodecode.simulate.bids_fmri import Grid, write_derivatives, write_fmri_subject
from neurodecode.simulate.bold import bold_runs
from neurodecode.simulate.eeg import eeg_sessions
from neurodecode.simulate.eeg_features import EegFeatures, eeg_features
from neurodecode.simulate.eeg_world import EegWorld, named_world
from neurodecode.simulate.features import Features
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import reference_features
from neurodecode.simulate.trials import shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import Schedule, World, named
from neurodecode.stimuli.objects64 import load_objects64

__all__ = ["Cohort", "write_cohort"]

TITLES = {"func": "Virtual cohort, fMRI", "eeg": "Virtual cohort, EEG"}


@dataclass(frozen=True)
class Cohort:
    """What is written.

    Attributes
    ----------
    root : Path
        Top of the BIDS data set.
    datatype : {"func", "eeg"}
        The people of the two are different people.
    preset, effects : str
        See :func:`~neurodecode.simulate.world.named`.
    n_subjects, n_train, n_test : int
        People and pictures; how often each picture is shown is the world's.
    """

    root: Path
    datatype: Literal["func", "eeg"]
    preset: str = "realistic"
    effects: str = "default"
    n_subjects: int = 8
    n_train: int = 600
    n_test: int = 100

    def __post_init__(self) -> None:
        for name in ("n_subjects", "n_train", "n_test"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: must be 1 or more, got {getattr(self, name)}")

    @cached_property
    def world(self) -> World | EegWorld:
        """The preset, with this cohort's pictures."""
        if self.datatype == "eeg":
            return named_world(self.preset, self.effects)
        world = named(self.preset, self.effects)
        schedule = replace(world.schedule, n_train=self.n_train, n_test=self.n_test)
        return replace(world, schedule=schedule)

    @property
    def stimuli(self) -> Stimuli:
        """What is shown."""
        return _shown(self.n_train, self.n_test, self.world.seed)

    @property
    def dataset(self) -> BidsSet:
        """The data set; its settings say all but how many people there are."""
        about = (
            f"World `{self.preset}`, effects of age, sex and site: {self.effects}. "
            "How it is made: docs/virtual-cohort.md and docs/virtual-cohort-eeg.md of neurodecode."
        )
        settings = hash_settings([asdict(self.world), self.n_train, self.n_test])
        people = draw_people(self.world, self.n_subjects)
        return BidsSet(self.root, TITLES[self.datatype], about, people, self.stimuli, settings)


def write_cohort(cohort: Cohort, jobs: int, advance: Callable[[], None]) -> None:
    """Write all people who are not there yet.

    Parameters
    ----------
    cohort : Cohort
    jobs : int
        Processes, each writing one person at a time.
    advance : callable
        Called after each person.

    Raises
    ------
    ConfigError
        Where there is no such world, there are too few pictures, or the folder holds other people.
    OutputError
        Where the file system refuses.
    """
    if jobs < 1:
        raise ConfigError(f"jobs: must be 1 or more, got {jobs}")
    dataset = cohort.dataset
    _refuse_others(dataset)
    write_dataset(dataset)
    if cohort.datatype == "func":
        write_derivatives(dataset)
    if jobs == 1:
        for k in range(cohort.n_subjects):
            _write_person(cohort, k)
            advance()
        return
    with ProcessPoolExecutor(min(jobs, cohort.n_subjects), get_context("spawn")) as pool:
        people = [pool.submit(_write_person, cohort, k) for k in range(cohort.n_subjects)]
        try:
            for done in as_completed(people):
                done.result()
                advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _refuse_others(dataset: BidsSet) -> None:
    """Refuse a folder that holds people who are not in the table."""
    names = set(dataset.people["participant_id"])
    others = sorted(path.name for path in dataset.root.glob("sub-*") if path.name not in names)
    if others:
        raise ConfigError(
            f"{dataset.root}: holds {', '.join(others[:5])}, who are not among the {len(names)} "
            "people that were asked for; name another folder, ask for more people, or delete it"
        )


def _write_person(cohort: Cohort, k: int) -> None:
    """Record and write the ``k``-th person."""
    world, dataset = cohort.world, cohort.dataset
    person = dataset.people.iloc[k]
    name = str(person["participant_id"])
    if isinstance(world, EegWorld):
        seen = _eeg_features(cohort)
        write_eeg_subject(dataset, name, eeg_sessions(world, person, dataset.stimuli, seen))
        return
    features, reference = _features(cohort)
    brain = draw_brain(world, person, reference)
    trials = trial_table(dataset.stimuli.table, world.schedule, world.seed, name)
    anatomy = brain.anatomy
    grid = Grid(anatomy.mask, anatomy.affine, brain.units["roi"].to_numpy(str))
    runs = bold_runs(world, brain, features, trials)
    write_fmri_subject(dataset, name, runs, grid, world.schedule.tr)


# Once a process, for all people that it writes.
@lru_cache(maxsize=2)
def _shown(n_train: int, n_test: int, seed: int) -> Stimuli:
    return shown_pictures(load_objects64(), Schedule(n_train=n_train, n_test=n_test), seed)


@lru_cache(maxsize=1)
def _features(cohort: Cohort) -> tuple[Features, Features]:
    assert isinstance(cohort.world, World)
    return reference_features(cohort.world, cohort.stimuli)


@lru_cache(maxsize=1)
def _eeg_features(cohort: Cohort) -> EegFeatures:
    assert isinstance(cohort.world, EegWorld)
    return eeg_features(cohort.stimuli, cohort.world.bank, cohort.world.seed)
