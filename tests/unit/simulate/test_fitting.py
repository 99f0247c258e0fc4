"""The world's own numbers are found again by fitting what it gives."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neurodecode.simulate.bold import bold_runs
from neurodecode.simulate.figures import draw_page
from neurodecode.simulate.fitting import fit_ar, fit_centres, fit_delay
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.responses import reference_features
from neurodecode.simulate.trials import shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import named
from neurodecode.stimuli.objects64 import load_objects64


@pytest.fixture(scope="module")
def drawn():
    world = named("easy", "no confound")
    schedule = replace(world.schedule, n_train=240, n_test=20, n_runs=3)
    world = replace(world, cortex=replace(world.cortex, n_voxels=(300, 310)), schedule=schedule)
    stimuli = shown_pictures(load_objects64(), schedule, world.seed)
    features, reference = reference_features(world, stimuli)
    brain = draw_brain(world, draw_people(world, 1).iloc[0], reference)
    trials = trial_table(stimuli.table, schedule, world.seed, brain.participant_id)
    return world, brain, features, reference, list(bold_runs(world, brain, features, trials))


def test_ar_coefficients_are_recovered_without_bias(drawn):
    world, brain, _, _, runs = drawn
    found = fit_ar(world, runs)
    truth = brain.units["ar"].to_numpy()
    assert np.median(found - truth) == pytest.approx(0, abs=0.03)
    assert np.corrcoef(found, truth)[0, 1] > 0.5


def test_delays_are_recovered(drawn):
    world, brain, _, _, runs = drawn
    found = fit_delay(world, runs)
    truth = brain.units["delay"].to_numpy()
    assert np.median(found - truth) == pytest.approx(0, abs=0.2)
    assert np.corrcoef(found, truth)[0, 1] > 0.7


def test_centres_are_recovered_from_noiseless_responses(drawn):
    _, brain, _, reference, _ = drawn
    early = brain.anatomy.early
    found = fit_centres(reference, brain.tuning.signal(reference)[:, early])
    truth = brain.units[["prf_x", "prf_y"]].to_numpy()[early]
    away = np.linalg.norm(found - truth, axis=1)
    assert np.median(away) < 0.07
    shuffled = np.linalg.norm(found - truth[::-1], axis=1)
    assert np.median(shuffled) > 3 * np.median(away)


def test_a_page_is_drawn(drawn, tmp_path):
    draw_page(drawn[0], load_objects64(), tmp_path / "world.png")
    page = np.asarray(Image.open(tmp_path / "world.png"))
    assert page.shape[1] > 900
    assert page.std() > 10
