"""Settings of the methods that take demographics out of features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from neurodecode.settings import Section

__all__ = [
    "DeconfounderSettings",
    "HarmonizeSettings",
    "ResidualizeSettings",
    "ShrunkenSettings",
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


class HarmonizeSettings(_Deconfounder):
    """ComBat: one column, the site, is removed; the others are protected."""

    kind: Literal["harmonize"]
    batch: str = Field("site", min_length=1, description="the column that is removed")
    unseen: Literal["raise", "reference", "pooled"] = Field(
        "raise", description="what to do with people of a site without training people"
    )
    reference: str = Field("", description="site to which the others are moved")


DeconfounderSettings = Annotated[
    ResidualizeSettings | ShrunkenSettings | HarmonizeSettings, Field(discriminator="kind")
]
