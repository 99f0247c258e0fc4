"""Settings of a live session: where samples come from, what becomes of them, what is allowed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurodecode.settings import Section

__all__ = [
    "BandPowerSettings",
    "BinSettings",
    "FaultSettings",
    "FeatureSettings",
    "FilterSettings",
    "LoopSettings",
    "OnlineSettings",
    "Policy",
    "SafetySettings",
    "SourceSettings",
    "SpikeCountSettings",
    "WhiteningSettings",
]

Policy = Literal["hold", "decay", "pause"]
"""What the output does: stay as it was, fade to zero, or stop until it is let go again."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Band = tuple[Positive, Positive]


class SourceSettings(Section):
    """Where samples come from."""

    source: str = Field(
        pattern=r"^((lsl|replay|board):.+|simulate)$",
        description="lsl:NAME, replay:FILE, board:synthetic or simulate",
    )
    reconnect: Positive = Field(
        default=1.0, description="seconds between two attempts after a loss"
    )

    @property
    def kind(self) -> str:
        """What stands before the colon."""
        return self.source.partition(":")[0]

    @property
    def target(self) -> str:
        """What stands behind the colon; empty for ``simulate``."""
        return self.source.partition(":")[2]


class FaultSettings(Section):
    """What the output does while the input is not what it should be."""

    gap: Policy = Field(default="hold", description="samples are missing in a bin")
    nan: Policy = Field(default="decay", description="more channels than max_bad are NaN or bad")
    clock_jump: Policy = Field(default="hold", description="the source's time stamps jumped")
    lost: Policy = Field(default="decay", description="the stream is gone")
    stale: Policy = Field(
        default="decay", description="the newest sample is older than stale_after"
    )
    max_bad: float = Field(
        default=0.5, ge=0, le=1, description="share of features that may be missing"
    )
    gap_tolerance: Positive = Field(
        default=0.5,
        description="samples by which a step may be too long; higher where stamps jitter",
    )
    longest_gap: Positive = Field(
        default=1.0,
        description="seconds of missing samples that filters are carried over; then they reset",
    )


class SafetySettings(Section):
    """What the output may be, whatever comes in."""

    low: tuple[float, ...] = Field(
        default=(-1.0, -1.0), min_length=1, description="box, lower corner"
    )
    high: tuple[float, ...] = Field(
        default=(1.0, 1.0), min_length=1, description="box, upper corner"
    )
    top_speed: Positive = Field(default=2.0, description="length a second")
    longest_step: Positive = Field(default=0.1, description="seconds that one output may move for")
    decay_time: Positive = Field(
        default=0.1, description="seconds in which a fading output loses 63 %"
    )
    dead_man: Positive | None = Field(
        default=None,
        description="seconds after the last sign of the operator; none: no dead-man key",
    )

    @model_validator(mode="after")
    def _a_box(self) -> Self:
        if len(self.low) != len(self.high):
            raise ValueError("low and high: must have as many numbers as each other")
        if not all(a < b for a, b in zip(self.low, self.high, strict=True)):
            raise ValueError("low and high: low must lie below high in every direction")
        return self


class LoopSettings(Section):
    """How the loop keeps up."""

    poll: Positive = Field(default=0.001, description="seconds between two looks at the stream")
    drop: Literal["newest", "never"] = Field(
        default="newest",
        description="too late: newest data win and the rest is dropped, or all is decoded",
    )
    max_age: Positive = Field(
        default=0.2, description="seconds; older samples are dropped (drop: newest)"
    )
    stale_after: Positive = Field(default=0.15, description="seconds without a newer sample")
    stuck_after: Positive = Field(
        default=5.0, description="seconds of stale data after which the stream is connected anew"
    )
    velocity: tuple[int, ...] = Field(
        default=(0, 1),
        min_length=1,
        description="entries of the decoded state that move the output",
    )


class FilterSettings(Section):
    """A causal Butterworth filter of every channel."""

    low: Positive | None = Field(default=None, description="Hz; none: low-pass")
    high: Positive | None = Field(default=None, description="Hz; none: high-pass")
    order: int = Field(default=4, ge=1, le=12)

    @model_validator(mode="after")
    def _a_band(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("low or high: at least one must be given")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low and high: low must lie below high")
        return self


class SpikeCountSettings(Section):
    """Events in each bin: of counts as they come, or of crossings of a threshold."""

    kind: Literal["spike_counts"]
    threshold: float | None = Field(
        default=None,
        lt=0,
        description="crossings below this many noise SDs; none: samples are counts",
    )


class BandPowerSettings(Section):
    """Log power of bands in each bin."""

    kind: Literal["band_power"]
    bands: tuple[Band, ...] = Field(min_length=1, description="Hz, [low, high] each")
    order: int = Field(default=4, ge=1, le=12)


BinSettings = Annotated[SpikeCountSettings | BandPowerSettings, Field(discriminator="kind")]


class WhiteningSettings(Section):
    """Whitening that follows the recording."""

    kind: Literal["gain", "ema"]
    rate: Positive = Field(default=1e-3, description="gain: eta a bin; ema: share of a new bin")
    nonnegative: bool = Field(
        default=False, description="gain: gains never below 0, which only damp"
    )


class FeatureSettings(Section):
    """From samples to the vectors that a decoder reads."""

    filters: tuple[FilterSettings, ...] = ()
    bins: BinSettings
    bin_width: Positive = Field(default=0.05, description="s")
    bad_channels: bool = Field(
        default=True, description="mask features that no longer look as they did"
    )
    centre_time: Positive | None = Field(
        default=None, description="seconds over which the mean is forgotten; none: the mean stays"
    )
    reduce: Literal["pca", "fa"] | None = None
    n_components: int = Field(default=10, ge=1)
    whitening: WhiteningSettings | None = None


class OnlineSettings(Section):
    """A live session."""

    source: SourceSettings
    features: FeatureSettings
    faults: FaultSettings = FaultSettings()
    safety: SafetySettings = SafetySettings()
    loop: LoopSettings = LoopSettings()
