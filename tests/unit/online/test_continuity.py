"""Gaps and jumps of the source's clock, from the time stamps alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodecode.errors import DataError
from neurodecode.online.clock import VirtualClock
from neurodecode.online.continuity import Continuity
from neurodecode.online.stream import Chunk


def chunk(times):
    times = np.asarray(times, dtype=float)
    return Chunk(np.zeros((len(times), 1)), times, times)


def test_an_even_stream_passes_whole():
    continuity = Continuity(100.0, 0.5)
    for start in range(0, 50, 10):
        (piece,) = continuity.cut(chunk(np.arange(start, start + 10) / 100), (start + 10) / 100)
        assert (piece.missing, piece.jumped, len(piece.chunk)) == (0, False, 10)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.lists(st.integers(1, 9), min_size=1))
@settings(max_examples=100, deadline=None)
def test_missing_samples_are_counted_at_every_chunk_size(kept, sizes):
    kept = [True, *kept, True]
    times = np.flatnonzero(kept) / 250
    continuity, missing, passed, first = Continuity(250.0, 0.5), 0, 0, 0
    while first < len(times):
        size = sizes[first % len(sizes)]
        part = times[first : first + size]
        for piece in continuity.cut(chunk(part), part[-1]):
            missing += piece.missing
            passed += len(piece.chunk)
            assert not piece.jumped
        first += size
    assert missing == len(kept) - sum(kept)
    assert passed == sum(kept)


@pytest.mark.parametrize("jump", [-5.0, 3.0, 1e9, -1e9, np.nan])
def test_a_jump_of_the_clock_is_mended_and_later_gaps_are_still_seen(jump):
    continuity = Continuity(100.0, 0.5)
    list(continuity.cut(chunk(np.arange(10) / 100), 0.09))
    source = np.arange(10, 20) / 100
    source[4:] += jump
    first, second = _joined(continuity.cut(chunk(source), 0.19))
    assert not first.jumped
    assert second.jumped
    assert second.missing == 0
    np.testing.assert_allclose(second.chunk.times[0], 0.14)
    np.testing.assert_array_equal(second.chunk.source_times, source[4:])
    if np.isfinite(jump):
        (after,) = continuity.cut(chunk(np.arange(23, 30) / 100 + jump), 0.29)
        assert (after.missing, after.jumped) == (3, False)
        np.testing.assert_allclose(after.chunk.times, np.arange(23, 30) / 100, atol=1e-6)


def _joined(pieces):
    """The piece before the jump, and everything from it on."""
    first, *rest = pieces
    times = np.concatenate([p.chunk.times for p in rest])
    source = np.concatenate([p.chunk.source_times for p in rest])
    whole = Chunk(np.zeros((len(times), 1)), times, source)
    return first, type(first)(whole, rest[0].missing, rest[0].jumped)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_mended_times_only_go_forward_whatever_the_source_stamps(stamps):
    continuity, now, seen = Continuity(100.0, 0.5), 0.0, []
    for stamp in stamps:
        now += 0.01
        for piece in continuity.cut(chunk([stamp, stamp]), now):
            seen.extend(piece.chunk.times)
    assert len(seen) == 2 * len(stamps)
    assert np.isfinite(seen[1:]).all()
    assert (np.diff(seen[1:]) > 0).all()
    assert max(seen[1:]) <= now + 0.01 * len(seen) + 0.03


def test_what_was_lost_while_disconnected_is_missing():
    continuity = Continuity(100.0, 0.5)
    list(continuity.cut(chunk(np.arange(10) / 100), 0.09))
    continuity.reconnected()
    (piece,) = continuity.cut(chunk(np.arange(110, 120) / 100), 1.19)
    assert (piece.missing, piece.jumped) == (100, False)


def test_a_chunk_checks_its_shapes():
    with pytest.raises(DataError, match="one time"):
        Chunk(np.zeros((3, 2)), np.zeros(2), np.zeros(3))


def test_a_virtual_clock_moves_only_forward():
    clock = VirtualClock(5.0)
    clock.wait_until(4.0)
    assert clock.now() == 5.0
    clock.wait_until(6.0)
    clock.advance(0.5)
    assert clock.now() == 6.5
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError, match="forward"):
            clock.advance(wrong)
