"""Settings of the generators."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from neurodecode.settings import Name, Section

__all__ = [
    "SOURCES",
    "EmbeddedSettings",
    "GeneratorSettings",
    "LinearClipSettings",
    "LinearPixelsSettings",
    "MeanClipSettings",
    "MeanPictureSettings",
    "NearestClipSettings",
    "PrototypeSettings",
    "RandomClipSettings",
    "RandomPictureSettings",
    "ReconstructSettings",
    "RetrievalSettings",
    "Source",
]

# In YAML a bare ``true`` is a truth value: it means the source of that name.
Source = Annotated[
    Literal["decoded", "true", "permuted", "mean"],
    BeforeValidator(lambda value: "true" if value is True else value),
]
SOURCES: tuple[Source, ...] = ("decoded", "true", "permuted", "mean")


class RetrievalSettings(Section):
    """The training picture whose features are nearest to the decoded ones (cosine)."""

    kind: Literal["retrieval"]
    by: Name = Field("semantic", description="target that is compared")


class PrototypeSettings(Section):
    """The training picture that is nearest to the mean features of the decoded class."""

    kind: Literal["prototype"]
    by: Name = "semantic"


class MeanPictureSettings(Section):
    """The mean of the training pictures, whatever was decoded."""

    kind: Literal["mean_picture"]


class RandomPictureSettings(Section):
    """A random training picture, whatever was decoded."""

    kind: Literal["random_picture"]


class LinearPixelsSettings(Section):
    """The linearly decoded pixels themselves."""

    kind: Literal["linear_pixels"]
    target: Name = "pixels"
    stretch: bool = Field(
        False, description="undo the penalty's shrinkage: contrast of training pictures"
    )


class EmbeddedSettings(Section):
    """Latent diffusion with the small networks that ship."""

    kind: Literal["embedded"]
    by: Name = Field("semantic", description="target that conditions the network")
    steps: int = Field(10, ge=1, le=1000)
    guidance: float = Field(2.0, ge=0, description="classifier-free guidance; 1 = conditional")
    start: Name | None = Field(None, description="decoded latent to start from (img2img)")
    strength: float = Field(0.8, gt=0, le=1, description="share of the noise path with start")
    null_embedding: bool = Field(False, description="ignore the embedding: control for start")


class NearestClipSettings(Section):
    """The training clip that is most like what was decoded (mean cosine over targets)."""

    kind: Literal["nearest_clip"]
    by: tuple[Name, ...] = Field(
        ("semantic", "motion"), min_length=1, description="targets that are compared"
    )


class LinearClipSettings(Section):
    """The linearly decoded frames themselves."""

    kind: Literal["linear_clip"]
    target: Name = Field("frames", description="target of kind clip")


class MeanClipSettings(Section):
    """The mean of the training clips, whatever was decoded."""

    kind: Literal["mean_clip"]


class RandomClipSettings(Section):
    """A random training clip, whatever was decoded."""

    kind: Literal["random_clip"]


GeneratorSettings = Annotated[
    RetrievalSettings
    | PrototypeSettings
    | MeanPictureSettings
    | RandomPictureSettings
    | LinearPixelsSettings
    | EmbeddedSettings
    | NearestClipSettings
    | LinearClipSettings
    | MeanClipSettings
    | RandomClipSettings,
    Field(discriminator="kind"),
]


class ReconstructSettings(Section):
    """What is drawn, for all generators of a study."""

    unit: Literal["trial", "stimulus"] = Field(
        description="trial: each test trial alone; stimulus: repeats' decoded features averaged"
    )
    n_samples: int = Field(4, ge=1, le=64)
    choose_by: Name = Field("semantic", description="target whose agreement picks the sample")
