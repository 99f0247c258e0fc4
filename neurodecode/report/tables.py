"""The score table: one block a metric and extractor, rows grouped into systems, baselines,
ceilings; each row carries the positions of its dot and interval in per cent of the axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neurodecode.report.glossary import Entry, describe
from neurodecode.report.load import Material, Score
from neurodecode.report.names import decoder_words, is_of_decoding, label
from neurodecode.report.others import Beside, digits
from neurodecode.report.verdict import fixed, headline_scores, trimmed

__all__ = ["Block", "Row", "score_blocks", "share_words", "transductive_pairs"]

ROLES = {"system": "Decoders", "baseline": "Baselines and controls", "ceiling": "Ceilings",
         "oracle": "Oracle: knows how these brains were made", "peer": "Other systems"}  # fmt: skip
PUBLISHED = "Published by others: same subjects, split, N, resolution and extractor"


@dataclass(frozen=True)
class Row:
    """One score, ready to print; positions are per cent of the axis, None where unknown."""

    score: Score
    words: str
    decoder: str
    main: bool
    value: str
    interval: str
    chance: str
    p: str
    q: str
    share: str
    dot: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Block:
    """All scores of one metric by one extractor.

    Attributes
    ----------
    groups : tuple of (str, tuple of Row)
        Heading and rows.
    ticks : tuple of (float, str)
        Position in per cent and label.
    chance : float or None
        Position of the chance line.
    headline : bool
        Whether the study is judged by it.
    shown : bool
        Whether the verdict names it, so that its rows are not folded away.
    shares : bool
        Whether some row is told as a share of the oracle.
    """

    metric: str
    entry: Entry
    extractor: str
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    ticks: tuple[tuple[float, str], ...]
    chance: float | None
    headline: bool
    shown: bool
    shares: bool


def score_blocks(material: Material, beside: Sequence[Beside] = ()) -> list[Block]:
    """Return all blocks: those that the study is judged by, then by metric as they are stored.

    ``beside`` holds what others published and measured alike; each stands last in its block.
    """
    keys = list(dict.fromkeys((s.metric, s.extractor) for s in material.scores))
    metrics = list(dict.fromkeys(metric for metric, _ in keys))
    chosen = [(metric, extractor) for _, metric, extractor in headline_scores(material)]
    others = sorted((k for k in keys if k not in chosen), key=lambda key: metrics.index(key[0]))
    return [
        _block(
            material,
            *key,
            rank=chosen.index(key) if key in chosen else None,
            beside=[b for b in beside if (b.figure.metric, b.extractor) == key],
        )
        for key in [*chosen, *others]
    ]


def _block(
    material: Material, metric: str, extractor: str, *, rank: int | None, beside: Sequence[Beside]
) -> Block:
    scores = _distinct(material, metric, extractor)
    low, high = axis_of(scores)

    def place(value: float) -> float | None:
        if not math.isfinite(value):
            return None
        return round(100 * min(max((value - low) / (high - low), 0), 1), 2)

    rows = [_row(material, s, place(s.value), place(s.ci_low), place(s.ci_high)) for s in scores]
    known = [s.chance for s in scores if math.isfinite(s.chance)]
    one_chance = known and len(set(known)) == 1
    groups = []
    for role in dict.fromkeys([*ROLES, *(s.role for s in scores)]):
        of_role = tuple(r for r in sorted(rows, key=lambda r: not r.main) if r.score.role == role)
        if of_role:
            groups.append((ROLES.get(role, role), of_role))
    if beside:
        groups.append((PUBLISHED, tuple(_published_row(b, place(b.figure.value)) for b in beside)))
    middle = (low + high) / 2
    return Block(
        metric=metric,
        entry=describe(metric),
        extractor="" if extractor.lower() in ("none", "n/a", "nan") else extractor,
        groups=tuple(groups),
        ticks=tuple((100 * (t - low) / (high - low), f"{t:.2g}") for t in (low, middle, high)),
        chance=place(known[0]) if one_chance else None,
        headline=rank == 0,
        shown=rank is not None,
        shares=any(math.isfinite(s.oracle_share) for s in scores),
    )


def _distinct(material: Material, metric: str, extractor: str) -> list[Score]:
    """Return a block's scores; of labels once a chain, since the generator plays no part."""
    scores = [s for s in material.scores if (s.metric, s.extractor) == (metric, extractor)]
    if not is_of_decoding(metric):
        return scores
    study = material.study
    once = {(study.system(s.system).chain, s.source, s.subject): s for s in reversed(scores)}
    return [s for s in scores if any(s is kept for kept in once.values())]


