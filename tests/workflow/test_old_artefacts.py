"""What was made with other settings, by other code or without its inputs is made again."""

import numpy as np
import pytest
import yaml
from conftest import snakemake

from neurodecode.artifacts import read_sidecar
from neurodecode.cli import main

STUDY = {
    "name": "tiny", "title": "Tiny",
    "data": {"kind": "arrays", "subjects": {"01": "tiny.npz"}, "simulated": True,
             "keys": {"responses": "x", "labels": "y", "runs": "r"}},
    "responses": {"given": {"kind": "as_given"}},
    "decoders": {"ridge": {"kind": "ridge", "targets": []}},
    "design": {"split": {"kind": "leave_one_out", "column": "run"}, "group": "run"},
    "reconstruct": {"unit": "trial"},
    "evaluate": {"n_bootstrap": 100, "n_permutations": 100},
    "systems": [{"responses": "given", "decoder": "ridge"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder in which ``neurodecode reconstruct`` and the report, not Snakemake, made results."""
    folder = tmp_path_factory.mktemp("old")
    rng = np.random.default_rng(0)
    y, r = np.tile([0, 1], 20), np.repeat(np.arange(4), 10)
    np.savez(folder / "tiny.npz", x=y[:, None] + rng.normal(size=(40, 12)), y=y, r=r)
    (folder / "given" / "studies").mkdir(parents=True)
    (folder / "given" / "config.yaml").write_text(yaml.safe_dump({"studies": ["tiny"], "seed": 1}))
    write(folder, STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = ["--config", "given/config.yaml"]
        assert main(["reconstruct", "--study", "tiny", "--subject", "01", *config]) == 0
        assert main(["stage", "report", *config]) == 0
    return folder


def write(folder, study):
    (folder / "given" / "studies" / "tiny.yaml").write_text(yaml.safe_dump(study))


def settings_of(folder, artefact):
    return read_sidecar(folder / "results" / "tiny" / artefact).settings


def said(done):
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_what_other_commands_made_is_kept_while_it_is_current(run):
    assert "Nothing to be done" in said(snakemake(run / "given/config.yaml", run))


def test_a_config_file_and_studies_of_the_command_line_reach_the_commands(run):
    named = ["--configfile", "given/config.yaml", "--config", 'studies=["tiny"]']
    looked = ["--dry-run", "--printshellcmds", "--forcerun=report", *named]
    words = said(snakemake(run / "given/config.yaml", run, *looked))
    config = run / "given/config.yaml"
    assert f"stage report --studies tiny --config {config} --out results" in words


def test_a_changed_setting_reaches_what_snakemake_did_not_make(run):
    before = settings_of(run, "decoders/given-ridge.json")
    kept = settings_of(run, "responses/given/sub-01.json")
    write(run, {**STUDY, "decoders": {"ridge": {**STUDY["decoders"]["ridge"], "alphas": [1e6]}}})
    look = said(snakemake(run / "given/config.yaml", run, "--dry-run"))
    assert "makes them again" in look
    assert settings_of(run, "decoders/given-ridge.json") == before
    page = (run / "results/report/index.html").stat().st_mtime_ns
    said(snakemake(run / "given/config.yaml", run))
    assert settings_of(run, "decoders/given-ridge.json") != before
    assert settings_of(run, "responses/given/sub-01.json") == kept
    assert (run / "results/report/index.html").stat().st_mtime_ns > page
    assert "Nothing to be done" in said(snakemake(run / "given/config.yaml", run))


def test_what_was_deleted_in_the_middle_is_made_again(run):
    (run / "results/tiny/decoders/given-ridge.json").unlink()
    assert "Nothing to be done" not in said(snakemake(run / "given/config.yaml", run))
    assert (run / "results/tiny/decoders/given-ridge.json").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--config", "sed=2"), "config: sed: unknown key"),
        (("--config", "seed=x"), "config: seed: Input should be a valid integer"),
        (("--config", "studies=[nope]"), "study must be one of tiny in"),
        (("--config", "results=tiny.npz"), "results: must be a folder, tiny.npz is a file"),
    ],
)
def test_a_mistake_in_the_run_is_one_message_and_code_2(run, options, message):
    done = snakemake(run / "given/config.yaml", run, *options)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if message in line]
    assert line.startswith("neurodecode: ")
    assert ".py" not in done.stderr
