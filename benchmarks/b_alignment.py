"""Does Riemannian alignment help from one EEG session to the next, where electrodes drift?

Simulated people see pictures in two sessions; decoders of their kind (person, place, ...) are
trained on one session and tested on the other, both ways. What the second session's electrodes
measure is changed by random gains, by a random mixing of channels, by gel that bridges neighbours
(a symmetric mixing), or by a cap that sits turned on the head (a mixing that is not). Each person
has a drift of their own. Peers: nothing; z-scores of each session's channels, which use the tested
session's unlabelled trials as alignment does; and whitening by each session's Riemannian mean
(Zanini et al. 2018), which leaves a rotation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from table import Table, run

from neurodecode.contracts import Responses
from neurodecode.embed.alignment import SessionAlignment
from neurodecode.embed.lda import ShrinkageLdaDecoder
from neurodecode.embed.noise_normalisation import by_time
from neurodecode.evaluate.inference import interval
from neurodecode.simulate.eeg import EegSession, eeg_sessions
from neurodecode.simulate.eeg_features import eeg_features
from neurodecode.simulate.eeg_oracle import Analysis, epochs
from neurodecode.simulate.eeg_world import EegWorld, named_world
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.scalp import Scalp
from neurodecode.stimuli.objects64 import load_objects64

SOURCES = (
    "benchmarks/b_alignment.py", "neurodecode/embed/alignment.py", "neurodecode/embed/lda.py",
    "neurodecode/embed/noise_normalisation.py", "neurodecode/evaluate/inference.py",
    "neurodecode/simulate/eeg.py", "neurodecode/simulate/eeg_noise.py",
    "neurodecode/simulate/eeg_world.py", "neurodecode/simulate/eeg_features.py",
    "neurodecode/simulate/features.py", "neurodecode/simulate/world.py",
    "neurodecode/simulate/eeg_oracle.py", "neurodecode/simulate/people.py",
    "neurodecode/simulate/scalp.py", "neurodecode/stimuli/data",
)  # fmt: skip
SHOWN = Analysis(low=0.5, high=20.0, start=0.08, stop=0.44, step=10)
DRIFTS = {"none": (0.0, 0.0), "gains": (0.5, 0.0), "gains and mixing": (0.5, 0.15),
          "bridges": None, "turned cap": (0.0, 0.0)}  # fmt: skip
"""SD of the log gain of a channel, and of what it takes from each other channel."""
N_BRIDGES, TURN = 8, 0.15
"""Pairs of neighbours that gel joins; SD of the cap's turn in each session, radians."""
Data = NDArray[np.float64]


def responses(sessions: list[EegSession], mixing: Data) -> Responses:
    """Epochs of both sessions, the second seen through ``mixing`` (n_channels, n_channels)."""
    parts, tables = [], []
    for k, session in enumerate(sessions):
        x = epochs(session, SHOWN).astype(float)
        parts.append(np.einsum("ij,njt->nit", mixing, x) if k else x)
        tables.append(session.events.assign(session=str(k + 1)))
    data, events = np.concatenate(parts), pd.concat(tables, ignore_index=True)
    n, n_channels, n_times = data.shape
    trials = pd.DataFrame({"participant_id": "01", "trial": np.arange(n).astype(str),
                           "stimulus": "", "category": events["category"].to_numpy(),
                           "session": events["session"].to_numpy(), "run": 0,
                           "repeat": 0})  # fmt: skip
    units = pd.DataFrame({"unit": np.arange(n_channels * n_times).astype(str), "roi": "eeg",
                          "channel": np.repeat(np.arange(n_channels).astype(str), n_times),
                          "time": np.tile(np.arange(n_times), n_channels)})  # fmt: skip
    return Responses(data.reshape(n, -1).astype(np.float32), trials, units)


def standardised(found: Responses) -> Responses:
    """Channels of each session brought to mean 0 and variance 1 over its own trials and times."""
    data, session = by_time(found).copy(), found.trials["session"].to_numpy()
    for name in np.unique(session):
        own = data[session == name]
        mean, spread = own.mean(axis=(0, 2), keepdims=True), own.std(axis=(0, 2), keepdims=True)
        data[session == name] = (own - mean) / spread
    return replace(found, data=data.reshape(len(data), -1))


def recentred(found: Responses) -> Responses:
    """Channels of each session whitened by the Riemannian mean of its trials' covariances."""
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace

    data, session = by_time(found).astype(float), found.trials["session"].to_numpy()
    # In average reference a direction has no variance: all but the last channel span the rest.
    data = data[:, :-1] - data.mean(axis=1, keepdims=True)
    for name in np.unique(session):
        own = data[session == name]
        mean = TangentSpace().fit(Covariances("oas").fit_transform(own)).reference_
        values, vectors = np.linalg.eigh(mean)
        data[session == name] = np.einsum("ij,njt->nit", (vectors / np.sqrt(values)) @ vectors.T,
                                          own, optimize=True)  # fmt: skip
    kept = found.units["channel"] != found.units["channel"].iloc[-1]
    return Responses(data.reshape(len(data), -1).astype(np.float32), found.trials,
                     found.units[kept].reset_index(drop=True))  # fmt: skip


