"""A brain: what each of its voxels answers to, and how.

Weights of voxel v of person s on every kind of feature:

    w_sv = sqrt(rho) W(f_sv) + sqrt(1 - rho) u_s(f_sv) + sum_d k_d z_sd D_d(f_sv)

W, u and D are smooth over the sheet, f_sv is where the voxel's function lies. W is common to all
people, u the person's own; D_d is how tuning changes with a demographic variable z_d. The drive of
each kind of feature is standardised over the reference pictures and weighted by its share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float
from neurodecode.seeds import generator
from neurodecode.simulate.features import MAP_SIDE, Features
from neurodecode.simulate.fields import (
    Anatomy,
    draw_anatomy,
    function_position,
    retinotopy,
    smooth_fields,
)
from neurodecode.simulate.glm import noise_variance, readout
from neurodecode.simulate.hrf import Curves, curves, draw_shapes, expand
from neurodecode.simulate.noise import (
    NoiseSpace,
    ar_levels,
    gain_variance,
    head_motion,
    noise_space,
)
from neurodecode.simulate.people import codes, push
from neurodecode.simulate.trials import full_run, n_volumes
from neurodecode.simulate.world import Bank, World

__all__ = ["Brain", "Tuning", "draw_brain"]

BASELINE = 1000.0
MOTION_SD = 0.3  # of pooled opponent energy over clips that move; see the tests
KINDS = ("edges", "statistics", "attributes", "hidden")
SPREAD = 0.5  # SD of the log odds of explainable variance over voxels


@dataclass(frozen=True)
class Tuning:
    """What voxels answer to.

    Attributes
    ----------
    fields : float32 (n_voxels, 16, 16)
        Receptive fields of unit sum.
    weights : mapping of str to float32 (n_features, n_voxels)
        By kind of feature.
    shares : mapping of str to float32 (n_voxels,)
        Share of each kind in the variance.
    scales : mapping of str to (float32, float32)
        Mean and SD over the reference pictures: of the columns of the tables, of the channels, of
        each kind's drive (``drive edges``) and of the whole.
    bank : Bank
    """

    fields: Float
    weights: Mapping[str, Float]
    shares: Mapping[str, Float]
    bank: Bank
    scales: dict[str, tuple[Float, Float]] = field(default_factory=dict)

    def parts(self, features: Features) -> dict[str, Float]:
        """Return each kind's part (n, n_voxels) in the signal; the parts add up to it."""
        parts = {kind: self._drive(kind, features) for kind in KINDS}
        whole = self.scales["whole"][1]
        for kind in KINDS:
            mean, sd = self.scales[f"drive {kind}"]
            parts[kind] = (parts[kind] - mean) / sd * np.sqrt(self.shares[kind]) / whole
        if features.motion.any():
            odds = self.shares["motion"] / (1 - self.shares["motion"])
            parts["motion"] = self._pooled(features.motion, "motion") / MOTION_SD * np.sqrt(odds)
        return parts

    def signal(self, features: Features) -> Float:
        """Return noiseless responses (n, n_voxels), mean 0 and SD 1 over the reference."""
        total = np.zeros((len(features), len(self.fields)), np.float32)
        for part in self.parts(features).values():
            total += part
        return total

    def hidden_loadings(self) -> Float:
        """Return (n_hidden, n_voxels): what each hidden feature of unit variance adds."""
        _, drive = self.scales["drive hidden"]
        whole = self.scales["whole"][1]
        loadings: Float = self.weights["hidden"] * np.sqrt(self.shares["hidden"]) / drive / whole
        return loadings

    def calibrated(self, reference: Features) -> Tuning:
        """Return the same tuning with its scales taken from the reference pictures."""
        scales: dict[str, tuple[Float, Float]] = {}
        channels = reference.edges
        scales["edges"] = (channels.mean(axis=(0, 2, 3)), _spread(channels, (0, 2, 3)))
        for kind in KINDS[1:]:
            table = getattr(reference, kind)
            scales[kind] = (table.mean(axis=0), _spread(table))
        made = Tuning(self.fields, self.weights, self.shares, self.bank, scales)
        total = np.zeros((len(reference), len(self.fields)), np.float32)
        for kind in KINDS:
            drive = made._drive(kind, reference)
            mean, sd = drive.mean(axis=0), _spread(drive)
            scales[f"drive {kind}"] = mean, sd
            total += (drive - mean) / sd * np.sqrt(self.shares[kind])
        scales["whole"] = total.mean(axis=0), _spread(total)
        return made

    def _drive(self, kind: str, features: Features) -> Float:
        mean, sd = self.scales[kind]
        if kind == "edges":
            scaled = (features.edges - mean[:, None, None]) / sd[:, None, None]
            pooled = self._pooled(scaled, "edges")
            summed: Float = np.sign(pooled) * np.abs(pooled) ** np.float32(self.bank.exponent)
            return summed
        drive: Float = (getattr(features, kind) - mean) / sd @ self.weights[kind]
        if kind == "attributes":
            drive = drive / np.float32(np.sqrt(len(mean)))
            if self.bank.rectifier == "softplus":
                drive = np.logaddexp(0, 2 * drive)
            else:
                drive = np.square(np.maximum(drive + np.float32(0.5), 0))
        return drive

    def _pooled(self, maps: Float, kind: str) -> Float:
        """Weighted sum over channels of what each voxel's field holds of the maps."""
        n, c = maps.shape[:2]
        flat = maps.reshape(n, c, -1)
        fields = self.fields.reshape(len(self.fields), -1).T
        total = np.zeros((n, len(self.fields)), np.float32)
        for k in range(c):
            total += (flat[:, k] @ fields) * self.weights[kind][k]
        return total


