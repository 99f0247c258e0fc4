"""The restricted unpickler: what it reads, and that it runs nothing."""

import os
import pickle
import pickletools
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurodecode.errors import DataError
from neurodecode.studies.plain_pickle import load_plain

NUMBERS = st.sampled_from(["f8", "<f4", ">i4", "u1", "?", "<U5", "S3"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5),
    st.binary(max_size=5), hnp.arrays(NUMBERS, hnp.array_shapes(max_dims=3, max_side=3)),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.tuples(inner),
    ),
    max_leaves=6,
)  # fmt: skip


def same(a, b):
    if isinstance(b, np.ndarray):
        np.testing.assert_array_equal(a, b)
        assert a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=")
        return
    assert type(a) is type(b)
    if isinstance(b, dict):
        assert a.keys() == b.keys()
        for key in b:
            same(a[key], b[key])
    elif isinstance(b, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert a == b


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pickle") / "x.npy"


@settings(max_examples=60, deadline=None)
@given(value=st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_what_numpy_saves_comes_back(path, value):
    np.save(path, value)
    same(load_plain(path), value)
    same(np.load(path, allow_pickle=True).item(), load_plain(path))


@settings(max_examples=20, deadline=None)
@given(value=VALUES, protocol=st.sampled_from([3, 4]))
def test_a_pickle_without_a_header_comes_back(path, value, protocol):
    path.write_bytes(pickle.dumps(value, protocol))
    same(load_plain(path), value)


def test_scalars_columns_first_and_nothing_is_copied(path):
    values = {"t": np.float64(0.25), "x": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
              "e": np.zeros((0, 3)), "names": np.array(["a", "b"], object)}  # fmt: skip
    np.save(path, values)
    found = load_plain(path)
    assert found["t"] == 0.25
    assert found["names"] == ["a", "b"]
    np.testing.assert_array_equal(found["x"], values["x"])
    assert found["x"].base is not None
    assert found["e"].shape == (0, 3)


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


FUNCTIONS = [os.system, os.mkdir, eval, exec, open, getattr, setattr, __import__, print,
             subprocess.Popen, np.load, np.fromfile, np.memmap, pickle.loads, type, object,
             bytearray, set, complex]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    function=st.sampled_from(FUNCTIONS),
    deep=st.integers(0, 3),
    protocol=st.sampled_from([0, 1, 2, 3, 4, 5]),
    header=st.booleans(),
)
def test_any_other_name_is_refused_and_never_called(path, function, deep, protocol, header):
    witness = path.with_name("witness")
    value = Calls(function, str(witness))
    for _ in range(deep):
        value = {"a": [value]}
    if header:
        np.save(path, np.array(value, dtype=object), allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(DataError, match=r"refused, as it holds|not a whole pickled"):
        load_plain(path)
    assert not witness.exists()


GOOD = pickle.dumps({"x": np.arange(4.0), "names": ["a", "b"]}, 4)
OPCODES = [op.code.encode("latin-1") for op in pickletools.opcodes]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(OPCODES), st.binary(max_size=6), st.binary(min_size=1, max_size=1),
            st.sampled_from([b"cos\nsystem\n", b"cbuiltins\neval\n", b"cnumpy\nndarray\n",
                             b"cnumpy\ndtype\n", b"cnumpy._core.multiarray\n_reconstruct\n",
                             b"(U\x04true", b"X\x04\x00\x00\x00true", b")", b"R", b"b", b"\x81",
                             b"}", b"q\x00", b"h\x00"]),
        ),
        max_size=14,
    ),
    st.integers(0, len(GOOD)), st.integers(0, len(GOOD)),
)  # fmt: skip
def test_any_bytes_are_read_as_plain_values_or_refused(path, pieces, start, end):
    """Programs of random opcodes, some put into a good one."""
    path.write_bytes(GOOD[:start] + b"".join(pieces) + GOOD[end:])
    try:
        found = load_plain(path)
    except DataError:
        return
    assert only_plain(found)


def only_plain(value):
    if isinstance(value, dict):
        return all(only_plain(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return all(only_plain(v) for v in value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufUS"
    return value is None or type(value) in (str, bytes, int, float, bool)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(2, [("a", "f8"), ("b", object)]),
        np.array([[1, "a"], [2, "b"]], object),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(2, complex),
        {1, 2},
    ],
)
def test_other_values_are_refused(path, value):
    path.write_bytes(pickle.dumps({"a": value}, 4))
    with pytest.raises(DataError, match="refused, as it holds"):
        load_plain(path)


def test_a_list_that_holds_itself_and_a_cut_file(path):
    endless = []
    endless.append(endless)
    path.write_bytes(pickle.dumps(endless))
    with pytest.raises(DataError, match="without end"):
        load_plain(path)
    np.save(path, {"x": np.arange(1000.0)})
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match="not a whole pickled"):
        load_plain(path)
    np.save(path, np.arange(3.0))
    with pytest.raises(DataError, match="a plain array of float64"):
        load_plain(path)
    with pytest.raises(DataError, match="no such file"):
        load_plain(path.with_name("nothing.npy"))


@pytest.mark.parametrize("put", [b"r\xff\xff\xff\x7f", b"p2147483647\n"])
def test_a_large_place_in_the_memo_takes_no_memory(path, put):
    path.write_bytes(b"\x80\x04}" + put + b".")
    assert load_plain(path) == {}


def test_forged_arrays_are_refused(path):
    """States that would make numpy read what it should not."""

    def forge(shape, kind, raw, dtype_state=(3, "<", None, None, None, -1, -1, 0)):
        class Kind:
            def __reduce__(self):
                return np.dtype, (kind, False, True), dtype_state

        class Array:
            def __reduce__(self):
                rebuild = np.zeros(1).__reduce__()[0]
                return rebuild, (np.ndarray, (0,), b"b"), (1, shape, Kind(), False, raw)

        return pickle.dumps(Array(), 4)

    forged = [
        forge((10**6,), "f8", b"\0" * 8), forge((-1,), "f8", b"\0" * 8),
        forge((1,), "O8", b"\0" * 8),
        forge((1,), "V8", b"\0" * 8),
        forge((1,), "f8", b"\0" * 8, (3, "<", None, ("a",), {"a": ("O", 0)}, 8, 1, 0)),
        forge((2**62, 4), "f8", b""),
    ]  # fmt: skip
    for program in forged:
        path.write_bytes(program)
        with pytest.raises(DataError, match=r"refused|not a whole pickled"):
            load_plain(path)
    path.write_bytes(forge((1,), "f8", np.array([2.5]).tobytes()))
    assert load_plain(path).tolist() == [2.5]
