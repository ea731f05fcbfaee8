"""What dbx.msgpack does on its own account, and random values between it and msgpack-python."""

from __future__ import annotations

import datetime
import gc
import pickle
import random
import subprocess
import sys
import threading
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbx import msgpack as ours

UTC = datetime.UTC

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=70)
    | st.binary(max_size=300)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20))
    | st.builds(msgpack.Timestamp, st.integers(-(2**63), 2**63 - 1), st.integers(0, 10**9 - 1))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.dictionaries(st.text(max_size=40) | st.binary(max_size=4), inner, max_size=20)
    ),
    max_leaves=60,
)


def same(value: Any, theirs: Any) -> bool:
    """Equal, types and all; ExtType and Timestamp are each package's own."""
    if isinstance(theirs, msgpack.ExtType):
        return type(value) is ours.ExtType and tuple(value) == tuple(theirs)
    if isinstance(theirs, msgpack.Timestamp):
        return type(value) is ours.Timestamp and value.to_bytes() == theirs.to_bytes()
    if isinstance(theirs, dict):
        pairs = zip(value.items(), theirs.items(), strict=True)
        return type(value) is dict and all(
            same(*k) and same(*v) for k, v in (zip(*p, strict=True) for p in pairs)
        )
    if isinstance(theirs, list):
        return type(value) is list and all(same(*p) for p in zip(value, theirs, strict=True))
    return type(value) is type(theirs) and repr(value) == repr(theirs)


@settings(max_examples=150, deadline=None)
@given(value=VALUES, piece=st.integers(1, 50))
def test_each_reads_what_the_other_has_written(value: Any, piece: int) -> None:
    theirs = msgpack.packb(value)
    got = ours.unpackb(theirs)
    assert same(got, msgpack.unpackb(theirs))
    assert ours.packb(got) == theirs
    unpacker = ours.Unpacker()
    for at in range(0, len(theirs), piece):
        assert list(unpacker) == []
        unpacker.feed(theirs[at : at + piece])
    assert same(unpacker.unpack(), msgpack.unpackb(theirs))


def outcome(module: Any, data: bytes, **options: Any) -> Any:
    try:
        return module.unpackb(data, **options)
    except module.ExtraData as extra:
        return ("extra", repr(extra.unpacked), extra.extra)
    except Exception as failure:
        return type(failure).__name__


@settings(max_examples=1000, deadline=None)
@given(data=st.binary(max_size=60), strict=st.booleans())
def test_any_bytes_mean_the_same_to_both(data: bytes, strict: bool) -> None:
    options = {"strict_map_key": strict, "unicode_errors": "surrogateescape", "timestamp": 2}
    theirs = outcome(msgpack, data, **options)
    if theirs in ("StackError", "FormatError", "ValueError", "TypeError", "UnicodeDecodeError"):
        # Which of several faults is met first may differ: keys are looked at when their map ends.
        assert outcome(ours, data, **options) in ("FormatError", "ValueError", "TypeError")
    else:
        assert repr(outcome(ours, data, **options)) == repr(theirs)


@given(st.datetimes(timezones=st.just(UTC)) | st.datetimes(timezones=st.timezones()))
def test_every_datetime_comes_back(date: datetime.datetime) -> None:
    packed = ours.packb(date, datetime=True)
    assert packed == msgpack.packb(date, datetime=True)
    try:
        want = msgpack.unpackb(packed, timestamp=3)
    except OverflowError:  # the year in UTC is not one of 1 to 9999
        with pytest.raises(OverflowError):
            ours.unpackb(packed, timestamp=3)
    else:
        assert ours.unpackb(packed, timestamp=3) == want


# --- Memory --------------------------------------------------------------------------------------


