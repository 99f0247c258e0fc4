"""What an fMRI recording is like: signal of each voxel over time, motion of each volume.

===========  =====================================================================================
``voxels``   ``unit, x, y, z, vertices, mean, tsnr, ceiling``: of each voxel or vertex
``volumes``  ``run, time, fd, dvars, kept``: of each volume
===========  =====================================================================================
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import Recording, Responses
from neurodecode.preprocess.noise_ceiling import repeated, variance_components

__all__ = ["framewise_displacement", "tsnr", "volume_table", "voxel_table"]

Double = NDArray[np.float64]
HEAD = 50.0
"""Radius of the sphere that stands for a head, mm (Power et al. 2012)."""
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


def voxel_table(recording: Recording, responses: Responses) -> pd.DataFrame:
    """Return each voxel's mean signal, temporal SNR and noise ceiling.

    The ceiling is the share of variance of a mean over repeats that the stimulus explains; NaN
    where nothing was shown twice, or the estimator made other units.
    """
    places = [name for name in ("x", "y", "z", "vertices") if name in recording.units]
    table = recording.units[["unit", *places]].reset_index(drop=True)
    table["mean"], table["tsnr"] = tsnr(recording)
    trials = responses.trials
    shown = np.where(trials["stimulus"] != "", trials["stimulus"], trials["category"]).astype(str)
    arranged = repeated(responses.data, shown)
    ceilings = np.full(responses.data.shape[1], np.nan)
    if len(arranged) > 2:
        ceilings = variance_components(arranged).values
    known = dict(zip(responses.units["unit"], ceilings, strict=True))
    table["ceiling"] = table["unit"].map(known).astype(float)
    return table


def tsnr(recording: Recording) -> tuple[Double, Double]:
    """Return mean and temporal SNR of each unit (n_units,), the mean over runs.

    SNR is the mean over the standard deviation of what a straight line leaves; volumes that are
    not to be used are left out. NaN where the signal was centred before or never changes.
    """
    means, ratios = [], []
    for run in np.unique(recording.runs):
        rows = recording.runs == run
        if recording.kept is not None:
            rows &= recording.kept
        if rows.sum() < 3:
            continue
        signal, times = recording.data[rows].astype(float), recording.times[rows]
        line = np.column_stack([np.ones(len(times)), times - times.mean()])
        left = signal - line @ np.linalg.lstsq(line, signal, rcond=None)[0]
        sd = np.sqrt((left**2).sum(axis=0) / (len(times) - 2))
        mean = signal.mean(axis=0)
        known = (mean > 0) & (sd > 1e-6 * np.abs(mean))
        means.append(mean)
        ratios.append(np.where(known, mean / np.where(known, sd, 1), np.nan))
    if not means:
        nothing = np.full(recording.data.shape[1], np.nan)
        return nothing, nothing
    return np.mean(means, axis=0), np.mean(ratios, axis=0)


def volume_table(recording: Recording) -> pd.DataFrame:
    """Return each volume's framewise displacement (mm), DVARS (%) and whether it is used.

    DVARS is the root mean square over voxels of the change from the volume before, in per cent of
    the run's mean over all voxels (Power et al. 2012, NeuroImage 59, 2142). Both are NaN in the
    first volume of a run; displacement also where the confounds hold no motion parameters.
    """
    n = len(recording.times)
    fd, dvars = np.full(n, np.nan), np.full(n, np.nan)
    for run in np.unique(recording.runs):
        rows = np.flatnonzero(recording.runs == run)
        if recording.confounds is not None and set(MOTION) <= set(recording.confounds):
            motion = recording.confounds.iloc[rows][list(MOTION)].to_numpy(float)
            fd[rows] = framewise_displacement(motion)
        signal = recording.data[rows]
        level = float(np.mean(signal, dtype=np.float64))
        if level > 0:
            change = np.diff(signal, axis=0)
            dvars[rows[1:]] = 100 / level * np.sqrt(np.mean(change**2, axis=1, dtype=np.float64))
    kept = np.ones(n, bool) if recording.kept is None else recording.kept
    return pd.DataFrame(
        {"run": recording.runs, "time": recording.times, "fd": fd, "dvars": dvars, "kept": kept}
    )


def framewise_displacement(motion: Double) -> Double:
    """Return the displacement (n,) of each volume of a run from the one before, mm.

    Parameters
    ----------
    motion : float64 (n, 6)
        Three translations in mm and three rotations in radians, which count by their arc on a
        sphere of 50 mm.
    """
    change = np.abs(np.diff(motion, axis=0)) * [1, 1, 1, HEAD, HEAD, HEAD]
    return np.concatenate([[np.nan], change.sum(axis=1)])
