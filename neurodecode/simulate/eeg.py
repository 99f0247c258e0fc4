"""Simulated EEG of people who see pictures.

For channel c and trial j that shows picture i at time t_j,

    y_c(t) = e_c [ sum_k L_ck g_j d_k(i) exp(-(t - t_j - p_k - s_k J_j)^2 / (2 w_k^2)) + n_c(t) ],
    d_k(i) = a_k [ b_k + v_k z_k(i) ].

k runs over dipoles of three stages whose fields overlap: early (about 100 ms, positive at the
occiput, low-level features), middle (about 165 ms, negative at the occipito-temporal electrodes,
both kinds) and late (200 to 370 ms, attributes). L is the lead field of the session's cap, e a
channel's gain in that session, p and w a source's latency and width, J_j the trial's jitter (it
moves all sources by their own SD s_k), g_j the trial's gain (attention lapses included), n the
noise of :mod:`.eeg_noise`.

z_k(i) = f(i)'w_k has unit variance over pictures; a share of it follows hidden features that no
decoding target holds. w_k = sqrt(rho) W_k + sqrt(1 - rho) u_k, and demographic variables add
tuning of their own: an interaction with the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Float, Stimuli
from neurodecode.seeds import generator
from neurodecode.simulate.eeg_features import EegFeatures
from neurodecode.simulate.eeg_noise import (
    Cause,
    NoiseTraits,
    Sources,
    draw_noise,
    noise_causes,
    noise_sources,
)
from neurodecode.simulate.eeg_world import STAGES, EegWorld
from neurodecode.simulate.people import codes
from neurodecode.simulate.scalp import Scalp, lead_field, standard_scalp, turned

__all__ = [
    "EegBrain",
    "EegSession",
    "Setup",
    "courses",
    "drive",
    "eeg_brain",
    "eeg_session",
    "eeg_sessions",
    "set_up",
    "trial_state",
    "trial_table",
]

Array = NDArray[np.float64]

RESPONSE = 0.65
OUTERMOST = 0.82
LATER = {"early": 0.25, "middle": 0.5, "late": 1.0}


@dataclass(frozen=True)
class EegBrain:
    """One person's sources; n_sources rows each.

    Attributes
    ----------
    participant_id : str
    places, moments : (n_sources, 3)
    mean, specific : (n_sources,)
        Peak of the mean response and SD over pictures of the peak, nAm.
    tuning : mapping of str to (n_sources, n_features)
        Weights of ``edges``, ``attributes`` and ``hidden`` features.
    peaks, widths, jitter : (n_sources,)
        s.
    stage : (n_sources,) of str
    traits : NoiseTraits
    ongoing : Sources
    """

    participant_id: str
    places: Array
    moments: Array
    mean: Array
    specific: Array
    tuning: dict[str, Array]
    peaks: Array
    widths: Array
    jitter: Array
    stage: NDArray[np.str_]
    traits: NoiseTraits
    ongoing: Sources


@dataclass(frozen=True)
class Setup:
    """One session's cap: electrodes, lead field (n_chans, n_sources) and causes of noise."""

    scalp: Scalp
    lead: Array
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class EegSession:
    """One continuous recording.

    Attributes
    ----------
    participant_id : str
    session : int
        From 1.
    data : float32 (n_times, n_chans)
        Microvolts, in average reference.
    events : DataFrame
        One row a trial: ``onset``, ``duration`` (s), ``sample``, ``trial``, ``stimulus``,
        ``category``, ``set``, ``run`` (block between pauses, counted over sessions), ``repeat``.
    sfreq : float
    scalp : Scalp
    line_frequency : float
        Hz, of the mains.
    """

    participant_id: str
    session: int
    data: Float
    events: pd.DataFrame
    sfreq: float
    scalp: Scalp
    line_frequency: float


