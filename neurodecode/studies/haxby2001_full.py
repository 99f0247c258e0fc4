"""Study ``haxby2001_full``: all six people of Haxby et al. (2001), as nilearn fetches them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from neurodecode.contracts import Recording, Stimuli
from neurodecode.stimuli.haxby_pictures import load_haxby_pictures
from neurodecode.studies.haxby2001 import read_blocks
from neurodecode.studies.published import Published

__all__ = ["Haxby2001Full"]

HAXBY = Published(
    name="Haxby et al. (2001) data set",
    get="with python: `from nilearn.datasets import fetch_haxby; fetch_haxby(data_dir=FOLDER, "
    "subjects=None)`, then data.root is FOLDER/haxby2001",
    size="1.8 GB (300 MB a subject)",
    terms="CC BY-SA 3.0",
    citation="Haxby et al. (2001), Science 293, 2425-2430, doi:10.1126/science.1063736",
)


class Haxby2001Full:
    """Twelve runs a subject (one of subject 05 without labels), voxels of one of its masks.

    Parameters are the keys of
    :class:`~neurodecode.studies.public_settings.Haxby2001FullSettings`.
    """

    level = "category"
    simulated = False

    def __init__(self, root: str, subjects: tuple[str, ...], mask: str) -> None:
        self.root = Path(root)
        self.names = subjects
        self.mask = mask

    def subjects(self) -> tuple[str, ...]:
        """Return those of the YAML, once their files are there.

        Raises
        ------
        DataError
            Where files are missing: says what to download, how much and under which terms.
        """
        HAXBY.require(self.root, [path for name in self.names for path in self.sources(name)])
        return self.names

    def sources(self, subject: str) -> list[Path]:
        """Return the files that :meth:`load` reads."""
        folder = self.root / f"subj{int(HAXBY.known(subject, self.names))}"
        return [folder / name for name in ("bold.nii.gz", f"{self.mask}.nii.gz", "labels.txt")]

    def stimuli(self) -> Stimuli:
        """Return pictures that stand for the categories; the ones seen are not known."""
        return load_haxby_pictures()

    def stimulus_sources(self) -> list[Path]:
        """Return nothing: the pictures ship with the package."""
        return []

    def about(self) -> Mapping[str, str]:
        """Return plain words for the report."""
        return {
            "recorded": f"Functional MRI (3 T, one volume every 2.5 s) of {len(self.names)} "
            f"people, voxels of {self.mask}, 12 runs with one 22.5-second block of each category.",
            "seen": "Grey photographs of faces, houses, cats, bottles, scissors, shoes, chairs, "
            "and phase-scrambled pictures. The recording says which category was seen in each "
            "block, not which pictures.",
            "limits": "Reconstructions are at category level. Masks of face and house areas were "
            "chosen by contrasts over all runs, test runs among them; mask4_vt was drawn by "
            "anatomy and responses to objects.",
            "licence": "Haxby et al. (2001), Science 293, 2425-2430; CC BY-SA 3.0.",
        }

    def load(self, subject: str) -> Recording:
        """Read one subject's runs.

        Raises
        ------
        ConfigError
            Where the subject is not one of the study's.
        DataError
            Where a file is missing, damaged, or does not fit the others.

        Warns
        -----
        DataWarning
            Where voxels are masked out, or runs are of unequal length.
        """
        return read_blocks(subject, *self.sources(subject), header=True)
