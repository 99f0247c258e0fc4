"""Does Riemannian alignment help from one EEG session to the next, where electrodes drift?

Simulated people see pictures in two sessions; decoders of their kind (person, place, ...) are
trained on one session and tested on the other, both ways. What the second session's electrodes
measure is changed by random gains, and by a random mixing of channels. Peers: nothing, and z-scores
of each session's channels, which use the tested session's unlabelled trials as alignment does.
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
from neurodecode.simulate.eeg_world import named_world
from neurodecode.simulate.people import draw_people
from neurodecode.stimuli.objects64 import load_objects64

SOURCES = (
    "benchmarks/b_alignment.py", "neurodecode/embed/alignment.py", "neurodecode/embed/lda.py",
    "neurodecode/embed/noise_normalisation.py", "neurodecode/evaluate/inference.py",
    "neurodecode/simulate/eeg.py", "neurodecode/simulate/eeg_noise.py",
    "neurodecode/simulate/eeg_world.py", "neurodecode/simulate/eeg_features.py",
    "neurodecode/simulate/features.py", "neurodecode/simulate/world.py",
    "neurodecode/simulate/eeg_oracle.py", "neurodecode/simulate/people.py",
    "neurodecode/simulate/scalp.py",
)  # fmt: skip
SHOWN = Analysis(low=0.5, high=20.0, start=0.08, stop=0.44, step=10)
DRIFTS = {"none": (0.0, 0.0), "gains": (0.5, 0.0), "gains and mixing": (0.5, 0.15)}
"""SD of the log gain of a channel, and of what it takes from each other channel."""
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


def drawn_mixing(n: int, drift: tuple[float, float], rng: np.random.Generator) -> Data:
    """What the second session's channels are of the first's."""
    gain, bleed = drift
    mixing: Data = np.diag(np.exp(gain * rng.normal(size=n))) + bleed * rng.normal(size=(n, n))
    return mixing


def people(world_name: str, n_people: int, n_pictures: int) -> list[list[EegSession]]:
    """Both sessions of some people."""
    world = named_world(world_name)
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


def measure(table: Table, quick: bool) -> None:
    """Fill the table; ``quick`` takes two people of the easy world, too few to compare."""
    n_people, n_pictures = (2, 80) if quick else (6, 200)
    for world in ("easy",) if quick else ("easy", "realistic"):
        everybody = people(world, n_people, n_pictures)
        for name, drift in list(DRIFTS.items())[: 2 if quick else None]:
            rng = np.random.default_rng(17)
            found = []
            for sessions in everybody:
                n = sessions[0].data.shape[1]
                seen = responses(sessions, drawn_mixing(n, drift, rng))
                found.append([accuracy(seen, aligned=False), accuracy(seen, aligned=True),
                              accuracy(standardised(seen), aligned=False)])  # fmt: skip
            plain, aligned, z = np.array(found).T
            gain, low, high = mean_with_interval(aligned - plain)
            peer, peer_low, peer_high = mean_with_interval(aligned - z)
            n_classes = seen.trials["category"].nunique()
            table.add(f"{world}, drift: {name}; accuracy, chance {1 / n_classes:.3f}",
                      f"aligned {aligned.mean():.3f}",
                      f"nothing {plain.mean():.3f}, z-scores {z.mean():.3f}",
                      "aligned above chance", aligned.mean() > 1 / n_classes)  # fmt: skip
            if quick:
                continue
            shown = f"{gain:+.3f} ({low:+.3f} to {high:+.3f})"
            if name == "none":
                table.add(f"{world}, drift: {name}; aligned less nothing", shown, "",
                          "costs less than .02", low > -0.02)  # fmt: skip
            else:
                table.add(f"{world}, drift: {name}; aligned less nothing", shown, "",
                          "interval above 0", low > 0)  # fmt: skip
            table.add(f"{world}, drift: {name}; aligned less z-scores",
                      f"{peer:+.3f} ({peer_low:+.3f} to {peer_high:+.3f})")  # fmt: skip


if __name__ == "__main__":
    run("b_alignment", SOURCES, measure, (__doc__ or "").splitlines()[0])