def test_nothing_is_allocated_for_what_was_only_announced() -> None:
    bomb = b"\xdd\x05\xf5\xe1\x00" * 100 + b"\xdf\x02\xfa\xf0\x80"
    tracemalloc.start()
    try:
        unpacker = ours.Unpacker()
        unpacker.feed(bomb)
        with pytest.raises(ours.OutOfData):
            unpacker.unpack()
        with pytest.raises(ValueError, match="incomplete"):
            ours.unpackb(bomb, max_array_len=2**31, max_map_len=2**31)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_values_are_given_back_however_reading_ends() -> None:
    marker = object()
    data = ours.packb([1.5, "a long string of its own", {"key": [2.5]}, ours.ExtType(1, b"x")])
    before = sys.getrefcount(marker)

    def fail(code: int, data: bytes) -> Any:
        raise ZeroDivisionError

    for _ in range(3):
        for cut in range(len(data)):
            unpacker = ours.Unpacker(list_hook=lambda o: [marker, *o])
            unpacker.feed(data[:cut])
            with pytest.raises(ours.OutOfData):
                unpacker.unpack()
            with pytest.raises(ValueError):
                ours.unpackb(data[:cut], list_hook=lambda o: [marker, *o])
        with pytest.raises(ZeroDivisionError):
            ours.unpackb(data, ext_hook=fail, list_hook=lambda o: [marker, *o])
        del unpacker
    gc.collect()
    assert sys.getrefcount(marker) == before


def test_packing_takes_no_reference_and_keeps_none() -> None:
    marker = "a marker that is not interned: " + str(random.random())
    value = [marker, {marker: [marker]}, (marker,)]
    before = sys.getrefcount(marker)
    packer = ours.Packer()
    for _ in range(10):
        ours.packb(value)
        packer.pack(value)
        for bad in ([marker, {1}], {marker: {1}}, {marker: marker, "x": 2**70}):
            with pytest.raises((TypeError, OverflowError)):
                ours.packb(bad)
            with pytest.raises((TypeError, OverflowError)):
                packer.pack(bad)
    del bad
    assert sys.getrefcount(marker) == before


@pytest.mark.parametrize("size", [1000, 1023, 1024, 1025, 4000, 10**6])
def test_results_of_every_size_are_whole(size: int) -> None:
    text = "x" * size
    assert ours.packb(text) == msgpack.packb(text)
    values = list(range(size))
    packer = ours.Packer()
    for _ in range(2):
        assert packer.pack(values) == msgpack.packb(values)
        assert ours.packb(values, buf_size=100_000) == msgpack.packb(values)


def _peak(value: Any, before: int = 0) -> int:
    """The memory that packing the value takes while it does, when it was packed `before` times."""
    for _ in range(before):
        ours.packb(value)
    tracemalloc.start()
    try:
        ours.packb(value)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("item", ["x" * 9_999, b"x" * 9_999, list(range(5_000))])
def test_an_object_of_the_usual_size_gets_its_room_at_once(item: Any) -> None:
    values = [item] * 20
    size = len(ours.packb(values))
    assert size < _peak(values, 50) < size + 1000
    assert _peak(values[:15], 5) < size + 1000


def test_the_room_that_large_objects_needed_is_bounded_and_forgotten() -> None:
    small = "x" * 3000
    ours.packb(["x" * 10_000] * 1000)
    assert _peak(small) < 1 << 21
    assert _peak(small, 50) < 10_000


def test_small_ones_kept_between_large_ones_leave_no_holes() -> None:
    program = """if True:
        import resource
        from dbx import msgpack

        def most():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        large, small = ["x" * 10_000] * 80, ["x" * 500] * 10
        kept = [msgpack.packb(large) for _ in range(4)]
        before = most()
        for turn in range(400):
            kept[turn % 4] = msgpack.packb(large)
            kept.append(msgpack.packb(small))
        print(most() - before)
    """
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(grown.stdout) < 20 << 10  # KB; with holes 120 MB, without 3


# --- What goes on meanwhile ----------------------------------------------------------------------


