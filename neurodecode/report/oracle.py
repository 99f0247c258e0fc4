"""The oracle in words: how much of what could be told was told, or why nobody knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from neurodecode.report.glossary import describe
from neurodecode.report.load import Material, Score
from neurodecode.report.tables import share_words
from neurodecode.report.verdict import MANY, fixed, headline_scores

__all__ = ["OraclePart", "oracle_part"]

WHO = (
    "The oracle is no decoder: it knows how these brains were made (tuning, haemodynamics, noise; "
    "not what no picture holds) and takes, of two scored stimuli, the one that makes the same "
    "trials likelier. Neither decoded features nor a drawn picture can be expected to tell more, "
    "whereas a ceiling is what the generator draws of true features, without any brain."
)
ALIKE = (
    "Where likeness is scored, its row is the scored stimulus that it finds likeliest; a decoder "
    "is not told which those are, so no share is taken."
)


@dataclass(frozen=True)
class OraclePart:
    """What the page says.

    Attributes
    ----------
    said : str
        What the oracle is, or why there is none; empty where a person was recorded.
    points : tuple of str
        What it reaches and what share of that was reached, one sentence a measure.
    """

    said: str
    points: tuple[str, ...] = ()


def oracle_part(material: Material) -> OraclePart:
    """Say what share of the oracle's lead the main system reaches, or why there is none."""
    if not material.simulated:
        return OraclePart("")
    if not any(s.role == "oracle" for s in material.scores):
        return OraclePart(f"No oracle stands beside these scores: {_why_not(material)}.")
    return OraclePart(WHO, (*_shares(material), ALIKE))


def _why_not(material: Material) -> str:
    if material.locked:
        return "the test set is locked"
    if material.study.data.kind == "bids":
        return (
            "they were read from files and preprocessed like a recording, and the files do not "
            "hold the model that made them (benchmarks/v_fmri.py and v_eeg.py ask it where it is "
            "known)"
        )
    return "the study does not give the law by which its responses were made"


def _shares(material: Material) -> list[str]:
    """One sentence a measure: those that judge the study, then what was decoded."""
    judged = [(metric, extractor) for _, metric, extractor in headline_scores(material)]
    decoded = [(s.metric, s.extractor) for s in material.scores if s.metric == "retrieval_two_way"]
    said = []
    for metric, extractor in dict.fromkeys([*judged, *decoded]):
        found = [s for s in material.scores if (s.metric, s.extractor) == (metric, extractor)]
        ours = [
            s
            for s in found
            if (s.system, s.source) == (material.main, "decoded") and math.isfinite(s.oracle_share)
        ]
        if ours:
            best = [s for s in found if s.role == "oracle"]
            name = describe(metric).name
            said.append(
                f"{name}: oracle {_over(best, material)}; share of its lead over chance that "
                f"the main system reaches: {_share(ours, material)}."
            )
    return said


def _over(scores: list[Score], material: Material) -> str:
    if len(scores) > MANY:
        return f"{fixed(median(s.value for s in scores))} (median over {len(scores)} subjects)"
    return " and ".join(f"{fixed(s.value)}{_whose(s, material)}" for s in scores)


def _share(scores: list[Score], material: Material) -> str:
    values = [s.oracle_share for s in scores]
    if len(scores) > MANY:
        ends = f"{share_words(min(values))} to {share_words(max(values))}"
        return f"{share_words(median(values))} (median; {ends})"
    return " and ".join(f"{share_words(s.oracle_share)}{_whose(s, material)}" for s in scores)


def _whose(score: Score, material: Material) -> str:
    return f" (subject {score.subject})" if len(material.subjects) > 1 else ""
