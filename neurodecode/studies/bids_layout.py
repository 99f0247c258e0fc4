"""Finding one's way in a BIDS data set: names, inherited sidecars, events, who took part."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from neurodecode.errors import ConfigError, DataError, DataWarning

__all__ = [
    "Source",
    "entities",
    "find_runs",
    "inherited",
    "list_subjects",
    "read_demographics",
    "read_events",
    "read_json",
    "read_tsv",
]

RECORDINGS = {
    "volume": (".nii.gz", ".nii"),
    "cifti": (".dtseries.nii",),
    "gifti": (".func.gii",),
    "eeg": (".vhdr", ".edf", ".set", ".bdf", ".fif"),
    "meg": (".fif",),
}
DERIVED = ("desc", "space", "res", "den", "hemi")
"""Parts of a name that only derivatives have."""
SUFFIX = {"func": "bold", "eeg": "eeg", "meg": "meg"}


@dataclass(frozen=True)
class Source:
    """One run of one subject.

    Attributes
    ----------
    recording : Path
        Image, EEG header or MEG file.
    events : Path
        Of a run at rest, where it would be.
    sidecars : tuple of Path
        JSON files that apply to it, the most general first.
    session, label : str
        ``1`` and ``1`` where the name holds none.
    """

    recording: Path
    events: Path
    sidecars: tuple[Path, ...]
    session: str
    label: str

    @property
    def metadata(self) -> dict[str, Any]:
        """What the sidecars say; the more particular one wins."""
        found: dict[str, Any] = {}
        for path in self.sidecars:
            found |= read_json(path)
        return found


def entities(name: str) -> dict[str, str]:
    """Return the ``key-value`` parts of a file's name, and its ``suffix``."""
    *parts, last = name.split(".")[0].split("_")
    pairs = dict(part.split("-", 1) for part in parts if "-" in part)
    return {**pairs, "suffix": last}


