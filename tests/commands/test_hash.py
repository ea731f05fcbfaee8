"""Commands on hashes, small and large, with fields and values of any length."""

from __future__ import annotations

import collections
import random
import time
from typing import Any

import pytest

from tests.commands.expect import (
    NOT_A_FLOAT,
    NOT_AN_INTEGER,
    SYNTAX,
    WRONG_TYPE,
    arity_error,
    error,
)
from tests.commands.test_string import encoding

pytestmark = pytest.mark.tiny_buffer


def pairs(reply: Any) -> dict[bytes, bytes]:
    """HGETALL's reply, a map or a flat list."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))


def test_hset_counts_the_fields_that_are_new(r: Any) -> None:
    assert r.execute_command("HSET", "h", "a", 1, "b", 2, "a", 3) == 2
    assert r.execute_command("HSET", "h", "a", 4) == 0
    assert r.execute_command("HGET", "h", "a") == b"4"
    assert r.execute_command("HGET", "h", "none") is None
    assert r.execute_command("HMSET", "h", "c", 5) in (b"OK", True)
    assert r.execute_command("HLEN", "h") == 3


def test_fields_and_values_must_come_in_pairs(r: Any) -> None:
    assert error(r, "HSET", "h", "a", 1, "b") == arity_error("hset")
    assert error(r, "HMSET", "h", "a", 1, "b") == arity_error("hmset")


def test_a_small_hash_keeps_its_order(r: Any) -> None:
    r.execute_command("HSET", "h", "z", 1, "a", 2, "m", 3)
    r.execute_command("HSET", "h", "a", 4)
    assert list(r.execute_command("HKEYS", "h")) == [b"z", b"a", b"m"]
    assert list(r.execute_command("HVALS", "h")) == [b"1", b"4", b"3"]


def test_the_last_field_takes_the_hash_with_it(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1, "b", 2)
    assert r.execute_command("HDEL", "h", "a", "none", "b") == 2
    assert r.execute_command("EXISTS", "h") == 0
    assert r.execute_command("HDEL", "h", "a") == 0


def test_another_type_is_refused(r: Any) -> None:
    r.set("s", "x")
    for call in (("HSET", "s", "a", 1), ("HGET", "s", "a"), ("HGETALL", "s"), ("HDEL", "s", "a")):
        assert error(r, *call) == WRONG_TYPE


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_of_hashes_that_grow_and_shrink(r: Any, seed: int) -> None:
    rand = random.Random(seed)
    long = (1006, 1007, 1008, 1009, 5000, 40_000)
    model: dict[bytes, bytes] = {}
    for _ in range(400):
        field = b"f%d" % rand.randrange(60)
        if rand.random() < 0.05:
            field = b"F" * rand.choice(long) + field
        value = b"v" * rand.choice((0, 1, 30, 70, 400) if rand.random() < 0.98 else (32768, 32769))
        if rand.random() < 0.7:
            assert r.execute_command("HSET", "h", field, value) == (field not in model)
            model[field] = value
        else:
            assert r.execute_command("HDEL", "h", field) == (field in model)
            model.pop(field, None)
    assert pairs(r.execute_command("HGETALL", "h")) == model
    assert r.execute_command("HLEN", "h") == len(model)
    assert r.execute_command("COPY", "h", "copy") in (1, True)
    r.execute_command("DEL", "h")
    assert pairs(r.execute_command("HGETALL", "copy")) == model


def test_a_reply_longer_than_memory_should_hold_is_streamed(r: Any) -> None:
    value = b"x" * 100_000
    for i in range(30):
        r.execute_command("HSET", "h", f"field:{i}", value)
    assert pairs(r.execute_command("HGETALL", "h")) == {b"field:%d" % i: value for i in range(30)}
    r.execute_command("HSET", "h", "long", value * 10)
    assert r.execute_command("HGET", "h", "long") == value * 10


# --- One field ------------------------------------------------------------------------------------


def test_hget_hmget_hexists_hstrlen_hsetnx(r: Any) -> None:
    r.execute_command("HSET", "h", "a", "hello", "b", "")
    assert r.execute_command("HMGET", "h", "a", "none", "b") == [b"hello", None, b""]
    assert r.execute_command("HMGET", "none", "a") == [None]
    assert r.execute_command("HEXISTS", "h", "a") in (1, True)
    assert r.execute_command("HEXISTS", "h", "none") in (0, False)
    assert r.execute_command("HSTRLEN", "h", "a") == 5
    assert r.execute_command("HSTRLEN", "none", "a") == 0
    assert r.execute_command("HSETNX", "h", "a", "x") in (0, False)
    assert r.execute_command("HSETNX", "h", "new", "x") in (1, True)
    assert r.execute_command("HGET", "h", "new") == b"x"


def test_hincrby_counts_and_refuses_what_is_no_number(r: Any) -> None:
    assert r.execute_command("HINCRBY", "h", "n", 5) == 5
    assert r.execute_command("HINCRBY", "h", "n", -7) == -2
    r.execute_command("HSET", "h", "t", "x", "max", 2**63 - 1)
    assert error(r, "HINCRBY", "h", "t", 1) == "hash value is not an integer"
    assert error(r, "HINCRBY", "h", "max", 1) == "increment or decrement would overflow"
    assert error(r, "HINCRBY", "h", "n", "x") == NOT_AN_INTEGER
    assert r.execute_command("HGET", "h", "max") == b"9223372036854775807"


def test_hincrbyfloat_counts_and_refuses_what_is_no_number(r: Any) -> None:
    assert float(r.execute_command("HINCRBYFLOAT", "h", "n", "10.5")) == 10.5
    assert float(r.execute_command("HINCRBYFLOAT", "h", "n", "-5.25")) == 5.25
    assert r.execute_command("HGET", "h", "n") == b"5.25"
    r.execute_command("HSET", "h", "t", "x")
    assert error(r, "HINCRBYFLOAT", "h", "t", 1) == "hash value is not a float"
    assert error(r, "HINCRBYFLOAT", "h", "n", "inf") == "value is NaN or Infinity"
    assert error(r, "HINCRBYFLOAT", "h", "n", "x") == NOT_A_FLOAT


# --- Several fields -------------------------------------------------------------------------------


def scanned(r: Any, *options: Any) -> list[bytes]:
    cursor: Any = 0
    found: list[bytes] = []
    while True:
        cursor, part = r.execute_command("HSCAN", "h", cursor, *options)
        found += [x for pair in part.items() for x in pair] if isinstance(part, dict) else part
        if int(cursor) == 0:
            return found


@pytest.mark.parametrize("size", [3, 300])
def test_hscan_gives_every_field(r: Any, size: int) -> None:
    fields = {b"field:%d" % i: b"%d" % i for i in range(size)}
    r.execute_command("HSET", "h", *(x for pair in fields.items() for x in pair))
    found = scanned(r, "COUNT", 7)
    assert dict(zip(found[::2], found[1::2], strict=True)) == fields
    found = scanned(r, "MATCH", "field:?", "COUNT", 1000)
    assert sorted(found[::2]) == sorted(f for f in fields if len(f) == 7)


def test_hscan_refuses_bad_arguments(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1)
    assert error(r, "HSCAN", "h", "x") == "invalid cursor"
    assert error(r, "HSCAN", "h", 0, "COUNT", 0) == SYNTAX
    assert error(r, "HSCAN", "h", 0, "TYPE", "x") == SYNTAX
    assert error(r, "SCAN", 0, "NOVALUES") == "NOVALUES option can only be used in HSCAN"


@pytest.mark.parametrize("size", [4, 200])
def test_hrandfield_draws_fields_of_the_hash(r: Any, size: int) -> None:
    fields = {b"field:%d" % i for i in range(size)}
    r.execute_command("HSET", "h", *(x for f in sorted(fields) for x in (f, b"v" + f)))
    drawn = {r.execute_command("HRANDFIELD", "h") for _ in range(size * 12)}
    assert drawn <= fields
    assert len(drawn) > size // 2
    some = r.execute_command("HRANDFIELD", "h", 3)
    assert len(set(some)) == 3
    assert set(some) <= fields
    assert set(r.execute_command("HRANDFIELD", "h", size + 5)) == fields
    assert len(r.execute_command("HRANDFIELD", "h", -size * 2)) == size * 2
    assert r.execute_command("HRANDFIELD", "h", 0) == []
    assert error(r, "HRANDFIELD", "h", "x") == NOT_AN_INTEGER
    assert error(r, "HRANDFIELD", "h", 1, "x") == SYNTAX


def test_hrandfield_draws_each_field_as_often(r: Any) -> None:
    size, draws = 150, 6000
    r.execute_command("HSET", "h", *(x for i in range(size) for x in (f"field:{i}", "v" * 20)))
    counts = collections.Counter(r.execute_command("HRANDFIELD", "h", -draws))
    expected = draws / size
    chi_square = sum((counts[b"field:%d" % i] - expected) ** 2 / expected for i in range(size))
    assert chi_square < size - 1 + 6 * (2 * (size - 1)) ** 0.5


def test_hrandfield_with_a_count_draws_each_set_of_fields_as_often(r: Any) -> None:
    size, rounds, drawn = 150, 600, 10
    r.execute_command("HSET", "h", *(x for i in range(size) for x in (f"field:{i}", "v" * 20)))
    counts: collections.Counter[bytes] = collections.Counter()
    for _ in range(rounds):
        fields = r.execute_command("HRANDFIELD", "h", drawn)
        assert len(set(fields)) == drawn
        counts.update(fields)
    expected = rounds * drawn / size
    chi_square = sum((counts[b"field:%d" % i] - expected) ** 2 / expected for i in range(size))
    assert chi_square < size - 1 + 6 * (2 * (size - 1)) ** 0.5


@pytest.mark.parametrize("count", [1, 3, 50, 99, 100, 200, -5, -300])
def test_hrandfield_gives_each_field_with_its_own_value(r: Any, count: int) -> None:
    there = {b"field:%d" % i: b"%d" % i + b"v" * 200 for i in range(99)}
    there[b"F" * 70_000] = b"V" * 300_000
    r.execute_command("HSET", "h", *(x for pair in there.items() for x in pair))
    drawn = r.execute_command("HRANDFIELD", "h", count, "WITHVALUES")
    if drawn and not isinstance(drawn[0], list):
        drawn = [drawn[i : i + 2] for i in range(0, len(drawn), 2)]
    assert len(drawn) == (-count if count < 0 else min(count, 100))
    assert count < 0 or len({field for field, _ in drawn}) == len(drawn)
    assert all(there[field] == value for field, value in drawn)


def test_hrandfield_refuses_what_redis_refuses(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1)
    assert error(r, "HRANDFIELD", "h", -(2**63)).startswith("value is out of range")
    assert error(r, "HRANDFIELD", "h", 2**62, "WITHVALUES") == "value is out of range"
    assert error(r, "HRANDFIELD", "h", 1, "WITHVALUES", "x") == SYNTAX
    assert r.execute_command("HRANDFIELD", "none", 3, "WITHVALUES") == []
    assert r.execute_command("HRANDFIELD", "none") is None


# --- When fields expire ---------------------------------------------------------------------------


def test_hexpire_says_what_became_of_each_field(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1, "b", 2, "c", 3)
    assert r.execute_command("HEXPIRE", "h", 100, "FIELDS", 2, "a", "none") == [1, -2]
    assert r.execute_command("HEXPIRE", "h", 50, "GT", "FIELDS", 2, "a", "b") == [0, 0]
    assert r.execute_command("HEXPIRE", "h", 50, "LT", "FIELDS", 2, "a", "b") == [1, 1]
    assert r.execute_command("HPEXPIRE", "h", 70000, "NX", "FIELDS", 2, "a", "c") == [0, 1]
    assert r.execute_command("HEXPIREAT", "h", 2**34, "XX", "FIELDS", 1, "c") == [1]
    assert r.execute_command("HPEXPIREAT", "h", 2**44, "FIELDS", 1, "c") == [1]
    assert r.execute_command("HTTL", "h", "FIELDS", 2, "a", "none") == [50, -2]
    assert 0 < r.execute_command("HPTTL", "h", "FIELDS", 1, "b")[0] <= 50_000
    assert r.execute_command("HPEXPIRETIME", "h", "FIELDS", 1, "c") == [2**44]
    assert r.execute_command("HEXPIRETIME", "h", "FIELDS", 1, "c") == [2**44 // 1000 + 1]
    assert r.execute_command("HPERSIST", "h", "FIELDS", 2, "c", "none") == [1, -2]
    assert r.execute_command("HEXPIRE", "h", 0, "FIELDS", 3, "a", "b", "c") == [2, 2, 2]
    assert r.execute_command("EXISTS", "h") == 0
    assert r.execute_command("HEXPIRE", "h", 1, "FIELDS", 1, "a") == [-2]


def test_a_field_is_gone_when_its_time_has_come(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1, "b", 2, "c", 3, b"L" * 2000, 4, b"M" * 40_000, 5)
    gone = ("a", "b", b"L" * 2000, b"M" * 40_000)
    assert r.execute_command("HPEXPIRE", "h", 30, "FIELDS", 4, *gone) == [1, 1, 1, 1]
    time.sleep(0.04)
    assert r.execute_command("HMGET", "h", *gone, "c") == [None, None, None, None, b"3"]
    assert r.execute_command("HGETALL", "h") in ({b"c": b"3"}, [b"c", b"3"])
    assert r.execute_command("HRANDFIELD", "h") == b"c"
    assert r.execute_command("HRANDFIELD", "h", 3) == [b"c"]
    assert r.execute_command("HRANDFIELD", "h", -3) == [b"c"] * 3
    assert r.execute_command("HSETNX", "h", "a", 9) in (1, True)
    assert r.execute_command("HTTL", "h", "FIELDS", 1, "a") == [-1]
    deadline = time.monotonic() + 10
    while r.execute_command("HLEN", "h") != 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert r.execute_command("HLEN", "h") == 2


def test_the_last_field_that_expires_takes_the_hash_with_it(r: Any) -> None:
    r.execute_command("HSETEX", "h", "PX", 20, "FIELDS", 2, "a", 1, "b", 2)
    deadline = time.monotonic() + 10
    while r.execute_command("EXISTS", "h") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert r.execute_command("EXISTS", "h") == 0


def test_setting_a_field_lets_it_stay_and_counting_does_not(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1, "b", 1, "c", 1)
    r.execute_command("HEXPIRE", "h", 100, "FIELDS", 3, "a", "b", "c")
    r.execute_command("HSET", "h", "a", 2)
    r.execute_command("HINCRBY", "h", "b", 2)
    r.execute_command("HINCRBYFLOAT", "h", "c", 2)
    assert r.execute_command("HTTL", "h", "FIELDS", 3, "a", "b", "c") == [-1, 100, 100]


def test_expiry_goes_with_a_copy_and_a_new_name(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1, "b", 1)
    r.execute_command("HPEXPIRE", "h", 60, "FIELDS", 1, "a")
    r.execute_command("COPY", "h", "copy")
    r.execute_command("RENAME", "h", "new")
    deadline = time.monotonic() + 10
    for name in ("copy", "new"):
        while r.execute_command("HLEN", name) != 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert r.execute_command("HKEYS", name) == [b"b"]


def test_hsetex_sets_when_its_condition_holds(r: Any) -> None:
    assert r.execute_command("HSETEX", "h", "FXX", "FIELDS", 1, "a", 1) == 0
    assert r.execute_command("HSETEX", "h", "FNX", "EX", 100, "FIELDS", 2, "a", 1, "b", 2) == 1
    assert r.execute_command("HSETEX", "h", "FNX", "FIELDS", 2, "b", 3, "c", 3) == 0
    assert r.execute_command("HSETEX", "h", "FXX", "KEEPTTL", "FIELDS", 1, "a", 5) == 1
    assert r.execute_command("HMGET", "h", "a", "b", "c") == [b"5", b"2", None]
    assert r.execute_command("HTTL", "h", "FIELDS", 2, "a", "b") == [100, 100]
    assert r.execute_command("HSETEX", "h", "PXAT", 1, "FIELDS", 1, "a", 1) == 1
    assert r.execute_command("HGET", "h", "a") is None
    assert error(r, "HSETEX", "h", "x", "FIELDS", 1, "a", 1) == "unknown argument: x"
    assert error(r, "HSETEX", "h", "FIELDS", 2, "a", 1) == arity_error("hsetex")


def test_more_fields_at_once_than_a_listpack_holds_make_a_hashtable(r: Any) -> None:
    """Though some of them are the same."""
    most = 512
    r.execute_command("HSET", "h", *["f", "v"] * most)
    assert encoding(r, "h") == "listpack"
    r.execute_command("HSET", "h", *["f", "v"] * (most + 1))
    assert encoding(r, "h") == "hashtable"
    for name, time_of in (("set", ()), ("future", ("EX", 100)), ("past", ("PXAT", 1))):
        r.execute_command("HSET", name, "g", "v")
        pairs = ["f", "v"] * (most + 1)
        r.execute_command("HSETEX", name, *time_of, "FIELDS", most + 1, *pairs)
        assert encoding(r, name) == "hashtable"


def test_hsetex_shows_an_unknown_argument_whole(r: Any) -> None:
    word = "x" * 1100
    assert error(r, "HSETEX", "h", word, "FIELDS", 1, "a", 1) == f"unknown argument: {word}"


def test_hsetex_of_a_past_time_counts_long_values_for_the_encoding(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1)
    assert r.execute_command("HSETEX", "h", "PXAT", 1, "FIELDS", 1, "b", "short") == 1
    assert encoding(r, "h") == "listpackex"
    assert r.execute_command("HSETEX", "h", "PXAT", 1, "FIELDS", 1, "b", "long" * 20) == 1
    assert encoding(r, "h") == "hashtable"
    assert r.execute_command("HGETALL", "h") == {b"a": b"1"}
    assert r.execute_command("HSETEX", "none", "PXAT", 1, "FIELDS", 1, "b", "long" * 20) == 1
    assert r.execute_command("EXISTS", "none") == 0


def test_hgetex_and_hgetdel_return_the_values(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1, "b", 2)
    assert r.execute_command("HGETEX", "h", "EX", 100, "FIELDS", 2, "a", "none") == [b"1", None]
    assert r.execute_command("HTTL", "h", "FIELDS", 1, "a") == [100]
    assert r.execute_command("HGETEX", "h", "PERSIST", "FIELDS", 1, "a") == [b"1"]
    assert r.execute_command("HTTL", "h", "FIELDS", 1, "a") == [-1]
    assert r.execute_command("HGETEX", "h", "PXAT", 1, "FIELDS", 1, "a") == [b"1"]
    assert r.execute_command("HGETDEL", "h", "FIELDS", 3, "a", "b", "b") == [None, b"2", None]
    assert r.execute_command("EXISTS", "h") == 0


def test_bad_arguments_about_expiry_are_refused(r: Any) -> None:
    r.execute_command("HSET", "h", "a", 1)
    r.set("s", 1)
    missing = "Mandatory argument FIELDS is missing or not at the right position"
    count = "The `numfields` parameter must match the number of arguments"
    assert error(r, "HEXPIRE", "h", 1, "x", "FIELDS", 1, "a") == missing
    assert error(r, "HEXPIRE", "h", 1, "FIELDS", 2, "a") == count
    assert error(r, "HEXPIRE", "h", -1, "FIELDS", 1, "a") == "invalid expire time, must be >= 0"
    assert error(r, "HEXPIRE", "h", 2**60, "FIELDS", 1, "a") == (
        "invalid expire time in 'hexpire' command"
    )
    assert error(r, "HTTL", "h", "FIELDS", 0, "a") == "Number of fields must be a positive integer"
    for name in ("HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HPERSIST", "HGETDEL", "HGETEX"):
        assert error(r, name, "s", "FIELDS", 1, "a") == WRONG_TYPE
