"""Hashes by redis-py's methods: the same on redis-py with a real server and on DBX."""

from __future__ import annotations

import datetime
from typing import Any

import pytest


def test_fields_are_set_and_read_back(client: Any, t: Any) -> None:
    assert client.hset("h", "a", 1) == 1
    assert client.hset("h", mapping={"a": 2, "b": "x"}, items=["c", 3.5]) == 2
    assert client.hget("h", "a") == t("2")
    assert client.hget("h", "none") is None
    assert client.hgetall("h") == {t("a"): t("2"), t("c"): t("3.5"), t("b"): t("x")}
    assert client.hgetall("none") == {}
    assert client.hmget("h", "a", "none") == [t("2"), None]
    assert client.hmget("h", ["a", "b"]) == [t("2"), t("x")]
    assert client.hexists("h", "a") is True
    assert client.hexists("h", "none") is False
    assert client.hlen("h") == 3
    assert client.hstrlen("h", "c") == 3
    assert client.hkeys("h") == [t("a"), t("c"), t("b")]
    assert client.hvals("h") == [t("2"), t("3.5"), t("x")]
    assert client.hdel("h", "a", "none") == 1
    assert client.hsetnx("h", "a", 9) == 1
    assert client.hsetnx("h", "a", 8) == 0
    assert client.hmset("h", {"z": 1}) is True


def test_numbers_in_fields_are_counted(client: Any, errors: Any) -> None:
    assert client.hincrby("h", "n") == 1
    assert client.hincrby("h", "n", -5) == -4
    assert client.hincrbyfloat("h", "n", 0.5) == -3.5
    with pytest.raises(errors.ResponseError, match="hash value is not an integer"):
        client.hincrby("h", "n")


def test_random_fields(client: Any, t: Any) -> None:
    assert client.hrandfield("none") is None
    assert client.hrandfield("none", 2) == []
    client.hset("h", mapping={"a": 1, "b": 2})
    assert client.hrandfield("h") in (t("a"), t("b"))
    assert sorted(client.hrandfield("h", 5)) == [t("a"), t("b")]
    assert len(client.hrandfield("h", -5)) == 5
    drawn = client.hrandfield("h", 2, withvalues=True)
    assert dict(zip(drawn[::2], drawn[1::2], strict=True)) == {t("a"): t("1"), t("b"): t("2")}


def test_fields_are_walked(client: Any, t: Any) -> None:
    fields = {f"field:{i}": str(i) for i in range(600)}
    client.hset("h", mapping=fields)
    expected = {t(k): t(v) for k, v in fields.items()}
    assert dict(client.hscan_iter("h")) == expected
    assert set(client.hscan_iter("h", no_values=True)) == set(expected)
    assert dict(client.hscan_iter("h", match="field:1?", count=7)) == {
        t(f"field:{i}"): t(str(i)) for i in range(10, 20)
    }
    cursor, found = client.hscan("none")
    assert (cursor, found) == (0, {})


def test_fields_expire(client: Any, t: Any, errors: Any) -> None:
    client.hset("h", mapping={"a": 1, "b": 2, "c": 3})
    assert client.hexpire("h", 100, "a", "none") == [1, -2]
    assert client.hexpire("h", datetime.timedelta(seconds=50), "a", gt=True) == [0]
    assert client.hpexpire("h", 60_000, "b", nx=True) == [1]
    assert client.httl("h", "a", "c", "none") == [100, -1, -2]
    assert 59_000 < client.hpttl("h", "b")[0] <= 60_000
    assert client.hpersist("h", "b", "c") == [1, -1]
    when = datetime.datetime.now() + datetime.timedelta(hours=1)
    assert client.hexpireat("h", when, "c") == [1]
    assert client.hexpiretime("h", "c") == [int(when.timestamp())]
    assert client.hpexpireat("h", 1, "c") == [2]
    assert client.hpexpiretime("h", "c") == [-2]
    with pytest.raises(ValueError, match="Only one of"):
        client.hexpire("h", 1, "a", nx=True, xx=True)
    assert client.hgetex("h", "a", "none", persist=True) == [t("1"), None]
    assert client.hgetex("h", "a", ex=10) == [t("1")]
    assert client.httl("h", "a") == [10]
    assert client.hsetex("h", "a", 5, keepttl=True) == 1
    assert client.httl("h", "a") == [10]
    assert client.hsetex("h", mapping={"x": 1, "y": 2}, px=5000) == 1
    assert client.hgetdel("h", "x", "none") == [t("1"), None]
    with pytest.raises(errors.DataError):
        client.hgetex("h", "a", ex=1, px=1)
