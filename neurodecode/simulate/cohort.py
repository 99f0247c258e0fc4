"""A cohort with known truth: connectivity and demographics of as many people as wanted.

In the space of the matrix logarithm of the correlation matrix (see
:mod:`~neurodecode.simulate.correlation_space`), edge e of person i is

    gamma_ie = m_e + d_e (a_i A_e + h(a_i) H_e + x_i X_e + S_e[s_i] + y_i Y_e + c_i C_e)
               + exp(a_i VA_e + x_i VX_e + VS_e[s_i]) u_ie

m is the group mean, d the edge's standard deviation between people and u the person's own
deviation, all learned from real people (:mod:`~neurodecode.simulate.connectome`).

- a: age, uniform within ``ages``, standardised. h: the part of a restricted cubic spline with knots
  at the 10th, 50th and 90th percentile (Harrell 2015, Regression Modeling Strategies, 2.4.5) that
  is orthogonal to a and to a constant; unit variance.
- x: sex, -1/2 or 1/2. s: site; S and VS sum to zero over sites.
- y: ``phenotype``, standard normal, independent of everything else: what a deconfounder must keep.
- c: ``diagnosis``, -1/2 or 1/2; logit P(c = 1/2) = ``diagnosis_by_site`` z(s), z the site's number,
  from -1 to 1. Where that is not zero the label is confounded with site; where ``diagnosis`` is
  zero too, site is all that a decoder can find.
- A, H, X, S, Y, C are each a random pattern between networks, zero but for the share ``affected``
  of edges where it is strongest. There its root mean square is the strength: in standard deviations
  between people, for one standard deviation of age or phenotype, or for the step from one sex or
  diagnosis to the other. For site it is the root mean square over sites.
- VA, VX, VS are constant on the edges that they affect and zero elsewhere: log standard deviations,
  with the same units. They change no mean of gamma.

``space`` chooses what is measured: ``log`` is gamma itself, where the equation is exact, ``fisher``
is Fisher's z of the correlations, what studies use. There the effects bend a little, and a change
of variance moves means to second order: claims on "variance only" belong to ``log``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.errors import ConfigError
from neurodecode.seeds import generator
from neurodecode.simulate.connectome import Group, network_patterns
from neurodecode.simulate.correlation_space import fisher_z, log_to_correlation

__all__ = ["COHORT_WORLDS", "Cohort", "CohortWorld", "Truth", "age_terms"]

Array = NDArray[np.float64]
SEXES = ("F", "M")


@dataclass(frozen=True)
class CohortWorld:
    """Strengths of all effects; see the module's equation for their units.

    Attributes
    ----------
    n_sites : int
    ages : (float, float)
        Youngest and oldest, years.
    age, age_spline, sex, site, phenotype, diagnosis : float
        Root mean square of the effect on means.
    age_variance, sex_variance, site_variance : float
        Effects on the log standard deviation.
    diagnosis_by_site : float
        How far the diagnosis depends on the site: log odds at the last site.
    affected : float
        Share of edges on which an effect acts.
    """

    n_sites: int = 3
    ages: tuple[float, float] = (18.0, 80.0)
    age: float = 0.1
    age_spline: float = 0.05
    sex: float = 0.12
    site: float = 0.12
    phenotype: float = 0.06
    diagnosis: float = 0.1
    age_variance: float = 0.05
    sex_variance: float = 0.1
    site_variance: float = 0.1
    diagnosis_by_site: float = 0.0
    affected: float = 0.3

    def __post_init__(self) -> None:
        if self.n_sites < 1:
            raise ConfigError(f"n_sites: must be 1 or more, got {self.n_sites}")
        if not 0 < self.ages[0] < self.ages[1]:
            raise ConfigError(f"ages: must be two rising positive numbers, got {self.ages}")
        if not 0 < self.affected <= 1:
            raise ConfigError(f"affected: must be above 0 and at most 1, got {self.affected}")


_DEFAULT = CohortWorld()
_VARIANCE_ONLY = replace(
    _DEFAULT, age=0.0, age_spline=0.0, sex=0.0, site=0.0, sex_variance=0.3, site_variance=0.3
)
COHORT_WORLDS: dict[str, CohortWorld] = {
    "default": _DEFAULT,
    "variance_only": _VARIANCE_ONLY,
    "no_confound": replace(_VARIANCE_ONLY, age_variance=0.0, sex_variance=0.0, site_variance=0.0),
    "label_confounded": replace(_DEFAULT, diagnosis=0.0, diagnosis_by_site=2.0),
}


@dataclass(frozen=True)
class Truth:
    """The effects that were put in, an entry an edge, in the space of the matrix logarithm.

    Means are in units of gamma (the edge's standard deviation is multiplied in), variances are log
    standard deviations.

    Attributes
    ----------
    mean, age, age_spline, sex, phenotype, diagnosis : (n_edges,)
    site : (n_sites, n_edges)
    age_variance, sex_variance : (n_edges,)
    site_variance : (n_sites, n_edges)
    """

    mean: Array
    age: Array
    age_spline: Array
    sex: Array
    site: Array
    phenotype: Array
    diagnosis: Array
    age_variance: Array
    sex_variance: Array
    site_variance: Array


def age_terms(age: Array, ages: tuple[float, float]) -> Array:
    """Return a and h of the equation, (n_people, 2), for ages in years."""

    def raw(values: Array) -> Array:
        u = (values - ages[0]) / (ages[1] - ages[0])
        first, middle, last = (np.clip(u - knot, 0, None) ** 3 for knot in (0.1, 0.5, 0.9))
        return np.stack([u, first - 2 * middle + last])  # the knots are evenly spaced

    points, weights = np.polynomial.legendre.leggauss(200)  # averages over the uniform ages
    grid = raw(ages[0] + (ages[1] - ages[0]) * (points + 1) / 2)
    weights = weights / 2
    linear, spline = raw(np.asarray(age, dtype=float))
    mean, spread = grid[0] @ weights, np.sqrt((grid[0] - 0.5) ** 2 @ weights)
    grid_linear, linear = (grid[0] - mean) / spread, (linear - mean) / spread
    offset, slope = grid[1] @ weights, (grid[1] * grid_linear) @ weights
    rest = grid[1] - offset - slope * grid_linear
    scale = np.sqrt(rest**2 @ weights)
    return np.stack([linear, (spline - offset - slope * linear) / scale], axis=1)


class Cohort:
    """People of one world, drawn one by one: the first hundred are the same in any cohort.

    Parameters
    ----------
    group : Group
        Mean and covariance, see :func:`~neurodecode.simulate.connectome.learn_group`.
    world : CohortWorld
    seed : int
        Of effects and people.
    space : {"fisher", "log"}
        What is measured of a person.
    """

    def __init__(
        self,
        group: Group,
        world: CohortWorld,
        *,
        seed: int,
        space: Literal["fisher", "log"] = "fisher",
    ) -> None:
        if space not in ("fisher", "log"):
            raise ConfigError(f"space: must be one of fisher, log, got {space!r}")
        self.group = group
        self.world = world
        self.seed = seed
        self.space = space

    @cached_property
    def truth(self) -> Truth:
        """The effects; each is drawn by its name, so that one can be changed alone."""
        world, sd = self.world, self.group.sd
        effects = {
            name: sd * self._mean_effect(name, getattr(world, name))
            for name in ("age", "age_spline", "sex", "phenotype", "diagnosis")
        }
        site = np.stack([self._mean_effect(f"site-{s}", 1.0) for s in range(world.n_sites)])
        site_sd = np.stack([self._affected(f"site-{s}-sd") for s in range(world.n_sites)])
        return Truth(
            mean=self.group.mean,
            **effects,
            site=sd * _centred(site, world.site),
            age_variance=world.age_variance * self._affected("age-sd"),
            sex_variance=world.sex_variance * self._affected("sex-sd"),
            site_variance=_centred(site_sd, world.site_variance),
        )

    def _pattern(self, name: str) -> Array:
        """Draw a pattern between networks; zero but on the affected edges."""
        rng = generator(self.seed, "effect", name)
        pattern = network_patterns(self.group.vectors, 1, rng)[0]
        affected = np.abs(pattern) >= np.quantile(np.abs(pattern), 1 - self.world.affected)
        kept: Array = np.where(affected, pattern, 0.0)
        return kept

    def _affected(self, name: str) -> Array:
        touched: Array = (self._pattern(name) != 0).astype(float)
        return touched

    def _mean_effect(self, name: str, strength: float) -> Array:
        drawn = self._pattern(name)
        return np.asarray(strength * drawn / np.sqrt((drawn[drawn != 0] ** 2).mean()))

    def people(self, n_people: int, first: int = 0) -> pd.DataFrame:
        """Return ``participant_id, age, sex, site, phenotype, diagnosis``, one row a person."""
        world = self.world
        rows = []
        for person in range(first, first + n_people):
            rng = generator(self.seed, "person", person)
            age, sex = rng.uniform(*world.ages), rng.random() < 0.5
            site, phenotype = int(rng.integers(world.n_sites)), rng.normal()
            place = 2 * site / (world.n_sites - 1) - 1 if world.n_sites > 1 else 0.0
            case = rng.random() < 1 / (1 + np.exp(-world.diagnosis_by_site * place))
            rows.append((f"p{person + 1:05d}", round(age, 1), SEXES[sex], f"site{site + 1}",
                         phenotype, int(case)))  # fmt: skip
        names = ("participant_id", "age", "sex", "site", "phenotype", "diagnosis")
        return pd.DataFrame(rows, columns=list(names))

    def features(self, people: pd.DataFrame) -> Float:
        """Return what is measured of some people, float32 (n_people, n_edges)."""
        truth = self.truth
        age = age_terms(people["age"].to_numpy(float), self.world.ages)
        sex = (people["sex"] == SEXES[1]).to_numpy(float) - 0.5
        site = people["site"].str.removeprefix("site").astype(int).to_numpy() - 1
        gamma = (
            truth.mean
            + age @ np.stack([truth.age, truth.age_spline])
            + np.outer(sex, truth.sex)
            + truth.site[site]
            + np.outer(people["phenotype"], truth.phenotype)
            + np.outer(people["diagnosis"] - 0.5, truth.diagnosis)
        )
        log_sd = (
            np.outer(age[:, 0], truth.age_variance)
            + np.outer(sex, truth.sex_variance)
            + truth.site_variance[site]
        )
        numbers = people["participant_id"].str.removeprefix("p").astype(int) - 1
        own = np.stack(
            [self.group.deviation(generator(self.seed, "deviation", int(k))) for k in numbers]
        )
        gamma += np.exp(log_sd) * own
        if self.space == "fisher":
            gamma = fisher_z(log_to_correlation(gamma, start=self.group.diagonal, tolerance=1e-4))
        return np.asarray(gamma, dtype=np.float32)

    def blocks(self, n_people: int, size: int = 64) -> Iterator[tuple[pd.DataFrame, Float]]:
        """Yield people and features in blocks of rows; memory depends on ``size`` alone."""
        for first in range(0, n_people, size):
            people = self.people(min(size, n_people - first), first)
            yield people, self.features(people)

    def simulate(self, n_people: int) -> tuple[pd.DataFrame, Float]:
        """Return all people and their features, float32 (n_people, n_edges)."""
        people = self.people(n_people)
        features = np.empty((n_people, len(self.group.mean)), dtype=np.float32)
        row = 0
        for _, block in self.blocks(n_people):
            features[row : row + len(block)] = block
            row += len(block)
        return people, features


def _centred(values: Array, strength: float) -> Array:
    """Give rows that sum to zero a root mean square of ``strength`` where they are not zero."""
    centred = values - values.mean(axis=0)
    rms = np.sqrt((centred**2).sum() / max((centred != 0).sum(), 1))
    return np.asarray(strength * centred / max(rms, 1e-12))
