"""Strings as a whole: setting, getting, their options and errors."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, arity_error, error

pytestmark = pytest.mark.tiny_buffer

FAR = 4_102_444_800  # 2100-01-01


def encoding(r: Any, key: str) -> str:
    value = r.execute_command("OBJECT", "ENCODING", key)
    return value.decode() if isinstance(value, bytes) else str(value)


# --- SET and GET ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"v", b"", b"\x00\r\n\xff", b"12", b"x" * 70_000])
def test_get_returns_what_set_stored(r: Any, value: bytes) -> None:
    assert r.set("k", value) is True
    assert r.get("k") == value
    assert r.strlen("k") == len(value)


@pytest.mark.parametrize(
    "key", [b"", b"\x00", b"a" * 1023, b"a" * 1024, b"k" * 10_000, b"\xff" * 5]
)
def test_keys_are_any_bytes_of_any_length(r: Any, key: bytes) -> None:
    r.set(key, b"v")
    r.set(key + b"x", b"other")
    assert r.get(key) == b"v"
    assert r.delete(key) == 1
    assert r.get(key) is None
    assert r.get(key + b"x") == b"other"


def test_get_of_no_key_is_null(r: Any) -> None:
    assert r.get("none") is None
    assert r.strlen("none") == 0


def test_set_replaces_value_and_removes_expiry(r: Any) -> None:
    r.set("k", "a", ex=100)
    r.set("k", "b")
    assert r.get("k") == b"b"
    assert r.ttl("k") == -1


def test_set_nx_only_creates(r: Any) -> None:
    assert r.set("k", "a", nx=True) is True
    assert r.set("k", "b", nx=True) is None
    assert r.get("k") == b"a"


def test_set_xx_only_replaces(r: Any) -> None:
    assert r.set("k", "a", xx=True) is None
    assert r.exists("k") == 0
    r.set("k", "a")
    assert r.set("k", "b", xx=True) is True
    assert r.get("k") == b"b"


def test_set_get_returns_the_old_value(r: Any) -> None:
    assert r.set("k", "a", get=True) is None
    assert r.set("k", "b", get=True) == b"a"
    assert r.get("k") == b"b"


def test_set_nx_get_returns_the_old_value_and_sets_only_when_there_is_none(r: Any) -> None:
    assert r.execute_command("SET", "k", "a", "NX", "GET") is None
    assert r.get("k") == b"a"
    assert r.set("k", "b", nx=True, get=True) == b"a"
    assert r.get("k") == b"a"


def test_set_xx_get_of_no_key_sets_nothing(r: Any) -> None:
    assert r.set("k", "b", xx=True, get=True) is None
    assert r.exists("k") == 0


def test_set_expiry_options_set_the_time(r: Any) -> None:
    r.set("ex", "v", ex=100)
    assert 90 < r.ttl("ex") <= 100
    r.set("px", "v", px=100_000)
    assert 90_000 < r.pttl("px") <= 100_000
    r.set("exat", "v", exat=FAR)
    assert r.expiretime("exat") == FAR
    r.set("pxat", "v", pxat=FAR * 1000 + 5)
    assert r.pexpiretime("pxat") == FAR * 1000 + 5


def test_set_keepttl_keeps_it(r: Any) -> None:
    r.set("k", "a", pxat=FAR * 1000)
    r.set("k", "b", keepttl=True)
    assert r.pexpiretime("k") == FAR * 1000
    r.set("n", "a", keepttl=True)
    assert r.ttl("n") == -1


def test_set_with_a_time_in_the_past_leaves_no_key(r: Any) -> None:
    r.set("k", "a")
    assert r.execute_command("SET", "k", "b", "PXAT", 1)
    assert r.get("k") is None
    assert r.dbsize() == 0
    assert r.execute_command("SET", "n", "b", "EXAT", 1)
    assert r.exists("n") == 0


def test_a_key_is_gone_once_its_time_has_come(r: Any) -> None:
    r.set("k", "v", px=1)
    deadline = time.monotonic() + 10
    while r.get("k") is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert r.get("k") is None
    assert r.exists("k") == 0
    assert r.set("k", "w", nx=True) is True
    assert r.ttl("k") == -1


def test_set_options_are_taken_in_any_order_and_case(r: Any) -> None:
    assert r.execute_command("set", "k", "v", "get", "eX", 100, "nX") is None
    assert r.get("k") == b"v"
    assert r.ttl("k") > 0


def test_set_takes_the_same_expiry_option_twice_and_the_last_counts(r: Any) -> None:
    r.execute_command("SET", "k", "v", "EXAT", FAR, "EXAT", FAR + 1)
    assert r.expiretime("k") == FAR + 1


@pytest.mark.parametrize(
    "options",
    [
        ("NX", "XX"),
        ("EX", 1, "PX", 1),
        ("EX", 1, "KEEPTTL"),
        ("KEEPTTL", "PXAT", 1),
        ("EX",),
        ("PERSIST",),
        ("FOO",),
        ("EX", "abc", "FOO"),
        ("",),
    ],
)
def test_set_refuses_options_that_do_not_go_together(r: Any, options: tuple[Any, ...]) -> None:
    assert error(r, "SET", "k", "v", *options) == SYNTAX
    assert r.exists("k") == 0


@pytest.mark.parametrize("value", ["abc", "", "1.5", " 1", "9223372036854775808"])
def test_set_refuses_times_that_are_no_integers(r: Any, value: str) -> None:
    assert error(r, "SET", "k", "v", "EX", value) == NOT_AN_INTEGER


@pytest.mark.parametrize(
    "option",
    [("EX", 0), ("PX", -1), ("EXAT", 0), ("PXAT", -5), ("EX", 2**63 - 1), ("PX", 2**63 - 1)],
)
def test_set_refuses_impossible_times(r: Any, option: tuple[Any, ...]) -> None:
    assert error(r, "SET", "k", "v", *option) == "invalid expire time in 'set' command"


# --- The older ways to set ------------------------------------------------------------------------


def test_setex_and_psetex_set_value_and_expiry(r: Any) -> None:
    assert r.execute_command("SETEX", "a", 100, "v")
    assert 90 < r.ttl("a") <= 100
    assert r.execute_command("PSETEX", "b", 100_000, "v")
    assert 90_000 < r.pttl("b") <= 100_000
    assert r.mget("a", "b") == [b"v", b"v"]


def test_setex_and_psetex_refuse_impossible_times(r: Any) -> None:
    assert error(r, "SETEX", "k", 0, "v") == "invalid expire time in 'setex' command"
    assert error(r, "PSETEX", "k", -1, "v") == "invalid expire time in 'psetex' command"
    assert error(r, "SETEX", "k", "x", "v") == NOT_AN_INTEGER
    assert error(r, "SETEX", "k", 2**62, "v") == "invalid expire time in 'setex' command"


def test_setnx_only_creates(r: Any) -> None:
    assert r.setnx("k", "a")
    assert not r.setnx("k", "b")
    assert r.get("k") == b"a"


def test_getset_returns_the_old_value_and_removes_expiry(r: Any) -> None:
    assert r.getset("k", "a") is None
    r.expire("k", 100)
    assert r.getset("k", "b") == b"a"
    assert r.get("k") == b"b"
    assert r.ttl("k") == -1


# --- GETDEL and GETEX -----------------------------------------------------------------------------


def test_getdel_returns_the_value_and_deletes_the_key(r: Any) -> None:
    r.set("k", "v")
    assert r.getdel("k") == b"v"
    assert r.getdel("k") is None
    assert r.exists("k") == 0


def test_getex_without_options_leaves_the_expiry(r: Any) -> None:
    r.set("k", "v", exat=FAR)
    assert r.getex("k") == b"v"
    assert r.expiretime("k") == FAR


def test_getex_sets_the_expiry(r: Any) -> None:
    r.set("k", "v")
    assert r.getex("k", ex=100) == b"v"
    assert 90 < r.ttl("k") <= 100
    assert r.getex("k", px=200_000) == b"v"
    assert r.pttl("k") > 100_000
    assert r.getex("k", exat=FAR) == b"v"
    assert r.expiretime("k") == FAR
    assert r.getex("k", pxat=FAR * 1000 + 1) == b"v"
    assert r.pexpiretime("k") == FAR * 1000 + 1


def test_getex_persist_removes_the_expiry(r: Any) -> None:
    r.set("k", "v", ex=100)
    assert r.getex("k", persist=True) == b"v"
    assert r.ttl("k") == -1
    assert r.getex("k", persist=True) == b"v"


def test_getex_with_a_time_in_the_past_deletes(r: Any) -> None:
    r.set("k", "v")
    assert r.execute_command("GETEX", "k", "PXAT", 1) == b"v"
    assert r.exists("k") == 0


def test_getex_of_no_key_is_null_whatever_the_time(r: Any) -> None:
    assert r.execute_command("GETEX", "none", "EX", "abc") is None
    assert r.exists("none") == 0


@pytest.mark.parametrize(
    "options", [("PERSIST", "EX", 1), ("KEEPTTL",), ("NX",), ("EX",), ("EX", 1, "PX", 1)]
)
def test_getex_refuses_other_options(r: Any, options: tuple[Any, ...]) -> None:
    r.set("k", "v")
    assert error(r, "GETEX", "k", *options) == SYNTAX


def test_getex_refuses_impossible_times(r: Any) -> None:
    r.set("k", "v")
    assert error(r, "GETEX", "k", "EX", "abc") == NOT_AN_INTEGER
    assert error(r, "GETEX", "k", "EX", 0) == "invalid expire time in 'getex' command"
    assert error(r, "GETEX", "k", "EX", 2**62) == "invalid expire time in 'getex' command"


# --- Several keys ---------------------------------------------------------------------------------


def test_mget_returns_null_for_what_is_missing(r: Any) -> None:
    r.set("a", "1")
    r.set("b", "")
    assert r.mget("a", "none", "b", "a") == [b"1", None, b"", b"1"]


def test_mget_returns_many_large_values(r: Any) -> None:
    values = {f"k{i}": bytes([65 + i]) * 60_000 for i in range(12)}
    values["huge"] = b"h" * 300_000
    r.mset(values)
    assert r.mget([*values, "none", "k3"]) == [*values.values(), None, values["k3"]]


def test_mset_sets_all_and_removes_expiry(r: Any) -> None:
    r.set("a", "old", ex=100)
    assert r.mset({"a": "1", "b": "2"}) is True
    assert r.mget("a", "b") == [b"1", b"2"]
    assert r.ttl("a") == -1


def test_mset_sets_a_key_given_twice_to_the_last(r: Any) -> None:
    assert r.execute_command("MSET", "a", "1", "a", "2")
    assert r.get("a") == b"2"


def test_msetnx_sets_all_or_nothing(r: Any) -> None:
    assert r.msetnx({"a": "1", "b": "2"})
    assert not r.msetnx({"b": "3", "c": "4"})
    assert r.mget("a", "b", "c") == [b"1", b"2", None]


def test_values_without_their_key_are_refused(r: Any) -> None:
    assert error(r, "MSET", "a", "1", "b") == arity_error("mset")
    assert error(r, "MSETNX", "a", "1", "b") == arity_error("msetnx")
    assert r.dbsize() == 0


# --- Arity and encodings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    ["GET", "GET a b", "SET a", "SETEX a 1", "PSETEX a 1", "SETNX a", "GETSET a", "GETDEL", "GETEX",
     "MGET", "MSET", "MSET a", "MSETNX a", "STRLEN", "STRLEN a b"],
)  # fmt: skip
def test_wrong_numbers_of_arguments_are_refused(r: Any, call: str) -> None:
    assert error(r, *call.split()) == arity_error(call.split()[0].lower())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", "int"),
        ("-9223372036854775808", "int"),
        ("9223372036854775807", "int"),
        ("9223372036854775808", "embstr"),
        ("-0", "embstr"),
        ("012", "embstr"),
        ("1.5", "embstr"),
        ("", "embstr"),
        ("x" * 44, "embstr"),
        ("x" * 45, "raw"),
        ("x" * 70_000, "raw"),
    ],
)
def test_values_are_encoded_as_redis_does_it(r: Any, value: str, expected: str) -> None:
    r.set("set", value)
    r.execute_command("SETEX", "setex", 100, value)
    r.getset("getset", value)
    r.mset({"mset": value})
    r.setnx("setnx", value)
    r.append("append", value)
    for key in ("set", "setex", "getset", "mset", "setnx", "append"):
        assert encoding(r, key) == expected
