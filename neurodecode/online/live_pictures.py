"""Pictures from a live EEG: ``neurodecode stream --decoder image --source ...``.

Epochs are cut on the markers of stimuli, preprocessed as the study's responses were (causally),
decoded and drawn. A marker of a picture that was trained on is counted and not drawn.
"""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neurodecode.artifacts import read_table
from neurodecode.config import load_run, load_study
from neurodecode.errors import DataError
from neurodecode.models.diffusion import Generator, load_generator
from neurodecode.online.clock import Clock, RealClock
from neurodecode.online.dashboard.process import Dashboard
from neurodecode.online.epochs import EpochCounts, LiveEpochs
from neurodecode.online.picture_decoder import Decoded, PictureDecoder
from neurodecode.online.pictures import Drawn, about_pictures, draw_one, message
from neurodecode.online.sources import open_source, source_of
from neurodecode.online.stream import Marker, Stream, StreamLost
from neurodecode.online.terminal import dashboard_of, tell
from neurodecode.paths import Paths
from neurodecode.registry import make

__all__ = ["PictureSession", "known_score", "run_live_pictures"]

POLL = 0.01
"""Seconds between two looks at the stream."""


class PictureSession:
    """Reads a stream and decodes and draws its epochs as they become whole.

    Every epoch is decoded. Where drawing is slower than the markers come, the newest is drawn and
    the others are counted.

    Parameters
    ----------
    stream : Stream
        With markers; gets connected here.
    decoder : PictureDecoder
    clock : Clock
        The stream's.
    volts : float
        What the stream's unit is in volts.

    Attributes
    ----------
    counts : EpochCounts
    trained, unknown, skipped, losses : int
        Markers of pictures that were trained on, or that name none; epochs that were decoded and
        not drawn; how often the stream was gone.
    """

    def __init__(
        self, stream: Stream, decoder: PictureDecoder, clock: Clock, volts: float = 1.0
    ) -> None:
        self.stream, self.decoder, self.clock = stream, decoder, clock
        self.trained = self.unknown = self.skipped = self.losses = 0
        self._gone = False
        stream.connect()
        self._epochs = LiveEpochs(
            decoder.estimator, decoder.units, stream.channels, stream.sfreq, volts
        )
        self._numbers: Counter[str] = Counter()

    @property
    def counts(self) -> EpochCounts:
        """What became of the markers of pictures that were held out."""
        return self._epochs.counts

    def decoded(self) -> Iterator[list[Decoded]]:
        """Yield what became whole since the last turn, until the stream ends."""
        while not self.stream.ended:
            now = self.clock.now()
            yield self._turn(now)
            self.clock.wait_until(now + POLL)

    def draw(self, found: list[Decoded], generator: Generator) -> Drawn:
        """Draw the newest of some."""
        self.skipped += len(found) - 1
        newest = found[-1]
        self._numbers[newest.stimulus] += 1
        return self.decoder.draw(newest, generator, self._numbers[newest.stimulus])

    def _turn(self, now: float) -> list[Decoded]:
        try:
            if self._gone:
                self.stream.connect()
                self._epochs.reconnected()
                self._gone = False
            chunk = self.stream.acquire()
        except StreamLost:
            self.losses += not self._gone
            self._gone = True
            return []
        wanted = tuple(marker for marker in chunk.markers if self._wants(marker))
        return [self.decoder.decode(e) for e in self._epochs.step(chunk, wanted, now)]

    def _wants(self, marker: Marker) -> bool:
        stimulus = self.decoder.stimulus(marker)
        self.unknown += stimulus is None
        self.trained += stimulus is not None and stimulus not in self.decoder.fold_of
        return stimulus in self.decoder.fold_of


