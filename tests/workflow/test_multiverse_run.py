"""All combinations of some choices through the real stages, and the page that draws them."""

import html
import json
import re
from pathlib import Path

import pytest
from test_report_browser import CHROMIUM, chromium

from neurodecode.artifacts import read_sidecar, read_table
from neurodecode.config import MultiverseSettings, load_study
from neurodecode.errors import ConfigError
from neurodecode.evaluate.ledger import read_ledger
from neurodecode.pages import multiverse_inputs, run_multiverse, run_report
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, jobs_for_subject, run
from neurodecode.report.multiverse_part import multiverse_part

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"


def small():
    """Simulated brains, nothing drawn: whole or early cortex, chosen or fixed penalty."""
    study = load_study("virtual-min", CONFIG)
    sizes = {"n_subjects": 1, "n_voxels": 200, "n_train": 160, "n_test": 40, "preset": "easy"}
    whole, ridge = study.responses["single"], study.decoders["ridge"]
    chosen = ridge.model_copy(update={"targets": ("semantic",)})
    changed = study.model_copy(
        update={
            "data": study.data.model_copy(update=sizes),
            "responses": {
                "single": whole, "early": whole.model_copy(update={"rois": ("early",)})
            },
            "decoders": {"ridge": chosen, "fixed": chosen.model_copy(update={"alphas": (1e6,)})},
            "evaluate": study.evaluate.model_copy(
                update={"n_bootstrap": 200, "n_permutations": 500}
            ),
            "systems": (study.systems[0].model_copy(
                update={"generator": "", "sources": ("decoded",)}),),
        }
    )  # fmt: skip
    multiverse = MultiverseSettings(
        responses=("single", "early"), decoders=("ridge", "fixed"), metric="retrieval_two_way"
    )
    return changed.model_copy(update={"multiverse": multiverse})


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A study and its results up to the specifications, made from the table of stages alone."""
    study, results = small(), tmp_path_factory.mktemp("multiverse")
    paths = Paths(results, study.name)

    def need(stage, **wildcards):
        run(Job(stage, study, paths, 1, wildcards))

    need("targets", target="semantic")
    for name in study.responses:
        need("preprocess", responses=name, subject="01")
    need("design")
    for system in study.multiverse.specifications:
        need("embed", chain=system.chain)
    need("specify", subject="01")
    need("evaluate", subject="01")
    return study, results


@pytest.fixture(scope="module")
def page(scored):
    study, results = scored
    return run_multiverse([study], results, 1)[0]


def test_every_combination_is_scored_once_and_regions_are_kept_apart(scored):
    study, results = scored
    paths = Paths(results, study.name)
    table = read_table(paths.specifications("01").with_suffix(".tsv"), text=("subject",))
    assert sorted(zip(table["responses"], table["decoder"], strict=True)) == [
        ("early", "fixed"), ("early", "ridge"), ("single", "fixed"), ("single", "ridge")
    ]  # fmt: skip
    assert table["metric"].eq("retrieval_two_way").all()
    value = table.set_index(["responses", "decoder"])["value"]
    assert value["single", "ridge"] > 0.65
    assert (table["q"] >= table["p"] - 1e-12).all()  # none is missing
    units = {n: read_sidecar(paths.responses(n, "01")).facts["n_units"] for n in study.responses}
    assert 0 < units["early"] < units["single"]
    assert read_sidecar(paths.specifications("01")).facts["median_p"] < 0.05
    assert len(read_ledger(paths.ledger("01"))) == 2  # it is a look at the test set


def test_the_report_draws_them_and_needs_nothing_else(scored, page):
    text = page.read_text()
    table = read_table(page.with_name("multiverse.tsv"), text=("subject",))
    low, high = table["value"].min(), table["value"].max()
    assert f"4 specifications: {low:.2f} to {high:.2f}" in text
    assert len(re.findall(r'<g class="mark', text)) == 4
    assert text.count("plotly.js (basic") == 1
    assert "default-src 'none'" in text
    assert run_report([scored[0]], scored[1], 1)[0].read_text() == text  # by either command


ASK = """
<script type="module">
addEventListener("load", () => setTimeout(() => {
  const part = document.querySelector(".specifications"), seen = (s) => part.querySelectorAll(s);
  document.documentElement.setAttribute("data-probe", JSON.stringify({
    points: seen(".xy .point").length, choices: seen(".xy2 .point").length,
    bars: seen(".xy path.yerror").length, names: [...seen(".y2tick")].map((e) => e.textContent),
    lines: [...seen(".annotation-text")].map((e) => e.textContent),
    shown: part.querySelector(".plotly").offsetHeight > 100,
    still: part.querySelector("svg.curve").getBoundingClientRect().height,
    wide: document.documentElement.scrollWidth,
  }));
}, 800));
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found")
def test_the_curve_can_be_asked_and_stands_without_scripts(tmp_path, page):
    text = page.read_text()
    probe, quiet = page.with_name("asked.html"), page.with_name("quiet.html")
    probe.write_text(text.replace("</body>", f"{ASK}</body>"))
    dom = chromium(
        tmp_path, probe, "--window-size=1200,900", "--virtual-time-budget=8000", "--dump-dom"
    )
    found = json.loads(html.unescape(re.search(r'<html[^>]*data-probe="([^"]+)"', dom)[1]))
    medians = re.findall(r'<text class="median"[^>]*>(.*?)</text>', text)
    assert found == {
        "points": 4, "choices": 8, "bars": 4, "lines": ["chance 0.5", *medians], "shown": True,
        "still": 0,
        "names": ["responses: single", "responses: early", "decoder: ridge", "decoder: fixed"],
        "wide": 1200,
    }  # fmt: skip
    quiet.write_text(text.replace("script-src 'unsafe-inline'", "script-src 'none'"))
    dom = chromium(tmp_path, quiet, "--virtual-time-budget=3000", "--dump-dom")
    assert '<div class="plotly" hidden="">' in dom
    assert '<div class="wide">\n<svg class="curve"' in dom


