"""Study ``haxby2001``: eight object categories in ventral temporal cortex."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from neurodecode.contracts import Float, Recording, Stimuli
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.stimuli.haxby_pictures import load_haxby_pictures
from neurodecode.studies.volumes import masked_volumes, open_image, read_image

__all__ = ["Haxby2001", "read_blocks"]

EMBEDDED = Path(__file__).parent / "data" / "haxby2001"
TR = 2.5
SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6, "unknown": 1.0}
CATEGORIES = ("bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe")


class Haxby2001:
    """One subject, 12 runs, one block a category and run.

    Parameters
    ----------
    folder : str
        ``embedded`` (the slice that ships) or a folder with ``bold.nii.gz``, ``mask.nii.gz`` and
        ``attributes_literal.txt`` (label and run of each volume).
    """

    level = "category"
    simulated = False

    def __init__(self, folder: str) -> None:
        self.folder = EMBEDDED if folder == "embedded" else Path(folder)

    def subjects(self) -> tuple[str, ...]:
        """Return the one participant."""
        return ("01",)

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        names = ("bold.nii.gz", "mask.nii.gz", "attributes_literal.txt")
        return [self.folder / name for name in names]

    def stimuli(self) -> Stimuli:
        """Return pictures that stand for the categories; the ones seen are not known."""
        return load_haxby_pictures()

    def stimulus_sources(self) -> list[Path]:
        """Return nothing: the pictures ship with the package."""
        return []

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        return {
            "recorded": "Functional MRI (3 T, one volume every 2.5 s) of one person, one slice "
            "through ventral temporal cortex, 12 runs with one 22.5-second block of each category.",
            "seen": "Grey photographs of faces, houses, cats, bottles, scissors, shoes, chairs, "
            "and phase-scrambled pictures. The recording says which category was seen in each "
            "block, not which pictures.",
            "limits": "Reconstructions are at category level: a picture of the right category is "
            "a success, whatever it looks like. Nothing here shows that the particular "
            "photograph could be drawn. The order of the categories differs between runs but is "
            "not perfectly balanced, so the position of a block alone predicts its category a "
            "little better than chance: see the baseline.",
            "licence": "Haxby et al. (2001), Science 293, 2425-2430; slice by the PyMVPA project; "
            "CC BY-SA 3.0.",
        }

    def load(self, subject: str) -> Recording:
        """Read the recording.

        Raises
        ------
        ConfigError
            Where the subject is unknown.
        DataError
            Where a file is missing, damaged, or does not fit the others.

        Warns
        -----
        DataWarning
            Where voxels are masked out, or runs are of unequal length.
        """
        if subject not in self.subjects():
            raise ConfigError(f"haxby2001: subject must be one of 01, got {subject!r}")
        return read_blocks(subject, *self.sources(subject))


def read_blocks(
    subject: str, bold_file: Path, mask_file: Path, label_file: Path, *, header: bool = False
) -> Recording:
    """Read one subject's runs within a mask; memory holds the masked voxels alone.

    Parameters
    ----------
    subject : str
    bold_file, mask_file : Path
        All volumes of all runs; voxels above zero.
    label_file : Path
        Label and run of each volume.
    header : bool
        Whether its first line names the columns.

    Raises and warns as :meth:`Haxby2001.load`.
    """
    bold, mask_image = open_image(bold_file, 4), open_image(mask_file, 3)
    _refuse_other_repetition(bold, bold_file)
    mask = read_image(mask_image, mask_file) > 0
    if bold.shape[:3] != mask.shape:
        raise DataError(
            f"{mask_file}: the mask is {mask.shape}, the volumes of {bold_file.name} are "
            f"{bold.shape[:3]}; both must have one grid"
        )
    affine, mask_affine = bold.affine, mask_image.affine
    # A mirrored or shifted mask has the right shape and picks the wrong voxels.
    if not np.allclose(affine, mask_affine, atol=1e-3):
        raise DataError(
            f"{mask_file}: its affine differs from that of {bold_file.name} by up to "
            f"{np.abs(affine - mask_affine).max():g}; both must have one grid: resample the "
            "mask to the volumes"
        )
    blocks = [part.astype(np.float32) for part in masked_volumes(bold, bold_file, mask)]
    data = np.concatenate(blocks)
    labels = _read_labels(label_file, bold.shape[3], header)
    units = pd.DataFrame(apply_affine(affine, np.argwhere(mask)), columns=["x", "y", "z"])
    units.insert(0, "roi", "ventral_temporal")
    units.insert(0, "unit", [f"voxel_{k:03d}" for k in range(len(units))])
    data, units = _drop_bad_units(data, units, bold_file)
    runs = labels["run"].to_numpy()
    position = np.asarray(labels.groupby("run").cumcount(), np.int64)
    return Recording(
        data=data,
        times=position.astype(np.float64) * TR,
        runs=runs,
        events=_events(labels, position),
        units=units.reset_index(drop=True),
        participant_id=subject,
        sfreq=1 / TR,
    )


def _refuse_other_repetition(image: Any, path: Path) -> None:
    unit = image.header.get_xyzt_units()[1]
    repetition = float(image.header.get_zooms()[3]) * SECONDS.get(unit, np.nan)
    # Zero is NIfTI's "not given".
    if repetition != 0 and not np.isclose(repetition, TR, rtol=0.01):
        raise DataError(f"{path}: the header says TR {repetition:g} s, expected {TR} s")


def _read_labels(path: Path, n_volumes: int, header: bool) -> pd.DataFrame:
    """Read label and run of each volume."""
    try:
        first = 0 if header else None
        table = pd.read_csv(path, sep=r"\s+", header=first, names=["label", "run"])
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: must hold a label and a run on each line ({error})") from error
    if len(table) != n_volumes:
        raise DataError(f"{path}: {len(table)} labels for {n_volumes} volumes; must be as many")
    unknown = sorted(set(map(str, table["label"])) - {"rest", *CATEGORIES})
    if unknown:
        raise DataError(
            f"{path}: labels must be rest or one of {', '.join(CATEGORIES)}; "
            f"found {', '.join(unknown[:5])}"
        )
    if not pd.api.types.is_integer_dtype(table["run"]):
        raise DataError(f"{path}: the second column must be the run's number")
    if (table["label"] == "rest").all():
        raise DataError(f"{path}: all {len(table)} volumes are rest; there is no block to decode")
    _check_runs(table["run"], path)
    return table


def _check_runs(run: pd.Series, path: Path) -> None:
    """Refuse runs whose volumes are scattered; warn where their lengths differ."""
    starts = run[run != run.shift()]
    scattered = sorted(starts[starts.duplicated()].unique())
    if scattered:
        raise DataError(
            f"{path}: the volumes of run {', '.join(map(str, scattered[:5]))} are not "
            "consecutive; each run must stand in one piece"
        )
    lengths = run.value_counts(sort=False)
    usual = int(lengths.mode().max())
    odd = lengths[lengths != usual]
    if len(odd):
        listed = ", ".join(f"run {name}: {n}" for name, n in list(odd.items())[:5])
        warnings.warn(
            f"{path.name}: {len(odd)} of {len(lengths)} runs are not {usual} volumes long "
            f"({listed}); check that none was cut",
            DataWarning,
            stacklevel=2,
        )


def _drop_bad_units(data: Float, units: pd.DataFrame, path: Path) -> tuple[Float, pd.DataFrame]:
    """Mask voxels that are not finite or never change, and say how many."""
    finite = np.isfinite(data).all(axis=0)
    known = np.where(np.isfinite(data), data, 0)
    moving: NDArray[np.bool_] = known.max(axis=0) > known.min(axis=0)
    if not (finite & moving).any():
        raise DataError(f"{path}: no voxel in the mask has finite values that change")
    if not (finite & moving).all():
        warnings.warn(
            f"{path.name}: {int((~finite).sum())} voxels with values that are not finite and "
            f"{int((finite & ~moving).sum())} constant ones of {finite.size} were masked out",
            DataWarning,
            stacklevel=2,
        )
    good = finite & moving
    return data[:, good], units[good]


def _events(labels: pd.DataFrame, position: NDArray[np.int64]) -> pd.DataFrame:
    """Return one row a block: consecutive volumes of one run and label, rest left out."""
    change = (labels["label"] != labels["label"].shift()) | (labels["run"] != labels["run"].shift())
    blocks = labels.assign(block=change.cumsum(), position=position).groupby("block")
    rows = blocks.agg(
        category=("label", "first"), run=("run", "first"), first=("position", "first"),
        n_volumes=("position", "size"),
    )  # fmt: skip
    rows = rows[rows["category"] != "rest"].reset_index(drop=True)
    return pd.DataFrame(
        {
            "onset": rows["first"] * TR,
            "duration": rows["n_volumes"] * TR,
            "run": rows["run"],
            "stimulus": "",
            "category": rows["category"].astype(str),
        }
    )