def _spread(values: Float, axis: int | tuple[int, ...] = 0) -> Float:
    """SD; 1 where nothing varies over the reference, as another picture may differ in it."""
    sd: Float = values.std(axis=axis)
    return np.where(sd > 1e-6, sd, np.float32(1))


@dataclass(frozen=True)
class Brain:
    """One person's brain.

    Attributes
    ----------
    participant_id : str
    anatomy : Anatomy
    units : DataFrame
        ``unit, roi, x, y, z`` (mm), ``prf_x, prf_y, prf_size`` (0 to 1 across the picture),
        ``delay, width, undershoot, ar, explainable``: the truth of each voxel.
    tuning : Tuning
    curves : Curves
        Haemodynamic responses.
    noise : NoiseSpace
    level : int64 (n_voxels,)
        AR level of each voxel.
    baseline, response, contrast, sigma : float32 (n_voxels,)
        Value at rest; mean and SD over pictures of the response, SD of the noise, all in values
        of the scanner.
    """

    participant_id: str
    anatomy: Anatomy
    units: pd.DataFrame
    tuning: Tuning
    curves: Curves
    noise: NoiseSpace
    level: NDArray[np.int64]
    baseline: Float
    response: Float
    contrast: Float
    sigma: Float

    def amplitudes(self, features: Features) -> Float:
        """Return noiseless responses (n, n_voxels) in values of the scanner."""
        return self.response + self.contrast * self.tuning.signal(features)


def draw_brain(world: World, person: pd.Series, reference: Features) -> Brain:
    """Draw the brain of a person.

    Parameters
    ----------
    world : World
    person : Series
        A row of :func:`~neurodecode.simulate.people.draw_people`.
    reference : Features
        Of the pictures over which responses are standardised, the training pictures.
    """
    name, seed, cortex = str(person["participant_id"]), world.seed, world.cortex
    z, effects = codes(world, person), world.effects
    anatomy = draw_anatomy(cortex, seed, name)
    place = function_position(anatomy, cortex, seed, name)
    own = smooth_fields(place, 3, 0.3, generator(seed, "retinotopy", name))
    centres, sizes = retinotopy(anatomy, place, cortex, np.sqrt(1 - cortex.rho) * own)
    tuning = _draw_tuning(world, name, z, anatomy, place, centres, sizes, reference)

    shapes = draw_shapes(world.hrf, place, seed, name, push(world, z, "delay"))
    rng = generator(seed, "values", name)
    n = len(place)
    loud = np.exp(0.3 * smooth_fields(place, 1, 0.3, rng)[:, 0])
    contrast = world.contrast * loud
    response = world.response * loud * np.exp(0.2 * smooth_fields(place, 1, 0.3, rng)[:, 0])
    for d in z:
        shift = smooth_fields(place, 1, cortex.smoothness, generator(seed, "mean", d))[:, 0]
        response = response + getattr(effects, d).mean * z[d] * contrast * shift
    baseline = BASELINE * np.exp(
        push(world, z, "scale") + 0.1 * smooth_fields(place, 1, 0.5, rng)[:, 0]
    )
    odds = world.explainable / (1 - world.explainable) * np.exp(SPREAD * rng.normal(size=n))
    level = rng.permutation(n) % len(ar_levels(world.noise))
    sigma = _sigma(world, contrast, response, odds, level) * np.exp(push(world, z, "variance"))
    outside = smooth_fields(place, world.noise.rank, 0.5, rng)
    space = noise_space(world.noise, tuning.signal(reference), outside)
    units = pd.DataFrame(
        {
            "unit": [f"voxel_{k:04d}" for k in range(n)],
            "roi": np.where(anatomy.early, "early", "ventral"),
            **{axis: anatomy.mm[:, k] for k, axis in enumerate("xyz")},
            "prf_x": centres[:, 0],
            "prf_y": centres[:, 1],
            "prf_size": sizes,
            **dict(zip(("delay", "width", "undershoot"), shapes, strict=True)),
            "ar": ar_levels(world.noise)[level],
            "explainable": odds / (1 + odds),
        }
    )
    per_cent = baseline / 100
    return Brain(
        name, anatomy, units, tuning, expand(curves(*shapes, world.schedule.duration)), space,
        level, *(part.astype(np.float32) for part in (
            baseline, per_cent * response, per_cent * contrast, per_cent * sigma)),
    )  # fmt: skip