def eeg_brain(world: EegWorld, person: pd.Series, features: EegFeatures) -> EegBrain:
    """Draw one person's brain.

    Parameters
    ----------
    world : EegWorld
    person : Series
        ``participant_id, age, sex, site, label``.
    features : EegFeatures
        Only the numbers of features matter.
    """
    name = str(person["participant_id"])
    rng = generator(world.seed, "brain", name)
    z = codes(world, person)
    effects = {variable: getattr(world.effects, variable) for variable in z}

    def total(kind: str) -> float:
        return float(sum(z[variable] * getattr(effects[variable], kind) for variable in z))

    per_source = _per_source()
    n = len(per_source["moment"])
    place_sd, turn_sd = world.anatomy
    places = _places() + place_sd * rng.normal(size=(n, 3))
    places *= np.minimum(1, OUTERMOST / np.linalg.norm(places, axis=1, keepdims=True))
    moments = _unit(_unit(_places()) + 0.35 * generator(world.seed, "folds").normal(size=(n, 3)))
    moments = _unit(moments + turn_sd * rng.normal(size=(n, 3)))
    gain = np.exp(world.amplitude * rng.normal() + total("amplitude") + total("scale"))
    pattern = np.exp(0.3 * rng.normal(size=n)) + sum(
        z[v] * effects[v].mean * generator(world.seed, "pattern", v).normal(size=n) for v in z
    )
    person_latency = {stage.name: stage.latency * rng.normal() for stage in STAGES}
    later = np.array([person_latency[s] + LATER[s] * total("latency") for s in _stages()])
    return EegBrain(
        participant_id=name,
        places=places,
        moments=moments,
        mean=per_source["moment"] * gain * pattern,
        specific=np.abs(per_source["moment"]) * gain * per_source["specific"],
        tuning=_tuning(world, z, features, per_source["edges"], rng),
        peaks=per_source["peak"] + later,
        widths=per_source["width"],
        jitter=per_source["jitter"],
        stage=_stages(),
        traits=_traits(world, person, total("variance"), total("scale"), total("alpha_peak"), rng),
        ongoing=noise_sources(rng),
    )


def _traits(
    world: EegWorld,
    person: pd.Series,
    variance: float,
    scale: float,
    alpha_peak: float,
    rng: np.random.Generator,
) -> NoiseTraits:
    noise = world.noise
    return NoiseTraits(
        exponent=rng.normal(*noise.exponent),
        alpha_peak=rng.normal(*noise.alpha_peak) + alpha_peak,
        alpha=noise.alpha * np.exp(noise.alpha_spread * rng.normal()),
        scale=world.noise_scale * np.exp(variance + scale),
        line_frequency=world.line[world.sites.index(str(person["site"]))],
    )


