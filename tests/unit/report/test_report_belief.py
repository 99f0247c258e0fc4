"""What the page says of ceilings, spuriousness, people and the ledger follows the numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import fake_results as fake
import pytest

from neurodecode.errors import DataError
from neurodecode.evaluate.holdout import ask
from neurodecode.evaluate.ledger import head_of, read_ledger, write_query
from neurodecode.paths import Paths
from neurodecode.report.belief import beliefs
from neurodecode.report.load import Material, Score, load_material
from neurodecode.report.looks import ledger_rows
from neurodecode.report.stage import write_report


def main_scores(material: Material) -> list[Score]:
    return [
        s for s in material.scores
        if (s.system, s.source, s.metric) == (material.main, "decoded", "two_way_independent")
    ]  # fmt: skip


def told_apart(material: Material, within: float, across: float) -> Material:
    """Add identification within and across categories; half the interval is .05."""
    added = [
        replace(s, metric=f"two_way_independent_{suffix}", value=v, ci_low=v - 0.05,
                ci_high=v + 0.05, p=0.001 if v > 0.6 else 0.4)
        for s in main_scores(material)
        for suffix, v in (("within_category", within), ("across_categories", across))
    ]  # fmt: skip
    return replace(material, scores=(*material.scores, *added))


@pytest.mark.parametrize(
    ("within", "across", "words"),
    [
        (0.8, 0.9, "More than the category was decoded."),
        (0.52, 0.9, "shows which category was seen and not which stimulus"),
        (0.5, 0.52, "Neither is clear of chance."),
    ],
)
def test_spuriousness_is_said_in_words(
    world: Material, within: float, across: float, words: str
) -> None:
    said = beliefs(told_apart(world, within, across)).spurious
    assert len(said) == 2
    assert all(words in text for text in said)
    assert f"{within:.2f}" in said[0]
    assert f"{across:.2f}" in said[0]


def test_nothing_told_apart_is_not_claimed(world: Material) -> None:
    assert beliefs(world).spurious == ()


def test_discoveries_count_p_and_q(world: Material) -> None:
    n = 2 * len(fake.metrics_of(world.study))
    one = main_scores(world)[0]
    text = beliefs(world).discoveries
    assert f"main system's {n} scores" in text
    weak = replace(world, scores=(replace(one, p=0.04, q=0.2),))
    assert "1 have p < .05, and 0 have q < .05" in beliefs(weak).discoveries
    none = replace(world, scores=(replace(one, p=math.nan, q=math.nan),))
    assert beliefs(none).discoveries == ""


def test_subjects_are_the_units_of_claims_about_people(world: Material) -> None:
    two = beliefs(world).people
    assert "2 of 2 subjects are significant" in two[0]
    assert len(two) == 1  # no variance between people of two
    one = replace(world, scores=tuple(s for s in world.scores if s.subject == "01"))
    assert "nothing here can be said about other people" in beliefs(one).people[0]
    scores = main_scores(world)
    many = [replace(scores[0], subject=f"{k}", value=0.6 + 0.01 * k) for k in range(5)]
    said = beliefs(replace(world, scores=tuple(many))).people
    assert "Mean over 5 subjects 0.62" in said[1]


def test_refits_name_the_chain_and_the_reason(world: Material) -> None:
    one = main_scores(world)[0]
    done = replace(world, scores=(replace(one, metric="retrieval_two_way", p_refit=0.001),))
    (text,) = beliefs(done).refits
    assert text.endswith("p\xa0=\xa00.0010.")
    left = replace(done, not_refitted={"01": {"given-lda": "only ridge is refitted"}})
    assert beliefs(left).refits[1] == "Not refitted: given-lda: only ridge is refitted."


def test_the_ceilings_are_those_of_the_table(world: Material, categories: Material) -> None:
    rows = beliefs(world).ceilings
    assert [(r.subject, r.median, r.quartiles) for r in rows] == [
        ("01", "0.33", "0.15 to 0.47"), ("02", "0.33", "0.15 to 0.47")
    ]  # fmt: skip
    assert beliefs(categories).ceilings == ()


def test_looks_at_the_test_set_are_counted(fakes: None, tmp_path: Path) -> None:
    study = fake.picture_study()
    fake.write_results(study, tmp_path)
    assert "scored once in each subject" in beliefs(load_material(study, tmp_path, 1)).looks
    write_query(Paths(tmp_path, study.name).ledger("02"), "other settings")
    text = beliefs(load_material(study, tmp_path, 1)).looks
    assert "1 to 2 times" in text
    assert "can have guided the settings" in text


def test_the_ledger_is_printed_line_by_line(fakes: None, tmp_path: Path) -> None:
    study = fake.picture_study()
    fake.write_results(study, tmp_path)
    path = Paths(tmp_path, study.name).ledger("02")
    ask(path, "asked", 0.9, 0.5, study.evaluate.holdout)
    write_query(path, "", "unlock")
    rows = ledger_rows(load_material(study, tmp_path, 1).standings)
    assert [row[:3] for row in rows] == [
        ("01", 1, "exact scores"),
        ("02", 1, "exact scores"),
        ("02", 2, "answer of the reusable holdout: from the test set, with noise"),
        ("02", 3, "unlocked for good"),
    ]
    assert [row[4] for row in rows[1:]] == [e.digest[:16] for e in read_ledger(path)]
    text = write_report([study], tmp_path, 1)[0].read_text(encoding="utf-8")
    assert "The ledger: 4 lines" in text
    assert rows[2][4] in text


def test_scores_that_the_ledger_does_not_know_are_refused(fakes: None, tmp_path: Path) -> None:
    study = fake.picture_study()
    fake.write_results(study, tmp_path)
    ledger = Paths(tmp_path, study.name).ledger("01")
    ledger.unlink()
    with pytest.raises(DataError, match="0 of the 1 queries"):
        load_material(study, tmp_path, 1)
    head_of(ledger).unlink()
    with pytest.raises(DataError, match="does not hold the query"):
        load_material(study, tmp_path, 1)
