"""Settings of the folds and of the decoders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from neurodecode.settings import Name, Section

__all__ = ["DecoderSettings", "RidgeSettings", "ShrinkageLdaSettings"]


class _Decoder(Section):
    """What all decoders share."""

    noise_normalisation: bool = Field(
        False,
        description="whiten by the covariance of training repeats about their mean, by session",
    )
    alignment: bool = Field(
        False,
        description="channels at times: bring each session's mean covariance to the identity; of a "
        "session that is only tested by its own unlabelled trials (transductive)",
    )


class RidgeSettings(_Decoder):
    """Ridge regression to each target; one alpha a target, chosen in inner folds."""

    kind: Literal["ridge"]
    targets: tuple[Name, ...] = Field(
        description="names of sections in targets; none where labels alone are decoded"
    )
    alphas: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6), min_length=1, description="grid for alpha"
    )
    inner_folds: int = Field(5, ge=2, description="inner folds, split by the design's group")


class ShrinkageLdaSettings(_Decoder):
    """Linear discriminant analysis with Ledoit-Wolf shrinkage; targets by class prototype."""

    kind: Literal["shrinkage_lda"]
    targets: tuple[Name, ...] = Field(
        description="names of sections in targets; none where labels alone are decoded"
    )


DecoderSettings = Annotated[RidgeSettings | ShrinkageLdaSettings, Field(discriminator="kind")]
