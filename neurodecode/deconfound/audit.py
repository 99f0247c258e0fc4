"""The audit: what a method removes, what it leaves, what it loses, on people it has not seen.

Three disjoint sets of people: A, on which a method is fitted, B, on which a probe is trained, C, on
which the probe is tested. A method that subtracts estimates leaves their error, the same in B and
C; a probe that is trained on A does not see it. The score of A to C is therefore given beside that
of B to C as the flattering number. Scores below chance are failures too: they are what is left
where a method saw the people on which it is tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from neurodecode.contracts import Float
from neurodecode.deconfound.demographics import Encoding
from neurodecode.deconfound.probes import PROBES, Prober, chance_level, score
from neurodecode.errors import DataError
from neurodecode.registry import Deconfounder
from neurodecode.seeds import generator

__all__ = [
    "AUDIT_COLUMNS",
    "Sets",
    "audit",
    "audit_fitted",
    "confounded",
    "kind_of",
    "labels_of",
    "split",
]

AUDIT_COLUMNS = ("method", "figure", "what", "probe", "value", "flattering", "chance", "p",
                 "p_low", "n")  # fmt: skip
MINIMUM_TEST = 10
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Sets:
    """Rows of the people on which a method is fitted, a probe trained, and the probe tested.

    ``validation`` are people who choose among methods, and who have no part in the audit.
    """

    fit: Rows
    probe: Rows
    test: Rows
    validation: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def parts(self) -> dict[str, Rows]:
        """The three sets of the audit by name."""
        return {"fit": self.fit, "probe": self.probe, "test": self.test}


def split(groups: Sequence[Any], seed: int, shares: Sequence[float] = (0.5, 0.25, 0.25)) -> Sets:
    """Split people at random; rows of one group stay together.

    Parameters
    ----------
    groups : (n_rows,)
        Person of each row.
    shares : three floats
        Shares of people for fitting, probing and testing.
    """
    people, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    order = generator(seed, "three sets").permutation(len(people))
    bounds = np.round(np.cumsum(shares)[:2] / np.sum(shares) * len(people)).astype(int)
    parts = [np.flatnonzero(np.isin(member, part)) for part in np.split(order, bounds)]
    if min(map(len, parts)) < MINIMUM_TEST:
        raise DataError(
            f"audit: {len(people)} people are too few for three sets of {MINIMUM_TEST} or more"
        )
    return Sets(*parts)


def labels_of(values: pd.Series) -> NDArray[Any]:
    """Return numbers as floats and everything else as text."""
    if pd.api.types.is_float_dtype(values):
        return values.to_numpy(float)
    return values.astype(str).to_numpy(str)


def audit(
    methods: Mapping[str, Deconfounder | None],
    X: Float,
    demographics: pd.DataFrame,
    sets: Sets,
    *,
    label: pd.Series | None = None,
    seed: int = 0,
    probes: Sequence[str] = PROBES,
    controls: bool = True,
) -> pd.DataFrame:
    """Audit all methods on the same people; one table, see :data:`AUDIT_COLUMNS`.

    Parameters
    ----------
    methods : mapping of str to Deconfounder or None
        Unfitted; None leaves the features as they are.
    X : (n_people, n_features)
    demographics : DataFrame
        What is to be removed; one row a person.
    sets : Sets
    label : Series, optional
        What is to be kept; a method may look at that of the people on whom it is fitted. Where one
        does, its people know more of the label than the probe's alone: a probe that is trained on
        the fitting people too is therefore given beside the other.
    probes : sequence of str
        Of :data:`~neurodecode.deconfound.probes.PROBES`.
    controls : bool
        Also fit on shuffled features, and look at synthetic people.
    """
    rows: list[dict[str, Any]] = []
    for name, method in methods.items():
        fitted: Deconfounder | None = None
        if method is not None:
            own = None if label is None else label.iloc[sets.fit]
            fitted = clone(method).fit(X[sets.fit], own, demographics=demographics.iloc[sets.fit])
        rows += audit_fitted(name, fitted, X, demographics, sets, label=label, seed=seed,
                             probes=probes, controls=controls)  # fmt: skip
    return pd.DataFrame(rows, columns=list(AUDIT_COLUMNS))


def audit_fitted(
    name: str,
    fitted: Deconfounder | None,
    X: Float,
    demographics: pd.DataFrame,
    sets: Sets,
    *,
    label: pd.Series | None = None,
    seed: int = 0,
    probes: Sequence[str] = PROBES,
    controls: bool = True,
    flattering: bool = True,
) -> Iterator[dict[str, Any]]:
    """Yield what a fitted method leaves and keeps; see :func:`audit`."""
    given = {part: np.asarray(X[rows], dtype=float) for part, rows in sets.parts.items()}
    table = {part: demographics.iloc[rows] for part, rows in sets.parts.items()}
    left = given
    if fitted is not None:
        left = {p: np.asarray(fitted.transform(values, demographics=table[p]), dtype=float)
                for p, values in given.items()}  # fmt: skip
    base = {"method": name, "n": len(sets.test)}
    honest = Prober(left["probe"], left["test"], seed=seed)
    easy = Prober(left["fit"], left["test"], seed=seed)
    for column in demographics.columns:
        labels = {part: labels_of(rows[column].astype(kind_of(demographics[column])))
                  for part, rows in table.items()}  # fmt: skip
        for probe in probes:
            found = honest.probe(probe, labels["probe"], labels["test"])
            score_of_fit = np.nan
            if flattering and probe != "forest":  # costly, and the others show it
                score_of_fit = easy.score(probe, labels["fit"], labels["test"])
            yield {**base, "figure": "left", "what": column, "probe": probe, "value": found.score,
                   "flattering": score_of_fit, "chance": found.chance, "p": found.p,
                   "p_low": found.p_low}  # fmt: skip
    yield from (base | row for row in _group_differences(left["test"], table["test"]))
    if left["test"].shape == given["test"].shape:
        centre = given["fit"].mean(axis=0)
        lost = ((left["test"] - given["test"]) ** 2).sum()
        kept = 1 - lost / ((given["test"] - centre) ** 2).sum()
        yield {**base, "figure": "kept", "what": "features (R2)", "value": kept}
    if label is not None:
        labels = {part: labels_of(label.iloc[rows]) for part, rows in sets.parts.items()}
        yield from (base | row for row in _label(honest, labels, table["test"], str(label.name)))
        both = np.concatenate([left["fit"], left["probe"]])
        value = Prober(both, left["test"], seed=seed).score(
            "linear", np.concatenate([labels["fit"], labels["probe"]]), labels["test"]
        )
        yield {**base, "figure": "kept, fitting people's label known", "what": str(label.name),
               "probe": "linear", "value": value}  # fmt: skip
    if fitted is not None and controls:
        yield from (base | row for row in _shuffled(fitted, given, table, label, sets, seed))
        if hasattr(fitted, "sample"):
            yield from (base | row for row in _synthetic(fitted, given, table, seed))


def kind_of(column: pd.Series) -> type:
    """Return float for numbers, which are predicted, and str for all else, which is told apart."""
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return float if numeric else str


def _groups(table: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.str_]]]:
    """Groups of people by each demographic; numbers are cut at their median."""
    for name in table.columns:
        if kind_of(table[name]) is float:
            middle = table[name].median()
            yield str(name), np.where(table[name] > middle, "above median", "up to median")
        else:
            yield str(name), table[name].astype(str).to_numpy(str)


def _differences(values: NDArray[Any], groups: NDArray[np.str_]) -> NDArray[Any]:
    """Each group's mean less the mean of all groups, (n_groups, n_features)."""
    means = np.stack([values[groups == g].mean(axis=0) for g in np.unique(groups)])
    return np.asarray(means - means.mean(axis=0))


