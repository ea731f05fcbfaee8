"""dbx.msgpack against msgpack-python: the same test body for both. Streams are in
test_msgpack_stream.py, what is ours alone in test_msgpack_own.py."""

from __future__ import annotations

import array
import datetime
import enum
import io
import math
import struct
from collections import OrderedDict, namedtuple
from types import ModuleType
from typing import Any

import msgpack
import pytest

import dbx.msgpack

UTC = datetime.UTC


@pytest.fixture(params=[msgpack, dbx.msgpack], ids=["msgpack", "dbx"])
def m(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def fed(m: ModuleType, data: bytes, **options: Any) -> Any:
    unpacker = m.Unpacker(**options)
    unpacker.feed(data)
    return unpacker


# --- Forms ---------------------------------------------------------------------------------------

# (object, its bytes up to the content, length of the content)
FORMS: list[tuple[Any, bytes, int]] = [
    (None, b"\xc0", 0),
    (False, b"\xc2", 0),
    (True, b"\xc3", 0),
    *[(n, bytes([n]), 0) for n in (0, 1, 127)],
    *[(n, bytes([256 + n]), 0) for n in (-1, -32)],
    *[(n, b"\xcc" + struct.pack(">B", n), 0) for n in (128, 255)],
    *[(n, b"\xcd" + struct.pack(">H", n), 0) for n in (256, 65535)],
    *[(n, b"\xce" + struct.pack(">I", n), 0) for n in (65536, 2**32 - 1)],
    *[(n, b"\xcf" + struct.pack(">Q", n), 0) for n in (2**32, 2**63 - 1, 2**63, 2**64 - 1)],
    *[(n, b"\xd0" + struct.pack(">b", n), 0) for n in (-33, -128)],
    *[(n, b"\xd1" + struct.pack(">h", n), 0) for n in (-129, -32768)],
    *[(n, b"\xd2" + struct.pack(">i", n), 0) for n in (-32769, -(2**31))],
    *[(n, b"\xd3" + struct.pack(">q", n), 0) for n in (-(2**31) - 1, -(2**63))],
    *[(x, b"\xcb" + struct.pack(">d", x), 0) for x in (0.0, -0.0, 1.5, 1e300, math.inf)],
    *[("x" * n, bytes([0xA0 + n]), n) for n in (0, 1, 31)],
    *[("x" * n, b"\xd9" + struct.pack(">B", n), n) for n in (32, 255)],
    *[("x" * n, b"\xda" + struct.pack(">H", n), n) for n in (256, 65535)],
    ("x" * 65536, b"\xdb" + struct.pack(">I", 65536), 65536),
    *[(b"x" * n, b"\xc4" + struct.pack(">B", n), n) for n in (0, 1, 255)],
    *[(b"x" * n, b"\xc5" + struct.pack(">H", n), n) for n in (256, 65535)],
    (b"x" * 65536, b"\xc6" + struct.pack(">I", 65536), 65536),
    *[([0] * n, bytes([0x90 + n]), n) for n in (0, 1, 15)],
    *[([0] * n, b"\xdc" + struct.pack(">H", n), n) for n in (16, 65535)],
    ([0] * 65536, b"\xdd" + struct.pack(">I", 65536), 65536),
    ({}, b"\x80", 0),
    ({"a": 1}, b"\x81\xa1a", 1),
    ({f"{n:03}": 0 for n in range(16)}, b"\xde\x00\x10", 16 * 5),
    ("Gr\u00fc\u00dfe \u20ac \U0001f600", b"\xb0", 16),
]


@pytest.mark.parametrize(("value", "head", "content"), FORMS)
def test_every_form_is_written_and_read(
    m: ModuleType, value: Any, head: bytes, content: int
) -> None:
    packed = m.packb(value)
    assert packed.startswith(head)
    assert len(packed) == len(head) + content
    assert repr(m.unpackb(packed)) == repr(value)
    unpacker = m.Unpacker()
    for at in range(0, len(packed), 1 + len(packed) // 100):
        unpacker.feed(packed[at : at + 1 + len(packed) // 100])
    assert repr(unpacker.unpack()) == repr(value)
    assert unpacker.tell() == len(packed)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 8, 16, 17, 255, 256, 65536])
def test_extensions_of_every_length(m: ModuleType, size: int) -> None:
    value = m.ExtType(5, b"x" * size)
    packed = m.packb(value)
    heads = {1: b"\xd4", 2: b"\xd5", 4: b"\xd6", 8: b"\xd7", 16: b"\xd8"}
    forms = {1: b"\xc7\x11", 2: b"\xc8\x01\x00", 4: b"\xc9\x00\x01\x00\x00"}
    if size in (17, 256, 65536):
        heads[size] = forms[1 if size < 256 else 2 if size < 65536 else 4]
    if size in heads:
        assert packed.startswith(heads[size] + b"\x05")
    got = m.unpackb(packed)
    assert got == value
    assert type(got) is m.ExtType
    assert m.Packer().pack_ext_type(5, b"x" * size) == packed


def test_longer_forms_and_single_floats_are_read_as_well(m: ModuleType) -> None:
    data = b"\x96\xd3" + bytes(7) + b"\x05\xcf" + bytes(7) + b"\x05\xca\x3f\xc0\x00\x00"
    data += b"\xdb\x00\x00\x00\x01a\xdd\x00\x00\x00\x01\x01\xdf\x00\x00\x00\x00"
    assert m.unpackb(data) == [5, 5, 1.5, "a", [1], {}]


def test_integers_beyond_64_bits_overflow(m: ModuleType) -> None:
    for number in (2**64, -(2**63) - 1, 10**100):
        with pytest.raises(OverflowError, match="Integer value out of range"):
            m.packb(number)
        assert m.unpackb(m.packb(number, default=str)) == str(number)


def test_an_iterable_of_everything(m: ModuleType) -> None:
    value = [None, True, 5, -5, 2**40, 1.5, "text", b"bytes", [1, [2, [3]]], {"a": {"b": [1]}}]
    assert m.unpackb(m.packb(value)) == value
    assert m.loads(m.dumps(value)) == value
    stream = io.BytesIO()
    m.pack(value, stream, use_single_float=True)
    stream.seek(0)
    assert m.unpack(stream, use_list=True) == value
    assert (m.dump, m.load) == (m.pack, m.unpack)


# --- Packing -------------------------------------------------------------------------------------


class Mapped(dict[Any, Any]):
    def items(self) -> Any:
        return [("mapped", 1)]


class Name(str):
    pass


class Number(int):
    pass


class Real(float):
    pass


class Colour(enum.IntEnum):
    RED = 7


Point = namedtuple("Point", "x y")

DERIVED: list[tuple[Any, Any]] = [
    (Mapped(a=2), {"mapped": 1}),
    (OrderedDict([("b", 1), ("a", 2)]), {"b": 1, "a": 2}),
    (Name("name"), "name"),
    (Number(300), 300),
    (Real(1.5), 1.5),
    (Colour.RED, 7),
    (Point(1, 2), [1, 2]),
    ((1, (2,)), [1, [2]]),
]


@pytest.mark.parametrize(("value", "plain"), DERIVED)
def test_derived_types_are_packed_as_what_they_are_unless_types_are_strict(
    m: ModuleType, value: Any, plain: Any
) -> None:
    assert m.packb(value) == m.packb(plain)
    with pytest.raises(TypeError, match="can not serialize"):
        m.packb(value, strict_types=True)
    seen: list[Any] = []
    m.packb([value], strict_types=True, default=lambda o: seen.append(o))
    assert seen == [value]


def test_bytes_like_objects_are_bin(m: ModuleType) -> None:
    views = [bytearray(b"abcd"), memoryview(b"abcd"), memoryview(array.array("i", [0x64636261]))]
    for value in views:
        assert m.packb(value) == b"\xc4\x04abcd"
    assert m.packb(bytearray(b"abcd"), strict_types=True) == b"\xc4\x04abcd"
    with pytest.raises(BufferError):
        m.packb(memoryview(b"abcd")[::2])


def test_without_bin_bytes_are_strings_in_the_old_forms(m: ModuleType) -> None:
    for size, head in ((31, b"\xbf"), (32, b"\xda\x00\x20"), (65536, b"\xdb\x00\x01\x00\x00")):
        for value in (b"x" * size, "x" * size, memoryview(b"x" * size)):
            assert m.packb(value, use_bin_type=False) == head + b"x" * size


def test_what_cannot_be_packed_goes_to_default(m: ModuleType) -> None:
    assert m.packb({1, 2}, default=sorted) == m.packb([1, 2])
    assert m.packb([{"a": 1j}], default=str) == m.packb([{"a": "1j"}])
    assert m.packb([{1}, {2}], default=list) == m.packb([[1], [2]])
    with pytest.raises(TypeError, match="can not serialize 'set' object"):
        m.packb({1})
    with pytest.raises(TypeError, match="can not serialize 'complex' object"):
        m.packb(1j, default=lambda value: value)
    with pytest.raises(ZeroDivisionError):
        m.packb(1j, default=lambda value: 1 / 0)
    with pytest.raises(TypeError, match=r"default must be a callable"):
        m.Packer(default=1)


def test_single_floats(m: ModuleType) -> None:
    assert m.packb(1.5, use_single_float=True) == b"\xca" + struct.pack(">f", 1.5)
    assert m.unpackb(m.packb(0.1, use_single_float=True)) == struct.unpack(
        ">f", struct.pack(">f", 0.1)
    )[0]  # fmt: skip
    assert m.unpackb(m.packb(-math.inf, use_single_float=True)) == -math.inf
    assert math.isnan(m.unpackb(m.packb(math.nan, use_single_float=True)))
    with pytest.raises(OverflowError):
        m.packb(1e300, use_single_float=True)


def test_text_without_utf8(m: ModuleType) -> None:
    with pytest.raises(UnicodeEncodeError):
        m.packb("abc\udc80\udcffdef")
    assert m.unpackb(m.packb("abc\udc80\udcffdef", unicode_errors="ignore")) == "abcdef"
    packed = m.packb("\udc80x", unicode_errors="surrogateescape")
    assert packed == b"\xa2\x80x"
    assert m.unpackb(packed, unicode_errors="surrogateescape") == "\udc80x"
    with pytest.raises(UnicodeDecodeError):
        m.unpackb(packed)
    assert m.unpackb(packed, raw=True) == b"\x80x"


def test_nesting_is_limited(m: ModuleType) -> None:
    value: list[Any] = []
    for _ in range(500):
        value = [value]
    assert m.unpackb(m.packb(value)) == value
    for _ in range(1000):
        value = [value]
    with pytest.raises(ValueError, match="recursion limit exceeded"):
        m.packb(value)
    value.append(value)
    with pytest.raises(ValueError, match="recursion limit exceeded"):
        m.packb(value)
    assert m.unpackb(b"\x91" * 1024 + b"\xc0") != []
    with pytest.raises(m.StackError):
        m.unpackb(b"\x91" * 1025 + b"\xc0")


def test_parts_can_be_packed_one_by_one(m: ModuleType) -> None:
    packer = m.Packer(autoreset=False)
    assert packer.pack_array_header(4) is None
    packer.pack("a")
    packer.pack_map_header(1)
    packer.pack(1)
    packer.pack(2)
    packer.pack_map_pairs([(1, b"x"), ("y", None)])
    packer.pack_ext_type(5, b"data")
    whole = m.packb(["a", {1: 2}, {1: b"x", "y": None}, m.ExtType(5, b"data")])
    assert packer.bytes() == whole
    with packer.getbuffer() as view:
        assert bytes(view) == whole
        with pytest.raises(BufferError):
            packer.pack(1)
        with pytest.raises(BufferError):
            packer.reset()
    packer.pack(1)
    assert packer.bytes() == bytes(packer) == whole + b"\x01"
    packer.reset()
    assert packer.bytes() == b""


def test_a_packer_that_resets_itself_gives_each_part(m: ModuleType) -> None:
    packer = m.Packer()
    assert packer.pack([1, "a"]) == b"\x92\x01\xa1a"
    assert packer.pack_array_header(16) == b"\xdc\x00\x10"
    assert packer.pack_map_header(1) == b"\x81"
    assert packer.pack_map_pairs([(1, 2)]) == b"\x81\x01\x02"
    assert packer.pack_ext_type(1, b"x") == b"\xd4\x01x"
    assert packer.bytes() == b""
    for size in (-1, 2**32):
        with pytest.raises(ValueError):
            packer.pack_array_header(size)
        with pytest.raises(ValueError):
            packer.pack_map_header(size)
    with pytest.raises(TypeError):
        packer.pack([1, {2}])
    assert packer.pack(5) == b"\x05"


# --- Unpacking -----------------------------------------------------------------------------------


def test_arrays_are_lists_or_tuples(m: ModuleType) -> None:
    packed = m.packb([1, [2, []], {"a": [3]}])
    assert m.unpackb(packed) == [1, [2, []], {"a": [3]}]
    assert m.unpackb(packed, use_list=False) == (1, (2, ()), {"a": (3,)})


def test_keys_are_strings_unless_they_need_not_be(m: ModuleType) -> None:
    assert m.unpackb(m.packb({"a": 1, b"b": 2})) == {"a": 1, b"b": 2}
    with pytest.raises(ValueError, match="int is not allowed for map key"):
        m.unpackb(m.packb({1: 2}))
    assert m.unpackb(m.packb({1: 2, None: 3}), strict_map_key=False) == {1: 2, None: 3}
    with pytest.raises(TypeError, match="unhashable"):
        m.unpackb(b"\x81\x91\x01\x02", strict_map_key=False)
    assert m.unpackb(b"\x81\x91\x01\x02", strict_map_key=False, use_list=False) == {(1,): 2}
    assert m.unpackb(b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}


def test_hooks_see_each_container_from_the_inside_out(m: ModuleType) -> None:
    packed = m.packb({"a": [1, {"b": []}]})
    seen: list[Any] = []
    m.unpackb(packed, object_hook=lambda o: (seen.append(o), "map")[1])
    assert seen == [{"b": []}, {"a": [1, "map"]}]
    seen.clear()
    m.unpackb(packed, list_hook=lambda o: (seen.append(o), "list")[1])
    assert seen == [[], [1, {"b": "list"}]]
    assert m.unpackb(packed, list_hook=len, use_list=False) == {"a": 2}
    pairs = m.unpackb(b"\x82\xa1a\x01\xa1a\x02", object_pairs_hook=lambda o: o)
    assert pairs == [("a", 1), ("a", 2)]
    assert type(pairs) is list
    for name in ("object_hook", "object_pairs_hook", "list_hook", "ext_hook"):
        with pytest.raises(TypeError, match=f"{name} must be a callable"):
            m.unpackb(packed, **{name: 1})
    with pytest.raises(TypeError, match="mutually exclusive"):
        m.unpackb(packed, object_hook=dict, object_pairs_hook=dict)
    for name in ("object_hook", "object_pairs_hook", "list_hook"):
        with pytest.raises(ZeroDivisionError):
            m.unpackb(packed, **{name: lambda o: 1 / 0})


def test_extensions_go_to_their_hook(m: ModuleType) -> None:
    assert m.unpackb(b"\xd4\x85x", ext_hook=lambda code, data: (code, data)) == (-123, b"x")
    with pytest.raises(ValueError, match="code must be 0~127"):
        m.unpackb(b"\xd4\x85x")
    assert m.unpackb(b"\xd4\x05x", ext_hook=None) == m.ExtType(5, b"x")
    for code, data, error in ((1.5, b"", TypeError), (1, "", TypeError), (128, b"", ValueError)):
        with pytest.raises(error):
            m.ExtType(code, data)
    value = m.ExtType(5, b"x")
    assert (value.code, value.data) == value == (5, b"x")
    assert m.packb(value, strict_types=True) == b"\xd4\x05x"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ValueError),
        (b"\xd9\x97#DL_", ValueError),
        (b"\x92\x01", ValueError),
        (b"\x81\xa1a", ValueError),
        (b"\xcd\x01", ValueError),
        (b"\xc1", msgpack.FormatError),
        (b"\x91\xc1", msgpack.FormatError),
        (b"\x81\xa1a\xc1", msgpack.FormatError),
    ],
)
def test_broken_bytes_are_refused(m: ModuleType, data: bytes, error: type) -> None:
    with pytest.raises(m.FormatError if error is msgpack.FormatError else ValueError):
        m.unpackb(data)
    assert issubclass(m.FormatError, ValueError)
    assert issubclass(m.FormatError, m.UnpackException)


