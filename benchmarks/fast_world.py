"""A world of a few milliseconds: features in, responses of a known signal-to-noise ratio out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurodecode.embed.ridge import RidgeDecoder

N_TRAIN, N_TEST, N_REPEATS, N_UNITS, D = 80, 40, 2, 60, 12


@dataclass(frozen=True)
class World:
    """Trials of all stimuli, the last ``N_TEST`` tested.

    Attributes
    ----------
    X : float32 (n_trials, n_units)
    features : float32 (n_stimuli, d)
    stimulus : int64 (n_trials,)
    """

    X: NDArray[np.float32]
    features: NDArray[np.float32]
    stimulus: NDArray[np.int64]

    @property
    def test(self) -> NDArray[np.bool_]:
        """Which trials are tested, (n_trials,)."""
        return self.stimulus >= N_TRAIN

    def decoded(self) -> NDArray[np.float32]:
        """Decode the test stimuli, repeats averaged after decoding, (N_TEST, d)."""
        train = ~self.test
        decoder = RidgeDecoder(("t",)).fit(
            self.X[train],
            {"t": self.features[self.stimulus[train]]},
            labels=np.full(train.sum(), ""),
            groups=self.stimulus[train].astype(str),
        )
        trials = decoder.predict(self.X[self.test])["t"]
        at = self.stimulus[self.test]
        return np.stack([trials[at == s].mean(axis=0) for s in range(N_TRAIN, N_TRAIN + N_TEST)])


def world(
    seed: int,
    snr: float,
    features: NDArray[np.float32] | None = None,
    carried: NDArray[np.float32] | None = None,
) -> World:
    """Draw a world.

    Parameters
    ----------
    seed : int
    snr : float
        Variance of the signal over that of the noise, of a single trial.
    features : (n_stimuli, d), optional
        What decoders aim at; drawn where left out.
    carried : (n_stimuli, d), optional
        What the responses carry; the features where left out.
    """
    rng = np.random.default_rng(seed)
    n = N_TRAIN + N_TEST
    if features is None:
        features = rng.normal(size=(n, D)).astype(np.float32)
    carried = features if carried is None else carried
    stimulus = np.tile(np.arange(n), N_REPEATS)
    signal = carried @ rng.normal(size=(carried.shape[1], N_UNITS))
    signal /= signal.std()
    noise = rng.normal(size=(len(stimulus), N_UNITS))
    X = np.sqrt(snr) * signal[stimulus] + noise
    return World(X.astype(np.float32), features, stimulus)
