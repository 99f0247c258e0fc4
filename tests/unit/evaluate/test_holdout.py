"""What a locked test set's ledger keeps: answers, the secret seed, the final unlock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodecode.errors import DataError
from neurodecode.evaluate.holdout import ask, may_be_asked
from neurodecode.evaluate.ledger import is_unlocked, read_ledger, write_query
from neurodecode.evaluate.settings import HoldoutSettings

FEW = HoldoutSettings(budget=2)


def test_an_answer_is_kept_and_costs_once(tmp_path):
    path = tmp_path / "ledger.jsonl"
    far = ask(path, "a", 0.9, 0.5, FEW)
    assert ask(path, "a", 0.1, 0.2, FEW) == far  # whatever is handed in now
    assert abs(far - 0.5) < 0.2
    assert ask(path, "b", 0.7, 0.7, HoldoutSettings(threshold=0.9)) == 0.7
    entries = read_ledger(path)
    assert [(e.kind, e.spent) for e in entries] == [("answer", True), ("answer", False)]
    assert path.with_suffix(".secret").stat().st_mode & 0o077 == 0


def test_at_zero_it_refuses_new_questions_and_still_gives_old_answers(tmp_path):
    path = tmp_path / "ledger.jsonl"
    first = [ask(path, name, 1.0, 0.0, FEW) for name in "ab"]
    assert None not in first
    assert ask(path, "c", 1.0, 0.0, FEW) is None
    assert ask(path, "c", 0.5, 0.5, FEW) is None
    assert [ask(path, name, 1.0, 0.0, FEW) for name in "ab"] == first
    assert len(read_ledger(path)) == 2


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1), st.floats(0, 1)), max_size=25))
def test_a_ledger_that_is_replayed_with_its_secret_says_the_same(tmp_path_factory, asked):
    one, two = (tmp_path_factory.mktemp("ledger") / "l.jsonl" for _ in range(2))
    first = [ask(one, str(name), a, b, FEW) for name, a, b in asked]
    if asked:
        two.with_suffix(".secret").write_bytes(one.with_suffix(".secret").read_bytes())
        assert [ask(two, str(name), a, b, FEW) for name, a, b in asked] == first
        assert one.read_bytes() == two.read_bytes()
    assert sum(bool(e.spent) for e in read_ledger(one)) <= FEW.budget


@pytest.mark.parametrize("harm", ["lost", "other", "nonsense"])
def test_another_secret_is_refused(tmp_path, harm):
    path = tmp_path / "ledger.jsonl"
    ask(path, "a", 1.0, 0.0, FEW)
    secret = path.with_suffix(".secret")
    if harm == "lost":
        secret.unlink()
    else:
        secret.write_text("0" * 32 if harm == "other" else "x")
    with pytest.raises(DataError, match="is not the secret seed"):
        ask(path, "b", 1.0, 0.0, FEW)


def test_a_changed_answer_shows(tmp_path):
    path = tmp_path / "ledger.jsonl"
    ask(path, "a", 1.0, 0.0, FEW)
    ask(path, "b", 1.0, 0.0, FEW)
    path.write_text(path.read_text().replace('"spent": true', '"spent": false', 1))
    with pytest.raises(DataError, match="a line was changed"):
        read_ledger(path)


def test_the_unlock_is_an_entry(tmp_path):
    path = tmp_path / "ledger.jsonl"
    write_query(path, "a", "locked")
    assert not is_unlocked(read_ledger(path))
    write_query(path, "", "unlock")
    assert is_unlocked(read_ledger(path))


def test_what_may_be_asked():
    assert all(may_be_asked(name) for name in ("accuracy_8way", "retrieval_two_way"))
    assert not any(may_be_asked(name) for name in ("retrieval_top1", "ssim", "two_way_semantic"))
