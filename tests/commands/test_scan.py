"""Going through keys: KEYS, SCAN, RANDOMKEY. Scans across restarts are in tests/store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, arity_error, error

pytestmark = pytest.mark.tiny_buffer


def fill(r: Any, *names: bytes | str) -> None:
    r.mset(dict.fromkeys(names, "v"))


def scan(r: Any, cursor: int | bytes | str, *options: Any) -> tuple[int, list[bytes]]:
    following, keys = r.execute_command("SCAN", cursor, *options)
    return int(following), keys


def scan_all(r: Any, *options: Any) -> list[bytes]:
    """scan_all returns all that a whole scan finds, repeats included."""
    found: list[bytes] = []
    cursor = 0
    for _ in range(10_000):
        cursor, keys = scan(r, cursor, *options)
        found += keys
        if cursor == 0:
            return found
    raise AssertionError("the scan does not end")


# --- KEYS -----------------------------------------------------------------------------------------

NAMES = [
    b"", b"a", b"ab", b"abc", b"b", b"user:1", b"user:2", b"user:10", b"x*y", b"x\\y", b"\xff\x00",
]  # fmt: skip

PATTERNS: list[tuple[bytes, list[bytes]]] = [
    (b"*", NAMES),
    (b"", [b""]),
    (b"a", [b"a"]),
    (b"a*", [b"a", b"ab", b"abc"]),
    (b"user:*", [b"user:1", b"user:10", b"user:2"]),
    (b"user:?", [b"user:1", b"user:2"]),
    (b"user:[13-9]*", [b"user:1", b"user:10"]),
    (b"user:[^1]", [b"user:2"]),
    (b"*:10", [b"user:10"]),
    (b"x\\*y", [b"x*y"]),
    (b"x*y", [b"x*y", b"x\\y"]),
    (b"x\\\\y", [b"x\\y"]),
    (b"\xff*", [b"\xff\x00"]),
    (b"A*", []),
    (b"none*", []),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_patterns_find_the_same_keys_by_keys_and_scan(
    r: Any, pattern: bytes, expected: list[bytes]
) -> None:
    fill(r, *NAMES)
    assert sorted(r.keys(pattern)) == sorted(expected)
    assert sorted(set(scan_all(r, "MATCH", pattern, "COUNT", 3))) == sorted(expected)


def test_patterns_reach_into_long_names(r: Any) -> None:
    long = b"p" * 2000
    fill(r, long, long + b"1", long + b"2", b"p" * 1023, b"p")
    assert sorted(r.keys(long + b"*")) == [long, long + b"1", long + b"2"]
    assert r.keys(long + b"1") == [long + b"1"]
    assert len(r.keys(b"p*")) == 5
    assert sorted(set(scan_all(r, "MATCH", long + b"*", "COUNT", 1))) == sorted(r.keys(long + b"*"))


def test_keys_of_several_megabytes_are_all_returned(r: Any) -> None:
    names = [b"%05d" % i + b"n" * 4000 for i in range(700)]
    for start in range(0, len(names), 100):
        fill(r, *names[start : start + 100])
    fill(r, b"other")
    assert sorted(r.keys("0*")) == names
    assert len(r.keys("*")) == 701


def test_expired_keys_are_not_found(r: Any) -> None:
    r.set("a", "v", pxat=1)
    r.set("b", "v")
    assert r.keys("*") == [b"b"]
    assert scan_all(r) == [b"b"]
    assert r.randomkey() == b"b"


def test_keys_of_other_databases_are_not_found(r: Any) -> None:
    fill(r, "here")
    r.execute_command("SWAPDB", 0, 2)
    assert r.keys("*") == []
    assert scan_all(r) == []
    assert r.randomkey() is None
    fill(r, "there")
    assert r.keys("*") == [b"there"]


# --- SCAN -----------------------------------------------------------------------------------------


def test_a_scan_finds_every_key(r: Any) -> None:
    names = [b"key:%d" % i for i in range(1000)]
    fill(r, *names)
    for count in (1, 7, 100, 5000):
        assert sorted(set(scan_all(r, "COUNT", count))) == sorted(names)


def test_a_scan_of_an_empty_database_ends_at_once(r: Any) -> None:
    assert scan(r, 0) == (0, [])


def test_a_scan_finds_what_is_there_throughout(r: Any) -> None:
    kept = [b"kept:%d" % i for i in range(200)]
    fill(r, *kept, *[b"gone:%d" % i for i in range(200)])
    found, cursor = set(), 0
    for turn in range(10_000):
        cursor, keys = scan(r, cursor, "COUNT", 5)
        found.update(keys)
        if cursor == 0:
            break
        r.delete(b"gone:%d" % turn)
        fill(r, b"new:%d" % turn)
    assert cursor == 0
    assert found >= set(kept)


def test_a_scan_can_be_limited_to_a_type(r: Any) -> None:
    fill(r, "a", "b")
    assert sorted(set(scan_all(r, "TYPE", "string"))) == [b"a", b"b"]
    assert sorted(set(scan_all(r, "TYPE", "STRING", "MATCH", "a"))) == [b"a"]
    assert scan_all(r, "TYPE", "hash") == []
    assert scan_all(r, "TYPE", "nonsense") == []


def test_a_cursor_can_be_used_again(r: Any) -> None:
    fill(r, *[b"key:%d" % i for i in range(100)])
    cursor, _ = scan(r, 0, "COUNT", 10)
    assert cursor != 0
    assert scan(r, cursor, "COUNT", 10)[1] == scan(r, cursor, "COUNT", 10)[1]


@pytest.mark.parametrize("cursor", ["17", " 0", "00", "18446744073709551615"])
def test_a_cursor_nobody_gave_out_is_accepted(r: Any, cursor: str) -> None:
    fill(r, "a")
    assert scan(r, cursor)[0] == 0


@pytest.mark.parametrize("cursor", ["x", "", "-1", "1x", "18446744073709551616", "1.5"])
def test_what_is_no_cursor_is_refused(r: Any, cursor: str) -> None:
    assert error(r, "SCAN", cursor) == "invalid cursor"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("COUNT", 0), SYNTAX),
        (("COUNT", -5), SYNTAX),
        (("COUNT", "x"), NOT_AN_INTEGER),
        (("COUNT",), SYNTAX),
        (("MATCH",), SYNTAX),
        (("TYPE",), SYNTAX),
        (("FOO", 1), SYNTAX),
        (("NOVALUES",), "NOVALUES option can only be used in HSCAN"),
    ],
)
def test_scan_refuses_bad_options(r: Any, options: tuple[Any, ...], text: str) -> None:
    assert error(r, "SCAN", 0, *options) == text


# --- RANDOMKEY ------------------------------------------------------------------------------------


def test_randomkey_of_an_empty_database_is_null(r: Any) -> None:
    assert r.randomkey() is None


def test_randomkey_returns_each_key_sometimes(r: Any) -> None:
    names = {b"a", b"b", b"c"}
    fill(r, *names)
    assert {r.randomkey() for _ in range(300)} == names


@pytest.mark.parametrize("call", ["KEYS", "KEYS a b", "RANDOMKEY x", "SCAN"])
def test_wrong_numbers_of_arguments_are_refused(r: Any, call: str) -> None:
    assert error(r, *call.split()) == arity_error(call.split()[0].lower())
