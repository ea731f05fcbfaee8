"""COMMAND INFO, DOCS and GETKEYS describe every command that DBX has exactly as Redis 8.0 does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential.known_differences import OWN_COMMANDS, OWN_WORDS, TABLE_FIELDS
from tests.support.resp import plain
from tests.support.servers import DbxServer, RedisServer

INFO_FIELDS = (
    "name", "arity", "flags", "first key", "last key", "step", "categories", "tips", "key specs",
    "subcommands",
)  # fmt: skip
GETKEYS = (
    "GET k", "SET k v EX 10", "MSET a 1 b 2", "MGET a b c", "DEL a b", "RENAME a b",
    "COPY a b DB 1",
    "OBJECT ENCODING k", "LCS a b", "EXISTS a", "TOUCH a b", "GETRANGE k 0 1", "UNLINK a",
    "MOVE a 1",
    "PING", "GET", "NOSUCH a", "SCAN 0", "CLIENT ID", "OBJECT", "SELECT 1", "KEYS *",
    "COMMAND COUNT",
)  # fmt: skip


def sorted_sets(thing: Any) -> Any:
    """Flags, categories and the like are sets: their order means nothing."""
    if isinstance(thing, dict):
        return {key: sorted_sets(value) for key, value in thing.items()}
    if isinstance(thing, list):
        items = [sorted_sets(item) for item in thing]
        return sorted(items, key=repr) if all(isinstance(i, bytes) for i in items) else items
    return thing


def names(server: DbxServer) -> list[bytes]:
    with server.raw(3) as client:
        return sorted(plain(client.call("COMMAND", "LIST")))


def both(ours: DbxServer, real: RedisServer, *command: bytes | str) -> tuple[Any, Any]:
    replies = []
    for server in (real, ours):
        with server.raw(3) as client:
            replies.append(sorted_sets(plain(client.call(*command))))
    return replies[0], replies[1]


def flatten(info: list[Any]) -> dict[bytes, dict[str, Any]]:
    """flatten lists a command and its subcommands by full name."""
    row = dict(zip(INFO_FIELDS, info, strict=True))
    found = {row["name"]: row}
    for sub in row.pop("subcommands"):
        found |= flatten(sub)
    return found


def test_command_info_of_every_command_is_that_of_redis(
    dbx_server: DbxServer, redis8: RedisServer
) -> None:
    wrong = []
    for name in names(dbx_server):
        if b"|" in name or name in OWN_COMMANDS:
            continue
        (real,), (ours,) = both(dbx_server, redis8, "COMMAND", "INFO", name)
        assert real is not None, f"Redis has no {name!r}"
        there = flatten(real)
        for full, row in flatten(ours).items():
            if full in OWN_COMMANDS:
                continue
            for field, value in row.items():
                expected = there[full][field]
                if value != expected and (full, field) not in TABLE_FIELDS:
                    wrong.append(f"{full.decode()} {field}: Redis {expected}, DBX {value}")
    assert not wrong, "\n".join(wrong)


def test_command_docs_of_every_command_are_those_of_redis(
    dbx_server: DbxServer, redis8: RedisServer
) -> None:
    wrong: list[str] = []

    def compare(name: bytes, real: dict[bytes, Any], ours: dict[bytes, Any]) -> None:
        assert ours.keys() >= OWN_WORDS & real.keys(), name
        for field in (real.keys() | ours.keys()) - OWN_WORDS:
            there, here = real.get(field), ours.get(field)
            if field == b"subcommands":
                for sub, docs in ours[field].items():
                    if sub not in OWN_COMMANDS:
                        compare(sub, real[field][sub], docs)
                continue
            if field == b"history":
                there, here = ([version for version, _ in h or ()] for h in (there, here))
            if there != here and (name, field.decode()) not in TABLE_FIELDS:
                where = f"{name.decode()} {field.decode()}"
                wrong.append(f"{where}:\n    Redis {there}\n    DBX   {here}")

    for name in names(dbx_server):
        if b"|" not in name and name not in OWN_COMMANDS:
            real, ours = both(dbx_server, redis8, "COMMAND", "DOCS", name)
            compare(name, real[name], ours[name])
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("command", GETKEYS)
def test_command_getkeys_answers_as_redis(
    dbx_server: DbxServer, redis8: RedisServer, command: str
) -> None:
    replies = []
    for server in (redis8, dbx_server):
        with server.raw() as client:
            replies.append(client.call("COMMAND", "GETKEYS", *command.split()))
    assert replies[1] == replies[0]


def test_command_count_counts_the_table(dbx_server: DbxServer) -> None:
    with dbx_server.raw(3) as client:
        top = [name for name in names(dbx_server) if b"|" not in name]
        assert client.value("COMMAND", "COUNT") == len(top) == len(client.value("COMMAND"))