def accuracy(found: Responses, *, aligned: bool) -> float:
    """Balanced accuracy, trained on one session and tested on the other, mean of both ways."""
    session = found.trials["session"].to_numpy()
    label = found.trials["category"].to_numpy(dtype=str)
    scores = []
    for tested in ("1", "2"):
        train, test = session != tested, session == tested
        alignment = SessionAlignment(enabled=aligned).fit(found, train)
        known = alignment.transform(found, train).data[train]
        new = alignment.transform(found, test).data[test]
        decoder = ShrinkageLdaDecoder(()).fit(known, {}, labels=label[train], groups=label[train])
        said = np.array(decoder.classes)[decoder.predict(new)["label"].argmax(axis=1)]
        right = said == label[test]
        scores.append(np.mean([right[label[test] == c].mean() for c in decoder.classes]))
    return float(np.mean(scores))


def drawn_mixing(scalp: Scalp, drift: str, rng: np.random.Generator) -> Data:
    """What the second session's channels are of the first's."""
    n, sizes = len(scalp), DRIFTS[drift]
    if sizes is None:
        return bridged(scalp, rng)
    gain, bleed = sizes
    mixing: Data = np.diag(np.exp(gain * rng.normal(size=n))) + bleed * rng.normal(size=(n, n))
    return mixing


def bridged(scalp: Scalp, rng: np.random.Generator) -> Data:
    """Gel joins electrodes with their nearest neighbours: they share part of what they measure."""
    apart = np.linalg.norm(scalp.positions[:, None] - scalp.positions, axis=2)
    np.fill_diagonal(apart, np.inf)
    mixing: Data = np.eye(len(scalp))
    for one in rng.permutation(len(scalp))[:N_BRIDGES]:
        joint = np.zeros(len(scalp))
        joint[[one, int(apart[one].argmin())]] = 1, -1
        part = np.eye(len(scalp)) - 0.5 * rng.uniform(0.5, 0.9) * np.outer(joint, joint)
        root = np.linalg.cholesky(part)
        mixing = root.T @ mixing @ root  # symmetric and positive, whatever bridges meet
    return mixing


def people(world: EegWorld, n_people: int, n_pictures: int) -> list[list[EegSession]]:
    """Both sessions of some people."""
    world = replace(world, schedule=replace(world.schedule, train_repeats=4))
    pictures = load_objects64(("decoder",))
    pictures = pictures.where(np.arange(len(pictures)) < n_pictures)
    table = pictures.table.assign(set="train")
    pictures = replace(pictures, table=table)
    features = eeg_features(pictures, world.bank, world.seed)
    cohort = draw_people(world, n_people)
    return [list(eeg_sessions(world, who, pictures, features)) for _, who in cohort.iterrows()]


def mean_with_interval(values: Data) -> tuple[float, float, float]:
    """Mean over people and its 95 % bootstrap interval."""
    names = np.arange(len(values)).astype(str)
    return (float(values.mean()), *interval(values, names, np.random.default_rng(1), 5000))


def one_drift(table: Table, label: str, found: Data, chance: float, *, quick: bool) -> None:
    """Add the rows of one drift; ``found`` (n_people, 4) are accuracies."""
    plain, aligned, z, centred = found.T
    table.add(f"{label}; accuracy, chance {chance:.3f}", f"aligned {aligned.mean():.3f}",
              f"nothing {plain.mean():.3f}, z-scores {z.mean():.3f}, whitened {centred.mean():.3f}",
              "aligned above chance", aligned.mean() > chance)  # fmt: skip
    if quick:
        return
    for peer, values in (("nothing", plain), ("z-scores", z), ("whitened", centred)):
        gain, low, high = mean_with_interval(aligned - values)
        goal, holds = "", None
        if peer == "nothing":
            none = label.endswith("none")
            goal = "costs less than .02" if none else "interval above 0"
            holds = low > (-0.02 if none else 0)
        shown = f"{gain:+.3f} ({low:+.3f} to {high:+.3f})"
        table.add(f"{label}; aligned less {peer}", shown, "", goal, holds)


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` takes two people of the easy world, too few to compare."""
    n_people, n_pictures = (2, 80) if quick else (6, 200)
    for name in ("easy",) if quick else ("easy", "realistic"):
        world = named_world(name)
        everybody = people(world, n_people, n_pictures)
        for drift in list(DRIFTS)[: 2 if quick else None]:
            rng, found = np.random.default_rng(17), []
            if drift == "turned cap":
                turned = replace(world, noise=replace(world.noise, cap=TURN))
                everybody = people(turned, n_people, n_pictures)
            for sessions in everybody:
                seen = responses(sessions, drawn_mixing(sessions[0].scalp, drift, rng))
                found.append([accuracy(seen, aligned=False), accuracy(seen, aligned=True),
                              accuracy(standardised(seen), aligned=False),
                              accuracy(recentred(seen), aligned=False)])  # fmt: skip
            chance = 1 / seen.trials["category"].nunique()
            label = f"{name}, drift: {drift}"
            one_drift(table, label, np.array(found), chance, quick=quick)


if __name__ == "__main__":
    run("b_alignment", SOURCES, measure, (__doc__ or "").splitlines()[0])
