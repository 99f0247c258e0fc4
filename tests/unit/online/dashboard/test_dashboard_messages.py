"""What goes to the page is plain JSON; what comes back is believed only where it makes sense."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodecode.online.dashboard.link import pair
from neurodecode.online.dashboard.messages import LONGEST, Order, encode, parse_order


def test_arrays_and_missing_numbers_become_plain_json():
    message = {"a": np.array([[1.0, np.nan]]), "b": np.int64(3), "c": (1, np.inf), "d": "é"}
    assert json.loads(encode(message)) == {"a": [[1, None]], "b": 3, "c": [1, None], "d": "é"}
    with pytest.raises(ValueError, match="too long"):
        encode({"picture": "x" * LONGEST})


def test_orders_are_read():
    assert parse_order('{"do": "pause"}') == Order("pause")
    assert parse_order('{"do": "swap", "name": "kalman"}') == Order("swap", name="kalman")
    assert parse_order('{"do": "point", "at": [0.5, -1]}') == Order("point", at=(0.5, -1.0))


@pytest.mark.parametrize(
    "wrong",
    [
        "", "[]", "null", "{", '{"do": "explode"}', '{"do": ["pause"]}', '{"do": null}',
        '{"do": "point", "at": [2, 0]}', '{"do": "point", "at": [NaN, 0]}',
        '{"do": "point", "at": [0]}', '{"do": "point", "at": [true, 0]}',
        '{"do": "swap", "name": 3}', "[" * 100_000, b"\xff",
    ],
)  # fmt: skip
def test_nonsense_is_no_order(wrong):
    assert parse_order(wrong) is None


@given(st.recursive(st.none() | st.floats() | st.text(), lambda x: st.lists(x, max_size=3)))
def test_no_message_raises(at):
    order = parse_order(json.dumps({"do": "point", "at": at}))
    assert order is None or max(map(abs, order.at)) <= 1


def test_a_link_hands_over_in_order_and_drops_what_does_not_fit():
    one, other = pair()
    assert one.send(b"1")
    assert one.send(b"2")
    assert other.receive() == [b"1", b"2"]
    assert other.receive() == []
    sent = sum(one.send(b"x" * 50_000) for _ in range(2000))
    assert sent + one.dropped == 2000
    assert one.dropped > 0
    assert len(other.receive()) == sent
    assert one.send(b"again")
    other.close()
    assert not one.send(b"nobody listens")
    one.close()
