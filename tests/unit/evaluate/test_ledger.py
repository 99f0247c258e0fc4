"""The ledger counts each new look once, and whatever is done to it shows."""

import json
import multiprocessing

import pytest

from neurodecode.errors import DataError, OutputError
from neurodecode.evaluate.ledger import head_of, query_of, read_ledger, require_query, write_query


def test_a_new_query_is_one_look_and_the_same_again_is_none(tmp_path):
    path = tmp_path / "scores" / "ledger.jsonl"
    assert read_ledger(path) == []
    for query in ("a", "b", "a", "b", "c"):
        write_query(path, query)
    entries = read_ledger(path)
    assert [e.query for e in entries] == ["a", "b", "c"]
    assert [e.number for e in entries] == [1, 2, 3]
    assert entries[2].previous == entries[1].digest


def test_equal_queries_in_equal_order_make_equal_files(tmp_path):
    for name in ("one", "two"):
        write_query(tmp_path / name, "a")
        write_query(tmp_path / name, "b")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("harm", ["change", "drop first", "drop middle", "swap", "word"])
def test_tampering_shows(tmp_path, harm):
    path = tmp_path / "ledger.jsonl"
    for query in "abcd":
        write_query(path, query)
    lines = path.read_text().splitlines(keepends=True)
    if harm == "change":
        lines[1] = lines[1].replace('"query": "b"', '"query": "x"')
    elif harm == "word":
        lines[1] = "nothing to see\n"
    elif harm == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    else:
        del lines[0 if harm == "drop first" else 1]
    path.write_text("".join(lines))
    with pytest.raises(DataError, match="a line was changed or taken out"):
        read_ledger(path)
    with pytest.raises(DataError, match="a line was changed or taken out"):
        write_query(path, "e")


@pytest.mark.parametrize(
    ("kept", "words"), [(2, "2 of the 3 queries"), (1, "1 of the 3"), (0, "0 of the 3")]
)
def test_cutting_the_last_lines_off_shows(tmp_path, kept, words):
    path = tmp_path / "ledger.jsonl"
    for query in "abc":
        write_query(path, query)
    assert len(require_query(path, "c")) == 3
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:kept]))
    for use in (lambda: read_ledger(path), lambda: write_query(path, "d")):
        with pytest.raises(DataError, match=f"{words}.*end was taken out.*no longer known"):
            use()
    if not kept:
        path.unlink()
        with pytest.raises(DataError, match="its end was taken out"):
            read_ledger(path)
    path.write_text("".join(lines))
    assert len(read_ledger(path)) == 3


def test_another_last_line_or_a_head_that_is_gone_or_changed_shows(tmp_path):
    path, other = tmp_path / "ledger.jsonl", tmp_path / "other.jsonl"
    for query in "ab":
        write_query(path, query)
    for query in "ax":
        write_query(other, query)
    right = head_of(path).read_text()
    for wrong, words in (
        (head_of(other).read_text(), "changed or taken out after"),
        ("", "must hold a number and a hash"),
    ):
        head_of(path).write_text(wrong)
        with pytest.raises(DataError, match=words):
            read_ledger(path)
    head_of(path).unlink()
    with pytest.raises(DataError, match="cannot be told"):
        read_ledger(path)
    head_of(path).write_text(right)
    assert len(read_ledger(path)) == 2


def test_a_run_that_is_killed_before_the_head_is_written_goes_on(tmp_path):
    path = tmp_path / "ledger.jsonl"
    heads = []
    for query in "ab":
        write_query(path, query)
        heads.append(head_of(path).read_text())
    head_of(path).write_text(heads[0])
    assert len(read_ledger(path)) == 2
    write_query(path, "c")
    assert head_of(path).read_text().startswith("3 ")
    first = tmp_path / "first.jsonl"
    write_query(first, "a")
    head_of(first).unlink()
    write_query(first, "b")
    assert [e.query for e in read_ledger(first)] == ["a", "b"]


def test_a_head_that_cannot_be_written_keeps_further_lines_out(tmp_path, monkeypatch):
    path = tmp_path / "ledger.jsonl"

    def full(file, text):
        raise OutputError(f"{file}: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("neurodecode.evaluate.ledger.write_text", full)
        for query in "abc":
            with pytest.raises(OutputError):
                write_query(path, query)
    assert [e.query for e in read_ledger(path)] == ["a"]  # never more than one line ahead
    write_query(path, "b")
    assert [e.query for e in read_ledger(path)] == ["a", "b"]
    assert head_of(path).read_text().startswith("2 ")


def test_without_ledger_and_head_the_query_of_the_scores_is_missed(tmp_path):
    path = tmp_path / "ledger.jsonl"
    write_query(path, "a")
    path.unlink()
    head_of(path).unlink()
    with pytest.raises(DataError, match="does not hold the query"):
        require_query(path, "a")


def test_an_unfinished_line_is_no_look_and_is_written_over(tmp_path):
    path = tmp_path / "ledger.jsonl"
    write_query(path, "a")
    whole = path.read_text()
    path.write_text(whole + '{"number": 2, "ki')
    assert [e.query for e in read_ledger(path)] == ["a"]
    write_query(path, "b")
    assert [e.query for e in read_ledger(path)] == ["a", "b"]
    assert path.read_text().startswith(whole)


def test_a_query_follows_settings_seed_and_inputs():
    base = ("s", 1, {"a": "1"})
    changed = [("t", 1, {"a": "1"}), ("s", 2, {"a": "1"}), ("s", 1, {"a": "2"})]
    assert query_of(*base) == query_of(*base)
    assert all(query_of(*other) != query_of(*base) for other in changed)


def _ask(arguments):
    write_query(*arguments)


def test_processes_that_ask_at_once_all_stand_in_it(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_ask, [(path, str(k)) for k in range(20)])
    assert sorted(e.query for e in read_ledger(path)) == sorted(map(str, range(20)))
    assert json.loads(path.read_text().splitlines()[0])["number"] == 1
