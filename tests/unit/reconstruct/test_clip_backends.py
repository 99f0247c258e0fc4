"""Clips drawn from conditions, by hand; a picture in a study of clips stands still."""

import numpy as np
import pandas as pd
import pytest

from neurodecode import artifacts
from neurodecode.contracts import Conditions, Reconstruction, Stimuli, Targets, key_frames
from neurodecode.errors import ConfigError, DataError
from neurodecode.reconstruct.clips import LinearClip, MeanClip, NearestClip, RandomClip
from neurodecode.registry import Gallery

IDS = ("a", "b", "c", "d")


@pytest.fixture
def gallery():
    frames = np.random.default_rng(0).integers(0, 256, (4, 6, 8, 8, 3), np.uint8)
    table = pd.DataFrame({"id": IDS, "caption": "", "category": "", "set": "train"})
    what, how = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[::-1].copy()
    targets = {
        "semantic": Targets(IDS, what, (4,), "x"),
        "motion": Targets(IDS, how, (4,), "x"),
        "frames": Targets(IDS, np.zeros((4, 24), np.float32), (2, 2, 2, 3), "x"),
    }
    return Gallery(Stimuli(table, key_frames(frames), frames=frames, fps=8.0), targets)


def decoded(**arrays):
    n = len(next(iter(arrays.values())))
    table = pd.DataFrame({"participant_id": "01", "trial": [f"t{k}" for k in range(n)],
                          "stimulus": "e", "category": "", "run": 0, "fold": "0"})  # fmt: skip
    return Conditions(table, {k: np.asarray(v, np.float32) for k, v in arrays.items()})


SEEDS = np.arange(8).reshape(2, 4)


def test_the_nearest_clip_weighs_what_and_how_alike(gallery):
    frames = gallery.stimuli.frames
    both = decoded(semantic=np.eye(4)[:2], motion=np.eye(4)[[3, 1]])
    drawn = NearestClip(("semantic",)).generate(both, gallery, seeds=SEEDS)
    np.testing.assert_array_equal(drawn, frames[:2, None])
    # The first is clip a by both; the second clip b by one and c by the other, weakly.
    agreeing = decoded(semantic=np.eye(4)[:2], motion=[[0, 0, 0, 1], [0, 1, 0, 1.2]])
    drawn = NearestClip(("semantic", "motion")).generate(agreeing, gallery, seeds=SEEDS)
    np.testing.assert_array_equal(drawn[0, 0], frames[0])


def test_linear_frames_are_blended_in_time(gallery):
    small = np.zeros((1, 2, 2, 2, 3))
    small[0, 1] = 1
    drawn = LinearClip("frames").generate(
        decoded(frames=small.reshape(1, -1)), gallery, seeds=SEEDS
    )
    assert drawn.shape == (1, 1, 6, 8, 8, 3)
    # Each decoded frame is the middle of three: at 1 and 4 of 0 to 5.
    assert drawn[0, 0, :, 0, 0, 0].tolist() == [0, 0, 85, 170, 255, 255]


def test_linear_clip_needs_frames(gallery):
    with pytest.raises(ConfigError, match="draw a target of kind clip; motion is of shape"):
        LinearClip("motion").generate(decoded(motion=np.eye(4)[:1]), gallery, seeds=SEEDS)


def test_baselines_see_no_condition(gallery):
    items = decoded(semantic=np.eye(4)[:2])
    frames = gallery.stimuli.frames
    mean = MeanClip().generate(items, gallery, seeds=SEEDS)
    np.testing.assert_array_equal(mean[1, 0], frames.mean(axis=0).round())
    random = RandomClip().generate(items, gallery, seeds=SEEDS)
    assert all((clip == frames).all(axis=(1, 2, 3, 4)).any() for clip in random[:, 0])
    pictures = Gallery(Stimuli(gallery.stimuli.table, gallery.stimuli.pixels), {})
    with pytest.raises(ConfigError, match="draw clips, and the study shows pictures"):
        MeanClip().generate(items, pictures, seeds=SEEDS)


def reconstruction(n_frames):
    samples = np.random.default_rng(1).integers(0, 256, (2, 3, n_frames, 8, 8, 3), np.uint8)
    table = pd.DataFrame({"participant_id": "01", "stimulus": ["e", "f"], "category": "",
                          "item": ["e", "f"]})  # fmt: skip
    return Reconstruction(table, samples, np.array([2, 0]), fps=8.0)


@pytest.mark.parametrize("n_frames", [1, 5])
def test_clips_are_kept_without_loss_and_can_be_looked_at(tmp_path, n_frames):
    from PIL import Image, ImageSequence

    drawn, sidecar = reconstruction(n_frames), tmp_path / "r.json"
    files = artifacts.save_reconstruction(sidecar, drawn)
    artifacts.commit(sidecar, "x", settings="s", seed=1, inputs={}, files=files, facts={})
    read = artifacts.load_reconstruction(sidecar)
    assert read.fps == 8
    np.testing.assert_array_equal(read.samples, drawn.samples)
    np.testing.assert_array_equal(read.shown, drawn.samples[[0, 1], [2, 0], n_frames // 2])
    with Image.open(tmp_path / "r" / "e.webp") as image:
        frames = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)]
    np.testing.assert_array_equal(frames, drawn.samples[0, 2])


def test_a_still_is_as_long_as_it_must_be_and_others_are_not_stretched():
    still = reconstruction(1)
    np.testing.assert_array_equal(still.clips(3), np.repeat(still.clips(), 3, axis=1))
    with pytest.raises(DataError, match="must be clips of 3 frames, or of one"):
        reconstruction(5).clips(3)
    with pytest.raises(DataError, match="or with fps"):
        Reconstruction(still.table, still.samples, still.chosen)
