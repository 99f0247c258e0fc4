"""Settings of the study adapters and of the split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from neurodecode.settings import Section

__all__ = ["DataSettings", "DesignSettings", "Haxby2001Settings", "VirtualMinSettings"]


class Haxby2001Settings(Section):
    """The slice of Haxby et al. (2001) that ships, or a folder of the same layout."""

    kind: Literal["haxby2001"]
    folder: str = Field(
        "embedded",
        description="embedded, or a folder with bold.nii.gz, mask.nii.gz, attributes_literal.txt",
    )


class VirtualMinSettings(Section):
    """A few simulated subjects who see pictures of ``objects64``."""

    kind: Literal["virtual_min"]
    n_subjects: int = Field(2, ge=1, le=20)
    n_voxels: int = Field(2500, ge=100, le=3000)
    n_train: int = Field(400, ge=20, description="decoder-training pictures")
    n_test: int = Field(50, ge=10, description="held-out test pictures")
    n_repeats: int = Field(2, ge=1, le=10)
    noise_ceiling: float = Field(
        0.2, gt=0, lt=1, description="median share of a single trial's variance that is signal"
    )
    seed: int = Field(2001, description="seed of the simulated world")


DataSettings = Annotated[Haxby2001Settings | VirtualMinSettings, Field(discriminator="kind")]


class LeaveOneOut(Section):
    """Each level of a trial column is tested once (leave one run out)."""

    kind: Literal["leave_one_out"]
    column: Literal["run", "session"] = "run"


class StimulusSet(Section):
    """One fold: trials of ``set: test`` pictures are tested, the others train."""

    kind: Literal["stimulus_set"]


class DesignSettings(Section):
    """Who and what is tested in which fold."""

    split: Annotated[LeaveOneOut | StimulusSet, Field(discriminator="kind")]
    group: Literal["run", "session", "stimulus"] = Field(
        description="trial column that inner splits keep together"
    )
