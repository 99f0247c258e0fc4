"""What the numbers allow one to say, in words.

A claim needs all three: the 95 % interval lies above chance, p < .05, and the interval lies above
that of every control that holds no brain data. The measure that each study is judged by is fixed
here by its level, before any score is seen, so that no metric is picked because it came out well.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import median

from neurodecode.report.glossary import describe
from neurodecode.report.load import Material, Score
from neurodecode.report.names import control_words, is_brain_free, is_of_decoding, label

__all__ = [
    "Claim",
    "Verdict",
    "fixed",
    "headline_scores",
    "judge",
    "may_judge",
    "trimmed",
    "verdict",
]

ALPHA = 0.05
MANY = 6
"""Subjects beyond which the summary names none of them."""

# Per level: what is asked, and the scores (``metric:extractor``) that answer it; the first that is
# present counts. An extractor that had no part in decoding or drawing comes first.
QUESTIONS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "category": (
        ("category", (r"accuracy_\d+way:.*",)),
        ("pictures", (r"category_identification:independent.*", r"category_identification.*")),
    ),
    "stimulus": (
        ("pictures", (r"two_way_independent:.*", r"two_way_semantic:.*", r"two_way_.*")),
        ("pixels", (r"two_way_pixcorr:.*",)),
        ("category", (r"accuracy_\d+way:.*",)),
    ),
    "features": (
        ("features", (r"retrieval_two_way:.*",)),
        ("category", (r"accuracy_\d+way:.*",)),
    ),
}


@dataclass(frozen=True)
class Claim:
    """One score held against the three conditions.

    Attributes
    ----------
    score : Score
        The score of the main system.
    control : Score or None
        The best control without brain data on the same metric, extractor and subject.
    """

    score: Score
    control: Score | None

    @property
    def excludes_chance(self) -> bool:
        """Whether the interval lies above chance (below, where lower is better)."""
        s = self.score
        if not (s.has_interval and math.isfinite(s.chance)):
            return False
        return s.ci_high < s.chance if _lower(s) else s.ci_low > s.chance

    @property
    def significant(self) -> bool:
        """Whether p < .05; a missing p is not."""
        return self.score.p < ALPHA

    @property
    def beats_control(self) -> bool:
        """Whether the interval lies beyond that of the best control; no control, no claim.

        What is scored before any picture is drawn has its permutations as the control.
        """
        if self.control is None:
            return is_of_decoding(self.score.metric)
        return clearly_better(self.score, self.control)

    @property
    def holds(self) -> bool:
        """Whether all three conditions hold."""
        return self.excludes_chance and self.significant and self.beats_control

    def failures(self) -> list[str]:
        """Say which conditions do not hold."""
        s, said = self.score, []
        if not self.excludes_chance:
            if not s.has_interval:
                said.append("no interval was computed")
            elif not math.isfinite(s.chance):
                said.append("no chance level is known")
            else:
                said.append(f"the interval is not clear of chance ({trimmed(s.chance)})")
        if not self.significant:
            said.append(p_words(s.p) if math.isfinite(s.p) else "no p-value was computed")
        if self.control is None and not self.beats_control:
            said.append("no control without brain data was scored")
        elif self.control is not None and not self.beats_control:
            value = fixed(self.control.value)
            said.append(f"it is not clear of a control without brain data ({value})")
        return said


@dataclass(frozen=True)
class Verdict:
    """The paragraph on top of the page.

    Attributes
    ----------
    status : str
        ``yes``, ``partly``, ``no`` or ``open`` (nothing that answers the question was scored).
    headline : str
        One line.
    lead : str
        A few sentences on what it rests on.
    points : tuple of str
        Each subject and comparison in full.
    metric, extractor : str
        The measure that the study is judged by.
    """

    status: str
    headline: str
    lead: str
    points: tuple[str, ...] = ()
    metric: str = ""
    extractor: str = ""


def fixed(value: float) -> str:
    """Write a number with two digits behind the point, ``n/a`` where there is none."""
    return f"{value:.2f}".replace("-0.00", "0.00") if math.isfinite(value) else "n/a"


def trimmed(value: float) -> str:
    """Write a number with up to three digits (0.5, 0.125), ``n/a`` where there is none."""
    return f"{value:.3g}" if math.isfinite(value) else "n/a"


def p_words(p: float, *, largest: bool = False) -> str:
    """Write a p-value; ``largest`` of several."""
    if not math.isfinite(p):
        return "p n/a"
    sign = "\u2264" if largest else "="
    return f"p\xa0{sign}\xa0{p:.4f}" if p < 0.01 else f"p\xa0{sign}\xa0{p:.2f}"


def clearly_better(score: Score, other: Score) -> bool:
    """Whether two intervals do not overlap and ``score`` lies on the better side."""
    if not score.has_interval:
        return False
    if _lower(score):
        return score.ci_high < (other.ci_low if other.has_interval else other.value)
    return score.ci_low > (other.ci_high if other.has_interval else other.value)


def _lower(score: Score) -> bool:
    return describe(score.metric).lower_is_better


def judge(material: Material, metric: str, extractor: str) -> list[Claim]:
    """Hold the main system's score of each subject against the three conditions."""
    return [
        Claim(score, _best(peers_of(material, score, brain_free=True)))
        for score in material.scores
        if (score.metric, score.extractor) == (metric, extractor)
        and (score.system, score.source) == (material.main, "decoded")
    ]


