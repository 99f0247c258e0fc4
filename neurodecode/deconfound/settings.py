"""Settings of the methods that take demographics out of features."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from neurodecode.settings import Name, Section

__all__ = [
    "AS_GIVEN",
    "CHOSEN",
    "ChoiceSettings",
    "DeconfoundSettings",
    "DeconfounderSettings",
    "DemoVaeSettings",
    "HarmonizeSettings",
    "ResidualizeSettings",
    "ShrunkenSettings",
    "SubspaceSettings",
]

Knots = Literal[0, 3, 4, 5]


class _Deconfounder(Section):
    """What all methods share."""

    minimum: int = Field(20, ge=2, description="fewest training people a level")
    knots: Knots = Field(4, description="of the spline of a number; 0: a straight line")


class ResidualizeSettings(_Deconfounder):
    """Regression of means, and on request of variances, on demographics."""

    kind: Literal["residualize"]
    variance: bool = Field(True, description="divide by the predicted standard deviation, too")


class ShrunkenSettings(_Deconfounder):
    """Regression of means and variances with empirical-Bayes effects, in leading components."""

    kind: Literal["shrunken"]
    n_components: int = Field(200, ge=0, description="components kept; 0: all features")
    n_factors: int = Field(50, ge=1, description="directions that are taken apart first")
    keep_label: bool = Field(False, description="keep, too, the direction of the label")


class HarmonizeSettings(_Deconfounder):
    """ComBat: one column, the site, is removed; the others are protected."""

    kind: Literal["harmonize"]
    batch: str = Field("site", min_length=1, description="the column that is removed")
    unseen: Literal["raise", "reference", "pooled"] = Field(
        "raise", description="what to do with people of a site without training people"
    )
    reference: str = Field("", description="site to which the others are moved")


class _Autoencoder(_Deconfounder):
    """What the autoencoders share."""

    knots: Knots = Field(3, description="of the spline of a number; 0: a straight line")
    n_components: int = Field(150, ge=1, description="principal components in front")
    latent_dim: int = Field(120, ge=1, description="size of the code")
    hidden: int = Field(128, ge=1, description="width of the perceptrons")
    steps: int = Field(1000, ge=0, description="most optimiser steps")
    every: int = Field(20, ge=1, description="steps between looks at validation people")
    patience: int = Field(5, ge=1, description="looks without gain that end the training")
    validation: float = Field(0.2, gt=0, lt=1, description="share of people who decide when to end")
    seed: int = Field(0, ge=0, description="of the split, the network and its training")


class DemoVaeSettings(_Autoencoder):
    """Autoencoder whose code is free of demographics and whose decoder is told them."""

    kind: Literal["demovae"]
    linear: float = Field(10.0, ge=0, description="penalty on correlation of code and demographics")
    conditional: float = Field(10.0, ge=0, description="penalty on variances that depend on them")
    guidance: float = Field(0.001, ge=0, description="weight of predictors on drawn people")
    lr: float = Field(3e-4, gt=0, description="learning rate")


class SubspaceSettings(_Autoencoder):
    """Autoencoder with one subspace for demographics: matrix subspace projection."""

    kind: Literal["subspace"]
    beta: float = Field(0.01, ge=0, description="weight of the divergence from normal codes")
    lr: float = Field(1e-3, gt=0, description="learning rate")


DeconfounderSettings = Annotated[
    ResidualizeSettings | ShrunkenSettings | HarmonizeSettings | DemoVaeSettings | SubspaceSettings,
    Field(discriminator="kind"),
]

AS_GIVEN = "as_given"
"""Name of the features as they are, which every audit holds beside the methods."""
CHOSEN = "chosen"
"""Name of the method that validation people choose among candidates."""


class ChoiceSettings(Section):
    """Candidates among which people choose who neither fit, nor train or test a probe."""

    candidates: dict[Name, DeconfounderSettings] = Field(
        min_length=2, description="from the gentlest to the one that takes away most"
    )
    allowed: float = Field(
        0.02, ge=0, lt=1, description="loss of the label's score that is not counted"
    )


class DeconfoundSettings(Section):
    """What is taken out of features of people, how, and what is to be kept."""

    demographics: tuple[str, ...] = Field(
        min_length=1, description="columns of participants.tsv that are removed"
    )
    label: str | None = Field(None, description="column that is to be kept, e.g. diagnosis")
    n_folds: int = Field(
        4,
        ge=3,
        description="parts of the people: one tests a probe, one trains it, one chooses where "
        "there is a choice, the rest fit",
    )
    forest: bool = Field(True, description="a random forest among the probes")
    choice: ChoiceSettings | None = Field(
        None, description="candidates of which validation people choose one, fold by fold"
    )
    methods: dict[Name, DeconfounderSettings] = Field(
        default={}, description="the page is about what was chosen, else about the first of these"
    )

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        for name in (AS_GIVEN, CHOSEN):
            if name in self.methods:
                raise ValueError(f"methods: {name} is the name of {_TAKEN[name]}")
        if self.label in self.demographics:
            raise ValueError(f"label: {self.label} cannot be removed and kept")
        if not self.methods and self.choice is None:
            raise ValueError("methods: name at least one, or a choice of candidates")
        if self.choice is not None and self.n_folds < 4:
            raise ValueError("n_folds: must be 4 or more where there is a choice: one part chooses")
        if self.label is None and self.choice is not None:
            raise ValueError("choice: needs a label, what is to be kept")
        told = [n for n, m in self.every.items() if getattr(m, "keep_label", False)]
        if self.label is None and told:
            raise ValueError(f"methods.{told[0]}.keep_label: needs a label to be kept")
        return self

    @property
    def every(self) -> dict[str, DeconfounderSettings]:
        """Methods and candidates."""
        return {**self.methods, **(self.choice.candidates if self.choice else {})}

    @property
    def names(self) -> tuple[str, ...]:
        """What is audited: what was chosen, the methods, and the features as they are."""
        return (*([CHOSEN] if self.choice else []), *self.methods, AS_GIVEN)


_TAKEN = {
    AS_GIVEN: "the features as they are",
    CHOSEN: "the method that validation people choose",
}
