"""The house: one list of versions, every foreign file named, weights within bounds."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import neurodecode

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOREIGN = {".gz", ".png", ".webp", ".mat", ".safetensors", ".npz", ".txt", ".csv", ".js"}


def test_environment_lists_no_version_of_its_own():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-c constraints.txt", "-e .[test]"]


def test_every_dependency_is_constrained():
    constrained = {
        re.split(r"[=<>;@ ]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    extras = PROJECT["optional-dependencies"].values()
    wanted = PROJECT["dependencies"] + [line for extra in extras for line in extra]
    names = {re.split(r"[\[=<>; ]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names - {"neurodecode"} <= constrained


def foreign_files():
    package = ROOT / "neurodecode"
    return [
        path.relative_to(ROOT).as_posix()
        for path in sorted(package.rglob("*"))
        if path.suffix in FOREIGN and "weights" not in path.parts and path.name != "py.typed"
    ]


@pytest.mark.parametrize("path", foreign_files())
def test_a_foreign_file_is_listed_with_its_hash(path):
    rows = [
        line for line in (ROOT / "THIRD_PARTY.md").read_text().splitlines() if f"| {path} |" in line
    ]
    assert len(rows) == 1
    digest = hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:16]
    assert f"`{digest}`" in rows[0]


def test_a_foreign_file_that_is_not_listed_would_be_found():
    assert "neurodecode/studies/data/haxby2001/bold.nii.gz" in foreign_files()


def test_every_folder_of_weights_has_a_card_and_all_are_small():
    weights = ROOT / "neurodecode" / "weights"
    folders = [folder for folder in weights.iterdir() if folder.is_dir()]
    assert folders
    for folder in folders:
        assert (folder / "CARD.md").is_file(), folder
    assert sum(f.stat().st_size for f in weights.rglob("*") if f.is_file()) <= 25e6


def test_version_stands_in_one_place():
    assert PROJECT["dynamic"] == ["version"]
    assert f"version: {neurodecode.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"## {neurodecode.__version__}" in (ROOT / "CHANGELOG.md").read_text()
