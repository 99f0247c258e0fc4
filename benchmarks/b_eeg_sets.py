"""Three published EEG and MEG sets on their own split: candidates, mixed by inner folds.

The candidates are written down beforehand: means of windows (optionally whitened by the noise of
training trials), alone or with the power of frequency bands, and covariances of those bands in the
tangent space (Barachant et al. 2012, IEEE Trans. Biomed. Eng. 59, 920). Shrinkage LDA follows each.
Their probabilities are averaged with weights from inner folds of the training trials: the next
candidate is, twenty times and with replacement, the one with which the mean is likeliest (Caruana
et al. 2004, Proc. ICML, "Ensemble selection from libraries of models"). The list, and this rule
instead of the best candidate alone, were settled on training trials, the rule by folds around the
inner folds; test trials are decoded once. Goals: not below shrinkage LDA on all samples in the same
run, and not below the first tries with it (.62, .82, .60). Where a file's channels are put together
again (see ``ts_files``), both sides get them, and ours is set against the file as it is as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from table import Table, run
from ts_files import CUT_EVERY, RATES, Split, as_shipped, read

from neurodecode.contracts import Responses
from neurodecode.embed.noise_normalisation import NoiseNormalisation
from neurodecode.embed.time_resolved import in_windows
from neurodecode.evaluate.inference import interval

SOURCES = (
    "benchmarks/b_eeg_sets.py", "benchmarks/ts_files.py",
    "neurodecode/embed/noise_normalisation.py", "neurodecode/embed/time_resolved.py",
    "neurodecode/evaluate/inference.py",
)  # fmt: skip
FIRST = {"HandMovementDirection": 0.62, "SelfRegulationSCP1": 0.82, "FingerMovements": 0.60}
PUBLISHED = {
    "HandMovementDirection": "competition .469 (mean of two people)",
    "SelfRegulationSCP1": "competition .887 (six channels; the file holds one)",
    "FingerMovements": "competition .84 (28 channels; the file holds 16)",
}
"""Winners of BCI Competition II (Blankertz et al. 2004) and IV (Tangermann et al. 2012)."""
BANDS = ((8, 13), (13, 24), (24, 37))
N_WINDOWS = (2, 4, 5, 10, 20, 40)
STEPS = 20
"""Of the selection."""
Data = NDArray[np.float64]
Features = Callable[[Split, Data], tuple[Data, Data]]


@dataclass(frozen=True)
class Candidate:
    """Features of training and other trials, fitted on the former; shrinkage LDA follows."""

    name: str
    features: Features


def as_responses(data: Data, labels: NDArray[np.str_], rate: float) -> Responses:
    """Trials as the package knows them."""
    n, n_channels, n_times = data.shape
    trials = pd.DataFrame({"participant_id": "01", "trial": np.arange(n).astype(str),
                           "stimulus": "", "category": labels, "session": "1", "run": 0,
                           "repeat": 0})  # fmt: skip
    channel = np.repeat([f"c{k}" for k in range(n_channels)], n_times)
    time = np.tile(np.arange(n_times) / rate, n_channels)
    units = pd.DataFrame({"unit": np.arange(n_channels * n_times).astype(str), "roi": "eeg",
                          "channel": channel, "time": time})  # fmt: skip
    return Responses(data.reshape(n, -1).astype(np.float32), trials, units)


def windows(rate: float, step: float, whiten: bool) -> Features:
    """Means of windows of ``step`` seconds."""

    def features(train: Split, other: Data) -> tuple[Data, Data]:
        both = np.concatenate([train.data, other])
        labels = np.concatenate([train.labels, np.full(len(other), "?")])
        averaged, _ = in_windows(as_responses(both, labels, rate), step)
        known = np.arange(len(both)) < len(train.data)
        whitening = NoiseNormalisation(enabled=whiten).fit(averaged, known)
        return whitening.transform(averaged, known), whitening.transform(averaged, ~known)

    return features


def tangent(rate: float, bands: tuple[tuple[float, float], ...]) -> Features:
    """Covariances of frequency bands, in the tangent space at the training trials' mean."""
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace
    from scipy.signal import butter, sosfiltfilt

    def features(train: Split, other: Data) -> tuple[Data, Data]:
        parts = []
        for low, high in bands:
            sos = butter(3, (low, min(high, 0.45 * rate)), "bandpass", fs=rate, output="sos")
            space = make_pipeline(Covariances("oas"), TangentSpace())
            found = space.fit_transform(sosfiltfilt(sos, train.data, axis=2))
            parts.append((found, space.transform(sosfiltfilt(sos, other, axis=2))))
        return np.hstack([a for a, _ in parts]), np.hstack([b for _, b in parts])

    return features