def _group_differences(values: NDArray[Any], table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for name, groups in _groups(table):
        size = np.sqrt((_differences(values, groups) ** 2).mean())
        yield {"figure": "group difference", "what": name, "value": float(size)}


def _label(
    prober: Prober, labels: Mapping[str, NDArray[Any]], table: pd.DataFrame, name: str
) -> Iterator[dict[str, Any]]:
    """What is to be kept, by a linear probe: of all, and of each group."""
    found = prober.probe("linear", labels["probe"], labels["test"])
    yield {"figure": "kept", "what": name, "probe": "linear", "value": found.score,
           "chance": found.chance, "p": found.p, "p_low": found.p_low}  # fmt: skip
    for demographic, groups in _groups(table):
        for group in np.unique(groups):
            rows = groups == group
            if rows.sum() >= MINIMUM_TEST and len(np.unique(labels["test"][rows])) > 1:
                value = float(score(labels["test"][rows], found.predicted[rows]))
                yield {"figure": "kept by group", "what": f"{name}, {demographic} {group}",
                       "probe": "linear", "value": value, "chance": found.chance,
                       "n": int(rows.sum())}  # fmt: skip


def _shuffled(
    method: Deconfounder,
    given: Mapping[str, NDArray[Any]],
    table: Mapping[str, pd.DataFrame],
    label: pd.Series | None,
    sets: Sets,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Shuffle every feature over people, deconfound, decode: what is found, the method put in.

    The control of Hamdan et al. 2023 (GigaScience 12, giad071).
    """
    rng = generator(seed, "shuffle")
    noise = {part: rng.permuted(values, axis=0) for part, values in given.items()}
    own = None if label is None else label.iloc[sets.fit]
    fresh: Deconfounder = clone(method).fit(noise["fit"], own, demographics=table["fit"])
    left = {
        part: fresh.transform(values, demographics=table[part]).astype(float)
        for part, values in noise.items()
    }
    prober = Prober(left["probe"], left["test"], seed=seed)
    for column in table["test"].columns:
        labels = {p: labels_of(t[column].astype(kind_of(t[column]))) for p, t in table.items()}
        found = prober.probe("linear", labels["probe"], labels["test"])
        yield {"figure": "put in (shuffled)", "what": column, "probe": "linear",
               "value": found.score, "chance": found.chance, "p": found.p,
               "p_low": found.p_low}  # fmt: skip


def _synthetic(
    method: Any, given: Mapping[str, NDArray[Any]], table: Mapping[str, pd.DataFrame], seed: int
) -> Iterator[dict[str, Any]]:
    """Synthetic people with the demographics of B and C against the real ones."""
    made = {
        part: np.asarray(method.sample(len(table[part]), demographics=table[part]), dtype=float)
        for part in ("probe", "test")
    }
    pairs = {part: np.concatenate([given[part], made[part]]) for part in made}
    kinds = {p: np.repeat(["real", "synthetic"], [len(given[p]), len(made[p])]) for p in made}
    prober = Prober(pairs["probe"], pairs["test"], seed=seed)
    for probe in ("linear", "spread", "radial"):
        found = prober.probe(probe, kinds["probe"], kinds["test"])
        yield {"figure": "synthetic", "what": "told from real", "probe": probe,
               "value": found.score, "chance": 0.5, "p": found.p, "p_low": found.p_low}  # fmt: skip
    near = _nearest(made["test"], given["fit"]) / _nearest(given["test"], given["fit"])
    yield {"figure": "synthetic", "what": "distance to nearest training person over that of real "
           "people", "value": float(near)}  # fmt: skip
    for (name, groups), (_, same) in zip(
        _groups(table["test"]), _groups(table["test"]), strict=True
    ):
        true, drawn = _differences(given["test"], groups), _differences(made["test"], same)
        yield {"figure": "synthetic group difference error", "what": name,
               "value": float(np.sqrt(((drawn - true) ** 2).mean()))}  # fmt: skip
    transfer = Prober(made["probe"], given["test"], seed=seed)
    for column in table["test"].columns:
        labels = {p: labels_of(t[column].astype(kind_of(t[column]))) for p, t in table.items()}
        found = transfer.probe("linear", labels["probe"], labels["test"])
        yield {"figure": "trained on synthetic", "what": column, "probe": "linear",
               "value": found.score, "chance": found.chance, "p": found.p,
               "p_low": found.p_low}  # fmt: skip


def _nearest(values: NDArray[Any], others: NDArray[Any]) -> float:
    """Median distance to the nearest of some others."""
    square = (values**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * values @ others.T
    return float(np.median(np.sqrt(np.maximum(square.min(axis=1), 0))))


def confounded(demographics: pd.DataFrame, label: pd.Series, sets: Sets) -> pd.DataFrame:
    """How well a label is predicted from each demographic alone, trained on B and tested on C.

    Where it is, features that carry the demographic carry the label: no method can say what of a
    decoder's success is the label's own. One row a demographic: ``what``, ``value``, ``chance``,
    ``p``.
    """
    labels = labels_of(label)
    rows = []
    for column in demographics.columns:
        code = Encoding.learn(demographics[[column]], minimum=1).encode(demographics[[column]])
        found = Prober(code[sets.probe], code[sets.test], n_permutations=1000).probe(
            "linear", labels[sets.probe], labels[sets.test]
        )
        rows.append({"what": column, "value": found.score, "chance": chance_level(labels),
                     "p": found.p})  # fmt: skip
    return pd.DataFrame(rows)
