"""Settings of the methods that take demographics out of features."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from neurodecode.settings import Section

__all__ = ["DeconfounderSettings", "ResidualizeSettings"]


class _Deconfounder(Section):
    """What all methods share."""

    minimum: int = Field(20, ge=2, description="fewest training people a level")


class ResidualizeSettings(_Deconfounder):
    """Regression of means, and on request of variances, on demographics."""

    kind: Literal["residualize"]
    knots: Literal[0, 3, 4, 5] = Field(4, description="of the spline of a number; 0: straight line")
    variance: bool = Field(True, description="divide by the predicted standard deviation, too")


DeconfounderSettings = ResidualizeSettings