def test_a_curve_of_other_settings_or_inputs_is_not_shown(scored, tmp_path):
    study, results = scored
    assert len(multiverse_part(study, results, 1).curves) == 1
    fixed = study.decoders["fixed"].model_copy(update={"alphas": (10.0,)})
    decoders = {**study.decoders, "fixed": fixed}
    fewer = study.evaluate.model_copy(update={"n_permutations": 400})
    for changed, seed, what in (
        # No stage of the report's own is touched by what only the multiverse uses.
        (study.model_copy(update={"decoders": decoders}), 1, "decoders/single-fixed.json"),
        (study.model_copy(update={"evaluate": fewer}), 1, "multiverse/sub-01.json"),
        (study, 2, "design.json"),
    ):
        part = multiverse_part(changed, results, seed)
        assert not part.curves
        assert what in part.said
        assert "`snakemake multiverse` scores it again" in part.said
    part = multiverse_part(study, tmp_path, 1)
    assert part.said == (
        "4 combinations of choices are declared; those have not been scored. "
        "`snakemake multiverse` scores them all and draws their curve here."
    )


@pytest.mark.parametrize("harm", ["read again", "other recording"])
def test_a_curve_is_old_when_what_it_stands_on_was_made_again(scored, harm):
    study, results = scored
    sidecar = Paths(results, study.name).responses("single", "01")
    before, record = sidecar.read_text(), json.loads(sidecar.read_text())
    if harm == "read again":
        record["facts"]["n_units"] += 1
    else:
        record["inputs"]["recordings/sub-01.npz"] = "0" * 64
    try:
        sidecar.write_text(json.dumps(record))
        part = multiverse_part(study, results, 1)
    finally:
        sidecar.write_text(before)
    assert not part.curves
    assert "design.json" in part.said
    assert "multiverse/sub-01.json" in part.said
    assert len(multiverse_part(study, results, 1).curves) == 1


def test_without_the_section_it_says_what_to_write(scored):
    study, results = scored
    plain = study.model_copy(update={"multiverse": None})
    assert multiverse_inputs([plain], results) == []
    with pytest.raises(ConfigError, match="section multiverse"):
        run_multiverse([plain], results, 1)


def test_a_region_without_units_is_named(scored, tmp_path):
    study, _ = scored
    wrong = study.responses["single"].model_copy(update={"rois": ("early", "late")})
    study = study.model_copy(update={"responses": {"single": wrong}})
    job = Job(
        "preprocess", study, Paths(tmp_path, "x"), 1, {"responses": "single", "subject": "01"}
    )
    with pytest.raises(ConfigError, match="no unit in late; regions are early, ventral"):
        run(job)


def test_jobs_that_were_done_are_not_done_again(scored):
    study, results = scored
    done = {
        job.stage: run(job, reuse=True)
        for job in jobs_for_subject(study, Paths(results, study.name), 1, "01")
    }
    assert set(done) == {"targets", "preprocess", "design", "embed", "evaluate"}
    assert not any(done.values())
