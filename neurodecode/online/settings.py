"""Settings of a live session, and of the scoring of its decoders on a recording."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from neurodecode.settings import Name, Section

__all__ = [
    "BandPowerSettings",
    "BinSettings",
    "DkfSettings",
    "FaultSettings",
    "FeatureSettings",
    "FilterDecoderSettings",
    "FilterSettings",
    "KernelRidgeSettings",
    "LinearRidgeSettings",
    "LoopSettings",
    "LstmSettings",
    "NadarayaWatsonSettings",
    "OfflineSettings",
    "OnlineDecoderSettings",
    "OnlineSettings",
    "PerceptronSettings",
    "Policy",
    "RegressionSettings",
    "RegressorSettings",
    "SafetySettings",
    "SourceSettings",
    "SpikeCountSettings",
    "WhiteningSettings",
]

Policy = Literal["hold", "decay", "pause"]
"""What the output does: stay as it was, fade to zero, or stop until it is let go again."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Tried = Annotated[
    tuple[Positive, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, int | float) else value),
    Field(min_length=1),
]
"""A value, or several of which one is chosen inside the training data."""
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


class LinearRidgeSettings(Section):
    """Linear regression with a squared penalty."""

    kind: Literal["linear_ridge"]
    penalty: Tried = (1e-3,)


class NadarayaWatsonSettings(Section):
    """Mean of the training states, weighted by the likeness of their features."""

    kind: Literal["nadaraya_watson"]


class KernelRidgeSettings(Section):
    """Kernel ridge regression; for some thousand bins."""

    kind: Literal["kernel_ridge"]
    length: Tried = (3.0,)
    penalty: Tried = (0.1,)


class PerceptronSettings(Section):
    """A network of two hidden layers."""

    kind: Literal["perceptron"]
    hidden: int = Field(default=64, ge=1)
    epochs: int = Field(default=60, ge=1)


RegressorSettings = Annotated[
    LinearRidgeSettings | NadarayaWatsonSettings | KernelRidgeSettings | PerceptronSettings,
    Field(discriminator="kind"),
]


class ScoredSettings(Section):
    """What all decoders that are scored share."""

    role: Literal["system", "baseline", "peer"] = "system"
    centre: bool = Field(
        default=True, description="take training means off; false where the data come centred"
    )


class FilterDecoderSettings(ScoredSettings):
    """A filter with a linear, or quadratic (EKF, UKF), model of the features."""

    kind: Literal["kalman", "kalman_steady", "ekf", "ukf"]


class DkfSettings(ScoredSettings):
    """The discriminative Kalman filter."""

    kind: Literal["dkf"]
    regressor: RegressorSettings
    robust: bool = False
    folds: int = Field(default=5, ge=2)
    lags: int = Field(default=0, ge=0, description="earlier bins that the regression reads")
    decay: Tried = Field(default=(1.0,), description="a bin k back is scaled by decay^k")


class RegressionSettings(ScoredSettings):
    """Regression on the last bins without dynamics; linear: the Wiener filter."""

    kind: Literal["regression"]
    regressor: RegressorSettings
    folds: int = Field(default=5, ge=2)
    lags: int = Field(default=9, ge=0)
    decay: Tried = (1.0,)


class LstmSettings(ScoredSettings):
    """A recurrent network."""

    kind: Literal["lstm"]
    hidden: int = Field(default=32, ge=1)
    epochs: int = Field(default=60, ge=1)


OnlineDecoderSettings = Annotated[
    FilterDecoderSettings | DkfSettings | RegressionSettings | LstmSettings,
    Field(discriminator="kind"),
]


class OfflineSettings(Section):
    """Scoring of online decoders on a recording with kinematics: a study's ``online`` section."""

    features: FeatureSettings
    train_end: Positive | None = Field(
        default=None, description="s; what comes before trains (none: four fifths)"
    )
    test_end: Positive | None = Field(
        default=None,
        description="s; from train_end to here is tested, and what follows is scored apart, as "
        "later (none: all is tested)",
    )
    decoders: dict[Name, OnlineDecoderSettings] = Field(min_length=1)
    block: Positive = Field(default=5.0, description="s of neighbouring bins that are resampled")
    n_bootstrap: int = Field(default=5000, ge=100)

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if self.test_end is not None and self.test_end <= (self.train_end or 0):
            raise ValueError(f"test_end: must lie behind train_end, got {self.test_end:g}")
        roles = [decoder.role for decoder in self.decoders.values()]
        if "system" not in roles or "baseline" not in roles:
            raise ValueError(
                "decoders: at least one must have role: system and one role: baseline, which the "
                "gain is told over"
            )
        return self
