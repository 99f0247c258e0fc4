"""Lab Streaming Layer: samples come in, samples and commands go out.

All of it stays on this machine unless ``LSLAPICFG`` names a configuration of your own: streams are
looked for on the loopback interface only, and nothing is announced beyond it. LSL's sockets still
listen on every address of the machine: where others share your network, use a firewall.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import Any

import numpy as np

from neurodecode.online.clock import Clock, RealClock
from neurodecode.online.records import About, Event, Output
from neurodecode.online.stream import Array, Chunk, Marker, Stream, StreamLost, known

__all__ = ["LslOutlet", "LslPlayer", "LslStream", "confine"]

CONFINED = """
[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
ListenAddress = 127.0.0.1
AddressesOverride = {127.0.0.1}
Interfaces = {127.0.0.1}
TTLOverride = 0
[lab]
KnownPeers = {127.0.0.1}
SessionID = default
[log]
level = -2
"""
MOST = 4096
"""Samples that are taken from the inlet at once."""

PATIENCE = 5.0
"""Seconds for which a stream is looked for."""

BRIEF = 0.02
"""Seconds that a session may wait for an estimate of the clocks' offset."""

BUFFERED = 10
"""Seconds of samples that the inlet keeps for a reader who is late; then the oldest are lost."""


def confine() -> None:
    """Keep LSL on this machine; to be called before anything else of LSL."""
    if "LSLAPICFG" not in os.environ:
        from mne_lsl.lsl import set_config_content

        set_config_content(CONFINED)


def _offset(clock: Clock) -> float:
    """Seconds from LSL's clock on this machine to the session's."""
    from mne_lsl.lsl import local_clock

    before = clock.now()
    there = local_clock()
    return (before + clock.now()) / 2 - float(there)


class LslStream:
    """A stream of numbers found by its name; see :class:`~neurodecode.online.stream.Stream`.

    A source that is gone is a loss at once. It is then looked for beside the session, which goes
    on meanwhile; :meth:`connect` says whether it is back. Times are corrected by LSL's estimate of
    the offset between the two machines' clocks.

    Parameters
    ----------
    name : str
        The stream's name.
    clock : Clock, optional
        The session's; default: the machine's.
    markers : str, optional
        Name of a stream of text whose samples are markers.
    """

    def __init__(self, name: str, clock: Clock | None = None, markers: str | None = None) -> None:
        self.name = name
        self.clock = clock or RealClock()
        self.markers = markers
        self.ended = False
        self._inlet: _Inlet | None = None
        self._marker_inlet: _Inlet | None = None
        self._channels: tuple[str, ...] | None = None
        self._sfreq: float | None = None
        self._search: Future[tuple[_Inlet, _Inlet | None]] | None = None
        # One thread for all searches: the memory that a thread allocates from stays with the
        # process, a few MB each.
        self._helper = ThreadPoolExecutor(1, thread_name_prefix="lsl")
        self._left: tuple[Marker, ...] = ()
        self._offset = 0.0

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
        """Find the stream, if it is not connected; after a loss, look whether it has been found.

        Raises
        ------
        StreamLost
            Where it is not there; the message names the streams that are.
        """
        if self._inlet is not None:
            return
        first = self._channels is None
        if self._search is None:
            confine()
            self._offset = _offset(self.clock)
            self._search = self._helper.submit(self._find)
        try:
            found = self._search.result(timeout=3 * PATIENCE if first else 0)
        except NotYet:
            raise StreamLost(f"LSL stream {self.name} is being looked for") from None
        except (RuntimeError, TimeoutError, OSError) as error:
            self._search = None
            raise StreamLost(f"LSL stream {self.name}: {error}") from error
        self._search = None
        self._inlet, self._marker_inlet = found
        info = self._inlet.inlet.get_sinfo(PATIENCE)
        names = info.get_channel_names()
        n_channels = info.n_channels
        self._channels = tuple(names or (f"ch{i:03d}" for i in range(n_channels)))
        self._sfreq = float(info.sfreq)

    def acquire(self) -> Chunk:
        """Return all samples that have arrived.

        Raises
        ------
        StreamLost
            Where the source is gone.
        """
        from mne_lsl.lsl._utils import LostError

        if self._inlet is None:
            raise StreamLost(f"LSL stream {self.name} is not connected")
        now = self.clock.now()
        try:
            self._left += self._pull_markers(now)
            data, stamps = self._pull(self._inlet)
            shift = self._inlet.correction(now) + self._offset
        except (LostError, TimeoutError, RuntimeError) as error:
            self.disconnect()
            raise StreamLost(f"LSL stream {self.name}: {error}") from error
        markers, self._left = self._left, ()
        return Chunk(data, stamps + shift, stamps, markers)

    def disconnect(self) -> None:
        """Let go of the stream."""
        self._search = None
        self._inlet = self._marker_inlet = None

    def _find(self) -> tuple[_Inlet, _Inlet | None]:
        """Find and open the streams; runs beside the session.

        Markers first: an inlet begins when it is opened, and a search takes a second where the
        machine is busy, in which markers of samples that are read would be lost.
        """
        markers = _open(self.markers, text=True) if self.markers else None
        return _open(self.name, text=False), markers

    def _pull(self, inlet: _Inlet) -> tuple[Array, Array]:
        parts, stamps = [], []
        while True:
            part, times = inlet.pull()
            parts.append(np.asarray(part, dtype=np.float64))
            stamps.append(np.array(times))
            if len(times) < MOST:
                return np.concatenate(parts), np.concatenate(stamps)

    def _pull_markers(self, now: float) -> tuple[Marker, ...]:
        if self._marker_inlet is None:
            return ()
        labels, stamps = self._marker_inlet.pull()
        shift = self._marker_inlet.correction(now) + self._offset
        return tuple(
            Marker(float(time) + shift, str(label[0]))
            for time, label in zip(stamps, labels, strict=True)
        )


class _Inlet:
    """An open inlet, with LSL's estimate of how far its clock is from this machine's.

    The estimate is asked for once a second, since it changes every few. Where a busy machine is
    late with it the last one stays: to raise there would lose what was pulled just before.
    """

    def __init__(self, inlet: Any) -> None:
        self.inlet = inlet
        self._correction = float(inlet.time_correction(PATIENCE))
        self._asked = -np.inf

    def pull(self) -> tuple[Any, Any]:
        """All that has arrived, at most :data:`MOST` samples, with LSL's stamps."""
        return self.inlet.pull_chunk(timeout=0.0, max_samples=MOST)  # type: ignore[no-any-return]

    def correction(self, now: float) -> float:
        """Seconds to add to a stamp."""
        if now - self._asked >= 1.0:
            self._asked = now
            with suppress(TimeoutError):
                self._correction = float(self.inlet.time_correction(BRIEF))
        return self._correction


def _open(name: str, text: bool) -> _Inlet:
    from mne_lsl.lsl import StreamInlet, resolve_streams

    found = [s for s in resolve_streams(PATIENCE, name=name) if (s.dtype == "string") == text]
    if not found:
        others = sorted({s.name for s in resolve_streams(1.0)}) or ["none"]
        what = "text" if text else "numbers"
        raise RuntimeError(f"no stream of {what} with this name; found: {', '.join(others)}")
    if not text and found[0].sfreq <= 0:
        raise RuntimeError("its sampling rate is irregular; features need an even one")
    inlet = StreamInlet(found[0], max_buffered=BUFFERED, recover=False)
    inlet.open_stream(PATIENCE)
    return _Inlet(inlet)


class LslOutlet:
    """A sink that sends commands: one sample an output, stamped with when it went out.

    Channels are ``velocity0.., position0.., action`` (0 go, 1 hold, 2 decay, 3 pause), ``begin``
    and ``end`` (when the samples behind it were taken; LSL's clock, NaN where there were none),
    ``age`` (s) and ``number``.

    Parameters
    ----------
    name : str
        Name of the stream.
    clock : Clock, optional
        The session's; default: the machine's.
    """

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.clock = clock or RealClock()
        self._outlet: Any = None

    def open(self, about: About) -> None:
        """Announce the stream."""
        from mne_lsl.lsl import StreamInfo, StreamOutlet

        confine()
        names = [f"{what}{i}" for what in ("velocity", "position") for i in range(about.n_dims)]
        names += ["action", "begin", "end", "age", "number"]
        info = StreamInfo(self.name, "Control", len(names), 0, "float64", f"{self.name}-control")
        info.set_channel_names(names)
        self._outlet = StreamOutlet(info, max_buffered=BUFFERED)
        self._offset = _offset(self.clock)

    def samples(self, chunk: Chunk) -> None:
        """Samples are not sent on."""

    def output(self, output: Output) -> None:
        """Send one command."""
        command = output.command
        action = ("go", "hold", "decay", "pause").index(command.action)
        begin, end = output.begin - self._offset, output.end - self._offset
        values = [*command.velocity, *command.position, action, begin, end]
        values += [output.age, output.number]
        self._outlet.push_sample(np.array(values, dtype=np.float64), output.time - self._offset)

    def event(self, event: Event) -> None:
        """Events are not sent."""

    def close(self) -> None:
        """Take the stream away."""
        self._outlet = None


class LslPlayer:
    """Sends what another stream hands out over LSL: a recording, for a program that reads LSL.

    Samples leave when their time has come and bear that time, never one that is still to come.

    Parameters
    ----------
    stream : Stream
        What to send.
    name : str
        Name of the stream in LSL.
    clock : Clock, optional
        That of ``stream``; default: the machine's.
    """

    def __init__(self, stream: Stream, name: str, clock: Clock | None = None) -> None:
        self.stream = stream
        self.name = name
        self.clock = clock or RealClock()
        self._outlet: Any = None
        self._markers: Any = None

    def open(self) -> None:
        """Connect the stream and announce it, with its markers as ``NAME-markers``."""
        from mne_lsl.lsl import StreamInfo, StreamOutlet

        confine()
        self.stream.connect()
        channels = self.stream.channels
        info = StreamInfo(
            self.name, "EEG", len(channels), self.stream.sfreq, "float32", f"{self.name}-player"
        )
        info.set_channel_names(list(channels))
        self._outlet = StreamOutlet(info, max_buffered=BUFFERED)
        markers = f"{self.name}-markers"
        self._markers = StreamOutlet(StreamInfo(markers, "Markers", 1, 0, "string", markers))
        self._offset = _offset(self.clock)

    def send(self) -> int:
        """Send what is due; returns how many samples that were."""
        chunk = self.stream.acquire()
        stamps = chunk.times - self._offset
        data = chunk.data.astype(np.float32)
        if len(chunk) == 1:
            self._outlet.push_sample(data[0], float(stamps[0]))
        elif len(chunk):
            self._outlet.push_chunk(data, stamps)
        for marker in chunk.markers:
            self._markers.push_sample([marker.label], marker.time - self._offset)
        return len(chunk)

    def run(self, period: float) -> None:
        """Send every ``period`` seconds until the stream ends."""
        while not self.stream.ended:
            now = self.clock.now()
            self.send()
            self.clock.wait_until(now + period)

    def close(self) -> None:
        """Take the streams away."""
        self.stream.disconnect()
        self._outlet = self._markers = None
