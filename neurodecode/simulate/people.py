"""Who is in the cohort: age, sex, site and, where groups are compared, a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from neurodecode.seeds import generator
from neurodecode.simulate.world import World

__all__ = ["Peopled", "codes", "draw_people", "push"]

VARIABLES = ("age", "sex", "site", "label")


class _Labelled(Protocol):
    @property
    def label_site(self) -> float:
        """How far the label follows the site."""


class Peopled(Protocol):
    """What of a world says who lives in it; worlds of fMRI and of EEG have it alike."""

    @property
    def seed(self) -> int:
        """Seed of the world."""

    @property
    def ages(self) -> tuple[float, float]:
        """Youngest and oldest, years."""

    @property
    def sites(self) -> tuple[str, ...]:
        """Where people are recorded."""

    @property
    def effects(self) -> _Labelled:
        """Demographic effects."""


def draw_people(world: Peopled, n: int) -> pd.DataFrame:
    """Draw people; the first ones of a larger cohort are those of a smaller one.

    Sites take turns, so that each has its share; the label follows the site with probability
    ``label_site`` and is a fair coin otherwise.

    Returns
    -------
    DataFrame
        ``participant_id`` (``sub-01``, ...), ``age`` (years), ``sex`` (``F``, ``M``), ``site``,
        ``label`` (``a``, ``b``).
    """
    rows = []
    for k in range(n):
        rng = generator(world.seed, "who", k)
        site = k % len(world.sites)
        follows = rng.random() < world.effects.label_site
        coin = rng.random() < 0.5
        rows.append(
            {
                "participant_id": f"sub-{k + 1:02d}",
                "age": round(float(rng.uniform(*world.ages)), 1),
                "sex": "FM"[int(rng.random() < 0.5)],
                "site": world.sites[site],
                "label": "ab"[int(site % 2 == 0 if follows else coin)],
            }
        )
    return pd.DataFrame(rows)


def codes(world: Peopled, person: pd.Series) -> dict[str, float]:
    """Return a person's variables as numbers of mean 0 and SD 1 over the world's people.

    Sites are equally spaced in their order.
    """
    young, old = world.ages
    n = len(world.sites)
    place = world.sites.index(str(person["site"])) - (n - 1) / 2
    return {
        "age": (float(person["age"]) - (young + old) / 2) / ((old - young) / np.sqrt(12)),
        "sex": 1.0 if person["sex"] == "M" else -1.0,
        "site": place / np.sqrt((n**2 - 1) / 12) if n > 1 else 0.0,
        "label": 1.0 if person["label"] == "b" else -1.0,
    }


def push(world: World, z: Mapping[str, float], kind: str) -> float:
    """Return what all variables together do to one number of a brain.

    Parameters
    ----------
    world : World
    z : mapping of str to float
        See :func:`codes`.
    kind : str
        ``variance``, ``delay`` or ``scale``.
    """
    return float(sum(getattr(getattr(world.effects, d), kind) * z[d] for d in VARIABLES))
