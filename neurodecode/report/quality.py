"""What a recording is like, as panels of the page: one function draws one table.

A new panel is a function from its table to a :class:`~neurodecode.report.figures.Panel` and a line
in ``PANELS``; the table comes from :mod:`neurodecode.preprocess.quality`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.report import quality_fmri
from neurodecode.report.figures import BLUE, GREEN, GREY, ORANGE, Panel, as_png, blank

__all__ = ["RecordingPart", "quality_parts"]

Double = NDArray[np.float64]
UNITS = {"eeg": "µV", "mag": "fT", "grad": "fT/cm"}


@dataclass(frozen=True)
class RecordingPart:
    """The panels of one subject's recording by one section of responses."""

    responses: str
    subject: str
    panels: tuple[Panel, ...]


def quality_parts(
    quality: Mapping[tuple[str, str], Mapping[str, pd.DataFrame]],
    mesh_of: Callable[[str], str | None],
) -> list[RecordingPart]:
    """Draw every table that there is, in the order of ``PANELS``.

    ``mesh_of`` names what vertices of a subject are drawn on.
    """
    parts = []
    for (responses, subject), tables in quality.items():
        of_voxels = partial(quality_fmri.voxels, mesh=mesh_of(subject))
        draw: dict[str, Callable[[pd.DataFrame], Panel]] = {**PANELS, "voxels": of_voxels}
        panels = tuple(draw[name](tables[name]) for name in draw if name in tables)
        parts.append(RecordingPart(responses, subject, panels))
    return parts


def _facts(table: pd.DataFrame) -> Panel:
    rows = zip(table["fact"], table["value"], strict=True)
    return Panel("Recording", "", rows=(("What", "Value"), *rows))


def _dropped(table: pd.DataFrame) -> Panel:
    rows = ((str(r), str(n)) for r, n in zip(table["reason"], table["n"], strict=True))
    return Panel("Trials left out", "Counted by reason.", rows=(("Reason", "Trials"), *rows))


def _mean_epoch(table: pd.DataFrame) -> Panel:
    kinds = list(table["roi"].unique())
    figure = blank(8, 3.2 * len(kinds))
    said = [
        _draw_waves(figure.add_subplot(len(kinds), 1, k + 1), kind, table[table["roi"] == kind])
        for k, kind in enumerate(kinds)
    ]
    return Panel(
        "Mean response",
        "Mean over all trials: a grey line a channel; in blue the channel that deflects most "
        "clearly, with the 95 % interval of its mean.",
        as_png(figure),
        " ".join(said),
    )


def _draw_waves(axes: Any, kind: str, table: pd.DataFrame) -> str:
    """Draw the channels of one type; returns what is seen."""
    shape = table.pivot(index="channel", columns="time", values="mean")
    times = 1e3 * shape.columns.to_numpy(float)
    # Against its interval: blinks deflect more, and less surely.
    width = (table["high"] - table["low"]).clip(lower=1e-12)
    largest = str(table["channel"].iloc[int((table["mean"].abs() / width).to_numpy().argmax())])
    one = table[table["channel"] == largest]
    axes.plot(times, shape.to_numpy(float).T, color=GREY, lw=0.5, alpha=0.5)
    axes.fill_between(times, one["low"], one["high"], color=BLUE, alpha=0.25, lw=0)
    axes.plot(times, one["mean"], color=BLUE, lw=1.8, label=f"{largest}, with 95 % interval")
    axes.axhline(0, color="black", lw=0.6)
    axes.axvline(0, color="black", lw=0.6)
    axes.set(xlabel="ms from onset", ylabel=UNITS.get(kind, "response"), xlim=times[[0, -1]])
    axes.legend(frameon=False, loc="upper right")
    return f"Mean over trials of {len(shape)} channels ({kind}); {largest} deflects most clearly."


def _means(table: pd.DataFrame) -> Panel:
    kinds = list(table["roi"].unique())
    figure = blank(8, 3.2 * len(kinds))
    said = [
        _draw_means(figure.add_subplot(len(kinds), 1, k + 1), kind, table[table["roi"] == kind])
        for k, kind in enumerate(kinds)
    ]
    return Panel(
        "Mean response to each category",
        "At the channel where one of them deflects most clearly, with the 95 % interval of each "
        "mean. Categories that part before the onset differ by more than what was shown.",
        as_png(figure),
        " ".join(said),
    )


