"""All numbers of a virtual world, as data: what is drawn differs, the equations do not.

A :class:`World` says how brains that see pictures answer. `realistic` is frozen by its hash before
any decoder is tuned on it; `world-B` sees with another feature bank, other seeds and less shared
tuning, so that a claim made on one can be rerun unchanged on the other. `minimal` is the world of
the study ``virtual-min``, a demonstration: strong signal, one session.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from neurodecode.errors import ConfigError

__all__ = [
    "EFFECTS",
    "REALISTIC_SHA256",
    "WORLDS",
    "Bank",
    "Cortex",
    "Effect",
    "Effects",
    "Hrf",
    "Noise",
    "Schedule",
    "Shares",
    "World",
    "fingerprint",
    "named",
]

REALISTIC_SHA256 = "b9c2eefa44154257fdd05422c402b7e425c01b7c90ae701e91a6aae84d1ed36b"


@dataclass(frozen=True)
class Shares:
    """Shares of a voxel's stimulus-driven variance, by kind of feature; they add to 1.

    ``motion`` is the share of direction-tuned energy where the stimulus moves; the shares of a
    still picture are the others alone.
    """

    edges: float
    statistics: float
    attributes: float
    hidden: float
    motion: float = 0.0

    def __post_init__(self) -> None:
        total = self.edges + self.statistics + self.attributes + self.hidden
        if abs(total - 1) > 1e-9:
            raise ConfigError(f"world: the shares of a still picture must add to 1, got {total:g}")


@dataclass(frozen=True)
class Bank:
    """What the voxels can see.

    Attributes
    ----------
    filters : str
        ``gabor`` (Gaussian in frequency) or ``log-gabor`` (Gaussian in log frequency).
    wavelengths : tuple of float
        Pixels a cycle, of pictures 64 pixels wide.
    n_orientations : int
    colours : tuple of str
        Of ``luminance``, ``red-green``, ``blue-yellow``.
    semisaturation : float
        Of the divisive contrast normalisation.
    exponent : float
        Of the compressive summation over the receptive field.
    rectifier : str
        ``softplus`` or ``square`` (half-squared), of the voxels tuned to attributes.
    n_hidden : int
        Features of a picture that no decoding target holds.
    speeds : tuple of float
        Pixels a frame, of the motion energy.
    n_directions : int
    """

    filters: str = "gabor"
    wavelengths: tuple[float, ...] = (4.0, 8.0, 16.0)
    n_orientations: int = 4
    colours: tuple[str, ...] = ("luminance",)
    semisaturation: float = 0.1
    exponent: float = 0.6
    rectifier: str = "softplus"
    n_hidden: int = 12
    speeds: tuple[float, ...] = (1.0, 2.5)
    n_directions: int = 8


@dataclass(frozen=True)
class Cortex:
    """The sheet of voxels.

    Attributes
    ----------
    n_voxels : (int, int)
        Fewest and most voxels of a person.
    voxel_size : float
        mm.
    early : float
        Share of voxels in the early region; the others are ventral.
    rho : float
        Share of tuning that people have in common at one cortical position.
    smoothness : float
        Length over which tuning changes, in radii of a hemisphere.
    warp : float
        SD of the displacement of function against anatomy, same unit.
    folding : float
        SD of the depth of the sheet, same unit.
    field_slope, field_least : float
        SD of a receptive field by eccentricity and at the fovea, in widths of the picture.
    """

    n_voxels: tuple[int, int] = (2100, 2700)
    voxel_size: float = 3.0
    early: float = 0.45
    rho: float = 0.5
    smoothness: float = 0.2
    warp: float = 0.06
    folding: float = 0.04
    field_slope: float = 0.22
    field_least: float = 0.04


@dataclass(frozen=True)
class Hrf:
    """The haemodynamic response: mean over people, SD over people and over voxels of one.

    ``delay`` and ``width`` are the time to the peak and the SD of the peak (s), ``undershoot`` its
    depth as a share of the peak.
    """

    delay: tuple[float, float, float] = (5.0, 0.5, 0.4)
    width: tuple[float, float, float] = (2.3, 0.15, 0.15)
    undershoot: tuple[float, float, float] = (0.17, 0.05, 0.04)


@dataclass(frozen=True)
class Noise:
    """What is not signal.

    Attributes
    ----------
    ar : (float, float)
        AR(1) coefficient, mean and SD over voxels.
    correlated, inside : float
        Share of the noise that voxels share; share of that which lies along the signal's own
        directions.
    rank : int
        Rank of the correlated noise that has nothing to do with the signal.
    gain : float
        SD of a trial's gain.
    adaptation : float
        Loss of gain once a picture has been seen before.
    fatigue : float
        Loss of gain from the start to the end of a run.
    lapse : (float, float, float)
        Probability that attention lapses with a trial, that it returns, gain meanwhile.
    session : float
        SD of the shift of a voxel's mean response between sessions, in SDs of its signal.
    session_scale : float
        SD of the scale of a session.
    drift : float
        SD of the slow drift, in SDs of the noise.
    motion, spike : float
        SD of what moves with the head, and what a jerk of 1 mm adds, in SDs of the noise.
    spike_rate : float
        Jerks a volume.
    """

    ar: tuple[float, float] = (0.35, 0.1)
    correlated: float = 0.3
    inside: float = 0.5
    rank: int = 10
    gain: float = 0.1
    adaptation: float = 0.1
    fatigue: float = 0.05
    lapse: tuple[float, float, float] = (0.02, 0.4, 0.3)
    session: float = 0.5
    session_scale: float = 0.05
    drift: float = 0.7
    motion: float = 0.4
    spike: float = 2.0
    spike_rate: float = 0.01


@dataclass(frozen=True)
class Effect:
    """How one demographic variable (1 SD of it) changes a brain.

    Attributes
    ----------
    mean : float
        Shift of the mean response pattern, in SDs of the signal.
    variance : float
        Change of the log SD of the noise.
    delay : float
        Change of the HRF's delay, s.
    tuning : float
        Change of the tuning, an interaction with the stimulus; 1 is as large as tuning itself.
    scale : float
        Change of the log scale of all values (a scanner's).
    """

    mean: float = 0.0
    variance: float = 0.0
    delay: float = 0.0
    tuning: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True)
class Effects:
    """Effects of age, sex, site and of the label that a study compares (two groups of people).

    ``label_site`` is how far the label follows the site: 0 not at all, 1 wholly.
    """

    age: Effect = Effect()
    sex: Effect = Effect()
    site: Effect = Effect()
    label: Effect = Effect()
    label_site: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """What is shown when.

    Attributes
    ----------
    n_train, n_test : int
        Pictures.
    train_repeats, test_repeats : int
    n_sessions, n_runs : int
        ``n_runs`` a session.
    tr, trial, duration : float
        Seconds between volumes, between onsets, that a picture is shown.
    blanks : float
        Least share of onsets without a picture, spread over the run: without them a response
        to all pictures cannot be told from the value at rest.
    lead, tail : float
        Seconds before the first and after the last onset.
    """

    n_train: int = 600
    n_test: int = 100
    train_repeats: int = 2
    test_repeats: int = 4
    n_sessions: int = 2
    n_runs: int = 10
    tr: float = 2.0
    trial: float = 4.0
    duration: float = 2.0
    blanks: float = 0.15
    lead: float = 8.0
    tail: float = 14.0


AGEING = Effects(
    age=Effect(mean=0.3, variance=0.1, delay=0.25, tuning=0.15),
    sex=Effect(mean=0.2, variance=0.03, delay=0.05, tuning=0.1),
    site=Effect(mean=0.3, variance=0.1, tuning=0.05, scale=0.1),
)
# Named strengths: the worlds in which a method that removes confounds is right, idle or wrong.
EFFECTS: Mapping[str, Effects] = {
    "default": AGEING,
    "no confound": Effects(),
    "variance only": Effects(
        age=Effect(variance=0.25), sex=Effect(variance=0.15), site=Effect(variance=0.25)
    ),
    "label with site": replace(AGEING, label=Effect(mean=0.3, tuning=0.2), label_site=0.8),
}


@dataclass(frozen=True)
class World:
    """A world: seeds, senses, brains, noise, people and what is shown.

    Attributes
    ----------
    name : str
    seed : int
    explainable : float
        Share of a single trial's response variance that the picture explains, median over voxels,
        as a general linear model with the mean HRF estimates the response.
    response : float
        Mean response to a picture, per cent of the baseline.
    contrast : float
        SD of the response over pictures, per cent of the baseline.
    early, ventral : Shares
    ages : (float, float)
        Youngest and oldest.
    sites : tuple of str
    """

    name: str
    seed: int
    explainable: float
    response: float = 1.0
    contrast: float = 0.4
    early: Shares = Shares(edges=0.55, statistics=0.15, attributes=0.0, hidden=0.3, motion=0.3)
    ventral: Shares = Shares(edges=0.05, statistics=0.2, attributes=0.43, hidden=0.32, motion=0.1)
    bank: Bank = Bank()
    cortex: Cortex = Cortex()
    hrf: Hrf = Hrf()
    noise: Noise = Noise()
    effects: Effects = field(default=AGEING)
    schedule: Schedule = Schedule()
    ages: tuple[float, float] = (18.0, 80.0)
    sites: tuple[str, ...] = ("A", "B", "C")


REALISTIC = World("realistic", seed=3001, explainable=0.12)
WORLDS: Mapping[str, World] = {
    "realistic": REALISTIC,
    "easy": replace(REALISTIC, name="easy", seed=3002, explainable=0.35),
    "hard": replace(
        REALISTIC,
        name="hard",
        seed=3003,
        explainable=0.04,
        noise=replace(REALISTIC.noise, inside=0.7, spike_rate=0.02, gain=0.2),
    ),
    "world-B": replace(
        REALISTIC,
        name="world-B",
        seed=4001,
        bank=Bank(
            filters="log-gabor",
            wavelengths=(5.0, 10.0, 20.0),
            n_orientations=6,
            colours=("luminance", "red-green", "blue-yellow"),
            semisaturation=0.3,
            exponent=0.4,
            rectifier="square",
            n_hidden=9,
            speeds=(1.5, 3.0),
        ),
        cortex=replace(REALISTIC.cortex, rho=0.3),
    ),
    "minimal": replace(
        REALISTIC,
        name="minimal",
        seed=2001,
        # .2 is left where HRFs differ, attention lapses and pictures come again.
        explainable=0.24,
        early=Shares(edges=0.6, statistics=0.15, attributes=0.0, hidden=0.25, motion=0.3),
        ventral=Shares(edges=0.05, statistics=0.15, attributes=0.55, hidden=0.25, motion=0.1),
        cortex=replace(REALISTIC.cortex, smoothness=0.1),
        noise=replace(REALISTIC.noise, session=0.0, session_scale=0.0),
        schedule=replace(REALISTIC.schedule, n_sessions=1, n_runs=20),
    ),
}


def fingerprint(world: World) -> str:
    """Return the SHA-256 of all parameters."""
    text = json.dumps(asdict(world), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def named(name: str, effects: str = "default") -> World:
    """Return a preset world, with one of the named sets of demographic effects.

    Raises
    ------
    ConfigError
        Where there is no such preset.
    """
    for wanted, known in ((name, WORLDS), (effects, EFFECTS)):
        if wanted not in known:
            raise ConfigError(f"world: must be one of {', '.join(known)}; got {wanted!r}")
    return replace(WORLDS[name], effects=EFFECTS[effects])