def peers_of(material: Material, score: Score, *, brain_free: bool) -> list[Score]:
    """Return the baselines of the same metric, extractor and subject.

    ``brain_free`` chooses those that no brain data went into, else those that draw from the same
    recording in a simpler way.
    """
    return [
        other
        for other in material.scores
        if (other.metric, other.extractor, other.subject)
        == (score.metric, score.extractor, score.subject)
        and (other.system, other.source) != (score.system, score.source)
        and is_brain_free(material.study, other.system, other.source, other.metric) == brain_free
        and other.role != "ceiling"
        and (brain_free or (other.role == "baseline" and other.source == "decoded"))
        and math.isfinite(other.value)
    ]


def _best(scores: list[Score]) -> Score | None:
    if not scores:
        return None
    return (min if _lower(scores[0]) else max)(scores, key=lambda s: s.value)


def may_judge(metric: str, extractor: str) -> bool:
    """Whether a score is of the kind that studies are judged by first."""
    first = [patterns[0] for asked in QUESTIONS.values() for _, patterns in asked]
    return any(re.fullmatch(pattern, f"{metric}:{extractor}") for pattern in first)


def headline_scores(material: Material) -> list[tuple[str, str, str]]:
    """Return (question, metric, extractor) of what the study is judged by, the first the most."""
    scored = sorted(
        {
            (s.metric, s.extractor)
            for s in material.scores
            if (s.system, s.source) == (material.main, "decoded")
        }
    )
    # Where no picture was drawn, what was decoded of the stimuli is all that can be judged.
    level = "features" if material.level == "stimulus" and not material.pictures else material.level
    chosen: list[tuple[str, str, str]] = []
    for question, patterns in QUESTIONS[level]:
        fitting = [
            key
            for pattern in patterns
            for key in scored
            if re.fullmatch(pattern, ":".join(key)) and key not in [c[1:] for c in chosen]
        ]
        if fitting:
            chosen.append((question, *fitting[0]))
    return chosen


def verdict(material: Material) -> Verdict:
    """Say what the study's scores allow one to say."""
    chosen = headline_scores(material)
    if not chosen:
        return Verdict("open", "Nothing was scored that could answer the question.", "")
    answers = [(question, judge(material, *key)) for question, *key in chosen]
    question, claims = answers[0]
    held = sum(claim.holds for claim in claims)
    status = "yes" if held == len(claims) else "partly" if held else "no"
    lead = [_summary(found) for _, found in answers]
    points = [_point(material, claim) for _, found in answers for claim in found]
    for found in [f for q, f in answers if q == "pictures"]:
        lead.append(_beside_all(material, found))
        points += _beside(material, found)
    if material.simulated:
        lead.append(
            "The brains are simulated: this says what the method can do, not what it does on "
            "people."
        )
    headline = _headline(status, question, held, len(claims))
    metric, extractor = chosen[0][1:]
    return Verdict(status, headline, " ".join(filter(None, lead)), tuple(points), metric, extractor)


def _headline(status: str, question: str, held: int, n: int) -> str:
    """Say it in one line; two-way scores speak of likeness, not of a picture recognised."""
    what = {
        "category": "which category was seen",
        "features": "decoded features are more like those of what was seen than like others",
    }.get(question, "pictures drawn are more like the one that was seen than like others")
    if status == "yes":
        who = {1: "in the one subject", 2: "in both subjects"}.get(n, f"in all {n} subjects")
        return f"Decoded above chance, {who}: {what}."
    if status == "partly":
        return f"Mixed: decoded above chance in {held} of {n} subjects ({what})."
    if question == "category":
        return f"No evidence that the recording says {what}."
    return f"No evidence that {what}."


