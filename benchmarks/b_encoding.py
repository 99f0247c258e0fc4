"""Encoding models: banded ridge beside ridge with one penalty for all features, and one band.

People of virtual worlds see pictures; models predict each voxel's mean response to held-out ones.
Bands are the semantic embedding, Gabor energy and pixels. Peer: ridge on all features joined,
standardised, with one penalty a voxel. Baseline: the semantic band alone. What is compared is the
mean over voxels of r with held-out responses; intervals are over people (paired, t). By the truth
of these worlds edges drive early voxels more than ventral ones, and what an object is drives
ventral ones alone (beside statistics of edges), so the shares of the bands must differ that way
between the regions. Time is CPU seconds of one thread beside himalaya alone on the same kernels,
splits, mixtures and penalties; ours adds the mixture that units share, weights, and the covariance
of left-out residuals.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.model_selection import GroupKFold
from table import WEIGHTS, Table, run

from neurodecode.contracts import Float, Responses, Stimuli
from neurodecode.embed.banded_search import mixtures
from neurodecode.embed.encode import fit_encoding_model
from neurodecode.embed.prediction_accuracy import Predicted, prediction_accuracy
from neurodecode.registry import Extractor
from neurodecode.studies.virtual import Virtual
from neurodecode.targets.gabor import GaborTarget
from neurodecode.targets.pixels import PixelTarget
from neurodecode.targets.semantic import OpenClipTarget

SOURCES = (
    "benchmarks/b_encoding.py", "neurodecode/embed/encode.py",
    "neurodecode/embed/banded_search.py",
    "neurodecode/embed/prediction_accuracy.py", "neurodecode/embed/ridge.py",
    "neurodecode/targets/gabor.py", "neurodecode/simulate/tuning.py",
    "neurodecode/simulate/responses.py", "neurodecode/simulate/world.py",
    "neurodecode/stimuli/data", *WEIGHTS,
)  # fmt: skip
ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
N_MIXTURES, INNER_FOLDS = 20, 5
EXTRACTORS: dict[str, Extractor] = {
    "semantic": OpenClipTarget("embedded"),
    "edges": GaborTarget(8),
    "pixels": PixelTarget(16),
}


class Person:
    """One person's responses, and the features of what was shown at each trial."""

    def __init__(self, responses: Responses, stimuli: Stimuli, bands: Mapping[str, Float]) -> None:
        row_of = {name: k for k, name in enumerate(stimuli.table["id"])}
        shown = np.array([row_of[name] for name in responses.trials["stimulus"]])
        self.items = responses.trials["stimulus"].to_numpy(dtype=str)
        self.train = (stimuli.table["set"] == "train").to_numpy()[shown]
        self.data, self.roi = responses.data, responses.units["roi"].to_numpy(dtype=str)
        self.bands = {name: values[shown] for name, values in bands.items()}

    def scores(
        self, names: tuple[str, ...], *, joined: bool = False, shuffle: int | None = None
    ) -> pd.DataFrame:
        """Fit on training trials with some bands, and score held-out pictures."""
        bands = {name: self.bands[name] for name in names}
        if joined:
            # Standardised, so that every feature counts alike.
            bands = {"all": np.concatenate([_standard(x) for x in bands.values()], axis=1)}
        items, train = self.items, self.train
        model = fit_encoding_model(
            self.data[train], {name: x[train] for name, x in bands.items()}, items=items[train],
            groups=items[train], alphas=ALPHAS, n_mixtures=N_MIXTURES, inner_folds=INNER_FOLDS,
            seed=1,
        )  # fmt: skip
        _, first = np.unique(items[~train], return_index=True)
        if shuffle is not None:
            first = np.random.default_rng(shuffle).permutation(first)
        parts = model.predict_bands({name: x[~train][first] for name, x in bands.items()})
        tested = Predicted(items[~train], self.data[~train], parts)
        return prediction_accuracy([tested], tuple(bands), 1000, np.random.default_rng(2))


def _standard(x: Float) -> Float:
    sd = x.std(axis=0)
    return ((x - x.mean(axis=0)) / np.where(sd > 0, sd, 1)).astype(np.float32)


