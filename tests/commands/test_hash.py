"""Commands on hashes, small and large, with fields and values of any length."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.commands.expect import WRONG_TYPE, arity_error, error

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
