"""Published numbers of others on the page: in the block of the same measure, or apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neurodecode.report.interactive import plot_data
from neurodecode.report.load import Material
from neurodecode.report.others import others
from neurodecode.report.stage import write_report
from neurodecode.report.tables import PUBLISHED, score_blocks
from neurodecode.studies.settings import NsdSettings

import fake_results as fake  # isort: skip


@pytest.fixture
def nsd(world: Material) -> Material:
    """Material that says it was measured on NSD, the old split, four subjects, at 425 pixels."""
    names = ("01", "02", "05", "07")
    data = NsdSettings.model_validate(
        {"kind": "nsd", "root": "-", "subjects": names, "split": "old"}
    )
    scores = tuple(
        replace(s, subject=name, n=982, resolution="425x425")
        for s in world.scores
        for name in names
        if s.subject == "01" and s.metric == "ssim"
    )
    study = world.study.model_copy(update={"data": data})
    return replace(world, study=study, simulated=False, subjects=names, scores=scores)


def test_a_comparable_figure_stands_in_its_block(nsd: Material) -> None:
    found = others(nsd)
    assert [b.figure.system for b in found.beside] == ["MindBridge"]
    (block,) = score_blocks(nsd, found.beside)
    heading, rows = block.groups[-1]
    assert heading == PUBLISHED
    (row,) = rows
    assert (row.value, row.dot, row.score.n) == ("0.263", 26.3, 982)
    assert row.words.startswith("MindBridge (Wang et al. 2024, CVPR); of several samples")
    assert row.decoder == "mean over the same subjects here: 0.900"
    shown = plot_data([block], several=True)[0]["rows"][-1]
    assert (shown["value"], shown["low"], shown["group"]) == (0.263, None, "Other systems")
    reasons = {a.system: a.reasons for a in found.apart if a.reasons[0].startswith("split")}
    assert reasons["MindEye2, 40 hours"][0] == (
        "split: new split, 40 sessions, here old split, 37 sessions"
    )


def test_nothing_is_beside_while_the_test_set_is_locked(nsd: Material) -> None:
    locked = {"01": replace(next(iter(nsd.standings.values())), locked=True)}
    found = others(replace(nsd, standings=locked))
    assert not found.beside
    assert all(a.reasons[-1].startswith("exact scores") for a in found.apart)


def test_the_default_page_has_all_of_them_apart(results: Path) -> None:
    studies = [fake.category_study(), fake.picture_study()]
    text = write_report(studies, results, 1)[0].read_text(encoding="utf-8")
    assert text.count("0 stand beside ours, 92 apart") == 2
    assert PUBLISHED not in text
    assert "data set: nsd, here simulated brains" in text
    assert "data set: nsd, here haxby2001" in text