def joined(*parts: Features) -> Features:
    """Features beside each other."""

    def features(train: Split, other: Data) -> tuple[Data, Data]:
        found = [part(train, other) for part in parts]
        return np.hstack([a for a, _ in found]), np.hstack([b for _, b in found])

    return features


def power(rate: float) -> Features:
    """Log variance of each band above the slow ones, each channel."""
    from scipy.signal import butter, sosfiltfilt

    def features(train: Split, other: Data) -> tuple[Data, Data]:
        found = []
        for data in (train.data, other):
            parts = []
            for low, high in BANDS:
                sos = butter(3, (low, min(high, 0.45 * rate)), "bandpass", fs=rate, output="sos")
                parts.append(np.log(sosfiltfilt(sos, data, axis=2).var(axis=2)))
            found.append(np.hstack(parts))
        return found[0], found[1]

    return features


def candidates(name: str, length: float, quick: bool) -> list[Candidate]:
    """Of one set; ``length`` of its trials in s; ``quick`` takes two."""
    rate, found = RATES[name], []
    for n in N_WINDOWS[2:3] if quick else N_WINDOWS:
        for whiten in (False, True):
            what = f"{n} windows{', whitened' if whiten else ''}"
            found.append(Candidate(what, windows(rate, length / n, whiten)))
    if quick:
        return found
    both = joined(windows(rate, length / 20, whiten=True), power(rate))
    found.append(Candidate("20 windows, whitened, and power of bands", both))
    found.append(Candidate("tangent space", tangent(rate, BANDS)))
    return found


def all_samples(train: Split, other: Data) -> tuple[Data, Data]:
    """The peer's features: every sample of every channel."""
    return train.data.reshape(len(train.data), -1), other.reshape(len(other), -1)


def probabilities(features: Features, train: Split, other: Data) -> Data:
    """Fit on training trials; probability of each class, in order, of the others."""
    known, new = features(train, other)
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    if known.shape[1] > 2000:  # the same discriminant, without a matrix of all features
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model = make_pipeline(StandardScaler(), lda).fit(known, train.labels)
    found: Data = model.predict_proba(new)
    return found


def inner_probabilities(candidate: Candidate, train: Split, repeats: int) -> Data:
    """Probabilities (repeats x n_trials, n_classes) of training trials left out in inner folds."""
    found = np.full((repeats, len(train.labels), len(np.unique(train.labels))), np.nan)
    for repeat in range(repeats):
        folds = StratifiedKFold(5, shuffle=True, random_state=repeat)
        for known, new in folds.split(train.data, train.labels):
            part = Split(train.data[known], train.labels[known])
            found[repeat, new] = probabilities(candidate.features, part, train.data[new])
    return found.reshape(-1, found.shape[2])