def interval(differences: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean and 95 % t interval over people."""
    n, mean = len(differences), float(differences.mean())
    if n < 2:
        return mean, np.nan, np.nan
    half = float(t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def compare(table: Table, preset: str, n_people: int, sizes: tuple[int, int, int]) -> None:
    """Add the rows of one world."""
    n_voxels, n_train, n_test = sizes
    study = Virtual(preset, "default", n_people, n_train, n_test, 2, 4, n_voxels)
    stimuli = study.stimuli()
    bands = {name: made.extract(stimuli).values for name, made in EXTRACTORS.items()}
    names = tuple(bands)
    ours, peer, alone, normalised, false, told = [], [], [], [], [], []
    for k, subject in enumerate(study.subjects()):
        person = Person(study.load(subject), stimuli, bands)
        banded = person.scores(names)
        ours.append(banded["r"].mean())
        normalised.append(banded["r_normalised"].mean())
        peer.append(person.scores(names, joined=True)["r"].mean())
        alone.append(person.scores(("semantic",))["r"].mean())
        false.append(float((person.scores(names, shuffle=k)["q"] < 0.05).mean()))
        by = banded.groupby(person.roi)[["share_semantic", "share_edges"]].mean()
        told.append(by.loc[["early", "ventral"]].to_numpy())
    what = f"world {preset}, {n_people} people"
    several = n_people > 1  # of one person no claim is made but that nothing is found in noise
    for name, other in (("all features, one penalty", peer), ("semantic alone", alone)):
        mean, low, high = interval(np.array(ours) - np.array(other))
        said = f", {low:+.3f} to {high:+.3f}" if several else ""
        table.add(f"mean r over voxels, banded ridge, {what}",
                  f"{np.mean(ours):.3f} (difference {mean:+.3f}{said})",
                  f"{name} {np.mean(other):.3f}",
                  "interval of the difference above 0" if several else "",
                  low > 0 if several else None)  # fmt: skip
    table.add(f"mean r / ceiling, {what}", f"{np.mean(normalised):.3f}")
    table.add(f"voxels at q < .05 with shuffled pictures, {what}", f"{np.mean(false):.3f}", "",
              "<= .05", bool(np.mean(false) <= 0.05))  # fmt: skip
    early, ventral = np.mean(told, axis=0)
    for k, (band, more, less) in enumerate((("semantic", "ventral", "early"),
                                            ("edges", "early", "ventral"))):  # fmt: skip
        by_region = {"early": early[k], "ventral": ventral[k]}
        gains = [(v[k] - e[k]) * (1 if more == "ventral" else -1) for e, v in told]
        table.add(f"share of {band} in r2, {more} voxels, {what}", f"{by_region[more]:.3f}",
                  f"{less} {by_region[less]:.3f}",
                  f"more in {more}, each person" if several else "",
                  min(gains) > 0 if several else None)  # fmt: skip


def cost(table: Table, n_voxels: int, n_train: int) -> None:
    """Add CPU time beside himalaya alone."""
    from himalaya.kernel_ridge import MultipleKernelRidgeCV

    rng = np.random.default_rng(0)
    bands = {k: rng.normal(size=(n_train, d)).astype(np.float32)
             for k, d in (("semantic", 256), ("edges", 768), ("pixels", 768))}  # fmt: skip
    Y = rng.normal(size=(n_train, n_voxels)).astype(np.float32)
    items = np.array([f"s{k:04d}" for k in range(n_train)])
    started = time.process_time()
    fit_encoding_model(Y, bands, items=items, groups=items, alphas=ALPHAS, n_mixtures=N_MIXTURES,
                       inner_folds=INNER_FOLDS, seed=1)  # fmt: skip
    ours = time.process_time() - started
    started = time.process_time()
    kernels = np.stack([_standard(x) @ _standard(x).T / x.shape[1] for x in bands.values()])
    tried = mixtures([x.shape[1] for x in bands.values()], N_MIXTURES, 1)
    options = {"n_iter": tried, "alphas": np.array(ALPHAS, np.float32),
               "progress_bar": False}  # fmt: skip
    splits = list(GroupKFold(INNER_FOLDS).split(Y, groups=items))
    MultipleKernelRidgeCV(kernels="precomputed", solver="random_search", solver_params=options,
                          cv=splits, fit_intercept=True).fit(kernels, Y)  # fmt: skip
    bare = time.process_time() - started
    table.add(f"CPU seconds to fit {n_train} pictures, 3 bands, {n_voxels} voxels", f"{ours:.1f}",
              f"himalaya alone {bare:.1f}", "<= 1.5 times", ours <= 1.5 * bare)  # fmt: skip


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` has one person of one world."""
    if quick:
        compare(table, "easy", 1, (150, 400, 60))
        cost(table, 200, 200)
        return
    for preset in ("easy", "realistic", "hard"):
        compare(table, preset, 5, (800, 500, 100))
    cost(table, 2000, 500)


if __name__ == "__main__":
    run("b_encoding", SOURCES, measure, __doc__ or "")
