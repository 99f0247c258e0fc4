"""Settings of the study adapters and of the split."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from neurodecode.settings import Section
from neurodecode.studies.bids_settings import BidsCohortSettings, BidsSettings, SubjectName
from neurodecode.studies.public_settings import (
    Cc2017Settings,
    Haxby2001FullSettings,
    NsdSettings,
    ThingsEeg2Settings,
)

__all__ = [
    "ArrayKeys",
    "ArraysSettings",
    "BidsCohortSettings",
    "BidsSettings",
    "CohortSettings",
    "DataSettings",
    "DesignSettings",
    "Haxby2001Settings",
    "KinematicsSettings",
    "VirtualClipsSettings",
    "VirtualCohortSettings",
    "VirtualSettings",
]


class Haxby2001Settings(Section):
    """The slice of Haxby et al. (2001) that ships, or a folder of the same layout."""

    kind: Literal["haxby2001"]
    folder: str = Field(
        "embedded",
        description="embedded, or a folder with bold.nii.gz, mask.nii.gz, attributes_literal.txt",
    )


class _VirtualPeople(Section):
    """What studies of people of a preset world have in common."""

    preset: Literal["realistic", "easy", "hard", "world-B", "minimal"] = Field(
        "realistic", description="how much of a trial is signal, and how brains see"
    )
    effects: Literal["default", "no confound", "variance only", "label with site"] = Field(
        "default", description="what age, sex, site and label change"
    )
    n_subjects: int = Field(8, ge=1, le=200)
    train_repeats: int = Field(2, ge=1, le=10)
    test_repeats: int = Field(4, ge=1, le=20)
    n_voxels: int | None = Field(
        None, ge=100, le=10_000, description="of a person; without it the preset's 2,100 to 2,700"
    )
    seed: int | None = Field(
        None, ge=0, description="another draw of brains, pictures and noise; none = the preset's"
    )


class VirtualSettings(_VirtualPeople):
    """Simulated people of a preset world who see pictures of ``objects64``."""

    kind: Literal["virtual"]
    n_train: int = Field(600, ge=20, description="training pictures")
    n_test: int = Field(100, ge=10, description="held-out test pictures")


class VirtualClipsSettings(_VirtualPeople):
    """Simulated people of a preset world who see clips made of pictures of ``objects64``."""

    kind: Literal["virtual_clips"]
    n_train: int = Field(100, ge=2, description="pictures that training clips are made of")
    n_test: int = Field(60, ge=2, description="held-out pictures, one test clip of each")
    clips_per_picture: int = Field(
        6, ge=1, le=12, description="of a training picture; 6: each kind of motion once"
    )
    motion_tuning: bool = Field(
        True, description="false: voxels know no motion, the control of decoded motion"
    )


ArrayName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Files = Annotated[str, Field(min_length=1)] | Annotated[tuple[str, ...], Field(min_length=1)]


class ArrayKeys(Section):
    """Names of the arrays in the files; a ``.npy`` file's array is named as the file is."""

    responses: ArrayName = Field(description="(n_trials, n_units)")
    pictures: ArrayName | None = Field(None, description="one a trial, or one a stimulus")
    features: ArrayName | None = Field(None, description="(n, d), rows as pictures")
    captions: ArrayName | None = Field(None, description="text, rows as pictures or features")
    stimulus: ArrayName | None = Field(
        None, description="row of pictures, features and captions that each trial showed"
    )
    labels: ArrayName | None = Field(None, description="category of each trial, text or numbers")
    runs: ArrayName | None = Field(None, description="run of each trial")
    sessions: ArrayName | None = Field(None, description="session of each trial")
    test_trials: ArrayName | None = Field(
        None, description="indices of the test trials, or a mask of all trials"
    )
    split: ArrayName | None = Field(None, description="train or test, for each trial")
    positions: ArrayName | None = Field(None, description="of each unit, (n_units, 3) in mm")
    rois: ArrayName | None = Field(None, description="region of each unit, text")

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        shown = self.pictures or self.features
        if not (shown or self.labels):
            raise ValueError("name at least one of pictures, features, labels")
        for name in ("captions", "stimulus"):
            if getattr(self, name) and not shown:
                raise ValueError(f"{name} needs pictures or features")
        if self.test_trials and self.split:
            raise ValueError("test_trials and split say the same: name one of them")
        return self


