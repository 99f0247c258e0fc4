"""A fitted online decoder in a folder: its arrays, and a card that says what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurodecode import __version__
from neurodecode.artifacts import (
    begin,
    hash_file,
    load_arrays,
    read_record,
    save_arrays,
    write_text,
)
from neurodecode.errors import ConfigError, DataError
from neurodecode.online.decoded import StreamDecoder
from neurodecode.registry import kinds, load

__all__ = ["CARD_SCHEMA", "load_card", "load_decoder", "save_decoder"]

CARD_SCHEMA = 1
ARRAYS, CARD = "decoder.safetensors", "decoder.json"
FAMILY = "online_decoder"


def save_decoder(
    folder: Path, decoder: StreamDecoder, facts: Mapping[str, Any] | None = None
) -> None:
    """Write a fitted decoder as ``decoder.safetensors`` and ``decoder.json``.

    The card is taken back first and written last, so that a folder with a card is whole.

    Parameters
    ----------
    folder : Path
    decoder : StreamDecoder
    facts : mapping, optional
        What a reader needs to know beside it (bin width, channel names, training data); JSON-able.

    Raises
    ------
    ConfigError
        Where the decoder's class is of no known kind.
    OutputError
        Where the file system refuses.
    """
    card = {
        "schema": CARD_SCHEMA,
        "version": __version__,
        **_describe(decoder),
        "n_chans": decoder.n_chans,
        "n_states": decoder.n_states,
        "facts": dict(facts or {}),
    }
    begin(folder / CARD)
    save_arrays(folder / ARRAYS, decoder.state())
    card["files"] = {ARRAYS: hash_file(folder / ARRAYS)}
    write_text(folder / CARD, json.dumps(card, indent=1, sort_keys=True) + "\n")


def load_card(folder: Path) -> dict[str, Any]:
    """Read what a saved decoder is, without its arrays.

    Raises
    ------
    DataError
        Where the card is missing, damaged, or of a newer schema.
    """
    path = folder / CARD
    card = read_record(
        path,
        CARD_SCHEMA,
        what="the card of a decoder",
        absent=f"A decoder is a folder with {CARD} and {ARRAYS}, as `neurodecode calibrate` "
        "writes it.",
        again="Calibrate again.",
    )
    lacking = [key for key in ("kind", "parameters", "files") if key not in card]
    if lacking:
        raise DataError(f"{path}: key(s) {', '.join(lacking)} missing. Calibrate again.")
    for key in ("parameters", "files"):
        if not isinstance(card[key], dict):
            raise DataError(f"{path}: {key} must be a mapping, got {card[key]!r}")
    return card


def load_decoder(folder: Path) -> StreamDecoder:
    """Read a fitted decoder, ready for its first bin.

    Raises
    ------
    DataError
        Where a file is missing, damaged, altered, of an unknown kind or of a newer schema.
    """
    card = load_card(folder)
    try:
        decoder = _build(card, FAMILY)
    except (ConfigError, TypeError, KeyError) as error:
        raise DataError(f"{folder / CARD}: {error}") from error
    arrays = load_arrays(folder / ARRAYS)
    if card["files"].get(ARRAYS) != hash_file(folder / ARRAYS):
        raise DataError(f"{folder / ARRAYS}: not the file that {CARD} names. Calibrate again.")
    fitted: StreamDecoder = decoder.restore(arrays)
    return fitted


def _describe(thing: Any, family: str = FAMILY) -> dict[str, Any]:
    """Kind and parameters of a decoder, or of a regressor inside it."""
    name = f"{type(thing).__module__}:{type(thing).__qualname__}"
    found = [kind for kind, target in kinds(family).items() if target == name]
    if not found:
        raise ConfigError(
            f"{name} is of no known kind of {family}: one of {', '.join(sorted(kinds(family)))}"
        )
    parameters = {
        key: _describe(value, "online_regressor") if hasattr(value, "get_params") else value
        for key, value in thing.get_params(deep=False).items()
    }
    return {"kind": found[0], "parameters": parameters}


def _build(card: Mapping[str, Any], family: str) -> Any:
    parameters = {
        key: _build(value, "online_regressor") if isinstance(value, dict) else value
        for key, value in card["parameters"].items()
    }
    return load(family, card["kind"])(**parameters)
