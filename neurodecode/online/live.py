"""A closed loop at true pace: calibration, control, orders, and what the dashboard shows of it.

Fitting happens beside the loop; until the new decoder is there the old one goes on, and the two
change places between two bins.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurodecode.online.clock import Clock
from neurodecode.online.closed_loop import (
    Block,
    ClosedLoop,
    Estimate,
    Frame,
    VelocityDecoder,
    stack,
)
from neurodecode.online.dashboard.messages import Order
from neurodecode.online.dashboard.sink import Screen
from neurodecode.online.metrics import Scores, score
from neurodecode.online.tasks import Trial
from neurodecode.online.user import HandUser

__all__ = ["Inline", "LiveSession"]

Phase = Literal["calibrating", "fitting", "control", "paused", "ended"]
Fit = Callable[[Block], VelocityDecoder]
Array = NDArray[np.float64]

SILENT_SECONDS = 10.0
"""A unit without a spike for so long is shown as bad."""


class Inline(Executor):
    """Works at once and in the caller's thread, so that a session is the same every time."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it now."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class _Timed:
    """A decoder whose last step was timed."""

    def __init__(self, decoder: VelocityDecoder) -> None:
        self._decoder = decoder
        self.microseconds = float("nan")

    def step(self, y: Array, t: float) -> Estimate:
        """Decode, with the time that it took."""
        start = time.perf_counter()
        decoded = self._decoder.step(y, t)
        self.microseconds = 1e6 * (time.perf_counter() - start)
        return decoded

    def reset(self) -> None:
        """Forget the past."""
        self._decoder.reset()