def axis_of(scores: Sequence[Score]) -> tuple[float, float]:
    """Return the ends of the axis: 0 to 1 where all fits, else tenths around the values."""
    ends = [v for s in scores for v in (s.value, s.ci_low, s.ci_high) if math.isfinite(v)]
    low = math.floor(10 * min([0.0, *ends]) + 1e-9) / 10
    high = math.ceil(10 * max([1.0, *ends]) - 1e-9) / 10
    return low, high


def _row(
    material: Material, score: Score, dot: float | None, low: float | None, high: float | None
) -> Row:
    interval = f"{fixed(score.ci_low)} to {fixed(score.ci_high)}" if score.has_interval else "n/a"
    alone = is_of_decoding(score.metric) or score.source == "oracle"
    return Row(
        score=score,
        words=label(material.study, score.system, score.source, score.metric),
        decoder="" if alone else decoder_words(material.study, score.system),
        main=(score.system, score.source) == (material.main, "decoded"),
        value=fixed(score.value),
        interval=interval,
        chance=trimmed(score.chance),
        p=_probability(score.p),
        q=_probability(score.q),
        share=share_words(score.oracle_share),
        dot=dot,
        low=low,
        high=high,
    )


def _published_row(beside: Beside, dot: float | None) -> Row:
    figure, unknown = beside.figure, math.nan
    score = Score(
        subject=f"{', '.join(figure.subjects)} (mean)", system=figure.system, role="peer",
        source="published", metric=figure.metric, extractor=beside.extractor, value=figure.value,
        ci_low=unknown, ci_high=unknown, chance=unknown, n=figure.n or 0, p=unknown, q=unknown,
        p_refit=unknown, split=figure.split, selection="", transductive=False,
    )  # fmt: skip
    return Row(
        score=score, words=beside.words, main=False, value=digits(figure.value), interval="n/a",
        decoder=f"mean over the same subjects here: {digits(beside.ours)}", chance="n/a", p="n/a",
        q="n/a", share="", dot=dot, low=None, high=None,
    )  # fmt: skip


def share_words(share: float) -> str:
    """Write a share of the oracle's lead over chance; empty where none is taken."""
    return f"{100 * share:.0f}\xa0%".replace("-0", "0") if math.isfinite(share) else ""


def _probability(p: float) -> str:
    return "n/a" if not math.isfinite(p) else f"{p:.4f}" if p < 0.01 else f"{p:.2f}"


def transductive_pairs(material: Material) -> list[tuple[Score, Score]]:
    """Return scores of transductive systems beside the same on training statistics only.

    A pair has the decoder, generator, source, metric, extractor and subject in common and differs
    in the responses section.
    """
    study = material.study

    def key(score: Score) -> tuple[str, ...]:
        spec = study.system(score.system)
        return (spec.decoder, spec.generator, score.source, score.metric, score.extractor,
                score.subject)  # fmt: skip

    clean = {
        key(s): s for s in material.scores if not s.transductive and s.source == "decoded"
        and study.responses[study.system(s.system).responses].kind != "block_position"
    }  # fmt: skip
    return [
        (score, clean[key(score)])
        for score in material.scores
        if score.transductive and key(score) in clean
    ]
