"""What an EEG amplifier records beside the response to a picture.

Every cause is a :class:`Cause`: independent sources of one power spectrum S(f), mixed by M into the
channels. What is recorded through a filter H has the covariance, between channels and over a lag,

    sum over causes  M M' R(lag),   R(lag) = integral of S(f) |H(f)|^2 cos(2 pi f lag) df,

which :func:`covariance` evaluates and the oracle decoder relies on.

- background: 1/f activity, S ~ 1 / (knee^x + f^x) (Donoghue et al. 2020, Nature Neuroscience 23,
  1655), of dipoles all over the brain;
- alpha: a Gaussian peak, of parieto-occipital dipoles;
- blinks: pulses at random times, strongest at the forehead;
- muscle: around 60 Hz, in bursts over a weak constant tone, strongest at the temples;
- line: a sine of 50 or 60 Hz with an amplitude and phase for each channel;
- sensor: white noise and slow drift, independent between channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from neurodecode.simulate.scalp import Scalp, lead_field

__all__ = [
    "Blinks",
    "Cause",
    "EegNoise",
    "Line",
    "Muscle",
    "NoiseTraits",
    "Sources",
    "Stationary",
    "covariance",
    "draw_noise",
    "noise_causes",
    "noise_sources",
]

Array = NDArray[np.float64]

KNEE = 0.2
TOP = 125.0
FINEST = 0.02
N_BACKGROUND = 60
N_ALPHA = 8
BLINK = 0.35
BURST = (0.4, 1.2)


@dataclass(frozen=True)
class EegNoise:
    """Strengths, as root mean squares in microvolts where not said otherwise.

    Attributes
    ----------
    background, alpha, line : float
        Over all channels.
    exponent : (float, float)
        Of the background's spectrum: mean and SD over people.
    alpha_peak : (float, float)
        Hz: mean (at the mean age) and SD over people.
    alpha_width : float
        SD of the peak, Hz.
    alpha_spread : float
        SD of the log strength of alpha over people.
    sensor, drift : float
        White noise and slow drift of a channel.
    blinks : (float, float)
        A minute; height at the forehead.
    muscle : (float, float, float)
        Bursts a minute; at the temples, in a burst and between bursts.
    impedance : float
        SD of the log sensor noise over channels, drawn anew in each session.
    gain : float
        SD of the log gain of a channel, drawn anew in each session.
    cap : float
        SD of the turn of the cap about each axis, drawn anew in each session, radians.
    """

    background: float = 7.0
    alpha: float = 5.0
    line: float = 2.0
    exponent: tuple[float, float] = (1.2, 0.15)
    alpha_peak: tuple[float, float] = (9.4, 0.6)
    alpha_width: float = 0.8
    alpha_spread: float = 0.4
    sensor: float = 1.5
    drift: float = 6.0
    blinks: tuple[float, float] = (12.0, 120.0)
    muscle: tuple[float, float, float] = (4.0, 12.0, 2.0)
    impedance: float = 0.4
    gain: float = 0.08
    cap: float = 0.03


@dataclass(frozen=True)
class NoiseTraits:
    """One person's noise.

    Attributes
    ----------
    exponent, alpha_peak, alpha : float
        Of the background; Hz; microvolts.
    scale : float
        Factor on everything that the person makes.
    line_frequency : float
        Hz, of the person's site.
    """

    exponent: float
    alpha_peak: float
    alpha: float
    scale: float
    line_frequency: float


@dataclass(frozen=True)
class Sources:
    """Dipoles of one person's ongoing activity: places and moments, both (n, 3)."""

    background: tuple[Array, Array]
    alpha: tuple[Array, Array]


