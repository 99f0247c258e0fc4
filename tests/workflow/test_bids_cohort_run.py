"""People of a BIDS data set, from recordings to the audit and the page."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

sys.path.append(str(Path(__file__).parents[1] / "unit" / "studies"))
import people_miniature as miniature

from neurodecode.artifacts import load_arrays, read_sidecar, read_table
from neurodecode.cli import main
from neurodecode.config import StudyConfig, load_study, read_settings
from neurodecode.pages import report_inputs
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job, run, wildcards_of

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
N = 60
METHODS = {
    "regression": {"kind": "residualize", "knots": 0, "minimum": 5},
    "demovae": {"kind": "demovae", "minimum": 5, "steps": 20, "knots": 0},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rest")
    miniature.write(folder / "set", N)
    study = {
        "name": "people", "title": "People at rest",
        "data": {"kind": "bids_cohort", "root": str(folder / "set"), "simulated": True,
                 "derivatives": miniature.DERIVATIVES, "atlas": miniature.ATLAS,
                 "confounds": ["motion", "scrub"], "connectivity": "tangent"},
        "deconfound": {"demographics": ["age", "site"], "n_folds": 3, "forest": False,
                       "methods": METHODS},
    }  # fmt: skip
    (folder / "studies").mkdir()
    (folder / "studies" / "people.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    (folder / "config.yaml").write_text(
        yaml.safe_dump({"studies": ["people"], "seed": 1, "results": str(folder / "results")})
    )
    config = read_settings(StudyConfig, folder / "studies" / "people.yaml")
    for job in every_job(config, folder):
        run(job)
    return folder


def every_job(study, folder):
    paths = Paths(folder / "results", "people")
    subjects = Job("design", study, paths, 1).adapter.subjects()
    for stage in STAGES:
        yield from (Job(stage, study, paths, 1, w) for w in wildcards_of(stage, study, subjects))


def test_the_template_is_valid():
    study = load_study("bids-cohort", CONFIG)
    assert study.cohort
    assert study.used_responses == ["regions"]


def audit(folder, name):
    return read_table(folder / "results" / "people" / "deconfound" / f"{name}.tsv")


def test_site_is_in_the_connectivity_and_goes(finished):
    left = {
        name: audit(finished, name).query("figure == 'left' and what == 'site'")["value"].max()
        for name in ("as_given", *METHODS)
    }
    assert left["as_given"] > 0.9
    assert left["regression"] < left["as_given"] - 0.1
    assert left["demovae"] < left["as_given"] - 0.1


def test_tangent_is_fitted_in_each_fold_on_its_training_people(finished):
    folder = finished / "results" / "people" / "deconfound" / "regression"
    whitening = [
        load_arrays(folder / f"fold-{k}.safetensors")["connectivity.whitening"] for k in range(3)
    ]
    assert np.abs(whitening[0] - whitening[1]).max() > 1e-4
    facts = read_sidecar(folder.with_suffix(".json")).facts
    assert (facts["n_people"], facts["n_features"], facts["n_fit"]) == (N, 21, 20)


def test_nothing_is_left_to_do_and_the_page_is_written(finished):
    study = read_settings(StudyConfig, finished / "studies" / "people.yaml")
    assert all(job.holds(job.sidecar) for job in every_job(study, finished))
    assert all(path.is_file() for path in report_inputs([study], finished / "results"))
    assert main(["stage", "report", "--config", str(finished / "config.yaml")]) == 0
    page = (finished / "results" / "report" / "index.html").read_text()
    assert "tangent connectivity of the regions of atlas_dseg.nii.gz" in page
    assert "What is left of site (accuracy, chance 0.50)" in page
    assert "sub-0" not in page


def test_demographics_are_nowhere_in_the_results(finished):
    tables = [p for p in (finished / "results").rglob("*.tsv") if "sub-" in p.name]
    assert tables
    assert not any("age" in read_table(path).columns for path in tables)
