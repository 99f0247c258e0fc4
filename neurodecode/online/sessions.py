"""Running a decoder folder on a stream: ``neurodecode stream`` and ``neurodecode replay``."""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path

from neurodecode.atomic import require_writable
from neurodecode.errors import ConfigError, DataError
from neurodecode.online.calibration import Ready, load_ready
from neurodecode.online.clock import Clock, RealClock, VirtualClock
from neurodecode.online.dashboard.sink import DashboardSink
from neurodecode.online.log import TsvLog
from neurodecode.online.loop import LiveLoop
from neurodecode.online.records import Report
from neurodecode.online.safety import Safety
from neurodecode.online.settings import OnlineSettings
from neurodecode.online.sources import open_source, source_of
from neurodecode.online.stream import Stream, StreamLost
from neurodecode.online.terminal import dashboard_of, tell
from neurodecode.settings import read_settings

__all__ = ["run_replay", "run_stream"]


def run_replay(options: Namespace) -> int:
    """Decode a recording as fast as the machine can, as if it were live."""
    options.source = f"replay:{options.recording}"
    options.seconds = None
    return _session(options, VirtualClock())


def run_stream(options: Namespace) -> int:
    """Decode a live source at its own pace, or draw a study's responses (``image``)."""
    if options.decoder == [Path("image")]:
        return _pictures(options)
    return _session(options, RealClock())


def _pictures(options: Namespace) -> int:
    if options.study is None or options.subject is None:
        raise ConfigError("stream --decoder image needs --study and --subject")
    if options.source is None:
        from neurodecode.online.pictures import run_pictures

        return run_pictures(options)
    from neurodecode.online.live_pictures import run_live_pictures

    return run_live_pictures(options)


def _session(options: Namespace, clock: Clock) -> int:
    if options.seconds is not None and options.seconds <= 0:
        raise ConfigError(f"--seconds must be above 0, got {options.seconds:g}")
    settings = _settings(options)
    ready = {str(folder): load_ready(folder) for folder in options.decoder}
    first = next(iter(ready.values()))
    _same_features(ready)
    if options.log is not None:
        require_writable(options.log)
    stream = open_source(settings.source, clock)
    _suits(stream, first, settings.source.source)
    loop = LiveLoop(
        stream, first.chain, first.decoder, Safety(settings.safety), clock, settings=settings.loop,
        faults=settings.faults, reconnect=settings.source.reconnect,
    )  # fmt: skip
    if options.log is not None:
        loop.sinks.append(TsvLog(options.log))
    with dashboard_of(options) as dashboard:
        if dashboard is not None:
            decoders = {name: each.decoder for name, each in ready.items()}
            title = f"Decoding {settings.source.source}"
            loop.sinks.append(DashboardSink(dashboard, title, loop, decoders))
        report = loop.run(options.seconds or math.inf)
    _print_report(report)
    return 0


def _settings(options: Namespace) -> OnlineSettings:
    """The YAML file's, or the defaults; a source on the command line wins."""
    if options.settings is not None:
        settings = read_settings(OnlineSettings, options.settings)
        if options.source is None:
            return settings
    elif options.source is None:
        raise ConfigError("stream: needs --source, or --settings with a source")
    else:
        settings = None
    source = source_of(options.source)
    if settings is not None:
        return settings.model_copy(update={"source": source})
    features = {"bins": {"kind": "spike_counts"}}
    return OnlineSettings.model_validate({"source": source, "features": features})


def _same_features(ready: dict[str, Ready]) -> None:
    first = next(iter(ready.values()))
    for name, other in ready.items():
        if (other.features, other.channels) != (first.features, first.channels):
            raise ConfigError(
                f"--decoder: {name} was calibrated on other features or channels than "
                f"{next(iter(ready))}; decoders that are to be exchanged need the same"
            )


def _suits(stream: Stream, ready: Ready, name: str) -> None:
    """Connect, and refuse a source that is not what the decoder was fitted on."""
    try:
        stream.connect()
    except StreamLost as error:
        raise DataError(f"{name}: {error}. Start the source first, or check its name.") from error
    found, wanted = (len(stream.channels), stream.sfreq), (len(ready.channels), ready.sfreq)
    if found[0] != wanted[0] or not math.isclose(found[1], wanted[1], rel_tol=1e-3):
        stream.disconnect()
        raise DataError(
            f"{name}: {found[0]} channels at {found[1]:g} Hz; the decoder was calibrated on "
            f"{wanted[0]} channels at {wanted[1]:g} Hz"
        )


def _print_report(report: Report) -> None:
    c = report.counters
    tell("decoded", f"{c.bins} bins in {report.seconds:.1f} s of the stream")
    lost = f"{c.dropped} dropped as too old, {c.missing} never came"
    tell("samples", f"{c.samples}: {c.used} used, {c.forgotten + c.pending} left over, {lost}")
    tell("faults", f"{c.gaps} gaps, {c.jumps} clock jumps, {c.losses} losses, {c.nan} with NaN")
    for name, held in (("age of the newest sample", report.age), ("to output", report.duration)):
        p50, p99 = (1e3 * held.quantile(q) for q in (0.5, 0.99))
        tell(name, f"{p50:.2f} ms median, {p99:.2f} ms 99 %")
