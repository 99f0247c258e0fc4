"""BrainFlow: times by package numbers, and the synthetic board itself where it runs."""

import numpy as np
import pytest

from neurodecode.errors import ConfigError, DataError
from neurodecode.online.board import BoardStream
from neurodecode.online.clock import RealClock, VirtualClock


def counting(sfreq=250.0):
    stream = BoardStream("synthetic", VirtualClock())
    stream._sfreq = sfreq
    return stream


def test_bursts_become_even_and_a_slow_board_is_followed():
    stream, times = counting(), []
    for k in range(4000):  # the board gives 249 instead of 250 samples a second, two at a time
        packages = np.array([2 * k, 2 * k + 1]) % 256
        times.append(stream._counted(packages, 10 + (2 * k + 1) / 249))
    steps = np.diff(np.concatenate(times))
    assert steps.min() > 0.9 / 250
    assert steps.max() < 1.25 / 250
    assert abs(times[-1][-1] - (10 + 7999 / 249)) < 0.01


@pytest.mark.parametrize("lost", [1, 5, 200, 255, 256, 700])
def test_lost_packages_leave_a_gap(lost):
    stream = counting()
    stream._counted(np.arange(10.0), 1.0)
    (time,) = stream._counted(np.array([(10.0 + lost) % 256]), 1.0 + (1 + lost) / 250)
    np.testing.assert_allclose(time, 1.0 + (1 + lost) / 250, atol=1e-9)
    assert not len(stream._counted(np.empty(0), 9.0))


def test_unknown_boards_are_said():
    with pytest.raises(ConfigError, match="synthetic"):
        BoardStream("no_such", RealClock()).connect()
    with pytest.raises(DataError, match="connected"):
        _ = counting().channels


def test_the_synthetic_board_runs():
    clock = RealClock()
    stream = BoardStream("synthetic", clock)
    stream.connect()
    try:
        assert len(stream.channels) == 16
        assert stream.sfreq == 250
        n, until = 0, clock.now() + 5
        while n < 20 and clock.now() < until:
            clock.wait_until(clock.now() + 0.02)
            chunk = stream.acquire()
            n += len(chunk)
            assert chunk.data.shape == (len(chunk), 16)
        assert n >= 20
        assert abs(clock.now() - chunk.times[-1]) < 1
    finally:
        stream.disconnect()
        stream.disconnect()
