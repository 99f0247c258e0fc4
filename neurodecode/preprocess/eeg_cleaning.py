"""What is cleaned without labels: bad channels, artefact components, bad epochs.

Bad channels by amplitude and by correlation: two criteria of the PREP pipeline (Bigdely-Shamlo et
al. 2015, Frontiers in Neuroinformatics 9, 16). Components: ICLabel (Pion-Tonachini et al. 2019,
NeuroImage 198, 181), or their correlation with frontal channels. Epochs: autoreject (Jas et al.
2017, NeuroImage 159, 417).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurodecode.errors import ConfigError, DataError

__all__ = ["Repaired", "bad_channels", "remove_components", "repair_epochs"]

Double = NDArray[np.float64]
SEED = 1
"""Of ICA and autoreject: the same recording is cleaned in the same way, whatever the run's seed."""
LEAST_R = 0.4
LEAST_CERTAIN = 0.7
LEAST_LIKE = 0.7
"""Correlation with a frontal channel, between 1 and 10 Hz, from which a component is an eye's."""
ARTEFACTS = ("muscle artifact", "eye blink", "heart beat", "line noise", "channel noise")
FRONTAL = ("Fp1", "Fpz", "Fp2", "AF7", "AF8")
FEWEST_EPOCHS = 10
INTERPOLATED = 2
"""Autoreject's label of a channel that it interpolated."""


def bad_channels(signal: Double, sfreq: float, most: float) -> NDArray[np.bool_]:
    """Find channels that are flat, far from the others' amplitude, or like none of the others.

    Parameters
    ----------
    signal : float64 (n_channels, n_times)
        Band-pass filtered, before any average reference.
    sfreq : float
    most : float
        Robust z of the amplitude (a normal's standard deviation by its quartiles), either side.

    Returns
    -------
    bool (n_channels,)
    """
    low, high = np.percentile(signal, [25, 75], axis=1)
    amplitude = 0.7413 * (high - low)
    flat = amplitude <= 1e-12 * np.median(amplitude)
    middle = np.median(amplitude[~flat]) if not flat.all() else 1.0
    low, high = np.percentile(amplitude[~flat], [25, 75]) if not flat.all() else (0.0, 1.0)
    far = np.abs(amplitude - middle) > most * max(0.7413 * (high - low), 1e-12 * middle)
    n = max(1, round(sfreq))
    windows = [signal[:, k : k + n] for k in range(0, signal.shape[1] - n + 1, n)]
    likeness = []
    for window in windows:
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.nan_to_num(np.abs(np.corrcoef(window)))
        np.fill_diagonal(r, 0)
        likeness.append(np.percentile(r, 98, axis=1))
    alone = np.median(likeness, axis=0) < LEAST_R if likeness else np.zeros(len(signal), bool)
    bad: NDArray[np.bool_] = flat | far | alone
    return bad


def remove_components(raw: Any, unfiltered: Any, how: str) -> list[str]:
    """Subtract artefact components from a run in place; returns what each one was.

    Parameters
    ----------
    raw : mne.io.Raw
        Filtered as it will be used, average reference.
    unfiltered : mne.io.Raw
        The same run as recorded: components are found from 1 Hz up, as slow drifts spoil them.
    how : {"frontal", "iclabel"}

    Raises
    ------
    ConfigError
        Where mne-icalabel is missing.
    DataError
        ``frontal``: where there is no frontal channel.
    """
    from mne.preprocessing import ICA

    if how == "iclabel":
        _require_icalabel()
    else:
        _frontal(raw)
    fitted = unfiltered.copy()
    fitted.info["bads"] = list(raw.info["bads"])
    fitted.filter(1.0, min(100.0, 0.45 * raw.info["sfreq"]), verbose="ERROR")
    fitted.set_eeg_reference("average", verbose="ERROR")
    ica = ICA(0.99, method="infomax", fit_params={"extended": True}, random_state=SEED,
              max_iter=500, verbose="ERROR")  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Version 0.24 introduced max_iter")
        ica.fit(fitted, verbose="ERROR")
    names = _labelled(fitted, ica) if how == "iclabel" else _like_frontal(fitted, ica)
    ica.exclude = sorted(names)
    ica.apply(raw, verbose="ERROR")
    return [names[k] for k in ica.exclude]


def _require_icalabel() -> None:
    try:
        import mne_icalabel  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "epochs: ica: iclabel needs the package mne-icalabel, which is not installed; install "
            "it with pip install 'neurodecode[icalabel]', or set ica: frontal"
        ) from error


def _labelled(raw: Any, ica: Any) -> dict[int, str]:
    from mne_icalabel import label_components

    with warnings.catch_warnings():
        # A recording of less than 200 Hz holds no 100 Hz; the network is used all the same.
        warnings.filterwarnings("ignore", message=".*not filtered between 1 and 100 Hz")
        found = label_components(raw, ica, method="iclabel")
    pairs = zip(found["labels"], found["y_pred_proba"], strict=True)
    return {k: n for k, (n, p) in enumerate(pairs) if n in ARTEFACTS and p >= LEAST_CERTAIN}


def _frontal(raw: Any) -> list[str]:
    there = [name for name in FRONTAL if name in raw.ch_names and name not in raw.info["bads"]]
    if not there:
        raise DataError(
            f"epochs: ica: frontal needs one of the channels {', '.join(FRONTAL)}; found "
            f"{', '.join(raw.ch_names[:10])}"
        )
    return there


def _like_frontal(raw: Any, ica: Any) -> dict[int, str]:
    found, _ = ica.find_bads_eog(
        raw, ch_name=_frontal(raw), threshold=LEAST_LIKE, measure="correlation", verbose="ERROR"
    )
    return dict.fromkeys((int(k) for k in found), "like frontal channels")


@dataclass(frozen=True)
class Repaired:
    """What autoreject did.

    Attributes
    ----------
    data : float64 (n_epochs, n_channels, n_times)
        All epochs; bad channels of good ones are interpolated.
    good : bool (n_epochs,)
    channels : int64 (n_channels,)
        In how many good epochs each channel was interpolated.
    """

    data: Double
    good: NDArray[np.bool_]
    channels: NDArray[np.int64]


def repair_epochs(epochs: Any) -> Repaired:
    """Repair or drop epochs by autoreject (local), fitted on these epochs without their labels.

    Raises
    ------
    DataError
        Where places of channels are not known, or there are too few epochs or channels.
    """
    import mne
    from autoreject import AutoReject

    n, n_channels = len(epochs), len(epochs.ch_names)
    if n < FEWEST_EPOCHS or n_channels < 5:
        raise DataError(
            f"epochs: autoreject needs {FEWEST_EPOCHS} trials and 5 channels, found {n} and "
            f"{n_channels}; set autoreject: false"
        )
    places = np.array([channel["loc"][:3] for channel in epochs.info["chs"]])
    if not (np.isfinite(places).all() and np.abs(places).sum(axis=1).all()):
        raise DataError(
            "epochs: autoreject interpolates channels, and the places of some are not known; add "
            "electrodes.tsv, or set autoreject: false"
        )
    counts = [k for k in (1, 4, 32) if k < n_channels - 1]
    data = epochs.get_data(copy=True)
    with mne.use_log_level("ERROR"):
        fitted = AutoReject(counts, cv=min(10, n), random_state=SEED, n_jobs=1, verbose=False)
        log = fitted.fit(epochs).get_reject_log(epochs)
        good = ~log.bad_epochs
        if good.any():
            data[good] = fitted.transform(epochs, reject_log=log).get_data(copy=False)
    return Repaired(data, good, (log.labels[good] == INTERPOLATED).sum(axis=0))
