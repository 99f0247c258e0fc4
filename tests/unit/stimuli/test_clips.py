"""Clips move as their table says, and no held-out picture enters a training clip."""

import numpy as np
import pandas as pd
import pytest

from neurodecode.contracts import Stimuli
from neurodecode.errors import DataError
from neurodecode.stimuli.clips import MOTIONS, N_FRAMES, draw_clips, read_clip, write_clip
from neurodecode.stimuli.objects64 import load_objects64

SEED = 5


@pytest.fixture(scope="module")
def pictures():
    everything = load_objects64(("decoder", "test"))
    return everything.where(np.arange(len(everything)) % 12 == 0)


@pytest.fixture(scope="module")
def clips(pictures):
    return draw_clips(pictures, 2, SEED)


def disc():
    """Two pictures of one dark disc in the middle."""
    y, x = np.mgrid[:64, :64] - 31.5
    picture = np.full((64, 64, 3), 128, np.uint8)
    picture[x**2 + y**2 < 100] = 0
    picture[(x**2 + y**2 < 100) & (x > 0)] = 255
    table = pd.DataFrame(
        {"id": ["a", "b"], "caption": ["disc"] * 2, "category": "thing", "set": "train"}
    )
    return Stimuli(table, np.stack([picture, picture]))


def figures(frames):
    return np.abs(frames.astype(int) - 128).max(axis=-1) > 30


def test_no_held_out_picture_is_in_a_training_clip(pictures, clips):
    side = pictures.table.set_index("id")["set"]
    assert (clips.table["set"] == clips.table["picture"].map(side)).all()
    changing = clips.table[clips.table["motion"] == "changing"]
    assert len(changing)
    assert (changing["set"] == changing["other"].map(side)).all()
    assert (changing["picture"] != changing["other"]).all()


def test_shapes_ids_and_motions(pictures, clips):
    assert clips.frames.shape == (2 * len(pictures), N_FRAMES, 64, 64, 3)
    assert clips.frames.dtype == np.uint8
    assert clips.table["id"].is_unique
    for _, table in clips.table.groupby("set"):
        counts = table["motion"].value_counts()
        assert set(counts.index) == set(MOTIONS)
        assert counts.max() - counts.min() <= 2


def test_same_seed_same_clips(pictures, clips):
    again = draw_clips(pictures, 2, SEED)
    np.testing.assert_array_equal(clips.frames, again.frames)
    pd.testing.assert_frame_equal(clips.table, again.table)
    assert not draw_clips(pictures, 2, SEED + 1).table.equals(clips.table)


def test_what_moves_goes_where_the_table_says():
    clips = draw_clips(disc(), 60, SEED)
    moving = clips.table[clips.table["motion"] == "moving"]
    assert moving["direction"].nunique() >= 6
    for k, row in moving.iterrows():
        y, x = (
            [np.nonzero(f)[axis].mean() for f in figures(clips.frames[k])[4:12]] for axis in (0, 1)
        )
        slope_x, slope_y = np.polyfit(np.arange(8) / 8, np.c_[x, y], 1)[0]
        angle = np.deg2rad(row["direction"])
        expected = row["speed"] * np.array([np.cos(angle), -np.sin(angle)])
        np.testing.assert_allclose([slope_x, slope_y], expected, atol=1.5)


def test_what_grows_shrinks_and_turns():
    clips = draw_clips(disc(), 36, SEED)
    for k, row in clips.table.iterrows():
        area = figures(clips.frames[k]).sum(axis=(1, 2)).astype(float)
        if row["motion"] in ("growing", "shrinking"):
            sign = 1 if row["motion"] == "growing" else -1
            octaves = np.polyfit(np.arange(16) / 8, np.log2(area) / 2, 1)[0]
            assert octaves == pytest.approx(sign * row["speed"], abs=0.08)
        if row["motion"] == "turning":
            bright = clips.frames[k][..., 0] > 200
            y, x = zip(*(np.argwhere(f).mean(axis=0) - 31.5 for f in bright), strict=True)
            angles = np.unwrap(np.arctan2(-np.array(y), np.array(x)))
            turned = np.rad2deg(np.polyfit(np.arange(16) / 8, angles, 1)[0])
            assert turned == pytest.approx(row["speed"], abs=2)


def test_a_change_begins_with_one_picture_and_ends_with_the_other(pictures, clips):
    row_of = {name: k for k, name in enumerate(pictures.table["id"])}
    fast = clips.table[(clips.table["motion"] == "changing") & (clips.table["speed"] == 2)]
    assert len(fast)
    for k, row in fast.iterrows():
        np.testing.assert_array_equal(clips.frames[k, 0], pictures.pixels[row_of[row["picture"]]])
        np.testing.assert_array_equal(clips.frames[k, -1], pictures.pixels[row_of[row["other"]]])


def test_a_bar_hides_part_of_the_picture(pictures, clips):
    row_of = {name: k for k, name in enumerate(pictures.table["id"])}
    for k, row in clips.table[clips.table["motion"] == "occluded"].iterrows():
        same = (clips.frames[k] == pictures.pixels[row_of[row["picture"]]]).all(axis=-1)
        assert 0.6 < same.mean() < 0.98


def test_a_strip_is_read_back_as_written(tmp_path, clips):
    write_clip(tmp_path / "clip.png", clips.frames[0])
    np.testing.assert_array_equal(read_clip(tmp_path / "clip.png"), clips.frames[0])


def test_errors_say_what_is_wrong(tmp_path, pictures):
    with pytest.raises(DataError, match="a change needs two"):
        draw_clips(pictures.where(np.arange(len(pictures)) == 0), 1, SEED)
    with pytest.raises(DataError, match="no such file"):
        read_clip(tmp_path / "absent.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match="not a readable picture"):
        read_clip(tmp_path / "text.png")
    write_clip(tmp_path / "odd.png", np.zeros((1, 10, 15, 3), np.uint8))
    with pytest.raises(DataError, match="side by side"):
        read_clip(tmp_path / "odd.png")
