"""Choose a method on validation people, whom neither fitting nor the final audit sees.

Probes are cross-validated among the validation people, and each score is of all of them at once.
How far two scores differ by chance is told by drawing the people again, the same for all methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import KFold

from neurodecode.contracts import Float
from neurodecode.deconfound.audit import Rows, kind_of, labels_of
from neurodecode.deconfound.demographics import Array
from neurodecode.deconfound.probes import Prober, chance_level, score
from neurodecode.errors import DataError
from neurodecode.registry import Deconfounder
from neurodecode.seeds import derive, generator

__all__ = ["Choice", "Validated", "choice_rows", "choose", "pick", "validate"]

PROBES = ("linear", "spread", "radial")
N_FOLDS, N_REPEATS, N_DRAWS = 5, 2, 100


@dataclass(frozen=True)
class Validated:
    """What one method leaves and keeps among the validation people.

    Attributes
    ----------
    left : float64 (1 + n_draws,)
        Mean over demographics and probes of the excess over chance, as a share of what lies above
        chance: of all people, then of each draw of them.
    kept : float64 (1 + n_draws,)
        Score of the label.
    """

    left: Array
    kept: Array


@dataclass(frozen=True)
class Choice:
    """Which candidate was chosen, and by what.

    Attributes
    ----------
    name : str
    found : mapping of str to Validated
        Of all candidates.
    given : Validated
        Of the features as they are.
    """

    name: str
    found: Mapping[str, Validated]
    given: Validated


def validate(
    method: Deconfounder | None,
    X: Float,
    demographics: pd.DataFrame,
    *,
    fit: Rows,
    validation: Rows,
    label: pd.Series,
    seed: int = 0,
) -> Validated:
    """Fit a method on some people and cross-validate probes among others; None fits nothing."""
    features, table = X[validation], demographics.iloc[validation]
    if method is not None:
        fitted: Deconfounder = clone(method).fit(
            X[fit], label.iloc[fit], demographics=demographics.iloc[fit]
        )
        features = fitted.transform(features, demographics=table)
    removed = [labels_of(column.astype(kind_of(column))) for _, column in demographics.items()]
    asked = [(probe, values[validation]) for values in removed for probe in PROBES]
    asked.append(("linear", labels_of(label.iloc[validation])))
    n, rng = len(features), generator(seed, "draws of validation people")
    draws = [np.arange(n), *(rng.integers(n, size=n) for _ in range(N_DRAWS))]
    scores = np.mean([
        _scores(np.asarray(features, dtype=float), asked, draws, derive(seed, "folds", repeat))
        for repeat in range(N_REPEATS)
    ], axis=0)  # fmt: skip
    chance = np.array([chance_level(values) for _, values in asked])
    above = np.clip(scores - chance, 0, None) / (1 - chance)
    return Validated(above[:, :-1].mean(axis=1), scores[:, -1])


def _scores(
    features: Array,
    asked: Sequence[tuple[str, NDArray[np.generic]]],
    draws: Sequence[NDArray[np.int_]],
    seed: int,
) -> Array:
    """Scores of out-of-fold predictions, (n_draws, n_asked)."""
    predicted = [np.empty_like(values) for _, values in asked]
    for train, test in KFold(N_FOLDS, shuffle=True, random_state=seed % 2**32).split(features):
        prober = Prober(features[train], features[test])
        for (probe, values), out in zip(asked, predicted, strict=True):
            out[test] = prober.predict(probe, values[train])
    pairs = [(values, out) for (_, values), out in zip(asked, predicted, strict=True)]
    return np.array([[score(values[at], out[at]) for values, out in pairs] for at in draws])


def choose(
    candidates: Mapping[str, Deconfounder],
    X: Float,
    demographics: pd.DataFrame,
    *,
    fit: Rows,
    validation: Rows,
    label: pd.Series,
    allowed: float = 0.02,
    seed: int = 0,
) -> Choice:
    """Choose the candidate that leaves least, of those that keep the label; see :func:`pick`.

    Parameters
    ----------
    candidates : mapping of str to Deconfounder
        Unfitted, from the gentlest to the one that takes away most.
    fit, validation : rows
        People on whom candidates are fitted, and on whom they are judged.
    label : Series
        What is to be kept; candidates may look at that of the people on whom they are fitted.
    allowed : float
        Loss of the label's score that is not counted.

    Raises
    ------
    DataError
        Where there is no candidate.
    """
    if not candidates:
        raise DataError("choose: there is no candidate")
    people = {"fit": fit, "validation": validation, "label": label, "seed": seed}
    given = validate(None, X, demographics, **people)  # type: ignore[arg-type]
    found = {
        name: validate(method, X, demographics, **people)  # type: ignore[arg-type]
        for name, method in candidates.items()
    }
    return Choice(pick(found, given, allowed), found, given)


def choice_rows(choice: Choice, method: str, label: str, n: int) -> Iterator[dict[str, object]]:
    """Yield what was chosen, and by what, as rows of the audit; ``probe`` names the figure.

    Standard errors are those by which :func:`pick` judges: of what a candidate leaves more than
    the one that leaves least, and of what it loses of the label.

    Parameters
    ----------
    choice : Choice
    method : str
        Under which the audit holds what was chosen.
    label : str
    n : int
        Number of validation people.
    """
    base = {"method": method, "figure": "candidate", "n": n}
    least = min(choice.found.values(), key=lambda found: found.left[0])
    yield {**base, "what": "", "probe": "left", "value": choice.given.left[0]}
    yield {**base, "what": "", "probe": label, "value": choice.given.kept[0]}
    for name, found in choice.found.items():
        figures = {
            "left": found.left[0],
            "left, standard error": (found.left - least.left)[1:].std(),
            label: found.kept[0],
            f"{label}, standard error": (choice.given.kept - found.kept)[1:].std(),
            "chosen": float(name == choice.name),
        }
        for figure, value in figures.items():
            yield {**base, "what": name, "probe": figure, "value": float(value)}


def pick(found: Mapping[str, Validated], given: Validated, allowed: float) -> str:
    """Return the last method that leaves least, of those that keep the label.

    A method keeps the label where its loss exceeds ``allowed`` by no more than one standard error;
    where none does, the one that keeps most is taken. It leaves least where it leaves more than
    another by no more than one standard error (Breiman et al. 1984, Classification and Regression
    Trees, 3.4.3). Standard errors are those of the difference of two methods, over draws of people.

    Parameters
    ----------
    found : mapping of str to Validated
        From the gentlest to the one that takes away most.
    given : Validated
        Of the features as they are.
    """

    def beyond(difference: Array) -> bool:
        return bool(difference[0] > difference[1:].std())

    keeping = [n for n, f in found.items() if not beyond(given.kept - f.kept - allowed)]
    if not keeping:
        return max(found, key=lambda name: found[name].kept[0])
    least = min(keeping, key=lambda name: found[name].left[0])
    return [n for n in keeping if not beyond(found[n].left - found[least].left)][-1]
