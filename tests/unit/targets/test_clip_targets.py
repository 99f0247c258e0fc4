"""Targets of clips, by hand."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Stimuli, key_frames
from neurodecode.errors import ConfigError, DataError
from neurodecode.targets.clips import ClipTarget, MotionTarget


def stimuli(frames):
    table = pd.DataFrame({"id": [f"c{k}" for k in range(len(frames))], "caption": "",
                          "category": "", "set": "train"})  # fmt: skip
    return Stimuli(table, key_frames(frames), frames=frames, fps=8)


def clips():
    return np.random.default_rng(0).integers(0, 256, (2, 8, 64, 64, 3), np.uint8)


def test_frames_are_averaged_in_time_and_area():
    frames = clips()
    target = ClipTarget(4, 2).extract(stimuli(frames))
    means = frames.reshape(2, 2, 4, 4, 16, 4, 16, 3).mean(axis=(2, 4, 6)) / 255
    assert target.shape == (2, 4, 4, 3)
    # Small frames are rounded to grey levels before they are averaged in time.
    np.testing.assert_allclose(target.values.reshape(2, 2, 4, 4, 3), means, atol=0.5 / 255)
    with pytest.raises(ConfigError, match="must divide the clips' 8 frames, got 3"):
        ClipTarget(4, 3).extract(stimuli(frames))


def test_the_motion_target_of_a_reversed_clip_is_the_negative():
    frames = clips()
    forth = MotionTarget(4).extract(stimuli(frames))
    back = MotionTarget(4).extract(stimuli(np.ascontiguousarray(frames[:, ::-1])))
    assert forth.values.shape == (2, 32)
    np.testing.assert_allclose(back.values, -forth.values, atol=1e-6)


def test_pictures_are_refused():
    pictures = Stimuli(stimuli(clips()).table, key_frames(clips()))
    with pytest.raises(ConfigError, match="made from clips, and the study shows pictures"):
        MotionTarget(4).extract(pictures)


def test_stimuli_check_their_clips():
    shown = stimuli(clips())
    kept = shown.where(np.array([False, True]))
    np.testing.assert_array_equal(kept.frames, clips()[1:])
    np.testing.assert_array_equal(kept.pixels, clips()[1:, 4])
    with pytest.raises(DataError, match="clips need frames and fps"):
        Stimuli(shown.table, shown.pixels, frames=shown.frames)
    with pytest.raises(DataError, match=r"must be uint8 \(n, n_frames"):
        Stimuli(shown.table, shown.pixels, frames=shown.pixels, fps=8)
