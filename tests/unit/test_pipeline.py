"""The table of stages, and the rules that read it."""

import re
from pathlib import Path

from neurodecode import pipeline
from neurodecode.config import load_study
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job, Output, jobs_for_subject, wildcards_of
from neurodecode.workflow import Workflow

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "config.yaml"


def test_every_stage_has_one_rule_and_every_rule_a_stage():
    included = re.findall(
        r'include: "workflows/rules/(\w+)\.smk"', (ROOT / "Snakefile").read_text()
    )
    assert included == [*STAGES, "report"]
    for name in STAGES:
        text = (ROOT / "workflows" / "rules" / f"{name}.smk").read_text()
        assert re.findall(r'flow\.(\w+)\("(\w+)"\)', text) == [
            (part, name) for part in ("inputs", "output", "settings", "command")
        ]
    assert len((ROOT / "Snakefile").read_text().splitlines()) < 48


def test_the_pattern_of_a_rule_is_the_path_of_its_jobs(tmp_path):
    flow = Workflow({"studies": ["haxby2001"], "results": str(tmp_path)}, [CONFIG])
    study = flow.studies["haxby2001"]
    for stage in STAGES:
        pattern = flow.output(stage)
        for wildcards in wildcards_of(stage, study, ("01",)):
            job = Job(stage, study, Paths(tmp_path, study.name), 1, wildcards)
            assert pattern.format(study=study.name, **wildcards) == str(job.sidecar)


def test_one_subjects_jobs_come_after_what_they_read(tmp_path):
    study = load_study("virtual-min", CONFIG)
    made = set()
    for job in jobs_for_subject(study, Paths(tmp_path, study.name), 1, "02"):
        assert set(job.inputs) <= made
        assert job.wildcards.get("subject") != "01" or job.stage == "preprocess"
        made.add(job.sidecar)
    assert len(made) > 10


def test_a_job_that_keeps_many_artefacts_reads_its_inputs_once(tmp_path, monkeypatch):
    study = load_study("virtual-min", CONFIG)
    job = Job("embed", study, Paths(tmp_path, study.name), 1, {"chain": study.chains[0]})
    for path in job.inputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    read, hash_file = [], pipeline.hash_file
    monkeypatch.setattr(pipeline, "hash_file", lambda path: read.append(path) or hash_file(path))
    folds = [tmp_path / f"fold-{k}.json" for k in range(3)]
    for sidecar in folds:
        assert not job.holds(sidecar)
        job.commit(sidecar, Output([]))
    assert all(job.holds(sidecar) for sidecar in folds)
    assert sorted(read) == sorted(job.inputs)
    job.inputs[0].write_text("changed")
    again = Job("embed", study, job.paths, 1, job.wildcards)
    assert not any(again.holds(sidecar) for sidecar in folds)


def test_settings_hash_follows_only_what_a_stage_depends_on(tmp_path):
    study = load_study("haxby2001", CONFIG)
    generators = {
        **study.generators,
        "nearest": study.generators["nearest"].model_copy(update={"by": "pixels"}),
    }
    changed = study.model_copy(update={"generators": generators})
    paths = Paths(tmp_path, study.name)

    def hashes(config):
        return {
            (stage, *wildcards.values()): Job(stage, config, paths, 1, wildcards).settings_hash
            for stage in STAGES
            for wildcards in wildcards_of(stage, config, ("01",))
        }

    before, after = hashes(study), hashes(changed)
    differ = {key for key in before if before[key] != after[key]}
    assert differ
    assert {key[0] for key in differ} == {"reconstruct"}
    assert all(key[1].endswith("-nearest") for key in differ)


def test_the_report_is_made_again_where_only_what_a_curve_stands_on_changes(tmp_path):
    """No other job of the report depends on it, so the page would show the old curve."""
    file = tmp_path / "studies" / "haxby2001.yaml"
    file.parent.mkdir()
    text = (CONFIG.parent / "studies" / "haxby2001.yaml").read_text()

    def parameter(changed, seed=1):
        file.write_text(changed)
        flow = Workflow({"studies": ["haxby2001"], "seed": seed}, [tmp_path / "config.yaml"])
        return flow.page_settings()

    assert parameter(text) == parameter(text)
    metric = text.replace("metric: accuracy_8way", "metric: retrieval_two_way")
    assert metric != text
    assert parameter(metric) != parameter(text)
    assert parameter(text, seed=2) != parameter(text)
