"""Keys of any type: deleting, counting, renaming, moving, copying, and what OBJECT tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import NOT_AN_INTEGER, SYNTAX, arity_error, error
from tests.commands.test_string import FAR, encoding

pytestmark = pytest.mark.tiny_buffer

OUT_OF_RANGE = "DB index is out of range"
NOT_AN_INT = "value is out of range, value must between -2147483648 and 2147483647"
SAME = "source and destination objects are the same"


def in_db(r: Any, db: int, *args: Any) -> Any:
    """in_db executes a command in another database, by exchanging it with database 0 meanwhile.

    SELECT would only do for clients that have a single connection.
    """
    r.execute_command("SWAPDB", 0, db)
    try:
        return r.execute_command(*args)
    finally:
        r.execute_command("SWAPDB", 0, db)


# --- DEL, UNLINK, EXISTS, TOUCH, TYPE -------------------------------------------------------------


@pytest.mark.parametrize("command", ["DEL", "UNLINK"])
def test_deleting_counts_the_keys_that_were_there(r: Any, command: str) -> None:
    r.mset({"a": 1, "b": 2, "c": 3})
    assert r.execute_command(command, "a", "none", "b", "a") == 2
    assert r.mget("a", "b", "c") == [None, None, b"3"]
    assert r.execute_command(command, "none") == 0
    assert r.dbsize() == 1


def test_many_keys_can_be_deleted_at_once(r: Any) -> None:
    names = [f"k{i}" for i in range(300)]
    r.mset(dict.fromkeys(names, "v"))
    assert r.delete(*names, "none") == 300
    assert r.dbsize() == 0


def test_a_deleted_long_value_is_not_seen_again(r: Any) -> None:
    r.set("k", b"a" * 200_000)
    r.delete("k")
    assert r.setrange("k", 150_000, "z") == 150_001
    assert r.get("k") == bytes(150_000) + b"z"


@pytest.mark.parametrize("command", ["EXISTS", "TOUCH"])
def test_existing_keys_are_counted_as_often_as_named(r: Any, command: str) -> None:
    r.mset({"a": 1, "b": 2})
    assert r.execute_command(command, "a", "none", "b", "a") == 3
    assert r.execute_command(command, "none") == 0


def test_type_names_the_type(r: Any) -> None:
    r.set("k", "v")
    assert r.type("k") == b"string"
    assert r.type("none") == b"none"


# --- RENAME ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"v", b"x" * 200_000])
def test_rename_moves_value_and_expiry_over_what_was_there(r: Any, value: bytes) -> None:
    r.set("a", value, exat=FAR)
    r.set("b", "old")
    assert r.rename("a", "b") is True
    assert r.get("b") == value
    assert r.expiretime("b") == FAR
    assert r.exists("a") == 0
    assert r.dbsize() == 1


def test_rename_removes_the_expiry_of_what_was_there(r: Any) -> None:
    r.set("a", "v")
    r.set("b", "old", ex=100)
    r.rename("a", "b")
    assert r.ttl("b") == -1


def test_rename_to_the_same_name_changes_nothing(r: Any) -> None:
    r.set("a", "v", exat=FAR)
    assert r.rename("a", "a") is True
    assert not r.renamenx("a", "a")
    assert r.get("a") == b"v"
    assert r.expiretime("a") == FAR


def test_renamenx_only_takes_free_names(r: Any) -> None:
    r.mset({"a": 1, "b": 2})
    assert not r.renamenx("a", "b")
    assert r.renamenx("a", "c")
    assert r.mget("a", "b", "c") == [None, b"2", b"1"]


def test_rename_of_no_key_is_an_error(r: Any) -> None:
    for call in (("RENAME", "none", "x"), ("RENAME", "none", "none"), ("RENAMENX", "none", "x")):
        assert error(r, *call) == "no such key"


# --- MOVE -----------------------------------------------------------------------------------------


def test_move_takes_a_key_to_another_database(r: Any) -> None:
    r.set("k", "v", exat=FAR)
    assert r.move("k", 3)
    assert r.exists("k") == 0
    assert in_db(r, 3, "GET", "k") == b"v"
    assert in_db(r, 3, "EXPIRETIME", "k") == FAR


def test_move_does_not_replace(r: Any) -> None:
    in_db(r, 3, "SET", "k", "there")
    r.set("k", "here")
    assert not r.move("k", 3)
    assert r.get("k") == b"here"
    assert in_db(r, 3, "GET", "k") == b"there"


def test_move_of_no_key_moves_nothing(r: Any) -> None:
    assert not r.move("none", 3)


def test_move_refuses_bad_databases(r: Any) -> None:
    assert error(r, "MOVE", "k", 0) == SAME
    assert error(r, "MOVE", "k", 99) == OUT_OF_RANGE
    assert error(r, "MOVE", "k", -1) == OUT_OF_RANGE
    assert error(r, "MOVE", "k", "x") == NOT_AN_INTEGER
    assert error(r, "MOVE", "k", 2**40) == NOT_AN_INT


# --- COPY -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"v", b"12", b"x" * 200_000])
def test_copy_copies_value_and_expiry(r: Any, value: bytes) -> None:
    r.set("a", value, exat=FAR)
    assert r.copy("a", "b")
    assert r.mget("a", "b") == [value, value]
    assert r.expiretime("b") == FAR
    r.append("b", "more")
    assert r.get("a") == value
    r.delete("a")
    assert r.get("b") == value + b"more"


def test_copy_replaces_only_when_asked(r: Any) -> None:
    r.set("a", "v")
    r.set("b", "old", ex=100)
    assert not r.copy("a", "b")
    assert r.get("b") == b"old"
    assert r.copy("a", "b", replace=True)
    assert r.get("b") == b"v"
    assert r.ttl("b") == -1


def test_copy_to_another_database(r: Any) -> None:
    r.set("k", "v")
    assert r.copy("k", "k", destination_db=4)
    assert in_db(r, 4, "GET", "k") == b"v"
    assert not r.execute_command("COPY", "k", "k", "db", 4)
    assert r.execute_command("COPY", "k", "k", "REPLACE", "DB", 4)


def test_copy_of_no_key_copies_nothing(r: Any) -> None:
    r.set("b", "old")
    assert not r.copy("none", "b", replace=True)
    assert r.get("b") == b"old"


def test_copy_keeps_the_encoding(r: Any) -> None:
    r.set("int", 12)
    r.append("raw", "1")
    r.append("raw", "2")
    r.incrbyfloat("text", 3)
    for key, expected in (("int", "int"), ("raw", "raw"), ("text", "embstr")):
        r.copy(key, key + "2")
        assert encoding(r, key + "2") == expected


def test_copy_refuses_bad_options(r: Any) -> None:
    assert error(r, "COPY", "a", "a") == SAME
    assert error(r, "COPY", "a", "b", "FOO") == SYNTAX
    assert error(r, "COPY", "a", "b", "DB") == SYNTAX
    assert error(r, "COPY", "a", "b", "DB", "x") == NOT_AN_INTEGER
    assert error(r, "COPY", "a", "b", "DB", 99) == OUT_OF_RANGE
    assert error(r, "COPY", "a", "b", "DB", -1) == OUT_OF_RANGE
    assert error(r, "COPY", "a", "b", "DB", 2**40) == NOT_AN_INT


# --- OBJECT ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("subcommand", ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"])
def test_object_of_no_key_is_null(r: Any, subcommand: str) -> None:
    assert r.execute_command("OBJECT", subcommand, "none") is None


def test_object_encoding_follows_what_was_done_to_the_value(r: Any) -> None:
    r.set("k", 12)
    assert encoding(r, "k") == "int"
    r.incrbyfloat("k", 1.5)
    assert encoding(r, "k") == "embstr"
    r.append("k", "x")
    assert encoding(r, "k") == "raw"
    r.rename("k", "k2")
    assert encoding(r, "k2") == "raw"


def test_object_freq_asks_for_another_policy(r: Any) -> None:
    r.set("k", "v")
    assert error(r, "OBJECT", "FREQ", "k").startswith("An LFU maxmemory policy is not selected")


def test_object_idletime_of_a_new_key_is_nothing(r: Any) -> None:
    r.set("k", "v")
    assert r.object("idletime", "k") in (0, 1)


def test_object_refcount_shows_shared_integers(r: Any) -> None:
    r.mset({"a": 9999, "b": 10000, "c": -1, "d": "x", "e": 0})
    counts = [r.execute_command("OBJECT", "REFCOUNT", key) for key in "abcde"]
    assert counts == [2**31 - 1, 1, 1, 1, 2**31 - 1]


def test_object_help_describes_the_subcommands(r: Any) -> None:
    lines = [line.decode() for line in r.execute_command("OBJECT", "HELP")]
    assert lines[0] == "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert lines[-2:] == ["HELP", "    Print this help."]
    assert "ENCODING <key>" in lines


def test_unknown_subcommands_are_refused(r: Any) -> None:
    assert error(r, "OBJECT", "FOO", "k") == "unknown subcommand 'FOO'. Try OBJECT HELP."


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("DEL", "del"), ("UNLINK", "unlink"), ("EXISTS", "exists"), ("TOUCH", "touch"),
        ("TYPE", "type"), ("TYPE a b", "type"), ("RENAME a", "rename"), ("RENAMENX a", "renamenx"),
        ("MOVE a", "move"), ("COPY a", "copy"), ("OBJECT", "object"),
        ("OBJECT ENCODING", "object|encoding"), ("OBJECT HELP x", "object|help"),
    ],
)  # fmt: skip
def test_wrong_numbers_of_arguments_are_refused(r: Any, call: str, name: str) -> None:
    assert error(r, *call.split()) == arity_error(name)
