"""SORT and SORT_RO: of lists, sets and sorted sets, small and large, by their elements and by what
other keys hold."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, error

pytestmark = pytest.mark.tiny_buffer

NOT_NUMBERS = "One or more scores can't be converted into double"


def test_numbers_are_sorted_as_numbers_and_texts_as_texts(r: Any) -> None:
    r.execute_command("RPUSH", "l", 3, 10, -2, "1e1", 0.5)
    assert r.execute_command("SORT", "l") == [b"-2", b"0.5", b"3", b"10", b"1e1"]
    assert r.execute_command("SORT", "l", "DESC") == [b"1e1", b"10", b"3", b"0.5", b"-2"]
    assert r.execute_command("SORT", "l", "ALPHA") == [b"-2", b"0.5", b"10", b"1e1", b"3"]
    assert r.execute_command("SORT_RO", "l", "ALPHA", "DESC", "ASC") == [
        b"-2", b"0.5", b"10", b"1e1", b"3",
    ]  # fmt: skip
    r.execute_command("RPUSH", "l", "x")
    assert error(r, "SORT", "l") == NOT_NUMBERS
    assert error(r, "SORT_RO", "l") == NOT_NUMBERS
    assert error(r, "SORT", "l", "STORE", "d") == NOT_NUMBERS
    assert r.execute_command("EXISTS", "d") == 0


@pytest.mark.parametrize("size", [5, 400])
def test_every_kind_of_elements_is_sorted(r: Any, size: int) -> None:
    numbers = random.Random(size).sample(range(10_000), size)
    r.execute_command("RPUSH", "list", *numbers)
    r.execute_command("SADD", "set", *numbers)
    r.execute_command("ZADD", "zset", *(part for n in numbers for part in (-n, n)))
    wanted = [b"%d" % n for n in sorted(numbers)]
    for key in ("list", "set", "zset"):
        assert r.execute_command("SORT", key) == wanted
        assert r.execute_command("SORT", key, "DESC", "LIMIT", 1, 3) == wanted[::-1][1:4]
        assert r.execute_command("SORT", key, "LIMIT", size - 1, -1) == wanted[-1:]
        assert r.execute_command("SORT", key, "LIMIT", size + 1, 10) == []
        assert r.execute_command("SORT", key, "LIMIT", -5, 2) == wanted[:2]
        assert r.execute_command("SORT", key, "STORE", f"{key}:sorted") == size
        assert r.execute_command("LRANGE", f"{key}:sorted", 0, -1) == wanted
    given = [b"%d" % n for n in numbers]
    assert r.execute_command("SORT", "list", "BY", "no") == given
    assert r.execute_command("SORT", "list", "BY", "no", "LIMIT", 1, 3) == given[1:4]
    assert r.execute_command("SORT", "list", "BY", "no", "DESC", "LIMIT", 1, 2) == given[::-1][1:3]
    assert r.execute_command("SORT", "zset", "BY", "no") == wanted[::-1]
    assert r.execute_command("SORT", "zset", "BY", "no", "LIMIT", 2, 2) == wanted[::-1][2:4]
    assert r.execute_command("SORT", "zset", "BY", "no", "DESC", "LIMIT", 1, 2) == wanted[1:3]
    assert sorted(r.execute_command("SORT", "set", "BY", "no")) == sorted(wanted)


def test_a_number_ends_at_a_byte_of_0_however_long_the_text(r: Any) -> None:
    r.execute_command("RPUSH", "l", "a", "b")
    r.set("w_a", b"2\0" + b"x" * 130_000)
    r.set("w_b", b"\0" * 130_000)
    assert r.execute_command("SORT", "l", "BY", "w_*") == [b"b", b"a"]


def test_other_keys_and_fields_give_the_order_and_the_reply(r: Any) -> None:
    r.execute_command("SADD", "s", "a", "b", "c", "d")
    for name, weight in (("a", 3), ("b", 1), ("c", 2)):
        r.set(f"w_{name}", weight)
        r.set(f"t_{name}_x", f"text {name}")
        r.execute_command("HSET", f"h_{name}", "w", -weight, "t", f"field {name}")
    assert r.execute_command("SORT", "s", "BY", "w_*") == [b"d", b"b", b"c", b"a"]
    assert r.execute_command("SORT", "s", "BY", "h_*->w", "DESC") == [b"d", b"b", b"c", b"a"]
    assert r.execute_command("SORT", "s", "BY", "h_*->t", "ALPHA") == [b"d", b"a", b"b", b"c"]
    reply = r.execute_command(
        "SORT", "s", "BY", "w_*", "GET", "#", "GET", "t_*_x", "GET", "h_*->t", "LIMIT", 0, 2
    )
    assert reply == [b"d", None, None, b"b", b"text b", b"field b"]
    for pattern in ("none", "h_*", "h_*->", "w_*->t", "h_*->none"):
        expected = [None] * 4
        assert r.execute_command("SORT", "s", "ALPHA", "GET", pattern) == expected
    assert r.execute_command("SORT", "s", "ALPHA", "GET", "t_*_x", "STORE", "d") == 4
    assert r.execute_command("LRANGE", "d", 0, -1) == [b"text a", b"text b", b"text c", b""]


def test_a_result_replaces_what_is_there(r: Any) -> None:
    r.execute_command("RPUSH", "l", 2, 1)
    assert r.execute_command("SORT", "l", "STORE", "l") == 2
    assert r.execute_command("LRANGE", "l", 0, -1) == [b"1", b"2"]
    r.set("string", "x", ex=100)
    assert r.execute_command("SORT", "l", "DESC", "STORE", "string") == 2
    assert r.execute_command("TTL", "string") == -1
    assert r.execute_command("OBJECT", "ENCODING", "string") == b"listpack"
    assert r.execute_command("SORT", "none", "STORE", "string") == 0
    assert r.execute_command("EXISTS", "string") == 0
    r.execute_command("SADD", "s", "b", "a", "c")
    assert r.execute_command("SORT", "s", "BY", "no", "STORE", "d") == 3
    assert r.execute_command("LRANGE", "d", 0, -1) == [b"a", b"b", b"c"]


def test_values_of_any_length_are_given(r: Any) -> None:
    long = "x" * 200_000
    r.execute_command("RPUSH", "l", "b", "a", long)
    r.set("k_a", long)
    r.execute_command("HSET", "h_a", "f", long)
    assert r.execute_command("SORT", "l", "ALPHA") == [b"a", b"b", long.encode()]
    reply = r.execute_command("SORT", "l", "ALPHA", "LIMIT", 0, 1, "GET", "k_*", "GET", "h_*->f")
    assert reply == [long.encode()] * 2
    assert r.execute_command("SORT", "l", "ALPHA", "GET", "k_*", "GET", "#", "STORE", "d") == 6
    assert r.execute_command("LRANGE", "d", 0, 1) == [long.encode(), b"a"]


def test_numbers_are_decimal_and_end_with_a_zero_byte(r: Any) -> None:
    r.execute_command("RPUSH", "l", "1e400", "", "+5", "-inf", "3\0x", "infinity", "1e-400")
    assert r.execute_command("SORT", "l") == [
        b"-inf", b"", b"1e-400", b"3\0x", b"+5", b"1e400", b"infinity",
    ]  # fmt: skip
    for text in ("nan", " 5", "5 ", "0x10", " ", "\t5"):
        r.execute_command("DEL", "l")
        r.execute_command("RPUSH", "l", text)
        assert error(r, "SORT", "l") == NOT_NUMBERS


def test_arguments_are_checked_before_the_key(r: Any) -> None:
    r.set("string", "x")
    assert error(r, "SORT", "string", "LIMIT", 1) == SYNTAX
    assert error(r, "SORT", "string", "LIMIT", "x", 1) == NOT_AN_INTEGER
    assert error(r, "SORT", "string", "BY") == SYNTAX
    assert error(r, "SORT", "string", "other") == SYNTAX
    assert error(r, "SORT_RO", "string", "STORE", "d") == SYNTAX
    assert error(r, "SORT", "string") == WRONG_TYPE
    r.execute_command("HSET", "h", "a", 1)
    assert error(r, "SORT_RO", "h") == WRONG_TYPE
    assert r.execute_command("SORT", "none") == []


def test_a_small_set_keeps_its_order_and_numbers_theirs(r: Any) -> None:
    numbers = [5, -3, 40, -21, 0, 7, -300]
    r.execute_command("SADD", "n", *numbers)
    wanted = [b"%d" % n for n in sorted(numbers)]
    assert r.execute_command("SORT", "n", "BY", "no") == wanted
    r.execute_command("SADD", "n", "x", "a")
    assert r.execute_command("SORT", "n", "BY", "no") == [*wanted, b"x", b"a"]
