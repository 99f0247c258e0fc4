"""Settings of the response estimators."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurodecode.settings import Section

__all__ = [
    "AsGivenSettings",
    "BlockPositionSettings",
    "BlocksSettings",
    "EpochsSettings",
    "EstimatorSection",
    "EstimatorSettings",
    "GlmLibrarySettings",
    "GlmSettings",
    "WindowSettings",
]


class EstimatorSection(Section):
    """What every way to a response shares; the base of an installed package's settings too."""

    rois: tuple[str, ...] = Field(
        (), description="units of these regions (roi in the table of units) alone; none = all"
    )


class AsGivenSettings(EstimatorSection):
    """The study already gives one response a trial."""

    kind: Literal["as_given"]


class BlocksSettings(EstimatorSection):
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


class BlockPositionSettings(EstimatorSection):
    """Position of a block in its run, one-hot: a control that holds no brain data."""

    kind: Literal["block_position"]


class _Cleaned(EstimatorSection):
    """What estimators share that take nuisance out run by run."""

    high_pass: float = Field(
        0.0078125, ge=0, description="Hz; slower cosines are nuisance; 0 = a constant alone"
    )
    percent: bool = Field(
        True, description="in percent of the run's mean; false where the signal was centred before"
    )


class GlmSettings(_Cleaned):
    """One beta a trial by least squares with one standard response."""

    kind: Literal["glm"]
    method: Literal["lsa", "lss"] = Field(
        "lss", description="lsa: all trials in one model; lss: each beside the sum of the others"
    )
    hrf: Literal["glover", "spm"] = "glover"


class GlmLibrarySettings(_Cleaned):
    """One beta a trial: response library, noise regressors, ridge; all chosen without labels."""

    kind: Literal["glm_library"]
    max_noise_regressors: int = Field(10, ge=0, le=50, description="most that are tried")


class WindowSettings(_Cleaned):
    """Volumes at fixed delays after each onset, their mean or each."""

    kind: Literal["window"]
    start: float = Field(4.0, ge=0, description="first delay, s")
    stop: float = Field(8.0, ge=0, description="last delay, s")
    mean: bool = Field(True, description="false: each unit and volume is a unit of its own")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.stop < self.start:
            raise ValueError(f"stop must not be before start ({self.start:g}), got {self.stop:g}")
        return self


class EpochsSettings(EstimatorSection):
    """EEG or MEG cut at the trials; one unit a channel and time."""

    kind: Literal["epochs"]
    start: float = Field(-0.2, description="s from the onset")
    stop: float = Field(0.8, description="s from the onset")
    band: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]] = Field(
        (0.1, 40.0), description="Hz; zero-phase filter over the whole run"
    )
    causal: bool = Field(
        False,
        description="filter forward only, as live: nothing that comes later is used; what learns "
        "from the whole run (bad_channels, ica, autoreject) is then not allowed",
    )
    notch: tuple[Annotated[float, Field(gt=0)], ...] = Field((), description="Hz, e.g. [50]")
    bad_channels: float | None = Field(
        None,
        gt=0,
        description="robust z of the amplitude from which a channel is bad (often 5); also those "
        "that are flat or like no other; null = only those that the data set marks",
    )
    ica: Literal["frontal", "iclabel"] | None = Field(
        None,
        description="EEG: subtract independent components that correlate with frontal channels, "
        "or that ICLabel names as artefacts",
    )
    reference: Literal["average", "none"] = Field("average", description="of EEG")
    baseline: tuple[float, float] | None = Field(
        (-0.2, 0.0), description="s from the onset; its mean is subtracted; null = none"
    )
    rate: float | None = Field(100.0, gt=0, description="samples a second that are left")
    autoreject: bool = Field(
        False, description="EEG: repair or drop trials, thresholds by cross-validation"
    )
    reject: float | None = Field(
        None, gt=0, description="microvolts; trials with a larger range of a channel are dropped"
    )
    reject_mag: float | None = Field(None, gt=0, description="the same of magnetometers, fT")
    reject_grad: float | None = Field(None, gt=0, description="the same of gradiometers, fT/cm")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        pairs = {"start, stop": (self.start, self.stop), "band": self.band}
        if self.baseline is not None:
            pairs["baseline"] = self.baseline
            if self.baseline[0] < self.start or self.baseline[1] > self.stop:
                raise ValueError("baseline must lie between start and stop")
        for name, (low, high) in pairs.items():
            if not low < high:
                raise ValueError(f"{name}: must rise, got {low:g} and {high:g}")
        if self.causal and (self.bad_channels or self.ica or self.autoreject):
            raise ValueError(
                "causal: bad_channels, ica and autoreject learn from the whole run; leave them out"
            )
        if self.ica and self.reference != "average":
            raise ValueError("ica needs reference: average")
        if self.rate is not None and self.band[1] > self.rate / 2:
            raise ValueError(
                f"band must end at or below half of rate ({self.rate / 2:g} Hz), got "
                f"{self.band[1]:g}"
            )
        return self


EstimatorSettings = Annotated[
    AsGivenSettings
    | BlocksSettings
    | BlockPositionSettings
    | GlmSettings
    | GlmLibrarySettings
    | WindowSettings
    | EpochsSettings,
    Field(discriminator="kind"),
]