def test_a_container_that_changes_while_it_is_packed_is_an_error() -> None:
    values: list[Any] = [1, {1}, 2]
    table: dict[str, Any] = {"a": 1, "b": {1}, "c": 2}
    with pytest.raises(RuntimeError, match="list changed size"):
        ours.packb(values, default=lambda o: values.clear())
    with pytest.raises(RuntimeError, match="dictionary changed size"):
        ours.packb(table, default=lambda o: table.clear())

    class Short(list[int]):
        def __iter__(self) -> Any:
            return iter([1])

    with pytest.raises(RuntimeError, match="as many items"):
        ours.packb(Short([1, 2]))

    class Few(dict[str, int]):
        def items(self) -> Any:
            return [("a", 1)]

    with pytest.raises(RuntimeError, match="as many pairs"):
        ours.packb(Few(a=1, b=2))


def test_a_default_cannot_use_its_own_packer() -> None:
    packer = ours.Packer(default=lambda o: packer.pack(1))
    with pytest.raises(RuntimeError, match="in use"):
        packer.pack([{1}])
    assert packer.pack([1]) == b"\x91\x01"


def test_an_error_of_the_reader_comes_again_as_the_same_exception() -> None:
    unpacker = ours.Unpacker(object_hook=lambda o: 1 / 0)
    unpacker.feed(b"\x92\x01\x81\xa1a\x01\x05")
    failures = []
    for call in (unpacker.unpack, unpacker.skip, unpacker.read_array_header):
        with pytest.raises(ZeroDivisionError) as raised:
            call()
        failures.append(raised.value)
    assert failures[0] is failures[1] is failures[2]
    assert unpacker.read_bytes(1) == b"\x05"
    unpacker = ours.Unpacker()
    unpacker.feed(b"\xa1\xff\x05")
    for _ in range(2):  # msgpack-python takes the string's content for values
        with pytest.raises(UnicodeDecodeError):
            unpacker.unpack()


def test_a_hook_sees_no_half_filled_container() -> None:
    seen: list[Any] = []

    def hook(code: int, data: bytes) -> Any:
        seen.extend(o for o in gc.get_objects() if type(o) is list and o and o[0] == "marked")
        return None

    ours.unpackb(ours.packb(["marked", "x" * 5, ours.ExtType(1, b"")]), ext_hook=hook)
    assert seen == []


def test_threads_share_nothing_but_names() -> None:
    stream = [
        ours.packb([{f"name{n % 700}": n, "x": [n]} for n in range(i, i + 50)]) for i in range(200)
    ]
    failures: list[Any] = []

    def work(seed: int) -> None:
        order = random.Random(seed)
        for _ in range(300):
            data = order.choice(stream)
            if ours.packb(ours.unpackb(data)) != data:
                failures.append(data)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# --- Names ---------------------------------------------------------------------------------------


def test_many_names_of_every_length_are_told_apart() -> None:
    chosen = random.Random(1)
    for length in range(36):
        names = {"".join(chosen.choices("ab\u00e9", k=length)) for _ in range(300)}
        names |= {name[:-1] + "c" for name in names if name}
        table = {name: number for number, name in enumerate(sorted(names))}
        for _ in range(3):
            assert ours.unpackb(ours.packb(table)) == table


def test_keys_are_shared_and_values_are_not_looked_up() -> None:
    first, second = ours.unpackb(ours.packb([{"a key": "a value"}] * 2))
    assert next(iter(first)) is next(iter(second))
    assert ours.unpackb(b"\x81\xa5a key\x01", raw=True) == {b"a key": 1}


def test_a_timestamp_is_immutable_and_can_be_pickled() -> None:
    time = ours.Timestamp(5, 7)
    with pytest.raises(AttributeError):
        time.seconds = 6  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(time)) == time
    value = ours.ExtType(5, b"x")
    assert pickle.loads(pickle.dumps(value)) == value
    assert value._replace(code=6) == ours.ExtType(6, b"x")
