"""The examples of config/README.md are valid, and it names every key."""

import re
from pathlib import Path

import pytest
import yaml

from neurodecode.config import load_study
from neurodecode.studies.settings import ArrayKeys, ArraysSettings

README = (Path(__file__).parents[3] / "config" / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)


def test_there_is_one_of_each():
    assert [yaml.safe_load(e)["name"] for e in EXAMPLES] == [
        "my-pictures", "my-labels", "my-features"
    ]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_complete_study(example, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(example)
    assert load_study(str(path), tmp_path / "config.yaml").data.kind == "arrays"


@pytest.mark.parametrize("section", [ArraysSettings, ArrayKeys])
def test_every_key_is_described(section):
    for key in section.model_fields:
        assert f"`{key}`" in README or f"`kind: {key}`" in README or key == "kind"
