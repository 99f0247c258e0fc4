"""Base of every settings section: frozen, and a typo in a key is an error."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

__all__ = ["Name", "Section"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=60)]
"""Name of a section; lower case, so that names join by ``-`` into a chain or a system."""


class Section(BaseModel):
    """A section of a study's YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid")
