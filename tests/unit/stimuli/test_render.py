"""Drawing emoji: what it needs is said."""

import json

import pytest

from neurodecode.errors import ConfigError
from neurodecode.stimuli.render import draw_rgba


def test_a_missing_program_is_named_with_the_mend(tmp_path, monkeypatch):
    icon = {"body": '<rect width="8" height="8"/>'}
    icons = {"icons": {"dog": icon}, "width": 8, "height": 8}
    package = tmp_path / "package"
    package.mkdir()
    (package / "icons.json").write_text(json.dumps(icons))
    (package / "chars.json").write_text(json.dumps({"1f436": "dog"}))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"rsvg-convert.*install librsvg2-bin"):
        draw_rgba("emojione", "1f436", tmp_path, 8)
