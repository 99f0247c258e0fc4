"""Study ``bids_cohort``: people of a BIDS data set, by the connectivity of their regions.

Stage ``preprocess`` reads one person at a time: the mean time course of each region, cleaned and
z-scored run by run (nilearn's ``NiftiLabelsMasker`` or ``NiftiSpheresMasker``). Stage
``deconfound`` then takes as many volumes of everybody: connectivity of more volumes is less noisy,
and a probe would read how long somebody lay in the scanner.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurodecode.contracts import TRIAL_COLUMNS, Float, Responses
from neurodecode.errors import ConfigError, DataError, DataWarning
from neurodecode.studies.bids_layout import Source, find_runs, list_subjects, read_json, read_tsv
from neurodecode.studies.bids_runs import Cleaning
from neurodecode.studies.cohort import Cohort, people_of, read_participants
from neurodecode.studies.volumes import open_image, read_image

__all__ = ["BidsCohort"]


class BidsCohort(Cohort):
    """A BIDS data set of people.

    Parameters are the keys of :class:`~neurodecode.studies.settings.BidsCohortSettings`.
    """

    def __init__(
        self,
        root: str,
        task: str,
        subjects: tuple[str, ...] | None,
        derivatives: str | None,
        space: str | None,
        atlas: str | None,
        seeds: Mapping[str, tuple[float, float, float]],
        radius: float,
        confounds: tuple[str, ...],
        motion: str,
        fd_threshold: float,
        std_dvars_threshold: float,
        high_pass: float | None,
        low_pass: float | None,
        connectivity: str,
        volumes: int | None,
        simulated: bool,
        about: Mapping[str, str],
    ) -> None:
        self.root = Path(root)
        self.task = task
        self.chosen = subjects
        self.derivatives = self.root / derivatives if derivatives else None
        self.space = space
        self.atlas = self.root / atlas if atlas else None
        self.seeds = seeds
        self.radius = radius
        self.cleaning = Cleaning(confounds, motion, fd_threshold, std_dvars_threshold)
        self.band = high_pass, low_pass
        self.connectivity = connectivity
        self.volumes = volumes
        self.simulated = simulated
        self.words = about

    def subjects(self) -> tuple[str, ...]:
        """Return those of the YAML, or all that have a recording of the task."""
        return self._subjects

    @cached_property
    def _subjects(self) -> tuple[str, ...]:
        there = list_subjects(self.root, "func")
        if self.chosen is not None:
            absent = [name for name in self.chosen if name not in there]
            if absent:
                raise ConfigError(
                    f"data.subjects: {', '.join(absent[:20])} have no func recording in {self.root}"
                )
            return self.chosen
        top = self.derivatives or self.root
        pattern = f"*_task-{self.task}_*bold.nii*"
        found = tuple(name for name in there if any((top / f"sub-{name}").rglob(pattern)))
        if not found:
            raise DataError(f"{top}: nobody has a recording of task-{self.task}")
        if len(found) < len(there):
            warnings.warn(
                f"{self.root.name}: {len(there) - len(found)} of {len(there)} people have no "
                f"recording of task-{self.task} in {top}; they are left out",
                DataWarning,
                stacklevel=2,
            )
        return found

    def _runs(self, subject: str) -> list[Source]:
        return find_runs(
            self.root, subject, "func", self.task, self.derivatives, self.space, at_rest=True
        )

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        runs = self._runs(subject)
        paths = [path for run in runs for path in (run.recording, *run.sidecars)]
        if self.cleaning.strategy:
            paths += [
                path for run in runs for path in run.recording.parent.glob("*_desc-confounds_*")
            ]
        return list(dict.fromkeys([*paths, *([self.atlas] if self.atlas else [])]))

    def people_sources(self) -> list[Path]:
        """Return the file with the demographics."""
        return [self.root / "participants.tsv"]

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        known = read_json(self.root / "dataset_description.json")
        where = f"{len(self.seeds)} seeds" if self.seeds else f"the regions of {self.atlas_name}"
        plain = {
            "recorded": f"Functional MRI, {'preprocessed before' if self.derivatives else 'raw'}; "
            f"BIDS data set {known.get('Name', self.root.name)!r}, task {self.task}; "
            f"{self.connectivity} connectivity of {where}.",
            "limits": "Whatever was done to the recordings before they were read here, and how far "
            "people moved: connectivity depends on it, and so do age and sex.",
            "licence": str(known.get("License", "not given by the data set")),
        }
        return {**plain, **self.words}

    @property
    def atlas_name(self) -> str:
        """The atlas' file, without its folder."""
        return self.atlas.name if self.atlas else ""

    def load(self, subject: str) -> Responses:
        """Return the time course of each region, one row a volume that is kept.

        Raises
        ------
        DataError
            Where a file is missing or damaged, or a region holds no voxel or does not vary.
        """
        runs = self._runs(subject)
        names = self._names
        parts = [self._courses(run, names) for run in runs]
        n = [len(part) for part in parts]
        trials = pd.DataFrame("", index=range(sum(n)), columns=list(TRIAL_COLUMNS))
        trials["participant_id"] = subject
        trials["trial"] = [f"volume-{k:05d}" for k in range(sum(n))]
        trials["session"] = np.repeat([run.session for run in runs], n)
        trials["run"] = np.repeat(np.arange(len(runs)), n)
        trials["repeat"] = 0
        units = pd.DataFrame({"unit": names, "roi": names})
        return Responses(np.concatenate(parts), trials, units, transductive=True)

    @cached_property
    def _names(self) -> list[str]:
        """Regions in the order of their columns."""
        if self.atlas is None:
            return list(self.seeds)
        found = np.unique(read_image(open_image(self.atlas, 3), self.atlas)).astype(int)
        labels = [int(label) for label in found if label != 0]
        table = self.atlas.with_name(self.atlas.name.split(".")[0] + ".tsv")
        if not table.is_file():
            return [str(label) for label in labels]
        rows = read_tsv(table, ("index", "name"))
        names = dict(zip(rows["index"].astype(int), rows["name"], strict=True))
        unnamed = [label for label in labels if label not in names]
        if unnamed:
            raise DataError(f"{table}: label(s) {', '.join(map(str, unnamed[:10]))} have no row")
        return [names[label] for label in labels]

    def _courses(self, run: Source, names: list[str]) -> Float:
        n_volumes = open_image(run.recording, 4).shape[3]
        confounds, kept = self._confounds(run, n_volumes)
        try:
            with warnings.catch_warnings():
                # Regions that are lost, empty or flat are errors below.
                warnings.filterwarnings("ignore", category=UserWarning, module="nilearn")
                warnings.filterwarnings("ignore", category=RuntimeWarning)
                found = self._masker(run).fit_transform(
                    str(run.recording), confounds=confounds, sample_mask=kept
                )
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{run.recording}: regions cannot be read ({error})") from error
        courses = np.asarray(found, dtype=np.float32)
        if courses.shape[1] != len(names):
            raise DataError(
                f"{run.recording}: {courses.shape[1]} of {len(names)} regions hold a voxel of its "
                "grid; give regions in the space of the images (data.space), or larger ones"
            )
        flat = [n for n, sd in zip(names, courses.std(axis=0), strict=True) if not sd > 1e-6]
        if flat:
            raise DataError(
                f"{run.recording}: {len(flat)} of {len(names)} regions do not vary, such as "
                f"{flat[0]}; leave the person (data.subjects) or the regions out"
            )
        return courses

    def _masker(self, run: Source) -> Any:
        from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

        high_pass, low_pass = self.band
        options: dict[str, Any] = {
            "standardize": "zscore_sample", "detrend": True, "high_pass": high_pass,
            "low_pass": low_pass, "t_r": _repetition(run),
        }  # fmt: skip
        if self.atlas is not None:
            return NiftiLabelsMasker(str(self.atlas), resampling_target="data", **options)
        return NiftiSpheresMasker(list(self.seeds.values()), self.radius, **options)

    def _confounds(
        self, run: Source, n_volumes: int
    ) -> tuple[pd.DataFrame | None, NDArray[np.int_] | None]:
        how = self.cleaning
        if not how.strategy:
            return None, None
        from nilearn.interfaces.fmriprep import load_confounds

        try:
            table, kept = load_confounds(
                str(run.recording), strategy=how.strategy, motion=how.motion, scrub=0,
                fd_threshold=how.fd_threshold, std_dvars_threshold=how.std_dvars_threshold,
            )  # fmt: skip
        except (ValueError, OSError) as error:
            raise DataError(
                f"{run.recording}: confounds {', '.join(how.strategy)} cannot be read ({error})"
            ) from error
        if len(table) != n_volumes:
            raise DataError(
                f"{run.recording}: {n_volumes} volumes, its table of confounds has {len(table)}"
            )
        return (table if table.shape[1] else None), kept

    def join(self, courses: Mapping[str, Float]) -> tuple[pd.DataFrame, Float]:
        """Return who people are, and as many volumes of each, (n_people, n_volumes, n_regions).

        Parameters
        ----------
        courses : mapping of str to (n_volumes, n_regions)
            Of each subject, as :meth:`load` gives them.

        Raises
        ------
        DataError
            Where somebody is not in participants.tsv, or nobody has so many volumes.

        Warns
        -----
        DataWarning
            Where people with fewer volumes than asked for are left out.
        """
        n = self.volumes or min(len(values) for values in courses.values())
        enough = {name: values[:n] for name, values in courses.items() if len(values) >= n}
        if not enough:
            most = max(len(values) for values in courses.values())
            raise DataError(f"data.volumes: nobody has {n} volumes that are kept; at most {most}")
        if len(enough) < len(courses):
            warnings.warn(
                f"{self.root.name}: {len(courses) - len(enough)} of {len(courses)} people have "
                f"fewer than {n} volumes that are kept; they are left out",
                DataWarning,
                stacklevel=2,
            )
        (path,) = self.people_sources()
        table = read_participants(path)
        table["participant_id"] = table["participant_id"].str.removeprefix("sub-")
        features = np.stack(list(enough.values())).astype(np.float32)
        return people_of(pd.Series(list(enough)), table, path), features


def _repetition(run: Source) -> float | None:
    """Seconds between volumes; an image header is not trusted with them."""
    known = run.metadata
    if "RepetitionTime" not in known:
        raise DataError(
            f"{run.recording}: RepetitionTime is in none of "
            f"{', '.join(path.name for path in run.sidecars)}"
        )
    return float(known["RepetitionTime"])
