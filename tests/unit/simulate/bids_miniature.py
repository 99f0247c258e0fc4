"""Two small data sets, one of fMRI and one of EEG."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from neurodecode.contracts import Stimuli
from neurodecode.simulate.bids import BidsSet, write_dataset
from neurodecode.simulate.bids_eeg import write_eeg_subject
from neurodecode.simulate.bids_fmri import Grid, write_derivatives, write_fmri_subject
from neurodecode.simulate.eeg import eeg_sessions
from neurodecode.simulate.eeg_features import eeg_features
from neurodecode.simulate.eeg_world import named_world
from neurodecode.simulate.people import draw_people
from neurodecode.stimuli.objects64 import load_objects64

TR = 2.0
WORLD = named_world("realistic")
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


@dataclass(frozen=True)
class Run:
    session: str
    run: int
    data: np.ndarray
    events: pd.DataFrame
    confounds: pd.DataFrame


def pictures(n_train=12, n_test=4):
    parts = []
    for name, n in (("decoder", n_train), ("test", n_test)):
        part = load_objects64((name,))
        parts.append(part.where(np.arange(len(part)) < n))
    table = pd.concat([part.table for part in parts], ignore_index=True)
    table["set"] = table["set"].replace("decoder", "train")
    return Stimuli(table, np.concatenate([part.pixels for part in parts]))


def grid():
    mask = np.zeros((8, 7, 6), bool)
    mask[2:6, 1:5, 1:4] = True
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = (-12, -90, -20)
    return Grid(mask, affine, np.array(["early"] * 20 + ["ventral"] * 28))


def runs(stimuli, n_times=70):
    rng = np.random.default_rng(7)
    for k in range(2):
        drift = rng.normal(size=(n_times, 48)).cumsum(axis=0)
        names = rng.permutation(stimuli.table["id"].to_numpy())
        events = pd.DataFrame(
            {
                "onset": 4.0 + 8.0 * np.arange(len(names)),
                "duration": 2.0,
                "trial_type": names,
                "category": "object",
                "set": "train",
                "repeat": k,
                "trial": [f"run-{k:02d}_{j:03d}" for j in range(len(names))],
            }
        )
        confounds = pd.DataFrame({name: rng.normal(scale=0.01, size=n_times) for name in MOTION})
        for name in ("csf", "white_matter", "global_signal"):
            confounds[name] = 1000 + rng.normal(size=n_times)
        data = (1000 + drift).astype(np.float32)
        yield Run(str(k + 1), k, data, events, confounds)


def people(n=2):
    return draw_people(WORLD, n)


def fmri_set(root):
    return BidsSet(root, "Virtual cohort, fMRI", "A miniature.", people(), pictures(), "abc")


def eeg_set(root):
    return BidsSet(root, "Virtual cohort, EEG", "A miniature.", people(), pictures(), "abc")


def write_fmri(root):
    dataset = fmri_set(root)
    write_dataset(dataset)
    write_derivatives(dataset)
    for name in dataset.people["participant_id"]:
        write_fmri_subject(dataset, name, runs(dataset.stimuli), grid(), TR)
    return dataset


def sessions(dataset, person, **changes):
    schedule = replace(WORLD.schedule, block=8, **changes)
    world = replace(WORLD, schedule=schedule)
    features = eeg_features(dataset.stimuli, world.bank, world.seed)
    return eeg_sessions(world, person, dataset.stimuli, features)


def write_eeg(root, **changes):
    dataset = eeg_set(root)
    write_dataset(dataset)
    for _, person in dataset.people.iterrows():
        made = sessions(dataset, person, **changes)
        write_eeg_subject(dataset, person["participant_id"], made)
    return dataset
