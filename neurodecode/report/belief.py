"""What a sceptic asks next: ceilings, spuriousness, people, and how worn the test set is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurodecode.evaluate.group_inference import prevalence, random_effects
from neurodecode.report.glossary import describe
from neurodecode.report.load import Material, Score
from neurodecode.report.looks import looks
from neurodecode.report.names import decoder_words
from neurodecode.report.verdict import ALPHA, fixed, headline_scores, p_words, trimmed

__all__ = ["Belief", "CeilingRow", "beliefs", "meaning"]

_METHODS = {"split_half": "halves of the repeats", "variance_components": "variance components"}


@dataclass(frozen=True)
class CeilingRow:
    """One noise ceiling, ready to print."""

    subject: str
    responses: str
    method: str
    median: str
    quartiles: str
    stimuli: int
    repeats: int
    units: int


@dataclass(frozen=True)
class Belief:
    """All that the section holds, in words.

    Attributes
    ----------
    ceilings : tuple of CeilingRow
    spurious : tuple of str
        One sentence a subject and measure; empty where stimuli make one cluster.
    discoveries : str
        What is left when all metrics of the main system are counted together.
    refits : tuple of str
        p-values by refitted decoders, and why some have none.
    people : tuple of str
        What the subjects say about people.
    looks : str
        How often the test set was scored.
    """

    ceilings: tuple[CeilingRow, ...]
    spurious: tuple[str, ...]
    discoveries: str
    refits: tuple[str, ...]
    people: tuple[str, ...]
    looks: str


def beliefs(material: Material) -> Belief:
    """Collect one study's section."""
    return Belief(
        ceilings=_ceilings(material),
        spurious=_spurious(material),
        discoveries=_discoveries(material),
        refits=_refits(material),
        people=_people(material),
        looks=looks(material),
    )


def _ceilings(material: Material) -> tuple[CeilingRow, ...]:
    return tuple(
        CeilingRow(
            subject=str(row["subject"]),
            responses=str(row["responses"]),
            method=_METHODS.get(str(row["method"]), str(row["method"])),
            median=fixed(float(row["median"])),
            quartiles=f"{fixed(float(row['low']))} to {fixed(float(row['high']))}",
            stimuli=int(row["n_stimuli"]),
            repeats=int(row["n_repeats"]),
            units=int(row["n_units"]),
        )
        for row in material.noise_ceilings.to_dict("records")
    )


def _of_main(material: Material) -> list[Score]:
    return [s for s in material.scores if (s.system, s.source) == (material.main, "decoded")]


def _clear(score: Score) -> bool:
    """Whether a two-way score is clear of chance."""
    return score.has_interval and score.ci_low > score.chance and score.p < ALPHA


def _spurious(material: Material) -> tuple[str, ...]:
    """Say, for each identification that was told apart, whether more than the kind was decoded."""
    found = {(s.subject, s.metric, s.extractor): s for s in _of_main(material)}
    said = []
    for (subject, metric, extractor), within in found.items():
        if not metric.endswith(("_within_category", "_within_cluster")):
            continue
        whole, _, kind = metric.rpartition("_within_")
        many = {"category": "categories", "cluster": "clusters"}[kind]
        across = found.get((subject, f"{whole}_across_{many}", extractor))
        if across is None:
            continue
        name = describe(whole).name
        values = (
            f"Subject {subject}, {name[0].lower()}{name[1:]}: {fixed(across.value)} against "
            f"stimuli of other {many}, {fixed(within.value)} ({fixed(within.ci_low)} to "
            f"{fixed(within.ci_high)}, {p_words(within.p)}) within the {kind}"
        )
        said.append(f"{values}. {meaning(within, across, kind)}")
    return tuple(said)


def meaning(within: Score, across: Score, kind: str) -> str:
    """Say whether more than the kind (category, cluster) was decoded."""
    if _clear(within):
        return f"More than the {kind} was decoded."
    if _clear(across):
        return (
            f"No evidence of more than the {kind}: within it, identification is not clear of "
            f"chance, so the score over all stimuli shows which {kind} was seen and not which "
            "stimulus."
        )
    return "Neither is clear of chance."


def _discoveries(material: Material) -> str:
    tested = [s for s in _of_main(material) if math.isfinite(s.q)]
    if not tested:
        return ""
    alone = sum(s.p < ALPHA for s in tested)
    together = sum(s.q < ALPHA for s in tested)
    return (
        f"Of the main system's {len(tested)} scores with a p-value, {alone} have p < .05, and "
        f"{together} have q < .05 when all metrics of a subject are counted together (false "
        "discovery rate, Benjamini and Hochberg)."
    )


def _refits(material: Material) -> tuple[str, ...]:
    said = []
    done = set()
    for s in material.scores:
        chain = material.study.system(s.system).chain
        if math.isfinite(s.p_refit) and (chain, s.subject) not in done:
            done.add((chain, s.subject))
            said.append(
                f"Subject {s.subject}, {decoder_words(material.study, s.system)}, "
                f"{describe(s.metric).name[0].lower()}{describe(s.metric).name[1:]}: "
                f"{p_words(s.p_refit)}."
            )
    reasons = {
        f"{chain}: {why}"
        for found in material.not_refitted.values()
        for chain, why in found.items()
    }
    if reasons:
        said.append(f"Not refitted: {'; '.join(sorted(reasons))}.")
    return tuple(said)


def _people(material: Material) -> tuple[str, ...]:
    """Take subjects as units, on the measure that the study is judged by."""
    chosen = headline_scores(material)
    if not chosen:
        return ()
    _, metric, extractor = chosen[0]
    scores = [s for s in _of_main(material) if (s.metric, s.extractor) == (metric, extractor)]
    known = [s for s in scores if math.isfinite(s.p)]
    if len(known) < 2:
        return ("One subject: nothing here can be said about other people, however small p is.",)
    share = prevalence([s.p for s in known], ALPHA)
    said = [
        f"{share.k} of {share.n} subjects are significant on their own (p < .05). In a population "
        f"of people like them the effect is there in {share.most_probable:.0%} most probably, and "
        f"in more than {share.lower_bound:.0%} with probability .95 (Bayesian prevalence, Ince et "
        "al. 2021)."
    ]
    if len(known) >= 3:
        mean = random_effects([s.value for s in known], known[0].chance)
        said.append(
            f"Mean over {mean.n} subjects {fixed(mean.mean)} (95 % interval {fixed(mean.ci_low)} "
            f"to {fixed(mean.ci_high)}, chance {trimmed(known[0].chance)}, {p_words(mean.p)}; "
            "random effects)."
        )
    return tuple(said)
