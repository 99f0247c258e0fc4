"""Frames of movies: the right moments, kept once, and every way in which a file can be wrong."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))
from cc2017_miniature import write_movie

from neurodecode.errors import DataError
from neurodecode.studies.movies import kept_frames, movie_frames

GREYS = np.linspace(20, 230, 20).astype(np.uint8)


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "movie.mp4"
    write_movie(path, np.repeat(GREYS[:, None], 3, axis=1), fps=5)
    return path


def greys(frames):
    return frames.mean(axis=(1, 2, 3))


@pytest.mark.parametrize("fps", [1, 2, 5])
def test_a_frame_is_what_stands_in_the_middle_of_its_time(movie, fps):
    found = movie_frames(movie, fps=fps, n_frames=4 * fps, size=8)
    assert found.shape == (4 * fps, 8, 8, 3)
    expected = GREYS[((np.arange(4 * fps) + 0.5) / fps * 5 + 1e-9).astype(int)]
    np.testing.assert_allclose(greys(found), expected, atol=5)


def test_the_last_frame_stands_for_a_second_and_no_longer(movie):
    found = movie_frames(movie, fps=2, n_frames=9, size=8)
    assert greys(found)[-1] == pytest.approx(GREYS[-1], abs=5)
    with pytest.raises(DataError, match=r"ends after about 5 s; 10 s were shown"):
        movie_frames(movie, fps=2, n_frames=20, size=8)


def test_frames_are_read_once_and_anew_where_the_movie_changed(movie, tmp_path):
    how = {"fps": 2, "n_frames": 8, "size": 8}
    first = kept_frames(movie, tmp_path / "frames", **how)
    kept = tmp_path / "frames" / "movie_2fps_8px.safetensors"
    written = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(kept_frames(movie, tmp_path / "frames", **how), first)
    assert kept.stat().st_mtime_ns == written
    write_movie(movie, np.repeat(GREYS[::-1, None], 3, axis=1), fps=5)
    os.utime(movie, ns=(1, written + 1))
    again = kept_frames(movie, tmp_path / "frames", **how)
    assert greys(again)[0] > greys(again)[-1]


def test_files_that_are_no_movies_are_named(movie, tmp_path):
    how = {"fps": 2, "n_frames": 8, "size": 8}
    with pytest.raises(DataError, match=r"absent\.mp4: no such movie"):
        movie_frames(tmp_path / "absent.mp4", **how)
    with pytest.raises(DataError, match=r"absent\.mp4: no such movie"):
        kept_frames(tmp_path / "absent.mp4", tmp_path, **how)
    movie.write_bytes(movie.read_bytes()[:300])
    with pytest.raises(DataError, match=r"movie\.mp4: not a whole movie"):
        kept_frames(movie, tmp_path / "frames", **how)
    assert not (tmp_path / "frames").exists()
