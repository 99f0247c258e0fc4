"""Study ``bids``: any data set in the Brain Imaging Data Structure, fMRI, EEG or MEG."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from neurodecode.contracts import Recording, Stimuli
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.studies.bids_bold import read_bold, run_mask
from neurodecode.studies.bids_eeg import read_eeg
from neurodecode.studies.bids_layout import (
    Source,
    entities,
    find_runs,
    list_subjects,
    read_demographics,
    read_events,
    read_json,
)
from neurodecode.studies.bids_pictures import Shown, read_pictures
from neurodecode.studies.bids_runs import Cleaning, Region
from neurodecode.studies.bids_surface import read_surface, region_files

__all__ = ["Bids"]


class Bids:
    """A folder that follows BIDS.

    Parameters are the keys of :class:`~neurodecode.studies.settings.BidsSettings`.

    Attributes
    ----------
    level : str
        ``stimulus`` where pictures are named, else ``category``.
    """

    def __init__(
        self,
        root: str,
        datatype: str,
        task: str,
        subjects: tuple[str, ...] | None,
        derivatives: str | None,
        space: str | None,
        form: str,
        stimulus_column: str | None,
        category_column: str | None,
        set_column: str | None,
        decode_category: bool,
        stimuli: str | None,
        stimulus_table: str | None,
        picture_size: int,
        mask: str | None,
        atlas: str | None,
        regions: tuple[str, ...],
        confounds: tuple[str, ...],
        motion: str,
        fd_threshold: float,
        std_dvars_threshold: float,
        simulated: bool,
        about: Mapping[str, str],
    ) -> None:
        self.root = Path(root)
        self.datatype = datatype
        self.task = task
        self.chosen = subjects
        self.derivatives = self.root / derivatives if derivatives else None
        self.space = space
        self.form = form
        self.columns = {
            "stimulus": stimulus_column, "category": category_column, "set": set_column
        }  # fmt: skip
        self.decode_category = decode_category
        self.pictures = self.root / stimuli if stimuli else None
        self.stimulus_table = self.root / stimulus_table if stimulus_table else None
        self.picture_size = picture_size
        self.mask = mask
        self.atlas = atlas
        self.regions = regions
        self.cleaning = Cleaning(confounds, motion, fd_threshold, std_dvars_threshold)
        self.simulated = simulated
        self.words = about
        self.level = "stimulus" if stimulus_column else "category"

    def subjects(self) -> tuple[str, ...]:
        """Return those of the YAML, or all that have a recording."""
        return self._subjects

    def demographics(self) -> pd.DataFrame | None:
        """Return ``age``, ``sex`` and ``site``, as far as ``participants.tsv`` has them."""
        return read_demographics(self.root, self.subjects())

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        runs = self._runs(subject)
        paths = [path for run in runs for path in (run.recording, run.events, *run.sidecars)]
        if self.datatype != "func":
            beside = {path for run in runs for path in run.recording.parent.iterdir()}
            return sorted({*paths, *(path for path in beside if path.is_file())})
        region = self._region(subject, runs)
        if self.form != "volume":
            paths += region_files(runs, region)
        else:
            paths += [*region.masks]
        if region.atlas and self.form == "volume":
            paths += [
                region.atlas,
                region.atlas.with_name(region.atlas.name.split(".")[0] + ".tsv"),
            ]
        if self.cleaning.strategy:
            paths += [
                path for run in runs
                for path in run.recording.parent.glob("*_desc-confounds_*")
                if entities(path.name).get("run") == entities(run.recording.name).get("run")
            ]  # fmt: skip
        return list(dict.fromkeys(paths))

    def stimulus_sources(self) -> list[Path]:
        """Return the pictures, their table and all events."""
        events = [run.events for subject in self.subjects() for run in self._runs(subject)]
        if self.pictures is None:
            return events
        table = [self.stimulus_table] if self.stimulus_table else []
        return [*events, *table, *sorted(p for p in self.pictures.rglob("*") if p.is_file())]

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        known = read_json(self.root / "dataset_description.json")
        how = {"func": "Functional MRI"}.get(self.datatype, self.datatype.upper())
        source = "preprocessed before" if self.derivatives else "as recorded"
        plain = {
            "recorded": f"{how}, {source}; BIDS data set {known.get('Name', self.root.name)!r}, "
            f"task {self.task}, {len(self.subjects())} subject(s).",
            "seen": "Pictures of the data set." if self.pictures else
            "The data set says which category was seen, not which picture.",
            "limits": "Whatever was done to the recordings before they were read here. "
            "Preprocessing that saw all trials at once cannot be noticed.",
            "licence": str(known.get("License", "not given by the data set")),
        }  # fmt: skip
        return {**plain, **self.words}

    def stimuli(self) -> Stimuli:
        """Return what was shown.

        Raises
        ------
        DataError
            Where a picture that was shown is missing, or columns contradict each other.
        """
        return self._stimuli

    def load(self, subject: str) -> Recording:
        """Read the runs of one subject.

        Raises
        ------
        ConfigError
            Where the subject is unknown.
        DataError
            Where files are missing, damaged, or do not fit each other.

        Warns
        -----
        DataWarning
            Where runs have no trial.
        """
        runs = self._runs(subject)
        events = [read_events(run, k, self.columns) for k, run in enumerate(runs)]
        if not any(len(part) for part in events):
            raise DataError(
                f"{runs[0].events}: no trial is left: no row of {len(runs)} runs has a value in "
                f"column {self.columns['stimulus'] or self.columns['category']!r}"
            )
        idle = [run.events.name for run, own in zip(runs, events, strict=True) if own.empty]
        if idle:
            warnings.warn(
                f"subject {subject}: {len(idle)} of {len(runs)} runs have no trial: "
                f"{', '.join(idle[:5])}",
                DataWarning,
                stacklevel=2,
            )
        if self.level == "stimulus":
            kind = self._stimuli.table.set_index("id")["category"]
            events = [
                part.assign(
                    category=part["stimulus"].map(kind).to_numpy(dtype=str),
                    labelled=self.decode_category,
                )
                for part in events
            ]
        if self.datatype != "func":
            return read_eeg(subject, self.root, runs, events)
        region = self._region(subject, runs)
        if self.form == "volume":
            return read_bold(subject, runs, events, region, self.cleaning)
        return read_surface(subject, runs, events, region, self.cleaning)

    @cached_property
    def _subjects(self) -> tuple[str, ...]:
        there = list_subjects(self.root, self.datatype)
        if self.chosen is None:
            return there
        absent = [name for name in self.chosen if name not in there]
        if absent:
            raise ConfigError(
                f"data.subjects: {', '.join(absent)} have no {self.datatype} recording in "
                f"{self.root}; there are {', '.join(there[:20])}"
            )
        return self.chosen

    def _runs(self, subject: str) -> list[Source]:
        if subject not in self.subjects():
            raise ConfigError(
                f"bids: subject must be one of {', '.join(self.subjects())}, got {subject!r}"
            )
        return find_runs(
            self.root, subject, self.datatype, self.task, self.derivatives, self.space, self.form
        )

    def _region(self, subject: str, runs: Sequence[Source]) -> Region:
        def place(text: str) -> Path:
            return self.root / text.replace("{subject}", subject)

        if self.mask:
            masks: tuple[Path, ...] = (place(self.mask),)
        elif self.form == "volume":
            masks = tuple(run_mask(run) for run in runs)
        else:
            masks = ()
        return Region(masks, place(self.atlas) if self.atlas else None, self.regions)

    @cached_property
    def _stimuli(self) -> Stimuli:
        events = pd.concat(
            [
                read_events(run, k, self.columns)
                for subject in self.subjects()
                for k, run in enumerate(self._runs(subject))
            ],
            ignore_index=True,
        )
        if self.pictures is None:
            return _categories(sorted(set(events["category"])))
        shown = Shown(self.pictures, self.stimulus_table, self.picture_size)
        return read_pictures(shown, events)


def _categories(names: list[str]) -> Stimuli:
    """Return one row a category, without pictures."""
    table = pd.DataFrame({"id": names, "caption": names, "category": names, "set": "fold"})
    return Stimuli(table, np.zeros((len(names), 0, 0, 3), np.uint8))
