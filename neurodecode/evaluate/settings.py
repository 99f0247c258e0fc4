"""Settings of the scores."""

from __future__ import annotations

from pydantic import Field

from neurodecode.settings import Section

__all__ = ["EvaluateSettings"]


class EvaluateSettings(Section):
    """How scores get their intervals and p-values."""

    n_bootstrap: int = Field(2000, ge=100, description="resamples for the 95 % intervals")
    n_permutations: int = Field(10000, ge=100, description="permutations for the p-values")
