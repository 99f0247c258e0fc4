"""Build ``objects64`` and the Haxby pictures from public emoji pictures.

Run ``python -m neurodecode.stimuli.build_objects64`` on a machine with ``npm`` and
``rsvg-convert``; the packages are fetched by name and version, and what is written below
``neurodecode/stimuli/data`` is the same each time.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

import emoji
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from neurodecode.artifacts import write_table, writing
from neurodecode.errors import DataError
from neurodecode.seeds import generator
from neurodecode.stimuli.haxby_concepts import HAXBY
from neurodecode.stimuli.render import STYLES, draw
from neurodecode.stimuli.sheets import COLUMNS, DATA, SIDE

__all__ = ["build", "concepts", "fetch", "near_duplicates", "split"]

log = logging.getLogger(__name__)

N_TEST, N_DECODER = 130, 440
GROUPS = {
    "Smileys & Emotion": "face",
    "People & Body": "person",
    "Animals & Nature": "nature",
    "Food & Drink": "food",
    "Travel & Places": "place",
    "Activities": "activity",
    "Objects": "object",
}
# Clock faces, hearts and other signs, and pictures that are letters: no objects.
BANNED = re.compile(
    r"o.clock|thirty|heart|\bmark\b|button|symbol|\bsign\b|speech|thought balloon|zzz|hundred|"
    r"anger symbol|\bhole\b|kiss mark|exclamation|dizzy$|sweat droplets|dashing away|collision|"
    r"calendar|chart|abacus|newspaper|input|couple|kiss:|family|holding hands|bunny ears|"
    r"wrestling|handshake|facing right|keycap|^kiss\b|(spade|club|diamond) suit|info"
)

# Left out once the sets are drawn, so that these stay as they are: a picture that is cat_face's
# again, a gesture and a love hotel that suit no public demo.
LEFT_OUT = {"grinning_cat", "middle_finger", "love_hotel"}


def fetch(package: str, version: str, cache: Path) -> Path:
    """Fetch one npm package into ``cache`` and unpack it; returns its folder."""
    folder = cache / f"{package.replace('/', '-').lstrip('@')}-{version}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        ["npm", "pack", f"{package}@{version}"], cwd=cache, check=True, capture_output=True
    )
    archive = cache / packed.stdout.decode().strip().splitlines()[-1]
    with writing(folder) as temporary, tarfile.open(archive) as tar:
        tar.extractall(temporary, filter="data")
    return folder


def concepts(cache: Path) -> pd.DataFrame:
    """List the objects: ``code, id, caption, category, group``, one row a concept.

    Names are those of the ``emoji`` package; women and men of a job or a sport are one concept,
    its person.
    """
    folder = fetch("unicode-emoji-json", "0.9.0", cache)
    table = json.loads((folder / "package" / "data-by-emoji.json").read_text("utf-8"))
    rows = []
    for character, facts in table.items():
        known = emoji.EMOJI_DATA.get(character, {}).get("en", "")
        caption = re.sub(r"[_\s]+", " ", known.strip(":")).lower().replace("\u2019", "'")
        if not caption or facts["group"] not in GROUPS or BANNED.search(caption):
            continue
        gendered = re.match(r"(man|woman|men|women)\b", caption)
        if gendered and caption not in {"man", "woman"} and "'s" not in caption:
            continue
        code = "-".join(f"{ord(c):x}" for c in character if ord(c) != 0xFE0F)
        rows.append(
            {
                "code": code,
                "id": re.sub(r"[^a-z0-9]+", "_", caption).strip("_"),
                "caption": caption,
                "category": GROUPS[facts["group"]],
            }
        )
    return pd.DataFrame(rows).drop_duplicates("id").reset_index(drop=True)


def near_duplicates(pictures: NDArray[np.uint8], captions: Iterable[str]) -> NDArray[np.int64]:
    """Group pictures that look alike or belong to one family; returns a group number each.

    Two pictures are alike where their pixels, averaged to 16 x 16, correlate above .93, or where
    their captions end in the same two words (``full moon face``, ``new moon face``).
    """
    n = len(pictures)
    small = pictures.reshape(n, 16, SIDE // 16, 16, SIDE // 16, 3).mean(axis=(2, 4))
    alike = np.corrcoef(small.reshape(n, -1)) > 0.93
    words = [caption.split() for caption in captions]
    tails = np.array(
        [
            " ".join(w[-2:]) if len(w) > 1 and "with" not in w else f"alone {i}"
            for i, w in enumerate(words)
        ]
    )
    alike |= tails[:, None] == tails[None, :]
    group = np.arange(n)
    while True:
        merged = np.array([group[row].min() for row in alike])
        merged = merged[merged]
        if (merged == group).all():
            return group
        group = merged


def split(table: pd.DataFrame, group: NDArray[np.int64]) -> NDArray[np.str_]:
    """Assign whole groups to ``test``, ``decoder`` and ``generator``, at random but fixed.

    Groups that hold a Haxby concept go to ``decoder`` (training pictures) or ``test`` (scored
    ones): neither is ever drawn by the generator in training.
    """
    rng = generator(64, "objects64")
    role = {code: side for concepts_ in HAXBY.values() for code, side, _ in concepts_}
    sets = np.full(len(table), "generator", dtype="<U9")
    wanted = {"test": N_TEST, "decoder": N_DECODER}
    for name in np.unique(group):
        sides = {role[c] for c in table["code"][group == name] if c in role}
        if sides:
            sets[group == name] = "test" if "test" in sides else "decoder"
    for name in rng.permutation(np.unique(group)):
        rows = group == name
        if sets[rows][0] != "generator" or rows.sum() > 6:
            continue
        for side, n in wanted.items():
            if (sets == side).sum() + rows.sum() <= n:
                sets[rows] = side
                break
    return sets


def _sheet(path: Path, pictures: NDArray[np.uint8]) -> None:
    n_rows = -(-len(pictures) // COLUMNS)
    sheet = np.full((n_rows * SIDE, COLUMNS * SIDE, 3), 128, np.uint8)
    for k, picture in enumerate(pictures):
        y, x = divmod(k, COLUMNS)
        sheet[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE] = picture
    with writing(path) as temporary:
        Image.fromarray(sheet).save(temporary, format="PNG", optimize=True)


def build(cache: Path) -> None:
    """Write the sheets and tables below ``data``."""
    table = concepts(cache)
    fluent = fetch(*STYLES["fluent3d"], cache)
    drawn = {code: draw("fluent3d", code, fluent, SIDE) for code in table["code"]}
    found = np.array([drawn[code] is not None for code in table["code"]])
    table = table[found].reset_index(drop=True)
    pictures = np.stack([p for p in drawn.values() if p is not None])
    group = near_duplicates(pictures, table["caption"])
    table["set"], table["family"] = split(table, group), group
    captions = dict(zip(table["code"], table["caption"], strict=True))
    kept = ~table["id"].isin(LEFT_OUT).to_numpy()
    table, pictures = table[kept].reset_index(drop=True), pictures[kept]
    log.info("objects64: %d pictures %s", len(table), table["set"].value_counts().to_dict())
    _sheet(DATA / "objects64.png", pictures)
    write_table(DATA / "objects64.tsv", table)
    _haxby(cache, captions)


def _haxby(cache: Path, captions: dict[str, str]) -> None:
    rows, pictures = [], []
    for category, members in HAXBY.items():
        for code, side, styles in members:
            for style in styles:
                picture = draw(style, code, fetch(*STYLES[style], cache), SIDE)
                if picture is None:
                    raise DataError(f"{style}: no picture {code} for {category}")
                pictures.append(picture)
                rows.append(
                    {
                        "id": f"{category}_{style}_{code.replace('-', '_')}",
                        "caption": captions[code],
                        "category": category,
                        "set": side,
                        "style": style,
                        "code": code,
                    }
                )
    _sheet(DATA / "haxby_pictures.png", np.stack(pictures))
    write_table(DATA / "haxby_pictures.tsv", pd.DataFrame(rows))


def main() -> None:
    """Command line of the build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the npm packages")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    build(parser.parse_args().cache)


if __name__ == "__main__":
    main()
