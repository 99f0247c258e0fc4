"""Trial embeddings without their person's age, sex or site: the last step of ``embed``.

Every decoder is fitted within one person, but what they decode lies in one space, that of the
target. There an effect of demographics is defined. People are cut into parts; the trials of each
part are transformed by a deconfounder that was fitted on the decoded trials of all other people.
Labels and pictures take no part.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from neurodecode.contracts import Conditions
from neurodecode.deconfound.demographics import PERSON, Encoding, check_table
from neurodecode.embed.settings import AcrossPeopleSettings
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.registry import Deconfounder, KnowsPeople, make
from neurodecode.seeds import generator

__all__ = ["ONE_PERSON", "AcrossPeople", "demographics_of"]

ONE_PERSON = (
    "there is one person, whose age, sex and site are the same in all trials: deconfounding "
    "changes nothing"
)


def demographics_of(adapter: object, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return some demographics, one row a subject, indexed by name.

    Raises
    ------
    ConfigError
        Where the study does not know its people.
    DataError
        Where a column is missing.
    """
    known = adapter.demographics() if isinstance(adapter, KnowsPeople) else None
    if known is None:
        raise ConfigError(
            "decoders: deconfound needs people whose age, sex or site are known (participants.tsv)"
        )
    missing = [name for name in columns if name not in known]
    if missing:
        raise DataError(
            f"participants: column(s) {', '.join(missing)} missing; found "
            f"{', '.join(map(str, known.columns))}"
        )
    return known[list(columns)].rename_axis(PERSON)


@dataclass(frozen=True)
class AcrossPeople:
    """The step for one chain.

    Attributes
    ----------
    settings : AcrossPeopleSettings
    people : DataFrame
        Demographics, one row a subject, indexed by name.
    seed : int
        Of the parts.
    """

    settings: AcrossPeopleSettings
    people: pd.DataFrame
    seed: int

    def parts(self) -> list[list[str]]:
        """Return the names in each part of the people."""
        order = generator(self.seed, "parts of people").permutation(len(self.people))
        names = self.people.index.to_numpy(str)
        cut = np.array_split(order, min(self.settings.n_folds, len(names)))
        return [sorted(names[part].tolist()) for part in cut]

    def check(self) -> None:
        """Say before any work whether the effects can be told.

        Raises
        ------
        DataError
            Where a demographic is missing, or lies outside what all others have.
        NotIdentifiable
            Where the people outside some part are too few, in all or of one level.

        Warns
        -----
        DataWarning
            Where there is one person.
        """
        if len(self.people) == 1:
            warnings.warn(ONE_PERSON, DataWarning, stacklevel=2)
            return
        check_table(self.people)
        for part in self.parts():
            others = self.people.drop(index=part)
            known = Encoding.learn(others, minimum=self.settings.method.minimum)
            known.encode(self.people.loc[part])

    def apply(
        self, conditions: Mapping[str, Conditions]
    ) -> tuple[dict[str, Conditions], dict[str, dict[str, NDArray[Any]]]]:
        """Return the conditions of everybody without demographics, and what was learned.

        Parameters
        ----------
        conditions : mapping of str to Conditions
            Of each subject.

        Returns
        -------
        conditions : dict of str to Conditions
            Scores of labels stay as they are.
        learned : dict of str to arrays
            Part and target -> the deconfounder's arrays.
        """
        done, learned = dict(conditions), {}
        for k, part in enumerate(self.parts() if len(self.people) > 1 else ()):
            fitted_on = [name for name in conditions if name not in part]
            for target in _targets(conditions):
                method = self._fit(conditions, fitted_on, target)
                learned[f"{k}.{target}"] = method.state()
                for name in part:
                    old = done[name]
                    values = method.transform(
                        old.arrays[target], demographics=self._rows([name], conditions)
                    )
                    done[name] = replace(old, arrays={**old.arrays, target: values})
        return done, learned

    def _fit(
        self, conditions: Mapping[str, Conditions], names: list[str], target: str
    ) -> Deconfounder:
        method = clone(cast(Deconfounder, make("deconfounder", self.settings.method)))
        values = np.concatenate([conditions[name].arrays[target] for name in names])
        fitted: Deconfounder = method.fit(values, demographics=self._rows(names, conditions))
        return fitted

    def _rows(self, names: list[str], conditions: Mapping[str, Conditions]) -> pd.DataFrame:
        """Demographics of each trial of some people."""
        return self.people.loc[np.repeat(names, [len(conditions[name]) for name in names])]


def _targets(conditions: Mapping[str, Conditions]) -> Iterator[str]:
    arrays = next(iter(conditions.values())).arrays
    yield from (name for name in arrays if name != "label")