def list_subjects(root: Path, datatype: str) -> tuple[str, ...]:
    """Return who has a recording of that type, beside what ``participants.tsv`` says.

    Raises
    ------
    DataError
        Where the folder is none of BIDS, or nobody has a recording.

    Warns
    -----
    DataWarning
        Where the table and the folders name different people, or the table one twice.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; data.root must be that of a BIDS data set")
    if not (root / "dataset_description.json").is_file():
        raise DataError(
            f"{root}: no dataset_description.json, so this is not the top of a BIDS data set"
        )
    patterns = (f"sub-*/{datatype}", f"sub-*/ses-*/{datatype}")
    folders = [path for pattern in patterns for path in root.glob(pattern) if path.is_dir()]
    there = sorted({path.relative_to(root).parts[0].removeprefix("sub-") for path in folders})
    if not there:
        raise DataError(f"{root}: no folder sub-*/{datatype} or sub-*/ses-*/{datatype}")
    table = root / "participants.tsv"
    if table.is_file():
        people = read_tsv(table, ("participant_id",))["participant_id"].astype(str)
        people = people.str.removeprefix("sub-")
        named = set(people)
        twice = sorted(set(people[people.duplicated()]))
        for who, what in (
            (sorted(named - set(there)), f"in participants.tsv have no {datatype} recording"),
            (sorted(set(there) - named), "with a recording are not in participants.tsv"),
            (twice, "stand in participants.tsv twice, the first row counts"),
        ):
            if who:
                warnings.warn(
                    f"{root.name}: {len(who)} subjects {what}: {', '.join(who[:10])}",
                    DataWarning,
                    stacklevel=2,
                )
    return tuple(there)


def read_demographics(root: Path, subjects: Sequence[str]) -> pd.DataFrame | None:
    """Return ``age``, ``sex`` and ``site`` of ``participants.tsv``; None where it has none.

    A value that is missing, or a subject that is not listed, is NaN.
    """
    path = root / "participants.tsv"
    if not path.is_file():
        return None
    table = read_tsv(path, ("participant_id",))
    names = [name for name in ("age", "sex", "site") if name in table]
    if not names:
        return None
    table.index = pd.Index(table["participant_id"].str.removeprefix("sub-"))
    known = table.loc[~table.index.duplicated(), names].reindex(list(subjects))
    if "age" in known:
        known["age"] = pd.to_numeric(known["age"], errors="coerce")
    return known


def find_runs(
    root: Path,
    subject: str,
    datatype: str,
    task: str,
    derivatives: Path | None = None,
    space: str | None = None,
    form: str = "volume",
    *,
    at_rest: bool = False,
) -> list[Source]:
    """Return a subject's runs in the order of their names' numbers.

    Parameters
    ----------
    root : Path
    subject : str
        Without ``sub-``.
    datatype : {"func", "eeg", "meg"}
    task : str
    derivatives : Path, optional
        Folder whose ``desc-preproc`` images are read in place of the raw ones.
    space : str, optional
        Of the derivatives.
    form : {"volume", "cifti", "gifti"}
        Of fMRI images. A run of GIFTI is named by its left hemisphere.
    at_rest : bool
        Runs need no events.

    Raises
    ------
    ConfigError
        Where several images are left for one run.
    DataError
        Where there is no run, or a file that belongs to one is missing.

    Warns
    -----
    DataWarning
        Where the derivatives lack runs that were recorded.
    """
    top = derivatives or root
    endings = RECORDINGS[form if datatype == "func" else datatype]
    found = [
        path
        for path in sorted((top / f"sub-{subject}").rglob(f"*_{SUFFIX[datatype]}.*"))
        if path.parent.name == datatype
        and path.name.endswith(endings)
        and (form == "cifti" or not path.name.endswith(".dtseries.nii"))
        and entities(path.name).get("task") == task
        # FIF files of 2 GB go on in further ones, which are read with the first.
        and entities(path.name).get("split", "1").lstrip("0") == "1"
        and (derivatives is None or form != "volume" or _is_preprocessed(path))
        and (form != "gifti" or entities(path.name).get("hemi") == "L")
        and (space is None or entities(path.name).get("space") == space)
    ]
    if not found:
        wanted = f"task-{task}" + (f", space-{space}" if space else "")
        raise DataError(
            f"{top / f'sub-{subject}'}: no {SUFFIX[datatype]} recording of {wanted}"
            + (" with desc-preproc" if derivatives and form == "volume" else "")
            + (f" as {' or '.join(endings)}" if form != "volume" else "")
            + "; data.subjects may name the others alone"
        )
    _refuse_several(found)
    if derivatives:
        _warn_of_lacking(found, root / f"sub-{subject}", task)
    return [_source(path, root, top, at_rest) for path in sorted(found, key=_order)]


def _is_preprocessed(path: Path) -> bool:
    return entities(path.name).get("desc") == "preproc"


def _warn_of_lacking(found: list[Path], raw: Path, task: str) -> None:
    """Say which runs of the raw images are not among the derivatives."""
    there = {_run_of(path) for path in found}
    lacking = sorted(
        path.name
        for path in raw.rglob("*_bold.nii*")
        if entities(path.name).get("task") == task and _run_of(path) not in there
    )
    if lacking:
        warnings.warn(
            f"{raw.name}: {len(lacking)} recorded runs are not among the derivatives and are left "
            f"out: {', '.join(lacking[:5])}",
            DataWarning,
            stacklevel=3,
        )


def _run_of(path: Path) -> tuple[str, str]:
    own = entities(path.name)
    return own.get("ses", ""), own.get("run", "")


def _refuse_several(found: list[Path]) -> None:
    groups: dict[tuple[str, str], list[str]] = {}
    for path in found:
        groups.setdefault(_run_of(path), []).append(path.name)
    several = [names for names in groups.values() if len(names) > 1]
    if several:
        raise ConfigError(
            f"{len(several)} runs have more than one recording, such as "
            f"{' and '.join(several[0][:3])}: choose by data.space, or give a data set with one"
        )


def _order(path: Path) -> list[tuple[int, str]]:
    """Sort numbers by value."""
    own = entities(path.name)
    texts = (own.get("ses", ""), own.get("run", ""), path.name)
    return [(int(text) if text.isdigit() else -1, text) for text in texts]


def _source(path: Path, root: Path, top: Path, at_rest: bool) -> Source:
    own = entities(path.name)
    raw = root / path.parent.relative_to(top)
    events = inherited(raw, root, {**own, "suffix": "events"}, ".tsv")
    if at_rest:
        events = [raw / "_".join([*path.name.split("_")[:-1], "events.tsv"])]
    elif not events:
        raise DataError(
            f"{raw}: no events.tsv for {path.name}; every run needs one that says what was shown"
        )
    plain = {key: value for key, value in own.items() if key not in DERIVED}
    sidecars = inherited(raw, root, plain, ".json")
    if top != root:
        sidecars += inherited(path.parent, top, own, ".json")
    if not sidecars:
        raise DataError(f"{path}: no JSON sidecar, here or further up, says how it was recorded")
    return Source(path, events[-1], tuple(sidecars), own.get("ses", "1"), own.get("run", "1"))


def inherited(folder: Path, root: Path, own: Mapping[str, str], ending: str) -> list[Path]:
    """Return the files that apply by BIDS' inheritance principle, the most general first."""
    found = []
    between = [folder, *folder.parents]
    for place in reversed(between[: between.index(root) + 1]):
        here = [
            path
            for path in place.glob(f"*{own['suffix']}{ending}")
            if entities(path.name).items() <= own.items()
        ]
        found += sorted(here, key=lambda path: len(entities(path.name)))
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Read a sidecar."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: must hold keys and values, got {type(found).__name__}")
    return found


