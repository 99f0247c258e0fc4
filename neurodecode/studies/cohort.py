"""Studies of people, one row of features a person: simulated, or from a person's own files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from neurodecode.artifacts import read_table
from neurodecode.contracts import STIMULUS_COLUMNS, TRIAL_COLUMNS, Float, Responses, Stimuli
from neurodecode.errors import DataError

__all__ = [
    "Cohort",
    "CohortStudy",
    "OwnCohort",
    "VirtualCohort",
    "people_of",
    "read_participants",
]

SUBJECT = "cohort"


class CohortStudy(Protocol):
    """What stage ``deconfound`` asks of a study of people."""

    simulated: bool
    connectivity: str | None

    @property
    def triangle(self) -> str | None:
        """Which half of a matrix of regions the features are, row by row; None: no matrix."""

    def people(self) -> tuple[pd.DataFrame, Float]:
        """Return who they are (``participant_id``, demographics) and (n_people, n_features).

        Where ``connectivity`` is set, time courses (n_people, n_times, n_regions) instead.
        """

    def people_sources(self) -> list[Path]:
        """Return the files that :meth:`people` reads."""

    def about(self) -> Mapping[str, str]:
        """Plain words for the report."""


class Cohort:
    """What all kinds share: nothing was seen."""

    level = "person"
    connectivity: str | None = None

    @property
    def triangle(self) -> str | None:
        """Which half of a matrix of regions the features are: nilearn's is the lower one."""
        return {"correlation": "lower", "partial": "lower"}.get(self.connectivity or "")

    def people_sources(self) -> list[Path]:
        """Return the files in which demographics are."""
        return []

    def stimuli(self) -> Stimuli:
        """Return no picture."""
        return Stimuli(pd.DataFrame(columns=STIMULUS_COLUMNS), np.zeros((0, 0, 0, 3), np.uint8))

    def stimulus_sources(self) -> list[Path]:
        """Return nothing."""
        return []


class _WholeCohort(Cohort, ABC):
    """People who come all at once: together they are one recording."""

    def subjects(self) -> tuple[str, ...]:
        """Return one name: the people are rows, not subjects of their own."""
        return (SUBJECT,)

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        return self.people_sources()

    @abstractmethod
    def people(self) -> tuple[pd.DataFrame, Float]:
        """Return who they are and their features."""

    def load(self, subject: str) -> Responses:
        """Return one row a person; demographics are not in it."""
        table, features = self.people()
        features = features.reshape(len(table), -1)
        trials = pd.DataFrame("", index=range(len(table)), columns=list(TRIAL_COLUMNS))
        trials["participant_id"] = trials["trial"] = table["participant_id"].to_numpy()
        trials["repeat"] = 0
        names = [f"f{k}" for k in range(features.shape[1])]
        return Responses(features, trials, pd.DataFrame({"unit": names, "roi": ""}))


class VirtualCohort(_WholeCohort):
    """Simulated connectivity of people, see :mod:`neurodecode.simulate.cohort`.

    Parameters
    ----------
    n_people : int
    world : str
        Of :data:`~neurodecode.simulate.cohort.COHORT_WORLDS`.
    space : {"fisher", "log"}
    seed : int
    """

    simulated = True
    triangle = "upper"

    def __init__(
        self, n_people: int, world: str, space: Literal["fisher", "log"], seed: int
    ) -> None:
        self.n_people = n_people
        self.world = world
        self.space = space
        self.seed = seed

    @cached_property
    def _people(self) -> tuple[pd.DataFrame, Float]:
        from neurodecode.simulate import cohort
        from neurodecode.simulate.connectome import learn_group, real_people

        group, world = learn_group(real_people()), cohort.COHORT_WORLDS[self.world]
        drawn = cohort.Cohort(group, world, seed=self.seed, space=self.space)
        table, features = drawn.simulate(self.n_people)
        return table.assign(
            diagnosis=np.where(table["diagnosis"] == 1, "case", "control")
        ), features

    def people(self) -> tuple[pd.DataFrame, Float]:
        """Return ``participant_id, age, sex, site, phenotype, diagnosis`` and connectivity."""
        return self._people

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        return {
            "recorded": f"Connectivity of {self.n_people} simulated people, 4,371 pairs of "
            "regions; how people differ is learned from seven real ones.",
            "limits": "The effects of age, sex and site were put in by a program, so that it is "
            "known what should be found. No oracle stands beside the audit, since nothing is "
            "identified: probes of raw features do.",
        }


