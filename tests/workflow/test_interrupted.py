"""Killed runs, full disks, forbidden folders: whole or absent, one message, and it goes on.

Stages run in forked processes, so that a kill is a kill: no clean-up code runs after it. Points of
interruption are renames and sizes of files, never times. Stages are taken from the table.
"""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT, environment
from faults import (
    at_next_rename,
    at_rename,
    attempt,
    die,
    fill_disk,
    fork,
    limit_size,
    obey_permissions,
    press_ctrl_c,
)

from neurodecode.config import load_study
from neurodecode.errors import ConfigError
from neurodecode.paths import Paths
from neurodecode.pipeline import STAGES, Job, wildcards_of
from neurodecode.workflow import Workflow

STUDY = {
    "name": "tiny",
    "title": "Few small pictures, few voxels",
    "data": {"kind": "arrays", "simulated": True, "subjects": {"01": "data.npz"},
             "keys": {"responses": "x", "pictures": "pictures", "split": "split",
                      "labels": "labels", "positions": "mm"}},
    "responses": {"single": {"kind": "as_given"}},
    "targets": {"pixels": {"kind": "pixels", "size": 8}},
    "design": {"split": {"kind": "trial_set"}, "group": "stimulus"},
    "decoders": {"ridge": {"kind": "ridge", "targets": ["pixels"]},
                 "lda": {"kind": "shrinkage_lda", "targets": ["pixels"]}},
    "encoders": {"banded": {"kind": "banded_ridge", "responses": "single", "bands": ["pixels"],
                            "alphas": [1.0], "n_permutations": 100}},
    "searchlights": {"map": {"responses": "single", "decoder": "lda", "radius": 1,
                             "n_permutations": 100}},
    "generators": {"drawn": {"kind": "retrieval", "by": "pixels"}},
    "reconstruct": {"unit": "stimulus", "n_samples": 1, "choose_by": "pixels"},
    "evaluate": {"n_bootstrap": 100, "n_permutations": 100},
    "systems": [{"responses": "single", "decoder": "ridge", "generator": "drawn",
                 "sources": ["decoded"]}],
    "multiverse": {"responses": ["single"], "decoders": ["ridge"], "generators": ["drawn"],
                   "metric": "two_way_pixcorr"},
}  # fmt: skip
ARM = {
    "name": "arm",
    "title": "A movement",
    "data": {"kind": "kinematics", "simulated": True, "recordings": {"01": "arm.npz"}},
    "online": {"features": {"bins": {"kind": "spike_counts"}, "bin_width": 0.1,
                            "bad_channels": False},
               "train_end": 20, "test_end": 25, "block": 0.5, "n_bootstrap": 100,
               "decoders": {"wiener": {"kind": "regression", "lags": 2,
                                       "regressor": {"kind": "linear_ridge"}},
                            "kalman": {"kind": "kalman", "role": "baseline"}}},
}  # fmt: skip
PEOPLE = {
    "name": "people",
    "title": "Few people",
    "data": {"kind": "cohort", "simulated": True, "features": "people.npz",
             "participants": "participants.tsv"},
    "deconfound": {"demographics": ["sex"], "n_folds": 3, "forest": False,
                   "methods": {"lines": {"kind": "residualize", "knots": 0, "minimum": 2}}},
}  # fmt: skip
STUDIES = {"tiny": STUDY, "arm": ARM, "people": PEOPLE}
OF = {"online": "arm", "deconfound": "people"}
# What each stage writes, below the results folder.
WRITES = {
    "targets": ("tiny/targets",),
    "preprocess": ("tiny/responses",),
    "design": ("tiny/design.tsv", "tiny/design.json"),
    "deconfound": tuple(f"people/deconfound/lines{end}" for end in ("", ".tsv", ".json")),
    "embed": ("tiny/decoders", "tiny/conditions"),
    "encode": ("tiny/encoding",),
    "searchlight": ("tiny/searchlight",),
    "reconstruct": ("tiny/pictures",),
    "evaluate": ("tiny/scores",),
    "online": ("arm/scores",),
    "specify": ("tiny/multiverse",),
    "report": ("report",),
}
EVERY = [*STAGES, "report"]


