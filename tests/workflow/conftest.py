"""A small run of the real pipeline, made once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items):
    """Keep what shares a run of the pipeline on one worker, so that it is made once; long first."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem != "test_benchmarks":
            shared = "small_config" in item.fixturenames
            item.add_marker(pytest.mark.xdist_group("small" if shared else item.path.stem))
    # What takes seconds begins first, so that no worker ends with it alone.
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


@pytest.fixture(scope="session")
def small_config(tmp_path_factory):
    """Config of one study: Haxby with one system and one baseline, few permutations."""
    folder = tmp_path_factory.mktemp("config")
    study = yaml.safe_load((ROOT / "config/studies/haxby2001.yaml").read_text())
    study["systems"] = [
        {"responses": "blocks", "decoder": "ridge", "generator": "nearest",
         "sources": ["decoded", "permuted"]},
        {"responses": "blocks", "decoder": "ridge", "generator": "mean_picture",
         "role": "baseline", "sources": ["decoded"]},
    ]  # fmt: skip
    del study["multiverse"]
    study["evaluate"] = {"n_bootstrap": 200, "n_permutations": 500}
    study["name"] = "small"
    (folder / "studies").mkdir()
    (folder / "studies" / "small.yaml").write_text(yaml.safe_dump(study))
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"studies": ["small"], "seed": 3, "results": "results"}))
    return config


def environment():
    """Environment in which the commands of this checkout are found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def snakemake(config, folder, *arguments, env=None):
    """Run the pipeline in ``folder`` and return what it printed."""
    folder.mkdir(exist_ok=True)
    for name in ("Snakefile", "workflows"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    (folder / "config").mkdir(exist_ok=True)
    shutil.copy(config, folder / "config" / "config.yaml")
    shutil.copytree(config.parent / "studies", folder / "config" / "studies", dirs_exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder, capture_output=True, text=True, env={**environment(), **(env or {})},
    )  # fmt: skip


@pytest.fixture(scope="session")
def finished(small_config, tmp_path_factory):
    """Folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    done = snakemake(small_config, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder
