"""Settings of the response estimators."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurodecode.settings import Section

__all__ = ["AsGivenSettings", "BlockPositionSettings", "BlocksSettings", "EstimatorSettings"]


class AsGivenSettings(Section):
    """The study already gives one response a trial."""

    kind: Literal["as_given"]


class BlocksSettings(Section):
    """Mean of the volumes of each block."""

    kind: Literal["blocks"]
    baseline: Literal["run", "preceding_rest"] = Field(
        "run",
        description="run: detrend and z-score over the run's own volumes (transductive); "
        "preceding_rest: subtract the mean of the rest volumes just before the block "
        "(uses nothing that comes later)",
    )
    lag: float = Field(0.0, ge=0, description="seconds added to the onsets, fixed a priori")
    high_pass: float | None = Field(
        None, gt=0, description="Hz; only with baseline: run; none = linear detrending alone"
    )

    @model_validator(mode="after")
    def _high_pass_needs_run(self) -> Self:
        if self.high_pass is not None and self.baseline != "run":
            raise ValueError(f"high_pass needs baseline: run, got baseline: {self.baseline}")
        return self


class BlockPositionSettings(Section):
    """Position of a block in its run, one-hot: a control that holds no brain data."""

    kind: Literal["block_position"]


EstimatorSettings = Annotated[
    AsGivenSettings | BlocksSettings | BlockPositionSettings, Field(discriminator="kind")
]
