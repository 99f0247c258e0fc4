"""Amplifiers behind BrainFlow, and its synthetic board that needs no hardware."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodecode.errors import ConfigError
from neurodecode.online.clock import Clock
from neurodecode.online.stream import Array, Chunk, StreamLost, known

__all__ = ["BoardStream"]

WRAP = 256
"""Boards number their packages in one byte."""

PULL, LARGEST_PULL = 0.02, 0.25
"""Share of the lateness that a chunk makes up for, and at most so many periods a sample."""


class BoardStream:
    """A board's EEG channels in V; see :class:`~neurodecode.online.stream.Stream`.

    BrainFlow stamps packages as they reach the machine, in bursts. Times are therefore counted by
    the package numbers, where missing packages leave a gap, and slowly drawn towards the moment
    that the newest package came: boards run a little faster or slower than they say.

    Parameters
    ----------
    board : str
        ``synthetic``; other boards need their port or address (``parameters``).
    clock : Clock
        The session's.
    parameters : dict of str to str or int, optional
        Fields of BrainFlow's ``BrainFlowInputParams``.
    """

    def __init__(
        self, board: str, clock: Clock, parameters: dict[str, str | int] | None = None
    ) -> None:
        self.board = board
        self.clock = clock
        self.parameters = parameters or {}
        self.ended = False
        self._shim: Any = None
        self._id: int | None = None
        self._channels: tuple[str, ...] | None = None
        self._sfreq: float | None = None
        self._last: tuple[float, int] | None = None

    @property
    def sfreq(self) -> float:
        """Nominal samples a second."""
        sfreq: float = known(self._sfreq, "samples a second")
        return sfreq

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        channels: tuple[str, ...] = known(self._channels, "channels")
        return channels

    def connect(self) -> None:
        """Start the board.

        Raises
        ------
        ConfigError
            Where BrainFlow knows no board of that name.
        StreamLost
            Where the board does not answer.
        """
        from brainflow.board_shim import BrainFlowError, BrainFlowInputParams

        BoardIds, BoardShim = _brainflow()
        name = f"{self.board.upper()}_BOARD"
        if name not in BoardIds.__members__:
            known_boards = sorted(
                key.removesuffix("_BOARD").lower() for key in BoardIds.__members__
            )
            raise ConfigError(f"board must be one of {', '.join(known_boards)}, got {self.board!r}")
        self.disconnect()
        parameters = BrainFlowInputParams()
        for key, value in self.parameters.items():
            setattr(parameters, key, value)
        self._id = BoardIds[name].value
        try:
            self._shim = BoardShim(self._id, parameters)
            self._shim.prepare_session()
            self._shim.start_stream()
        except BrainFlowError as error:
            self.disconnect()
            raise StreamLost(f"board {self.board}: {error}") from error
        rows = BoardShim.get_eeg_channels(self._id)
        names = BoardShim.get_eeg_names(self._id)
        self._rows = list(rows)
        self._channels = tuple(names if len(names) == len(rows) else (f"ch{i:03d}" for i in rows))
        self._sfreq = float(BoardShim.get_sampling_rate(self._id))
        self._package = BoardShim.get_package_num_channel(self._id)
        self._stamp = BoardShim.get_timestamp_channel(self._id)
        self._last = None

    def acquire(self) -> Chunk:
        """Return the samples that have arrived.

        Raises
        ------
        StreamLost
            Where the board is gone.
        """
        from brainflow.board_shim import BrainFlowError

        if self._shim is None:
            raise StreamLost(f"board {self.board} is not connected")
        try:
            block = self._shim.get_board_data()
        except BrainFlowError as error:
            self.disconnect()
            raise StreamLost(f"board {self.board}: {error}") from error
        stamps = block[self._stamp].copy()
        times = self._counted(block[self._package], self.clock.now())
        return Chunk(1e-6 * block[self._rows].T, times, stamps)

    def disconnect(self) -> None:
        """Stop the board."""
        from brainflow.board_shim import BrainFlowError

        shim, self._shim = self._shim, None
        if shim is None:
            return
        try:
            shim.release_session()
        except BrainFlowError:
            return  # it never started

    def _counted(self, packages: Array, now: float) -> Array:
        """Times by package numbers, drawn towards the moment that the newest one came."""
        if not len(packages):
            return np.empty(0)
        period, n_samples = 1 / self.sfreq, len(packages)
        if self._last is None:
            times: Array = now - period * np.arange(n_samples - 1, -1, -1, dtype=np.float64)
            self._last = (now, int(packages[-1]))
            return times
        time, number = self._last
        steps = np.mod(np.diff(packages, prepend=number), WRAP)
        steps[steps == 0] = WRAP
        counts = np.cumsum(steps)
        late = now - (time + period * counts[-1])
        rounds = max(round(late / (WRAP * period)), 0)  # lost without a trace in the numbers
        counts += rounds * WRAP
        late -= rounds * WRAP * period
        most = LARGEST_PULL * period * n_samples
        pull = min(max(PULL * late, -most), most)
        times = time + period * counts + pull * np.arange(1, n_samples + 1) / n_samples
        self._last = (float(times[-1]), int(packages[-1]))
        return times


def _brainflow() -> tuple[Any, Any]:
    """BrainFlow's classes, silent, with its library found.

    BrainFlow 5.23 looks for the library beside the module instead of in the package, which Python
    before 3.12 refuses, and then asks ``pkg_resources``, which setuptools no longer has.
    """
    from importlib.resources import files

    from brainflow import board_shim

    board_shim.files = lambda _: files("brainflow")
    board_shim.BoardShim.disable_board_logger()
    return board_shim.BoardIds, board_shim.BoardShim
