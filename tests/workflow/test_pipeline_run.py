"""The real pipeline, small: it ends, it is repeatable, and one subject alone gives the same."""

import hashlib
import subprocess
import sys

import pytest
import yaml
from conftest import environment, snakemake

from neurodecode.artifacts import read_sidecar, read_table


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def neurodecode(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "neurodecode.cli", *arguments],
        cwd=folder, capture_output=True, text=True, env=environment(),
    )  # fmt: skip


def test_it_ends_with_a_report_and_scores_above_chance(finished):
    assert (finished / "results" / "report" / "index.html").stat().st_size > 50_000
    table = read_table(finished / "results/small/scores/sub-01.tsv", text=("subject",))
    table = table[table["system"] == "blocks-ridge-nearest"]
    row = table[(table["metric"] == "accuracy_8way") & (table["source"] == "decoded")].iloc[0]
    assert row["value"] >= 0.8
    assert row["ci_low"] > row["chance"]
    permuted = table[(table["metric"] == "category_identification")
                     & (table["source"] == "permuted")]  # fmt: skip
    assert (permuted["p"] > 0.01).all()
    assert set(permuted["role"]) == {"baseline"}


def test_each_test_trial_is_decoded_once_out_of_fold(finished):
    table = read_table(finished / "results/small/conditions/blocks-ridge/sub-01.tsv",
                       text=("trial", "fold", "participant_id"))  # fmt: skip
    assert len(table) == 96
    assert table["trial"].is_unique
    assert (table["fold"].astype(int) == table["run"]).all()


def test_a_second_run_has_nothing_to_do(finished, small_config):
    again = snakemake(small_config, finished, "--dry-run")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_changed_setting_reruns_only_what_depends_on_it(finished, small_config):
    changed = yaml.safe_load((small_config.parent / "studies" / "small.yaml").read_text())
    changed["evaluate"]["n_permutations"] = 600
    path = finished / "config" / "studies" / "small.yaml"
    before = path.read_text()
    path.write_text(yaml.safe_dump(changed))
    dry = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run"],
        cwd=finished, capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    path.write_text(before)
    shown = dry.stdout + dry.stderr
    assert "evaluate" in shown
    for stage in ("preprocess", "embed", "reconstruct"):
        assert f"rule {stage}:" not in shown


def test_one_subject_alone_gives_the_same_files(finished, small_config, tmp_path):
    done = neurodecode(
        finished, "reconstruct", "--study", "small", "--subject", "01", "--out", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "small") == digests(finished / "results" / "small")
    again = neurodecode(
        finished, "reconstruct", "--study", "small", "--subject", "01", "--out", str(tmp_path)
    )
    assert ": done" not in again.stderr


def test_no_artefact_holds_a_path_of_this_machine(finished):
    for sidecar in (finished / "results" / "small").rglob("*.json"):
        assert str(finished) not in sidecar.read_text()
        assert read_sidecar(sidecar).version


@pytest.mark.parametrize("victim", ["decoders/blocks-ridge.json", "conditions/blocks-ridge"])
def test_a_killed_embed_goes_on_from_its_finished_folds(finished, tmp_path, victim):
    """A run that was killed before its commit keeps the folds that it had committed."""
    copy = tmp_path / "results"
    subprocess.run(["cp", "-r", str(finished / "results"), str(copy)], check=True)
    subprocess.run(["rm", "-r", str(copy / "small" / victim)], check=True)
    (copy / "small/decoders/blocks-ridge.json").unlink(missing_ok=True)
    (copy / "small/decoders/blocks-ridge/fold-3/sub-01.json").unlink()
    folds = copy / "small/decoders/blocks-ridge"
    before = {p: p.stat().st_mtime_ns for p in folds.rglob("*.json")}
    done = neurodecode(finished, "stage", "embed", "--study", "small", "--chain", "blocks-ridge",
                       "--out", str(copy))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(p.stat().st_mtime_ns == t for p, t in before.items())
    assert digests(copy / "small") == digests(finished / "results" / "small")
