"""Writing simulated people as BIDS data sets: what the fMRI and the EEG set share.

A subject's folder is written under a temporary name and renamed when whole; a record in ``code/``,
written last, says what it was made from, so that a killed run goes on where it stopped. No file
holds a time or the name of a machine: the same settings write the same bytes. Subjects may be
written by several processes at once, after :func:`write_dataset`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from neurodecode import __version__
from neurodecode.artifacts import write_table
from neurodecode.atomic import write_text, writing
from neurodecode.contracts import Stimuli
from neurodecode.errors import DataError

__all__ = [
    "BIDS_VERSION",
    "EVENT_COLUMNS",
    "TASK",
    "BidsSet",
    "begin_record",
    "events_table",
    "is_written",
    "record",
    "stem",
    "write_dataset",
    "write_json",
    "write_tsv",
]

BIDS_VERSION = "1.10.0"
TASK = "pictures"

PARTICIPANT_COLUMNS = {
    "age": {"Description": "Age of the simulated person", "Units": "year"},
    "sex": {"Description": "Sex of the simulated person", "Levels": {"F": "female", "M": "male"}},
    "site": {"Description": "Site at which the simulated person was recorded"},
    "group": {"Description": "Label that a study of groups compares"},
}
EVENT_COLUMNS = {
    "trial_type": {"Description": "Category of the picture"},
    "stimulus": {"Description": "Id of the picture"},
    "set": {
        "Description": "What the picture is for",
        "Levels": {"train": "decoders may be trained on it", "test": "held out"},
    },
    "repeat": {"Description": "How often the person had seen the picture before"},
    "trial": {"Description": "Name of the trial"},
}
README = """# {name}

**Simulated: no person was recorded.** Written by neurodecode {version}; the same settings write the
same bytes. `participants.tsv` holds the age, sex and site that the simulation used.

{about}

Pictures in `stimuli/`: Fluent Emoji (MIT licence, Microsoft Corporation).
"""


@dataclass(frozen=True)
class BidsSet:
    """One data set.

    Attributes
    ----------
    root : Path
    name, about : str
        Title, and what stands in the README.
    people : DataFrame
        ``participant_id`` (``sub-01``, ...), ``age``, ``sex``, ``site``, and perhaps ``label``.
    stimuli : Stimuli
        What was shown.
    settings : str
        Hash of all that a subject is made from.
    """

    root: Path
    name: str
    about: str
    people: pd.DataFrame
    stimuli: Stimuli
    settings: str

    def __post_init__(self) -> None:
        names = self.people["participant_id"].astype(str)
        wrong = names[~names.str.fullmatch(r"sub-[A-Za-z0-9]+")]
        if len(wrong) or names.duplicated().any():
            raise DataError(
                "people: participant_id must be sub- and letters or digits, each once; got "
                f"{', '.join(names)}"
            )


def write_dataset(dataset: BidsSet) -> None:
    """Write all that is no subject's own: description, people, meaning of columns, pictures."""
    root = dataset.root
    if is_written(dataset, "dataset"):
        return
    begin_record(dataset, "dataset")
    description = {
        "Name": dataset.name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "raw",
        "License": "CC0",
        "Authors": ["The neurodecode developers"],
        "GeneratedBy": generated_by(),
    }
    write_json(root / "dataset_description.json", description)
    text = README.format(name=dataset.name, version=__version__, about=dataset.about)
    write_text(root / "README.md", text)
    people = dataset.people.rename(columns={"label": "group"})
    write_table(root / "participants.tsv", people)
    known = {name: PARTICIPANT_COLUMNS[name] for name in people.columns[1:]}
    write_json(root / "participants.json", known)
    write_json(root / f"task-{TASK}_events.json", EVENT_COLUMNS)
    _write_pictures(root / "stimuli", dataset.stimuli)
    record(dataset, "dataset")


def generated_by() -> list[dict[str, str]]:
    """Return BIDS' ``GeneratedBy``."""
    return [{"Name": "neurodecode", "Version": __version__, "Description": "simulated data"}]


def _write_pictures(folder: Path, stimuli: Stimuli) -> None:
    from PIL import Image

    with writing(folder) as temporary:
        temporary.mkdir()
        for name, picture in zip(stimuli.table["id"], stimuli.pixels, strict=True):
            Image.fromarray(picture).save(temporary / f"{name}.png")


def is_written(dataset: BidsSet, name: str) -> bool:
    """Whether a part (``dataset`` or a ``participant_id``) is whole and of these settings."""
    path = _record_path(dataset, name)
    if not path.exists():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: damaged ({error}). Delete it and run again.") from error
    return bool(found == _record(dataset, name))


def begin_record(dataset: BidsSet, name: str) -> None:
    """Take back the record of a part that is about to be written."""
    _record_path(dataset, name).unlink(missing_ok=True)


def record(dataset: BidsSet, name: str) -> None:
    """Record that a part is whole."""
    write_json(_record_path(dataset, name), _record(dataset, name))


def _record(dataset: BidsSet, name: str) -> dict[str, str | int]:
    made: dict[str, str | int] = {"settings": dataset.settings, "version": __version__}
    # A person is the same in a larger cohort; the table of people is not.
    return made | ({"people": len(dataset.people)} if name == "dataset" else {})


def _record_path(dataset: BidsSet, name: str) -> Path:
    return dataset.root / "code" / f"{name}.json"


def events_table(events: pd.DataFrame) -> pd.DataFrame:
    """Return events in BIDS' columns.

    Parameters
    ----------
    events : DataFrame
        ``onset, duration`` (s), ``stimulus, category, set, repeat, trial``; further columns are
        left out but ``sample``.
    """
    table = events.assign(
        trial_type=events["category"], stim_file=events["stimulus"].astype(str) + ".png"
    )
    extra = [name for name in ("sample",) if name in events]
    return table[["onset", "duration", *EVENT_COLUMNS, "stim_file", *extra]]


def stem(participant: str, session: str | int, run: int | None = None) -> str:
    """Return the beginning of a recording's file names."""
    name = f"{participant}_ses-{session}_task-{TASK}"
    return name if run is None else f"{name}_run-{run:02d}"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_tsv(path: Path, table: pd.DataFrame) -> None:
    """Write a table into a folder that is not yet under its final name."""
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", lineterminator="\n")
