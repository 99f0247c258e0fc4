"""Settings of the scores."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neurodecode.settings import Section

__all__ = ["EvaluateSettings", "HoldoutSettings", "OverTimeSettings"]


class OverTimeSettings(Section):
    """Decoding over time, of responses that are channels at times."""

    step: float = Field(
        default=0.02,
        gt=0,
        description="s; responses are averaged in windows of it, a decoder a window",
    )
    n_permutations: int = Field(
        default=1000, ge=100, description="for the p-values of times and clusters"
    )


class HoldoutSettings(Section):
    """How a locked test set answers (Thresholdout); exact scores come after `neurodecode unlock`.

    Scores lie between 0 and 1.
    """

    locked: bool | None = Field(
        None,
        description="without it: true for your own recordings (kinds arrays, bids, kinematics, "
        "not simulated), false where the test set is public or simulated",
    )
    threshold: float = Field(
        0.04, gt=0, lt=1, description="T: how far a test score may be from the training score"
    )
    noise: float = Field(0.01, gt=0, lt=1, description="s: scale of the noise")
    budget: int = Field(20, ge=1, description="answers that may come from the test set")


class EvaluateSettings(Section):
    """How scores are computed, and how they get their intervals and p-values."""

    n_bootstrap: int = Field(2000, ge=100, description="resamples for the 95 % intervals")
    n_permutations: int = Field(10000, ge=100, description="permutations for the p-values")
    n_refits: int = Field(
        1000, ge=1000, description="permutations that refit the decoder, for p_refit"
    )
    over_time: OverTimeSettings = OverTimeSettings()
    n_clusters: int | None = Field(
        None,
        ge=2,
        description="clusters of stimuli (k-means of the semantic target) within and across which "
        "identification is told apart; without it the categories, or 40 where there are none",
    )
    near_duplicate: float = Field(
        0.995,
        gt=0.5,
        le=1.01,
        description="likeness (r of 16 x 16 pixels, cosine of semantic embeddings) from which a "
        "scored and a trained picture count as one, an error; above 1: never",
    )
    resolution: int | None = Field(
        None,
        ge=11,
        le=1024,
        description="pixels a side of pixcorr and ssim (NSD: 425); without it the pictures' own",
    )
    holdout: HoldoutSettings = Field(
        default_factory=lambda: HoldoutSettings.model_validate({}),
        description="the locked test set",
    )
    extractors: dict[Literal["alexnet", "inception", "clip", "efficientnet", "swav"], str] = Field(
        default_factory=dict,
        description="weights that the field's scores need: a .safetensors file of torchvision's "
        "names; clip: a folder in open_clip's layout",
    )
