"""All numbers of a virtual EEG world, as data.

`realistic` was set so that the peaks of the ERP have a few microvolts, and 72 pictures and their
six categories are told apart in single trials about as well as in Kaneshiro et al. (2015, PLoS ONE
10, e0135697: 14 % and 41 %). Then it was frozen by its hash: no decoder was tuned on it, but scores
of ridge had been seen near chance, after which the sources were raised once.
`world-B` sees with another feature bank, other seeds and less shared tuning, so that a claim made
on one can be rerun unchanged on the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from neurodecode.artifacts import hash_settings
from neurodecode.errors import ConfigError
from neurodecode.simulate.eeg_noise import EegNoise

__all__ = [
    "EEG_EFFECTS",
    "EEG_WORLDS",
    "STAGES",
    "EegEffect",
    "EegEffects",
    "EegSchedule",
    "EegWorld",
    "Stage",
    "fingerprint",
    "named_world",
]


@dataclass(frozen=True)
class Stage:
    """Sources that answer a picture together.

    Attributes
    ----------
    name : str
    peaks : (float, float)
        Time from onset at which the first and the last source peak, s.
    width : float
        SD of a source's Gaussian time course, s.
    moment : float
        Mean peak of a source, nAm; negative where the field at the nearest electrodes is.
    places : tuple of (float, float, float)
        Centres, right hemisphere, in radii of the head; sources alternate between the hemispheres.
    n_sources : int
    edges : float
        Share of the picture-specific variance that follows low-level features; the others are
        attributes. Hidden features come off both.
    specific : float
        SD over pictures of a source's peak, in units of its mean.
    latency : float
        SD over people of the latency, s.
    jitter : float
        SD over trials of the latency, s.
    """

    name: str
    peaks: tuple[float, float]
    width: float
    moment: float
    places: tuple[tuple[float, float, float], ...]
    n_sources: int
    edges: float
    specific: float
    latency: float
    jitter: float


STAGES = (
    Stage("early", (0.088, 0.118), 0.014, 14.0, ((0.22, -0.72, 0.05), (0.4, -0.66, -0.1)),
          8, 1.0, 0.7, 0.005, 0.004),
    Stage("middle", (0.145, 0.185), 0.018, -15.0, ((0.55, -0.52, -0.12), (0.45, -0.62, 0.05)),
          8, 0.5, 0.6, 0.008, 0.008),
    Stage("late", (0.20, 0.37), 0.045, 10.5, ((0.52, -0.4, -0.22), (0.25, -0.55, 0.45)),
          10, 0.0, 0.8, 0.02, 0.02),
)  # fmt: skip


@dataclass(frozen=True)
class EegEffect:
    """How one demographic variable (1 SD of it) changes a person's EEG.

    Attributes
    ----------
    mean : float
        Shift of the mean response of the sources, in units of that response.
    amplitude : float
        Change of the log amplitude of the response.
    latency : float
        Change of the latency of the late stage, s; half of it in the middle, a quarter early.
    tuning : float
        Change of the tuning, an interaction with the picture; 1 is as large as tuning itself.
    variance : float
        Change of the log SD of the noise.
    alpha_peak : float
        Change of the frequency of alpha, Hz.
    scale : float
        Change of the log scale of all values (an amplifier's).
    """

    mean: float = 0.0
    amplitude: float = 0.0
    latency: float = 0.0
    tuning: float = 0.0
    variance: float = 0.0
    alpha_peak: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True)
class EegEffects:
    """Effects of age, sex and site, and of a label that a study compares.

    ``label_site`` is how far the label follows the site: 0 not at all, 1 wholly.
    """

    age: EegEffect = EegEffect()
    sex: EegEffect = EegEffect()
    site: EegEffect = EegEffect()
    label: EegEffect = EegEffect()
    label_site: float = 0.0


@dataclass(frozen=True)
class EegSchedule:
    """What is shown when.

    Attributes
    ----------
    n_sessions : int
    train_repeats, test_repeats : int
        Over all sessions.
    soa : (float, float)
        Shortest and longest time between onsets, s.
    duration : float
        That a picture is shown, s.
    block : int
        Trials between pauses.
    pause : float
        s, also before the first and after the last trial.
    """

    n_sessions: int = 2
    train_repeats: int = 2
    test_repeats: int = 4
    soa: tuple[float, float] = (0.6, 0.8)
    duration: float = 0.2
    block: int = 80
    pause: float = 4.0


DEFAULT_NOISE = EegNoise()
# Alpha slows by .053 Hz a year (Klimesch 1999, Brain Research Reviews 29, 169): .95 Hz an SD here.
DEFAULT_EFFECTS = EegEffects(
    age=EegEffect(mean=0.15, amplitude=-0.1, latency=0.012, tuning=0.15, variance=0.05,
                  alpha_peak=-0.9),
    sex=EegEffect(mean=0.1, amplitude=0.05, tuning=0.1, variance=0.03),
    site=EegEffect(mean=0.05, tuning=0.05, variance=0.1, scale=0.1),
)  # fmt: skip
# Named strengths: the worlds in which a method that removes confounds is right, idle or wrong.
EEG_EFFECTS: Mapping[str, EegEffects] = {
    "default": DEFAULT_EFFECTS,
    "no confound": EegEffects(),
    "variance only": EegEffects(
        age=EegEffect(variance=0.2), sex=EegEffect(variance=0.1), site=EegEffect(variance=0.2)
    ),
    "label with site": replace(
        DEFAULT_EFFECTS, label=EegEffect(mean=0.2, tuning=0.2), label_site=0.8
    ),
}


@dataclass(frozen=True)
class EegWorld:
    """A world: seeds, senses, brains, noise, people and what is shown.

    Attributes
    ----------
    name : str
    seed : int
    bank : str
        Features that brains see: ``gabor`` or ``colour`` (:mod:`.eeg_features`).
    rho : float
        Share of tuning that people have in common.
    hidden : float
        Share of the picture-specific variance that no feature of the picture holds.
    amplitude : float
        SD over people of the log amplitude.
    anatomy : (float, float)
        SD over people of a source's place (radii) and of its direction (radians).
    gain : float
        SD over trials of the log gain.
    lapse : (float, float)
        Probability that attention lapses in a trial; gain meanwhile.
    noise_scale : float
        Factor on all noise but that of the sensors.
    sfreq : float
    montage : str
    ages : (float, float)
    sites : tuple of str
    line : tuple of float
        Hz, of the mains of each site.
    """

    name: str
    seed: int
    bank: str = "gabor"
    rho: float = 0.5
    hidden: float = 0.3
    amplitude: float = 0.2
    anatomy: tuple[float, float] = (0.04, 0.25)
    gain: float = 0.2
    lapse: tuple[float, float] = (0.04, 0.3)
    noise_scale: float = 1.0
    sfreq: float = 250.0
    montage: str = "biosemi32"
    noise: EegNoise = DEFAULT_NOISE
    effects: EegEffects = DEFAULT_EFFECTS
    schedule: EegSchedule = EegSchedule()
    ages: tuple[float, float] = (18.0, 80.0)
    sites: tuple[str, ...] = ("A", "B", "C")
    line: tuple[float, ...] = (50.0, 60.0, 50.0)


REALISTIC = EegWorld("realistic", seed=5001)
EEG_WORLDS: Mapping[str, EegWorld] = {
    "realistic": REALISTIC,
    "easy": replace(REALISTIC, name="easy", seed=5002, noise_scale=0.4),
    "hard": replace(REALISTIC, name="hard", seed=5003, noise_scale=1.6, gain=0.35),
    "world-B": replace(REALISTIC, name="world-B", seed=6001, bank="colour", rho=0.3),
}


def fingerprint(world: EegWorld) -> str:
    """Return a hash of all parameters of a world and of the stages of its brains."""
    return hash_settings([asdict(world), [asdict(stage) for stage in STAGES]])


def named_world(name: str, effects: str = "default") -> EegWorld:
    """Return a preset world, with one of the named sets of demographic effects.

    Raises
    ------
    ConfigError
        Where there is no such preset.
    """
    if name not in EEG_WORLDS:
        raise ConfigError(f"EEG world: must be one of {', '.join(EEG_WORLDS)}; got {name!r}")
    if effects not in EEG_EFFECTS:
        raise ConfigError(f"effects: must be one of {', '.join(EEG_EFFECTS)}; got {effects!r}")
    return replace(EEG_WORLDS[name], effects=EEG_EFFECTS[effects])
