"""The oracle on the page: beside the scores, apart from ceilings, with its shares or the reason."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import fake_results as fake
import pandas as pd
import pytest
from rich.console import Console

from neurodecode.artifacts import read_table, write_table
from neurodecode.evaluate.dictionary import TEXT
from neurodecode.paths import Paths
from neurodecode.report.load import Material, Score
from neurodecode.report.oracle import oracle_part
from neurodecode.report.tables import score_blocks, share_words
from neurodecode.report.terminal import print_subject
from neurodecode.report.verdict import verdict

SHARE = 0.8


def beside(world: Material, value: float = 0.99) -> Material:
    """The study with an oracle beside each score of its main system."""
    added: list[Score] = []
    scores = []
    for s in world.scores:
        identified = s.metric.startswith("two_way_") and s.source == "decoded"
        scores.append(replace(s, oracle_share=SHARE) if identified else s)
        if (s.system, s.source) == (world.main, "decoded"):
            added.append(
                replace(s, role="oracle", source="oracle", value=value, ci_low=value, ci_high=1)
            )
    return replace(world, scores=(*scores, *added))


def test_it_is_a_group_of_its_own_after_the_ceilings(world: Material) -> None:
    block = score_blocks(beside(world))[0]
    headings = [heading for heading, _ in block.groups]
    assert headings[2:] == ["Ceilings", "Oracle: knows how these brains were made"]
    rows = dict(block.groups)[headings[-1]]
    assert {row.words for row in rows} == {"Bayes oracle"}
    assert [row.score.subject for row in rows] == ["01", "02"]
    assert block.shares
    assert block.groups[0][1][0].share == "80\xa0%"
    assert rows[0].share == ""
    assert not score_blocks(world)[0].shares


def test_where_likeness_is_scored_its_picture_is_named_and_no_share_is_taken(
    world: Material,
) -> None:
    block = next(b for b in score_blocks(beside(world)) if b.metric == "ssim")
    assert not block.shares
    assert block.groups[-1][1][0].words == "Bayes oracle: the scored one it finds likeliest"


def test_it_is_neither_a_baseline_nor_a_control(world: Material) -> None:
    plain, with_oracle = verdict(world), verdict(beside(world))
    assert plain == with_oracle
    assert plain.status == "yes"


def test_the_page_says_what_it_is_and_what_share_was_reached(world: Material) -> None:
    part = oracle_part(beside(world))
    assert "no decoder" in part.said
    assert "ceiling" in part.said
    assert part.points[0] == (
        "Two-way identification (independent extractor): oracle 0.99 (subject 01) and 0.99 "
        "(subject 02); share of its lead over chance that the main system reaches: 80\xa0% "
        "(subject 01) and 80\xa0% (subject 02)."
    )
    many = replace(
        beside(world),
        scores=tuple(
            replace(s, subject=f"{k:02d}") for k in range(8) for s in beside(world).scores
            if s.subject == "01"
        ),
    )  # fmt: skip
    assert "0.99 (median over 8 subjects)" in oracle_part(many).points[0]
    assert "80\xa0% (median; 80\xa0% to 80\xa0%)" in oracle_part(many).points[0]


def test_where_there_is_none_the_page_says_why(world: Material, categories: Material) -> None:
    assert oracle_part(categories).said == ""
    assert "does not give the law" in oracle_part(world).said
    data = world.study.data.model_copy(update={"kind": "bids"})
    written = replace(world, study=world.study.model_copy(update={"data": data}))
    assert "files do not hold the model that made them" in oracle_part(written).said


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.634, "63\xa0%"), (-0.001, "0\xa0%"), (-0.2, "-20\xa0%"), (1, "100\xa0%")],
)
def test_shares_in_words(share: float, words: str) -> None:
    assert share_words(share) == words
    assert share_words(float("nan")) == ""


def test_the_terminal_prints_it(results: Path) -> None:
    study = fake.picture_study()
    paths = Paths(results, study.name)
    file = paths.scores("01").with_suffix(".tsv")
    table = read_table(file, text=TEXT)
    first = (table["source"] == "decoded") & (table["system"] == table["system"][0])
    oracle = table[first].assign(role="oracle", source="oracle", value=0.987)
    shared = table.assign(oracle_share=table["value"].where(table["source"] == "decoded"))
    write_table(file, pd.concat([shared, oracle]))
    console = Console(width=100, record=True, file=io.StringIO())
    print_subject(study, paths, "01", console=console)
    printed = console.export_text()
    line = next(line for line in printed.splitlines() if "Bayes oracle" in line)
    assert line.split()[:4] == ["Bayes", "oracle", "oracle", "0.99"]
    assert "share: of the oracle's lead over chance" in printed
    assert "90\xa0%" in printed
