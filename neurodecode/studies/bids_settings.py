"""Settings of studies that are read from a BIDS data set."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from neurodecode.settings import Section

__all__ = ["BidsCohortSettings", "BidsSettings", "SubjectName"]

SubjectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$", max_length=40)]
Confound = Literal[
    "motion", "wm_csf", "global_signal", "compcor", "high_pass", "scrub", "non_steady_state"
]


class BidsSettings(Section):
    """A folder in the Brain Imaging Data Structure; paths below are relative to its root."""

    kind: Literal["bids"]
    root: str = Field(min_length=1, description="top of the data set")
    datatype: Literal["func", "eeg", "meg"] = "func"
    task: str = Field(pattern=r"^[A-Za-z0-9+]+$", description="the task- of the names")
    subjects: tuple[SubjectName, ...] | None = Field(
        None, min_length=1, description="without sub-; none = all that have a recording"
    )
    derivatives: str | None = Field(
        None, description="func: folder of fMRIPrep's outputs; none = the raw images"
    )
    space: str | None = Field(None, description="the space- of the derivatives")
    form: Literal["volume", "cifti", "gifti"] = Field(
        "volume",
        description="func: NIfTI images, .dtseries.nii, or a .func.gii a hemisphere",
    )
    stimulus_column: str | None = Field(
        "stim_file", description="of events.tsv: the picture; none = categories alone are known"
    )
    category_column: str | None = Field("trial_type", description="of events.tsv")
    set_column: str | None = Field(None, description="of events.tsv: train or test")
    decode_category: bool = Field(False, description="decode the categories of pictures too")
    stimuli: str | None = Field("stimuli", description="folder of the pictures")
    stimulus_table: str | None = Field(
        None, description="table with id (file name without ending), caption, category, set"
    )
    picture_size: int = Field(64, ge=8, le=512, description="side that pictures are brought to")
    mask: str | None = Field(
        None,
        description="func: image, may hold {subject} (gifti: {hemi} too); none = fMRIPrep's brain "
        "masks of all runs; of cifti and gifti all that changes",
    )
    atlas: str | None = Field(
        None,
        description="func: image of labels, may hold {subject}; a .tsv beside it (index, name); "
        "cifti: .dlabel.nii, gifti: .label.gii with {hemi}, which hold the names",
    )
    regions: tuple[str, ...] = Field((), description="func: of the atlas; none = all")
    confounds: tuple[Confound, ...] = Field(
        (), description="func, derivatives: strategies of nilearn's load_confounds"
    )
    motion: Literal["basic", "power2", "derivatives", "full"] = "basic"
    fd_threshold: float = Field(0.5, gt=0, description="scrub: mm of framewise displacement")
    std_dvars_threshold: float = Field(1.5, gt=0, description="scrub: standardised DVARS")
    simulated: bool = Field(False, description="no person was recorded; every page says so")
    about: dict[Literal["recorded", "seen", "limits", "licence"], str] = Field(
        default_factory=dict, description="words for the report"
    )

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if not (self.stimulus_column or self.category_column):
            raise ValueError("name stimulus_column or category_column")
        if bool(self.stimulus_column) != bool(self.stimuli):
            raise ValueError("stimulus_column and stimuli need each other: name both or neither")
        if self.regions and not self.atlas:
            raise ValueError("regions needs atlas")
        if self.confounds and not self.derivatives:
            raise ValueError("confounds needs derivatives")
        named = [n for n in ("derivatives", "space", "mask", "atlas") if getattr(self, n)]
        if self.datatype != "func" and named:
            raise ValueError(f"{', '.join(named)}: only with datatype: func")
        if self.datatype == "eeg" and self.form != "volume":
            raise ValueError(f"form: {self.form} is of datatype: func")
        for name in ("mask", "atlas"):
            path = getattr(self, name)
            if self.form == "gifti" and path and "{hemi}" not in path:
                raise ValueError(f"{name}: of form gifti must hold {{hemi}}, got {path!r}")
        if (
            self.datatype == "func"
            and self.form == "volume"
            and not (self.derivatives or self.mask)
        ):
            raise ValueError("raw images come without a mask: name one in mask")
        return self


class BidsCohortSettings(Section):
    """People of a BIDS data set, by the connectivity of regions; paths are relative to its root.

    Demographics are those of its participants.tsv.
    """

    kind: Literal["bids_cohort"]
    root: str = Field(min_length=1, description="top of the data set")
    task: str = Field("rest", pattern=r"^[A-Za-z0-9+]+$", description="the task- of the names")
    subjects: tuple[SubjectName, ...] | None = Field(
        None, min_length=1, description="without sub-; none = all with a recording of the task"
    )
    derivatives: str | None = Field(
        None, description="folder of fMRIPrep's outputs; none = the raw images"
    )
    space: str | None = Field(None, description="the space- of the derivatives")
    atlas: str | None = Field(
        None,
        description="image of labels in the space of the images, or an absolute path; a .tsv "
        "beside it (index, name) names them",
    )
    seeds: dict[str, tuple[float, float, float]] = Field(
        default_factory=dict, description="name: [x, y, z] in mm, instead of an atlas"
    )
    radius: float = Field(5.0, gt=0, description="of seeds, mm")
    confounds: tuple[Confound, ...] = Field(
        (), description="derivatives: strategies of nilearn's load_confounds"
    )
    motion: Literal["basic", "power2", "derivatives", "full"] = "basic"
    fd_threshold: float = Field(0.5, gt=0, description="scrub: mm of framewise displacement")
    std_dvars_threshold: float = Field(1.5, gt=0, description="scrub: standardised DVARS")
    high_pass: float | None = Field(None, gt=0, description="Hz")
    low_pass: float | None = Field(None, gt=0, description="Hz")
    connectivity: Literal["correlation", "partial", "tangent"] = Field(
        "correlation", description="tangent is fitted on the training people of each fold"
    )
    volumes: int | None = Field(
        None,
        ge=10,
        description="volumes that are taken of everybody; who has fewer is left out; none = as "
        "many as whoever has fewest",
    )
    simulated: bool = Field(False, description="nobody was recorded; every page says so")
    about: dict[Literal["recorded", "limits", "licence"], str] = Field(
        default_factory=dict, description="words for the report"
    )

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if (self.atlas is None) == (not self.seeds):
            raise ValueError("name atlas or seeds, one of them")
        if len(self.seeds) == 1:
            raise ValueError("seeds: connectivity needs two or more")
        if self.confounds and not self.derivatives:
            raise ValueError("confounds needs derivatives")
        if self.high_pass and self.low_pass and self.high_pass >= self.low_pass:
            raise ValueError("high_pass must be below low_pass")
        return self
