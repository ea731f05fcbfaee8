"""Whole databases: their size, emptying them, exchanging them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import SYNTAX, arity_error, error

pytestmark = pytest.mark.tiny_buffer


def test_dbsize_counts_keys(r: Any) -> None:
    assert r.dbsize() == 0
    r.mset({"a": 1, "b": 2})
    r.set("a", 3)
    assert r.dbsize() == 2
    r.rename("a", "b")
    assert r.dbsize() == 1
    r.delete("b", "none")
    assert r.dbsize() == 0


@pytest.mark.parametrize("options", [(), ("SYNC",), ("async",)])
def test_flushdb_empties_one_database(r: Any, options: tuple[str, ...]) -> None:
    r.set("other", "v", ex=100)
    r.execute_command("SWAPDB", 0, 1)
    r.set("k", b"x" * 200_000)
    assert r.execute_command("FLUSHDB", *options)
    assert r.dbsize() == 0
    assert r.get("k") is None
    r.execute_command("SWAPDB", 0, 1)
    assert r.get("other") == b"v"
    assert r.ttl("other") > 0


@pytest.mark.parametrize("options", [(), ("SYNC",), ("ASYNC",)])
def test_flushall_empties_all_databases(r: Any, options: tuple[str, ...]) -> None:
    r.set("k", "v")
    r.execute_command("SWAPDB", 0, 1)
    r.set("k", "v", ex=100)
    assert r.execute_command("FLUSHALL", *options)
    assert r.dbsize() == 0
    r.execute_command("SWAPDB", 0, 1)
    assert r.dbsize() == 0


def test_a_flushed_database_can_be_filled_again(r: Any) -> None:
    for turn in range(3):
        r.set("k", turn)
        r.flushdb()
        assert r.get("k") is None
    r.append("k", "new")
    assert r.get("k") == b"new"
    assert r.keys("*") == [b"k"]


def test_flushing_refuses_other_options(r: Any) -> None:
    for options in (("FOO",), ("ASYNC", "SYNC"), ("SYNC", "x")):
        assert error(r, "FLUSHDB", *options) == SYNTAX
        assert error(r, "FLUSHALL", *options) == SYNTAX


def test_swapdb_exchanges_two_databases(r: Any) -> None:
    r.set("k", "zero")
    assert r.execute_command("SWAPDB", 0, 5)
    assert r.get("k") is None
    r.set("k", "five")
    r.execute_command("SWAPDB", 5, 0)
    assert r.get("k") == b"zero"
    assert r.execute_command("SWAPDB", 0, 0)
    assert r.get("k") == b"zero"


def test_swapdb_refuses_bad_databases(r: Any) -> None:
    assert error(r, "SWAPDB", "a", 1) == "invalid first DB index"
    assert error(r, "SWAPDB", 2**40, 1) == "invalid first DB index"
    assert error(r, "SWAPDB", 1, "b") == "invalid second DB index"
    assert error(r, "SWAPDB", 1, 99) == "DB index is out of range"
    assert error(r, "SWAPDB", -1, 0) == "DB index is out of range"


@pytest.mark.parametrize("call", ["DBSIZE x", "SWAPDB 1"])
def test_wrong_numbers_of_arguments_are_refused(r: Any, call: str) -> None:
    assert error(r, *call.split()) == arity_error(call.split()[0].lower())
