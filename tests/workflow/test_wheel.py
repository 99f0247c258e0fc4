"""The wheel, installed outside the clone: everything that a study needs is in it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that the clone stays clean."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, folder / name)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "neurodecode", folder / "neurodecode", ignore=skip)
    pip("wheel", "--no-build-isolation", "--wheel-dir", "made", ".", cwd=folder)
    (made,) = (folder / "made").glob("*.whl")
    return made


def pip(*arguments, cwd):
    command = [sys.executable, "-m", "pip", arguments[0], "--no-deps", "--no-index", "--quiet"]
    done = subprocess.run([*command, *arguments[1:]], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_holds_every_file_of_the_package(wheel):
    files = {p.relative_to(ROOT).as_posix() for p in (ROOT / "neurodecode").rglob("*")
             if p.is_file() and p.parent.name != "__pycache__"}  # fmt: skip
    held = set(zipfile.ZipFile(wheel).namelist())
    assert files <= held
    assert "neurodecode/py.typed" in held
    assert {Path(name).parts[0] for name in held - files} == {"neurodecode-0.1.0.dist-info"}


def test_a_study_runs_outside_the_clone(wheel, tmp_path):
    pip("install", "--target", "site", str(wheel), cwd=tmp_path)
    shutil.copytree(ROOT / "config", tmp_path / "config")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "neurodecode.cli", *arguments],
            cwd=tmp_path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    assert not (tmp_path / "neurodecode").exists()  # what is imported comes from the wheel
    for stage in ("preprocess --responses blocks --subject 01", "targets --target semantic"):
        done = run("stage", *stage.split(), "--study", "haxby2001")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "haxby2001" / "targets" / "semantic.json").is_file()
