"""Stage ``searchlight``: how well the neighbourhood of each unit tells the labels.

A sphere is moved over all units (Kriegeskorte et al. 2006, PNAS 103, 3863); in each the study's
decoder of labels is fitted and tested on the folds of its design.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control
from sklearn.neighbors import NearestNeighbors

from neurodecode.artifacts import load_responses, write_table
from neurodecode.contracts import Float
from neurodecode.embed.design import fold_names, load_design
from neurodecode.embed.stage import trial_labels
from neurodecode.errors import ConfigError, DataError
from neurodecode.pipeline import Job, Output
from neurodecode.progress import track
from neurodecode.registry import Decoder, make
from neurodecode.seeds import generator

__all__ = ["Fold", "run", "search", "spheres"]


@dataclass(frozen=True)
class Fold:
    """One fold's trials.

    Attributes
    ----------
    train, test : bool (n_trials,)
    groups : str (n_trials,)
        What inner splits keep together.
    """

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]
    groups: NDArray[np.str_]


def spheres(units: pd.DataFrame, radius: float) -> list[NDArray[np.int64]]:
    """Return which units are within ``radius`` (mm) of each.

    Raises
    ------
    ConfigError
        Where positions are not known.
    """
    axes = ["x", "y", "z"]
    missing = [axis for axis in axes if axis not in units or units[axis].isna().any()]
    if missing:
        raise ConfigError(
            f"searchlights: need the position of every unit in mm; the units' table has no "
            f"{', '.join(missing)} (or not of all), so no neighbourhood is known"
        )
    mm = units[axes].to_numpy(float)
    tree = NearestNeighbors(radius=radius).fit(mm)
    found: list[NDArray[np.int64]] = [
        np.sort(near) for near in tree.radius_neighbors(mm, return_distance=False)
    ]
    return found


def search(
    data: Float,
    labels: NDArray[np.str_],
    neighbours: Sequence[NDArray[np.int64]],
    folds: Sequence[Fold],
    make_decoder: Callable[[], Decoder],
    advance: Callable[[], None],
) -> NDArray[np.str_]:
    """Return the label that each neighbourhood decodes of each trial (n_units, n_trials).

    Trials that no fold tests have an empty one.

    Parameters
    ----------
    data : float32 (n_trials, n_units)
    labels : str (n_trials,)
    neighbours : sequence of int64 arrays
        See :func:`spheres`.
    folds : sequence of Fold
    make_decoder : callable
        Returns a decoder that is not fitted.
    advance : callable
        Called after each neighbourhood.
    """
    said = np.full((len(neighbours), len(data)), "", dtype=labels.dtype)
    for unit, near in enumerate(neighbours):
        for fold in folds:
            train, test = fold.train, fold.test
            decoder = make_decoder().fit(
                data[np.ix_(train, near)], {}, labels=labels[train], groups=fold.groups[train]
            )
            scores = decoder.predict(data[np.ix_(test, near)])["label"]
            said[unit, test] = np.array(decoder.classes)[scores.argmax(axis=1)]
        advance()
    return said


def run(job: Job) -> Output:
    """Search one subject's units; writes accuracy, p and q of each.

    Raises
    ------
    ConfigError
        Where trials have no label, or units no position.
    """
    name, subject = job.wildcards["searchlight"], job.wildcards["subject"]
    settings = job.study.searchlights[name]
    responses = load_responses(job.paths.responses(settings.responses, subject))
    labels = trial_labels(responses.trials)
    if (labels == "").any():
        raise ConfigError(
            f"searchlights.{name}: {int((labels == '').sum())} of {len(labels)} trials have no "
            "label to decode; a searchlight needs a study of categories (kind bids: "
            "decode_category: true)"
        )
    neighbours = spheres(responses.units, settings.radius)
    folds = _folds(load_design(job.paths), responses.trials, subject)
    decoder = job.study.decoders[settings.decoder].model_copy(update={"targets": ()})
    if decoder.noise_normalisation or decoder.alignment or decoder.min_reliability is not None:
        raise ConfigError(
            f"searchlights.{name}: decoder {settings.decoder!r} whitens or chooses over all units; "
            "name one without noise_normalisation, alignment and min_reliability"
        )
    with track(f"searchlight {name} {subject}", total=len(neighbours)) as advance:
        said = search(responses.data, labels, neighbours, folds,
                      lambda: make("decoder", decoder), advance)  # fmt: skip
    rng = generator(job.seed, "searchlight", job.study.name, subject)
    table = _scores(said, labels, folds, settings.n_permutations, rng)
    table.insert(0, "n_near", [len(near) for near in neighbours])
    file = job.sidecar.with_name(f"{job.sidecar.stem}_units.tsv")
    write_table(file, pd.concat([responses.units.reset_index(drop=True), table], axis=1))
    tested = np.any([fold.test for fold in folds], axis=0)
    facts = {
        "radius": settings.radius, "n_trials": int(tested.sum()), "n_folds": len(folds),
        "n_classes": len(np.unique(labels)), "transductive": responses.transductive,
    }  # fmt: skip
    return Output([file], facts)


def _folds(design: pd.DataFrame, trials: pd.DataFrame, subject: str) -> list[Fold]:
    found, times = [], np.zeros(len(trials), int)
    for name in fold_names(design):
        rows = design[(design["fold"] == name) & (design["participant_id"] == subject)]
        role = trials["trial"].map(dict(zip(rows["trial"], rows["role"], strict=True)))
        group = trials["trial"].map(dict(zip(rows["trial"], rows["group"], strict=True)))
        train, test = (role == "train").to_numpy(), (role == "test").to_numpy()
        if test.any():  # a subject may lack a run that others have
            found.append(Fold(train, test, group.to_numpy(dtype=str)))
            times += test
    if (times > 1).any():
        raise DataError("design: a trial is tested in more than one fold")
    return found


def _scores(
    said: NDArray[np.str_],
    labels: NDArray[np.str_],
    folds: Sequence[Fold],
    n_permutations: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Accuracy of each neighbourhood, p by permuting true labels within a fold, q over units."""
    names, true = np.unique(labels, return_inverse=True)
    tests = [np.flatnonzero(fold.test) for fold in folds]
    tested = np.concatenate(tests)
    codes = np.searchsorted(names, said[:, tested])
    starts = np.cumsum([0, *map(len, tests)])
    order = true[tested]
    found = (codes == order).mean(axis=1)
    as_good = np.ones(len(said))
    for _ in range(n_permutations):
        mixed = np.concatenate([rng.permutation(order[a:b]) for a, b in pairwise(starts)])
        as_good += (codes == mixed).mean(axis=1) >= found - 1e-9
    p = as_good / (n_permutations + 1)
    return pd.DataFrame({"accuracy": found, "p": p, "q": false_discovery_control(p)})
