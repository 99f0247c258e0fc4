"""A page of pictures of one world: what a voxel sees, how it answers, who differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neurodecode.contracts import Stimuli
from neurodecode.simulate.features import MAP_SIDE
from neurodecode.simulate.hrf import STEP, draw_shapes
from neurodecode.simulate.people import codes, draw_people, push
from neurodecode.simulate.responses import reference_features
from neurodecode.simulate.trials import shown_pictures
from neurodecode.simulate.tuning import Brain, draw_brain
from neurodecode.simulate.world import World

__all__ = ["draw_page"]

N_SHOWN = 60
N_AGES = 24


def draw_page(world: World, everything: Stimuli, path: Path) -> None:
    """Draw a receptive field, HRFs, RDMs of two people and the effect of age into a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stimuli = shown_pictures(everything, world.schedule, world.seed)
    features, reference = reference_features(world, stimuli)
    people = draw_people(world, N_AGES)
    two = [draw_brain(world, people.iloc[k], reference) for k in range(2)]
    figure = Figure(figsize=(13, 8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3).ravel()
    _field(axes[0], stimuli, two[0])
    _responses(axes[1], two)
    _sheet(axes[2], two[0])
    order = np.argsort(stimuli.table["category"].to_numpy(str), kind="stable")
    some = features.rows(order[:: max(len(order) // N_SHOWN, 1)])
    for axis, brain in zip(axes[3:5], two, strict=True):
        image = axis.imshow(1 - np.corrcoef(brain.tuning.signal(some)), cmap="viridis", vmin=0.2)
        axis.set_title(f"RDM, {brain.participant_id} (no noise), {len(some)} pictures")
        axis.set_xlabel("picture, by group")
    figure.colorbar(image, ax=axes[4], label="1 - r")
    _ages(axes[5], world, people, two[0])
    figure.suptitle(f"{world.name}: what is drawn")
    figure.savefig(path, dpi=80)


def _field(axis: Any, stimuli: Stimuli, brain: Brain) -> None:
    voxel = int((brain.units["prf_x"] - 0.68).abs().where(brain.anatomy.early).argmin())
    field = brain.tuning.fields[voxel]
    axis.imshow(stimuli.pixels[0], extent=(0, 1, 1, 0))
    place = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    axis.contour(place, place, field / field.max(), levels=(0.25, 0.5, 0.75), colors="black")
    unit = brain.units.iloc[voxel]
    axis.set_title(f"field of {unit['unit']}, SD {unit['prf_size']:.2f} of the picture")


def _responses(axis: Any, brains: list[Brain]) -> None:
    for k, brain in enumerate(brains):
        shapes = brain.curves.mixture.T[:: len(brain.level) // 25] @ brain.curves.basis
        times = np.arange(shapes.shape[1]) * STEP
        axis.plot(times, shapes.T, color=f"C{k}", alpha=0.3)
        axis.plot(times, shapes.mean(axis=0), color=f"C{k}", lw=3, label=brain.participant_id)
    axis.set(xlabel="s since the picture", ylabel="response", title="HRFs, 2 s picture")
    axis.legend()


def _sheet(axis: Any, brain: Brain) -> None:
    mm, early = brain.anatomy.mm, brain.anatomy.early
    drawn = axis.scatter(
        mm[early, 1], mm[early, 2], c=brain.units["prf_y"][early], s=6, cmap="coolwarm_r"
    )
    axis.scatter(mm[~early, 1], mm[~early, 2], c="lightgrey", s=6, label="ventral")
    axis.figure.colorbar(drawn, ax=axis, label="height of the field (0 top)")
    axis.set(xlabel="y, mm", ylabel="z, mm", title="early voxels from the side")
    axis.legend()


def _ages(axis: Any, world: World, people: pd.DataFrame, brain: Brain) -> None:
    place = brain.anatomy.position
    ages, delays, line = people["age"].to_numpy(float), [], []
    for _, person in people.iterrows():
        name, z = str(person["participant_id"]), codes(world, person)
        drawn = draw_shapes(world.hrf, place, world.seed, name, push(world, z, "delay"))
        delays.append(drawn[0].mean())
        line.append(world.hrf.delay[0] + world.effects.age.delay * z["age"])
    order = np.argsort(ages)
    axis.scatter(ages, delays, label="people")
    label = f"effect of age, {world.effects.age.delay:g} s an SD"
    axis.plot(ages[order], np.array(line)[order], color="black", label=label)
    axis.set(xlabel="age, years", ylabel="mean delay of the HRF, s", title="effect of age")
    axis.legend()