def _draw_means(axes: Any, kind: str, table: pd.DataFrame) -> str:
    """Draw the categories at one channel; returns what is seen."""
    channel, names = str(table["channel"].iloc[0]), list(table["category"].unique())
    for name, colour in zip(names, (BLUE, ORANGE, GREEN, GREY), strict=False):
        own = table[table["category"] == name]
        times = 1e3 * own["time"].to_numpy(float)
        axes.fill_between(times, own["low"], own["high"], color=colour, alpha=0.25, lw=0)
        label = f"{name} ({int(own['n'].iloc[0])} trials)"
        axes.plot(times, own["mean"], color=colour, lw=1.8, label=label)
    axes.axhline(0, color="black", lw=0.6)
    axes.axvline(0, color="black", lw=0.6)
    unit = UNITS.get(kind, "response")
    axes.set(xlabel="ms from onset", ylabel=f"{channel}, {unit}", xlim=times[[0, -1]])
    axes.legend(frameon=False, loc="best", fontsize=8)
    return f"Mean responses at {channel} ({kind}) to {', '.join(names)}."


def _channels(table: pd.DataFrame) -> Panel:
    kinds = list(table["roi"].unique())
    figure = blank(6.5 * len(kinds), 4.2)
    said = [
        _draw_channels(figure, (1, len(kinds), k + 1), kind, table[table["roi"] == kind])
        for k, kind in enumerate(kinds)
    ]
    repaired = table[table["status"] != "good"]
    names = [f"{c} ({s})" for c, s in repaired[["channel", "status"]].to_numpy()]
    words = "Spread of single trials about the mean response, channel by channel. "
    words += " ".join(said)
    words += (
        f" Circled, repaired: {', '.join(names)}." if names else " None was repaired throughout."
    )
    alt = f"Noise of {len(table)} channels, {len(repaired)} of them repaired."
    return Panel("Channels", words, as_png(figure), alt)


def _draw_channels(figure: Any, where: tuple[int, int, int], kind: str, table: pd.DataFrame) -> str:
    """Draw the noise of the channels of one type, on the head where places are known."""
    axes, noise = figure.add_subplot(*where), table["noise"].to_numpy(float)
    repaired, names = (table["status"] != "good").to_numpy(bool), table["channel"].tolist()
    places, unit = _seen_from_above(table), UNITS.get(kind, "response")
    if places is None:
        axes.bar(np.arange(len(noise)), noise, color=np.where(repaired, ORANGE, BLUE))
        axes.set_xticks(np.arange(len(noise)), names, rotation=90, fontsize=6)
        axes.set(ylabel=f"spread of trials, {unit}")
    else:
        _map(axes, places, noise, names, repaired)
        figure.colorbar(axes.collections[0], ax=axes, label=f"spread of trials, {unit}", shrink=0.8)
    return (
        f"{kind.upper()}: median {np.median(noise):.3g} {unit}, largest {noise.max():.3g} "
        f"({names[int(noise.argmax())]})."
    )


def _seen_from_above(table: pd.DataFrame) -> Double | None:
    """Return places on a disc whose rim is the equator of the head; None where not known."""
    if not {"x", "y", "z"} <= set(table):
        return None
    places = table[["x", "y", "z"]].to_numpy(float)
    if not np.isfinite(places).all() or not np.ptp(places, axis=0).all():
        return None
    centred = places - [np.mean([places[:, 0].min(), places[:, 0].max()]), 0, 0]
    length = np.linalg.norm(centred, axis=1)
    angle = np.arccos(np.clip(centred[:, 2] / length, -1, 1)) / (np.pi / 2)
    across = np.hypot(centred[:, 0], centred[:, 1])
    flat: Double = centred[:, :2] / np.maximum(across, 1e-9)[:, None] * angle[:, None]
    return flat


def _map(
    axes: Any, places: Double, noise: Double, names: list[str], repaired: NDArray[np.bool_]
) -> None:
    axes.scatter(*places.T, c=noise, s=150, cmap="viridis", edgecolors="none")
    axes.scatter(*places[repaired].T, s=210, facecolors="none", edgecolors=ORANGE, linewidths=2)
    for (x, y), name in zip(places, names, strict=True):
        axes.annotate(name, (x, y - 0.1), ha="center", va="center", fontsize=5, color=GREY)
    outline = np.linspace(0, 2 * np.pi, 100)
    axes.plot(np.cos(outline), np.sin(outline), color=GREY, lw=1)
    axes.plot([-0.1, 0, 0.1], [0.995, 1.12, 0.995], color=GREY, lw=1)
    axes.set_aspect("equal")
    axes.set_axis_off()


PANELS: dict[str, Callable[[pd.DataFrame], Panel]] = {
    "facts": _facts,
    "dropped": _dropped,
    "erp": _mean_epoch,
    "means": _means,
    "channels": _channels,
    "volumes": quality_fmri.volumes,
}
