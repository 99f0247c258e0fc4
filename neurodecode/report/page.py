"""From material to HTML: what each study's part of the page holds."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from neurodecode import __version__
from neurodecode.deconfound.stage import NO_OP
from neurodecode.report.belief import Belief, beliefs
from neurodecode.report.deconfounding import CohortPart
from neurodecode.report.figures import Panel
from neurodecode.report.gallery import Gallery, build_gallery
from neurodecode.report.glossary import describe
from neurodecode.report.groups import GroupPart, group_part
from neurodecode.report.interactive import plot_data, scripts
from neurodecode.report.load import Material, Score
from neurodecode.report.looks import ledger_rows, locked_verdict
from neurodecode.report.maps import MapPart, map_parts
from neurodecode.report.multiverse_part import MultiversePart
from neurodecode.report.names import decoder_words, generator_words
from neurodecode.report.online import OnlinePart
from neurodecode.report.oracle import OraclePart, oracle_part
from neurodecode.report.others import Others, others
from neurodecode.report.over_time import over_time_panels
from neurodecode.report.pictures import PictureBook
from neurodecode.report.quality import RecordingPart, quality_parts
from neurodecode.report.tables import Block, score_blocks, transductive_pairs
from neurodecode.report.verdict import Verdict, fixed, verdict

HELD_OUT = Path(__file__).parent / "templates" / "held_out.png"
"""Pictures of held-out concepts and what the generator draws of them (benchmarks/a_generator)."""

__all__ = ["StudyPart", "environment", "render", "study_part"]

LIBRARIES = ("numpy", "scipy", "scikit-learn", "pandas", "torch", "diffusers", "open-clip-torch",
             "nibabel", "nilearn", "pillow")  # fmt: skip


@dataclass(frozen=True)
class StudyPart:
    """All that the template prints of one study.

    Attributes
    ----------
    drawn_by : str
        The main system in words.
    download : str
        Stem of the score table (``.tsv``) and its dictionary (``.json``) beside the page.
    download_data : str
        The table as base64.
    pairs : list of (Score, Score)
        Transductive score, the same on training statistics.
    plot : list of dict
        What the interactive plot shows; see ``report.interactive``.
    multiverse : MultiversePart
        What other choices would have told.
    oracle : OraclePart
        What one who knows how the brains were made could tell.
    others : Others
        Published numbers of other systems.
    ledger : list of (str, int, str, str, str)
        Subject, number, what, query and hash of each line.
    limits : tuple of str
        What the study does not show.
    hashes : list of (str, str, int, str)
        Sidecar, settings hash, seed and version of each artefact.
    quality : list of RecordingPart
        What each recording is like.
    over_time : list of Panel
        When it can be decoded, where responses are channels at times.
    maps : list of MapPart
        What encoding models and searchlights say of each unit.
    """

    material: Material
    verdict: Verdict
    belief: Belief
    gallery: Gallery | None
    groups: GroupPart
    blocks: list[Block]
    plot: list[dict[str, Any]]
    multiverse: MultiversePart
    oracle: OraclePart
    others: Others
    ledger: list[tuple[str, int, str, str, str]]
    pairs: list[tuple[Score, Score]]
    limits: tuple[str, ...]
    selections: tuple[str, ...]
    splits: tuple[str, ...]
    hashes: list[tuple[str, str, int, str]]
    quality: list[RecordingPart]
    over_time: list[Panel]
    maps: list[MapPart]
    drawn_by: str
    download: str
    download_data: str


def study_part(
    material: Material, book: PictureBook, scores_file: Path, multiverse: MultiversePart
) -> StudyPart:
    """Collect one study's part of the page."""
    said = locked_verdict(material) if material.locked else verdict(material)
    published = others(material)
    scores, blocks = material.scores, score_blocks(material, published.beside)
    return StudyPart(
        material=material,
        verdict=said,
        belief=beliefs(material),
        gallery=build_gallery(material, book) if material.pictures else None,
        groups=group_part(material),
        blocks=blocks,
        plot=plot_data(blocks, several=len(material.subjects) > 1),
        multiverse=multiverse,
        oracle=oracle_part(material),
        others=published,
        ledger=ledger_rows(material.standings),
        pairs=transductive_pairs(material),
        limits=_limits(material),
        selections=tuple(
            dict.fromkeys(
                s.selection for s in scores if s.system == material.main and s.source == "decoded"
            )
        ),
        splits=tuple(dict.fromkeys([material.split, *(s.split for s in scores)])),
        hashes=[(n, s.settings, s.seed, s.version) for n, s in sorted(material.sidecars.items())],
        quality=quality_parts(material.quality, material.study.surface_of),
        over_time=over_time_panels(material.over_time, material.generalisation),
        maps=map_parts(material.maps),
        drawn_by=_drawn_by(material),
        download=scores_file.stem,
        download_data=base64.b64encode(scores_file.read_bytes()).decode(),
    )


