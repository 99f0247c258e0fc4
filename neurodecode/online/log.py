"""Logs of a session: a table that anyone can read, and an XDF file with the samples.

A log is whole or is not there under its name, also where the session ended by an error; of a
process that was killed the part lies in a hidden folder beside it.
"""

from __future__ import annotations

import struct
from contextlib import ExitStack
from io import BufferedWriter
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape

import numpy as np

from neurodecode.atomic import writing
from neurodecode.online.records import About, Event, Output
from neurodecode.online.stream import Array, Chunk

__all__ = ["TsvLog", "XdfLog"]

EVENTS = ("time", "event", "count", "detail")


class TsvLog:
    """Two tables: one row an output, and ``NAME_events.tsv`` with what happened.

    Times are seconds of the session's clock, ``source_*`` as the source stamped them.

    Parameters
    ----------
    path : Path
        The first table, ``*.tsv``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events_path = path.with_name(f"{path.stem}_events{path.suffix}")
        self._stack = ExitStack()
        self._outputs: TextIO | None = None
        self._events: TextIO | None = None
        self._n_states = 0

    def open(self, about: About) -> None:
        """Start both tables.

        Raises
        ------
        OutputError
            Where the file system refuses.
        """
        self._about = about
        self._outputs = self._start(self.path)
        self._events = self._start(self.events_path)
        dims = range(about.n_dims)
        names = [
            "number", "time", "action", "begin", "end", "source_begin", "source_end", "age",
            "duration", "n_missing", "bad", "decoder", "faults", "limited",
            *(f"velocity_{i}" for i in dims), *(f"position_{i}" for i in dims), "decoded",
        ]  # fmt: skip
        self._outputs.write("\t".join(names) + "\n")
        self._events.write("\t".join(EVENTS) + "\n")

    def samples(self, chunk: Chunk) -> None:
        """Samples are not in the tables, markers are events."""
        if self._events is not None:
            for marker in chunk.markers:
                self._row(self._events, [_number(marker.time), "marker", "0", marker.label])

    def output(self, output: Output) -> None:
        """Write a row."""
        if self._outputs is None:
            return
        command = output.command
        times = (output.begin, output.end, output.source_begin, output.source_end)
        row = [
            str(output.number), _number(output.time), command.action, *map(_number, times),
            _number(output.age), _number(output.duration), str(output.n_missing),
            f"{output.bad:.4g}", str(output.decoder), " ".join(output.faults) or "n/a",
            " ".join(command.limited) or "n/a",
            *(f"{v:.9g}" for v in (*command.velocity, *command.position)),
            "n/a" if output.mean is None else " ".join(f"{v:.9g}" for v in output.mean),
        ]  # fmt: skip
        self._row(self._outputs, row)

    def event(self, event: Event) -> None:
        """Write a row of the events."""
        if self._events is not None:
            row = [_number(event.time), event.kind, str(event.count), event.detail or "n/a"]
            self._row(self._events, row)

    def close(self) -> None:
        """Give the tables their names.

        Raises
        ------
        OutputError
            Where the file system refuses.
        """
        self._outputs = self._events = None
        self._stack.close()

    def _start(self, path: Path) -> TextIO:
        temporary = self._stack.enter_context(writing(path))
        return self._stack.enter_context(temporary.open("w", encoding="utf-8"))

    def _row(self, file: TextIO, cells: list[str]) -> None:
        file.write("\t".join(" ".join(cell.split()) for cell in cells) + "\n")


def _number(value: float) -> str:
    return "n/a" if np.isnan(value) else f"{value:.6f}"


class XdfLog:
    """Samples, commands and events as three streams of an XDF file (version 1.0).

    The samples bear the source's own time stamps; the offsets to the session's clock stand beside
    them, as XDF has it, so that a reader can use either.

    Parameters
    ----------
    path : Path
        ``*.xdf``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._file: BufferedWriter | None = None
        self._offset: float | None = None

    def open(self, about: About) -> None:
        """Write the headers.

        Raises
        ------
        OutputError
            Where the file system refuses.
        """
        temporary = self._stack.enter_context(writing(self.path))
        self._file = self._stack.enter_context(temporary.open("wb"))
        self._file.write(b"XDF:")
        self._chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")
        names = [f"{what}{i}" for what in ("velocity", "position") for i in range(about.n_dims)]
        names += ["age", "source_end"]
        self._header(1, "samples", "Signal", about.channels, about.sfreq, "double64")
        self._header(2, "commands", "Control", tuple(names), 0, "double64")
        self._header(3, "events", "Markers", ("event",), 0, "string")
        self._spans: dict[int, list[float]] = {}
        self._counts = dict.fromkeys((1, 2, 3), 0)

    def samples(self, chunk: Chunk) -> None:
        """Write the samples as the source stamped them, and the markers."""
        for marker in chunk.markers:
            self._text(marker.time, marker.label)
        if not len(chunk):
            return
        offset = float(chunk.times[-1] - chunk.source_times[-1])
        if self._offset is None or abs(offset - self._offset) > 1e-6:
            self._offset = offset
            stamp = struct.pack("<dd", float(chunk.source_times[0]), offset)
            self._chunk(4, struct.pack("<I", 1) + stamp)
        self._numbers(1, chunk.source_times, chunk.data)

    def output(self, output: Output) -> None:
        """Write a command."""
        command = output.command
        values = [*command.velocity, *command.position, output.age, output.source_end]
        self._numbers(2, np.array([output.time]), np.array([values]))

    def event(self, event: Event) -> None:
        """Write what happened."""
        self._text(event.time, f"{event.kind} {event.count} {event.detail}".strip())

    def close(self) -> None:
        """Write the footers and give the file its name.

        Raises
        ------
        OutputError
            Where the file system refuses.
        """
        if self._file is not None:
            for number, count in self._counts.items():
                first, last = self._spans.get(number, [0.0, 0.0])
                footer = (
                    f"<?xml version='1.0'?><info><first_timestamp>{first!r}</first_timestamp>"
                    f"<last_timestamp>{last!r}</last_timestamp>"
                    f"<sample_count>{count}</sample_count></info>"
                )
                self._chunk(6, struct.pack("<I", number) + footer.encode())
        self._file = None
        self._stack.close()

    def _header(
        self, number: int, name: str, kind: str, labels: tuple[str, ...], sfreq: float, form: str
    ) -> None:
        channels = "".join(f"<channel><label>{escape(label)}</label></channel>" for label in labels)
        header = (
            f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type>"
            f"<channel_count>{len(labels)}</channel_count><nominal_srate>{sfreq!r}</nominal_srate>"
            f"<channel_format>{form}</channel_format><created_at>0</created_at>"
            f"<desc><channels>{channels}</channels></desc></info>"
        )
        self._chunk(2, struct.pack("<I", number) + header.encode())

    def _numbers(self, number: int, stamps: Array, values: Array) -> None:
        layout = np.dtype([("has", "u1"), ("stamp", "<f8"), ("values", "<f8", values.shape[1:])])
        packed = np.empty(len(values), layout)
        packed["has"], packed["stamp"], packed["values"] = 8, stamps, values
        self._samples(number, len(values), packed.tobytes(), stamps)

    def _text(self, stamp: float, text: str) -> None:
        raw = text.encode()
        content = struct.pack("<Bd", 8, stamp) + struct.pack("<BI", 4, len(raw)) + raw
        self._samples(3, 1, content, np.array([stamp]))

    def _samples(self, number: int, count: int, content: bytes, stamps: Array) -> None:
        self._chunk(3, struct.pack("<IBI", number, 4, count) + content)
        span = self._spans.setdefault(number, [float(stamps[0]), 0.0])
        span[1] = float(stamps[-1])
        self._counts[number] += count

    def _chunk(self, tag: int, content: bytes) -> None:
        if self._file is not None:
            self._file.write(struct.pack("<BIH", 4, len(content) + 2, tag) + content)
