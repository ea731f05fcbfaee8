"""CONFIG: settings are read by pattern and changed all together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dbx
from tests.support.resp import RawClient, plain
from tests.support.servers import DbxServer, store_info

Start = Callable[..., DbxServer]
MB = 1 << 20

# redis-benchmark, redis_exporter, RedisInsight, redis-py and BullMQ ask for these.
READ_BY_TOOLS = """
bind port unixsocket unixsocketperm timeout tcp-keepalive tcp-backlog databases save appendonly
appendfsync maxmemory maxmemory-policy maxclients requirepass proto-max-bulk-len
client-query-buffer-limit client-output-buffer-limit lua-time-limit busy-reply-threshold
slowlog-log-slower-than slowlog-max-len latency-monitor-threshold notify-keyspace-events hz dir
dbfilename loglevel logfile io-threads protected-mode hash-max-listpack-entries
hash-max-ziplist-entries list-max-listpack-size set-max-intset-entries zset-max-listpack-value
write-buffer-size journal-freeze-size journal-keep-size checkpoint-after write-buffer-age
"""

FAILED = "ERR CONFIG SET failed (possibly related to argument '{}') - {}"


@pytest.fixture
def client(dbx_process: Start) -> Iterator[RawClient]:
    with dbx_process().raw() as connection:
        yield connection


def get(client: RawClient, *patterns: str) -> dict[str, str]:
    items = [item.decode() for item in plain(client.call("CONFIG", "GET", *patterns))]
    return dict(zip(items[::2], items[1::2], strict=True))


def test_settings_that_tools_read_are_there(client: RawClient) -> None:
    assert set(READ_BY_TOOLS.split()) <= set(get(client, "*"))


def test_get_takes_several_patterns_and_names_each_once(client: RawClient) -> None:
    assert get(client, "TIMEO*", "maxclients", "time?ut", "nosuch") == {
        "timeout": "0",
        "maxclients": get(client, "maxclients")["maxclients"],
    }
    assert get(client, "nosuch") == {}
    assert get(client, "hash-max-ziplist-entries") == {"hash-max-ziplist-entries": "512"}


def test_get_is_a_map_in_resp3(client: RawClient) -> None:
    client.call("HELLO", "3")
    assert client.call("CONFIG", "GET", "databases") == (
        "map",
        ((("bulk", b"databases"), ("bulk", b"16")),),
    )


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("timeout", "100", "100"),
        ("TIMEOUT", "0", "0"),
        ("client-query-buffer-limit", "2mb", "2097152"),
        ("proto-max-bulk-len", "1G", "1000000000"),
        ("appendfsync", "ALWAYS", "always"),
        ("appendfsync", "no", "no"),
        ("lazyfree-lazy-expire", "YES", "yes"),
        ("loglevel", "warning", "warning"),
        ("slowlog-log-slower-than", "-1", "-1"),
        ("hz", "1000", "500"),
        ("hz", "0", "1"),
        ("lua-time-limit", "77", "77"),
        ("save", "", ""),
        ("appendonly", "yes", "yes"),
        ("maxmemory", "0", "0"),
        (
            "client-output-buffer-limit",
            "normal 1mb 0 5",
            "normal 1048576 0 5 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
    ],
)
def test_set_is_seen_by_get(client: RawClient, name: str, given: str, shown: str) -> None:
    assert client.call("CONFIG", "SET", name, given) == ("status", b"OK")
    assert get(client, name) == {name: shown}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("maxmemory", "abc", "argument must be a memory value"),
        ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
        ("timeout", "1k", "argument couldn't be parsed into an integer"),
        ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
        ("databases", "3", "can't set immutable config"),
        ("port", "1", "can't set immutable config"),
        ("port", "70000", "argument must be between 0 and 65535 inclusive"),
        ("io-threads", "1", "can't set immutable config"),
        ("dir", "/", "can't set protected config"),
        ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
        ("appendfsync", "x", "argument(s) must be one of the following: everysec, always, no"),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        ("appendonly", "no", "the journal is always on"),
        ("maxmemory", "1gb", "the data set lives on disk, not in memory"),
    ],
)
def test_set_errors_say_why_and_change_nothing(
    client: RawClient, name: str, value: str, why: str
) -> None:
    before = get(client, "*")
    assert client.call("CONFIG", "SET", name, value) == ("error", FAILED.format(name, why).encode())
    assert get(client, "*") == before


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        (["timeout", "5", "nosuch", "1"],
         "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        (["timeout", "5", "timeout", "6"], FAILED.format("timeout", "duplicate parameter")),
        (["timeout", "5", "hz"], "ERR syntax error"),
        (["timeout", "5", "requirepass", "x", "maxclients", "x"],
         FAILED.format("maxclients", "argument couldn't be parsed into an integer")),
    ],
)  # fmt: skip
def test_several_pairs_are_set_together_or_not_at_all(
    client: RawClient, pairs: list[str], error: str
) -> None:
    before = get(client, "*")
    assert client.call("CONFIG", "SET", *pairs) == ("error", error.encode())
    assert get(client, "*") == before
    assert client.call("CONFIG", "SET", "timeout", "5", "maxclients", "77") == ("status", b"OK")
    assert get(client, "timeout", "maxclients") == {"timeout": "5", "maxclients": "77"}


def test_rewrite_is_refused(client: RawClient) -> None:
    assert client.call("CONFIG", "REWRITE") == (
        "error",
        b"ERR The server is running without a config file",
    )


def test_start_settings_are_those_given(dbx_process: Start) -> None:
    server = dbx_process(settings={"databases": 4, "timeout": 9})
    with server.raw() as client:
        assert get(client, "databases", "timeout", "port") == {
            "databases": "4",
            "timeout": "9",
            "port": str(server.port),
        }
        assert client.call("SELECT", "3") == ("status", b"OK")
        assert client.call("SELECT", "4") == ("error", b"ERR DB index is out of range")


STORE_BOUNDS = ("write-buffer-size", "journal-freeze-size", "checkpoint-after", "write-buffer-age")


def bounds(client: RawClient) -> list[int]:
    found = get(client, *STORE_BOUNDS)
    return [int(found[name]) for name in STORE_BOUNDS]


def test_what_is_left_to_the_store_is_shown_as_it_is_in_force(client: RawClient) -> None:
    buffer_bytes, journal_bytes, checkpoint_us, age_ms = bounds(client)
    assert buffer_bytes == store_info(client)["buffer_bytes_max"] >= 16 * MB
    assert journal_bytes >= min(buffer_bytes, 24 * MB)
    assert (checkpoint_us, age_ms) == (200_000, 3_600_000)


def test_what_is_asked_for_of_the_store_is_shown(dbx_process: Start) -> None:
    asked = [17 * MB, 30 * MB, 1000, 5000]
    server = dbx_process(settings=dict(zip(STORE_BOUNDS, asked, strict=True)))
    with server.raw() as client:
        assert bounds(client) == asked


def test_a_program_s_own_database_shows_them_as_well(tmp_path: Path) -> None:
    with dbx.open(tmp_path / "db") as db:
        found = db.config_get("write-buffer-size")
        assert found == {"write-buffer-size": str(db.info("store")["buffer_bytes_max"])}
    with dbx.open(tmp_path / "db", write_buffer="20mb") as db:
        assert db.config_get("write-buffer-size") == {"write-buffer-size": str(20 * MB)}


def test_maxclients_beyond_what_the_system_can_is_refused(client: RawClient) -> None:
    before = get(client, "maxclients")
    tag, text = client.call("CONFIG", "SET", "maxclients", "4000000000")
    start = FAILED.format("maxclients", "The operating system is not able to handle the specified")
    assert tag == "error"
    assert text.startswith(start.encode())
    limit = text.decode().rpartition("try with ")[2]
    assert get(client, "maxclients") == before
    assert client.call("CONFIG", "SET", "maxclients", limit) == ("status", b"OK")
    assert get(client, "maxclients") == {"maxclients": limit}
    assert client.call("CONFIG", "SET", "maxclients", str(int(limit) + 1))[0] == "error"


def test_config_help_lists_the_subcommands(client: RawClient) -> None:
    lines = plain(client.call("CONFIG", "HELP"))
    assert lines[0].startswith(b"CONFIG <subcommand>")
    assert b"HELP" in lines