def _drawn_by(material: Material) -> str:
    words = generator_words(material.study, material.main)
    return f"{words[0].lower()}{words[1:]} ({decoder_words(material.study, material.main)})"


def _limits(material: Material) -> tuple[str, ...]:
    """Say what the study cannot show, from its design; the adapter's own words come first."""
    n = len(material.subjects)
    said = [material.about["limits"]] if material.about.get("limits") else []
    if material.study.deconfound is not None:
        said.append(f"Demographics: {NO_OP}.")
    if not material.pictures:
        said.append(
            "What it looked like: no picture of what was seen is known here, and none was drawn."
        )
    elif material.level == "category":
        said.append(
            "Which picture was seen: the recording says the category only, so details of a "
            "reconstruction (colour, pose, outline) come from the picture set, not from the brain."
        )
    if material.simulated:
        said.append("Anything about real brains: the responses were made by a program.")
    said.append(
        f"Anything about people in general: {n} subject{'s were' if n > 1 else ' was'} tested, "
        "a decoder was trained on the very subject it is tested on, and an interval describes "
        "that subject alone."
    )
    if material.level != "category" or material.pictures:
        said.append(
            "Detail within a kind of object: two-way scores can be high because the kind alone "
            "(animal, tool, face) was decoded."
        )
    said.append(
        "Thoughts, dreams or imagery: everything decoded here was looked at during the recording."
    )
    return tuple(said)


def environment() -> Environment:
    """Return what all pages are rendered with."""
    found = Environment(
        loader=PackageLoader("neurodecode.report"),
        autoescape=True,  # every caption, id and label of a file is foreign text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["commands"] = _commands
    return found


def _commands(text: str) -> Markup:
    """Set what stands between back quotes as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if k % 2 else escape(part)
        for k, part in enumerate(parts)
    )


def render(
    parts: Sequence[StudyPart],
    online: Sequence[OnlinePart],
    cohorts: Sequence[CohortPart],
    book: PictureBook,
    seed: int,
) -> str:
    """Return the page."""
    template = environment().get_template("index.html")
    library, own_script = scripts()
    return template.render(
        library=library,
        own_script=own_script,
        parts=parts,
        online=online,
        cohorts=cohorts,
        pictures=book.rules,
        seed=seed,
        names={s.metric: describe(s.metric).name for p in parts for s in p.material.scores},
        fixed=fixed,
        version=__version__,
        held_out=_held_out(parts),
        libraries=[(name, found) for name in LIBRARIES if (found := _version(name))],
    )


def _held_out(parts: Sequence[StudyPart]) -> str | None:
    """Contact sheet of the embedded generator as base64, where a study draws with it."""
    studies = [part.material.study for part in parts]
    kinds = {study.generators[s.generator].kind for study in studies for s in study.drawing}
    return base64.b64encode(HELD_OUT.read_bytes()).decode() if "embedded" in kinds else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