def job(stage: str, folder: Path) -> Job:
    study = load_study(OF.get(stage, "tiny"), folder / "config" / "config.yaml")
    wildcards = next(wildcards_of(stage, study, ("01",)))
    return Job(stage, study, Paths(folder / "results", study.name), 3, wildcards)


def command(stage: str, folder: Path) -> list[str]:
    """Arguments of a stage's one job, as the rules give them."""
    if stage == "report":
        return ["stage", "report"]
    of = job(stage, folder)
    names = [f"--{name}={value}" for name, value in of.wildcards.items()]
    return ["stage", stage, "--study", of.study.name, *names]


def files(results: Path) -> dict[str, str]:
    """Hash of every file, without what is still being written, and without ledgers.

    A ledger tells what was done, a killed run included: it is no artefact.
    """
    return {
        path.relative_to(results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.parts)
        and not path.name.endswith(("_ledger.jsonl", "_ledger.head"))
    }


def leftovers(results: Path) -> list[Path]:
    return list(results.rglob(".*"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("interrupted") / "whole"
    (folder / "config" / "studies").mkdir(parents=True)
    for name, study in STUDIES.items():
        (folder / "config" / "studies" / f"{name}.yaml").write_text(yaml.safe_dump(study))
    (folder / "config" / "config.yaml").write_text(
        yaml.safe_dump({"studies": list(STUDIES), "seed": 3, "results": "results"})
    )
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (30, 16, 16, 3), np.uint8)
    np.savez(
        folder / "data.npz",
        pictures=pictures,
        x=pictures.reshape(30, -1)[:, ::27] / 255,
        noise=rng.normal(size=(30, 29)),
        split=np.repeat(["train", "test"], [20, 10]),
        labels=np.tile(["cat", "cup"], 15),
        mm=np.argwhere(np.ones((29, 1, 1))),
    )
    np.savez(
        folder / "arm.npz",
        data=rng.normal(size=(300, 4)),
        kinematics=rng.normal(size=(300, 2)),
        sfreq=10.0,
    )
    sex = np.tile(["F", "M"], 33)
    names = np.array([f"p{k}" for k in range(66)])
    np.savez(folder / "people.npz", participant_id=names, features=rng.normal(size=(66, 5)))
    rows = [f"{name}\t{s}\n" for name, s in zip(names, sex, strict=True)]
    (folder / "participants.tsv").write_text("participant_id\tsex\n" + "".join(rows))
    as_given = ["stage", "deconfound", "--study=people", "--deconfounder=as_given"]
    assert attempt(as_given, folder) == (0, "")
    for stage in EVERY:
        assert attempt(command(stage, folder), folder) == (0, "")
    return folder


@pytest.fixture
def before(whole, tmp_path):
    """Return a function: a new copy of the run in which one stage has not run yet."""

    def copy(stage: str) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(whole, folder)
        for name in WRITES[stage]:
            path = folder / "results" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return folder

    return copy


@pytest.fixture
def struck(tmp_path) -> Path:
    """List of the paths before whose rename something happened."""
    path = tmp_path / "struck"
    path.touch()
    return path


def assert_whole_or_absent(stage: str, folder: Path, whole: Path) -> None:
    """Nothing stands under a final name but what the uninterrupted run has there."""
    found, wanted = files(folder / "results"), files(whole / "results")
    assert found.items() <= wanted.items()
    assert not (folder / last(stage, folder)).exists()


def assert_goes_on(stage: str, folder: Path, whole: Path) -> None:
    """The same command ends, with the same files, and cleans up."""
    assert attempt(command(stage, folder), folder) == (0, "")
    assert files(folder / "results") == files(whole / "results")
    assert not leftovers(folder / "results")


def last(stage: str, folder: Path) -> str:
    """What a stage writes last, and what commits it."""
    if stage == "report":
        return "results/report/index.html"
    return job(stage, folder).sidecar.relative_to(folder).as_posix()


def test_every_stage_is_here():
    assert set(WRITES) == {*STAGES, "report"}


@pytest.mark.parametrize("stage", EVERY)
def test_killed_once_before_each_rename(stage, before, struck, whole):
    folder = before(stage)
    strike = partial(at_next_rename, struck, die)
    while (result := attempt(command(stage, folder), folder, strike))[0]:
        assert result == (-signal.SIGKILL, "")
        assert leftovers(folder / "results")
        assert_whole_or_absent(stage, folder, whole)
    assert files(folder / "results") == files(whole / "results")
    assert not leftovers(folder / "results")
    assert struck.read_text().splitlines()[-1] == last(stage, folder)


@pytest.mark.parametrize("stage", EVERY)
def test_full_disk_once_before_each_rename(stage, before, struck, whole):
    folder = before(stage)
    strike = partial(at_next_rename, struck, fill_disk)
    while (result := attempt(command(stage, folder), folder, strike))[0]:
        assert result[0] == 2
        name = struck.read_text().splitlines()[-1]
        assert re.fullmatch(
            rf"neurodecode: {re.escape(name)}: cannot be written: the disk is full \(.*\)\. Free "
            "space or choose another folder .*, then run the same command again: .*\n",
            result[1],
        )
        assert_whole_or_absent(stage, folder, whole)
        assert not leftovers(folder / "results")
    assert files(folder / "results") == files(whole / "results")
    assert struck.read_text().splitlines()[-1] == last(stage, folder)


@pytest.mark.parametrize("stage", EVERY)
def test_stopped_by_the_kernel_in_the_middle_of_a_file(stage, before, whole):
    folder = before(stage)
    code, shown = attempt(command(stage, folder), folder, partial(limit_size, 300, kill=True))
    assert (code, shown) == (-signal.SIGXFSZ, "")
    assert leftovers(folder / "results")
    assert_whole_or_absent(stage, folder, whole)
    code, shown = attempt(command(stage, folder), folder, partial(limit_size, 300))
    assert code == 2
    assert re.fullmatch(r"neurodecode: results/\S+: cannot be written: .*ulimit -f.*\n", shown)
    assert not leftovers(folder / "results")
    assert_whole_or_absent(stage, folder, whole)
    assert_goes_on(stage, folder, whole)


@pytest.mark.parametrize("stage", EVERY)
def test_ctrl_c(stage, before, whole):
    folder = before(stage)
    strike = partial(at_rename, "", press_ctrl_c)
    message = "neurodecode: stopped; the same command goes on from here.\n"
    assert attempt(command(stage, folder), folder, strike) == (130, message)
    assert_whole_or_absent(stage, folder, whole)
    assert not leftovers(folder / "results")


@pytest.mark.parametrize("stage", EVERY)
def test_read_only_results(stage, before):
    folder = before(stage)
    kept = files(folder / "results")
    folders = [folder / "results", *(p for p in (folder / "results").rglob("*") if p.is_dir())]
    for path in folders:
        path.chmod(0o555)
    code, shown = attempt(command(stage, folder), folder, obey_permissions)
    for path in folders:
        path.chmod(0o755)
    assert code == 2
    assert re.fullmatch(r"neurodecode: results/\S+: cannot be written: no permission .*\n", shown)
    assert files(folder / "results") == kept


@pytest.mark.parametrize("stage", EVERY)
def test_results_that_are_a_file(stage, whole):
    code, shown = attempt([*command(stage, whole), "--out", "data.npz"], whole)
    assert code == 2
    assert re.fullmatch(
        r"neurodecode: data.npz/\S+: cannot be written: data.npz is a file where .*\n", shown
    )


OTHER = {
    "targets": ("targets", "pixels", {"kind": "pixels", "size": 16}),
    "preprocess": ("data", "keys", {**STUDY["data"]["keys"], "responses": "noise"}),
    "design": ("design", "group", "run"),
    "deconfound": ("deconfound", "n_folds", 4),
    "embed": ("decoders", "ridge", {"kind": "ridge", "targets": ["pixels"], "alphas": [3.0]}),
    "reconstruct": ("generators", "drawn", {"kind": "random_picture"}),
    "evaluate": ("evaluate", "n_bootstrap", 200),
    "encode": ("encoders", "banded", {**STUDY["encoders"]["banded"], "alphas": [3.0]}),
    "searchlight": ("searchlights", "map", {**STUDY["searchlights"]["map"], "radius": 2}),
    "online": ("online", "n_bootstrap", 200),
    "specify": ("evaluate", "n_bootstrap", 200),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_with_other_settings_does_not_pass_for_the_old_one(
    stage, whole, tmp_path, monkeypatch
):
    """Its files lie where the finished artefact's were; the old settings must not claim them."""
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    monkeypatch.chdir(folder)
    study = STUDIES[job(stage, folder).study.name]
    yaml_file = folder / "config" / "studies" / f"{study['name']}.yaml"
    section, key, value = OTHER[stage]
    other = {**study, section: {**study[section], key: value}}
    yaml_file.write_text(yaml.safe_dump(other))
    # The first sidecar: embed's is that of its fold.
    killed = attempt(command(stage, folder), folder, partial(at_rename, ".json", die))
    assert killed == (-signal.SIGKILL, "")
    assert files(folder / "results") != files(whole / "results")
    yaml_file.write_text(yaml.safe_dump(study))
    old = job(stage, folder)
    assert not old.holds(old.sidecar)
    assert_goes_on(stage, folder, whole)


def test_the_walk_over_all_stages_goes_on_from_where_it_was_killed(before, whole):
    folder = before("embed")
    for stage in ("reconstruct", "evaluate"):
        shutil.rmtree(folder / "results" / WRITES[stage][0])
    walk = ["reconstruct", "--study", "tiny", "--subject", "01"]
    code, _ = attempt(walk, folder, partial(at_rename, "decoders/single-ridge.json", die))
    assert code == -signal.SIGKILL
    code, shown = attempt(walk, folder, partial(at_rename, "sub-01_items.tsv", fill_disk))
    assert code == 2
    assert "\nneurodecode: results/tiny/scores/sub-01_items.tsv: cannot be written" in shown
    code, shown = attempt(walk, folder)
    assert code == 0
    assert re.findall(r": (kept|done)", shown) == ["kept"] * 7 + ["done"]
    assert files(folder / "results") == files(whole / "results")
    assert not leftovers(folder / "results")


HOOK = """
import os, signal
rename = os.replace
def replace(source, target):
    rename(source, target)
    if str(target).endswith("report/index.html"):
        os.killpg(0, signal.SIGKILL)
os.replace = replace
"""


def snakemake(folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run the README's command in a process group of its own."""
    profile = "workflows/profiles/local"
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", profile, "--cores", "1"],
        cwd=folder, capture_output=True, text=True, start_new_session=True,
        env={**environment(), "PYTHONPATH": path},
    )  # fmt: skip


def test_snakemake_goes_on_after_a_kill_by_the_same_command(before, whole, tmp_path):
    """Killed with all its processes just after the last file: locked, the job not yet booked."""
    folder = before("report")
    for name in ("Snakefile", "workflows"):
        (folder / name).symlink_to(ROOT / name)
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    killed = snakemake(folder, f"{tmp_path}{os.pathsep}{ROOT}")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list((folder / ".snakemake" / "locks").iterdir())
    assert list((folder / ".snakemake" / "incomplete").iterdir())
    done = snakemake(folder, str(ROOT))
    assert done.returncode == 0, done.stderr
    assert files(folder / "results") == files(whole / "results")
    assert not leftovers(folder / "results")


def go_on_here(folder):
    """Body of a forked process: what the Snakefile does before anything else."""
    os.chdir(folder)
    Workflow({"studies": ["tiny"]}, ["config/config.yaml"]).go_on()


def test_the_lock_of_a_run_that_lives_stays(tmp_path):
    lock = tmp_path / ".snakemake" / "locks" / "0.input.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with (tmp_path / ".snakemake" / "neurodecode.lock").open("a") as alive:
        fcntl.flock(alive, fcntl.LOCK_SH)
        assert fork(go_on_here, tmp_path) == 0
        assert lock.exists()
    assert fork(go_on_here, tmp_path) == 0
    assert not lock.exists()


def test_a_workflow_refuses_results_that_are_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="must be a folder"):
        Workflow({"studies": ["tiny"], "results": str(tmp_path / "file")}, ["config.yaml"])
