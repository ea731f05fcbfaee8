"""BITFIELD and BITFIELD_RO: integers of any number of bits within a string."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, arity_error, error
from tests.commands.test_bitmap import BAD_OFFSET, CHUNK, LAST_BIT, MAX, MIN
from tests.commands.test_string import FAR, encoding

pytestmark = pytest.mark.tiny_buffer

BAD_TYPE = (
    "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
)
READ_ONLY = "BITFIELD_RO only supports the GET subcommand"


def bitfield(r: Any, *words: Any) -> Any:
    return r.execute_command("BITFIELD", "k", *words)


def test_bitfield_sets_gets_and_adds(r: Any) -> None:
    assert bitfield(r, "SET", "u8", 0, 255, "GET", "u8", 0, "INCRBY", "u8", 0, 2) == [0, 255, 1]
    assert bitfield(r, "GET", "u4", 4, "GET", "i4", 4, "GET", "u8", 100) == [1, 1, 0]
    assert r.get("k") == b"\x01"
    assert bitfield(r, "SET", "i5", 3, -3) == [1]
    assert r.get("k") == b"\x1d"
    assert bitfield(r, "GET", "i5", 3, "GET", "u5", 3) == [-3, 29]
    assert bitfield(r) == []


def test_offsets_may_count_integers(r: Any) -> None:
    assert bitfield(r, "SET", "u16", "#1", 0x1234, "GET", "u16", 16, "GET", "u8", "#2") == [
        0, 0x1234, 0x12,
    ]  # fmt: skip
    assert r.get("k") == b"\x00\x00\x12\x34"
    assert error(r, "BITFIELD", "k", "GET", "u8", "#-1") == BAD_OFFSET
    assert error(r, "BITFIELD", "k", "GET", "u8", "#") == BAD_OFFSET
    assert error(r, "BITFIELD", "k", "GET", "u8", f"#{LAST_BIT}") == BAD_OFFSET


@pytest.mark.parametrize(
    ("how", "operation", "kind", "before", "value", "reply", "after"),
    [
        ("WRAP", "INCRBY", "u8", 250, 10, 4, 4), ("SAT", "INCRBY", "u8", 250, 10, 255, 255),
        ("FAIL", "INCRBY", "u8", 250, 10, None, 250), ("WRAP", "INCRBY", "u8", 5, -10, 251, 251),
        ("SAT", "INCRBY", "u8", 5, -10, 0, 0), ("FAIL", "INCRBY", "u8", 5, -10, None, 5),
        ("WRAP", "INCRBY", "i8", 127, 1, -128, -128), ("SAT", "INCRBY", "i8", 100, 100, 127, 127),
        ("FAIL", "INCRBY", "i8", 127, 1, None, 127), ("WRAP", "INCRBY", "i8", -128, -1, 127, 127),
        ("SAT", "INCRBY", "i8", -100, -100, -128, -128),
        ("WRAP", "SET", "u8", 1, 257, 1, 1), ("SAT", "SET", "u8", 1, 257, 1, 255),
        ("FAIL", "SET", "u8", 1, 257, None, 1), ("SAT", "SET", "u8", 1, -1, 1, 255),
        ("WRAP", "SET", "i8", 1, 200, 1, -56), ("SAT", "SET", "i8", 1, -200, 1, -128),
        ("SAT", "SET", "i8", 1, MIN, 1, 127),  # as it is in Redis
        ("WRAP", "INCRBY", "i64", MAX, 1, MIN, MIN), ("SAT", "INCRBY", "i64", MAX, 1, MAX, MAX),
        ("SAT", "INCRBY", "i64", MIN, -1, MIN, MIN), ("FAIL", "INCRBY", "i64", MIN, -1, None, MIN),
        ("WRAP", "INCRBY", "u63", MAX, 2, 1, 1), ("SAT", "INCRBY", "u63", MAX, 1, MAX, MAX),
        ("WRAP", "INCRBY", "u1", 1, 1, 0, 0), ("SAT", "INCRBY", "i1", 0, 1, 0, 0),
    ],
)  # fmt: skip
def test_overflows(
    r: Any, how: str, operation: str, kind: str, before: int, value: int, reply: Any, after: int
) -> None:
    bitfield(r, "SET", kind, 3, before)
    assert bitfield(r, "OVERFLOW", how, operation, kind, 3, value) == [reply]
    assert bitfield(r, "GET", kind, 3) == [after]


def test_overflow_holds_for_what_follows_it(r: Any) -> None:
    words = ["INCRBY", "u2", 0, 5, "OVERFLOW", "sat", "INCRBY", "u2", 0, 5]
    words += ["INCRBY", "u2", 0, 1, "OVERFLOW", "FAIL", "INCRBY", "u2", 0, 1, "OVERFLOW", "WRAP"]
    assert bitfield(r, *words) == [1, 3, 3, None]


def test_a_write_makes_room_for_all_at_first_and_a_read_does_not(r: Any) -> None:
    assert bitfield(r, "GET", "u8", 0) == [0]
    assert r.exists("k") == 0
    assert bitfield(r, "OVERFLOW", "FAIL", "SET", "u4", 33, 99) == [None]
    assert r.get("k") == bytes(5)
    r.set("k", "12", exat=FAR)
    assert bitfield(r, "SET", "u8", 0, 49) == [49]
    assert encoding(r, "k") == "raw"
    assert r.expiretime("k") == FAR


def test_bitfield_refuses_bad_arguments_and_then_does_nothing(r: Any) -> None:
    for kind in ("u64", "i65", "u0", "i0", "x8", "8", "", "u", "u8x", "i-1"):
        assert error(r, "BITFIELD", "k", "SET", "u8", 0, 1, "GET", kind, 0) == BAD_TYPE
    for offset in (-1, "x", "", LAST_BIT + 1, MAX + 1):
        assert error(r, "BITFIELD", "k", "SET", "u8", 0, 1, "GET", "u8", offset) == BAD_OFFSET
    assert error(r, "BITFIELD", "k", "SET", "u8", 0, "x") == NOT_AN_INTEGER
    assert error(r, "BITFIELD", "k", "INCRBY", "u8", 0, MAX + 1) == NOT_AN_INTEGER
    assert error(r, "BITFIELD", "k", "SET", "u8", 0, 1, "OVERFLOW", "x") == (
        "Invalid OVERFLOW type specified"
    )
    for words in (("GET", "u8"), ("SET", "u8", 0), ("OVERFLOW",), ("NOSUCH", "u8", 0), ("x",)):
        assert error(r, "BITFIELD", "k", "SET", "u8", 0, 1, *words) == SYNTAX
    assert error(r, "BITFIELD") == arity_error("bitfield")
    assert r.exists("k") == 0


def test_bitfield_ro_only_reads(r: Any) -> None:
    r.set("k", b"\x12\x34")
    assert r.bitfield_ro("k", "u8", 0) == [0x12]
    assert r.bitfield_ro("k", "u4", 0, [("i16", 0), ("u8", "#1")]) == [1, 0x1234, 0x34]
    assert error(r, "BITFIELD_RO", "k", "GET", "u8", 0, "SET", "u8", 0, 1) == READ_ONLY
    assert error(r, "BITFIELD_RO", "k", "INCRBY", "u8", 0, 1) == READ_ONLY
    assert error(r, "BITFIELD_RO", "k", "SET", "u8", 0, "x") == NOT_AN_INTEGER
    assert r.execute_command("BITFIELD_RO", "k", "OVERFLOW", "SAT") == []
    assert error(r, "BITFIELD_RO", "k", "GET", "u8") == SYNTAX
    assert error(r, "BITFIELD_RO") == arity_error("bitfield_ro")


def test_fields_across_chunks_agree_with_a_model(r: Any) -> None:
    rng = random.Random(9)
    model = bytearray(rng.randbytes(2 * CHUNK + 20))
    r.set("k", bytes(model))
    for _ in range(80):
        bits = rng.choice([1, 3, 8, 13, 32, 63])
        at = 8 * CHUNK * rng.choice([1, 1, 2]) + rng.randint(-70, 70)
        value = rng.randrange(2**bits)
        first, last = at // 8, (at + bits - 1) // 8
        number = int.from_bytes(model[first : last + 1], "big")
        shift = 8 * (last + 1) - at - bits
        old = number >> shift & (1 << bits) - 1
        number ^= (old ^ value) << shift
        model[first : last + 1] = number.to_bytes(last + 1 - first, "big")
        assert bitfield(r, "SET", f"u{bits}", at, value, "GET", f"u{bits}", at) == [old, value]
    assert r.get("k") == bytes(model)


def test_the_last_field_of_the_longest_string(r: Any) -> None:
    """It may reach beyond what strings are otherwise allowed, as in Redis."""
    assert bitfield(r, "SET", "u16", LAST_BIT, 0xFFFF, "GET", "u16", LAST_BIT) == [0, 0xFFFF]
    assert r.strlen("k") == (512 << 20) + 2
    r.delete("k")


def test_bitfield_refuses_other_types(r: Any) -> None:
    r.execute_command("HSET", "other", "field", "value")
    for command in ("BITFIELD", "BITFIELD_RO"):
        assert error(r, command, "other") == WRONG_TYPE
        assert error(r, command, "other", "GET", "u8", 0) == WRONG_TYPE
    assert error(r, "BITFIELD", "other", "SET", "u8", 0, 1) == WRONG_TYPE
    assert error(r, "BITFIELD_RO", "other", "SET", "u8", 0, 1) == READ_ONLY


def test_a_bitfield_is_built_operation_by_operation(r: Any) -> None:
    field = r.bitfield("k")
    assert field.set("u8", 0, 255).get("u8", 0).incrby("u8", "#0", 1).execute() == [0, 255, 0]
    assert field.operations == []
    assert field.incrby("u2", 0, 5, overflow="SAT").incrby("u2", 0, 1).execute() == [3, 3]
    failing = r.bitfield("k", default_overflow="fail")
    assert failing.command == ["BITFIELD", "k", "OVERFLOW", "FAIL"]
    assert failing.incrby("u2", 0, 1).overflow("WRAP").incrby("u2", 0, 1).execute() == [None, 0]
    failing.set("u8", 0, 1).reset()
    assert failing.get("u8", 0).execute() == [0]
    with r.pipeline() as pipe:
        pipe.bitfield("k").set("u8", 0, 7).execute()
        pipe.bitfield_ro("k", "u8", 0)
        assert pipe.execute() == [[0], [7]]
