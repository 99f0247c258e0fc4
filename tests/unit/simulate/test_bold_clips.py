"""Clips in the scanner: what moves is answered by its direction, what stands is not."""

from dataclasses import replace

import numpy as np
import pytest

from neurodecode.simulate.bold import bold_runs
from neurodecode.simulate.features import clip_features, picture_features
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import named
from neurodecode.stimuli.clips import draw_clips
from neurodecode.stimuli.objects64 import load_objects64

KINDS = ("forwards", "backwards", "still")


@pytest.fixture(scope="module")
def drawn():
    """A brain, features of ten moving clips, their reverses and stills, and their trials."""
    world = named("realistic", "no confound")
    schedule = replace(
        world.schedule, n_train=12, n_test=0, test_repeats=0, n_sessions=1, n_runs=1,
        train_repeats=1,
    )  # fmt: skip
    world = replace(world, cortex=replace(world.cortex, n_voxels=(300, 320)), schedule=schedule)
    pictures = shown_pictures(load_objects64(), schedule, world.seed)
    clips = draw_clips(pictures, 5, 1)
    moving = np.flatnonzero(clips.table["motion"] == "moving")[:10]
    table = clips.table.iloc[moving][["id", "category", "set"]].reset_index(drop=True)
    frames = clips.frames[moving]
    shown = {
        "forwards": frames,
        "backwards": frames[:, ::-1],
        "still": np.repeat(frames[:, 8:9], 16, axis=1),
    }
    features = {k: clip_features(v, table, world.bank, world.seed) for k, v in shown.items()}
    reference = picture_features(pictures, world.bank, world.seed)
    brain = draw_brain(world, draw_people(world, 1).iloc[0], reference)
    trials = trial_table(table, replace(schedule, n_train=10), world.seed, brain.participant_id)
    return world, brain, features, trials


@pytest.fixture(scope="module")
def series(drawn):
    world, brain, features, trials = drawn
    return {kind: next(iter(bold_runs(world, brain, features[kind], trials))) for kind in KINDS}


def test_a_clip_and_its_reverse_differ_by_what_is_tuned_to_direction(drawn, series):
    """Noise has the same seed, so the difference of two runs is evoked, all of it by motion."""
    world, brain, features, trials = drawn
    found = series["forwards"].data - series["backwards"].data
    motion = brain.tuning.parts(features["forwards"])["motion"]
    opposite = brain.tuning.parts(features["backwards"])["motion"]
    one = trials["stimulus"].iloc[0]
    row = features["forwards"].ids.index(one)
    # Until the second onset only the first trial is heard.
    until = int(trials["onset"].iloc[1] / world.schedule.tr)
    heard = found[:until].sum(axis=0)
    wanted = brain.contrast * (motion - opposite)[row]
    assert np.corrcoef(heard, wanted)[0, 1] > 0.9
    assert np.abs(found).max() > 1


def test_voxels_without_tuning_to_motion_hear_no_direction(drawn):
    world, _, features, trials = drawn
    deaf = replace(
        world,
        early=replace(world.early, motion=0.0),
        ventral=replace(world.ventral, motion=0.0),
    )
    pictures = shown_pictures(load_objects64(), world.schedule, world.seed)
    reference = picture_features(pictures, world.bank, world.seed)
    brain = draw_brain(deaf, draw_people(deaf, 1).iloc[0], reference)
    one, two = (
        next(iter(bold_runs(deaf, brain, features[kind], trials))).data
        for kind in ("forwards", "backwards")
    )
    np.testing.assert_allclose(one, two, atol=0.05)


def test_stills_evoke_nothing_by_motion(drawn):
    _, brain, features, _ = drawn
    parts = brain.tuning.parts(features["still"])
    assert np.abs(parts.get("motion", np.zeros(1))).max() < 1e-6
    moving = brain.tuning.parts(features["forwards"])["motion"]
    early = brain.anatomy.early
    assert moving[:, early].std() > 2 * moving[:, ~early].std() > 0


def test_a_clip_is_a_trial_like_a_picture(drawn, series):
    _, _, features, trials = drawn
    events = series["forwards"].events
    assert sorted(events["trial_type"]) == sorted(features["forwards"].ids)
    assert (events["duration"] == 2.0).all()
    assert len(trials) == 10