class OwnCohort(_WholeCohort):
    """Features of people and their participants.tsv.

    Parameters
    ----------
    features : str
        ``.npz`` with ``participant_id`` (n,) and ``features`` (n, n_features), or, where
        ``connectivity`` is set, ``timeseries`` (n, n_times, n_regions).
    connectivity : {None, "correlation", "partial", "tangent"}
    participants : str
        Tab-separated, ``participant_id`` and demographics; people without features are left out.
    simulated : bool
    about : mapping of str to str
    """

    def __init__(
        self,
        features: str,
        participants: str,
        connectivity: str | None,
        simulated: bool,
        about: Mapping[str, str],
    ) -> None:
        self.connectivity = connectivity
        self.features = Path(features)
        self.participants = Path(participants)
        self.simulated = simulated
        self.words = about

    def people_sources(self) -> list[Path]:
        """Return both files."""
        return [self.features, self.participants]

    def about(self) -> Mapping[str, str]:
        """Return the words of the YAML."""
        return self.words

    def people(self) -> tuple[pd.DataFrame, Float]:
        """Read both files and join them by ``participant_id``.

        Raises
        ------
        DataError
            Where a file or array is missing or damaged, a person stands twice or is missing from
            participants.tsv, or a feature is not finite.
        """
        names, features = self._arrays()
        twice = int(names.duplicated().sum())
        if twice:
            raise DataError(
                f"{self.features}: {twice} rows of participant_id stand twice: one each"
            )
        return people_of(names, read_participants(self.participants), self.participants), features

    def _arrays(self) -> tuple[pd.Series, Float]:
        try:
            with np.load(self.features, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        except FileNotFoundError as error:
            raise DataError(f"{self.features}: no such file") from error
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{self.features}: not a readable .npz ({error})") from error
        wanted = "timeseries" if self.connectivity else "features"
        missing = [name for name in ("participant_id", wanted) if name not in found]
        if missing:
            raise DataError(
                f"{self.features}: array(s) {', '.join(missing)} missing; found "
                f"{', '.join(found) or 'none'}"
            )
        features, n_axes = found[wanted], 3 if self.connectivity else 2
        if features.ndim != n_axes or len(features) != len(found["participant_id"]):
            raise DataError(
                f"{self.features}: {wanted} must have {n_axes} axes, the first of people, with one "
                f"participant_id a row, got {features.shape} for {len(found['participant_id'])}"
            )
        if features.dtype.kind not in "fiu" or not np.isfinite(features).all():
            raise DataError(f"{self.features}: {wanted} must be finite numbers; leave others out")
        return pd.Series(found["participant_id"].astype(str)), features.astype(np.float32)


def read_participants(path: Path) -> pd.DataFrame:
    """Read a table of people.

    Raises
    ------
    DataError
        Where it is missing or damaged, has no ``participant_id``, or somebody stands in it twice.
    """
    table = read_table(path, text=("participant_id",))
    if "participant_id" not in table:
        raise DataError(
            f"{path}: column participant_id missing; found {', '.join(map(str, table.columns))}"
        )
    twice = int(table["participant_id"].duplicated().sum())
    if twice:
        raise DataError(f"{path}: {twice} rows of participant_id stand twice: one each")
    return table


def people_of(names: pd.Series, table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the rows of some people, in their order.

    Raises
    ------
    DataError
        Where somebody is not in the table.
    """
    lacking = int((~names.isin(table["participant_id"])).sum())
    if lacking:
        raise DataError(
            f"{path}: {lacking} of the {len(names)} people with features are not in it; add them, "
            "or leave their features out"
        )
    return table.set_index("participant_id").loc[names].reset_index()
