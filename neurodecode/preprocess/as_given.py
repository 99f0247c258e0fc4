"""Responses that the study already gives, one a trial."""

from __future__ import annotations

from neurodecode.contracts import Recording, Responses
from neurodecode.errors import ConfigError

__all__ = ["AsGiven"]


class AsGiven:
    """Hand on what the study gives."""

    def estimate(self, data: Recording | Responses) -> Responses:
        """Return the responses unchanged.

        Raises
        ------
        ConfigError
            Where the study gives a recording over time.
        """
        if isinstance(data, Responses):
            return data
        raise ConfigError(
            "responses of kind as_given need a study that gives one response a trial; this one "
            "gives a recording over time: choose an estimator such as kind: blocks"
        )