@dataclass(frozen=True)
class Cause(ABC):
    """Independent sources of one spectrum and their mixing into the channels.

    Attributes
    ----------
    name : str
    mixing : (n_chans, n_sources)
        Microvolts at a channel of a source of unit variance.
    """

    name: str
    mixing: Array

    @abstractmethod
    def density(self, frequencies: Array) -> Array:
        """One-sided power spectral density of a source, 1/Hz, at frequencies above 0."""

    @abstractmethod
    def draw(self, n_times: int, sfreq: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return sources (n_sources, n_times)."""


@dataclass(frozen=True)
class Stationary(Cause):
    """Gaussian noise of any spectrum; ``shape`` is normalised to unit variance below 125 Hz."""

    shape: Callable[[Array], Array]

    def density(self, frequencies: Array) -> Array:
        grid = np.arange(FINEST / 2, TOP, FINEST)
        inside = (frequencies > 0) & (frequencies <= TOP)
        density: Array = inside * self.shape(frequencies) / (self.shape(grid).sum() * FINEST)
        return density

    def draw(self, n_times: int, sfreq: float, rng: np.random.Generator) -> NDArray[np.float32]:
        n = next_fast_len(n_times, real=True)
        white = rng.standard_normal((self.mixing.shape[1], n), dtype=np.float32)
        weight = np.sqrt(self.density(rfftfreq(n, 1 / sfreq)) * sfreq / 2).astype(np.float32)
        drawn: NDArray[np.float32] = irfft(rfft(white, axis=1) * weight, n, axis=1)[:, :n_times]
        return drawn


@dataclass(frozen=True)
class Blinks(Cause):
    """Pulses sin^2 of ``BLINK`` seconds at random times, ``rate`` a second; see Cause.

    The height varies by 20 %; a source's variance is not 1 but that of unit pulses.
    """

    rate: float

    def density(self, frequencies: Array) -> Array:
        t = np.linspace(0, BLINK, 201)[:-1]
        phase = np.exp(-2j * np.pi * np.outer(frequencies, t))
        pulse = np.abs(phase @ np.sin(np.pi * t / BLINK) ** 2) * (t[1] - t[0])
        density: Array = 2 * self.rate * (1 + 0.2**2) * pulse**2
        return density

    def draw(self, n_times: int, sfreq: float, rng: np.random.Generator) -> NDArray[np.float32]:
        lids = np.zeros(n_times, np.float32)
        width = int(BLINK * sfreq)
        for start in rng.integers(-width, n_times, rng.poisson(self.rate * n_times / sfreq)):
            inside = np.arange(max(start, 0), min(start + width, n_times))
            phase = np.pi * (inside - start) / sfreq / BLINK
            lids[inside] += np.sin(phase) ** 2 * rng.normal(1, 0.2)
        return lids[None]


@dataclass(frozen=True)
class Muscle(Cause):
    """Noise around 60 Hz, ``tone`` always and ``burst`` in ``rate`` bursts a second."""

    rate: float
    tone: float
    burst: float

    def _carrier(self) -> Stationary:
        return Stationary(self.name, self.mixing, lambda f: np.exp(-((f - 60) ** 2) / (2 * 20**2)))

    def density(self, frequencies: Array) -> Array:
        busy = self.rate * sum(BURST) / 2
        power = self.tone**2 + busy * self.burst**2
        return power * self._carrier().density(frequencies)

    def draw(self, n_times: int, sfreq: float, rng: np.random.Generator) -> NDArray[np.float32]:
        power = np.full((self.mixing.shape[1], n_times), self.tone**2, np.float32)
        for source in power:
            for start in rng.integers(0, n_times, rng.poisson(self.rate * n_times / sfreq)):
                source[start : start + int(rng.uniform(*BURST) * sfreq)] += self.burst**2
        carrier = self._carrier().draw(n_times, sfreq, rng)
        return np.asarray(np.sqrt(power) * carrier, np.float32)


@dataclass(frozen=True)
class Line(Cause):
    """A sine and a cosine of the mains' frequency, outside of any band that is analysed."""

    frequency: float

    def density(self, frequencies: Array) -> Array:
        return np.zeros_like(frequencies)

    def draw(self, n_times: int, sfreq: float, rng: np.random.Generator) -> NDArray[np.float32]:
        phase = 2 * np.pi * (self.frequency * np.arange(n_times) / sfreq + rng.random())
        return np.asarray(np.sqrt(2) * np.stack([np.sin(phase), np.cos(phase)]), np.float32)


def noise_sources(rng: np.random.Generator) -> Sources:
    """Draw one person's dipoles of ongoing activity."""
    directions, moments = (_unit(rng.normal(size=(N_BACKGROUND, 3))) for _ in range(2))
    places = directions * rng.uniform(0.3, 0.8, (N_BACKGROUND, 1))
    parietal = np.array([0.0, -0.62, 0.3]) + rng.normal(scale=(0.3, 0.1, 0.15), size=(N_ALPHA, 3))
    outward = _unit(_unit(parietal) + 0.5 * rng.normal(size=(N_ALPHA, 3)))
    parietal *= np.minimum(1, 0.8 / np.linalg.norm(parietal, axis=1, keepdims=True))
    return Sources((places, moments), (parietal, outward))


def noise_causes(
    noise: EegNoise, traits: NoiseTraits, sources: Sources, scalp: Scalp, rng: np.random.Generator
) -> tuple[Cause, ...]:
    """Return the causes of one person's noise under one session's cap.

    Parameters
    ----------
    rng : numpy Generator
        Of the session: channel gains are the caller's; impedances and the mains' coupling are
        drawn here.
    """
    n = len(scalp)
    knee, exponent = KNEE**traits.exponent, traits.exponent
    peak, width = traits.alpha_peak, noise.alpha_width
    rate, height = noise.blinks
    bursts, burst, tone = noise.muscle
    channels = np.exp(noise.impedance * rng.normal(size=n))
    coupling = rng.normal(size=(n, 2)) + rng.normal(size=(1, 2))
    scale = traits.scale
    return (
        Stationary(
            "background",
            scale * noise.background * _level(lead_field(scalp, *sources.background)),
            lambda f: 1 / (knee + f**exponent),
        ),
        Stationary(
            "alpha",
            scale * traits.alpha * _level(lead_field(scalp, *sources.alpha)),
            lambda f: np.exp(-((f - peak) ** 2) / (2 * width**2)),
        ),
        Blinks("blinks", scale * height * _bump(scalp, ((0.35, 0.9, -0.2), (-0.35, 0.9, -0.2)), 0.6)
               .sum(axis=1, keepdims=True), rate / 60),
        Muscle("muscle", scale * _bump(scalp, ((1, 0.2, -0.2), (-1, 0.2, -0.2)), 0.5),
               bursts / 60, tone, burst),
        Line("line", noise.line * _level(coupling), traits.line_frequency),
        Stationary("sensor", noise.sensor * np.diag(channels), np.ones_like),
        Stationary("drift", noise.drift * np.diag(channels), lambda f: 1 / (0.02**2 + f**2)),
    )  # fmt: skip


def draw_noise(
    causes: Sequence[Cause], n_times: int, sfreq: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the sum of all causes, microvolts, (n_times, n_chans)."""
    total = np.zeros((len(causes[0].mixing), n_times), np.float32)
    for cause in causes:
        total += cause.mixing.astype(np.float32) @ cause.draw(n_times, sfreq, rng)
    return np.asarray(total.T, np.float32)


def covariance(
    causes: Sequence[Cause], lags: Array, passes: Callable[[Array], Array]
) -> NDArray[np.float64]:
    """Return the covariance (n_lags, n_chans, n_chans) of the filtered noise, microvolts squared.

    Parameters
    ----------
    causes : sequence of Cause
    lags : (n_lags,)
        Seconds.
    passes : callable
        Gain |H(f)| of the filter.
    """
    grid = np.arange(FINEST / 2, TOP, FINEST)
    waves = np.cos(2 * np.pi * np.outer(lags, grid)) * (passes(grid) ** 2 * FINEST)
    total = np.zeros((len(lags), *(len(causes[0].mixing),) * 2))
    for cause in causes:
        over_time = waves @ cause.density(grid)
        total += over_time[:, None, None] * (cause.mixing @ cause.mixing.T)
    return total


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _level(mixing: Array) -> Array:
    """Scale a mixing so that the variance, averaged over channels, is 1."""
    level: Array = mixing / np.sqrt((mixing**2).sum(axis=1).mean())
    return level


def _bump(scalp: Scalp, centres: tuple[tuple[float, float, float], ...], width: float) -> Array:
    """Fields (n_chans, n_centres) that fall off from places on the head; the highest is 1."""
    towards = _unit(np.array(centres, dtype=float))
    angle = np.arccos(np.clip(scalp.directions @ towards.T, -1, 1))
    fields = np.exp(-(angle**2) / (2 * width**2))
    fields -= fields.mean(axis=0)
    return np.asarray(fields / fields.max(axis=0))
