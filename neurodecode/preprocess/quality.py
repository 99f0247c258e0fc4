"""What a recording is like: tables beside its responses, drawn by ``report.quality``.

A table has a name, and one panel of the page draws it. Estimators say what only they know
(``Responses.quality``: trials dropped and why, channels repaired); the rest is measured here.
Labels only say whose mean is drawn, and nothing that decodes reads these tables.

===========  =====================================================================================
``facts``    ``fact, value``: sampling, length, runs, channels, trials
``dropped``  ``reason, n``: trials that were left out
``erp``      ``channel, roi, time, mean, low, high``: mean over trials with its 95 % interval
``means``    ``category, n, channel, roi, time, mean, low, high``: one channel of each type, where
             there are few categories
``channels`` ``channel, roi, x, y, z, noise, status``: spread of trials about their mean
===========  =====================================================================================

Those of fMRI are in :mod:`neurodecode.preprocess.quality_fmri`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.artifacts import TEXT, read_sidecar, read_table, write_table
from neurodecode.contracts import Float, Recording, Responses
from neurodecode.preprocess.quality_fmri import volume_table, voxel_table

__all__ = ["load_quality", "measure_quality", "save_quality"]

Tables = dict[str, pd.DataFrame]
INFIX = "_quality-"
MOST_CATEGORIES = 4
WORDS = (*TEXT, "fact", "value", "channel", "reason", "status")


def measure_quality(data: Recording | Responses, responses: Responses) -> Tables:
    """Return all tables of one subject's recording.

    Parameters
    ----------
    data : Recording or Responses
        What the study gave.
    responses : Responses
        What an estimator made of it.
    """
    counted = dict(responses.quality)
    facts = [_facts(data, responses), *([counted.pop("facts")] if "facts" in counted else [])]
    tables = {"facts": pd.concat(facts, ignore_index=True), **counted}
    if {"channel", "time"} <= set(responses.units):
        tables["erp"] = _mean_epoch(responses.units, responses.data)
        means = _by_category(responses)
        if means is not None:
            tables["means"] = means
        tables["channels"] = _channels(responses)
    elif isinstance(data, Recording) and _of_voxels(data, responses):
        tables["volumes"] = volume_table(data)
        tables["voxels"] = voxel_table(data, responses)
    return tables


def save_quality(sidecar: Path, tables: Mapping[str, pd.DataFrame]) -> list[Path]:
    """Write the tables beside the responses' sidecar; returns their files."""
    files = [sidecar.with_name(f"{sidecar.stem}{INFIX}{name}.tsv") for name in tables]
    for file, table in zip(files, tables.values(), strict=True):
        write_table(file, table)
    return files


def load_quality(sidecar: Path) -> Tables:
    """Read the tables, by name, from the responses' sidecar."""
    start = f"{sidecar.stem}{INFIX}"
    return {
        name.removeprefix(start).removesuffix(".tsv"): read_table(sidecar.parent / name, text=WORDS)
        for name in sorted(read_sidecar(sidecar).files)
        if name.startswith(start)
    }


def _of_voxels(recording: Recording, responses: Responses) -> bool:
    """Whether responses are of the recording's units; a control without brain data is not."""
    own = responses.units["unit"].isin(recording.units["unit"]).any()
    return bool(own) or "delay" in responses.units


def _facts(data: Recording | Responses, responses: Responses) -> pd.DataFrame:
    facts: dict[str, str] = {}
    if isinstance(data, Recording):
        runs, lengths = np.unique(data.runs, return_counts=True)
        facts["Sampling"] = f"{data.sfreq:.4g} samples a second"
        facts["Length"] = f"{len(runs)} runs, {lengths.sum() / data.sfreq / 60:.1f} minutes in all"
        facts["Channels or units recorded"] = f"{data.data.shape[1]}"
        facts["Trials recorded"] = f"{len(data.events)}"
    facts["Trials used"] = f"{len(responses.trials)}"
    facts["Units used"] = f"{responses.data.shape[1]}"
    return pd.DataFrame({"fact": list(facts), "value": list(facts.values())})


def _by_channel(responses: Responses) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the unit table's first row of each channel, and the data by channel and time."""
    units = responses.units
    first = units.drop_duplicates("channel").reset_index(drop=True)
    return first, responses.data.reshape(len(responses.data), len(first), -1)


def _mean_epoch(units: pd.DataFrame, data: Float) -> pd.DataFrame:
    """Mean over trials and its 95 % interval (1.96 standard errors), each channel at each time."""
    mean = data.mean(axis=0, dtype=float)
    error = 1.96 * data.std(axis=0, ddof=1, dtype=float) / np.sqrt(len(data))
    table = units[["channel", "roi", "time"]].reset_index(drop=True)
    return table.assign(mean=mean, low=mean - error, high=mean + error)


def _by_category(responses: Responses) -> pd.DataFrame | None:
    """Mean of each category at one channel of each type: where one deflects most clearly."""
    kind = responses.trials["category"].to_numpy(dtype=str)
    names, counts = np.unique(kind, return_counts=True)
    if not 2 <= len(names) <= MOST_CATEGORIES or counts.min() < 2 or "" in names:
        return None
    parts = [
        _mean_epoch(responses.units, responses.data[kind == name]).assign(category=name, n=n)
        for name, n in zip(names, counts, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True)
    clearness = table["mean"].abs() / (table["high"] - table["low"]).clip(lower=1e-12)
    best = table.loc[clearness.groupby(table["roi"]).idxmax(), "channel"]
    return table[table["channel"].isin(best)].reset_index(drop=True)


def _channels(responses: Responses) -> pd.DataFrame:
    """Spread of single trials about the mean epoch (root mean square), and where channels lie."""
    table, data = _by_channel(responses)
    noise = np.sqrt(((data - data.mean(axis=0)) ** 2).mean(axis=(0, 2), dtype=float))
    places = [name for name in ("x", "y", "z") if name in table]
    found = table[["channel", "roi", *places]].assign(noise=noise, status="good")
    if "repaired" in responses.quality:
        repaired = responses.quality["repaired"]
        status = dict(zip(repaired["channel"], repaired["status"], strict=True))
        found["status"] = [status.get(channel, "good") for channel in found["channel"]]
    return found