def mixed(inner: list[Data], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each candidate is taken, of ``STEPS``."""
    likely = np.array([p[np.arange(len(truth)), truth] for p in inner])
    taken, total = np.zeros(len(inner), np.int64), np.zeros(len(truth))
    for _ in range(STEPS):
        score = np.log(np.maximum(total + likely, np.finfo(float).tiny)).mean(axis=1)
        best = int(np.argmax(score))
        taken[best] += 1
        total += likely[best]
    return taken


def accuracies(inner: list[Data], truth: NDArray[np.int64]) -> list[float]:
    """Accuracy of each candidate in the inner folds."""
    return [float(np.mean(p.argmax(axis=1) == truth)) for p in inner]


def outer_accuracies(every: list[Candidate], train: Split) -> tuple[float, float]:
    """Accuracy in folds around the inner folds: mixed, and with the best candidate alone."""
    right = []
    for known, new in StratifiedKFold(5, shuffle=True, random_state=7).split(
        train.data, train.labels
    ):
        part = Split(train.data[known], train.labels[known])
        classes, truth = np.unique(part.labels, return_inverse=True)
        inner = [inner_probabilities(candidate, part, 1) for candidate in every]
        said = np.array([probabilities(c.features, part, train.data[new]) for c in every])
        ways = (mixed(inner, truth) @ said.transpose(1, 0, 2),
                said[int(np.argmax(accuracies(inner, truth)))])  # fmt: skip
        right.append([np.mean(classes[p.argmax(axis=1)] == train.labels[new]) for p in ways])
    together, alone = np.mean(right, axis=0)
    return float(together), float(alone)


def with_interval(right: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Accuracy and its 95 % bootstrap interval over test trials."""
    rng = np.random.default_rng(1)
    items = right.astype(float)
    low, high = interval(items, np.arange(len(items)).astype(str), rng, 5000)
    return float(items.mean()), low, high


def one_set(table: Table, name: str, quick: bool) -> None:
    """Add the rows of one data set."""
    train, test = read(name, "TRAIN"), read(name, "TEST")
    classes, truth = np.unique(train.labels, return_inverse=True)
    every = candidates(name, train.data.shape[2] / RATES[name], quick)
    repeats = 1 if quick else 3
    inner = [inner_probabilities(candidate, train, repeats) for candidate in every]
    taken = mixed(inner, np.tile(truth, repeats))
    said = sum(k * probabilities(c.features, train, test.data)
               for c, k in zip(every, taken, strict=True) if k)  # fmt: skip
    right = classes[np.argmax(said, axis=1)] == test.labels
    plain = classes[np.argmax(probabilities(all_samples, train, test.data), axis=1)] == test.labels
    value, low, high = with_interval(right)
    other, other_low, other_high = with_interval(plain)
    table.add(f"{name}: accuracy of {len(right)} test trials",
              f"{value:.3f} ({low:.3f} to {high:.3f})",
              f"shrinkage LDA {other:.3f} ({other_low:.3f} to {other_high:.3f})",
              "not below the peer", value >= other)  # fmt: skip
    goal, holds = f"not below the first try, {FIRST[name]:.2f}", value >= FIRST[name]
    table.add(f"{name}: difference, paired", with_interval_of_difference(right, plain),
              PUBLISHED[name], "" if quick else goal, None if quick else holds)  # fmt: skip
    if name in CUT_EVERY:
        add_as_shipped(table, name, right)
    table.add(f"{name}: accuracy in inner folds, weight", "; ".join(
        f"{c.name} {v:.3f}{f', {k / STEPS:.2f}' if k else ''}"
        for c, v, k in zip(every, accuracies(inner, np.tile(truth, repeats)), taken,
                           strict=True)))  # fmt: skip
    if not quick:
        together, alone = outer_accuracies(every, train)
        table.add(f"{name}: training trials, folds around the inner folds", f"{together:.3f}",
                  f"best candidate alone {alone:.3f}")  # fmt: skip


def add_as_shipped(table: Table, name: str, right: NDArray[np.bool_]) -> None:
    """Set ours against the peer on the file as it is."""
    train, test = as_shipped(name, "TRAIN"), as_shipped(name, "TEST")
    said = probabilities(all_samples, train, test.data).argmax(axis=1)
    plain = np.unique(train.labels)[said] == test.labels
    other, low, high = with_interval(plain)
    table.add(f"{name}: difference from the file as shipped, paired",
              with_interval_of_difference(right, plain),
              f"shrinkage LDA {other:.3f} ({low:.3f} to {high:.3f})",
              "not below the peer", right.mean() >= other)  # fmt: skip


def with_interval_of_difference(right: NDArray[np.bool_], plain: NDArray[np.bool_]) -> str:
    """Ours less the peer's on the same trials."""
    paired = right.astype(float) - plain
    rng = np.random.default_rng(2)
    low, high = interval(paired, np.arange(len(paired)).astype(str), rng, 5000)
    return f"{paired.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` takes one set, two candidates and one round of inner folds."""
    for name in ("HandMovementDirection",) if quick else FIRST:
        one_set(table, name, quick)


if __name__ == "__main__":
    run("b_eeg_sets", SOURCES, measure, (__doc__ or "").splitlines()[0])
