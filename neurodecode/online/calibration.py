"""Fitting a decoder on a recording with kinematics, and the folder that a session starts from.

The folder holds the decoder (``decoder.safetensors``, ``decoder.json``) and what its features
learned (``features.safetensors``); the card's ``facts`` say what stream it fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from neurodecode.artifacts import begin, hash_file, load_arrays, save_arrays
from neurodecode.errors import ConfigError, DataError
from neurodecode.online.decoded import Array, StreamDecoder
from neurodecode.online.demo import flint2012
from neurodecode.online.dkf import DiscriminativeKalmanFilter
from neurodecode.online.features import Chain, build_chain
from neurodecode.online.files import CARD, load_card, load_decoder, save_decoder
from neurodecode.online.kalman import KalmanFilter, SteadyKalmanFilter
from neurodecode.online.recorded import Recorded, read_recorded
from neurodecode.online.regressors import KernelRidge, LinearRidge, NadarayaWatson
from neurodecode.online.scoring import angular_error, nrmse
from neurodecode.online.settings import FeatureSettings
from neurodecode.online.stream import Chunk

__all__ = [
    "DECODERS",
    "DEMO",
    "Ready",
    "Training",
    "binned",
    "calibrate",
    "load_ready",
    "read_training",
    "recording_of",
    "save_ready",
]

DECODERS: dict[str, Callable[[], StreamDecoder]] = {
    "kalman": KalmanFilter,
    "kalman-steady": SteadyKalmanFilter,
    "dkf": lambda: DiscriminativeKalmanFilter(LinearRidge()),
    "dkf-nw": lambda: DiscriminativeKalmanFilter(NadarayaWatson()),
    "dkf-kernel": lambda: DiscriminativeKalmanFilter(KernelRidge()),
}
"""Decoders by name; those with kernels are for few features, say ten components."""
DEMO = "flint2012"
"""Name of the recording that ships."""
CHAIN = "features.safetensors"
HELD_OUT = 0.2


@dataclass(frozen=True)
class Training:
    """A recording and what the hand did.

    Attributes
    ----------
    recorded : Recorded
    kinematics : (n_samples, d)
        What is to be decoded, say a velocity, at each sample.
    """

    recorded: Recorded
    kinematics: Array


@dataclass(frozen=True)
class Ready:
    """All that a session needs to decode.

    Attributes
    ----------
    decoder, chain : StreamDecoder, Chain
        Fitted.
    features : FeatureSettings
        What the chain was built from.
    sfreq, channels : float, tuple of str
        Of the streams that it fits.
    scores : dict of str to float
        ``nrmse`` and, for two dimensions, ``angle`` on the last fifth, decoded by what was fitted
        on the rest.
    """

    decoder: StreamDecoder
    chain: Chain
    features: FeatureSettings
    sfreq: float
    channels: tuple[str, ...]
    scores: dict[str, float]


def recording_of(name: str) -> Recorded:
    """The recording of a file, or the one that ships.

    Raises
    ------
    DataError
        Where the file is missing or damaged.
    """
    return read_training(name).recorded if name == DEMO else read_recorded(Path(name))


def read_training(name: str, channels: tuple[str, ...] = ()) -> Training:
    """A recording with kinematics: ``flint2012``, or a file.

    An ``.npz`` file holds ``data`` (n_samples, n_channels), ``sfreq``, ``kinematics``
    (n_samples, d). Of any recording, ``channels`` may name those that hold the kinematics.

    Raises
    ------
    DataError
        Where the file is missing, damaged, or lacks kinematics.
    """
    if name == DEMO:
        motor = flint2012()
        n_times, n_channels = motor.features.shape
        names = tuple(f"pc{i + 1}" for i in range(n_channels))
        times, sfreq = motor.bin_width * np.arange(n_times, dtype=np.float64), 1 / motor.bin_width
        return Training(Recorded(motor.features, times, sfreq, names), motor.velocity)
    path = Path(name)
    if channels:
        return _among_channels(path, read_recorded(path), channels)
    if path.suffix != ".npz":
        raise DataError(
            f"{path}: needs an .npz file with data, sfreq and kinematics, or {DEMO}; a study may "
            "name the channels that hold the kinematics instead"
        )
    recorded = read_recorded(path)
    with np.load(path, allow_pickle=False) as file:
        if "kinematics" not in file:
            raise DataError(
                f"{path}: array kinematics (n_samples, d) missing; found {', '.join(file.files)}"
            )
        kinematics = np.asarray(file["kinematics"], dtype=np.float64)
    if kinematics.ndim != 2 or len(kinematics) != len(recorded.data):
        raise DataError(
            f"{path}: kinematics must be ({len(recorded.data)}, d), one row a sample, got "
            f"{kinematics.shape}"
        )
    return Training(recorded, kinematics)


def _among_channels(path: Path, recorded: Recorded, channels: tuple[str, ...]) -> Training:
    """Take the named channels out of a recording: they are what the body did."""
    absent = [name for name in channels if name not in recorded.channels]
    rest = [i for i, name in enumerate(recorded.channels) if name not in channels]
    if absent or not rest:
        raise DataError(
            f"{path}: channels {', '.join(absent or channels)} "
            f"{'are not among' if absent else 'are all of'} its channels: "
            f"{', '.join(recorded.channels[:20])}"
        )
    at = [recorded.channels.index(name) for name in channels]
    neural = replace(
        recorded, data=recorded.data[:, rest], channels=tuple(recorded.channels[i] for i in rest)
    )
    return Training(neural, recorded.data[:, at])


def calibrate(training: Training, features: FeatureSettings, kind: str) -> Ready:
    """Fit features and decoder; the score is of a fit that has not seen what it is scored on.

    Raises
    ------
    ConfigError
        Where no such decoder is known, or the features do not suit the recording.
    DataError
        Where the recording is too short.
    """
    if kind not in DECODERS:
        raise ConfigError(f"decoder must be one of {', '.join(DECODERS)}, got {kind!r}")
    n_train = round((1 - HELD_OUT) * len(training.recorded.data))
    chain, X, Z = binned(training, features, n_train)
    n_bins = n_train // chain.n_in_bin
    tried = DECODERS[kind]().fit(X[:n_bins], Z[:n_bins]).predict(X).mean
    scores = {"nrmse": nrmse(tried[n_bins:], Z[n_bins:])}
    if Z.shape[1] == 2:
        scores["angle"] = angular_error(tried[n_bins:], Z[n_bins:])
    chain, X, Z = binned(training, features, len(training.recorded.data))
    recorded = training.recorded
    decoder = DECODERS[kind]().fit(X, Z)
    return Ready(decoder, chain, features, recorded.sfreq, recorded.channels, scores)


def binned(
    training: Training, settings: FeatureSettings, n_train: int
) -> tuple[Chain, Array, Array]:
    """A chain fitted on the first samples; vectors and mean kinematics of all bins.

    Parameters
    ----------
    training : Training
    settings : FeatureSettings
    n_train : int
        Samples from which the features may learn.
    """
    recorded = training.recorded
    chain = build_chain(settings, recorded.sfreq, recorded.data.shape[1])
    chain.fit(recorded.data[:n_train])
    X = np.array(
        [v.values for v in chain.step(Chunk(recorded.data, recorded.times, recorded.times))]
    )
    chain.reset()
    whole = training.kinematics[: len(X) * chain.n_in_bin]
    return chain, X, whole.reshape(len(X), chain.n_in_bin, -1).mean(axis=1)


def save_ready(folder: Path, ready: Ready) -> None:
    """Write the folder; its card comes last.

    Raises
    ------
    OutputError
        Where the file system refuses.
    """
    begin(folder / CARD)
    save_arrays(folder / CHAIN, ready.chain.state())
    facts = {
        "features": ready.features.model_dump(mode="json"),
        "features_sha256": hash_file(folder / CHAIN),
        "sfreq": ready.sfreq,
        "channels": list(ready.channels),
        "scores": ready.scores,
    }
    save_decoder(folder, ready.decoder, facts)


def load_ready(folder: Path) -> Ready:
    """Read the folder of :func:`save_ready`.

    Raises
    ------
    DataError
        Where something is missing, damaged or altered.
    """
    decoder, facts = load_decoder(folder), load_card(folder)["facts"]
    try:
        features = FeatureSettings.model_validate(facts["features"])
        sfreq, channels = float(facts["sfreq"]), tuple(map(str, facts["channels"]))
        scores, known = dict(facts["scores"]), facts["features_sha256"]
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise DataError(
            f"{folder / CARD}: facts of the stream are missing or damaged ({error!r}). Make the "
            "folder with `neurodecode calibrate`."
        ) from error
    if hash_file(folder / CHAIN) != known:
        raise DataError(f"{folder / CHAIN}: not the file that {CARD} names. Calibrate again.")
    chain = build_chain(features, sfreq, len(channels))
    chain.restore(load_arrays(folder / CHAIN))
    return Ready(decoder, chain, features, sfreq, channels, scores)
