"""What goes to the page and what may come back.

Everything is one JSON object a message, so that it can be read anywhere. A number that is not
finite goes as null. Of what comes back only the orders listed here are believed, with values of
the right type and range; anything else is dropped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

__all__ = ["LONGEST", "Order", "encode", "parse_order"]

LONGEST = 150_000
"""Bytes of the longest message: a picture fits, and a socket takes it whole."""

Do = Literal["pause", "resume", "recalibrate", "swap", "point", "let_go", "alive", "stop"]


@dataclass(frozen=True)
class Order:
    """What somebody at the page wants.

    Attributes
    ----------
    do : str
        ``pause``, ``resume``, ``recalibrate``, ``swap`` (to the decoder ``name``), ``point`` (the
        person points at ``at`` and is the user from now on), ``let_go`` (the simulated user
        again), ``alive`` (the dead-man key is held), ``stop``.
    name : str
        Of a decoder.
    at : (float, float)
        In the workspace, -1 to 1.
    """

    do: Do
    name: str = ""
    at: tuple[float, float] = (0.0, 0.0)


def encode(message: Mapping[str, Any]) -> bytes:
    """One message as JSON; arrays become lists, numbers keep five digits.

    Raises
    ------
    ValueError
        Where it is longer than :data:`LONGEST`.
    """
    text = json.dumps(_plain(message), allow_nan=False, separators=(",", ":")).encode()
    if len(text) > LONGEST:
        raise ValueError(f"a message of {len(text)} bytes is too long for the page")
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def parse_order(data: bytes | str) -> Order | None:
    """The order in a message of the page; None where it is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("do") not in get_args(Do):
        return None
    name, at = found.get("name", ""), found.get("at", [0, 0])
    if not isinstance(name, str) or len(name) > 100:
        return None
    if not isinstance(at, list) or len(at) != 2 or not all(map(_is_place, at)):
        return None
    return Order(found["do"], name, (float(at[0]), float(at[1])))


def _is_place(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1 <= value <= 1
