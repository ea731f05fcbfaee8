"""Parts of strings and numbers in them: APPEND, ranges, INCR and its relatives."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import NOT_A_FLOAT, NOT_AN_INTEGER, TOO_LONG, arity_error, error
from tests.commands.test_string import FAR, encoding

pytestmark = pytest.mark.tiny_buffer

CHUNK = 65280  # longer values are kept in chunks of this size
LIMIT = 512 << 20


# --- APPEND ---------------------------------------------------------------------------------------


def test_append_creates_then_lengthens(r: Any) -> None:
    assert r.append("k", "ab") == 2
    assert r.append("k", "") == 2
    assert r.append("k", b"\x00c") == 4
    assert r.get("k") == b"ab\x00c"


def test_append_keeps_the_expiry(r: Any) -> None:
    r.set("k", "a", exat=FAR)
    r.append("k", "b")
    assert r.expiretime("k") == FAR


def test_append_makes_the_value_raw(r: Any) -> None:
    r.set("k", "12")
    r.append("k", "3")
    assert encoding(r, "k") == "raw"
    r.set("e", "12")
    r.append("e", "")
    assert encoding(r, "e") == "raw"


def test_append_grows_across_the_chunks_of_a_long_value(r: Any) -> None:
    expected = b""
    for i in range(40):
        piece = bytes([i]) * 7919
        expected += piece
        assert r.append("k", piece) == len(expected)
    assert r.get("k") == expected
    assert r.strlen("k") == len(expected)


def test_append_of_a_long_value_to_a_short_one(r: Any) -> None:
    r.set("k", "start")
    assert r.append("k", b"x" * 200_000) == 200_005
    assert r.get("k") == b"start" + b"x" * 200_000


def test_append_creates_a_long_value(r: Any) -> None:
    assert r.append("k", b"x" * 200_000) == 200_000
    assert r.get("k") == b"x" * 200_000


# --- SETRANGE -------------------------------------------------------------------------------------


def test_setrange_overwrites_and_lengthens_with_zeros(r: Any) -> None:
    assert r.setrange("k", 3, "abc") == 6
    assert r.get("k") == b"\x00\x00\x00abc"
    assert r.setrange("k", 1, "XY") == 6
    assert r.get("k") == b"\x00XYabc"
    assert r.setrange("k", 5, "12") == 7
    assert r.get("k") == b"\x00XYab12"


def test_setrange_of_nothing_changes_nothing(r: Any) -> None:
    assert r.setrange("none", 5, "") == 0
    assert r.exists("none") == 0
    r.set("k", "12")
    assert r.setrange("k", 5, "") == 2
    assert encoding(r, "k") == "int"
    assert r.setrange("k", 0, "3") == 2
    assert encoding(r, "k") == "raw"


def test_setrange_keeps_the_expiry(r: Any) -> None:
    r.set("k", "abc", exat=FAR)
    r.setrange("k", 1, "X")
    assert r.expiretime("k") == FAR


def test_setrange_refuses_bad_offsets(r: Any) -> None:
    assert error(r, "SETRANGE", "k", -1, "x") == "offset is out of range"
    assert error(r, "SETRANGE", "k", "a", "x") == NOT_AN_INTEGER
    assert error(r, "SETRANGE", "k", LIMIT, "x") == TOO_LONG
    assert error(r, "SETRANGE", "k", 2**63 - 1, "x") == TOO_LONG
    r.set("k", "v")
    assert error(r, "SETRANGE", "k", LIMIT - 1, "xy") == TOO_LONG
    assert r.get("k") == b"v"


@pytest.mark.parametrize("first", [b"", b"begin"])
def test_setrange_far_behind_the_end_leaves_zeros_between(r: Any, first: bytes) -> None:
    if first:
        r.set("k", first)
    offset = 5 * CHUNK + 17
    assert r.setrange("k", offset, "end") == offset + 3
    assert r.strlen("k") == offset + 3
    assert r.getrange("k", 0, 9) == first.ljust(10, b"\x00")
    assert r.getrange("k", 3 * CHUNK - 4, 3 * CHUNK + 3) == bytes(8)
    assert r.get("k") == first.ljust(offset, b"\x00") + b"end"


def test_ranges_of_long_values_agree_with_a_model(r: Any) -> None:
    rng = random.Random(7)
    model = bytearray(rng.randbytes(2 * CHUNK + 100))
    r.set("k", bytes(model))
    borders = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 99, 4 * CHUNK + 5]
    for _ in range(60):
        offset = max(0, rng.choice(borders) + rng.randint(-3, 3))
        piece = rng.randbytes(rng.choice([1, 2, 7, 1000, CHUNK, CHUNK + 3]))
        if len(model) < offset:
            model += bytes(offset - len(model))
        model[offset : offset + len(piece)] = piece
        assert r.setrange("k", offset, piece) == len(model)
        start = rng.randrange(len(model))
        end = min(len(model) - 1, start + rng.choice([0, 5, CHUNK, 2 * CHUNK]))
        assert r.getrange("k", start, end) == bytes(model[start : end + 1])
    assert r.get("k") == bytes(model)


# --- GETRANGE and SUBSTR --------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["GETRANGE", "SUBSTR"])
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 4, b"hello"), (0, -1, b"hello"), (1, 3, b"ell"), (-3, -1, b"llo"), (-3, -4, b""),
        (3, 2, b""), (5, 5, b""), (4, 100, b"o"), (-100, 1, b"he"), (-100, -50, b"h"),
        (0, -100, b"h"), (-1, -100, b""), (-(2**63), 2**63 - 1, b"hello"),
    ],
)  # fmt: skip
def test_ranges_are_inclusive_and_count_from_the_end_when_negative(
    r: Any, command: str, start: int, end: int, expected: bytes
) -> None:
    r.set("k", "hello")
    assert r.execute_command(command, "k", start, end) == expected


def test_ranges_of_nothing_are_empty(r: Any) -> None:
    assert r.getrange("none", 0, -1) == b""
    r.set("empty", "")
    assert r.getrange("empty", 0, -1) == b""
    assert r.getrange("empty", -1, 0) == b""


def test_ranges_of_numbers_are_those_of_their_digits(r: Any) -> None:
    r.set("k", 12345)
    assert r.getrange("k", 1, 2) == b"23"


def test_a_range_of_a_megabyte_is_whole(r: Any) -> None:
    value = random.Random(3).randbytes(1_500_000)
    r.set("k", value)
    assert r.getrange("k", 100, 1_200_000) == value[100:1_200_001]
    assert r.get("k") == value


def test_ranges_refuse_what_is_no_integer(r: Any) -> None:
    assert error(r, "GETRANGE", "k", "a", 1) == NOT_AN_INTEGER
    assert error(r, "SUBSTR", "k", 1, "b") == NOT_AN_INTEGER


# --- Integers -------------------------------------------------------------------------------------


def test_counting_starts_at_zero(r: Any) -> None:
    assert r.execute_command("INCR", "a") == 1
    assert r.execute_command("DECR", "b") == -1
    assert r.incrby("c", 5) == 5
    assert r.decrby("d", 5) == -5
    assert r.mget("a", "b", "c", "d") == [b"1", b"-1", b"5", b"-5"]


def test_counting_keeps_the_expiry(r: Any) -> None:
    r.set("k", 1, exat=FAR)
    r.incrby("k", 2)
    assert r.expiretime("k") == FAR


def test_a_count_is_kept_as_an_integer(r: Any) -> None:
    r.append("k", "5")
    r.append("k", "5")
    assert encoding(r, "k") == "raw"
    assert r.incrby("k", 1) == 56
    assert encoding(r, "k") == "int"


@pytest.mark.parametrize("value", ["abc", "", " 1", "1 ", "+1", "01", "1.0", "9223372036854775808"])
def test_only_canonical_integers_can_be_counted_with(r: Any, value: str) -> None:
    r.set("k", value)
    for call in (("INCR", "k"), ("DECR", "k"), ("INCRBY", "k", 1), ("DECRBY", "k", 1)):
        assert error(r, *call) == NOT_AN_INTEGER
    r.set("n", 1)
    assert error(r, "INCRBY", "n", value) == NOT_AN_INTEGER
    assert error(r, "DECRBY", "n", value) == NOT_AN_INTEGER
    assert r.get("n") == b"1"


def test_a_long_value_cannot_be_counted_with(r: Any) -> None:
    r.set("k", "1" * 70_000)
    assert error(r, "INCR", "k") == NOT_AN_INTEGER
    assert error(r, "INCRBYFLOAT", "k", 1) == NOT_A_FLOAT


def test_counting_does_not_wrap(r: Any) -> None:
    overflow = "increment or decrement would overflow"
    r.set("k", 2**63 - 1)
    assert error(r, "INCR", "k") == overflow
    assert error(r, "DECRBY", "k", -1) == overflow
    r.set("k", -(2**63))
    assert error(r, "DECR", "k") == overflow
    assert error(r, "INCRBY", "k", -1) == overflow
    assert error(r, "DECRBY", "k", -(2**63)) == "decrement would overflow"
    assert r.incrby("k", 2**63 - 1) == -1


# --- INCRBYFLOAT ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "by", "expected"),
    [
        (None, "1.5", b"1.5"), ("10", "0.1", b"10.1"), ("3.0", "1.5e2", b"153"), ("5", "-5", b"0"),
        ("1e3", "0", b"1000"), ("0.1", "0.2", b"0.3"), ("-1", "0.5", b"-0.5"),
    ],
)  # fmt: skip
def test_incrbyfloat_replies_without_exponent_and_trailing_zeros(
    r: Any, start: str | None, by: str, expected: bytes
) -> None:
    if start is not None:
        r.set("k", start)
    reply = r.execute_command("INCRBYFLOAT", "k", by)
    assert float(reply) == float(expected)
    assert r.get("k") == expected


def test_incrbyfloat_keeps_the_expiry_and_stays_text(r: Any) -> None:
    r.set("k", 1, exat=FAR)
    r.incrbyfloat("k", 2)
    assert r.get("k") == b"3"
    assert r.expiretime("k") == FAR
    assert encoding(r, "k") == "embstr"


def test_incrbyfloat_refuses_what_is_no_number(r: Any) -> None:
    r.set("k", "abc")
    assert error(r, "INCRBYFLOAT", "k", 1) == NOT_A_FLOAT
    for by in ("x", "", " 1", "nan", "1e"):
        assert error(r, "INCRBYFLOAT", "n", by) == NOT_A_FLOAT
    assert error(r, "INCRBYFLOAT", "n", "inf") == "increment would produce NaN or Infinity"
    assert r.exists("n") == 0


@pytest.mark.parametrize(
    "call",
    ["APPEND a", "SETRANGE a 1", "GETRANGE a 1", "SUBSTR a 1", "INCR", "DECR a b", "INCRBY a",
     "DECRBY a", "INCRBYFLOAT a"],
)  # fmt: skip
def test_wrong_numbers_of_arguments_are_refused(r: Any, call: str) -> None:
    assert error(r, *call.split()) == arity_error(call.split()[0].lower())
