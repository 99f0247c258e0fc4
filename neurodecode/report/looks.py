"""How worn a test set is, in words: looks, locks and what a reusable holdout has answered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from neurodecode.config import StudyConfig
from neurodecode.evaluate.holdout import Standing
from neurodecode.evaluate.ledger import Entry
from neurodecode.report.glossary import describe
from neurodecode.report.load import Material
from neurodecode.report.verdict import Verdict, fixed, trimmed

__all__ = ["ledger_rows", "locked_verdict", "locked_words", "looks", "worn"]


KINDS = {
    "exact": "exact scores",
    "locked": "scores while the test set was locked",
    "unlock": "unlocked for good",
}


def ledger_rows(standings: Mapping[str, Standing]) -> list[tuple[str, int, str, str, str]]:
    """Return each line of each subject's ledger: subject, number, what, query, hash of the line."""
    return [
        (subject, e.number, _entry_words(e), e.query or "\u2013", e.digest[:16])
        for subject, found in standings.items()
        for e in found.entries
    ]


def _entry_words(entry: Entry) -> str:
    if entry.kind != "answer":
        return KINDS.get(entry.kind, entry.kind)
    source = "from the test set, with noise" if entry.spent else "the training score"
    return f"answer of the reusable holdout: {source}"


def locked_verdict(material: Material) -> Verdict:
    """Claim nothing, and say what the reusable holdout answered for the main decoder."""
    chain = material.study.system(material.main).chain
    said = [
        f"{describe(s.metric).name} about {fixed(s.value)} (chance {trimmed(s.chance)})"
        + (f" in subject {s.subject}" if len(material.subjects) > 1 else "")
        if math.isfinite(s.value)
        else f"{describe(s.metric).name}: refused, the budget is spent"
        for s in material.scores
        if material.study.system(s.system).chain == chain
    ]
    lead = (
        f"{'; '.join(said) or 'Nothing was asked'}. Answers of a reusable holdout: the "
        "cross-validated training score, or near the test score, without interval or p."
    )
    return Verdict("open", "The test set is locked: no success is claimed.", lead)


def locked_words(study: StudyConfig) -> str:
    """Say what a locked study withholds, and how to get it."""
    rest = "what was decoded" if study.online else "all scores of pictures"
    return (
        "The test set is locked, since it is nobody's but yours and wears out with every look: "
        f"exact scores, their intervals and p-values, and {rest} are withheld. "
        "Choose settings by the answers in the score table; when all is settled, "
        f"`neurodecode unlock --study {study.name}` gives exact scores, once and for good."
    )


def looks(material: Material) -> str:
    """Say how often the test trials were scored, and under which lock."""
    return worn(material.study, list(material.standings.values()), simulated=material.simulated)


def worn(study: StudyConfig, found: Sequence[Standing], *, simulated: bool) -> str:
    """Say how often subjects' test sets were scored, and under which lock."""
    said = [_exact([s.exact for s in found])]
    answered = sum(s.answered for s in found)
    locked = any(s.locked for s in found)
    if locked or answered:
        spent = sum(s.spent for s in found)
        left = min(s.left for s in found)
        said.append(
            f"A reusable holdout (Thresholdout, Dwork et al. 2015) has given {answered} answers: "
            f"{answered - spent} repeat the cross-validated training score, which the test score "
            f"was near, {spent} come from the test trials with noise. Of {found[0].budget} such "
            f"answers a subject, {left} are left{' in the one with the fewest' * (len(found) > 1)}"
            f"{'; then it refuses' if left else ': it refuses'}."
        )
    said.append(locked_words(study) if locked else _why_open(study, simulated))
    return " ".join(said)


def _exact(counts: list[int]) -> str:
    most = max(counts)
    if most == 0:
        return "The test trials have never been scored exactly."
    who = "" if len(counts) == 1 else " in each subject"
    times = "once" if most == 1 else f"{most} times"
    if len(set(counts)) > 1:
        times, who = f"{min(counts)} to {most} times", ", depending on the subject"
    worn = (
        " Each look after the first can have guided the settings of the next: the p-values on "
        "this page do not know of that."
        if most > 1
        else ""
    )
    return (
        f"The test trials have been scored {times}{who}; the same scores computed again do not "
        f"count. Exact scores were given.{worn}"
    )


def _why_open(study: StudyConfig, simulated: bool) -> str:
    if study.locked:
        return "The test set was unlocked by hand, which stands in the ledger."
    if study.evaluate.holdout.locked is False:
        return "The test set is not locked: the study's YAML says so."
    if simulated:
        return "The test set is not locked: these brains are simulated, others can be drawn."
    return "The test set is not locked: it is public, so others have seen it too."
