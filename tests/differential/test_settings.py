"""CONFIG GET and SET answer as Redis 8.0 does, for each setting that both have, except for those
that are listed in known_differences.py; and those do differ.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.known_differences import HELP_TEXTS, OWN_SETTINGS, SETTINGS
from tests.support import servers, trixie
from tests.support.resp import RawClient, Reply, plain
from tests.support.servers import DbxServer

VALUES = (
    "", "abc", "-1", "0", "1", "-5", "10", "64", "512", "1000", "1024", "70000", "2147483648",
    "100000000", "9223372036854775807", "9223372036854775808", "99999999999999999999", "1kb", "2mb",
    "1.5", " 1", "yes", "no", "YES", "always", "warning", "allkeys-lru", "KEA", "900 1",
    "normal 1 2 3",
)  # fmt: skip

# With these the test would lock itself out, or wait; their rules are in tests/server.
NOT_SET = {"requirepass", "timeout", "maxclients", "client-output-buffer-limit"}
# Values that say where and how the server was started.
OF_THE_MACHINE = {"dir", "port", "bind", "dbfilename"}

Pair = tuple[RawClient, RawClient]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Servers of the module's own: it changes their settings."""
    try:
        real = servers.redis8()
    except trixie.Unavailable as why:
        pytest.skip(str(why))
    ours = DbxServer()
    try:
        with real.start().raw() as there, ours.start().raw() as here:
            yield there, here
    finally:
        real.close()
        ours.close()


def settings(client: RawClient) -> dict[str, str]:
    items = [item.decode() for item in plain(client.call("CONFIG", "GET", "*"))]
    return dict(zip(items[::2], items[1::2], strict=True))


def answers(client: RawClient, name: str, value: str) -> tuple[Reply, object]:
    reply = client.call("CONFIG", "SET", name, value)
    shown = None if name in OF_THE_MACHINE else plain(client.call("CONFIG", "GET", name))
    return reply, shown


def values_for(name: str) -> tuple[str, ...]:
    if name in NOT_SET:
        return ()
    if name == "port":  # a number that is no port, and one that is free
        return ("70000", "abc", "-1", "", str(servers.free_port()))
    return ("127.0.0.1",) if name == "bind" else VALUES


def differs(pair: Pair, name: str) -> list[str]:
    """differs describes what is not the same, and leaves the setting as it was."""
    before = [settings(client)[name] for client in pair]
    found = []
    if name not in OF_THE_MACHINE and before[0] != before[1]:
        found.append(f"{name} is {before[0]!r} in Redis and {before[1]!r} in DBX")
    for value in values_for(name):
        there, here = (answers(client, name, value) for client in pair)
        if there != here:
            found.append(f"CONFIG SET {name} {value!r}: Redis {there}, DBX {here}")
    if name not in OF_THE_MACHINE:
        for client, value in zip(pair, before, strict=True):
            client.call("CONFIG", "SET", name, value)
    return found


def test_a_port_that_is_none_is_refused_in_redis_s_words(pair: Pair) -> None:
    for value in ("70000", "-1", "abc", ""):
        there, here = (answers(client, "port", value) for client in pair)
        assert here == there


def test_settings_differ_from_redis_where_it_is_listed_and_nowhere_else(pair: Pair) -> None:
    real, ours = (settings(client) for client in pair)
    assert ours.keys() - real.keys() == OWN_SETTINGS.keys()
    found = {name: differs(pair, name) for name in sorted(ours.keys() & real.keys())}
    found = {name: differences for name, differences in found.items() if differences}
    unlisted = [line for name in found.keys() - SETTINGS.keys() for line in found[name]]
    assert not unlisted, "\n".join(unlisted)
    assert found.keys() == SETTINGS.keys()


@pytest.mark.parametrize(
    "patterns",
    [
        "MAXCLIENTS", "MaxMemory maxmemory", "maxmemory MaxMemory", "MAXMEM* MaxMemory-Policy",
        "MaxMemory-Policy maxmemory*", "hash-max-ziplist-entries Hash-Max-Listpack-Entries",
        "SLAVEOF ReplicaOf", "nosuch", "hash-max-*-value", "[", "\\timeout",
    ],
)  # fmt: skip
def test_get_names_a_setting_as_it_was_asked_for(pair: Pair, patterns: str) -> None:
    def ask(client: RawClient) -> list[tuple[bytes, bytes]]:
        items = plain(client.call("CONFIG", "GET", *patterns.split()))
        found = zip(items[::2], items[1::2], strict=True)
        return sorted(pair for pair in found if not pair[0].startswith(b"maxmemory-"))

    real, ours = map(ask, pair)
    assert ours == real


@pytest.mark.parametrize(
    "pairs",
    [
        "hash-max-ziplist-entries 1 hash-max-listpack-entries 2",
        "hash-max-listpack-entries 2 hash-max-ziplist-entries 1",
        "timeout 1 timeout 2", "timeout 1 TIMEOUT 2", "lua-time-limit 5 Lua-Time-Limit 6",
        "hz 20 hz", "hz 20 nosuch 1", "hz 20 databases 3", "hz 20 dir /", "hz 20 hz abc",
        "hz 20 list-compress-depth abc", "maxclients 100000000", "hz 20 maxclients 100000000",
        "maxclients 0", "maxclients abc", "timeout -1", "timeout 1k", "requirepass",
        "client-output-buffer-limit normal", "databases abc", "databases 16",
    ],
)  # fmt: skip
def test_what_is_set_together_is_set_or_refused_as_by_redis(pair: Pair, pairs: str) -> None:
    asked = ("hash-max-*-entries", "hz", "timeout", "maxclients", "lua-time-limit")
    real, ours = (
        (
            client.call("CONFIG", "SET", *pairs.split()),
            sorted(plain(client.call("CONFIG", "GET", *asked))),
        )
        for client in pair
    )
    assert ours == real


def test_help_texts_differ_from_redis_where_it_is_listed_and_nowhere_else(pair: Pair) -> None:
    differ = set()
    for name in ("CLIENT", "COMMAND", "CONFIG", "OBJECT"):
        there, here = (client.call(name, "HELP") for client in pair)
        assert there[0] == here[0] == "array"
        if there != here:
            differ.add(name)
    assert differ == HELP_TEXTS.keys()
