"""Optical flow: a texture that is shifted moves by the shift, and backwards by its negative."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from neurodecode.errors import DataError
from neurodecode.stimuli.clips import draw_clips
from neurodecode.stimuli.flow import flow
from neurodecode.stimuli.objects64 import load_objects64


def shifted(right, down, n=4):
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(160, 160)), 4)
    picture = 128 + 40 * smooth / smooth.std()
    frames = [shift(picture, (down * k, right * k), order=3)[48:112, 48:112] for k in range(n)]
    return np.repeat(np.clip(np.stack(frames), 0, 255).astype(np.uint8)[..., None], 3, axis=3)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -1.5), (-1, 1)])
def test_a_shift_is_measured(right, down):
    """But for what the ridge takes: flow is small where there are few edges."""
    moved = flow(shifted(right, down), 4).mean(axis=(0, 1, 2)) * 64
    assert moved @ [right, down] / np.hypot(right, down) ** 2 == pytest.approx(0.9, abs=0.15)
    assert abs(moved @ [down, -right]) < 0.1


def test_backwards_is_the_negative_and_nothing_moves_in_a_still():
    clip = shifted(1, 0.5)
    np.testing.assert_allclose(flow(clip[::-1], 8), -flow(clip, 8)[::-1], atol=1e-6)
    assert not flow(np.repeat(clip[:1], 3, axis=0), 8).any()
    with pytest.raises(DataError, match="two frames or more, got 1"):
        flow(clip[:1], 8)


def test_the_clips_of_the_package_move_as_their_table_says():
    pictures = load_objects64(("decoder",))
    clips = draw_clips(pictures.where(np.arange(len(pictures)) < 12), 6, 1)
    moving = np.flatnonzero(clips.table["motion"] == "moving")
    angle = np.deg2rad(clips.table["direction"].to_numpy(float)[moving])
    true = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    mean = np.stack([flow(clips.frames[k], 8).mean(axis=(0, 1, 2)) for k in moving])
    along = (mean * true).sum(axis=1) / np.linalg.norm(mean, axis=1)
    assert along.min() > 0.9