class LiveSession:
    """Runs a closed loop and does what it is told; see the module.

    Parameters
    ----------
    loop : ClosedLoop
        The world.
    fits : mapping of str to callable
        How each decoder is fitted on a calibration block.
    chosen : str
        The decoder to begin with.
    calibration : float
        Seconds of a calibration block.
    clock : Clock
        Sets the pace.
    screen : Screen, optional
        Where it is shown.
    beside : Executor, optional
        Fits decoders; default: the loop waits for them.
    """

    def __init__(
        self,
        loop: ClosedLoop,
        fits: Mapping[str, Fit],
        chosen: str,
        calibration: float,
        clock: Clock,
        screen: Screen | None = None,
        beside: Executor | None = None,
    ) -> None:
        self.loop = loop
        self.fits = fits
        self.chosen = chosen
        self.clock = clock
        self.screen = screen
        self.phase: Phase = "calibrating"
        self.trials: list[Trial] = []
        self.latencies: deque[float] = deque(maxlen=2000)
        self.unseen = 0
        self._beside = beside or Inline()
        self._calibration_bins = round(calibration / loop.bin_width)
        self._calibrating: list[Frame] = []
        self._block: Block | None = None
        self._decoder: VelocityDecoder | None = None
        self._fitting: tuple[str, Future[VelocityDecoder]] | None = None
        self._simulated = loop.user
        self.stopped = False
        self.number = 0
        self._quiet = np.zeros(loop.neurons.settings.n_units, dtype=np.int64)

    @property
    def scores(self) -> Scores:
        """Figures of all trials under control so far."""
        return score(self.trials, len(self.loop.task.keys), self.loop.task.timeout)

    def run(self, seconds: float) -> Scores:
        """Calibrate, then control for so many seconds (infinite: until told to stop)."""
        self.start()
        begin, n_ticks, controlled = self.clock.now(), 0, 0
        while controlled * self.loop.bin_width < seconds - 1e-9 and not self.stopped:
            n_ticks += 1
            self.clock.wait_until(begin + n_ticks * self.loop.bin_width)
            self.tick()
            controlled += self.phase == "control"
        self.phase = "ended"
        self._say("The session has ended.")
        return self.scores

    def start(self) -> None:
        """Tell the screen what there is."""
        about = {
            "title": "Closed loop with simulated neurons",
            "simulated": True,
            "decoders": list(self.fits),
            "decoder": self.chosen,
            "task": self.loop.task.title,
            "keys": [(key.x, key.y, key.radius) for key in self.loop.task.keys],
            "n_channels": self.loop.neurons.settings.n_units,
            "orders": ["pause", "recalibrate", "swap", "hand", "stop"],
        }
        self._send({"about": about})
        self._say("Calibration: the computer moves the cursor, the user intends to.")

    def tick(self) -> None:
        """One bin: obey, exchange the decoder where a new one is ready, move, show."""
        for order in self.screen.orders() if self.screen else []:
            self._obey(order)
        self._swap_when_fitted()
        if self.phase == "paused":
            self._show(self._last, None)
        elif self.phase == "control" and self._decoder is not None:
            self._control(self._decoder)
        else:
            self._observe()

    def _control(self, decoder: VelocityDecoder) -> None:
        session, timed = self.loop.session, _Timed(decoder)
        before = len(session.trials)
        frame = self.loop.control(timed)
        self.trials += session.trials[before:]
        self.latencies.append(timed.microseconds)
        self._show(frame, timed.microseconds)

    def _observe(self) -> None:
        frame = self.loop.observe()
        if self.phase == "calibrating":
            self._calibrating.append(frame)
            if len(self._calibrating) >= self._calibration_bins:
                self._block = stack(self._calibrating)
                self.phase = "fitting"
                self._fit(self.chosen)
        self._show(frame, None)

    def _fit(self, name: str) -> None:
        if self._block is not None:
            self._fitting = (name, self._beside.submit(self.fits[name], self._block))

    def _swap_when_fitted(self) -> None:
        if self._fitting is None or not self._fitting[1].done():
            return
        self.chosen, future = self._fitting
        self._fitting = None
        self._decoder = future.result()
        self._decoder.reset()
        if self.phase == "fitting":
            self.phase = "control"
            self.loop.begin()
        self._say(f"Decoder {self.chosen} is in control.")

    def _obey(self, order: Order) -> None:
        if order.do == "pause" and self.phase == "control":
            self.phase = "paused"
            self._say("Paused: the cursor stands still.")
        elif order.do == "resume" and self.phase == "paused":
            self.phase = "control"
            self._say("Goes on.")
        elif order.do == "recalibrate":
            self._calibrating, self.phase, self._fitting = [], "calibrating", None
            self.loop.begin()
            self._say("Calibration: the computer moves the cursor, the user intends to.")
        elif order.do == "swap" and order.name in self.fits and self._block is not None:
            self._say(f"Fitting {order.name} on the last calibration.")
            self._fit(order.name)
        elif order.do == "point":
            if not isinstance(self.loop.user, HandUser):
                self.loop.user = HandUser()
                self._say("You are the user: the neurons fire for where you point.")
            self.loop.user.goal = np.array(order.at)
        elif order.do == "let_go":
            self.loop.user = self._simulated
            self._say("The simulated user is back.")
        elif order.do == "stop":
            self.stopped = True

    # What the page gets

    def _send(self, message: Mapping[str, Any]) -> None:
        if self.screen is not None and not self.screen.show(message):
            self.unseen += 1

    def _say(self, text: str) -> None:
        self._send({"event": text})

    def _show(self, frame: Frame, latency: float | None) -> None:
        self._last = frame
        self.number += 1
        self._quiet = np.where(frame.counts > 0, 0, self._quiet + 1)
        silent = np.flatnonzero(self._quiet * self.loop.bin_width > SILENT_SECONDS)
        self._send({"bin": {
            "number": self.number,
            "time": frame.time,
            "phase": self.phase,
            "decoder": self.chosen,
            "hand": isinstance(self.loop.user, HandUser),
            "cursor": self.loop.cursor,
            "mean": frame.mean,
            "cov": frame.cov,
            "target": (frame.target.x, frame.target.y, frame.target.radius),
            "holding": frame.holding,
            "signal": frame.counts.astype(int),
            "bad": [str(unit) for unit in silent],
            "bad_index": silent,
            "latency": latency,
            "figures": self._figures(),
        }})  # fmt: skip

    def _figures(self) -> dict[str, str]:
        s = self.scores
        late = np.percentile(self.latencies, [50, 99]) if self.latencies else (np.nan, np.nan)
        return {
            "trials": str(s.n_trials),
            "hits, wrong, timed out": f"{s.n_hits}, {s.n_wrong}, {s.n_timeouts}",
            "bit rate (bit/s)": _text(s.bit_rate),
            "Fitts throughput (bit/s)": _text(s.throughput),
            "path efficiency": _text(s.path_efficiency),
            "time to target (s)": _text(s.time_to_target),
            "bin decoded in (µs), median": _text(late[0], "{:.0f}"),
            "bin decoded in (µs), 99 %": _text(late[1], "{:.0f}"),
            "bins not shown here": str(self.unseen),
        }


def _text(value: float, form: str = "{:.2f}") -> str:
    return form.format(value) if np.isfinite(value) else "n/a"
