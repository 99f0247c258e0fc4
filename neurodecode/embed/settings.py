"""Settings of the decoders, of encoding models and of searchlights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from neurodecode.deconfound.settings import DeconfounderSettings
from neurodecode.settings import Name, Section

__all__ = [
    "PENALTIES",
    "AcrossPeopleSettings",
    "DecoderSection",
    "DecoderSettings",
    "EncoderSettings",
    "RidgeSettings",
    "SearchlightSettings",
    "ShrinkageLdaSettings",
]

# Two a decade, for standardised responses.
PENALTIES = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6)


class AcrossPeopleSettings(Section):
    """Demographics that are taken out of decoded trials, fitted on other people."""

    demographics: tuple[Literal["age", "sex", "site"], ...] = Field(
        min_length=1, description="columns of participants.tsv that are removed"
    )
    method: DeconfounderSettings
    n_folds: int = Field(5, ge=2, description="parts of the people; each is left out once")


class DecoderSection(Section):
    """What all decoders share; the base of an installed package's settings too."""

    noise_normalisation: bool = Field(
        False,
        description="whiten by the covariance of training repeats about their mean, by session",
    )
    min_reliability: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="keep units whose split-half reliability over training repeats is as large",
    )
    alignment: bool = Field(
        False,
        description="channels at times: bring each session's mean covariance to that of the "
        "training sessions; of one that is only tested by its unlabelled trials (transductive)",
    )
    deconfound: AcrossPeopleSettings | None = Field(
        None, description="take demographics out of decoded trials; needs many people"
    )


class RidgeSettings(DecoderSection):
    """Ridge regression to each target; one alpha a target, chosen in inner folds."""

    kind: Literal["ridge"]
    targets: tuple[Name, ...] = Field(
        description="names of sections in targets; none where labels alone are decoded"
    )
    alphas: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        PENALTIES, min_length=1, description="grid for alpha"
    )
    inner_folds: int = Field(5, ge=2, description="inner folds, split by the design's group")


class ShrinkageLdaSettings(DecoderSection):
    """Linear discriminant analysis with Ledoit-Wolf shrinkage; targets by class prototype."""

    kind: Literal["shrinkage_lda"]
    targets: tuple[Name, ...] = Field(
        description="names of sections in targets; none where labels alone are decoded"
    )


DecoderSettings = Annotated[RidgeSettings | ShrinkageLdaSettings, Field(discriminator="kind")]


class EncoderSettings(Section):
    """Banded ridge from features of the pictures to each unit's responses."""

    kind: Literal["banded_ridge"]
    responses: Name = Field(description="name of a section in responses")
    bands: tuple[Name, ...] = Field(
        min_length=1, description="names of sections in targets, one band each"
    )
    alphas: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
        min_length=1,
        description="grid of penalties, where the features of a band are of unit length on average",
    )
    n_mixtures: int = Field(
        20,
        ge=0,
        description="random mixtures of the bands that are tried, beside each alone, bands alike "
        "and features alike",
    )
    inner_folds: int = Field(5, ge=2, description="inner folds, split by the design's group")
    n_permutations: int = Field(2000, ge=100, description="of the predictions, for p-values")

    @field_validator("bands")
    @classmethod
    def _once(cls, bands: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(bands)) < len(bands):
            raise ValueError(f"each band once, got {', '.join(bands)}")
        return bands


class SearchlightSettings(Section):
    """A decoder of labels in the neighbourhood of each unit."""

    responses: Name = Field(description="name of a section in responses")
    decoder: Name = Field(description="name of a section in decoders; its label is decoded")
    radius: float = Field(10.0, gt=0, description="mm")
    n_permutations: int = Field(2000, ge=100, description="of the labels, for p-values")
