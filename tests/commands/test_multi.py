"""Transactions: MULTI, EXEC and DISCARD, command by command on one connection or session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, arity_error, error

pytestmark = pytest.mark.tiny_buffer

ABORTED = "Transaction discarded because of previous errors."
LARGE = bytes(range(256)) * 8192  # 2 MiB: received into a spool, and streamed as a reply


def said(reply: Any) -> Any:
    """A reply, its errors as their texts, in the form common to all ways in."""
    if isinstance(reply, Exception):
        return str(reply).removeprefix("ERR ")
    return [said(item) for item in reply] if isinstance(reply, list) else reply


def queue(r: Any, *commands: tuple[Any, ...]) -> None:
    for command in commands:
        r.execute_command(*command)


def execute(r: Any) -> Any:
    return said(r.execute_command("EXEC"))


def test_exec_runs_what_was_queued_in_order(r: Any) -> None:
    assert r.execute_command("MULTI") in (b"OK", True)
    assert r.execute_command("INCR", "n") == b"QUEUED"
    assert r.execute_command("GET", "n") == b"QUEUED"
    queue(r, ("SET", "k", "v"), ("APPEND", "k", "w"), ("GET", "k"), ("DEL", "n", "none"))
    assert execute(r) == [1, b"1", b"OK", 2, b"vw", 1]
    assert r.get("k") == b"vw"
    assert r.exists("n") == 0


def test_nothing_is_done_before_exec(r: Any) -> None:
    r.set("k", "before")
    queue(r, ("MULTI",), ("SET", "k", "after"), ("FLUSHALL",))
    assert r.execute_command("DISCARD") in (b"OK", True)
    assert r.get("k") == b"before"


def test_an_empty_transaction_gives_an_empty_list(r: Any) -> None:
    queue(r, ("MULTI",))
    assert execute(r) == []


def test_an_error_of_one_command_undoes_nothing(r: Any) -> None:
    queue(r, ("MULTI",), ("SET", "k", "x"), ("INCR", "k"), ("SET", "k", 1, "NX", "XX"))
    queue(r, ("SET", "after", "v"))
    assert execute(r) == [b"OK", NOT_AN_INTEGER, "syntax error", b"OK"]
    assert r.mget("k", "after") == [b"x", b"v"]


@pytest.mark.parametrize(
    "bad", ["NOSUCH", "GET", "CLIENT NOSUCH", "CLIENT SETNAME a b", "SAVE", "DISCARD x", "MULTI x"]
)
def test_a_command_that_cannot_be_queued_discards_the_transaction(r: Any, bad: str) -> None:
    queue(r, ("MULTI",), ("SET", "k", "v"))
    error(r, *bad.split())
    assert r.execute_command("GET", "k") == b"QUEUED"
    assert error(r, "EXEC").removeprefix("EXECABORT ") == ABORTED
    assert r.exists("k") == 0
    assert error(r, "EXEC") == "EXEC without MULTI"


def test_multi_within_multi_is_an_error_and_changes_nothing(r: Any) -> None:
    queue(r, ("MULTI",), ("SET", "k", "v"))
    assert error(r, "MULTI") == "MULTI calls can not be nested"
    assert execute(r) == [b"OK"]


def test_exec_and_discard_need_a_multi(r: Any) -> None:
    assert error(r, "EXEC") == "EXEC without MULTI"
    assert error(r, "DISCARD") == "DISCARD without MULTI"
    assert error(r, "MULTI", "x") == arity_error("multi")
    assert error(r, "EXEC", "x").endswith(f"discarded because of: {arity_error('exec')}")


def test_a_refused_exec_ends_the_transaction(r: Any) -> None:
    queue(r, ("MULTI",), ("SET", "k", "v"))
    assert error(r, "EXEC", "x").endswith(f"discarded because of: {arity_error('exec')}")
    assert error(r, "EXEC") == "EXEC without MULTI"
    assert r.exists("k") == 0


def test_select_within_a_transaction_holds_for_what_follows(r: Any) -> None:
    queue(r, ("MULTI",), ("SET", "k", 0), ("SELECT", 1), ("SET", "k", 1), ("SELECT", 99))
    queue(r, ("SELECT", 0), ("GET", "k"), ("SWAPDB", 0, 1), ("GET", "k"))
    done, failed = b"OK", "DB index is out of range"
    assert execute(r) == [done, done, done, failed, done, b"0", done, b"1"]


def test_a_transaction_sees_one_time(r: Any) -> None:
    queue(r, ("MULTI",), *[("SET", f"k{i}", "v", "PX", 100_000) for i in range(50)])
    queue(r, *[("PEXPIRETIME", f"k{i}") for i in range(50)])
    assert len(set(execute(r)[50:])) == 1


def test_large_values_are_queued_and_come_back_whole(r: Any) -> None:
    queue(r, ("MULTI",), ("SET", "a", LARGE), ("SET", "b", LARGE[::-1]), ("GET", "a"))
    queue(r, ("SET", "a", "small"), ("MGET", "a", "b", "none"), ("ECHO", "x"), ("STRLEN", "b"))
    queue(r, ("GET", "b"), ("GET", "none"))
    assert execute(r) == [
        b"OK", b"OK", LARGE, b"OK", [b"small", LARGE[::-1], None], b"x", len(LARGE), LARGE[::-1],
        None,
    ]  # fmt: skip
    assert r.get("b") == LARGE[::-1]
    assert r.get("a") == b"small"


def test_more_large_replies_than_are_streamed_come_back_whole(r: Any) -> None:
    r.set("k", LARGE[:300_000])
    queue(r, ("MULTI",))
    for i in range(20):
        queue(r, ("GET", "k"), ("ECHO", i))
    got = execute(r)
    assert got == [value for i in range(20) for value in (LARGE[:300_000], b"%d" % i)]


def test_reset_leaves_the_transaction(r: Any) -> None:
    queue(r, ("MULTI",), ("SET", "k", "v"))
    r.execute_command("RESET")
    assert error(r, "EXEC") == "EXEC without MULTI"
    assert r.exists("k") == 0


def test_a_transaction_can_be_long(r: Any) -> None:
    queue(r, ("MULTI",), *[("INCR", "n")] * 3000)
    assert execute(r) == list(range(1, 3001))