def test_bytes_behind_the_value_are_extra(m: ModuleType) -> None:
    with pytest.raises(m.ExtraData, match="received extra data") as raised:
        m.unpackb(b"\x91\x01\x02\x03")
    assert (raised.value.unpacked, raised.value.extra) == ([1], b"\x02\x03")


def test_any_contiguous_or_other_buffer_of_bytes_is_read(m: ModuleType) -> None:
    packed = b"\x93\x01\xa1a\xc4\x01b"
    for data in (bytearray(packed), memoryview(packed), array.array("B", packed)):
        assert m.unpackb(data) == [1, "a", b"b"]
        assert fed(m, data).unpack() == [1, "a", b"b"]
    spread = b"".join(bytes([byte, 0]) for byte in packed)
    assert m.unpackb(memoryview(spread)[::2]) == [1, "a", b"b"]
    with pytest.raises(BufferError):
        m.unpackb(array.array("i", [1, 2]))
    with pytest.raises(TypeError):
        m.unpackb("\x01")


LIMITS = [
    ("max_str_len", b"\xa3abc"),
    ("max_bin_len", b"\xc4\x03abc"),
    ("max_array_len", b"\x93\x01\x02\x03"),
    ("max_map_len", b"\x83\xa1a\x01\xa1b\x01\xa1c\x01"),
    ("max_ext_len", b"\xc7\x03\x05abc"),
]


