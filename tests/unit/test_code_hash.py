"""A stage's hash follows the code and weights that it can run, and no other."""

import shutil

import pytest

from neurodecode.code_hash import PACKAGE, ROOMS, SHARED, code_of


@pytest.fixture
def package(tmp_path):
    """A copy of the rooms, one file each, and of what they share."""
    for name in (*ROOMS, "weights"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.py").write_text(name)
    for name in SHARED:
        if name.endswith(".py"):
            shutil.copy(PACKAGE / name, tmp_path / name)
    return tmp_path


def hashes(package):
    code_of.cache_clear()
    return {room: code_of(room, package) for room in ROOMS}


@pytest.mark.parametrize(
    ("changed", "first"),
    [("embed/file.py", "embed"), ("stimuli/data.png", "stimuli"), ("report/file.py", "report"),
     ("weights/file.py", "stimuli"), ("seeds.py", "stimuli")],
)  # fmt: skip
def test_it_follows_its_own_room_and_those_before_it(package, changed, first):
    before = hashes(package)
    (package / changed).write_text("other")
    after = hashes(package)
    differ = [room for room in ROOMS if before[room] != after[room]]
    assert differ == list(ROOMS[ROOMS.index(first) :])


def test_notes_and_compiled_files_do_not_count(package):
    before = hashes(package)
    (package / "embed" / "__pycache__").mkdir()
    compiled = ("embed/__pycache__/file.pyc", "embed/__pycache__/file.1.nbi")
    for name in (*compiled, "weights/CARD.md", "new.py"):
        (package / name).write_text("other")
    assert hashes(package) == before


def test_a_renamed_file_counts(package):
    before = hashes(package)
    (package / "embed" / "file.py").rename(package / "embed" / "other.py")
    assert hashes(package)["embed"] != before["embed"]
