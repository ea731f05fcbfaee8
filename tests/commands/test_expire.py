"""When keys expire: setting it, its conditions, asking for it, removing it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, arity_error, error
from tests.commands.test_string import FAR

pytestmark = pytest.mark.tiny_buffer

COMMANDS = ("EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT")


def argument(command: str, seconds: int) -> int:
    """argument is what makes `command` let a key expire `seconds` from now."""
    base = int(time.time()) if command.endswith("AT") else 0
    return (base + seconds) * (1000 if command.startswith("P") else 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_expiry_is_set(r: Any, command: str) -> None:
    r.set("k", "v")
    assert r.execute_command(command, "k", argument(command, 100)) == 1
    assert 90 < r.ttl("k") <= 101
    assert 90_000 < r.pttl("k") <= 101_000
    assert r.get("k") == b"v"


@pytest.mark.parametrize("command", COMMANDS)
def test_expiry_of_no_key_is_not_set(r: Any, command: str) -> None:
    assert r.execute_command(command, "none", argument(command, 100)) == 0
    assert r.exists("none") == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("time_", [0, -1, -(2**40)])
def test_a_time_in_the_past_deletes_the_key(r: Any, command: str, time_: int) -> None:
    r.set("k", "v")
    assert r.execute_command(command, "k", time_) == 1
    assert r.exists("k") == 0
    assert r.dbsize() == 0


def test_absolute_times_are_told_exactly(r: Any) -> None:
    r.set("k", "v")
    assert r.pexpireat("k", FAR * 1000 + 499)
    assert r.expiretime("k") == FAR
    assert r.pexpiretime("k") == FAR * 1000 + 499
    assert r.pexpireat("k", FAR * 1000 + 500)
    assert r.expiretime("k") == FAR + 1
    assert r.expireat("k", FAR)
    assert r.pexpiretime("k") == FAR * 1000


def test_the_latest_time_of_all_is_accepted(r: Any) -> None:
    r.set("k", "v")
    assert r.pexpireat("k", 2**63 - 1)
    assert r.pexpiretime("k") == 2**63 - 1
    assert r.pttl("k") > 0


def test_no_key_and_no_expiry_have_their_own_replies(r: Any) -> None:
    r.set("k", "v")
    for command in ("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"):
        assert r.execute_command(command, "none") == -2
        assert r.execute_command(command, "k") == -1


def test_ttl_is_rounded_to_the_nearest_second(r: Any) -> None:
    r.set("k", "v", px=99_600)
    assert r.ttl("k") == 100


# --- Conditions -----------------------------------------------------------------------------------


def set_and_tell(r: Any, seconds: int, *options: str) -> tuple[int, int]:
    return r.execute_command("EXPIREAT", "k", FAR + seconds, *options), r.expiretime("k")


def test_nx_sets_only_where_there_is_no_expiry(r: Any) -> None:
    r.set("k", "v")
    assert set_and_tell(r, 10, "NX") == (1, FAR + 10)
    assert set_and_tell(r, 20, "NX") == (0, FAR + 10)


def test_xx_sets_only_where_there_is_an_expiry(r: Any) -> None:
    r.set("k", "v")
    assert set_and_tell(r, 10, "XX") == (0, -1)
    set_and_tell(r, 10)
    assert set_and_tell(r, 20, "xx") == (1, FAR + 20)


def test_gt_sets_only_what_is_later_and_never_is_latest(r: Any) -> None:
    r.set("k", "v")
    assert set_and_tell(r, 10, "GT") == (0, -1)
    set_and_tell(r, 10)
    assert set_and_tell(r, 10, "GT") == (0, FAR + 10)
    assert set_and_tell(r, 5, "GT") == (0, FAR + 10)
    assert set_and_tell(r, 11, "GT") == (1, FAR + 11)


def test_lt_sets_only_what_is_earlier_and_never_is_latest(r: Any) -> None:
    r.set("k", "v")
    assert set_and_tell(r, 10, "LT") == (1, FAR + 10)
    assert set_and_tell(r, 10, "LT") == (0, FAR + 10)
    assert set_and_tell(r, 9, "LT", "XX") == (1, FAR + 9)


def test_a_condition_that_fails_also_keeps_from_deleting(r: Any) -> None:
    r.set("k", "v")
    assert r.execute_command("EXPIRE", "k", -1, "XX") == 0
    assert r.execute_command("EXPIRE", "k", -1, "GT") == 0
    assert r.get("k") == b"v"


@pytest.mark.parametrize("options", [("NX", "XX"), ("NX", "GT"), ("NX", "LT")])
def test_nx_goes_with_nothing(r: Any, options: tuple[str, ...]) -> None:
    text = "NX and XX, GT or LT options at the same time are not compatible"
    assert error(r, "EXPIRE", "k", 10, *options) == text


def test_gt_and_lt_do_not_go_together(r: Any) -> None:
    text = "GT and LT options at the same time are not compatible"
    assert error(r, "PEXPIRE", "k", 10, "GT", "LT") == text


def test_unknown_options_are_named(r: Any) -> None:
    assert error(r, "EXPIRE", "k", 10, "foo") == "Unsupported option foo"
    assert error(r, "EXPIRE", "k", "x", "foo") == "Unsupported option foo"


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_times_must_be_integers(r: Any, command: str) -> None:
    for value in ("x", "", "1.5", "9223372036854775808"):
        assert error(r, command, "k", value) == NOT_AN_INTEGER


@pytest.mark.parametrize(
    ("command", "value"),
    [
        ("EXPIRE", 2**63 - 1), ("EXPIRE", -(2**63)), ("EXPIRE", 9223372036854775),
        ("PEXPIRE", 2**63 - 1), ("EXPIREAT", 2**62), ("EXPIREAT", -(2**62)),
    ],
)  # fmt: skip
def test_times_beyond_what_can_be_counted_are_refused(r: Any, command: str, value: int) -> None:
    text = f"invalid expire time in '{command.lower()}' command"
    assert error(r, command, "none", value) == text


# --- PERSIST --------------------------------------------------------------------------------------


def test_persist_removes_the_expiry(r: Any) -> None:
    r.set("k", "v", ex=100)
    assert r.persist("k")
    assert r.ttl("k") == -1
    assert not r.persist("k")
    assert not r.persist("none")


@pytest.mark.parametrize(
    "call",
    ["EXPIRE k", "PEXPIRE k", "EXPIREAT k", "PEXPIREAT k", "TTL", "TTL a b", "PTTL", "EXPIRETIME",
     "PEXPIRETIME", "PERSIST", "PERSIST a b"],
)  # fmt: skip
def test_wrong_numbers_of_arguments_are_refused(r: Any, call: str) -> None:
    assert error(r, *call.split()) == arity_error(call.split()[0].lower())