@pytest.mark.parametrize(("name", "data"), LIMITS)
def test_limits(m: ModuleType, name: str, data: bytes) -> None:
    assert fed(m, data, **{name: 3}).unpack() == m.unpackb(data, **{name: 3})
    with pytest.raises(ValueError, match=rf"exceeds {name}\(2\)"):
        m.unpackb(data, **{name: 2})
    with pytest.raises(ValueError, match=rf"exceeds {name}\(2\)"):
        fed(m, data, **{name: 2}).unpack()
    fed(m, data, **{name: 2}).skip()


def test_limits_follow_the_bytes_that_there_are(m: ModuleType) -> None:
    with pytest.raises(ValueError, match="max_map_len"):
        m.unpackb(b"\xde\x00\x04zzz")
    with pytest.raises(ValueError, match="max_array_len"):
        m.unpackb(b"\xdc\x00\x07zzz")
    with pytest.raises(ValueError, match="max_array_len"):
        fed(m, b"\xdc\x00\x06zz", max_buffer_size=5).unpack()


# --- Times ---------------------------------------------------------------------------------------

TIMES = [
    (0, 0, b"\xd6\xff\x00\x00\x00\x00"),
    (2**32 - 1, 0, b"\xd6\xff\xff\xff\xff\xff"),
    (2**34 - 1, 999999999, b"\xd7\xff\xee\x6b\x27\xff\xff\xff\xff\xff"),
    (2**34, 0, b"\xc7\x0c\xff" + struct.pack(">Iq", 0, 2**34)),
    (2**63 - 1, 999999999, b"\xc7\x0c\xff" + struct.pack(">Iq", 999999999, 2**63 - 1)),
    (-3, 700000000, b"\xc7\x0c\xff" + struct.pack(">Iq", 700000000, -3)),
    (-(2**63), 0, b"\xc7\x0c\xff" + struct.pack(">Iq", 0, -(2**63))),
]


