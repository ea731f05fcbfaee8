"""COMMAND: it tells of commands what Redis 8.0 tells of them, and where their keys stand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.commands.expect import SYNTAX, arity_error, error
from tests.support.resp import Reply
from tests.support.servers import DbxServer, RedisServer

# What COMMAND INFO or COMMAND DOCS rightly says otherwise than Redis: {(command, field)}.
KNOWN_DIFFERENCES: set[tuple[str, str]] = set()

# Which Redis does not have.
OUR_COMMANDS = {"autovacuum", "keyinfo", "vacuum"}

# Texts of ours: only which versions a history names is compared.
OUR_TEXTS = ("summary", "complexity", "notes")


def names(replies: Any) -> list[str]:
    """names decodes what redis-py, by command and protocol, gives as bytes or as str."""
    return [name.decode() if isinstance(name, bytes) else name for name in replies]


# --- The same as Redis ----------------------------------------------------------------------------


def unordered(reply: Reply) -> Any:
    """unordered makes replies comparable: what RESP3 calls a set has no order."""
    tag, value = reply
    if tag == "set":
        return tag, sorted((unordered(item) for item in value), key=repr)
    if tag == "map":
        return tag, {key: unordered(item) for key, item in value}
    if tag == "array":
        return tag, [unordered(item) for item in value]
    return reply


def info_of(reply: Reply) -> dict[str, dict[str, Any]]:
    """info_of splits an element of COMMAND INFO, and its subcommands', into fields by name."""
    fields = ["name", "arity", "flags", "first", "last", "step", "acl", "tips", "keys", "subs"]
    assert reply[0] == "array"
    row = dict(zip(fields, reply[1], strict=True))
    name = row["name"][1].decode()
    rows = {name: {f: unordered(v) for f, v in row.items() if f != "subs"}}
    rows[name]["subs"] = row["subs"][0]
    for sub in row["subs"][1]:
        rows.update(info_of(sub))
    return rows


def docs_of(name: str, reply: Reply) -> dict[str, dict[str, Any]]:
    """docs_of splits a value of COMMAND DOCS, and those of its subcommands, into fields by name."""
    fields = {key[1].decode(): value for key, value in reply[1]}
    rows: dict[str, dict[str, Any]] = {}
    for key, value in fields.pop("subcommands", ("map", ()))[1]:
        rows.update(docs_of(key[1].decode(), value))
    if "history" in fields:
        fields["history"] = ("set", tuple(entry[1][0] for entry in fields["history"][1]))
    rows[name] = {f: unordered(v) for f, v in fields.items() if f not in OUR_TEXTS}
    return rows


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    found = []
    for name, row in ours.items():
        for field in sorted(row.keys() | theirs[name].keys()):
            got, want = row.get(field), theirs[name].get(field)
            if got != want and (name, field) not in KNOWN_DIFFERENCES:
                found.append(f"{name} {field}: {got!r}, Redis: {want!r}")
    return found


@pytest.fixture(scope="module")
def commands(dbx_server: DbxServer) -> list[str]:
    with dbx_server.raw() as client:
        rows = client.value("COMMAND")
    return sorted({row[1][0][1].decode() for row in rows} - OUR_COMMANDS)


def test_command_info_says_what_redis_says(
    dbx_server: DbxServer, redis8: RedisServer, commands: list[str]
) -> None:
    with dbx_server.raw(3) as ours, redis8.raw(3) as theirs:
        for name in commands:
            got = info_of(ours.value("COMMAND", "INFO", name)[0])
            want = info_of(theirs.value("COMMAND", "INFO", name)[0])
            assert differences(got, want) == []


def test_command_docs_say_what_redis_says(
    dbx_server: DbxServer, redis8: RedisServer, commands: list[str]
) -> None:
    with dbx_server.raw(3) as ours, redis8.raw(3) as theirs:
        for name in commands:
            ((_, got),) = ours.value("COMMAND", "DOCS", name)
            ((_, want),) = theirs.value("COMMAND", "DOCS", name)
            assert differences(docs_of(name, got), docs_of(name, want)) == []


def test_resp2_replies_flatten_what_resp3_nests(dbx_server: DbxServer, redis8: RedisServer) -> None:
    def shape(reply: Reply) -> Any:
        tag, value = reply
        return (tag, len(value)) if tag == "array" else tag

    for call in (("COMMAND", "INFO", "set", "none"), ("COMMAND", "DOCS", "set", "object")):
        with dbx_server.raw(2) as ours, redis8.raw(2) as theirs:
            got, want = ours.call(*call), theirs.call(*call)
        assert shape(got) == shape(want)
        assert [shape(item) for item in got[1]] == [shape(item) for item in want[1]]


# --- The list -------------------------------------------------------------------------------------