def _tuning(
    world: EegWorld,
    z: dict[str, float],
    features: EegFeatures,
    edges: Array,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Weights of each kind of feature; see the module's equation."""
    shares = {
        "edges": (1 - world.hidden) * edges,
        "attributes": (1 - world.hidden) * (1 - edges),
        "hidden": np.full(len(edges), world.hidden),
    }
    made = {}
    for kind, share in shares.items():
        size = (len(edges), getattr(features, kind).shape[1])
        weights = np.sqrt(world.rho) * generator(world.seed, "tuning", kind).normal(size=size)
        weights += np.sqrt(1 - world.rho) * rng.normal(size=size)
        added = {v: z[v] * getattr(world.effects, v).tuning for v in z}
        for variable, strength in added.items():
            own = generator(world.seed, "tuning", kind, variable).normal(size=size)
            weights += strength * own
        weights /= np.sqrt(1 + sum(strength**2 for strength in added.values()))
        made[kind] = np.sqrt(share)[:, None] * weights
    return made


def _stages() -> NDArray[np.str_]:
    return np.array([stage.name for stage in STAGES for _ in range(stage.n_sources)])


def _per_source() -> dict[str, Array]:
    """Numbers of each source, from those of its stage."""
    constant = {
        kind: np.concatenate([np.full(s.n_sources, getattr(s, kind)) for s in STAGES])
        for kind in ("moment", "width", "specific", "edges", "jitter")
    }
    peaks = [np.linspace(*stage.peaks, stage.n_sources) for stage in STAGES]
    return {**constant, "peak": np.concatenate(peaks)}


def _places() -> Array:
    """Centres of the sources: they alternate between hemispheres, then between places."""
    rows = []
    for stage in STAGES:
        for k in range(stage.n_sources):
            x, y, z = stage.places[k // 2 % len(stage.places)]
            rows.append((x if k % 2 else -x, y, z))
    return np.array(rows)


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def drive(brain: EegBrain, features: EegFeatures) -> Array:
    """Return the peak of each source's response to each picture, nAm, (n_pictures, n_sources)."""
    z = sum(getattr(features, kind) @ weights.T for kind, weights in brain.tuning.items())
    peaks: Array = brain.mean + brain.specific * z
    return peaks


def courses(brain: EegBrain, times: Array, jitter: float = 0.0) -> Array:
    """Return the sources' time courses of unit height, (n_sources, n_times), onset at 0 s."""
    peaks = brain.peaks + jitter * brain.jitter
    shape: Array = np.exp(-((times - peaks[:, None]) ** 2) / (2 * brain.widths[:, None] ** 2))
    return shape * (times >= 0)


def set_up(world: EegWorld, brain: EegBrain, session: int) -> Setup:
    """Put the cap on: electrodes, gains and impedances differ from session to session."""
    rng = generator(world.seed, "cap", brain.participant_id, session)
    noise, standard = world.noise, standard_scalp(world.montage)
    scalp = turned(standard, noise.cap * rng.normal(size=3))
    gains = np.exp(noise.gain * rng.normal(size=(len(scalp), 1)))
    causes = noise_causes(noise, brain.traits, brain.ongoing, scalp, rng)
    amplified = tuple(replace(cause, mixing=gains * cause.mixing) for cause in causes)
    return Setup(scalp, gains * lead_field(scalp, brain.places, brain.moments), amplified)


def trial_table(table: pd.DataFrame, world: EegWorld, person: str, session: int) -> pd.DataFrame:
    """Return the events of one session; see :class:`EegSession`.

    Repeat ``r`` of ``R`` falls in session ``1 + r n_sessions // R``.
    """
    schedule = world.schedule
    rng = generator(world.seed, "trials", person, session)
    parts = []
    for name, n_repeats in (("train", schedule.train_repeats), ("test", schedule.test_repeats)):
        pictures = table[table["set"] == name]
        for repeat in range(n_repeats):
            if repeat * schedule.n_sessions // n_repeats == session - 1:
                shuffled = pictures.iloc[rng.permutation(len(pictures))]
                parts.append(shuffled[["id", "category", "set"]].assign(repeat=repeat))
    events = pd.concat(parts, ignore_index=True).rename(columns={"id": "stimulus"})
    events = events.iloc[rng.permutation(len(events))].reset_index(drop=True)
    block = np.arange(len(events)) // schedule.block
    n_blocks = int(block[-1]) + 1
    gaps = rng.uniform(*schedule.soa, len(events))
    gaps[np.diff(block, prepend=-1) > 0] = schedule.pause
    samples = np.round(np.cumsum(gaps) * world.sfreq).astype(int)
    trials = [f"ses-{session}_{k:04d}" for k in range(len(events))]
    timing = {"onset": samples / world.sfreq, "duration": schedule.duration, "sample": samples,
              "trial": trials}  # fmt: skip
    run = block + (session - 1) * n_blocks
    return pd.concat([pd.DataFrame(timing), events.assign(run=run)], axis=1)


def eeg_session(
    world: EegWorld, brain: EegBrain, stimuli: Stimuli, features: EegFeatures, session: int
) -> EegSession:
    """Record one session.

    Parameters
    ----------
    world : EegWorld
    brain : EegBrain
    stimuli : Stimuli
        ``set`` is ``train`` or ``test``.
    features : EegFeatures
        Of ``stimuli``.
    session : int
        From 1.
    """
    setup = set_up(world, brain, session)
    events = trial_table(stimuli.table, world, brain.participant_id, session)
    rng = generator(world.seed, "recording", brain.participant_id, session)
    row = {name: k for k, name in enumerate(features.ids)}
    peaks = drive(brain, features)[[row[name] for name in events["stimulus"]]]
    gains, jitter = trial_state(world, len(events), rng)
    n_times = int(events["sample"].iloc[-1] + world.schedule.pause * world.sfreq)
    active = np.zeros((n_times, len(brain.peaks)), np.float32)
    times = np.arange(int(RESPONSE * world.sfreq)) / world.sfreq
    for start, peak, gain, late in zip(events["sample"], peaks, gains, jitter, strict=True):
        active[start : start + len(times)] += (gain * peak * courses(brain, times, late).T).astype(
            np.float32
        )
    data = active @ setup.lead.T.astype(np.float32)
    data += draw_noise(setup.causes, n_times, world.sfreq, rng)
    return EegSession(
        brain.participant_id,
        session,
        data,
        events,
        world.sfreq,
        setup.scalp,
        brain.traits.line_frequency,
    )


def trial_state(world: EegWorld, n_trials: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw each trial's gain, and its jitter in SDs."""
    chance, weak = world.lapse
    gains = np.exp(world.gain * rng.normal(size=n_trials))
    lapsed = rng.random(n_trials) < chance
    return np.where(lapsed, weak, gains), rng.normal(size=n_trials)


def eeg_sessions(
    world: EegWorld, person: pd.Series, stimuli: Stimuli, features: EegFeatures
) -> Iterator[EegSession]:
    """Record all sessions of one person, one at a time in memory."""
    brain = eeg_brain(world, person, features)
    for session in range(1, world.schedule.n_sessions + 1):
        yield eeg_session(world, brain, stimuli, features, session)