def _summary(claims: list[Claim]) -> str:
    """Put one metric of all subjects into a sentence or two."""
    several = len(claims) > 1
    values = " and ".join(
        f"{fixed(c.score.value)} ({_interval(c.score)})"
        + (f" in subject {c.score.subject}" if several else "")
        for c in claims
    )
    if len(claims) > MANY:
        values = _over_people([c.score.value for c in claims])
    worst = max((c.score.p for c in claims), key=lambda p: p if math.isfinite(p) else math.inf)
    chance, n = claims[0].score.chance, claims[0].score.n
    facts = f"chance {trimmed(chance)}, {p_words(worst, largest=several)}, N\xa0=\xa0{n}"
    text = f"{describe(claims[0].score.metric).name}: {values}; {facts}."
    controls = [c.control.value for c in claims if c.control is not None]
    if controls and all(c.holds for c in claims):
        best = (min if _lower(claims[0].score) else max)(controls)
        return f"{text} The best control without brain data reaches {fixed(best)}."
    return text if all(c.holds for c in claims) else f"{text} Not a success, as told below."


def _over_people(values: list[float]) -> str:
    """Put many subjects' scores into a few words; each stands among the points."""
    return (
        f"median {fixed(median(values))} over {len(values)} subjects ({fixed(min(values))} to "
        f"{fixed(max(values))})"
    )


def _interval(score: Score) -> str:
    if not score.has_interval:
        return "no interval"
    return f"95 % interval {fixed(score.ci_low)} to {fixed(score.ci_high)}"


def _point(material: Material, claim: Claim) -> str:
    s = claim.score
    text = (
        f"Subject {s.subject}, {_lowered(describe(s.metric).name)}{_by(s)}: {fixed(s.value)} "
        f"({_interval(s)}, chance {trimmed(s.chance)}, {p_words(s.p)}, N\xa0=\xa0{s.n})"
    )
    if claim.holds and claim.control is None:
        return f"{text}, clear of chance."
    if claim.holds and claim.control is not None:
        c = claim.control
        name = control_words(material.study, c.system, c.source, c.metric)
        return (
            f"{text}, clear of chance and of the best control without brain data "
            f"({name}: {fixed(c.value)})."
        )
    return f"{text}: not a success, since {_and(claim.failures())}."


def _by(score: Score) -> str:
    """Name the extractor of metrics whose own name does not."""
    name = score.extractor.partition("@")[0]
    return f" ({name})" if score.metric.startswith("category_") and name else ""


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _lowered(words: str) -> str:
    return words[0].lower() + words[1:]


def _against(score: Score, other: Score) -> str:
    if clearly_better(score, other):
        return "scores clearly lower"
    if clearly_better(other, score):
        return "scores clearly higher"
    return "cannot be told from it: their intervals overlap"


def _beside_all(material: Material, claims: list[Claim]) -> str:
    """Compare with simpler ways to draw from the same recording, over all subjects."""
    if not all(claim.holds for claim in claims):
        return ""
    best = [_best(peers_of(material, claim.score, brain_free=False)) for claim in claims]
    found = [(c.score, other) for c, other in zip(claims, best, strict=True) if other is not None]
    if not found:
        return ""
    hows = {_against(score, other) for score, other in found}
    how = hows.pop() if len(hows) == 1 else "compares differently between subjects"
    names = dict.fromkeys(_lowered(label(material.study, o.system, o.source)) for _, o in found)
    values = " and ".join(fixed(other.value) for _, other in found)
    if len(found) > MANY:
        values = _over_people([other.value for _, other in found])
    return (
        f"The best simpler way to draw from the same recording ({' or '.join(names)}: {values}) "
        f"{how}."
    )


def _beside(material: Material, claims: list[Claim]) -> list[str]:
    """Compare with each subject's simpler ways to draw, and with the ceiling."""
    said = []
    for claim in claims:
        score = claim.score
        simple = _best(peers_of(material, score, brain_free=False))
        if simple is not None and claim.holds:
            name = _lowered(label(material.study, simple.system, simple.source))
            said.append(
                f"Subject {score.subject}: the best simpler way to draw from the same recording "
                f"({name}) {_against(score, simple)} ({fixed(simple.value)})."
            )
        true = [
            other.value
            for other in material.scores
            if (other.system, other.source, other.subject, other.metric, other.extractor)
            == (score.system, "true", score.subject, score.metric, score.extractor)
        ]
        if true:
            said.append(
                f"Subject {score.subject}: given the true features instead of decoded ones, the "
                f"same generator reaches {fixed(true[0])}: its ceiling."
            )
    return said
