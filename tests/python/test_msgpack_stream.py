"""dbx.msgpack.Unpacker against msgpack-python's: the same test body for both."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

import msgpack
import pytest

import dbx.msgpack


@pytest.fixture(params=[msgpack, dbx.msgpack], ids=["msgpack", "dbx"])
def m(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def fed(m: ModuleType, data: bytes, **options: Any) -> Any:
    unpacker = m.Unpacker(**options)
    unpacker.feed(data)
    return unpacker


VALUES: list[Any] = [
    1,
    [1, [2, {"a": [3, "x" * 100]}], b"y" * 300],
    {"key": {"key": {"key": []}}},
    msgpack.Timestamp(2**35, 5),
    "text",
    -(2**40),
    1.5,
    {},
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_values_come_as_their_bytes_do(m: ModuleType, size: int) -> None:
    stream = b"".join(msgpack.packb(value) for value in VALUES)
    want = [msgpack.unpackb(msgpack.packb(value), timestamp=2) for value in VALUES]
    unpacker = m.Unpacker(timestamp=2)
    got = []
    for at in range(0, len(stream), size):
        unpacker.feed(stream[at : at + size])
        got += list(unpacker)
    assert got == want
    assert unpacker.tell() == len(stream)
    assert list(m.Unpacker(io.BytesIO(stream), read_size=size, timestamp=2)) == want


def test_what_has_not_arrived_is_out_of_data(m: ModuleType) -> None:
    unpacker = m.Unpacker()
    with pytest.raises(m.OutOfData):
        unpacker.unpack()
    unpacker.feed(b"\xa5ha")
    with pytest.raises(m.OutOfData):
        unpacker.unpack()
    with pytest.raises(StopIteration):
        next(unpacker)
    unpacker.feed(b"llo\xa1")
    assert unpacker.unpack() == "hallo"
    with pytest.raises(m.OutOfData):
        unpacker.skip()
    assert not issubclass(m.OutOfData, ValueError)
    assert issubclass(m.OutOfData, m.UnpackException)


def test_values_can_be_skipped(m: ModuleType) -> None:
    data = b"\x01\x92\x01\x93\x02\xa1a\x80\x02\xc7\x03\x05abc\x03"
    unpacker = fed(m, data)
    assert unpacker.unpack() == 1
    assert unpacker.skip() is None
    assert unpacker.unpack() == 2
    unpacker.skip()
    assert unpacker.unpack() == 3
    assert unpacker.tell() == len(data)


def test_a_value_is_skipped_in_pieces(m: ModuleType) -> None:
    unpacker = m.Unpacker()
    for byte in b"\x92\xa3abc\x91":
        unpacker.feed(bytes([byte]))
        with pytest.raises(m.OutOfData):
            unpacker.skip()
    with pytest.raises(ValueError, match="Cannot switch"):
        unpacker.unpack()
    unpacker.feed(b"\x01\x05")
    unpacker.skip()
    assert unpacker.unpack() == 5
    unpacker.feed(b"\x91")
    with pytest.raises(m.OutOfData):
        unpacker.unpack()
    for call in (unpacker.skip, unpacker.read_array_header, unpacker.read_map_header):
        with pytest.raises(ValueError, match="Cannot switch"):
            call()
    unpacker.feed(b"\x07")
    assert unpacker.unpack() == [7]


def test_containers_are_read_part_by_part(m: ModuleType) -> None:
    unpacker = fed(m, b"\x93\x01\x81\xa1k\x02\xdc\x00\x01\x03\xde\x00\x01\x05\x06")
    assert unpacker.read_array_header() == 3
    assert unpacker.unpack() == 1
    with pytest.raises(ValueError, match="Unexpected type header"):
        unpacker.read_array_header()
    assert unpacker.read_map_header() == 1
    assert [unpacker.unpack(), unpacker.unpack()] == ["k", 2]
    assert unpacker.read_array_header() == 1
    assert unpacker.unpack() == 3
    with pytest.raises(ValueError, match="Unexpected type header"):
        unpacker.read_array_header()
    assert unpacker.read_map_header() == 1
    assert list(unpacker) == [5, 6]
    with pytest.raises(m.OutOfData):
        unpacker.read_map_header()
    unpacker.feed(b"\xdc\x00")
    with pytest.raises(m.OutOfData):
        unpacker.read_array_header()
    unpacker.feed(b"\x00")
    assert unpacker.read_array_header() == 0
    stream = io.BytesIO(b"\xdd\x00\x00\x00\x01\x07")
    unpacker = m.Unpacker(stream, read_size=2)
    assert [unpacker.read_array_header(), unpacker.unpack()] == [1, 7]


def test_bytes_are_read_as_they_are(m: ModuleType) -> None:
    for unpacker in (fed(m, b"foobar"), m.Unpacker(io.BytesIO(b"foobar"), read_size=3)):
        assert unpacker.unpack() == ord("f")
        assert unpacker.read_bytes(3) == b"oob"
        assert unpacker.unpack() == ord("a")
        assert unpacker.read_bytes(5) == b"r"
        assert unpacker.read_bytes(5) == b""
    stream = io.BytesIO(b"\x01" + b"x" * 100)
    unpacker = m.Unpacker(stream, read_size=5, max_buffer_size=10)
    assert unpacker.unpack() == 1
    assert unpacker.read_bytes(100) == b"x" * 100


def test_what_waits_is_limited(m: ModuleType) -> None:
    with pytest.raises(ValueError, match="read_size"):
        m.Unpacker(read_size=5, max_buffer_size=3)
    unpacker = m.Unpacker(read_size=3, max_buffer_size=3)
    unpacker.feed(b"fo")
    with pytest.raises(m.BufferFull):
        unpacker.feed(b"ob")
    unpacker.feed(b"o")
    assert next(unpacker) == ord("f")
    unpacker.feed(b"b")
    assert list(unpacker) == list(b"oob")
    stream = io.BytesIO(msgpack.packb(b"a" * 10) + msgpack.packb([b"a" * 20] * 2))
    unpacker = m.Unpacker(stream, read_size=1, max_buffer_size=19, max_bin_len=20)
    assert unpacker.unpack() == b"a" * 10
    with pytest.raises(m.BufferFull):
        unpacker.unpack()


def test_a_string_as_long_as_the_buffer_fits_beside_its_head(m: ModuleType) -> None:
    stream = io.BytesIO(msgpack.packb([b"x" * 19, b"y" * 19]))
    unpacker = m.Unpacker(stream, read_size=1, max_buffer_size=19)
    assert unpacker.unpack() == [b"x" * 19, b"y" * 19]


def test_files(m: ModuleType) -> None:
    with pytest.raises(AssertionError):
        m.Unpacker(io.BytesIO()).feed(b"\x01")
    with pytest.raises(AttributeError):
        m.Unpacker(object())

    class NoRead:
        read = 5

    with pytest.raises(TypeError, match="callable"):
        m.Unpacker(NoRead())
    sizes: list[int] = []

    class File:
        def read(self, size: int) -> bytes:
            sizes.append(size)
            return b"\x92\x01\x02" if len(sizes) == 1 else b""

    unpacker = m.Unpacker(File(), read_size=10)
    assert list(unpacker) == [[1, 2]]
    assert list(unpacker) == []
    assert sizes[:1] == [10]
    assert len(sizes) == 2  # a file that has ended is not asked again


def test_an_error_stays(m: ModuleType) -> None:
    unpacker = fed(m, b"\x92\x01\xc1\x05\x06")
    for _ in range(3):
        with pytest.raises(m.FormatError):
            unpacker.unpack()
        assert unpacker.tell() == 2


def test_a_hook_cannot_use_its_own_unpacker(m: ModuleType) -> None:
    seen: list[str] = []

    def hook(value: Any) -> Any:
        for call in (unpacker.unpack, unpacker.skip, lambda: unpacker.feed(b"x" * 10000)):
            with pytest.raises(RuntimeError):
                call()
        seen.append("called")
        return value

    unpacker = m.Unpacker(list_hook=hook)
    unpacker.feed(b"\x91\x01\x02")
    assert list(unpacker) == [[1], 2]
    assert seen == ["called"]