def _draw_tuning(
    world: World,
    name: str,
    z: Mapping[str, float],
    anatomy: Anatomy,
    place: NDArray[np.float64],
    centres: Float,
    sizes: Float,
    reference: Features,
) -> Tuning:
    cortex = world.cortex

    def weights(kind: str, n_features: int) -> Float:
        def fields(*names: str) -> Float:
            rng = generator(world.seed, kind, *names)
            return smooth_fields(place, n_features, cortex.smoothness, rng).T

        drawn = np.sqrt(cortex.rho) * fields("common") + np.sqrt(1 - cortex.rho) * fields(name)
        for d in z:
            strength = getattr(world.effects, d).tuning * z[d]
            if strength:
                drawn += strength * fields("changes with", d)
        mixed: Float = drawn.astype(np.float32)
        return mixed

    shares = {
        kind: np.where(
            anatomy.early, getattr(world.early, kind), getattr(world.ventral, kind)
        ).astype(np.float32)
        for kind in (*KINDS, "motion")
    }
    sizes_of = {
        "edges": reference.edges.shape[1],
        "statistics": reference.statistics.shape[1],
        "attributes": reference.attributes.shape[1],
        "hidden": reference.hidden.shape[1],
        "motion": reference.motion.shape[1],
    }
    drawn = {kind: weights(kind, n) for kind, n in sizes_of.items()}
    return Tuning(_receptive_fields(centres, sizes), drawn, shares, world.bank).calibrated(
        reference
    )


def _receptive_fields(centres: Float, sizes: Float) -> Float:
    """Return Gaussian fields (n_voxels, 16, 16) of unit sum."""
    place = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE
    width = 2 * np.maximum(sizes[:, None], 0.5 / MAP_SIDE) ** 2
    across = np.exp(-((place - centres[:, :1]) ** 2) / width)
    down = np.exp(-((place - centres[:, 1:]) ** 2) / width)
    fields = down[:, :, None] * across[:, None, :]
    fields /= fields.sum(axis=(1, 2), keepdims=True)
    unit: Float = fields.astype(np.float32)
    return unit


def _sigma(
    world: World,
    contrast: NDArray[np.float64],
    response: NDArray[np.float64],
    odds: NDArray[np.float64],
    level: NDArray[np.int64],
) -> NDArray[np.float64]:
    """SD of the series' noise that leaves the explainable variance asked for in the responses."""
    schedule, noise = world.schedule, world.noise
    rng = generator(world.seed, "calibration")
    n_times = n_volumes(schedule)
    onsets, head = full_run(schedule, rng), head_motion(n_times, noise, rng)
    rows = readout(onsets, n_times, world.hrf, schedule, head.ways)
    alone = np.array([noise_variance(rows, a) for a in ar_levels(noise)])[level]
    shared = noise_variance(rows, noise.ar[0])
    kept = noise.correlated * shared + (1 - noise.correlated) * alone
    gains = gain_variance(noise) * (contrast**2 + response**2)
    wanted = np.maximum(contrast**2 / odds - gains, 0.05 * contrast**2)
    sigma: NDArray[np.float64] = np.sqrt(wanted / kept)
    return sigma