def test_command_count_is_the_number_of_commands(r: Any) -> None:
    assert r.execute_command("COMMAND COUNT") == len(r.execute_command("COMMAND"))


def test_command_list_names_commands_and_subcommands(r: Any) -> None:
    listed = names(r.execute_command("COMMAND LIST"))
    assert len(listed) == len(set(listed))
    assert {"get", "set", "object", "object|encoding", "command|docs"} <= set(listed)


def test_command_list_can_be_filtered(r: Any) -> None:
    def listed(*words: str) -> list[str]:
        return sorted(names(r.execute_command("COMMAND LIST", "FILTERBY", *words)))

    assert listed("PATTERN", "OBJ*FR*") == ["object|freq"]
    assert listed("pattern", "get") == ["get"]
    assert {"get", "set", "lcs"} <= set(listed("ACLCAT", "String"))
    assert "del" not in listed("ACLCAT", "string")
    assert listed("ACLCAT", "none") == []
    assert listed("MODULE", "none") == []


def test_command_list_refuses_other_filters(r: Any) -> None:
    for words in (("x",), ("FILTERBY",), ("FILTERBY", "FOO", "x"), ("FILTERBY", "PATTERN"),
                  ("FILTERBY", "PATTERN", "a", "b")):  # fmt: skip
        assert error(r, "COMMAND", "LIST", *words) == SYNTAX


def test_what_is_no_command_has_no_info_and_no_docs(dbx_server: DbxServer) -> None:
    with dbx_server.raw(3) as client:
        assert client.call("COMMAND", "INFO", "none", "object|none") == (
            "array",
            (("null", None), ("null", None)),
        )
        assert client.call("COMMAND", "DOCS", "none") == ("map", ())


def test_info_and_docs_of_a_subcommand_are_found_by_its_full_name(dbx_server: DbxServer) -> None:
    with dbx_server.raw(3) as client:
        (row,) = client.value("COMMAND", "INFO", "OBJECT|freq")
        assert row[1][0] == ("bulk", b"object|freq")
        ((name, _),) = client.value("COMMAND", "DOCS", "object|FREQ")
        assert name == ("bulk", b"object|freq")


def test_command_help_describes_the_subcommands(r: Any) -> None:
    lines = names(r.execute_command("COMMAND HELP"))
    assert lines[0] == "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert lines[-2:] == ["HELP", "    Print this help."]


# --- Keys of a call -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "keys"),
    [
        ("GET a", ["a"]),
        ("get a", ["a"]),
        ("MSET a 1 b 2", ["a", "b"]),
        ("DEL a b c", ["a", "b", "c"]),
        ("COPY a b DB 1", ["a", "b"]),
        ("LCS a b LEN", ["a", "b"]),
        ("OBJECT ENCODING a", ["a"]),
        ("SET k v GET", ["k"]),
    ],
)
def test_getkeys_finds_the_keys(r: Any, call: str, keys: list[str]) -> None:
    assert names(r.execute_command("COMMAND GETKEYS", *call.split())) == keys


@pytest.mark.parametrize(
    ("call", "flags"),
    [
        ("GET a", {b"RO", b"access"}),
        ("SET a v", {b"OW", b"update"}),
        ("SET a v GET", {b"RW", b"access", b"update"}),
        ("SET a v EX get", {b"RW", b"access", b"update"}),
        ("DEL a", {b"RM", b"delete"}),
        ("INCR a", {b"RW", b"access", b"update"}),
    ],
)
def test_getkeysandflags_says_what_is_done_with_them(r: Any, call: str, flags: set[bytes]) -> None:
    ((key, found),) = r.execute_command("COMMAND GETKEYSANDFLAGS", *call.split())
    assert (key, set(found)) == (b"a", flags)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("none", "Invalid command specified"),
        ("object none", "Invalid command specified"),
        ("ping", "The command has no key arguments"),
        ("object", "The command has no key arguments"),
        ("get", "Invalid number of arguments specified for command"),
        ("get a b", "Invalid number of arguments specified for command"),
    ],
)
@pytest.mark.parametrize("subcommand", ["GETKEYS", "GETKEYSANDFLAGS"])
def test_getkeys_refuses_what_has_no_keys(r: Any, subcommand: str, call: str, text: str) -> None:
    assert error(r, "COMMAND", subcommand, *call.split()) == text


def test_unknown_subcommands_are_refused(r: Any) -> None:
    assert error(r, "COMMAND", "FOO") == "unknown subcommand 'FOO'. Try COMMAND HELP."


@pytest.mark.parametrize("call", ["COUNT x", "GETKEYS", "GETKEYSANDFLAGS", "HELP x"])
def test_wrong_numbers_of_arguments_are_refused(r: Any, call: str) -> None:
    assert error(r, "COMMAND", *call.split()) == arity_error(f"command|{call.split()[0].lower()}")