def read_tsv(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    """Read a table of BIDS; ``n/a``, or nothing, is missing.

    Raises
    ------
    DataError
        Where it is missing, not readable, or lacks a column.
    """
    try:
        table = pd.read_csv(path, sep="\t", na_values=["n/a", ""], keep_default_na=False, dtype=str)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as a table ({error})") from error
    missing = [name for name in needed if name not in table]
    if missing:
        raise DataError(
            f"{path}: column(s) {', '.join(missing)} missing; found {', '.join(table.columns)}"
        )
    return table


def read_events(source: Source, run: int, columns: Mapping[str, str | None]) -> pd.DataFrame:
    """Read a run's trials.

    Parameters
    ----------
    source : Source
    run : int
        Number that the trials get.
    columns : mapping
        Name of the column that holds ``stimulus``, ``category`` and ``set``, or None.

    Returns
    -------
    DataFrame
        ``onset, duration, run, stimulus, category, session`` and, where named, ``set``. Rows
        without a stimulus (without a category, where none is named) are no trials.

    Raises
    ------
    DataError
        Where a column is missing, or an onset or duration is no number. A duration may be missing.

    Warns
    -----
    DataWarning
        Where trials start at the same time.
    """
    named = {key: name for key, name in columns.items() if name}
    table = read_tsv(source.events, ("onset", "duration", *named.values()))
    leading = named.get("stimulus") or named["category"]
    table = table[table[leading].notna()]
    times = table[["onset", "duration"]].apply(pd.to_numeric, errors="coerce")
    for name, wrong in (("onset", times["onset"].isna()),
                        ("duration", times["duration"].isna() & table["duration"].notna()),
                        ("duration", times["duration"] < 0)):  # fmt: skip
        if wrong.any():
            first = table.loc[wrong, name].iloc[0]
            raise DataError(
                f"{source.events}: {int(wrong.sum())} {name}s are no number of seconds, the first "
                f"is {first if isinstance(first, str) else 'n/a'}"
            )
    again = int(times["onset"].duplicated().sum())
    if again:
        warnings.warn(
            f"{source.events}: {again} trials start at the very time of another, so that their "
            "responses cannot be told apart; rows may stand there twice",
            DataWarning,
            stacklevel=2,
        )
    stimulus = table[named["stimulus"]] if "stimulus" in named else pd.Series("", table.index)
    events = pd.DataFrame(
        {
            "onset": times["onset"],
            "duration": times["duration"].fillna(0.0),
            "run": run,
            "stimulus": [re.sub(r"\.[A-Za-z0-9]+$", "", name.split("/")[-1]) for name in stimulus],
            "category": table[named["category"]].fillna("") if "category" in named else "",
            "session": source.session,
        }
    )
    if "set" in named:
        events["set"] = table[named["set"]].fillna("")
    return events.reset_index(drop=True)
