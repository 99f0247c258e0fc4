"""Settings of the adapters of public data sets."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from neurodecode.settings import Section

__all__ = ["Cc2017Settings", "Haxby2001FullSettings", "NsdSettings", "ThingsEeg2Settings"]


class _Public(Section):
    """What all of them have."""

    root: str = Field(min_length=1, description="folder that holds the published tree")
    picture_size: int = Field(64, ge=8, le=512, description="side that pictures are brought to")


class NsdSettings(_Public):
    """Natural Scenes Dataset: single-trial betas at 1.8 mm."""

    kind: Literal["nsd"]
    subjects: tuple[Literal["01", "02", "03", "04", "05", "06", "07", "08"], ...] = Field(
        ("01",), min_length=1
    )
    split: Literal["new", "old"] = Field(
        "new",
        description="new: all sessions; old: the first 37, as scored before the last were public; "
        "both test the shared 1,000 pictures; scores of the two are not comparable",
    )
    sessions: int | None = Field(
        None, ge=1, le=40, description="the first ones alone; null = all of the split"
    )
    betas: Literal["betas_fithrf_GLMdenoise_RR", "betas_fithrf", "betas_assumehrf"] = (
        "betas_fithrf_GLMdenoise_RR"
    )
    roi: str = Field(
        "nsdgeneral", pattern=r"^[A-Za-z0-9._-]+$", description="name of an image in its roi folder"
    )
    annotations: str | None = Field(
        None, description="folder of COCO's captions_*2017.json; null = no captions"
    )


class ThingsEeg2Settings(_Public):
    """THINGS-EEG2: ten people, 16,540 training and 200 test pictures, EEG."""

    kind: Literal["things_eeg2"]
    subjects: tuple[Annotated[str, StringConstraints(pattern=r"^(0[1-9]|10)$")], ...] = Field(
        ("01",), min_length=1, description="01 to 10"
    )
    form: Literal["preprocessed", "raw", "source"] = Field(
        "preprocessed",
        description="preprocessed: epochs whitened by their authors, test trials among them; raw: "
        "sessions in .npy, source: the same in BrainVision, both for responses of kind epochs",
    )
    channels: Literal["posterior", "all"] = Field(
        "posterior", description="raw, source: the 17 occipital and parietal channels, or all 63"
    )
    recordings: str | None = Field(
        None,
        description="folder of sub-01, ...; null = eeg_dataset/preprocessed_data, raw_data or "
        "source_data",
    )
    images: str = Field("image_set", description="folder of image_metadata.npy and the pictures")


class Haxby2001FullSettings(Section):
    """All six people of Haxby et al. (2001), in the layout of nilearn's fetcher."""

    kind: Literal["haxby2001_full"]
    root: str = Field(min_length=1, description="folder of subj1 to subj6")
    subjects: tuple[Literal["01", "02", "03", "04", "05", "06"], ...] = Field(
        ("01", "02", "03", "04", "05", "06"), min_length=1
    )
    mask: Literal[
        "mask4_vt", "mask8_face_vt", "mask8_house_vt", "mask8b_face_vt", "mask8b_house_vt"
    ] = "mask4_vt"


class Cc2017Settings(_Public):
    """Movies seen by three people, fMRI (Wen et al. 2018); clips of 2 s are the stimuli."""

    kind: Literal["cc2017"]
    subjects: tuple[Literal["01", "02", "03"], ...] = Field(("01",), min_length=1)
    form: Literal["cifti", "nifti"] = Field(
        "cifti", description="cifti: cortical surface; nifti: MNI volumes, within mask"
    )
    mask: str | None = Field(None, description="nifti: image on the grid of the volumes")
    lag: Literal[0, 2, 4, 6, 8] = Field(4, description="s from a clip to its volume")
    reliable: bool = Field(
        True,
        description="only units whose two training repeats agree (Bonferroni P < .05); test runs "
        "take no part",
    )
    fps: Literal[1, 2, 4, 8] = Field(4, description="frames a second that are read of the movies")
    frames: str = Field(
        "frames", description="folder below root in which frames are kept once they are read"
    )

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if (self.form == "nifti") != bool(self.mask):
            raise ValueError("mask: needed with form: nifti, and only there")
        return self
