"""Building, choosing and running the decoders of a study's ``online`` section."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurodecode.online.decoded import Array, StreamDecoder
from neurodecode.online.scoring import nrmse
from neurodecode.online.settings import OnlineDecoderSettings, RegressorSettings
from neurodecode.registry import load

__all__ = ["Choice", "build", "candidates", "choose", "in_words", "rolling_error"]

ORIGINS = (0.5, 0.7, 0.9)
"""Where training data end in the search, as shares of the training data."""

HORIZON = 0.1
"""Share of the training data that is decoded after each."""

Choice = Mapping[str, float]


def candidates(settings: OnlineDecoderSettings) -> list[Choice]:
    """Every combination of the values that a section lists."""
    tried = {name: v for name, v in _tried(settings).items() if len(v) > 1}
    return [dict(zip(tried, point, strict=True)) for point in itertools.product(*tried.values())]


def _tried(settings: OnlineDecoderSettings) -> dict[str, tuple[float, ...]]:
    regressor: RegressorSettings | None = getattr(settings, "regressor", None)
    sections = [settings] if regressor is None else [settings, regressor]
    return {
        name: value for section in sections for name, value in section if isinstance(value, tuple)
    }


def build(settings: OnlineDecoderSettings, choice: Choice, seed: int) -> StreamDecoder:
    """Return the decoder of a section, not fitted, with the values chosen."""
    values = {name: tried[0] for name, tried in _tried(settings).items()} | dict(choice)
    options = settings.model_dump(exclude={"kind", "role", "regressor"})
    regressor: RegressorSettings | None = getattr(settings, "regressor", None)
    if regressor is not None:
        own = _taken(regressor.model_dump(exclude={"kind"}), values)
        options["regressor"] = _make("online_regressor", regressor.kind, own, seed)
    decoder: StreamDecoder = _make("online_decoder", settings.kind, _taken(options, values), seed)
    return decoder


def _taken(options: Mapping[str, Any], values: Choice) -> dict[str, Any]:
    return {name: values.get(name, value) for name, value in options.items()}


def _make(family: str, kind: str, options: dict[str, Any], seed: int) -> Any:
    cls = load(family, kind)
    seeded = {"seed": seed} if "seed" in inspect.signature(cls).parameters else {}
    return cls(**options, **seeded)


def choose(settings: OnlineDecoderSettings, X: Array, Z: Array, seed: int) -> Choice:
    """The combination of least mean nRMSE by rolling origin, inside training data.

    From each of three origins what comes before trains, and the next tenth is decoded.
    """
    tried = candidates(settings)
    if len(tried) == 1:
        return tried[0]
    return min(tried, key=lambda choice: rolling_error(build(settings, choice, seed), X, Z))


def rolling_error(decoder: StreamDecoder, X: Array, Z: Array) -> float:
    """Mean nRMSE of a decoder by rolling origin, as :func:`choose` compares."""
    errors = []
    for share in ORIGINS:
        origin, end = round(share * len(X)), round((share + HORIZON) * len(X))
        decoded = decoder.fit(X[:origin], Z[:origin]).predict(X[origin:end]).mean
        errors.append(nrmse(decoded, Z[origin:end]))
    return float(np.mean(errors))


def in_words(settings: OnlineDecoderSettings, choice: Choice) -> str:
    """How the values were come by."""
    if not choice:
        return "no value was chosen"
    values = ", ".join(f"{name} {value:g}" for name, value in choice.items())
    n = len(candidates(settings))
    return f"{values}, the best of {n} by rolling origin inside the training data"
