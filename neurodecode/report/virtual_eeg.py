"""A page on a recording of the virtual EEG: mean wave, topography, single trials, spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.atomic import writing
from neurodecode.simulate.eeg import EegSession
from neurodecode.simulate.eeg_oracle import Analysis, epochs

__all__ = ["draw_eeg"]

SHOWN = Analysis(low=0.2, high=30.0, start=-0.1, stop=0.6, step=1)
MOMENTS = (0.1, 0.165, 0.3)
CHANNEL = "Oz"


def draw_eeg(session: EegSession, path: Path) -> None:
    """Draw a recording to a PNG.

    Parameters
    ----------
    session : EegSession
    path : Path
    """
    from matplotlib.figure import Figure
    from scipy.signal import welch

    times = SHOWN.offsets(session.sfreq) / session.sfreq
    x = epochs(session, SHOWN)
    x = x - x[:, :, times < 0].mean(axis=2, keepdims=True)
    mean = x.mean(axis=0)
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=(1, 1))
    wave, maps = (
        figure.add_subplot(grid[0, :3]),
        [figure.add_subplot(grid[0, k]) for k in (3, 4, 5)],
    )
    _draw_waves(wave, session, times, mean)
    _draw_maps(maps, session, times, mean)
    trials, power = figure.add_subplot(grid[1, :3]), figure.add_subplot(grid[1, 3:])
    row = session.scalp.names.index(CHANNEL)
    high = float(np.percentile(np.abs(x[:, row]), 95))
    drawn = trials.imshow(x[:, row], aspect="auto", cmap="RdBu_r", vmin=-high, vmax=high,
                          extent=(1e3 * times[0], 1e3 * times[-1], len(x), 0))  # fmt: skip
    trials.axvline(0, color="black", lw=0.8)
    trials.set(title=f"Single trials at {CHANNEL}", xlabel="ms from onset", ylabel="trial")
    figure.colorbar(drawn, ax=trials, label="µV", shrink=0.8)
    f, density = welch(session.data, session.sfreq, nperseg=1024, axis=0)
    kept = (f >= 1) & (f <= 100)
    for name in ("Fp1", "T7", CHANNEL):
        k = session.scalp.names.index(name)
        power.loglog(f[kept], density[kept, k], lw=1, label=name)
    power.set(title="Spectrum", xlabel="Hz", ylabel="µV²/Hz")
    power.legend(frameon=False)
    figure.suptitle(
        f"Simulated EEG, {session.participant_id}, session {session.session}, {len(x)} trials"
    )
    with writing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _draw_waves(
    axes: Any, session: EegSession, times: NDArray[np.float64], mean: NDArray[np.float32]
) -> None:
    place = session.scalp.directions
    colours = np.clip((place + 1) / 2, 0, 1)
    for channel, colour in zip(mean, colours, strict=True):
        axes.plot(1e3 * times, channel, color=colour, lw=0.9)
    axes.axvline(0, color="black", lw=0.8)
    axes.axhline(0, color="black", lw=0.5)
    for moment in MOMENTS:
        axes.axvline(1e3 * moment, color="grey", lw=0.6, ls=":")
    axes.set(
        title="Mean over trials, a line a channel (colour: place)",
        xlabel="ms from onset",
        ylabel="µV",
    )


def _draw_maps(
    axes: list[Any], session: EegSession, times: NDArray[np.float64], mean: NDArray[np.float32]
) -> None:
    import mne

    # Seen from above, as if the head were unrolled: the equator is the outline.
    x, y, z = session.scalp.directions.T
    angle = np.arccos(np.clip(z, -1, 1)) / (np.pi / 2)
    flat = np.stack([x, y], axis=1) / np.maximum(np.hypot(x, y), 1e-9)[:, None] * angle[:, None]
    high = float(np.abs(mean).max())
    for one, moment in zip(axes, MOMENTS, strict=True):
        k = int(np.abs(times - moment).argmin())
        mne.viz.plot_topomap(
            mean[:, k], 0.09 * flat, axes=one, show=False, vlim=(-high, high), sphere=0.095
        )
        one.set_title(f"{1e3 * moment:.0f} ms")
