"""Scores of clips: each is the variant that it says, and a clip that stands still gains nothing."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from neurodecode.evaluate.clip_measures import flows, of_clips, of_decoded_motion, of_frames
from neurodecode.evaluate.clip_measures import of_motion as motion_measures
from neurodecode.evaluate.dictionary import define
from neurodecode.evaluate.extractors import spaced
from neurodecode.evaluate.field_metrics import n_way
from neurodecode.evaluate.measures import Features
from neurodecode.evaluate.video_metrics import (
    clip_pcc,
    cosines,
    epe_table,
    frame_psnr_table,
    frame_ssim_table,
    reversed_table,
)


def test_a_clip_that_stands_still_is_perfectly_smooth_and_says_nothing():
    frames = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)
    frames[0] = frames[0, :1]
    smooth, random = clip_pcc(frames)
    assert smooth == pytest.approx(1)
    rows = frames[1].astype(float)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert random == pytest.approx(np.mean([unit[k] @ unit[k + 1] for k in range(3)]))


def test_ssim_is_that_of_scikit_image_with_colours_apart():
    rng = np.random.default_rng(1)
    real = rng.integers(0, 256, (3, 16, 18, 3), np.uint8)
    drawn = np.concatenate([real[:1], rng.integers(0, 256, (1, 16, 18, 3), np.uint8)])
    expected = [[structural_similarity(a, b, channel_axis=-1) for b in drawn] for a in real]
    np.testing.assert_allclose(frame_ssim_table(real, drawn), expected, atol=1e-12)
    assert frame_ssim_table(real, real)[0, 0] == 1


def test_psnr_of_a_known_error():
    real = np.full((1, 4, 4, 3), 100, np.uint8)
    drawn = np.concatenate([real + np.uint8(10), real, real - np.uint8(20)])
    found = frame_psnr_table(real, drawn)[0]
    assert found == pytest.approx(20 * np.log10([25.5, 510, 12.75]))


def test_end_point_error_by_hand():
    real = np.zeros((1, 2, 1, 1, 2), np.float32)
    drawn = np.array([[[[[3, 4]]], [[[0, 1]]]]], np.float32)
    assert epe_table(real, drawn) == pytest.approx((5 + 1) / 2)


def drifting(step, n=8):
    """A blob that moves by ``step`` pixels a frame to the right, round the edge."""
    y, x = np.mgrid[:64, :64]
    blob = 90 * np.exp(-((x - 32) ** 2 + (y - 30) ** 2) / 120) * np.sin(x / 4)
    frames = [np.roll(blob, step * (k - n // 2), axis=1) for k in range(n)]
    return np.repeat((128 + np.stack(frames)).astype(np.uint8)[..., None], 3, axis=3)


def test_only_what_moves_the_right_way_is_told_from_its_reverse():
    real = np.stack([drifting(2), drifting(-2), drifting(1).swapaxes(1, 2)])
    still = np.repeat(real[:, 4:5], 8, axis=1)
    seen = flows(real)

    def scores(clips):
        return {m.metric: np.diag(m.table) for m in motion_measures(seen, flows(clips))}

    right, wrong, none = scores(real), scores(real[:, ::-1]), scores(still)
    for metric, better in (("two_way_motion", 1), ("two_way_reversed", 1)):
        np.testing.assert_array_equal(right[metric], better)
        np.testing.assert_array_equal(none[metric], 0.5)
    np.testing.assert_array_equal(wrong["two_way_reversed"], 0)
    assert right["motion_epe"].max() == 0
    # A still errs by the motion that it lacks, the reverse by twice as much.
    np.testing.assert_allclose(wrong["motion_epe"], 2 * none["motion_epe"], rtol=0.05)


def test_no_motion_has_no_direction():
    rows = np.array([[1, 0], [0, 0], [-2, 0]], np.float32)
    table = cosines(rows, rows)
    assert np.isnan(table[1]).all()
    np.testing.assert_array_equal(reversed_table(table), [[1, 0.5, 0], [0.5] * 3, [0, 0.5, 1]])
    (among, forward) = of_decoded_motion(rows, rows, "x")
    # Against a candidate without motion nothing can be told: half.
    np.testing.assert_array_equal(np.diag(among.table), [0.75, 0.5, 0.75])
    assert forward.chance == pytest.approx(0.5)


def test_frames_are_scored_one_by_one_and_clips_by_their_mean():
    rng = np.random.default_rng(2)
    real, drawn = rng.normal(size=(2, 5, 3, 60)).astype(np.float32)
    features = {"independent": Features("x", real, real), "classes": Features("x", real, drawn)}
    found = {m.metric: m for m in of_frames(features)}
    np.testing.assert_array_equal(np.diag(found["two_way_frames_independent"].table), 1)
    np.testing.assert_array_equal(np.diag(found["two_way_clip_independent"].table), 1)
    each = [n_way(drawn[:, k], real[:, k].argmax(axis=1)[:, None], 50) for k in range(3)]
    np.testing.assert_allclose(found["classified_50way_frames"].table, np.mean(each, axis=0))
    whole = n_way(drawn.mean(axis=1), real.mean(axis=1).argmax(axis=1)[:, None], 50)
    np.testing.assert_allclose(found["classified_50way_clip"].table, whole)
    assert found["classified_50way_frames_of_top3"].chance == pytest.approx(3 / 52)
    clips = rng.integers(0, 256, (2, 4, 16, 16, 3), np.uint8)
    assert define([*found, *(m.metric for m in of_clips(clips, clips))])


def test_four_frames_stand_for_a_clip():
    clips = np.arange(16, dtype=np.uint8).reshape(1, 16, 1, 1, 1)
    assert spaced(clips).ravel().tolist() == [2, 6, 10, 14]
    assert spaced(clips[:, :1]).ravel().tolist() == [0]
