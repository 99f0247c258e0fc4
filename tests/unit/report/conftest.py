"""Fixtures of the report's tests: fake studies, their results folder, the material."""

from __future__ import annotations

from pathlib import Path

import fake_results as fake
import pytest

from neurodecode.report.load import Material, load_material


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    fake.use_fakes(monkeypatch)


@pytest.fixture
def results(fakes: None, tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    for study in (fake.category_study(), fake.picture_study()):
        fake.write_results(study, folder)
    return folder


@pytest.fixture
def categories(fakes: None, tmp_path: Path) -> Material:
    study = fake.category_study()
    fake.write_results(study, tmp_path)
    return load_material(study, tmp_path, 1)


@pytest.fixture
def world(fakes: None, tmp_path: Path) -> Material:
    study = fake.picture_study()
    fake.write_results(study, tmp_path)
    return load_material(study, tmp_path, 1)
