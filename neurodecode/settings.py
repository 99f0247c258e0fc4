"""Base of every settings section, and how YAML becomes one: a typo in a key is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from neurodecode.errors import ConfigError

__all__ = ["Name", "Section", "read_settings", "validated"]

Model = TypeVar("Model", bound=BaseModel)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=60)]
"""Name of a section; lower case, so that names join by ``-`` into a chain or a system."""


class Section(BaseModel):
    """A section of a study's YAML."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_settings(model: type[Model], path: Path) -> Model:
    """Read a YAML file of settings.

    Raises
    ------
    ConfigError
        Where it is missing, no YAML, or a key or value is wrong; names each.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file. Run inside the project's folder or name it with --config."
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must be a mapping of keys, got {type(raw).__name__}")
    return validated(model, raw, str(path))


def validated(model: type[Model], raw: Mapping[str, Any], where: str) -> Model:
    """Turn plain values into settings.

    Raises
    ------
    ConfigError
        Where a key or value is wrong; names each.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(model, raw, detail) for detail in error.errors()]
        raise ConfigError("\n".join(f"{where}: {line}" for line in lines)) from error


def _key(raw: Any, path: Sequence[Any]) -> str:
    """Name a key as the YAML has it: pydantic also names the kind that it took a section for."""
    named, at = [], raw
    for part in path:
        inside = isinstance(at, Mapping)
        if inside and part not in at and part == at.get("kind") and part != path[-1]:
            continue
        named.append(str(part))
        if inside:
            at = at.get(part)
        elif isinstance(at, list) and isinstance(part, int):
            at = at[part]
    return ".".join(named)


def _explain(model: type[BaseModel], raw: Any, detail: Any) -> str:
    key = _key(raw, detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key; check the spelling against config/README.md"
    if detail["type"] == "missing":
        return f"{key}: missing key ({model.__name__} needs it)"
    if detail["type"] == "union_tag_not_found":
        tag, keys = detail["ctx"]["discriminator"].strip("'"), ", ".join(map(str, detail["input"]))
        return f"{key}: missing key {tag}, which says what it is; found keys {keys or 'none'}"
    if detail["type"] == "string_type" and isinstance(detail["input"], (int, float)):
        return f"{key}: must be text, got {detail['input']!r}: put it in quotes"
    found = "" if isinstance(detail["input"], dict) else f", got {detail['input']!r}"
    return f"{key or model.__name__}: {detail['msg'].removeprefix('Value error, ')}{found}"
