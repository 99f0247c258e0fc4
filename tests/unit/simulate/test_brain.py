"""A brain's voxels: where they are, what they share between people, what they answer to."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurodecode.seeds import generator
from neurodecode.simulate.features import clip_features, picture_features
from neurodecode.simulate.fields import draw_anatomy, smooth_fields
from neurodecode.simulate.people import draw_people
from neurodecode.simulate.trials import shown_pictures
from neurodecode.simulate.tuning import draw_brain
from neurodecode.simulate.world import Effect, Effects, named
from neurodecode.stimuli.objects64 import load_objects64

SCHEDULE = replace(named("realistic").schedule, n_train=240, n_test=40)


def small(name="realistic", effects="no confound", **cortex):
    world = named(name, effects)
    cortex = replace(world.cortex, n_voxels=(500, 600), **cortex)
    return replace(world, cortex=cortex, schedule=SCHEDULE)


@pytest.fixture(scope="module")
def seen():
    world = small()
    stimuli = shown_pictures(load_objects64(), SCHEDULE, world.seed)
    features = picture_features(stimuli, world.bank, world.seed)
    train = np.flatnonzero(stimuli.table["set"] == "train")
    return stimuli, features, features.rows(train)


@pytest.fixture(scope="module")
def brain(seen):
    world = small()
    return draw_brain(world, draw_people(world, 1).iloc[0], seen[2])


def brains(world, seen, n=2):
    return [draw_brain(world, person, seen[2]) for _, person in draw_people(world, n).iterrows()]


def test_a_kind_of_picture_that_brains_are_not_scaled_over_moves_voxels_no_more_than_others(seen):
    stimuli, features, _ = seen
    faces = (stimuli.table["category"] == "face").to_numpy()
    reference = features.rows(np.flatnonzero(~faces))
    signal = draw_brain(small(), draw_people(small(), 1).iloc[0], reference).tuning.signal(features)
    assert np.abs(signal[faces]).max() < 20


def test_the_default_sheet_has_2000_voxels_and_more_and_people_differ():
    cortex = named("realistic").cortex
    sheets = [draw_anatomy(cortex, 1, f"sub-{k}") for k in range(5)]
    counts = [int(sheet.mask.sum()) for sheet in sheets]
    assert counts == [len(sheet.mm) for sheet in sheets]
    assert min(counts) >= 2000
    assert len(set(counts)) == 5
    for sheet in sheets:
        index = np.argwhere(sheet.mask)
        np.testing.assert_allclose(index @ sheet.affine[:3, :3].T + sheet.affine[:3, 3], sheet.mm)
        # Spatial order: neighbours in number are neighbours in the head.
        steps = np.linalg.norm(np.diff(sheet.mm, axis=0), axis=1)
        assert np.median(steps) == pytest.approx(cortex.voxel_size)
        assert sheet.early.mean() == pytest.approx(cortex.early, abs=0.01)
        assert 0.3 < sheet.right.mean() < 0.7
        assert sheet.mm[sheet.early, 1].mean() < sheet.mm[~sheet.early, 1].mean() - 10
        edge = np.ones(sheet.mask.shape, bool)
        edge[1:-1, 1:-1, 1:-1] = False
        assert not (sheet.mask & edge).any()


def test_smooth_fields_have_the_covariance_of_their_length():
    position = np.zeros((3, 3))
    position[1, 0], position[2, 0] = 0.2, 2.0
    fields = smooth_fields(position, 20_000, 0.2, np.random.default_rng(0))
    found = np.corrcoef(fields)
    assert found[0, 1] == pytest.approx(np.exp(-0.5), abs=0.12)
    assert found[0, 2] == pytest.approx(0, abs=0.15)
    np.testing.assert_allclose(fields.std(), 1, atol=0.1)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5, 1.0])
def test_weights_at_one_place_correlate_by_rho(seen, rho):
    one, two = brains(small(rho=rho, warp=0.0), seen)
    near = np.linalg.norm(
        one.anatomy.position[:, None] - two.anatomy.position[None], axis=2
    ) + 9 * (one.anatomy.right[:, None] != two.anatomy.right[None])
    pairs = near.argmin(axis=1)
    close = near.min(axis=1) < 0.05
    a, b = (np.concatenate(list(each.tuning.weights.values())) for each in (one, two))
    a, b = a[:, close], b[:, pairs[close]]
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] == pytest.approx(rho, abs=0.12)


def test_signal_is_standard_over_the_reference_and_parts_hold_their_shares(brain, seen):
    signal = brain.tuning.signal(seen[2])
    np.testing.assert_allclose(signal.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(signal.std(axis=0), 1, atol=1e-3)
    parts = brain.tuning.parts(seen[2])
    np.testing.assert_allclose(sum(parts.values()), signal, atol=1e-4)
    world = small()
    for early, shares in ((True, world.early), (False, world.ventral)):
        voxels = brain.anatomy.early == early
        for kind, part in parts.items():
            found = part[:, voxels].var(axis=0).mean()
            assert found == pytest.approx(getattr(shares, kind), abs=0.06)


def test_an_early_voxel_answers_to_what_is_in_its_field(brain, seen):
    _, features, _ = seen
    left = int(brain.units["prf_x"].where(brain.anatomy.early).argmin())
    assert brain.units["prf_x"][left] < 0.35
    maps = np.zeros((2, *features.edges.shape[1:]), np.float32)
    maps[1, :, :, 12:] = 1  # something at the far right alone
    still = replace(features.rows(np.array([0, 0])), edges=maps)
    edges = brain.tuning.parts(still)["edges"]
    right = (brain.units["prf_x"] > 0.8).to_numpy() & brain.anatomy.early
    moved = np.abs(edges[1] - edges[0])
    assert moved[left] < 0.05 * np.median(moved[right])


def test_left_hemisphere_sees_the_right_field(brain):
    units = brain.units[brain.units["roi"] == "early"]
    assert (units["prf_x"][units["x"] < 0] > 0.5).mean() > 0.9
    assert (units["prf_x"][units["x"] > 0] < 0.5).mean() > 0.9


def test_motion_has_its_share_in_clips_and_opposite_directions_differ(brain, seen):
    stimuli, world = seen[0], small()
    rng = np.random.default_rng(0)
    clips, pixels = [], stimuli.pixels[:32]
    for picture in pixels:
        angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(1, 3)
        clips.append(np.stack([
            np.roll(picture, (round(speed * s * np.sin(angle)), round(speed * s * np.cos(angle))),
                    (0, 1)) for s in range(-4, 4)
        ]))  # fmt: skip
    table = pd.DataFrame({"id": [f"clip{k}" for k in range(32)], "category": "face"})
    parts = brain.tuning.parts(clip_features(clips, table, world.bank, world.seed))
    early = brain.anatomy.early
    variance = {kind: part[:, early].var(axis=0) for kind, part in parts.items()}
    share = np.median(variance["motion"]) / (1 + np.median(variance["motion"]))
    assert share == pytest.approx(world.early.motion, abs=0.1)
    back = [clip[::-1] for clip in clips]
    reversed_ = brain.tuning.parts(clip_features(back, table, world.bank, world.seed))
    for kind in ("edges", "statistics", "attributes", "hidden"):
        np.testing.assert_allclose(reversed_[kind], parts[kind], atol=1e-3)
    a, b = parts["motion"][:, early], reversed_["motion"][:, early]
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < -0.9


def changed(seen, **kinds):
    world = replace(small(), effects=Effects(age=Effect(**kinds)))
    old = pd.Series({"participant_id": "p", "age": 80.0, "sex": "F", "site": "A", "label": "a"})
    young = old.copy()
    young["age"] = 18.0
    return draw_brain(world, young, seen[2]), draw_brain(world, old, seen[2])


SPAN = np.sqrt(12)  # SDs between the youngest and the oldest


def test_no_effect_no_difference(seen):
    young, old = changed(seen)
    for name in ("baseline", "response", "contrast", "sigma"):
        np.testing.assert_array_equal(getattr(young, name), getattr(old, name))
    np.testing.assert_array_equal(young.tuning.signal(seen[2]), old.tuning.signal(seen[2]))
    assert young.units.equals(old.units)


def test_each_effect_changes_what_it_names_and_nothing_else(seen):
    young, old = changed(seen, delay=0.2)
    np.testing.assert_allclose(old.units["delay"] - young.units["delay"], 0.2 * SPAN, atol=1e-6)
    np.testing.assert_array_equal(young.sigma, old.sigma)

    young, old = changed(seen, variance=0.1)
    np.testing.assert_allclose(np.log(old.sigma / young.sigma), 0.1 * SPAN, atol=1e-4)
    np.testing.assert_array_equal(young.response, old.response)

    young, old = changed(seen, mean=0.3)
    shift = (old.response - young.response) / young.contrast
    assert shift.std() == pytest.approx(0.3 * SPAN, rel=0.5)
    np.testing.assert_array_equal(young.tuning.signal(seen[2]), old.tuning.signal(seen[2]))

    young, old = changed(seen, scale=0.1)
    for name in ("baseline", "response", "contrast", "sigma"):
        ratio = getattr(old, name) / getattr(young, name)
        np.testing.assert_allclose(np.log(ratio), 0.1 * SPAN, atol=1e-4)

    young, old = changed(seen, tuning=0.3)
    a, b = young.tuning.signal(seen[2]), old.tuning.signal(seen[2])
    r = [np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)]
    assert 0.2 < np.median(r) < 0.9
    np.testing.assert_array_equal(young.baseline, old.baseline)


def test_same_seed_same_brain_and_worlds_differ(brain, seen):
    again = draw_brain(small(), draw_people(small(), 1).iloc[0], seen[2])
    np.testing.assert_array_equal(again.amplitudes(seen[1]), brain.amplitudes(seen[1]))
    assert again.units.equals(brain.units)
    other = draw_brain(replace(small(), seed=9), draw_people(small(), 1).iloc[0], seen[2])
    assert len(other.units) != len(brain.units) or not np.allclose(other.sigma, brain.sigma)


def test_the_common_field_is_drawn_alike_at_any_position():
    position = np.random.default_rng(0).normal(size=(50, 3))
    whole = smooth_fields(position, 4, 0.3, generator(1, "common"))
    part = smooth_fields(position[10:20], 4, 0.3, generator(1, "common"))
    np.testing.assert_allclose(part, whole[10:20], atol=1e-5)