def run_live_pictures(options: Namespace) -> int:
    """Draw from a live source, on the dashboard where it is wanted; print what became of it."""
    run = load_run(options.config)
    study = load_study(options.study, options.config)
    paths = Paths(options.results or Path(run.results), study.name)
    decoder = PictureDecoder(study, paths, options.subject, run.seed, options.steps)
    clock = RealClock()
    stream = open_source(source_of(options.source), clock, options.markers)
    generator = load_generator()
    # The first picture pays for what is loaded late; it is nobody's.
    draw_one(generator, np.zeros((1, decoder.size), np.float32), 0, options.steps)
    try:
        session = PictureSession(stream, decoder, clock, 1e-6 if options.microvolts else 1.0)
    except StreamLost as error:
        raise DataError(f"{options.source}: {error}. Start it first, or check its name.") from error
    told = _Told(known_score(paths, decoder.system, options.subject))
    try:
        with dashboard_of(options) as dashboard:
            if dashboard is not None:
                kind, _, name = options.source.partition(":")
                title = f"Pictures from {kind}:{Path(name).name}, decoded by {study.name}"
                simulated = bool(make("study", study.data).simulated)
                dashboard.show(about_pictures(title, simulated=simulated))
            _draw_all(session, generator, clock, options.seconds, dashboard, told)
    finally:
        stream.disconnect()
    told.print(session, clock.now())
    return 0


def known_score(paths: Paths, system: str, subject: str) -> str:
    """What the study's own scores say of such pictures: one alone proves nothing."""
    path = paths.scores(subject).with_suffix(".tsv")
    if not path.is_file():
        return "Not scored yet: run neurodecode reconstruct for this subject."
    table = read_table(path, text=("system", "source", "metric"))
    own = (table["system"] == system) & (table["source"] == "decoded")
    found = table[own & (table["metric"] == "retrieval_two_way")]
    if found.empty:
        return "Not scored: the study's scores hold no two-way identification."
    row = found.iloc[0]
    interval = f"{row['ci_low']:.2f} to {row['ci_high']:.2f}"
    return (
        "By the study's scores, what is decoded tells held-out pictures apart in "
        f"{row['value']:.2f} of pairs ({interval}, chance {row['chance']:g})."
    )


@dataclass
class _Told:
    """What is told: how good such pictures are; seconds of drawing, and from marker to picture."""

    score: str
    took: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    began: float = 0.0

    def print(self, session: PictureSession, now: float) -> None:
        """Print it."""
        c = session.counts
        tell("how good", self.score)
        tell("markers", f"{c.markers} of held-out pictures, {session.trained} of trained ones, "
             f"{session.unknown} of none")  # fmt: skip
        tell("epochs", f"{c.cut} decoded, {c.broken} broken, {c.rejected} rejected, "
             f"{c.waiting} not whole at the end")  # fmt: skip
        tell("pictures", f"{len(self.took)} drawn, {session.skipped} skipped as too late, in "
             f"{now - self.began:.1f} s")  # fmt: skip
        if self.took:
            tell("drawing", f"{1 / np.mean(self.took):.1f} pictures a second at most")
            tell("from marker to picture", f"{np.median(self.late):.2f} s median, "
                 f"{max(self.late):.2f} s at most; the epoch lasts "
                 f"{session.decoder.estimator.stop:g} s of it")  # fmt: skip


def _draw_all(
    session: PictureSession, generator: Generator, clock: Clock, seconds: float | None,
    dashboard: Dashboard | None, told: _Told,
) -> None:  # fmt: skip
    told.began = clock.now()
    with suppress(KeyboardInterrupt):  # what was drawn until then is told
        for found in session.decoded():
            if found:
                drawn = session.draw(found, generator)
                told.took.append(drawn.seconds)
                told.late.append(clock.now() - found[-1].marker.time)
                if dashboard is not None:
                    text = (
                        f"Picture {len(told.took)}, {drawn.stimulus}, fold {drawn.fold}, never "
                        f"trained on: drawn {told.late[-1]:.2f} s after its marker."
                    )
                    shown = message(drawn, told.took)
                    dashboard.show({"picture": {**shown, "text": f"{text} {told.score}"}})
            if dashboard is not None and any(o.do == "stop" for o in dashboard.orders()):
                return
            if seconds is not None and clock.now() - told.began >= seconds:
                return
