"""All combinations of some choices through the real stages, and the page that draws them."""

import re
from pathlib import Path

import pytest

from neurodecode.artifacts import read_sidecar, read_table
from neurodecode.config import MultiverseSettings, load_study
from neurodecode.errors import ConfigError
from neurodecode.evaluate.ledger import read_ledger
from neurodecode.pages import multiverse_inputs, run_multiverse
from neurodecode.paths import Paths
from neurodecode.pipeline import Job, jobs_for_subject, run

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"


def small():
    """Simulated brains, nothing drawn: whole or early cortex, chosen or fixed penalty."""
    study = load_study("virtual-min", CONFIG)
    sizes = {"n_subjects": 1, "n_voxels": 200, "n_train": 80, "n_test": 20, "preset": "easy"}
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
    return study, results


def test_every_combination_is_scored_once_and_regions_are_kept_apart(scored):
    study, results = scored
    paths = Paths(results, study.name)
    table = read_table(paths.specifications("01").with_suffix(".tsv"), text=("subject",))
    assert sorted(zip(table["responses"], table["decoder"], strict=True)) == [
        ("early", "fixed"), ("early", "ridge"), ("single", "fixed"), ("single", "ridge")
    ]  # fmt: skip
    assert table["metric"].eq("retrieval_two_way").all()
    value = table.set_index(["responses", "decoder"])["value"]
    assert value["single", "ridge"] > 0.65 > 0.5
    assert (table["q"] >= table["p"] - 1e-12).all()  # none is missing
    units = {n: read_sidecar(paths.responses(n, "01")).facts["n_units"] for n in study.responses}
    assert 0 < units["early"] < units["single"]
    assert read_sidecar(paths.specifications("01")).facts["median_p"] < 0.05
    assert len(read_ledger(paths.ledger("01"))) == 1  # it is a look at the test set


def test_the_page_draws_them(scored):
    study, results = scored
    (page,) = run_multiverse([study], results, 1)
    text = page.read_text()
    assert len(re.findall(r'<g class="mark', text)) == 4
    assert "4 specifications" in text
    assert "Simulated brains" in text
    assert not re.search("https?:|<script", text)


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
    assert done.pop("evaluate")  # the one job that only the report needs
    assert set(done) == {"targets", "preprocess", "design", "embed"}
    assert not any(done.values())
