"""The stream that a source of the command line or of a YAML names."""

from __future__ import annotations

from neurodecode.errors import ConfigError
from neurodecode.online.calibration import recording_of
from neurodecode.online.clock import Clock
from neurodecode.online.replay import Replay
from neurodecode.online.settings import SourceSettings
from neurodecode.online.stream import Stream

__all__ = ["open_source", "source_of"]


def source_of(text: str) -> SourceSettings:
    """The section that ``lsl:NAME``, ``replay:FILE`` or ``board:NAME`` stands for.

    Raises
    ------
    ConfigError
        Where it is none of them.
    """
    try:
        return SourceSettings(source=text)
    except ValueError as error:
        raise ConfigError(
            f"source must be one of lsl:NAME, replay:FILE, board:synthetic, got {text!r}"
        ) from error


def open_source(settings: SourceSettings, clock: Clock, markers: str | None = None) -> Stream:
    """The stream that a source names, not yet connected.

    Parameters
    ----------
    settings : SourceSettings
    clock : Clock
    markers : str, optional
        Of LSL: the stream of text that holds the markers.

    Raises
    ------
    ConfigError
        Where it is not one for ``stream``.
    """
    if settings.kind == "replay":
        return Replay(recording_of(settings.target), clock)
    if settings.kind == "lsl":
        from neurodecode.online.lsl import LslStream

        return LslStream(settings.target, clock, markers)
    if settings.kind == "board":
        from neurodecode.online.board import BoardStream

        return BoardStream(settings.target, clock)
    raise ConfigError("source simulate: run `neurodecode simulate`, which closes the loop")
