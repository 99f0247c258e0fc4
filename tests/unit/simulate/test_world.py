"""Nothing that is decoded takes part in making the worlds."""

import ast
from pathlib import Path

import pytest

import neurodecode.simulate

ROOM = Path(neurodecode.simulate.__file__).parent


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.name)
def test_no_network_and_no_target_takes_part_in_the_world(path):
    modules = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    own = {name for name in modules if name.startswith("neurodecode.")}
    allowed = (
        "neurodecode.artifacts", "neurodecode.atomic", "neurodecode.contracts",
        "neurodecode.errors", "neurodecode.seeds", "neurodecode.simulate.", "neurodecode.stimuli.",
    )  # fmt: skip
    assert all(name.startswith(allowed) for name in own)
    assert not {name.split(".")[0] for name in modules} & {"torch", "open_clip", "diffusers"}
    assert "caption" not in path.read_text("utf-8").replace("no caption", "")
