"""Imports go only backwards along the way of the data."""

import ast
from pathlib import Path

import pytest

from neurodecode.code_hash import ROOMS as ORDER

PACKAGE = Path(__file__).parents[2] / "neurodecode"
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def forbidden(room, module):
    parts = module.split(".")
    if parts[0] != "neurodecode" or len(parts) < 3 or parts[1] not in ORDER:
        return False
    if parts[-1] == "settings":  # plain values, read by config
        return False
    return ORDER.index(parts[1]) > ORDER.index(room)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_no_module_imports_a_later_room(path):
    room = path.relative_to(PACKAGE).parts[0]
    if room in ORDER:
        wrong = [module for module in imported(path) if forbidden(room, module)]
        assert not wrong


def test_every_room_is_in_the_order():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in MODULES if path.parent != PACKAGE}
    assert rooms <= set(ORDER)


def test_the_check_catches_a_forward_import():
    assert forbidden("embed", "neurodecode.report.stage")
    assert not forbidden("report", "neurodecode.embed.stage")


@pytest.mark.parametrize(
    "path",
    # The one restricted unpickler has a test of its own, which attacks it.
    [path for path in MODULES if path != PACKAGE / "studies" / "plain_pickle.py"],
    ids=lambda p: p.relative_to(PACKAGE).as_posix(),
)
def test_nothing_unsafe_is_loaded(path):
    text = path.read_text("utf-8")
    words = ["import pickle", "allow_pickle=True", "yaml.load(", "torch.load(", "pickle.load"]
    if path.name == "plain_pickle.py":  # the one restricted unpickler, fuzzed in its own tests
        words.remove("import pickle")
    for word in words:
        assert word not in text
