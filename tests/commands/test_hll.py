"""HyperLogLogs: what they count, and that their bytes are Redis's."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.expect import WRONG_TYPE, arity_error, error
from tests.commands.test_string import FAR, encoding

pytestmark = pytest.mark.tiny_buffer

NOT_HLL = "WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPT = "INVALIDOBJ Corrupted HLL object detected"
STALE = b"\x00" * 7 + b"\x80"
EMPTY = b"HYLL\x01\x00\x00\x00" + bytes(8) + b"\x7f\xff"
DENSE_BYTES = 16 + 12288
RARE = bytes.fromhex("7cab8ee02119ee51")  # its hash raises register 5 to 41


@contextlib.contextmanager
def sparse_max(r: Any, size: int) -> Iterator[None]:
    before = r.config_get("hll-sparse-max-bytes")["hll-sparse-max-bytes"]
    r.config_set("hll-sparse-max-bytes", size)
    try:
        yield
    finally:
        r.config_set("hll-sparse-max-bytes", before)


def kind(r: Any, key: str) -> str:
    reply = r.execute_command("PFDEBUG", "ENCODING", key)
    return reply.decode() if isinstance(reply, bytes) else str(reply)


# --- PFADD ----------------------------------------------------------------------------------------


def test_pfadd_says_whether_something_changed(r: Any) -> None:
    assert r.pfadd("k", "a", "b") == 1
    assert r.pfadd("k", "a") == 0
    assert r.pfadd("k", "c", "a") == 1
    assert r.pfcount("k") == 3


def test_pfadd_without_elements_creates(r: Any) -> None:
    assert r.pfadd("k") == 1
    assert r.get("k") == EMPTY[:8] + STALE + EMPTY[16:]
    assert r.pfadd("k") == 0
    assert r.pfcount("k") == 0
    assert r.get("k") == EMPTY
    assert encoding(r, "k") == "raw"


def test_the_bytes_of_a_sparse_value_are_those_of_redis(r: Any) -> None:
    r.pfadd("k", "a")
    r.pfadd("k", "b", "c")
    runs = bytes.fromhex("60f3 80 50b1 84 4bfb 80 425a")
    assert r.get("k") == EMPTY[:8] + STALE + runs
    decoded = b"Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
    assert r.execute_command("PFDEBUG", "DECODE", "k") == decoded
    assert r.pfcount("k") == 3
    assert r.get("k") == EMPTY[:8] + b"\x03" + bytes(7) + runs


@pytest.mark.parametrize(
    ("elements", "size", "count", "digest"),
    [
        (1000, 1923, 1001, "69f56acb25eb29c671c402490a3f48ced31626444549899df85500aa1545d08f"),
        (20000, DENSE_BYTES, 19891,
         "a01c9c22ff29b51accaf3c8817e7093e2cd93b58f84587be6018535431ebee56"),
    ],
)  # fmt: skip
def test_the_bytes_of_many_elements_are_those_of_redis(
    r: Any, elements: int, size: int, count: int, digest: str
) -> None:
    for first in range(0, elements, 500):
        r.pfadd("k", *range(first, first + 500))
    value = r.get("k")
    assert len(value) == size
    assert hashlib.sha256(value).hexdigest() == digest
    assert r.pfcount("k") == count


def test_pfadd_keeps_the_expiry_and_makes_the_value_raw(r: Any) -> None:
    r.set("k", EMPTY, exat=FAR)
    assert encoding(r, "k") == "embstr"
    assert r.pfadd("k", "a") == 1
    assert encoding(r, "k") == "raw"
    assert r.expiretime("k") == FAR
    r.set("k", r.get("k"))
    assert r.pfadd("k", "a") == 0
    assert encoding(r, "k") == "raw"


def test_a_value_becomes_dense_where_the_setting_says(r: Any) -> None:
    with sparse_max(r, 100):
        for i in range(100):
            r.pfadd("k", i)
            if r.strlen("k") > 90:
                break
        assert kind(r, "k") == "sparse"
        r.pfadd("k", *range(100, 120))
        assert kind(r, "k") == "dense"
        assert r.strlen("k") == DENSE_BYTES
    with sparse_max(r, 100_000):
        r.pfadd("long", *range(4000))
        assert kind(r, "long") == "sparse"
        assert 3000 < r.strlen("long") < DENSE_BYTES
    with sparse_max(r, 0):
        assert r.pfadd("none") == 1
        assert kind(r, "none") == "sparse"
        assert r.pfadd("none", "a") == 1
        assert kind(r, "none") == "dense"


def test_a_count_that_is_too_high_for_a_run_makes_a_value_dense(r: Any) -> None:
    assert r.pfadd("k", RARE) == 1
    assert kind(r, "k") == "dense"
    registers = r.execute_command("PFDEBUG", "GETREG", "k")
    assert registers[5] == 41 and sum(registers) == 41
    assert r.pfadd("k", RARE) == 0


# --- PFCOUNT --------------------------------------------------------------------------------------


def test_pfcount_counts_each_element_once(r: Any) -> None:
    assert r.pfcount("none") == 0
    r.pfadd("a", "1", "2", "3")
    r.pfadd("b", "3", "4")
    assert r.pfcount("a") == 3
    assert r.pfcount("a", "b") == 4
    assert r.pfcount("a", "none", "b", "a") == 4
    assert r.pfcount("none", "none") == 0


@pytest.mark.parametrize("elements", [10, 1000, 30_000])
def test_pfcount_is_right_within_its_error(r: Any, elements: int) -> None:
    with r.pipeline() as pipe:
        for first in range(0, elements, 1000):
            pipe.pfadd("k", *(f"element {i}" for i in range(first, min(first + 1000, elements))))
        pipe.execute()
    assert abs(r.pfcount("k") - elements) <= 0.03 * elements
    assert r.pfcount("k", "none") == r.pfcount("k")


def test_pfcount_keeps_the_count_in_the_value(r: Any) -> None:
    r.pfadd("k", "a", "b")
    assert r.get("k")[8:16] == STALE
    assert r.pfcount("k") == 2
    assert r.get("k")[8:16] == b"\x02" + bytes(7)
    r.setrange("k", 8, b"\x39\x05")  # believed
    assert r.pfcount("k") == 1337
    assert r.pfcount("k", "none") == 2
    assert r.pfadd("k", "c") == 1
    assert r.pfcount("k") == 3


def test_pfcount_of_many_dense_values_is_that_of_their_union(r: Any) -> None:
    with sparse_max(r, 0):
        for i in range(4):
            r.pfadd(f"k{i}", *range(700 * i, 700 * i + 1000))
        r.pfadd("all", *range(3100))
    names = [f"k{i}" for i in range(4)]
    assert r.pfcount(*names) == r.pfcount("all")
    assert r.pfmerge("merged", *names) is True
    assert r.get("merged")[16:] == r.get("all")[16:]


# --- PFMERGE --------------------------------------------------------------------------------------


def test_pfmerge_adds_to_the_destination(r: Any) -> None:
    r.pfadd("a", 1, 2)
    r.pfadd("b", 2, 3)
    assert r.pfmerge("d", "a", "none", "b") is True
    assert r.pfcount("d") == 3
    assert r.pfmerge("d", "d") is True
    r.pfadd("c", 4)
    r.expireat("d", FAR)
    assert r.pfmerge("d", "c") is True
    assert r.pfcount("d") == 4
    assert r.expiretime("d") == FAR
    assert r.pfmerge("empty") is True
    assert r.get("empty") == EMPTY[:8] + STALE + EMPTY[16:]


def test_pfmerge_of_sparse_values_is_sparse_while_it_fits(r: Any) -> None:
    r.pfadd("a", *range(500))
    r.pfadd("b", *range(500, 1000))
    r.pfadd("all", *range(1000))
    r.pfmerge("d", "a", "b")
    assert kind(r, "d") == "sparse"
    assert r.pfcount("d") == r.pfcount("all")
    with sparse_max(r, 1500):
        r.pfmerge("small", "a", "b")
    assert kind(r, "small") == "dense"
    assert r.execute_command("PFDEBUG", "TODENSE", "d") == 1
    assert r.get("small")[16:] == r.get("d")[16:]


def test_pfmerge_with_a_dense_value_is_dense(r: Any) -> None:
    r.pfadd("a", 1)
    r.pfadd("b", 2)
    r.execute_command("PFDEBUG", "TODENSE", "b")
    r.pfmerge("d", "a", "b")
    assert kind(r, "d") == "dense"
    r.pfmerge("a", "b")
    assert kind(r, "a") == "dense"
    assert r.get("a") == r.get("d")


# --- PFDEBUG and PFSELFTEST -----------------------------------------------------------------------


def test_pfdebug_shows_and_converts(r: Any) -> None:
    r.pfadd("k", "a", "b")
    r.pfcount("k")
    assert kind(r, "k") == "sparse"
    assert r.execute_command("PFDEBUG", "todense", "k") == 1
    assert r.execute_command("PFDEBUG", "TODENSE", "k") == 0
    assert r.get("k")[:16] == b"HYLL\x00\x00\x00\x00\x02" + bytes(7)
    assert error(r, "PFDEBUG", "DECODE", "k") == "HLL encoding is not sparse"
    r.pfadd("other", "a", "b")
    registers = r.execute_command("PFDEBUG", "GETREG", "other")
    assert len(registers) == 16384 and sorted(registers)[-3:] == [0, 1, 2]
    assert kind(r, "other") == "dense"


def test_pfdebug_refuses(r: Any) -> None:
    assert error(r, "PFDEBUG", "ENCODING", "none") == "The specified key does not exist"
    r.pfadd("k")
    assert error(r, "PFDEBUG", "nosuch", "k") == "Unknown PFDEBUG subcommand 'nosuch'"
    r.set("k", "x")
    assert error(r, "PFDEBUG", "nosuch", "k") == NOT_HLL
    assert error(r, "PFDEBUG", "ENCODING") == arity_error("pfdebug")


def test_pfselftest_finds_nothing(r: Any) -> None:
    assert r.execute_command("PFSELFTEST") in (b"OK", "OK")


# --- What is no HyperLogLog -----------------------------------------------------------------------


def refused(r: Any, key: str, text: str) -> None:
    for command in (
        ("PFADD", key, "a"), ("PFCOUNT", key), ("PFCOUNT", "none", key), ("PFMERGE", "d", key),
        ("PFMERGE", key),
    ):  # fmt: skip
        assert error(r, *command) == text, command
    assert r.exists("d") == 0


@pytest.mark.parametrize(
    "value",
    [b"", b"12", b"HYLL", EMPTY[:15], b"hyll" + EMPTY[4:], b"HYLL\x02" + EMPTY[5:],
     b"HYLL\x00" + bytes(DENSE_BYTES - 6), b"HYLL\x00" + bytes(DENSE_BYTES - 4), b"x" * 70_000],
    ids=["empty", "int", "magic", "short", "case", "encoding", "shorter", "longer", "long"],
)  # fmt: skip
def test_other_strings_are_refused(r: Any, value: bytes) -> None:
    r.set("k", value)
    refused(r, "k", NOT_HLL)
    assert r.get("k") == value


@pytest.mark.parametrize(
    "runs",
    [b"", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x80", b"\x80" * 100, b"\x00" * 400,
     b"\xff" * 5000, b"\x7f\xff" * 300, b"\x80" * 100_000],
    ids=["none", "one less", "one more", "a value more", "few", "zeros", "values", "many", "long"],
)  # fmt: skip
def test_damaged_registers_are_noticed(r: Any, runs: bytes) -> None:
    value = EMPTY[:8] + STALE + runs
    r.set("k", value)
    assert error(r, "PFCOUNT", "k") == CORRUPT
    assert error(r, "PFCOUNT", "none", "k") == CORRUPT
    assert error(r, "PFMERGE", "d", "k") == CORRUPT
    assert error(r, "PFDEBUG", "TODENSE", "k") == CORRUPT
    assert r.get("k") == value
    assert r.exists("d") == 0


def test_a_pfadd_that_meets_damage_keeps_what_it_added_before(r: Any) -> None:
    value = EMPTY[:8] + STALE + b"\x40\x63"  # 100 registers
    for i in range(1000):
        r.set("k", value)
        with contextlib.suppress(Exception):
            assert r.execute_command("PFADD", "k", i) == 1
            break
    added = r.get("k")
    assert added != value
    r.set("k", value)
    assert error(r, "PFADD", "k", i, *range(50), *range(50, 1000)) == CORRUPT
    assert r.get("k") == added
    r.set("k", value)
    assert error(r, "PFADD", "k", *range(i)) == CORRUPT
    assert r.get("k") == value


def test_counting_what_is_damaged_makes_it_raw_and_keeps_its_bytes(r: Any) -> None:
    value = EMPTY[:8] + STALE + b"\x40\x63"
    r.set("k", value)
    assert encoding(r, "k") == "embstr"
    assert error(r, "PFCOUNT", "k") == CORRUPT
    assert encoding(r, "k") == "raw"
    assert r.get("k") == value


def test_random_damage_does_no_harm(r: Any) -> None:
    rng = random.Random(11)
    r.pfadd("good", *range(300))
    good = r.get("good")
    r.execute_command("PFDEBUG", "TODENSE", "good")
    dense = r.get("good")
    for _ in range(40):
        value = bytearray(rng.choice([good, dense]))
        for _ in range(rng.choice([1, 3, 30])):
            value[rng.randrange(5, rng.choice([40, len(value)]))] = rng.randrange(256)
        if rng.random() < 0.3 and value[4] == 1:
            value[16:] = rng.randbytes(rng.randrange(600))
        r.set("k", bytes(value))
        for command in (
            ("PFADD", "k", "a", "b"), ("PFCOUNT", "k"), ("PFCOUNT", "k", "good"),
            ("PFMERGE", "d", "k"), ("PFDEBUG", "DECODE", "k"), ("PFMERGE", "k", "good"),
            ("PFADD", "k", *range(20)), ("PFDEBUG", "GETREG", "k"),
        ):  # fmt: skip
            with contextlib.suppress(Exception):
                r.execute_command(*command)
    assert abs(r.pfcount("good") - 300) < 10


def test_commands_refuse_other_types_and_wrong_numbers_of_arguments(r: Any) -> None:
    r.execute_command("HSET", "other", "field", "value")
    refused(r, "other", WRONG_TYPE)
    assert error(r, "PFDEBUG", "ENCODING", "other") == WRONG_TYPE
    for name in ("pfadd", "pfcount", "pfmerge"):
        assert error(r, name) == arity_error(name)


def test_hyperloglogs_in_a_pipeline(r: Any) -> None:
    with r.pipeline() as pipe:
        pipe.pfadd("a", 1, 2).pfadd("b", 3).pfmerge("d", "a", "b").pfcount("d").pfcount("a", "b")
        assert pipe.execute() == [1, 1, True, 3, 3]
