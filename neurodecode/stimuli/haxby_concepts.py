"""Which emoji stand for the categories of Haxby et al. (2001), by code point, side and style.

``train`` pictures make the category's target features; ``test`` pictures are what
reconstructions are scored against, and no generator is trained on them in any style.
"""

from __future__ import annotations

__all__ = ["HAXBY"]

Member = tuple[str, str, tuple[str, ...]]

HAXBY: dict[str, list[Member]] = {
    "bottle": [
        ("1f37c", "train", ("fluent3d", "twemoji")),  # baby bottle
        ("1f9f4", "train", ("fluent3d", "twemoji")),  # lotion bottle
        ("1f37e", "test", ("fluent3d", "fluentflat", "noto")),  # bottle with popping cork
    ],
    "cat": [
        ("1f431", "train", ("fluent3d",)),  # cat face
        ("1f408-200d-2b1b", "train", ("fluent3d", "twemoji")),  # black cat
        ("1f63a", "train", ("fluent3d",)),  # grinning cat
        ("1f408", "test", ("fluent3d", "noto")),  # cat
        ("1f63d", "test", ("fluent3d",)),  # kissing cat
    ],
    "chair": [
        ("1fa91", "train", ("fluentflat", "twemoji")),  # chair
        ("1f6cb", "train", ("fluent3d",)),  # couch and lamp
        ("1fa91", "test", ("fluent3d", "noto")),
        ("1f4ba", "test", ("fluent3d",)),  # seat
    ],
    "face": [
        ("1f467", "train", ("fluent3d",)),  # girl
        ("1f468", "train", ("fluent3d",)),  # man
        ("1f469", "train", ("fluent3d",)),  # woman
        ("1f474", "train", ("fluent3d",)),  # old man
        ("1f466", "test", ("fluent3d",)),  # boy
        ("1f9d1", "test", ("fluent3d",)),  # person
        ("1f475", "test", ("fluent3d",)),  # old woman
    ],
    "house": [
        ("1f3e0", "train", ("fluent3d", "twemoji")),  # house
        ("1f6d6", "train", ("fluent3d",)),  # hut
        ("1f3d8", "train", ("fluent3d",)),  # houses
        ("1f3e1", "test", ("fluent3d", "noto")),  # house with garden
        ("1f3da", "test", ("fluent3d",)),  # derelict house
    ],
    "scissors": [
        ("2702", "train", ("fluentflat", "twemoji")),
        ("2702", "test", ("fluent3d", "noto")),
    ],
    "shoe": [
        ("1f45e", "train", ("fluent3d",)),  # man's shoe
        ("1f97f", "train", ("fluent3d",)),  # flat shoe
        ("1f462", "train", ("fluent3d",)),  # woman's boot
        ("1f45f", "test", ("fluent3d", "noto")),  # running shoe
        ("1f97e", "test", ("fluent3d",)),  # hiking boot
    ],
}