@pytest.mark.parametrize(("seconds", "nanoseconds", "packed"), TIMES)
def test_timestamps(m: ModuleType, seconds: int, nanoseconds: int, packed: bytes) -> None:
    time = m.Timestamp(seconds, nanoseconds)
    assert m.packb(time) == packed
    got = m.unpackb(packed)
    assert type(got) is m.Timestamp
    assert got == time
    assert hash(got) == hash(time)
    assert repr(got) == f"Timestamp(seconds={seconds}, nanoseconds={nanoseconds})"
    assert m.Timestamp.from_bytes(time.to_bytes()) == time
    assert packed.endswith(b"\xff" + time.to_bytes())
    assert m.unpackb(packed, timestamp=1) == seconds + nanoseconds / 1e9 == time.to_unix()
    exact = m.unpackb(packed, timestamp=2)
    assert exact == seconds * 10**9 + nanoseconds == time.to_unix_nano()
    assert m.Timestamp.from_unix_nano(exact) == time


def test_what_is_no_timestamp(m: ModuleType) -> None:
    for data in (
        b"\xd4\xff\x00",
        b"\xc7\x00\xff",
        b"\xc7\x03\xff\0\0\0",
        b"\xd7\xff" + b"\xff" * 8,
    ):
        for timestamp in range(4):
            with pytest.raises(ValueError):
                m.unpackb(data, timestamp=timestamp)
    for timestamp in (-1, 4):
        with pytest.raises(ValueError, match=r"timestamp must be 0\.\.3"):
            m.unpackb(b"\x01", timestamp=timestamp)
    for arguments in ((1.5,), (1, 1.5)):
        with pytest.raises(TypeError):
            m.Timestamp(*arguments)
    for nanoseconds in (-1, 10**9):
        with pytest.raises(ValueError):
            m.Timestamp(1, nanoseconds)
    with pytest.raises(OverflowError):
        m.packb(m.Timestamp(2**63))
    with pytest.raises(ValueError):
        m.Timestamp.from_bytes(b"12345")
    assert m.Timestamp(1) != m.Timestamp(1, 1)
    assert m.Timestamp(1) != 1


