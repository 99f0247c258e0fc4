"""EEG whose sources are known: smooth fields of a few sources, blinks, and sensors' own noise."""

import mne
import numpy as np
import pandas as pd

from neurodecode.contracts import Recording

RATE, SECONDS = 200.0, 40
NAMES = ["Fp1", "Fp2", "F3", "F4", "F7", "F8", "C3", "C4", "T7", "T8", "P3", "P4", "O1", "O2",
         "Fz", "Cz", "Pz", "Oz", "FC1", "FC2", "CP1", "CP2"]  # fmt: skip
ONSETS = np.arange(1.0, 38.0, 1.0)


def places():
    montage = mne.channels.make_standard_montage("biosemi64").get_positions()["ch_pos"]
    return np.array([montage[name] for name in NAMES]) * 1000


def field(centre, width=60.0):
    """What a source under a channel gives at each channel."""
    at = places()
    distance = np.linalg.norm(at - at[NAMES.index(centre)], axis=1)
    return np.exp(-0.5 * (distance / width) ** 2)


def blinks(rng, n):
    """A bump of 150 microvolts every few seconds."""
    wave, t = np.zeros(n), np.arange(n) / RATE
    for at in np.cumsum(rng.uniform(2, 4, size=40)):
        wave += 150 * np.exp(-0.5 * ((t - at) / 0.08) ** 2)
    return wave


def eeg(*, blinking=False, noise=1.0, seed=0):
    """Return the recording, what of it the brain made, and the blinks (n_times, n_channels)."""
    rng = np.random.default_rng(seed)
    n, t = int(RATE * SECONDS), np.arange(int(RATE * SECONDS)) / RATE
    brain = np.zeros((n, len(NAMES)))
    for centre, frequency in (("Oz", 10.0), ("C3", 12.0), ("Pz", 6.0), ("F4", 8.0), ("T8", 20.0)):
        pace = np.cumsum(rng.normal(size=n)) * 0.05
        wave = 12 * np.sin(2 * np.pi * frequency * t + pace) * (1 + 0.5 * np.sin(0.7 * t + pace))
        brain += wave[:, None] * field(centre)
    eyes = np.zeros_like(brain)
    if blinking:
        eyes = blinks(rng, n)[:, None] * (field("Fp1", 45.0) + field("Fp2", 45.0))
    data = brain + eyes + noise * rng.normal(size=brain.shape)
    units = pd.DataFrame(places(), columns=["x", "y", "z"])
    units.insert(0, "roi", "eeg")
    units.insert(0, "unit", NAMES)
    events = pd.DataFrame({"onset": ONSETS, "duration": 0.1, "run": 0, "stimulus": "",
                           "category": np.resize(["a", "b"], len(ONSETS))})  # fmt: skip
    recording = Recording(data.astype(np.float32), t, np.zeros(n, np.int64), events,
                          units.assign(bad=False), "01", RATE)  # fmt: skip
    return recording, brain, eyes
