"""The page as a whole: self-contained, escaped, repeatable, and clear about what is missing."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import fake_results as fake
import pytest
from rich.console import Console

from neurodecode.errors import DataError
from neurodecode.paths import Paths
from neurodecode.report.page import environment
from neurodecode.report.stage import write_report
from neurodecode.report.terminal import print_subject

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Reader(HTMLParser):
    """Checks nesting; collects tags, links and the text of each section."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture
def page(results: Path) -> str:
    studies = [fake.category_study(), fake.picture_study()]
    return write_report(studies, results, 1)[0].read_text(encoding="utf-8")


@pytest.fixture
def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_nothing_outside_the_page_is_needed(page: str, read: Reader, results: Path) -> None:
    urls = [a[k] or "" for _, a in read.tags for k in ("src", "href", "xlink:href") if k in a]
    urls += re.findall(r"url\(\"?([^\")]+)", page.partition("<script>")[0])
    outside = [u for u in urls if not u.startswith(("data:", "#"))]
    assert outside == [
        f"scores-{study}.{kind}"
        for study in ("haxby2001", "virtual-min")
        for kind in ("tsv", "json")
    ]
    assert all((results / "report" / name).is_file() for name in outside)
    scripts = [a.get("type") for tag, a in read.tags if tag == "script"]
    assert scripts == ["application/json", "application/json", None, "module"]
    assert "default-src 'none'" in page  # so that a browser loads nothing, whatever scripts ask


def test_captions_and_words_of_files_are_escaped(page: str, read: Reader) -> None:
    assert page.count("<script") == 4  # our own
    assert "&lt;script&gt;alert(&#39;caption&#39;)" in page
    assert "<b>a brain</b>" not in page
    alts = [a.get("aria-label") or "" for _, a in read.tags]
    assert any('a "quoted" & odd cat' in alt for alt in alts)


def test_every_section_of_a_simulated_study_says_so(page: str) -> None:
    real, simulated = page.split('<section class="study"')[1:]
    assert simulated.count("Simulated brains: no person") == simulated.count("<section>") + 1
    assert "Simulated brains" not in real


def test_category_level_is_told_in_words(page: str) -> None:
    real, simulated = page.split('<section class="study"')[1:]
    words = "at category level: the recording says which category was seen, not which picture"
    assert words in real
    assert words not in simulated


def test_best_median_and_worst_have_the_same_shape(page: str) -> None:
    for study in page.split('<section class="study"')[1:]:
        tiers = study.split('<div class="tier">')[1:]
        assert [re.search(r"<h4>(\w+)</h4>", t)[1] for t in tiers] == ["Best", "Median", "Worst"]
        tiers[-1] = tiers[-1].split("<details>")[0]
        assert len({tier.count("<figure") for tier in tiers}) == 1


def test_every_picture_has_words_and_a_rule(page: str, read: Reader) -> None:
    shown = [a for _, a in read.tags if "pic" in (a.get("class") or "").split()]
    assert len(shown) > 100
    for attributes in shown:
        assert attributes["aria-label"]
        css = (attributes["class"] or "").split()[1]
        assert page.count(f".{css}{{background-image") == 1


def test_downloads_are_the_scores(page: str, read: Reader, results: Path) -> None:
    inside = [(a["download"], a["href"]) for tag, a in read.tags if tag == "a" and "download" in a]
    assert len(inside) == 2
    for name, href in inside:
        text = b64decode((href or "").split("base64,")[1]).decode()
        assert text == (results / "report" / str(name)).read_text(encoding="utf-8")
        assert text.startswith("study\tsubject\tsystem\trole\tsource\tmetric")


def test_runs_with_one_seed_give_identical_files(results: Path) -> None:
    studies = [fake.category_study(), fake.picture_study()]
    first = [p.read_bytes() for p in write_report(studies, results, 1)]
    assert first == [p.read_bytes() for p in write_report(studies, results, 1)]
    assert str(results).encode() not in first[0]


def test_honest_parts_are_there(read: Reader) -> None:
    text = " ".join(read.text.split())
    for words in (
        "What this does not show",
        "How it was split and scored",
        "leave one run out (3 folds)",
        "agreement with the decoded embedding, of 4 samples",
        "using nothing that comes later",
        "Settings hashes",
        "One slice of one brain.",
        "not from the brain",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        ("evaluate", "scores/sub-1.json"),
        ("reconstruct", "pictures/blocks-ridge-diffusion/true/sub-1.json"),
        ("design", "design.json"),
    ],
)
def test_a_missing_artefact_names_its_stage(results: Path, stage: str, missing: str) -> None:
    (results / "haxby2001" / missing).unlink()
    with pytest.raises(DataError, match=f"neurodecode stage {stage} --study haxby2001"):
        write_report([fake.category_study()], results, 1)
    assert not (results / "report" / "index.html").exists()


def test_a_table_without_a_column_is_named(results: Path) -> None:
    path = results / "haxby2001/scores/sub-1.tsv"
    path.write_text(path.read_text().replace("ci_low", "low"))
    with pytest.raises(DataError, match="ci_low missing"):
        write_report([fake.category_study()], results, 1)


def test_an_unknown_level_is_refused(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake.FakeCategories, "level", "mood")
    with pytest.raises(DataError, match="category, stimulus, got 'mood'"):
        write_report([fake.category_study()], results, 1)


def test_allowed_overlap_is_told_in_red(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from neurodecode.report.load import Material

    monkeypatch.setattr(Material, "allows_overlap", True)
    page = write_report([fake.category_study()], results, 1)[0].read_text(encoding="utf-8")
    assert '<p class="banner red">' in page


def test_the_terminal_prints_one_subject(results: Path) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    study = fake.picture_study()
    print_subject(study, Paths(results, study.name), "01", console=console)
    text = console.export_text()
    assert "Two-way identification (independent extractor)" in text
    assert "SSIM" not in text
    assert "0.84 to 0.96" in text
    assert "pictures/given-ridge-diffusion/decoded/sub-01" in text


def test_on_a_narrow_terminal_names_break_where_they_are_joined(results: Path) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    study = fake.picture_study()
    print_subject(study, Paths(results, study.name), "01", console=console)
    lines = [line.split() for line in console.export_text().splitlines() if line.strip()]
    at = [k for k, words in enumerate(lines) if words[0] == "given-ridge-"]
    assert at
    assert {lines[k + 1][0] for k in at} <= set(study.generators)


def test_commands_are_set_as_code_and_foreign_words_stay_words() -> None:
    page = environment().from_string("{{ text|commands }}")
    shown = page.render(text="run `snakemake multiverse` <b>, then `a<b`")
    assert shown == ("run <code>snakemake multiverse</code> &lt;b&gt;, then <code>a&lt;b</code>")