DATES = [
    datetime.datetime(1, 1, 1, tzinfo=UTC),
    datetime.datetime(1600, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime.datetime(1970, 1, 1, tzinfo=UTC),
    datetime.datetime(2000, 2, 29, 12, 30, 15, 1, tzinfo=UTC),
    datetime.datetime(2100, 1, 1, 1, 1, tzinfo=UTC),
    datetime.datetime(
        2024, 12, 31, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=-7))
    ),
    datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]


@pytest.mark.parametrize("date", DATES)
def test_datetimes(m: ModuleType, date: datetime.datetime) -> None:
    packed = m.packb(date, datetime=True)
    assert packed == msgpack.packb(date, datetime=True)
    got = m.unpackb(packed, timestamp=3)
    assert got == date
    assert got.tzinfo is UTC
    assert m.Timestamp.from_datetime(date).to_datetime() == date
    assert m.packb(m.Timestamp.from_datetime(date)) == packed


def test_datetimes_that_are_not_packed(m: ModuleType) -> None:
    naive = datetime.datetime(2024, 1, 1)
    with pytest.raises(TypeError, match=r"can not serialize 'datetime\.datetime' object"):
        m.packb(naive)
    with pytest.raises(ValueError, match="where tzinfo=None"):
        m.packb(naive, datetime=True)
    assert m.packb(naive, datetime=True, default=str) == m.packb(str(naive))
    assert m.packb(DATES[0], default=lambda value: None) == b"\xc0"
    with pytest.raises(OverflowError):
        m.unpackb(m.packb(m.Timestamp(2**40)), timestamp=3)
    assert m.Timestamp.from_datetime(naive).to_unix() == naive.timestamp()
