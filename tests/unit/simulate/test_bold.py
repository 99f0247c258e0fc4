"""The series of a run: what is in it, and that it is the sum of its parts."""

from dataclasses import replace

import numpy as np
import pytest

from neurodecode.errors import DataError
from neurodecode.simulate.bold import bold_runs, evoked, trial_drive
from neurodecode.simulate.features import picture_features
from neurodecode.simulate.glm import readout
from neurodecode.simulate.hrf import curves
from neurodecode.simulate.noise import MOTION
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import n_volumes, runs, shown_pictures, trial_table
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import named
from neurodecode.stimuli.objects64 import load_objects64


@pytest.fixture(scope="module")
def drawn():
    world = named("realistic", "no confound")
    schedule = replace(world.schedule, n_train=160, n_test=20, n_runs=3)
    cortex = replace(world.cortex, n_voxels=(300, 320))
    world = replace(world, cortex=cortex, schedule=schedule)
    stimuli = shown_pictures(load_objects64(), schedule, world.seed)
    features = picture_features(stimuli, world.bank, world.seed)
    reference = features.rows(np.flatnonzero(stimuli.table["set"] == "train"))
    brain = draw_brain(world, draw_people(world, 1).iloc[0], reference)
    trials = trial_table(stimuli.table, schedule, world.seed, brain.participant_id)
    return world, brain, features, trials


@pytest.fixture(scope="module")
def scanned(drawn):
    return list(bold_runs(*drawn))


def test_runs_have_what_a_scanner_and_fmriprep_give(drawn, scanned):
    world, brain, _, trials = drawn
    assert [run.run for run in scanned] == list(range(6))
    assert [run.session for run in scanned] == ["1"] * 3 + ["2"] * 3
    for run in scanned:
        shape = (n_volumes(world.schedule), int(brain.anatomy.mask.sum()))
        assert run.data.shape == shape
        assert run.data.dtype == np.float32
        assert (run.data > 0).all()
        assert len(run.confounds) == shape[0]
        assert {*MOTION, "framewise_displacement", "csf", "white_matter"} <= set(run.confounds)
        moved = run.confounds["framewise_displacement"]
        assert np.isnan(moved[0])
        assert moved[1:].notna().all()
        assert {"onset", "duration", "trial_type"} <= set(run.events)
        assert not {"caption"} & set(run.events)
    assert sum(len(run.events) for run in scanned) == len(trials)


def test_a_run_does_not_depend_on_the_others(drawn, scanned):
    world, brain, features, trials = drawn
    again = next(bold_runs(world, brain, features, trials))
    np.testing.assert_array_equal(again.data, scanned[0].data)
    runs_ = bold_runs(world, brain, features, trials)
    assert iter(runs_) is runs_  # one run at a time


def test_the_evoked_series_is_the_sum_over_trials_of_each_voxels_own_response(drawn):
    world, brain, features, trials = drawn
    _, part = runs(trials)[0]
    drive = trial_drive(world, brain, features, trials)(part)
    series = evoked(world, brain, drive, part)
    voxel = 17
    shape = (np.array([brain.units[name][voxel]]) for name in ("delay", "width", "undershoot"))
    response = curves(*shape, world.schedule.duration)[0]
    times = np.arange(len(series)) * world.schedule.tr
    expected = np.zeros(len(series))
    for onset, amplitude in zip(part["onset"], drive[:, voxel], strict=True):
        since = np.round((times - onset) / 0.1).astype(int)
        inside = (since >= 0) & (since < len(response))
        expected[inside] += amplitude * response[since[inside]]
    np.testing.assert_allclose(series[:, voxel], expected, atol=0.01 * np.abs(expected).max())


def test_without_noise_the_readout_gives_the_amplitudes(drawn):
    world, brain, features, trials = drawn
    hrf = replace(world.hrf, delay=(5.0, 0, 0), width=(2.3, 0, 0), undershoot=(0.17, 0, 0))
    quiet = replace(
        world.noise, gain=0, adaptation=0, fatigue=0, lapse=(0, 0.4, 1), session=0,
        session_scale=0, drift=0, motion=0, spike=0,
    )  # fmt: skip
    world = replace(world, hrf=hrf, noise=quiet)
    stimuli = shown_pictures(load_objects64(), world.schedule, world.seed)
    reference = features.rows(np.flatnonzero(stimuli.table["set"] == "train"))
    brain = draw_brain(world, draw_people(world, 1).iloc[0], reference)
    brain = replace(brain, sigma=0 * brain.sigma)
    run = next(bold_runs(world, brain, features, trials))
    rows = readout(run.events["onset"].to_numpy(), len(run.data), world.hrf, world.schedule)
    shown = [features.ids.index(name) for name in run.events["trial_type"]]
    truth = brain.amplitudes(features)[shown]
    np.testing.assert_allclose(rows @ run.data, truth, atol=0.02 * truth.std())


def test_explainable_variance_of_one_repeat_is_near_what_was_asked(drawn, scanned):
    world, _, _, trials = drawn
    betas = []
    for run in scanned:
        motion = run.confounds[list(MOTION)].to_numpy()
        rows = readout(
            run.events["onset"].to_numpy(), len(run.data), world.hrf, world.schedule,
            (motion - motion.mean(axis=0)) / motion.std(axis=0),
        )  # fmt: skip
        betas.append(rows @ run.data)
    centred = np.concatenate([b - b.mean(axis=0) for b in betas])
    place = trials.assign(row=np.arange(len(trials)))
    place = place[place["set"] == "train"].pivot_table(
        index="stimulus", columns="repeat", values="row"
    )
    one, two = (centred[place[k].to_numpy(int)] for k in (0, 1))
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, two.T, strict=True)]
    assert 0.05 < np.median(r) < 0.15


def test_noise_is_ar1_between_pictures(drawn):
    world, brain, features, trials = drawn
    calm = replace(world, noise=replace(world.noise, drift=0, motion=0, spike=0))
    run = next(bold_runs(calm, brain, features, trials))
    part = runs(trials)[0][1]
    left = (
        run.data
        - brain.baseline
        - evoked(calm, brain, trial_drive(calm, brain, features, trials)(part), part)
    )
    left -= left.mean(axis=0)
    lag = (left[1:] * left[:-1]).mean(axis=0) / left.var(axis=0)
    assert np.median(lag) == pytest.approx(world.noise.ar[0], abs=0.05)
    np.testing.assert_allclose(np.median(left.std(axis=0) / brain.sigma), 1, atol=0.05)


def test_a_jerk_is_seen_in_the_series(drawn):
    world, brain, features, trials = drawn
    jerky = replace(world, noise=replace(world.noise, spike_rate=0.1, spike=5.0))
    run = next(bold_runs(jerky, brain, features, trials))
    change = np.abs(np.diff(run.data.mean(axis=1)))
    moved = run.confounds["framewise_displacement"].to_numpy()[1:]
    assert np.corrcoef(change, moved)[0, 1] > 0.4


def test_a_stimulus_without_features_is_named(drawn):
    world, brain, features, trials = drawn
    shown = trials["stimulus"][0]
    few = features.rows(np.flatnonzero(np.array(features.ids) != shown))
    with pytest.raises(DataError, match=shown):
        next(bold_runs(world, brain, few, trials))
