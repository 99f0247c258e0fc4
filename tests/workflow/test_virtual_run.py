"""Simulated people through the whole pipeline: decoded above chance, and every page says so."""

import pytest
import yaml
from conftest import ROOT

from neurodecode.artifacts import read_table
from neurodecode.cli import main
from neurodecode.config import load_study
from neurodecode.report.stage import write_report

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("virtual")
    study = yaml.safe_load((ROOT / "config/studies/virtual.yaml").read_text())
    study["data"] |= {"preset": "easy", "n_subjects": 1, "n_train": 200, "n_test": 20,
                      "n_voxels": 400}  # fmt: skip
    study["generators"]["embedded"] |= {"steps": 3}
    study["reconstruct"]["n_samples"] = 1
    study["evaluate"] |= {"n_bootstrap": 200, "n_permutations": 200}
    study["systems"] = [
        {"responses": "single", "decoder": "ridge", "generator": "embedded",
         "sources": ["decoded", "permuted"]},
        {"responses": "single", "decoder": "ridge", "generator": "nearest", "role": "baseline",
         "sources": ["decoded"]},
    ]  # fmt: skip
    study["name"] = "people"
    (folder / "studies").mkdir()
    (folder / "studies" / "people.yaml").write_text(yaml.safe_dump(study))
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"studies": ["people"], "seed": 3}))
    places = ["--out", str(folder / "results"), "--config", str(config)]
    assert main(["reconstruct", "--study", "people", "--subject", "01", *places]) == 0
    write_report([load_study("people", config)], folder / "results", 3)
    return folder / "results"


def test_held_out_pictures_are_identified_and_without_brain_data_not(run):
    table = read_table(run / "people/scores/sub-01.tsv", text=("subject",))
    drawn = table[table["system"] == "single-ridge-embedded"].set_index(["metric", "source"])
    decoded, permuted = (drawn.loc["two_way_semantic", s] for s in ("decoded", "permuted"))
    assert decoded["value"] > 0.65
    assert decoded["ci_low"] > decoded["chance"]
    assert permuted["value"] < 0.65


def test_the_page_says_that_brains_are_simulated(run):
    page = (run / "report" / "index.html").read_text()
    assert "simulated" in page


def test_no_decoder_tells_more_than_the_oracle(run):
    text = ("subject", "system", "role", "source", "metric")
    table = read_table(run / "people/scores/sub-01.tsv", text=text)
    shared = table[table["oracle_share"].notna()]
    assert {"two_way_independent", "retrieval_two_way"} <= set(shared["metric"])
    assert shared["oracle_share"].between(-0.5, 1).all()
    best = table[table["role"] == "oracle"].set_index("metric")["value"]
    assert best["retrieval_two_way"] > 0.95
    assert best["retrieval_two_way"] == best["two_way_pixcorr"]
    page = (run / "report" / "index.html").read_text()
    assert "Oracle: knows how these brains were made" in page
    assert "share of its lead over chance" in page
