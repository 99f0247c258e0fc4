"""The page on a recording is drawn, whole, at a readable size."""

import numpy as np
from PIL import Image

from neurodecode.contracts import Stimuli
from neurodecode.report.virtual_eeg import draw_eeg
from neurodecode.simulate.eeg import eeg_brain, eeg_session
from neurodecode.simulate.eeg_features import eeg_features
from neurodecode.simulate.eeg_world import named_world
from neurodecode.simulate.people import draw_people
from neurodecode.stimuli.objects64 import load_objects64


def test_a_recording_is_drawn(tmp_path):
    world = named_world("realistic")
    few = load_objects64(("decoder",))
    few = few.where(np.arange(len(few)) < 20)
    sides = np.where(np.arange(20) < 16, "train", "test")
    stimuli = Stimuli(few.table.assign(set=sides), few.pixels)
    features = eeg_features(stimuli, world.bank, world.seed)
    brain = eeg_brain(world, draw_people(world, 1).iloc[0], features)
    draw_eeg(eeg_session(world, brain, stimuli, features, 1), tmp_path / "eeg.png")
    picture = np.asarray(Image.open(tmp_path / "eeg.png").convert("RGB"))
    assert picture.shape[0] > 700
    assert (picture < 250).any(axis=2).mean() > 0.2