class ArraysSettings(Section):
    """A person's own responses and stimuli, as arrays in .npz, .npy, .mat or .h5 files."""

    kind: Literal["arrays"]
    subjects: dict[SubjectName, Files] = Field(
        min_length=1, description="each subject's file or files"
    )
    shared: Files | None = Field(None, description="files of all subjects, e.g. of the pictures")
    keys: ArrayKeys
    index_base: Literal[0, 1] | None = Field(
        None, description="whether stimulus and test_trials count from 0 or from 1 (MATLAB)"
    )
    picture_axes: str | None = Field(
        None,
        pattern=r"^[nhwc]{3,4}$",
        description="order of the axes: n pictures, h rows, w columns, c colours; without it "
        "nhw or nhwc",
    )
    picture_shape: tuple[int, ...] | None = Field(
        None, min_length=2, max_length=3, description="height, width[, 3] of flattened pictures"
    )
    picture_size: int | None = Field(
        None,
        ge=8,
        le=512,
        description="side that pictures are brought to as they are read; none = as they are",
    )
    allow_stimulus_overlap: bool = Field(
        False, description="test on pictures that are also trained on; the report says so in red"
    )
    simulated: bool = Field(False, description="no person was recorded; every page says so")
    about: dict[Literal["recorded", "seen", "limits", "licence"], str] = Field(
        default_factory=dict, description="words for the report"
    )

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if self.keys.stimulus and self.index_base is None:
            raise ValueError(
                "index_base: say whether keys.stimulus counts from 0 or from 1; it is never guessed"
            )
        told = self.picture_axes or self.picture_shape or self.picture_size
        if told and not self.keys.pictures:
            raise ValueError("picture_axes, picture_shape and picture_size need keys.pictures")
        if self.picture_axes and sorted(self.picture_axes) not in (list("hnw"), list("chnw")):
            raise ValueError(
                "picture_axes: must hold n, h and w once each, and c where there are colours"
            )
        if self.picture_shape and min(self.picture_shape) < 1:
            raise ValueError("picture_shape: must be positive")
        return self


class KinematicsSettings(Section):
    """Recordings of neurons, or of anything else, while a body moved."""

    kind: Literal["kinematics"]
    recordings: dict[SubjectName, Annotated[str, Field(min_length=1)]] = Field(
        min_length=1,
        description="each subject's: flint2012 (ships), .npz with kinematics, or FIF, BrainVision, "
        "EDF, XDF",
    )
    channels: tuple[str, ...] = Field(
        (), description="channels that hold the kinematics; none = the array kinematics of .npz"
    )
    simulated: bool = Field(False, description="nobody was recorded; every page says so")
    about: dict[Literal["recorded", "moved", "limits", "licence"], str] = Field(
        default_factory=dict, description="words for the report"
    )

    @property
    def public(self) -> bool:
        """Whether all recordings ship, so that others have seen them too."""
        return set(self.recordings.values()) == {"flint2012"}


class CohortSettings(Section):
    """Features of people, one row a person: e.g. connectivity; a person's own files."""

    kind: Literal["cohort"]
    features: str = Field(
        min_length=1,
        description=".npz with participant_id (n,) and features (n, n_features), or timeseries "
        "(n, n_times, n_regions)",
    )
    connectivity: Literal["correlation", "partial", "tangent"] | None = Field(
        None, description="of timeseries; tangent is fitted on the training people of each fold"
    )
    participants: str = Field(
        min_length=1, description="participants.tsv: participant_id, age, sex, site, ..."
    )
    simulated: bool = Field(False, description="nobody was recorded; every page says so")
    about: dict[Literal["recorded", "limits", "licence"], str] = Field(
        default_factory=dict, description="words for the report"
    )


class VirtualCohortSettings(Section):
    """Simulated connectivity and demographics of people, learned from seven real ones."""

    kind: Literal["virtual_cohort"]
    n_people: int = Field(1000, ge=100, le=20_000)
    world: Literal["default", "variance_only", "no_confound", "label_confounded"] = Field(
        "default", description="what age, sex, site and diagnosis change"
    )
    space: Literal["fisher", "log"] = Field(
        "fisher", description="Fisher's z of correlations, or their matrix logarithm"
    )
    seed: int = Field(1, ge=0, description="of effects and people")


DataSettings = Annotated[
    Haxby2001Settings
    | VirtualSettings
    | VirtualClipsSettings
    | ArraysSettings
    | BidsCohortSettings
    | BidsSettings
    | KinematicsSettings
    | Cc2017Settings
    | CohortSettings
    | VirtualCohortSettings
    | Haxby2001FullSettings
    | NsdSettings
    | ThingsEeg2Settings,
    Field(discriminator="kind"),
]


class LeaveOneOut(Section):
    """Each level of a trial column is tested once (leave one run out)."""

    kind: Literal["leave_one_out"]
    column: Literal["run", "session"] = "run"


class StimulusSet(Section):
    """One fold: trials of ``set: test`` pictures are tested, the others train."""

    kind: Literal["stimulus_set"]


class TrialSet(Section):
    """One fold: trials that the data mark as test are tested, the others train."""

    kind: Literal["trial_set"]


class StimulusFolds(Section):
    """Folds over stimuli, drawn at random: all trials of one stimulus are in one fold."""

    kind: Literal["stimulus_folds"]
    n_folds: int = Field(5, ge=2)
    seed: int = Field(1, ge=0, description="of the draw")


class LeaveOneClusterOut(Section):
    """Each cluster of stimuli is tested by decoders that never met one of its kind.

    Where pictures are held out, those of the cluster are tested, and its training pictures are
    left out of that fold. For systems that draw nothing.
    """

    kind: Literal["leave_one_cluster_out"]
    n_clusters: int | None = Field(
        None,
        ge=2,
        description="k-means of the target that reconstruct.choose_by names, on stimuli alone; "
        "without it the categories are the clusters",
    )
    seed: int = Field(1, ge=0, description="of k-means")


class DesignSettings(Section):
    """Who and what is tested in which fold."""

    split: Annotated[
        LeaveOneOut | StimulusSet | TrialSet | StimulusFolds | LeaveOneClusterOut,
        Field(discriminator="kind"),
    ]
    group: Literal["run", "session", "stimulus"] = Field(
        description="trial column that inner splits keep together"
    )
