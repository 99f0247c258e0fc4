"""``objects64``: captioned, categorised colour pictures of objects, 64 x 64 on neutral grey."""

from __future__ import annotations

from neurodecode.contracts import Stimuli
from neurodecode.errors import ConfigError
from neurodecode.stimuli.sheets import read_sheet

__all__ = ["SETS", "load_objects64"]

SETS = ("generator", "decoder", "test")


def load_objects64(sets: tuple[str, ...] = SETS) -> Stimuli:
    """Read the pictures of some of the three fixed sets.

    Parameters
    ----------
    sets : tuple of str
        ``generator``: the pictures that the embedded networks were trained on; ``decoder``: for
        the training of decoders; ``test``: held out from both. No near-duplicate of a picture
        is in another set.

    Returns
    -------
    Stimuli
        Columns ``id, caption, category, set, code, family``.
    """
    wrong = [name for name in sets if name not in SETS]
    if wrong or not sets:
        raise ConfigError(f"objects64: sets must be of {', '.join(SETS)}, got {sets!r}")
    table, pictures = read_sheet("objects64")
    return Stimuli(table, pictures).where(table["set"].isin(sets))
