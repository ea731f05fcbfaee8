"""Bits of strings: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. BITFIELD is in test_bitfield.py."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, arity_error, error
from tests.commands.test_string import FAR, encoding

pytestmark = pytest.mark.tiny_buffer

CHUNK = 65280  # longer values are kept in chunks of this size
BAD_OFFSET = "bit offset is not an integer or out of range"
BAD_BIT = "bit is not an integer or out of range"
LAST_BIT = (512 << 23) - 1  # of the longest string
MIN, MAX = -(2**63), 2**63 - 1


# --- SETBIT and GETBIT ----------------------------------------------------------------------------


def test_setbit_sets_and_clears_and_returns_what_was_there(r: Any) -> None:
    assert r.setbit("k", 7, 1) == 0
    assert r.get("k") == b"\x01"
    assert r.setbit("k", 7, 0) == 1
    assert r.setbit("k", 0, 1) == 0
    assert r.get("k") == b"\x80"
    assert r.setbit("k", 0, True) == 1


def test_setbit_lengthens_with_zeros_even_to_clear(r: Any) -> None:
    assert r.setbit("k", 23, 0) == 0
    assert r.get("k") == bytes(3)
    assert r.setbit("k", 40, 1) == 0
    assert r.get("k") == bytes(5) + b"\x80"


def test_setbit_makes_the_value_raw_and_keeps_the_expiry(r: Any) -> None:
    r.set("k", "12", exat=FAR)
    assert r.setbit("k", 7, 1) == 1  # no change: "1" is 0x31
    assert encoding(r, "k") == "raw"
    assert r.setbit("k", 6, 1) == 0
    assert r.get("k") == b"32"
    assert r.expiretime("k") == FAR


def test_setbit_refuses_bad_arguments(r: Any) -> None:
    r.set("k", "v")
    for offset in (-1, LAST_BIT + 1, MAX, MAX + 1, "x", "", "#1", "1.0"):
        assert error(r, "SETBIT", "k", offset, 1) == BAD_OFFSET
        assert error(r, "GETBIT", "k", offset) == BAD_OFFSET
    for bit in (2, -1, "x", "", MAX + 1):
        assert error(r, "SETBIT", "k", 0, bit) == BAD_BIT
    assert error(r, "SETBIT", "k", "x", 2) == BAD_OFFSET
    assert error(r, "SETBIT", "k", 1) == arity_error("setbit")
    assert error(r, "GETBIT", "k") == arity_error("getbit")
    assert r.get("k") == b"v"


def test_getbit_beyond_the_end_or_of_nothing_is_0(r: Any) -> None:
    assert r.getbit("none", 0) == 0
    r.set("k", b"\x80\x01")
    bits = [r.getbit("k", i) for i in range(18)]
    assert bits == [1] + [0] * 14 + [1, 0, 0]
    assert r.getbit("k", LAST_BIT) == 0
    r.set("n", 12)
    assert r.getbit("n", 7) == 1
    assert encoding(r, "n") == "int"


def test_bits_of_the_longest_string(r: Any) -> None:
    r.set("k", "x")
    assert r.setbit("k", LAST_BIT, 1) == 0
    assert r.strlen("k") == 512 << 20
    assert r.getbit("k", LAST_BIT) == 1
    assert r.getbit("k", LAST_BIT - 1) == 0
    assert r.getbit("k", 1) == 1
    assert r.getrange("k", -2, -1) == b"\x00\x01"
    r.delete("k")


def test_setbit_across_chunks_agrees_with_a_model(r: Any) -> None:
    rng = random.Random(3)
    model = bytearray(rng.randbytes(2 * CHUNK + 50))
    r.set("k", bytes(model))
    borders = [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 49, 3 * CHUNK + 7]
    for _ in range(150):
        byte, bit, value = rng.choice(borders), rng.randrange(8), rng.randrange(2)
        byte += rng.randrange(3)
        if byte >= len(model):
            model += bytes(byte + 1 - len(model))
        mask = 0x80 >> bit
        old = 1 if model[byte] & mask else 0
        model[byte] = model[byte] | mask if value else model[byte] & ~mask
        assert r.setbit("k", 8 * byte + bit, value) == old
        assert r.getbit("k", 8 * byte + bit) == value
    assert r.get("k") == bytes(model)


def test_a_bitmap_grows_bit_by_bit_into_chunks(r: Any) -> None:
    for i in range(0, 3 * CHUNK, 4099):
        assert r.setbit("k", 8 * i, 1) == 0
    expected = bytearray(3 * CHUNK // 4099 * 4099 + 1)
    for i in range(0, 3 * CHUNK, 4099):
        expected[i] = 0x80
    assert r.get("k") == bytes(expected)


# --- BITCOUNT -------------------------------------------------------------------------------------


def test_bitcount_counts_all_or_a_part(r: Any) -> None:
    assert r.bitcount("none") == 0
    assert r.bitcount("none", 0, -1) == 0
    r.set("k", "foobar")
    assert r.bitcount("k") == 26
    assert r.bitcount("k", 0, 0) == 4
    assert r.bitcount("k", 1, 1) == 6
    assert r.bitcount("k", 1, 1, "BYTE") == 6
    assert r.bitcount("k", 5, 30, "BIT") == 17
    assert r.bitcount("k", -2, -1, "bit") == 1
    r.set("n", 12)
    assert r.bitcount("n") == 6


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, -1), (1, 1), (0, 100), (5, 0), (-2, -1), (-1, -2), (-100, -1), (-100, -99), (-99, -100),
        (MIN, MAX), (MAX, MIN), (0, MIN), (MIN, MIN), (2, -100), (3, 3), (40, 47), (48, 48), (1, 6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("unit", ["BYTE", "BIT"])
def test_bitcounts_ranges_are_inclusive_and_may_be_negative(
    r: Any, start: int, end: int, unit: str
) -> None:
    value = b"\xff\x0f\x00\x81\x7e\x33"
    r.set("k", value)
    bits = "".join(f"{byte:08b}" for byte in value)
    size = len(bits) if unit == "BIT" else len(value)
    first, last = (max(i + size, 0) if i < 0 else i for i in (start, end))
    width = 1 if unit == "BIT" else 8
    expected = bits[first * width : (min(last, size) + 1) * width].count("1")
    if start < 0 and end < 0 and start > end:
        expected = 0
    assert r.bitcount("k", start, end, unit) == expected


def test_bitcount_refuses_bad_arguments(r: Any) -> None:
    r.set("k", "v")
    assert error(r, "BITCOUNT", "k", 0) == SYNTAX
    assert error(r, "BITCOUNT", "k", "x") == SYNTAX
    assert error(r, "BITCOUNT", "k", 0, 1, "BIT", 1) == SYNTAX
    assert error(r, "BITCOUNT", "k", 0, 1, "BITS") == SYNTAX
    assert error(r, "BITCOUNT", "k", "x", 1, "BITS") == NOT_AN_INTEGER
    assert error(r, "BITCOUNT", "k", 0, MAX + 1) == NOT_AN_INTEGER
    assert error(r, "BITCOUNT") == arity_error("bitcount")


# --- BITPOS ---------------------------------------------------------------------------------------


def test_bitpos_finds_the_first_bit(r: Any) -> None:
    r.set("k", b"\xff\xf0\x00")
    assert r.bitpos("k", 0) == 12
    assert r.bitpos("k", 1) == 0
    assert r.bitpos("k", 1, 2) == -1
    assert r.bitpos("k", 0, 2) == 16
    assert r.bitpos("k", 1, 1, 2) == 8
    assert r.bitpos("k", 0, 13, 15, "BIT") == 13
    assert r.bitpos("k", 1, 9, -1, "bit") == 9
    assert r.bitpos("k", 0, 1, 1, "BYTE") == 12


def test_bitpos_looks_for_a_0_behind_the_end_only_when_no_end_is_named(r: Any) -> None:
    r.set("k", b"\xff\xff")
    assert r.bitpos("k", 0) == 16
    assert r.bitpos("k", 0, 1) == 16
    assert r.bitpos("k", 0, 0, -1) == -1
    assert r.bitpos("k", 0, 0, 100) == -1
    assert r.bitpos("k", 0, 3, 5, "BIT") == -1
    assert r.bitpos("k", 0, 2) == -1
    r.set("zeros", b"\x00\x00")
    assert r.bitpos("zeros", 1) == -1


def test_bitpos_of_nothing(r: Any) -> None:
    assert r.bitpos("none", 1) == -1
    assert r.bitpos("none", 0) == 0
    assert r.bitpos("none", 0, 5, 7) == 0
    r.set("empty", "")
    assert r.bitpos("empty", 0) == -1
    assert r.bitpos("empty", 1) == -1
    assert r.bitpos("empty", 0, 0) == -1


def test_bitpos_refuses_bad_arguments(r: Any) -> None:
    r.set("k", "v")
    assert error(r, "BITPOS", "k", 2) == "The bit argument must be 1 or 0."
    assert error(r, "BITPOS", "k", 2, "x") == "The bit argument must be 1 or 0."
    assert error(r, "BITPOS", "k", "x") == NOT_AN_INTEGER
    assert error(r, "BITPOS", "k", 1, "x", 0, "BITS") == NOT_AN_INTEGER
    assert error(r, "BITPOS", "k", 1, 0, "x", "BITS") == SYNTAX
    assert error(r, "BITPOS", "k", 1, 0, "x", "BIT") == NOT_AN_INTEGER
    assert error(r, "BITPOS", "k", 1, 0, "BIT") == NOT_AN_INTEGER
    assert error(r, "BITPOS", "k", 1, 0, 1, "BIT", 1) == SYNTAX
    assert error(r, "BITPOS", "k") == arity_error("bitpos")


# --- Long values ----------------------------------------------------------------------------------


def test_counting_and_finding_in_long_values_agree_with_a_model(r: Any) -> None:
    rng = random.Random(5)
    value = bytearray(3 * CHUNK + 77)
    for at in (5, CHUNK - 1, CHUNK, 2 * CHUNK + 9, 3 * CHUNK + 76):
        value[at] = 1 << rng.randrange(8)
    for start in (CHUNK + 20, 2 * CHUNK - 300):
        value[start : start + 3000] = b"\xff" * 3000
    r.set("k", bytes(value))
    bits = "".join(f"{byte:08b}" for byte in value)
    borders = [0, 40, 8 * CHUNK - 8, 8 * CHUNK, 8 * CHUNK + 160, 16 * CHUNK - 2400, 16 * CHUNK,
               24 * CHUNK, len(bits) - 8]  # fmt: skip
    for _ in range(60):
        start, end = sorted(max(0, rng.choice(borders) + rng.randint(-9, 9)) for _ in range(2))
        part = bits[start : end + 1]
        assert r.bitcount("k", start, end, "BIT") == part.count("1")
        for bit in (0, 1):
            found = part.find(str(bit))
            assert r.bitpos("k", bit, start, end, "BIT") == (found + start if found >= 0 else -1)
        first, last = start // 8, end // 8
        assert r.bitcount("k", first, last) == bits[8 * first : 8 * last + 8].count("1")
    assert r.bitcount("k") == bits.count("1")


def test_zeros_that_were_never_written_are_counted_and_found(r: Any) -> None:
    far = 40 * CHUNK * 8 + 13
    r.setbit("k", far, 1)
    assert r.bitcount("k") == 1
    assert r.bitpos("k", 1) == far
    assert r.bitpos("k", 0) == 0
    assert r.bitpos("k", 0, 40 * CHUNK) == 40 * CHUNK * 8
    assert r.bitcount("k", 0, far - 1, "BIT") == 0
    assert r.bitcount("k", far, far, "BIT") == 1


# --- BITOP ----------------------------------------------------------------------------------------


def test_bitop_combines_bits(r: Any) -> None:
    r.set("a", b"\xff\x0f\x33")
    r.set("b", b"\x55\xf0")
    assert r.bitop("AND", "d", "a", "b") == 3
    assert r.get("d") == b"\x55\x00\x00"
    assert r.bitop("or", "d", "a", "b") == 3
    assert r.get("d") == b"\xff\xff\x33"
    assert r.bitop("Xor", "d", "b", "a", "none") == 3
    assert r.get("d") == b"\xaa\xff\x33"
    assert r.bitop("NOT", "d", "b") == 2
    assert r.get("d") == b"\xaa\x0f"
    assert r.bitop("AND", "d", "a", "none") == 3
    assert r.get("d") == bytes(3)
    assert r.bitop("OR", "d", "a") == 3
    assert r.get("d") == b"\xff\x0f\x33"


def test_bitop_may_store_into_an_operand_and_replaces_what_is_there(r: Any) -> None:
    r.set("a", "12", exat=FAR)
    r.set("b", "\x03\x03")
    assert r.bitop("XOR", "a", "a", "b") == 2
    assert r.get("a") == b"21"
    assert encoding(r, "a") == "raw"
    assert r.ttl("a") == -1


def test_bitop_of_nothing_removes_the_destination(r: Any) -> None:
    r.set("d", "x")
    r.set("empty", "")
    assert r.bitop("OR", "d", "none", "empty") == 0
    assert r.exists("d") == 0
    assert r.bitop("NOT", "d", "none") == 0
    assert r.exists("d") == 0


def test_bitop_refuses_bad_arguments(r: Any) -> None:
    r.set("d", "x")
    assert error(r, "BITOP", "NAND", "d", "a") == SYNTAX
    assert error(r, "BITOP", "DIFF", "d", "a", "b") == SYNTAX  # of Redis 8.2
    assert error(r, "BITOP", "NOT", "d", "a", "b") == (
        "BITOP NOT must be called with a single source key."
    )
    assert error(r, "BITOP", "AND", "d") == arity_error("bitop")
    assert r.get("d") == b"x"


@pytest.mark.parametrize("operation", ["AND", "OR", "XOR", "NOT"])
def test_bitop_of_long_values_agrees_with_a_model(r: Any, operation: str) -> None:
    rng = random.Random(operation)
    lengths = [3 * CHUNK + 11] if operation == "NOT" else [3 * CHUNK + 11, CHUNK, 2 * CHUNK + 1, 9]
    values = [rng.randbytes(n) for n in lengths]
    for i, value in enumerate(values):
        r.set(f"k{i}", value)
    longest = max(lengths)
    numbers = [int.from_bytes(value.ljust(longest, b"\x00"), "big") for value in values]
    expected = numbers[0] ^ (1 << 8 * longest) - 1 if operation == "NOT" else numbers[0]
    for number in numbers[1:]:
        expected = {
            "AND": expected & number, "OR": expected | number, "XOR": expected ^ number,
        }[operation]  # fmt: skip
    keys = [f"k{i}" for i in range(len(values))]
    r.set("d", b"y" * (5 * CHUNK))
    for destination in ("d", keys[-1]):
        assert r.bitop(operation, destination, *keys) == longest
        assert r.get(destination) == expected.to_bytes(longest, "big")


def test_bitop_of_long_zeros_is_as_long(r: Any) -> None:
    r.setbit("a", 8 * 20 * CHUNK, 1)
    r.setbit("b", 8 * 30 * CHUNK, 1)
    assert r.bitop("AND", "d", "a", "b") == 30 * CHUNK + 1
    assert r.bitcount("d") == 0
    assert r.strlen("d") == 30 * CHUNK + 1
    assert r.bitop("OR", "d", "d", "a", "b") == 30 * CHUNK + 1
    assert r.bitcount("d") == 2
    assert r.getrange("d", 20 * CHUNK, 20 * CHUNK + 1) == b"\x80\x00"


def test_bitop_counts_an_expired_operand_as_empty(r: Any) -> None:
    r.set("a", "abc")
    r.set("gone", "abcdef", px=1)
    while r.exists("gone"):
        pass
    assert r.bitop("OR", "d", "gone", "a", "gone") == 3
    assert r.get("d") == b"abc"


# --- As methods -----------------------------------------------------------------------------------


def test_commands_on_bits_refuse_other_types(r: Any) -> None:
    r.execute_command("HSET", "other", "field", "value")
    for command in (
        ("SETBIT", "other", 0, 1), ("GETBIT", "other", 0), ("BITCOUNT", "other"),
        ("BITPOS", "other", 1), ("BITOP", "OR", "d", "none", "other"),
    ):  # fmt: skip
        assert error(r, *command) == WRONG_TYPE
    assert r.bitop("OR", "other", "none") == 0
    assert r.exists("other") == 0


def test_bits_in_a_pipeline(r: Any) -> None:
    with r.pipeline() as pipe:
        pipe.setbit("k", 3, 1).getbit("k", 3).bitcount("k").bitpos("k", 1).bitop("NOT", "d", "k")
        assert pipe.execute() == [0, 1, 1, 3, 1]
