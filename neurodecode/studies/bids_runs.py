"""What runs of fMRI share, in volumes and on the surface: times, regions, confounds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.errors import DataError, DataWarning
from neurodecode.studies.bids_layout import Source

__all__ = [
    "Cleaning",
    "Region",
    "read_confounds",
    "refuse_events_outside",
    "repetition_time",
    "volume_times",
    "warn_masked_out",
]


@dataclass(frozen=True)
class Region:
    """Which voxels or vertices are read.

    Attributes
    ----------
    masks : tuple of Path
        A unit must be above zero in all of them.
    atlas : Path or None
        Integer labels; of volumes, its table of the same name (``index``, ``name``) ends in
        ``.tsv``.
    names : tuple of str
        Regions of the atlas that are kept; none means all.
    """

    masks: tuple[Path, ...]
    atlas: Path | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cleaning:
    """What ``nilearn.interfaces.fmriprep.load_confounds`` is asked for."""

    strategy: tuple[str, ...]
    motion: str
    fd_threshold: float
    std_dvars_threshold: float


def repetition_time(sources: Sequence[Source], headers: Sequence[float]) -> float:
    """Return the one TR (s) of all runs, from their sidecars.

    Parameters
    ----------
    sources : sequence of Source
    headers : sequence of float
        What the files themselves say (s); NaN where they say nothing.

    Raises
    ------
    DataError
        Where it is missing or no positive number, is not that of the header, or differs between
        runs.
    """
    trs: list[float] = []
    for source, header in zip(sources, headers, strict=True):
        tr = _seconds(source, "RepetitionTime")
        if tr is None:
            raise DataError(
                f"{source.recording}: RepetitionTime is in none of "
                f"{', '.join(path.name for path in source.sidecars)}"
            )
        if not 0 < tr < np.inf:
            raise DataError(
                f"{source.recording}: RepetitionTime is {tr:g} s in its sidecar, must be above 0"
            )
        if not np.isnan(header) and not np.isclose(header, tr, rtol=0.01):
            raise DataError(
                f"{source.recording}: the header says TR {header:g} s, the sidecar {tr:g} s; "
                "correct the one that is wrong"
            )
        if trs and not np.isclose(tr, trs[0], rtol=1e-3):
            raise DataError(
                f"{source.recording.name}: TR {tr:g} s, that of {sources[0].recording.name} is "
                f"{trs[0]:g} s; runs of one subject must have one TR"
            )
        trs.append(tr)
    return trs[0]


def volume_times(sources: Sequence[Source], sizes: Sequence[int], tr: float) -> NDArray[np.float64]:
    """Return when each volume was taken (s within its run), of all runs.

    fMRIPrep says to which moment of each volume it brought the slices (``StartTime``).
    """
    starts = [_seconds(source, "StartTime") or 0.0 for source in sources]
    return np.concatenate([s + np.arange(n) * tr for s, n in zip(starts, sizes, strict=True)])


def _seconds(source: Source, key: str) -> float | None:
    value = source.metadata.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{source.recording}: {key} of its sidecar is no number, got {value!r}")
    return float(value)


def refuse_events_outside(source: Source, events: pd.DataFrame, length: float) -> None:
    """Refuse events before a run or after its ``length`` (s).

    Raises
    ------
    DataError
        Where there is one.
    """
    onsets = events["onset"].to_numpy(float)
    outside = (onsets < 0) | (onsets >= length)
    if outside.any():
        raise DataError(
            f"{source.events}: {int(outside.sum())} of {len(onsets)} events are outside the run, "
            f"which lasts {length:g} s; the first at {onsets[outside][0]:g} s"
        )


def warn_masked_out(subject: str, good: NDArray[np.bool_], units: str) -> None:
    """Say how many units are left out as they are not ``good`` (n,) in every run.

    Raises
    ------
    DataError
        Where none is left.

    Warns
    -----
    DataWarning
        Where some are left out.
    """
    if not good.any():
        raise DataError(f"subject {subject}: no {units[:-1]} of {good.size} changes in every run")
    if not good.all():
        warnings.warn(
            f"subject {subject}: {int((~good).sum())} of {good.size} {units} were masked out, as "
            "in some run they are constant or not finite",
            DataWarning,
            stacklevel=3,
        )


def read_confounds(
    sources: Sequence[Source], sizes: Sequence[int], cleaning: Cleaning
) -> tuple[pd.DataFrame | None, NDArray[np.bool_] | None]:
    """Return the regressors of fMRIPrep and which volumes are kept, of all runs.

    Parameters
    ----------
    sources : sequence of Source
    sizes : sequence of int
        Volumes of each run.
    cleaning : Cleaning

    Raises
    ------
    DataError
        Where a table is missing, lacks what is asked for, or has another number of rows.
    """
    if not cleaning.strategy:
        return None, None
    from nilearn.interfaces.fmriprep import load_confounds

    parts, kept = [], []
    for source, n in zip(sources, sizes, strict=True):
        try:
            table, sample_mask = load_confounds(
                _named(source.recording),
                strategy=cleaning.strategy,
                motion=cleaning.motion,
                scrub=0,
                fd_threshold=cleaning.fd_threshold,
                std_dvars_threshold=cleaning.std_dvars_threshold,
            )
        except (ValueError, OSError) as error:
            raise DataError(
                f"{source.recording}: confounds {', '.join(cleaning.strategy)} cannot be read "
                f"({error})"
            ) from error
        if len(table) != n:
            raise DataError(
                f"{source.recording}: {n} volumes, its table of confounds has {len(table)} rows"
            )
        parts.append(table)
        own = np.ones(n, bool)
        if sample_mask is not None:
            own[:] = False
            own[np.asarray(sample_mask, int)] = True
        kept.append(own)
    # Runs of unequal length have unequal numbers of cosines.
    confounds = pd.concat(parts, ignore_index=True).fillna(0.0)
    return (confounds if confounds.shape[1] else None), np.concatenate(kept)


def _named(recording: Path) -> str | list[str]:
    """Return what nilearn calls a run: a name, of GIFTI the pair of its hemispheres."""
    name = str(recording)
    return [name, name.replace("_hemi-L_", "_hemi-R_")] if name.endswith(".gii") else name
